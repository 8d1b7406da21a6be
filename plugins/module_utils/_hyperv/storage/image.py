# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images on a host, virtual disks and ISO images: from a URL, another path or the control node, and gone again."""

from __future__ import annotations

import ntpath
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from ..._task.errors import Invalid, MethodFailed, Missing, Refused
from ..._task.session import Target
from ..._task.step import Step
from ..._windows import archive, copying, curl, file, folder, paths, source, upload
from ..._windows.foreseen import change, recall
from ..._windows.schema import DATA_FILE, FOLDER
from ..._windows.upload import Content
from ..._wsman.cim import quote
from ..._wsman.faults import HostError, WSManError
from ..._wsman.url import without_secrets
from ..host import capacity
from ..schema import MEDIUM
from ..vm.find import owner
from . import disk_file, image_record

ISO = ".iso"
SUFFIXES = (".vhdx", ".vhd", ISO)
TIMEOUT = 7200  # seconds
OPTIONS: dict[str, Any] = {
    "path": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "source": {"type": "str"},
    "src": {"type": "path"},
    "checksum": {"type": "str"},
    "unpack": {"type": "bool"},
    "member": {"type": "str"},
    "proxy": {"type": "str"},
    "force": {"type": "bool", "default": False},
    "transfer_timeout": {"type": "int", "default": TIMEOUT},
}
_FOREIGN = (".qcow2", ".img", ".raw", ".vmdk", ".vdi", ".ova", ".qed")
_LIMITATION = "which Hyper-V refuses for images (0xC03A001A)"


class Wanted(NamedTuple):
    """An image as a task describes it: where it comes from, and the digest of that file."""

    path: str
    url: str = ""
    other: str = ""  # path on the host or a share
    content: Content | None = None  # of the control node
    name: str = ""  # of the file that it comes from
    digest: str = ""
    unpack: bool = False
    member: str = ""
    proxy: str = ""
    force: bool = False
    timeout: float = TIMEOUT

    @property
    def option(self) -> str:
        return "src" if self.content else "source"

    @property
    def location(self) -> str:
        """The origin as messages, the diff and the result contain it."""
        return without_secrets(self.url) or self.other or self.name

    @property
    def verb(self) -> str:
        return "download" if self.url else "copy" if self.other else "send"

    @property
    def what(self) -> str:
        location = self.location if self.url else f"'{self.location}'"
        return f"{self.verb} {location} to '{self.path}'"


# ---- options ----


def parse(params: Mapping[str, Any]) -> Wanted:
    """The image that the options describe. Raises Invalid."""
    path = paths.canonical(params["path"])
    if paths.is_share(path):
        raise Invalid(
            f"'{path}' is on a share, and an image is kept on a drive of the host; choose a local path, or attach the "
            "file of the share as it is",
            option="path",
        )
    if paths.suffix(path) not in SUFFIXES:
        text = f"'{path}' is no image of Hyper-V; its name must end in .vhdx, .vhd or .iso"
        raise Invalid(text, option="path", path=path)
    digest = source.parse_checksum(params["checksum"], "checksum", weak=True)
    wanted = Wanted(path, digest=digest, force=params["force"], timeout=params["transfer_timeout"])
    if params["state"] == "absent":
        return wanted
    if params["src"]:
        content = Content.of(Path(params["src"]))
        _check_sent(content, digest)
        wanted = wanted._replace(content=content, name=Path(params["src"]).name, digest=digest or content.checksum)
    elif params["source"]:
        wanted = _with_source(wanted, params["source"], params["checksum"])
    elif digest or params["unpack"] or params["member"] or params["proxy"]:
        raise Invalid("is required with an option about the file that the image comes from", option="source")
    if params["proxy"]:
        wanted = wanted._replace(proxy=_proxy(wanted, params["proxy"]))
    return _with_format(wanted, params)


def _check_sent(content: Content, digest: str) -> None:
    if digest and digest != content.checksum:
        found = content.digest(source.algorithm_of(digest))
        if found != digest:
            text = f"the file on the control node has the checksum {found}, not {digest}; nothing was sent"
            raise Invalid(text, option="checksum")


