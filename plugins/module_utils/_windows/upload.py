# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Octets from the control node to a file of Windows, through the standard input of its programs.

They go to a part, a file in the same folder, which gets the name of the file once it is complete and verified. No piece
is sent twice: after a lost answer, the part is removed and another one begun.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import re
import tarfile
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from .._task.answer import insist
from .._task.errors import Invalid, MethodFailed, Refused, Unanswered
from .._task.journal import forget, may_have_written, position, sending, taken_back
from .._task.session import Target
from .._task.wait import REPORT_EVERY
from .._wsman.cim import quote
from .._wsman.faults import HostError, WSManError, is_passing, may_have_run
from . import file, folder, paths, program
from .command_line import Operator
from .foreseen import change, name_of
from .schema import DATA_FILE, FOLDER

TRIES = 3  # parts that are begun for a file
MOST_DECODED = 32 << 20  # octets that certutil.exe decodes in memory
MOST_REMEMBERED = 64 << 10  # octets of a text that check mode keeps for later tasks
_PIECE = 1 << 18  # octets
_BLOCK = 512  # octets of a tar archive (pax, "ustar Interchange Format")
_LINE = 57  # octets of a line of base64, which has 76 characters
_BEGIN, _END = b"-----BEGIN CERTIFICATE-----\r\n", b"-----END CERTIFICATE-----\r\n"


class Content(NamedTuple):
    """What is sent: octets, or a file of the control node, which is read piece by piece."""

    octets: bytes | Path
    size: int
    checksum: str  # SHA-256, in lower case

    @classmethod
    def of(cls, octets: bytes | Path, option: str = "src") -> Content:
        """Content with its size and checksum. Raises Invalid if the file of the control node can't be read."""
        digest, size = hashlib.sha256(), 0
        for piece in _pieces(octets, option):
            digest.update(piece)
            size += len(piece)
        return cls(octets, size, digest.hexdigest())

    def digest(self, algorithm: str) -> str:
        """The digest by another algorithm, in lower case."""
        digest = hashlib.new(algorithm.lower())
        for piece in self.pieces():
            digest.update(piece)
        return digest.hexdigest()

    def pieces(self) -> Iterator[bytes]:
        """Exactly the octets that were measured. Raises Invalid if the file has changed since."""
        left = self.size
        for piece in _pieces(self.octets, "src"):
            left -= len(piece)
            if left < 0:
                break
            yield piece
        if left:
            raise Invalid(f"'{self.octets}' has changed while it was sent; run the task again", option="src")


def write(
    target: Target, path: str, octets: bytes | Path | Content, what: str = "", timeout: float = file.TIMEOUT
) -> None:
    """Create a file with its folders, or replace it, by octets or by a file of the control node.

    The file is complete and verified (size and SHA-256) before it has its name; if that fails, nothing of it is left.
    Works on every Windows, hosts and guests; 1 MB takes about 20 requests. ``what`` completes "could not …",
    ``timeout`` is in seconds. Check mode foresees the file for `file.fetch` and its kind. Raises Invalid, Refused,
    MethodFailed.
    """
    what = what or f"write '{path}'"
    content = octets if isinstance(octets, Content) else Content.of(octets)
    state: dict[str, Any] = {"size": content.size, "checksum": content.checksum}
    values: dict[str, Any] = {file.name(path): state}
    if target.foresees:
        state["text"] = _text(content.octets)
        values |= {name_of("folder", paths.key(above)): True for above in paths.lineage(paths.parent_folder(path))}
    change(target, lambda: _write(target, path, content, what, timeout), values)


def _write(target: Target, path: str, content: Content, what: str, timeout: float) -> None:
    with folder.created(target, _folders(target, path)):
        remove_parts(target, path)
        part = sent(target, path, content, what, timeout)
        with removed_on_failure(target, part):
            put_in_place(target, part, path, what)


def _folders(target: Target, path: str) -> list[str]:
    """The missing folders of a file, outermost first; tar.exe creates those with names that cmd.exe can't."""
    above = paths.parent_folder(path)
    missing = folder.missing(target, above) if len(above) > 2 else []
    if missing and "%" in above and file.has_tar(target):
        return []
    if missing:
        folder.check_creatable(target, missing, path)
    return missing


