"""Contents of files as models give them: text, bytes, or a package that is made here, the same bytes in every run.

A simulated Windows Installer package is the signature of an OLE file with JSON behind it. The file system of a Linux is
a real tar archive, and a disk that holds one is the signature of a VHDX with such an archive behind it.
"""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import uuid
import zipfile
from collections.abc import Mapping
from typing import Any

from ..windows.docker import archives

OLE = bytes.fromhex("D0CF11E0A1B11AE1")  # MS-CFB 2.2
VHDX = b"vhdxfile"  # MS-VHDX 2.2.1
# A VHD has its signature at its end, and a dynamic one also at its beginning (VHD Image Format Specification).
SIGNATURES = {"vhdx": VHDX, "vhd": b"conectix"}
WINDOWS_DISC = b"simulated installation disc\0"
WSL_NAME, WSL_VERSION = "Windows Subsystem for Linux", "2.7.14.0"
WSL_UPGRADE_CODE = "{6D5B792B-1EDC-4DE9-8EAD-201B820F8E82}"  # microsoft/WSL, package.wix.in
_OS_RELEASE = 'NAME="Ubuntu"\nVERSION_ID="24.04"\nID=ubuntu\nPRETTY_NAME="Ubuntu 24.04.4 LTS"\n'
_ROOT = "root:x:0:0:root:/root:/bin/bash\n"


def octets(given: Any) -> bytes:
    """Of a model's `content`: text, bytes, or one of MAKERS, such as {msi: …}, with the keys of its function."""
    if isinstance(given, bytes):
        return given
    if not isinstance(given, Mapping):
        return str(given).encode()
    ((kind, keys),) = given.items()
    if kind not in MAKERS:
        raise ValueError(f"content: {kind} is not one of {', '.join(MAKERS)}")
    return MAKERS[kind](**(keys or {}))


def msi(
    version: str = WSL_VERSION,
    product: str = WSL_NAME,
    *,
    code: str = "",
    upgrade_code: str = WSL_UPGRADE_CODE,
    platform: str = "x64",
    publisher: str = "Microsoft Corporation",
    **components: str,
) -> bytes:
    """A package for msiexec.exe; `components` of WSL's are kernel, wslg, msrdc, direct3d and dxcore."""
    package = {
        "product": product,
        "version": version,
        "code": code or f"{{{uuid.uuid5(uuid.NAMESPACE_OID, f'{product} {version}')}}}".upper(),
        "upgrade_code": upgrade_code.upper(),
        "platform": platform,
        "publisher": publisher,
        **components,
    }
    return OLE + json.dumps(package, sort_keys=True).encode()


def read_msi(content: bytes) -> dict[str, str] | None:
    """The package in a file; None if it is none."""
    if not content.startswith(OLE):
        return None
    try:
        package = json.loads(content.removeprefix(OLE))
    except ValueError:
        return None
    return package if isinstance(package, dict) else None


def rootfs(
    files: Mapping[str, str] | None = None,
    *,
    users: tuple[str, ...] | list[str] = (),
    name: str = "",
    compress: bool = True,
) -> bytes:
    """The file system of a Linux; `users` get the uids from 1000 on, `name` is that of a .wsl file's distribution."""
    people = "".join(f"{user}:x:{uid}:{uid}::/home/{user}:/bin/bash\n" for uid, user in enumerate(users, 1000))
    contents = {"bin/sh": "ELF", "etc/os-release": _OS_RELEASE, "etc/passwd": _ROOT + people, **(files or {})}
    if name:
        contents.setdefault("etc/wsl-distribution.conf", f"[oobe]\ndefaultName = {name}\n")
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as archive:
        for path, content in sorted(contents.items()):
            member = tarfile.TarInfo(path.lstrip("/"))
            member.size = len(content.encode())
            archive.addfile(member, io.BytesIO(content.encode()))
    return gzip.compress(target.getvalue(), mtime=0) if compress else target.getvalue()


def vhdx(files: Mapping[str, str] | None = None, **keys: Any) -> bytes:
    """A virtual disk with the file system of a Linux."""
    return VHDX + rootfs(files, **keys)


def disk(size: str = "40GB", format: str = "vhdx", system: Any = None) -> bytes:
    """A virtual disk that Hyper-V can read, with an operating system on it as `system` of a file in the model."""
    found = {"size": size, "format": format, **({"system": system} if system else {})}
    return SIGNATURES[format] + json.dumps(found, sort_keys=True).encode()


def read_disk(content: bytes) -> dict[str, Any] | None:
    """The disk in a file; None if it is none, is not complete, or was made in another way."""
    signature = next((begin for begin in SIGNATURES.values() if content.startswith(begin + b"{")), None)
    try:
        return json.loads(content.removeprefix(signature)) if signature else None
    except ValueError:
        return None


def zip_archive(**members: Any) -> bytes:
    """An archive with files by their names."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), octets(content))
    return target.getvalue()


def docker_image(os_version: str, name: str) -> bytes:
    """What docker save writes of an image."""
    return archives.image_tar(os_version, name)


def windows_disc(
    os: str = "server2022",
    images: tuple[str, ...] | list[str] = (
        "Windows Server 2022 SERVERSTANDARD",
        "Windows Server 2022 SERVERDATACENTER",
    ),
    *,
    noprompt: bool = False,
    prompt_after: float = 1,
    prompt_seconds: float = 5,
    seconds: float = 600,
) -> bytes:
    """An installation disc with its editions; it asks for a key for some seconds, and Setup takes others."""
    disc = {"os": os, "images": list(images), "noprompt": noprompt, "seconds": seconds}
    disc |= {"prompt_after": prompt_after, "prompt_seconds": prompt_seconds}
    return WINDOWS_DISC + json.dumps(disc, sort_keys=True).encode()


def read_windows_disc(content: bytes) -> dict[str, Any] | None:
    """The installation disc in a file; None if it is none."""
    return json.loads(content.removeprefix(WINDOWS_DISC)) if content.startswith(WINDOWS_DISC) else None


MAKERS = {
    "disk": disk,
    "zip": zip_archive,
    "msi": msi,
    "rootfs": rootfs,
    "vhdx": vhdx,
    "windows_disc": windows_disc,
    "docker_engine": archives.engine_zip,
    "docker_image": docker_image,
}