def _with_source(wanted: Wanted, location: str, checksum: str | None) -> Wanted:
    if "://" in location:
        strong = checksum if checksum and len(wanted.digest) >= file.DIGITS["SHA256"] else None
        if wanted.digest and not strong and location.lower().startswith("http:"):
            text = "must be SHA-256 or longer for a URL without encryption (http)"
            raise Invalid(text, option="checksum")
        found = source.parse(location, strong)
        return wanted._replace(url=location, name=found.name)
    other = paths.canonical(location, "source")
    if paths.key(other) == paths.key(wanted.path):
        raise Invalid(f"'{other}' is the image itself; choose the file to copy", option="source")
    return wanted._replace(other=other, name=other.rpartition("\\")[2])


def _proxy(wanted: Wanted, proxy: str) -> str:
    if not wanted.url:
        raise Invalid("is for a source that is a URL", option="proxy")
    if not re.fullmatch(r"(https?|socks[45]h?)://[^/\s@]+/?", proxy, re.IGNORECASE):
        text = f"'{without_secrets(proxy)}' is not the URL of a proxy without credentials, such as http://proxy.example.com:3128"
        raise Invalid(text, option="proxy")
    return proxy


def _with_format(wanted: Wanted, params: Mapping[str, Any]) -> Wanted:
    """Whether the file is unpacked, judging by names if the task does not say. Raises Invalid for a wrong format."""
    unpack = archive.is_archive(wanted.name) if params["unpack"] is None else params["unpack"]
    if params["member"] and not unpack:
        raise Invalid(
            "is for a file that is unpacked; set 'unpack: true' if its name does not show it", option="member"
        )
    name = params["member"] or ("" if unpack else wanted.name)
    archive.check_name(wanted.name, wanted.option)
    ending = ntpath.splitext(name)[1].lower()
    option = "member" if params["member"] else wanted.option
    if ending in _FOREIGN:
        raise Invalid(
            f"'{name}' is not in a format of Hyper-V. Convert it first, such as by qemu-img convert -O vhdx",
            option=option,
        )
    if ending in SUFFIXES and ending != paths.suffix(wanted.path):
        raise Invalid(
            f"'{name}' and '{wanted.path}' differ in their format, and the file is not converted. Choose another "
            "ending of the path; vm_disk with 'source' converts disks",
            option=option,
        )
    return wanted._replace(unpack=unpack, member=params["member"] or "")


# ---- reading ----


def fetch(host: Target, path: str) -> Mapping[str, Any] | None:
    """The row of an image (CIM_DataFile), None without the file; in check mode as earlier tasks would leave it."""

    def read() -> Mapping[str, Any] | None:
        columns = ("Name", "FileSize", "LastModified", "Compressed", "Encrypted")
        rows = host.client.query(DATA_FILE, columns=columns, where=f"Name = {quote(path)}")
        return rows[0] if rows else None

    return recall(host, file.name(path), read)


def _fetch_first(host: Target, path: str) -> Mapping[str, Any] | None:
    """The row of the image before the task, which is asked for once."""
    return host.once(("image", paths.key(path)), lambda: fetch(host, path))


def _check_usable(row: Mapping[str, Any], path: str, option: str = "path") -> None:
    """Raise Refused if Hyper-V can't use a file because of its attributes."""
    kinds = [word for name, word in (("Compressed", "compressed"), ("Encrypted", "encrypted")) if row.get(name)]
    if kinds:
        how = {"compressed": "compact.exe /u", "encrypted": "cipher.exe /d"}
        raise Refused(
            f"'{path}' is {' and '.join(kinds)} by NTFS, {_LIMITATION}. Change that with "
            f"{' and '.join(how[kind] for kind in kinds)} on the host, or choose another folder",
            option=option,
            path=path,
        )


