# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A file to install: a path on the target, or a URL that the target can reach, with its checksum."""

from __future__ import annotations

import hashlib
import ntpath
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import NamedTuple

from .._task.answer import Output, answer_of, insist
from .._task.errors import Invalid, Missing, Refused
from .._task.journal import recording, wrote
from .._task.session import Target
from .._wsman.faults import HostError
from .._wsman.url import without_secrets
from . import curl, file, paths, program
from .foreseen import name_of, recall

_URL = re.compile(r"(https?)://([^/\s?#]+)([^?#]*)\S*", re.IGNORECASE)
_CHECKSUM = re.compile(r"(?:(md5|sha1|sha256|sha384|sha512):)?(?:0x)?([0-9a-f]+)", re.IGNORECASE)
_ALGORITHMS = {digits: algorithm for algorithm, digits in file.DIGITS.items()}
_WEAK = ("MD5", "SHA1")


class Source(NamedTuple):
    """Where the file is, and its digest (lower case), empty if the task has none; with the names of the options."""

    location: str
    digest: str = ""
    option: str = "source"
    checksum_option: str = "checksum"

    @property
    def is_url(self) -> bool:
        return bool(_URL.fullmatch(self.location))

    @property
    def shown(self) -> str:
        """The location as messages contain it."""
        return without_secrets(self.location)

    @property
    def name(self) -> str:
        """The name of the file, without a folder."""
        found = _URL.fullmatch(self.location)
        return (found[3] if found else self.location.replace("\\", "/")).rpartition("/")[2]


def parse(location: str, checksum: str | None, option: str = "source", checksum_option: str = "checksum") -> Source:
    """The source that a task names. Raises Invalid."""
    digest = parse_checksum(checksum, checksum_option)
    if "://" in location:
        url = _URL.fullmatch(location)
        if not url:
            raise Invalid(
                f"'{without_secrets(location)}' is not a URL that begins with https:// or http://", option=option
            )
        if "@" in url[2]:
            raise Invalid("contains credentials, which the list of processes of the target would show", option=option)
        if not digest and location.lower().startswith("http:"):
            raise Invalid(
                "is required for a URL without encryption (http), so that only the file that is meant is installed",
                option=checksum_option,
            )
        return Source(location, digest, option, checksum_option)
    return Source(file.check_path(location, option), digest, option, checksum_option)


def parse_checksum(checksum: str | None, option: str, weak: bool = False) -> str:
    """The digest of a checksum in lower case, empty without one; MD5 and SHA1 if ``weak``. Raises Invalid."""
    if checksum is None:
        return ""
    found = _CHECKSUM.fullmatch(checksum.strip())
    algorithm = _ALGORITHMS.get(len(found[2]), "") if found else ""
    if not algorithm or (found[1] and algorithm != found[1].upper()) or (algorithm in _WEAK and not weak):
        more = ", sha1 and md5 with 40 and 32" if weak else ""
        raise Invalid(
            f"'{checksum}' is not a checksum: write sha256:… with 64 hexadecimal digits (sha384 and sha512 with 96 "
            f"and 128{more})",
            option=option,
        )
    return found[2].lower()


def algorithm_of(digest: str) -> str:
    """The algorithm of a digest, by the number of its digits."""
    return _ALGORITHMS[len(digest)]


def check(target: Target, source: Source, timeout: float) -> None:
    """Raise Missing or Refused if a file on the target does not exist or has another checksum; URLs are not asked."""
    if source.is_url:
        return
    if file.fetch_size(target, source.location) is None:
        raise Missing(
            f"'{source.location}' does not exist on {target.name}. Copy it there first (guest_file), or set a URL",
            option=source.option,
            path=source.location,
        )
    if source.digest:
        _compare(target, source, source.location, timeout)


@contextmanager
def local(target: Target, source: Source, timeout: float) -> Iterator[str]:
    """The path of the file, whose checksum is right; a downloaded one is removed afterwards."""
    path = path_of(target, source)
    downloaded = passing(target, f"download {source.shown} to '{path}'", lambda: file.remove(target, path))
    with downloaded if source.is_url else nullcontext():
        if source.is_url:
            with recording():
                download(target, source, path, timeout)
                if source.digest:
                    _compare(target, source, path, timeout)
        yield path


@contextmanager
def passing(target: Target, what: str, undo: Callable[[], object]) -> Iterator[None]:
    """Something on the target that the work inside needs, and that is removed afterwards: no change, unless it stays.

    Write it within recording(). Windows that restarts, or does not answer for a while, is waited for.
    """
    try:
        yield
    finally:
        try:
            with recording():
                insist(undo)
        except HostError as error:
            wrote(what)
            target.warn(f"{target.name}: what the task needed could not be removed again ({what}): {error.message}")


def path_of(target: Target, source: Source) -> str:
    """Where the file is on the target; that of a URL has a name of its own in the folder for temporary files."""
    if not source.is_url:
        return source.location
    mark = hashlib.sha256(source.location.encode()).hexdigest()[:12]
    return temporary(target, f"{mark}{ntpath.splitext(source.name)[1]}")


def temporary(target: Target, name: str) -> str:
    """The path of a file of this collection in the folder for temporary files of Windows."""
    windows = ntpath.dirname(ntpath.dirname(program.system(target, name)))
    return ntpath.join(windows, "Temp", f"nested_hyperv_{name}")


def download(target: Target, source: Source, path: str, timeout: float) -> None:
    """Download a file with curl.exe. Raises MethodFailed with its reason."""
    what = f"download {source.shown}"

    def write() -> Output:
        curl.download(target, source.location, path, what, source.option, timeout)
        return {}

    def look() -> Output | None:
        """The download is complete if its checksum is right; without one nobody can know."""
        if not source.digest or file.fetch_size(target, path) is None:
            return None
        return {} if checksum(target, path, _ALGORITHMS[len(source.digest)], timeout) == source.digest else None

    answer_of(target, what, write, look)


def checksum(target: Target, path: str, algorithm: str = "SHA256", timeout: float = program.TIMEOUT) -> str:
    """The digest of a file on the target, in lower case; empty if check mode can't know it. Raises MethodFailed."""
    foreseen = recall(target, name_of("file", paths.key(path)), dict)
    if foreseen:
        return foreseen["checksum"] if algorithm == "SHA256" else ""
    found = file.digest(target, path, algorithm, timeout)
    if found is None:
        raise Missing(f"'{path}' does not exist on {target.name}", path=path)
    return found


def _compare(target: Target, source: Source, path: str, timeout: float) -> None:
    found = checksum(target, path, _ALGORITHMS[len(source.digest)], timeout)
    if found and found != source.digest:
        raise Refused(
            f"{source.shown} has the checksum {found}, not {source.digest}. Nothing was installed"
            + (", and the downloaded file is removed" if source.is_url else ""),
            option=source.checksum_option,
            checksum=found,
            expected=source.digest,
        )
