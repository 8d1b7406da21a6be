# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files and folders of Windows: octets through the standard streams of programs, everything else over CIM.

Files are written by `upload`. Shares are out of reach for a network logon.
"""

from __future__ import annotations

import hashlib
import io
import re
import tarfile
from collections.abc import Iterable, Mapping
from typing import Any

from .._task.answer import answer_of
from .._task.errors import Invalid, MethodFailed, Missing, Refused
from .._task.session import Target
from .._wsman.cim import quote
from . import command_line, paths, program
from .foreseen import change, foretold, name_of, recall
from .schema import DATA_FILE, FOLDER, LOGICAL_DISK

MOST = 32 << 20  # octets that a task may send or fetch through WinRS, some MB a minute
MOST_TEXT = 1 << 20  # octets of a text that a task returns
TIMEOUT = 600.0  # seconds for the octets of a file, or its checksum
_DONE, _NOT_FOUND = 0, (0x80070002, 0x80070003)
# Hexadecimal digits of a checksum that certutil.exe computes.
DIGITS = {"MD5": 32, "SHA1": 40, "SHA256": 64, "SHA384": 96, "SHA512": 128}
_DIGEST = re.compile(r"[0-9a-f]+")
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
        measured = measure(target, path)
        return measured and {"size": measured[0], "checksum": measured[1]}

    return recall(target, name(path), read)


def fetch_size(target: Target, path: str) -> int | None:
    """The size of a file, None without one."""
    state = recall(target, name(path), lambda: {"size": _fetch_size(target, path)})
    return state["size"] if state else None


def is_folder(target: Target, path: str) -> bool:
    """Whether a folder exists."""
    return bool(recall(target, name_of("folder", paths.key(path)), lambda: _has_row(target, FOLDER, path)))


def has_drive(target: Target, letter: str) -> bool:
    """Whether the target has a drive, such as ``D:``."""
    rows = target.client.query(LOGICAL_DISK, columns=("DeviceID",), where=f"DeviceID = {quote(letter)}")
    return bool(rows)


def measure(target: Target, path: str) -> tuple[int, str | None] | None:
    """Size and SHA-256 checksum that a file really has, None without one."""
    size = _fetch_size(target, path)
    if size == 0:
        return 0, hashlib.sha256().hexdigest()  # certutil.exe refuses empty files
    return None if size is None else (size, digest(target, path))


def read(target: Target, path: str, most: int = MOST) -> bytes:
    """The octets of a file. Raises Missing without one, Refused if it is larger than ``most``."""
    known = recall(target, name(path), dict)
    size = fetch_size(target, path)
    if size is None:
        raise Missing(f"'{path}' does not exist on {target.name}", path=path)
    if size > most:
        raise Refused(f"'{path}' has {size} octets, more than the {most} that can be read", path=path)
    if known and known.get("text") is not None:
        return str(known["text"]).encode()
    if known:
        raise Refused(f"check mode does not keep the content of '{path}', which an earlier task would write", path=path)
    return _read(target, path) if has_tar(target) else _read_text(target, path, size)


def _read(target: Target, path: str) -> bytes:
    """The octets of a file, in an archive of tar.exe."""
    folder, _slash, last = path.rpartition("\\")
    result = _tar(target, "-cf", "-", "-C", f"{folder}\\", last, reads=True)
    if result.code != _DONE:
        raise failed(result, f"read '{path}'")
    with tarfile.open(fileobj=io.BytesIO(result.stdout)) as archive:
        for member in archive:
            if member.isfile():
                return archive.extractfile(member).read()
    raise MethodFailed(f"could not read '{path}': the answer of tar.exe has no file", path=path)


def _read_text(target: Target, path: str, size: int) -> bytes:
    """The octets of a file without tar.exe: cmd.exe writes those of a plain text as they are, as their checksum proves.

    Raises Refused for any other file.
    """
    why = f"'{path}' can't be read without tar.exe, which Windows has from build {program.FIRST_WITH_CURL} on"
    if "%" in path:
        raise Refused(f"{why}, because of the % in its path", path=path)
    if not size:
        return b""
    cmd = program.system(target, "cmd.exe")
    result = program.run(target, cmd, *command_line.CMD, "type", path, reads=True, timeout=TIMEOUT)
    if result.code != _DONE:
        raise failed(result, f"read '{path}'")
    if hashlib.sha256(result.stdout).hexdigest() != digest(target, path):
        raise Refused(f"{why}, because it is no plain text", path=path)
    return result.stdout


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


def digest(target: Target, path: str, algorithm: str = "SHA256", timeout: float = TIMEOUT) -> str | None:
    """The checksum of a file in lower case, None without the file. Raises MethodFailed."""
    certutil = program.system(target, "certutil.exe")
    result = program.run(target, certutil, "-hashfile", path, algorithm, reads=True, timeout=timeout)
    if result.code in _NOT_FOUND:
        return None
    # The other lines are in the language of Windows; old versions write pairs of digits.
    lines = [line.replace(" ", "").strip().lower() for line in result.text.splitlines()]
    found = [line for line in lines if len(line) == DIGITS[algorithm] and _DIGEST.fullmatch(line)]
    if result.code != _DONE or not found:
        raise failed(result, f"compute the checksum of '{path}'")
    return found[0]


# ---- changing ----


def delete(target: Target, path: str, what: str = "") -> None:
    """Delete a file."""
    what = what or f"delete '{path}'"
    change(target, lambda: _invoke(target, DATA_FILE, "Delete", path, what), {name(path): None})


def remove(target: Target, path: str) -> None:
    """Delete a file if it exists."""
    if fetch_size(target, path) is not None:
        delete(target, path)


def rename(target: Target, path: str, new_path: str, what: str) -> None:
    """Give a file another path on the same drive, which no file has. Raises MethodFailed."""
    _invoke(target, DATA_FILE, "Rename", path, what, {"FileName": new_path})


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


def extract(
    target: Target, folder: str, archive: bytes | Iterable[bytes], what: str, timeout: float = TIMEOUT
) -> Mapping[str, Any]:
    """Let tar.exe create the files of an archive in a folder, with the folders of their names. Raises MethodFailed."""
    result = _tar(target, "-xf", "-", "-C", folder, stdin=archive, timeout=timeout)
    if result.code != _DONE:
        raise failed(result, what)
    return {}


def has_tar(target: Target) -> bool:
    """Whether Windows has tar.exe."""
    return program.build(target) >= program.FIRST_WITH_CURL


def _tar(target: Target, *arguments: str, **options: Any) -> program.Result:
    if not has_tar(target):
        raise Refused(
            "the module needs tar.exe to read and write files, which Windows has from Windows 10 version 1803 and "
            f"Windows Server 2019 on; this is build {program.build(target)}"
        )
    return program.run(target, program.system(target, "tar.exe"), *arguments, **{"timeout": TIMEOUT, **options})


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


def failed(result: program.Result, what: str) -> MethodFailed:
    """The error about a program that failed."""
    details: dict[str, Any] = {"code": result.code, "said": result.words}
    return MethodFailed(f"could not {what}: {result.words} (code {result.code})", **details)


def name(path: str) -> str:
    """The name of a file's state for check mode."""
    return name_of("file", paths.key(path))