def _digest_of(host: Target, wanted: Wanted, row: Mapping[str, Any]) -> str:
    """The digest of an existing image by the algorithm of the wanted one; from its record if there is one."""
    algorithm = source.algorithm_of(wanted.digest)
    if "checksum" in row:  # foreseen
        known = (row["checksum"] or "", row.get("digest") or "")
        return next((digest for digest in known if len(digest) == len(wanted.digest)), "")
    record = _fetch_record(host, wanted.path)
    if record and record.is_of(row):
        if wanted.unpack:
            return record.archive
        if found := [digest for digest in record.digests if len(digest) == len(wanted.digest)]:
            return found[0]
    if wanted.unpack:
        return ""
    host.report(f"compute the checksum of '{wanted.path}'")
    return file.digest(host, wanted.path, algorithm, wanted.timeout) or ""


def _fetch_record(host: Target, path: str) -> image_record.Record | None:
    return host.once(("image record", paths.key(path)), lambda: image_record.fetch(host, path))


# ---- planning ----


def plan(host: Target, wanted: Wanted) -> list[Step]:
    """The steps to the image. Raises Missing, Refused."""
    row = _fetch_first(host, wanted.path)
    if row is None:
        return [_plan_new(host, wanted)]
    _check_usable(row, wanted.path)
    if not wanted.digest or not wanted.location:
        return []  # an existing file is the image
    found = _digest_of(host, wanted, row)
    if found == wanted.digest:
        return _plan_record(host, wanted, row)
    if not wanted.force:
        raise _other_image(wanted, found)
    _check_unused(host, wanted.path, "force", "replaced")
    return [_plan_new(host, wanted, {"checksum": _shown(found) if found else None})]


def _other_image(wanted: Wanted, found: str) -> Refused:
    says = f"has the checksum {found}, not {wanted.digest}"
    if wanted.unpack:
        says = "is not known to be from this archive"
        says += f", but from one with the checksum {found}" if found else ", because the host has no record of it"
    return Refused(
        f"'{wanted.path}' {says}. Choose another path, or set 'force: true' to replace it",
        option="checksum",
        path=wanted.path,
        checksum=found or None,
        expected=wanted.digest,
    )


def _plan_record(host: Target, wanted: Wanted, row: Mapping[str, Any]) -> list[Step]:
    """The step that records the checksum of an image that has none, so that it is not computed in the next run."""
    if wanted.unpack or "checksum" in row:
        return []
    record = _fetch_record(host, wanted.path)
    if record and record.is_of(row) and wanted.digest in record.digests:
        return []
    known = record.digests if record and record.is_of(row) else ()
    new = image_record.of(row, (*known, wanted.digest), record.archive if known and record else "")
    before, after = ({"images": {wanted.path: {"recorded": text}}} for text in (None, _shown(wanted.digest)))

    def apply() -> None:
        values = {file.name(wanted.path): {"size": row["FileSize"], "checksum": None, "digest": wanted.digest}}
        change(host, lambda: _record(host, wanted.path, new), values)

    return [Step(f"record the checksum of '{wanted.path}'", before, after, apply)]


def _plan_new(host: Target, wanted: Wanted, before: Mapping[str, Any] | None = None) -> Step:
    if not wanted.location:
        raise disk_file.missing(
            host, wanted.path, f"there is no file '{wanted.path}'; set 'source' or 'src' to create it", "source"
        )
    folders = disk_file.missing_folders(host, wanted.path)
    _check_folder(host, wanted.path, folders)
    size = _check_origin(host, wanted)
    if size:
        _check_space(host, wanted, size)
    after = {"source": wanted.location, "checksum": _shown(wanted.digest) if wanted.digest else None}
    after |= {"member": wanted.member} if wanted.member else {}
    new = {"folders": {name: {"exists": True} for name in folders}} if folders else {}
    known = None if wanted.unpack else size
    state = {"size": known, "checksum": None, "digest": wanted.digest}
    values = {file.name(wanted.path): state}

    def apply() -> None:
        with folder.created(host, folders):
            change(host, lambda: _bring(host, wanted), values)

    return Step(
        wanted.what,
        {"images": {wanted.path: before} if before else {}, **({"folders": {}} if folders else {})},
        {"images": {wanted.path: after}, **new},
        apply,
    )


def _check_folder(host: Target, path: str, folders: Sequence[str]) -> None:
    """Raise Refused if new files of the folder are compressed or encrypted."""
    existing = paths.parent_folder(folders[0] if folders else path)
    where = f"Name = {quote(existing if len(existing) > 2 else existing + chr(92))}"
    rows = host.client.query(FOLDER, columns=("Name", "Compressed", "Encrypted"), where=where)
    if rows:
        _check_usable(rows[0], existing)


