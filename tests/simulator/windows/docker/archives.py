"""Archives that Docker reads and writes: the zip of an engine, and the tar of saved images."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import zipfile
from typing import Any, NamedTuple

# What stands in docker.exe and dockerd.exe of the simulator: find() knows the programs by it, and they their version.
MARKER = b"MZ simulated "
# Created is the same in every run: so is the id of an image.
CREATED = "2026-07-08T00:12:57Z"


class NotAnArchive(ValueError):
    """The bytes aren't what docker load can read."""


class SavedImage(NamedTuple):
    """An image of a tar: its configuration (with `os.version`), its tags, and the size of its layers."""

    id: str
    configuration: dict[str, Any]
    tags: tuple[str, ...]
    size: int


def executable(program: str, version: str) -> bytes:
    """The content of docker.exe or dockerd.exe: `program` is docker or dockerd."""
    return MARKER + f"{program} {version}\r\n".encode()


def program_of(content: bytes) -> tuple[str, str] | None:
    """Program and version of a simulated executable."""
    if not content.startswith(MARKER):
        return None
    program, _blank, version = content.removeprefix(MARKER).decode().strip().partition(" ")
    return program, version


def engine_zip(version: str) -> bytes:
    """docker-VERSION.zip as download.docker.com has it: docker/docker.exe and docker/dockerd.exe."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:  # not compressed: the same bytes with every zlib
        for program in ("docker", "dockerd"):
            member = zipfile.ZipInfo(f"docker/{program}.exe", date_time=(2026, 1, 1, 0, 0, 0))
            archive.writestr(member, executable(program, version))
    return target.getvalue()


def image_configuration(os_version: str, **changes: Any) -> dict[str, Any]:
    """The configuration of a Windows image; `changes` are keys of its `config` (Cmd, Entrypoint, Env, Labels …)."""
    layer = hashlib.sha256(f"layer {os_version} {sorted(changes.items())}".encode()).hexdigest()
    return {
        "architecture": "amd64",
        "config": {"Cmd": [r"c:\windows\system32\cmd.exe"], "WorkingDir": "", **changes},
        "created": CREATED,
        "history": [{"created": CREATED, "created_by": f"Apply image {os_version}"}],
        "os": "windows",
        "os.version": os_version,
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer}"]},
    }


def configuration_bytes(configuration: dict[str, Any]) -> bytes:
    return json.dumps(configuration, separators=(",", ":"), sort_keys=True).encode()


def image_id(configuration: dict[str, Any]) -> str:
    return "sha256:" + hashlib.sha256(configuration_bytes(configuration)).hexdigest()


def image_tar(os_version: str, *tags: str, **changes: Any) -> bytes:
    """What `docker save TAG` writes for an image of this version of Windows."""
    configuration = image_configuration(os_version, **changes)
    return save([SavedImage(image_id(configuration), configuration, tags, 0)])


def save(images: list[SavedImage]) -> bytes:
    """A tar of images: manifest.json, configurations and layers below blobs/sha256."""
    target = io.BytesIO()
    manifest = []
    with tarfile.open(fileobj=target, mode="w") as archive:
        for image in images:
            layer = b"layer of " + image.id.encode()
            paths = [f"blobs/sha256/{hashlib.sha256(layer).hexdigest()}"]
            configuration = f"blobs/sha256/{image.id.removeprefix('sha256:')}"
            manifest.append({"Config": configuration, "RepoTags": list(image.tags) or None, "Layers": paths})
            _add(archive, configuration, configuration_bytes(image.configuration))
            _add(archive, paths[0], layer)
        _add(archive, "manifest.json", json.dumps(manifest).encode())
    return target.getvalue()


def load(content: bytes) -> list[SavedImage]:
    """The images of a tar."""
    try:
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            names = archive.getnames()
            if "manifest.json" not in names:
                raise NotAnArchive("manifest.json")
            return [
                _image(archive, entry, sum(archive.getmember(path).size for path in entry["Layers"]))
                for entry in json.loads(_read(archive, "manifest.json"))
            ]
    except (tarfile.TarError, KeyError, json.JSONDecodeError) as error:
        raise NotAnArchive(str(error)) from error


def _image(archive: tarfile.TarFile, entry: dict[str, Any], size: int) -> SavedImage:
    content = _read(archive, entry["Config"])
    digest = hashlib.sha256(content).hexdigest()
    return SavedImage(f"sha256:{digest}", json.loads(content), tuple(entry["RepoTags"] or ()), size)


def _read(archive: tarfile.TarFile, name: str) -> bytes:
    source = archive.extractfile(name)
    assert source is not None
    return source.read()


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))
