"""tar.exe (bsdtar): archives in files or on the standard streams, extracted (-x), listed (-t) or created (-c).

It recognizes zip, and tar as it is or compressed by gzip, bzip2 or xz, whatever the name of the file.
"""

from __future__ import annotations

import io
import lzma
import ntpath
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from ...machine.files import FileError
from .command_line import split
from .process import Context, Steps

FAILED = 1
_MODES = {"x": "r", "t": "r", "c": "w"}
_COMPRESSIONS = {"z": "gz", "j": "bz2", "J": "xz"}


class Unreadable(Exception):
    """The sentence about an archive."""


class Options(NamedTuple):
    mode: str
    flags: frozenset[str]
    file: str
    directory: str
    names: tuple[str, ...]
    strip: int = 0  # leading parts of names that are left out (bsdtar(1), --strip-components)


def main(context: Context) -> Steps:
    options = _parse(context)
    if options is None:
        raise NotImplementedError(f"the simulator's tar.exe knows -x, -t and -c with -f: {context.command_line}")
    if options.directory != context.directory and not context.machine.files.has_folder(options.directory):
        return _failed(context, f"could not chdir to '{options.directory}'", delayed=False)
    try:
        if options.mode == "c":
            _create(context, options)
            return 0
        content = (yield from context.read_all()) if options.file == "-" else _read(context, options.file)
        members = [member for member in _members(content) if not options.names or _wanted(member[0], options.names)]
        for name, data in members:
            if options.mode == "t":
                context.out(f"{name}\r\n")
                continue
            if "v" in options.flags:
                context.err(f"x {name}\r\n")
            if rest := "/".join(name.split("/")[options.strip :]):
                _extract(context, options.directory, rest, data)
        missing = [name for name in options.names if not any(_wanted(member, (name,)) for member, _data in members)]
        if missing:
            for name in missing:
                context.err(f"{_self(context)}: {name}: Not found in archive\r\n")
            return _failed(context, "Error exit delayed from previous errors.", delayed=False)
    except Unreadable as error:
        return _failed(context, str(error), delayed=False)
    except FileError as error:
        return _failed(context, f"{error.path}: {_sentence(error)}")
    return 0


def _parse(context: Context) -> Options | None:
    """bsdtar's options: bundled letters, of which f and C take the next word or the rest of their own."""
    words = list(context.arguments)
    flags: set[str] = set()
    file, directory, names, strip = "", context.directory, [], 0
    first = True
    while words:
        word = words.pop(0)
        if not word.startswith("-") and not first:
            names.append(word)
        elif word.partition("=")[0] == "--strip-components":
            count = word.partition("=")[2] or (words.pop(0) if words else "")
            strip = int(count) if count.isdigit() else 0
        elif word.startswith("--"):
            return None
        else:
            letters = word.removeprefix("-")
            while letters:
                letter, letters = letters[0], letters[1:]
                if letter not in "fC":
                    flags.add(letter)
                    continue
                value = letters if letters and word.startswith("-") else words.pop(0) if words else ""
                letters = "" if value == letters else letters
                if letter == "f":
                    file = value
                else:
                    directory = _path(directory, value)
        first = False
    modes = [mode for mode in _MODES if mode in flags]
    if len(modes) != 1 or not file or flags - {*_MODES, *_COMPRESSIONS, "v", "k", "m"}:
        return None
    return Options(modes[0], frozenset(flags), file, directory, tuple(names), strip)


def _path(directory: str, name: str) -> str:
    return ntpath.normpath(ntpath.join(directory, name.replace("/", "\\")))


def _self(context: Context) -> str:
    return ntpath.basename(split(context.command_line)[0])


def _failed(context: Context, sentence: str, *, delayed: bool = True) -> int:
    context.err(f"{_self(context)}: {sentence}\r\n")
    if delayed:
        context.err(f"{_self(context)}: Error exit delayed from previous errors.\r\n")
    return FAILED


def _sentence(error: FileError) -> str:
    texts = {2: "No such file or directory", 3: "No such file or directory", 5: "Permission denied"}
    return {**texts, 112: "Write failed"}.get(error.hresult & 0xFFFF, "Can't open")


def _read(context: Context, name: str) -> bytes:
    try:
        return context.machine.files.read(_path(context.directory, name))
    except FileError as error:
        raise Unreadable(f"Error opening archive: Failed to open '{name}'") from error


def _members(content: bytes) -> Iterator[tuple[str, bytes | None]]:
    """Names and contents of an archive, in its order; None is the content of a folder."""
    try:
        # The header of a tar bids more than the end of a zip, which the last file of a tar may be (WIN-13).
        if content[257:262] != b"ustar" and zipfile.is_zipfile(io.BytesIO(content)):
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                for entry in archive.infolist():
                    yield entry.filename, None if entry.is_dir() else archive.read(entry)
            return
        with tarfile.open(fileobj=io.BytesIO(content)) as source:
            for member in source:
                if member.isdir():
                    yield f"{member.name}/", None
                elif data := source.extractfile(member):
                    yield member.name, data.read()
    except (tarfile.ReadError, zipfile.BadZipFile) as error:
        raise Unreadable("Error opening archive: Unrecognized archive format") from error
    except (EOFError, zlib.error, lzma.LZMAError, tarfile.TarError) as error:
        raise Unreadable("Truncated input file (needed 512 bytes, only 0 available)") from error


def _wanted(member: str, names: tuple[str, ...]) -> bool:
    clean = member.rstrip("/")
    return any(clean == name.rstrip("/") or clean.startswith(f"{name.rstrip('/')}/") for name in names)


def _extract(context: Context, directory: str, name: str, data: bytes | None) -> None:
    """bsdtar refuses names with `..`, and takes a leading slash or drive away."""
    if ".." in name.split("/"):
        raise Unreadable(f"{name}: Path contains '..'")
    path = _path(directory, name.lstrip("/"))
    if data is None:
        context.machine.files.make_folder(path)
    else:
        context.machine.files.fill(path, data)


def _create(context: Context, options: Options) -> None:
    target = io.BytesIO()
    compression = next((name for letter, name in _COMPRESSIONS.items() if letter in options.flags), "")
    with tarfile.open(fileobj=target, mode=f"w:{compression}") as archive:
        for name in options.names:
            content = context.machine.files.read(_path(options.directory, name))
            member = tarfile.TarInfo(name.replace("\\", "/"))
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    if options.file == "-":
        context.out(target.getvalue())
    else:
        context.machine.files.write(_path(context.directory, options.file), target.getvalue())