def _check_origin(host: Target, wanted: Wanted) -> int | None:
    """The size of the file that the image comes from, as far as it is known. Raises Missing, Refused without it."""
    if wanted.unpack:
        archive.check_available(host, wanted.option)
    if wanted.content:
        return wanted.content.size
    if wanted.url:
        return curl.fetch_size(host, wanted.url, "source", wanted.proxy)
    copying.check_path(wanted.other, "source")
    copying.check_path(wanted.path, "path")
    if paths.is_share(wanted.other):
        return None
    row = fetch(host, wanted.other)
    if row is None:
        raise Missing(f"there is no file '{wanted.other}' on {host.name}", option="source", path=wanted.other)
    if host.foresees and wanted.digest and "checksum" not in row:
        # A real run verifies the copy.
        found = file.digest(host, wanted.other, source.algorithm_of(wanted.digest), wanted.timeout)
        if found != wanted.digest:
            raise _mismatch(wanted, found or "")
    return row.get("FileSize", row.get("size"))


def _check_space(host: Target, wanted: Wanted, size: int) -> None:
    try:
        capacity.check_space(host, wanted.path, size, "path")
    except Refused as error:
        error.message = error.message.partition(". Choose")[0] + ". Choose another drive, or delete files"
        raise


# ---- bringing ----


def _bring(host: Target, wanted: Wanted) -> None:
    """Bring the file to a part, verify it, unpack it, and give it its name."""
    with _named(wanted):
        upload.remove_parts(host, wanted.path, folders=True)
        part = upload.part_of(wanted.path)
        if wanted.content:
            part = upload.sent(host, wanted.path, wanted.content, wanted.what, wanted.timeout)
        with upload.removed_on_failure(host, part):
            _fetch_part(host, wanted, part)
            if wanted.unpack:
                _unpack(host, wanted, part)
                upload.remove(host, part)
            else:
                _put_in_place(host, wanted, part)
    _record_new(host, wanted)


@contextmanager
def _named(wanted: Wanted) -> Iterator[None]:
    """Say of a broken connection what it was about."""
    try:
        yield
    except WSManError as error:
        error.message = f"could not {wanted.what}: {error.message.removeprefix(f'could not {wanted.what}: ')}"
        raise


def _fetch_part(host: Target, wanted: Wanted, part: str) -> None:
    if wanted.url:
        curl.download(host, wanted.url, part, wanted.what, "source", wanted.timeout, wanted.proxy)
    elif wanted.other:
        copying.copy(host, wanted.other, part, wanted.what, "source", wanted.timeout)
    if wanted.digest and not wanted.content:
        found = file.digest(host, part, source.algorithm_of(wanted.digest), wanted.timeout)
        if found != wanted.digest:
            raise _mismatch(wanted, found or "")


def _put_in_place(host: Target, wanted: Wanted, part: str) -> None:
    _check_usable(fetch(host, part) or {}, part)
    upload.put_in_place(host, part, wanted.path, wanted.what, lambda: _check_readable(host, wanted))


def _mismatch(wanted: Wanted, found: str) -> Refused:
    return Refused(
        f"{wanted.location} has the checksum {found}, not {wanted.digest}. Nothing was kept",
        option="checksum",
        checksum=found,
        expected=wanted.digest,
    )


def _unpack(host: Target, wanted: Wanted, part: str) -> None:
    """Unpack the image in a folder of its own, and give it its name."""
    member = _choose(wanted, archive.names(host, part, wanted.what, wanted.timeout))
    into = f"{part.removesuffix('.part')}.d.part"
    with folder.temporary(host, into):
        host.report(f"unpack {member} of {wanted.location}")
        archive.extract(host, part, member, into, wanted.what, wanted.timeout)
        _put_in_place(host, wanted, paths.canonical(f"{into}\\{member}"))


