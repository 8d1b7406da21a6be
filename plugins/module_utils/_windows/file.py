# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files and folders of Windows: octets through the standard streams of tar.exe, everything else over CIM.

A file is replaced by another one that is complete and verified. Shares are out of reach for a network logon.
"""

from __future__ import annotations

import hashlib
import io
import re
import tarfile
import time
from collections.abc import Mapping
from typing import Any

from .._task.answer import answer_of, insist
from .._task.errors import Invalid, MethodFailed, Missing, Refused
from .._task.journal import position, taken_back
from .._task.session import Target
from .._wsman.cim import quote
from . import paths, program
from .foreseen import change, foretold, name_of, recall
from .schema import DATA_FILE, FOLDER, LOGICAL_DISK

MOST = 32 << 20  # octets that a task may send or fetch through WinRS, some MB a minute
MOST_TEXT = 1 << 20  # octets of a text that a task returns
MOST_REMEMBERED = 64 << 10  # octets of a text that check mode keeps for later tasks
TIMEOUT = 600.0  # seconds for the octets of a file, or its checksum
_FIRST_TAR = 17063  # build
_DONE, _NOT_FOUND = 0, (0x80070002, 0x80070003)
_SHA256 = re.compile(r"^[0-9a-f]{64}$")
# Return values of Delete and Rename (CIM_LogicalFile docs).
_REASONS = {
    2: "access is denied",
    9: "it does not exist",
    10: "an object of that name exists",
    13: "it is on another drive",
    14: "the folder is not empty",
    15: "another program has it open",
    17: "the user lacks a privilege",
    21: "its name is not valid",
}

State = dict[str, Any]


# ---- reading ----


def check_path(path: str, option: str = "path") -> str:
    """The one spelling of the full path of a file or folder on a drive. Raises Invalid."""
    found = paths.canonical(path, option)
    if paths.is_share(found):
        text = f"'{path}' is on a share, which a remote shell can't reach with the user's rights; choose a local path"
        raise Invalid(text, option=option, path=path)
    return found


def fetch(target: Target, path: str) -> State | None:
    """Size, SHA-256 checksum and, once the octets are read or foreseen, the text of a file; None without one."""

    def read() -> State | None:
        size = _fetch_size(target, path)
        return None if size is None else {"size": size, "checksum": _checksum(target, path, size)}

    return recall(target, _name(path), read)


def fetch_size(target: Target, path: str) -> int | None:
    """The size of a file, None without one."""
    state = recall(target, _name(path), lambda: {"size": _fetch_size(target, path)})
    return state["size"] if state else None


def is_folder(target: Target, path: str) -> bool:
    """Whether a folder exists."""
    return bool(recall(target, name_of("folder", paths.key(path)), lambda: _has_row(target, FOLDER, path)))


def has_drive(target: Target, letter: str) -> bool:
    """Whether the target has a drive, such as ``D:``."""
    rows = target.client.query(LOGICAL_DISK, columns=("DeviceID",), where=f"DeviceID = {quote(letter)}")
    return bool(rows)


def read(target: Target, path: str, most: int = MOST) -> bytes:
    """The octets of a file. Raises Missing without one, Refused if it is larger than ``most``."""
    known = recall(target, _name(path), dict)
    size = fetch_size(target, path)
    if size is None:
        raise Missing(f"'{path}' does not exist on {target.name}", path=path)
    if size > most:
        raise Refused(f"'{path}' has {size} octets, more than the {most} that can be read", path=path)
    if known and known.get("text") is not None:
        return str(known["text"]).encode()
    if known:
        raise Refused(f"check mode does not keep the content of '{path}', which an earlier task would write", path=path)
    folder, name = paths.parent_folder(path), path.rpartition("\\")[2]
    result = _tar(target, "-cf", "-", "-C", f"{folder}\\", name, reads=True)
    if result.code != _DONE:
        raise _failed(result, f"read '{path}'")
    with tarfile.open(fileobj=io.BytesIO(result.stdout)) as archive:
        for member in archive:
            if member.isfile():
                return archive.extractfile(member).read()
    raise MethodFailed(f"could not read '{path}': the answer of tar.exe has no file", path=path)


def read_text(target: Target, path: str) -> str:
    """The content of a text file, in UTF-8, or in UTF-16 with a byte order mark. Raises Refused if it is none."""
    content = read(target, path, MOST_TEXT)
    try:
        return content.decode("utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise Refused(f"'{path}' is not a text in UTF-8 or UTF-16", path=path) from error


def _fetch_size(target: Target, path: str) -> int | None:
    rows = target.client.query(DATA_FILE, columns=("Name", "FileSize"), where=f"Name = {quote(path)}")
    return rows[0]["FileSize"] if rows else None


def _has_row(target: Target, cls: Any, path: str) -> bool:
    return bool(target.client.query(cls, columns=("Name",), where=f"Name = {quote(path)}"))


def _checksum(target: Target, path: str, size: int) -> str | None:
    if size == 0:
        return hashlib.sha256().hexdigest()  # certutil.exe refuses empty files
    certutil = program.system(target, "certutil.exe")
    result = program.run(target, certutil, "-hashfile", path, "SHA256", reads=True, timeout=TIMEOUT)
    if result.code in _NOT_FOUND:
        return None
    # The other lines are in the language of Windows; old versions write pairs of digits.
    lines = [line.replace(" ", "").strip().lower() for line in result.text.splitlines()]
    found = [line for line in lines if _SHA256.match(line)]
    if result.code != _DONE or not found:
        raise _failed(result, f"compute the checksum of '{path}'")
    return found[0]


# ---- changing ----


def write(target: Target, path: str, content: bytes, what: str = "") -> None:
    """Create a file with its folders, or replace it, once its new content is complete and verified on the target."""
    what = what or f"write '{path}'"
    state: State = {"size": len(content), "checksum": hashlib.sha256(content).hexdigest()}
    if target.foresees:
        state["text"] = _text(content)
    folders = (
        {name_of("folder", paths.key(folder)): True for folder in paths.lineage(paths.parent_folder(path))}
        if target.foresees
        else {}
    )
    change(target, lambda: _write(target, path, content, state["checksum"], what), {_name(path): state, **folders})


def make_folder(target: Target, path: str) -> None:
    """Create a folder with all that lead to it."""
    folders = {name_of("folder", paths.key(folder)): True for folder in paths.lineage(path)}
    change(target, lambda: _make_folder(target, path), folders)


def _make_folder(target: Target, path: str) -> None:
    what = f"create the folder '{path}'"

    def look() -> Mapping[str, Any] | None:
        return {} if _has_row(target, FOLDER, path) else None

    answer_of(target, what, lambda: _extract(target, f"{path}\\x", None, what), look)


def delete(target: Target, path: str) -> None:
    """Delete a file."""
    change(target, lambda: _invoke(target, DATA_FILE, "Delete", path, f"delete '{path}'"), {_name(path): None})


def delete_folder(target: Target, path: str) -> None:
    """Delete a folder with everything in it."""
    values = {name_of("folder", paths.key(path)): False}
    change(target, lambda: _invoke(target, FOLDER, "Delete", path, f"delete the folder '{path}'"), values)


def is_empty(target: Target, path: str) -> bool:
    """Whether a folder contains neither files nor folders."""
    drive, inside = path[:2], f"{path[2:]}\\"
    where = f"Drive = {quote(drive)} AND Path = {quote(inside)}"
    limit = None if target.foresees else 1  # a check has to know which ones an earlier task would have deleted
    rows = [row for cls in (DATA_FILE, FOLDER) for row in target.client.query(cls, ("Name",), where, limit)]
    found = {paths.key(row["Name"]) for row in rows}
    expected = {**foretold(target, "file"), **foretold(target, "folder")}
    for name in (name for name in expected if paths.parent_folder(name) == paths.key(path)):
        (found.add if expected[name] else found.discard)(name)
    return not found


def _write(target: Target, path: str, content: bytes, checksum: str, what: str) -> None:
    # The same names in every run, so that one that follows finds what this one leaves.
    mark = hashlib.sha256(paths.key(path).encode()).hexdigest()[:8]
    part, old = f"{path}.{mark}.part", f"{path}.{mark}.old"
    folder = paths.parent_folder(path)
    if paths.lineage(folder) and not _has_row(target, FOLDER, folder):
        _make_folder(target, folder)  # which stays, whatever becomes of the file
    since = position()

    def arrived() -> Mapping[str, Any] | None:
        size = _fetch_size(target, part)
        return {} if size == len(content) and _checksum(target, part, size) == checksum else None

    with taken_back(lambda: _discard(target, part), f"'{part}' may be left"):
        answer_of(target, f"{what} (to {part})", lambda: _extract(target, part, content, what), arrived)
        if arrived() is None:
            raise MethodFailed(f"could not {what}: it arrived with another checksum; run the task again", path=path)

    def put_back() -> None:
        if _fetch_size(target, path) is None and _fetch_size(target, old) is not None:
            _invoke(target, DATA_FILE, "Rename", old, what, {"FileName": path})
        _discard(target, part)

    with taken_back(put_back, f"the file that was there may be '{old}' now, and '{part}' may be left", since):
        if _fetch_size(target, path) is not None:
            _discard(target, old)
            _invoke(target, DATA_FILE, "Rename", path, what, {"FileName": old})
        _invoke(target, DATA_FILE, "Rename", part, what, {"FileName": path})
    _discard(target, old)


def _discard(target: Target, path: str) -> None:
    """Delete a file with a name of this module, if there is one: as often as needed, which does no harm."""

    def delete_it() -> None:
        if _fetch_size(target, path) is not None:
            _invoke(target, DATA_FILE, "Delete", path, f"delete '{path}', which is not needed any more")

    insist(delete_it)


def _extract(target: Target, path: str, content: bytes | None, what: str) -> Mapping[str, Any]:
    """Let tar.exe create a file with its folders; without content the folders alone."""
    root, names = path[:3], path[3:].replace("\\", "/")
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.PAX_FORMAT) as source:
        member = tarfile.TarInfo(names if content is not None else names.rpartition("/")[0])
        member.type = tarfile.REGTYPE if content is not None else tarfile.DIRTYPE
        member.mode, member.mtime, member.size = 0o755, int(time.time()), len(content or b"")
        source.addfile(member, io.BytesIO(content or b""))
    result = _tar(target, "-xf", "-", "-C", root, stdin=archive.getvalue())
    if result.code != _DONE:
        raise _failed(result, what)
    return {}


def _tar(target: Target, *arguments: str, **options: Any) -> program.Result:
    if program.build(target) < _FIRST_TAR:
        raise Refused(
            "the module needs tar.exe to read and write files, which Windows has from Windows 10 version 1803 and "
            f"Windows Server 2019 on; this is build {program.build(target)}"
        )
    return program.run(target, program.system(target, "tar.exe"), *arguments, timeout=TIMEOUT, **options)


def _invoke(
    target: Target, cls: Any, method: str, path: str, what: str, arguments: Mapping[str, Any] | None = None
) -> None:
    """Delete or rename a file or folder. Raises MethodFailed with the reason."""

    def act() -> Mapping[str, Any]:
        answer = target.client.invoke(cls, method, keys={"Name": path}, arguments=dict(arguments or {}))
        code = answer["ReturnValue"]
        if code:
            reason = _REASONS.get(code, f"code {code}")
            raise MethodFailed(f"could not {what}: {reason}", path=path, method=method, return_value=code)
        return answer

    def gone() -> Mapping[str, Any] | None:
        return None if _has_row(target, cls, path) else {}

    answer_of(target, what, act, gone)


def _failed(result: program.Result, what: str) -> MethodFailed:
    details: dict[str, Any] = {"code": result.code, "said": result.words}
    return MethodFailed(f"could not {what}: {result.words} (code {result.code})", **details)


def _name(path: str) -> str:
    return name_of("file", paths.key(path))


def _text(content: bytes) -> str | None:
    """Content as the text that check mode keeps, None if it is none or too long."""
    if len(content) > MOST_REMEMBERED:
        return None
    try:
        return content.decode()
    except UnicodeDecodeError:
        return None