# ---- parts ----


def part_of(path: str) -> str:
    """A new name for the part of a file."""
    return f"{path}.{uuid.uuid4().hex[:8]}.part"


def old_of(path: str) -> str:
    """The name of a file while another one replaces it: the same in every run, so that later ones find what is left."""
    return f"{path}.{hashlib.sha256(paths.key(path).encode()).hexdigest()[:8]}.old"


def put_in_place(target: Target, part: str, path: str, what: str, check: Callable[[], object] = lambda: None) -> None:
    """Give a verified part the name of the file; one that has it already is deleted afterwards.

    If ``check`` of the file raises, everything is as it was before.
    """
    old, moved = old_of(path), False

    def put_back() -> None:
        if not moved or file.fetch_size(target, old) is None:
            return
        if file.fetch_size(target, path) is not None:
            file.rename(target, path, part, what)
        file.rename(target, old, path, what)

    with taken_back(put_back, f"the file that was there may be '{old}' now"):
        if file.fetch_size(target, path) is not None:
            insist(lambda: remove(target, old))
            file.rename(target, path, old, what)
            moved = True
        file.rename(target, part, path, what)
        _check(target, part, path, what, check)
        if moved:
            insist(lambda: remove(target, old))
    if not moved:
        insist(lambda: remove(target, old))  # of a run before


def _check(target: Target, part: str, path: str, what: str, check: Callable[[], object]) -> None:
    try:
        check()
    except HostError:
        file.rename(target, path, part, what)
        raise


@contextlib.contextmanager
def removed_on_failure(target: Target, *parts: str) -> Iterator[None]:
    """Remove parts if the work inside fails. If that fails as well, the error says so, and it counts as a change."""
    try:
        yield
    except HostError as error:
        for part in parts:
            try:
                insist(lambda part=part: remove(target, part))
            except HostError as second:
                may_have_written(f"write '{part}'")
                error.message = f"{error.message.rstrip('.')}. Delete '{part}', which may be left: {second.message}"
        raise


def remove_parts(target: Target, path: str, folders: bool = False) -> None:
    """Remove what an interrupted task has left of a file. A part that is open belongs to another task."""
    drive, inside = path[:2], f"{paths.parent_folder(path)[2:]}\\"
    where = f"Drive = {quote(drive)} AND Path = {quote(inside)}"
    mine = re.compile(rf"{re.escape(path.rpartition(chr(92))[2])}\.[0-9a-f]{{8}}(\.\w+)?\.part", re.IGNORECASE)
    kinds = ((DATA_FILE, file.delete), (FOLDER, file.delete_folder))
    for cls, delete in kinds if folders else kinds[:1]:
        for row in target.client.query(cls, columns=("Name",), where=where):
            if mine.fullmatch(row["Name"].rpartition("\\")[2]):
                since = position()
                with contextlib.suppress(MethodFailed):
                    delete(target, row["Name"])
                    forget(since)


def remove(target: Target, part: str) -> None:
    """Remove a part if it exists, of which the task has reported nothing."""
    since = position()
    file.remove(target, part)
    forget(since)


def sent(target: Target, path: str, content: Content, what: str, timeout: float) -> str:
    """The path of a part with this content, begun again if the connection breaks."""
    for attempt in range(TRIES):
        part = part_of(path)
        try:
            with removed_on_failure(target, part, f"{part}.b64.part"):
                _send(target, part, content, what, timeout)
            return part
        except (WSManError, Unanswered) as lost:
            again = isinstance(lost, Unanswered) or (may_have_run(lost) and is_passing(lost))
            if attempt + 1 == TRIES or not again or "timeout" in lost.details:
                lost.message = f"could not {what}: {lost.message}"
                raise
            target.report(f"{what}: the connection broke, so it is begun again")
    raise AssertionError("the last try returns or raises")