def _choose(wanted: Wanted, names: Sequence[str]) -> str:
    """The file of an archive that the task means. Raises Refused."""
    ending = paths.suffix(wanted.path)
    if wanted.member:
        fitting = [name for name in names if name.lower() == wanted.member.replace("\\", "/").lower()]
    else:
        fitting = [name for name in names if name.lower().endswith(ending)]
    if len(fitting) == 1:
        return fitting[0]
    lacks = "several files to choose" if fitting else f"no file '{wanted.member or ending}'"
    raise Refused(
        f"the archive {wanted.location} has {lacks}: {', '.join((fitting or list(names))[:20]) or 'it is empty'}. "
        "Nothing was kept",
        option="member",
        members=(fitting or list(names))[:100],
    )


def _check_readable(host: Target, wanted: Wanted) -> None:
    """Raise Refused if Hyper-V can't read a new disk, because of its format or its attributes."""
    if paths.suffix(wanted.path) == ISO:
        return
    try:
        disk_file.fetch(host, wanted.path)
    except HostError as error:
        why = " Sparse, compressed and encrypted files are refused by Hyper-V." if "C03A001A" in error.message else ""
        raise Refused(
            f"{wanted.location} is no virtual disk that the host can read: {error.message.rstrip('.')}.{why} Nothing "
            "was kept",
            option=wanted.option,
            path=wanted.path,
        ) from error


def _record_new(host: Target, wanted: Wanted) -> None:
    """Record a new image; what is lost with the record is time alone."""
    if not wanted.digest:
        return
    try:
        row = fetch(host, wanted.path)
    except HostError:
        return
    if row:
        known = (() if wanted.unpack else (wanted.digest,), wanted.digest if wanted.unpack else "")
        _record(host, wanted.path, image_record.of(row, *known))


def _record(host: Target, path: str, record: image_record.Record) -> None:
    try:
        done = image_record.write(host, path, record)
    except HostError:
        done = False
    if not done:
        host.warn(
            f"the checksum of '{path}' could not be recorded in the registry of the host, which takes an "
            "administrator, so the next run computes it again"
        )


# ---- removal ----


def plan_removal(host: Target, path: str) -> list[Step]:
    """The step that deletes an image. Raises Refused if a VM or checkpoint uses it, directly or as a parent."""
    if _fetch_first(host, path) is None:
        return []
    _check_unused(host, path, "path", "deleted")
    disk_file.check_deletable(host, path, "path")
    before, after = ({"images": {path: {"exists": exists}}} for exists in (True, False))

    def apply() -> None:
        file.delete(host, path)
        change(host, lambda: image_record.forget(host, path), {})

    return [Step(f"delete '{path}'", before, after, apply)]


def _check_unused(host: Target, path: str, option: str, verb: str) -> None:
    if paths.suffix(path) != ISO:
        disk_file.check_childless(host, path, (), option)
        if _is_open(host, path):
            text = f"'{path}' is in use by something else on the host, such as a mount or a backup. Wait for it"
            raise Refused(text, option=option, path=path)
        return
    for row in host.client.query(MEDIUM, columns=("InstanceID", "HostResource")):
        if paths.key((row["HostResource"] or [""])[0]) == paths.key(path):
            holder = owner(row["InstanceID"])
            raise Refused(
                f"'{path}' is in a DVD drive of {disk_file.fetch_holder_name(host, holder)}, so it can't be {verb}. "
                "Remove it from the drive first (vm_dvd_drive)",
                option=option,
                path=path,
                holder=holder,
            )


def _is_open(host: Target, path: str) -> bool:
    try:
        return disk_file.query_in_use(host, path)
    except MethodFailed:  # no disk that the host can read
        return False


# ---- results ----


def describe(host: Target, wanted: Wanted, changed: bool) -> dict[str, Any]:
    """The image as results show it, after a task that has ``changed`` something or has not."""
    row = (fetch if changed else _fetch_first)(host, wanted.path)
    if row is None:
        return {"path": wanted.path, "file_size": None, "checksum": None}
    checksum = _shown(wanted.digest) if wanted.digest and not wanted.unpack else None
    return {"path": wanted.path, "file_size": row.get("FileSize", row.get("size")), "checksum": checksum}


def _shown(digest: str) -> str:
    return f"{source.algorithm_of(digest).lower()}:{digest}"