def _send(target: Target, part: str, content: Content, what: str, timeout: float) -> None:
    """Write a part and verify it."""
    pieces = _reported(target, content, what)
    with sending(f"write '{part}'"):
        if file.has_tar(target):
            file.extract(target, part[:3], _archive(part, content, pieces), what, timeout)
        elif content.size:
            _decode(target, part, content, pieces, what, timeout)
        else:
            _save_lines(target, part, (), what, timeout)
    if file.measure(target, part) != (content.size, content.checksum):
        raise MethodFailed(f"could not {what}: it arrived with another checksum; run the task again", path=part)


def _archive(part: str, content: Content, pieces: Iterable[bytes]) -> Iterator[bytes]:
    """A tar archive with the part as its only file."""
    member = tarfile.TarInfo(part[3:].replace("\\", "/"))
    member.mode, member.mtime, member.size = 0o755, int(time.time()), content.size
    yield member.tobuf(tarfile.PAX_FORMAT)
    yield from pieces
    yield b"\0" * (-content.size % _BLOCK + 2 * _BLOCK)


# ---- without tar.exe, which Windows Server 2016 lacks ----


def _decode(target: Target, part: str, content: Content, pieces: Iterable[bytes], what: str, timeout: float) -> None:
    """Send base64, which no code page changes, and let certutil.exe decode it."""
    if content.size > MOST_DECODED:
        raise Refused(
            f"could not {what}: it has {content.size >> 20} MB, and at most {MOST_DECODED >> 20} MB can be sent to a "
            f"Windows without tar.exe (this is build {program.build(target)}). Copy the file by SMB"
        )
    encoded = f"{part}.b64.part"
    _save_lines(target, encoded, _lines(pieces), what, timeout)
    certutil = program.system(target, "certutil.exe")
    result = program.run(target, certutil, "-f", "-decode", encoded, part, timeout=timeout)
    if result.code:
        raise file.failed(result, what)
    remove(target, encoded)


def _save_lines(target: Target, path: str, lines: Iterable[bytes], what: str, timeout: float) -> None:
    """Let findstr.exe copy lines of text, of which "^" finds all, to a file; without any line it is empty."""
    if "%" in path:
        raise Refused(
            f"could not {what}: a path with % needs tar.exe, which Windows has from build 17063 on", path=path
        )
    command = ("findstr", "^", Operator(">"), path)
    cmd = program.system(target, "cmd.exe")
    result = program.run(target, cmd, *folder.CMD, *command, stdin=lines or b"", timeout=timeout)
    if result.code and lines:  # its code is 1 if it finds no line
        raise file.failed(result, what)


def _lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Octets as certutil.exe -encode writes them."""
    yield _BEGIN
    rest = b""
    for piece in pieces:
        rest += piece
        whole = len(rest) - len(rest) % _LINE
        yield base64.encodebytes(rest[:whole]).replace(b"\n", b"\r\n")
        rest = rest[whole:]
    yield base64.encodebytes(rest).replace(b"\n", b"\r\n") + _END


# ---- content ----


def _pieces(octets: bytes | Path, option: str) -> Iterator[bytes]:
    if isinstance(octets, bytes):
        yield from (octets[at : at + _PIECE] for at in range(0, len(octets), _PIECE))
        return
    try:
        with octets.open("rb") as stream:
            while piece := stream.read(_PIECE):
                yield piece
    except OSError as error:
        raise Invalid(f"'{octets}' can't be read on the control node: {error.strerror}", option=option) from error


def _reported(target: Target, content: Content, what: str) -> Iterator[bytes]:
    """The octets; every few seconds, a line reports how many are sent."""
    sent, reported = 0, time.monotonic()
    for piece in content.pieces():
        yield piece
        sent += len(piece)
        if time.monotonic() - reported >= REPORT_EVERY:
            reported = time.monotonic()
            target.report(f"{what}: {sent >> 20} of {content.size >> 20} MB")


def _text(octets: bytes | Path) -> str | None:
    """Content as the text that check mode keeps, None if it is none or too long."""
    if isinstance(octets, Path) or len(octets) > MOST_REMEMBERED:
        return None
    try:
        return octets.decode()
    except UnicodeDecodeError:
        return None
