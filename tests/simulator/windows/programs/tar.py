"""tar.exe (bsdtar): archives from standard input to files (-x -f -) and from files to standard output (-c -f -)."""

from __future__ import annotations

import io
import ntpath
import tarfile

from ...machine.files import FileError
from .process import Context, Steps

FAILED = 1


def main(context: Context) -> Steps:
    words = list(context.arguments)
    directory = context.directory
    if "-C" in words[:-1]:
        at = words.index("-C")
        directory = ntpath.normpath(ntpath.join(directory, words[at + 1]))
        del words[at : at + 2]
    flags = "".join(word.lstrip("-") for word in words[:1]) + "".join(word[1:] for word in words[1:] if word[:1] == "-")
    names = [word for word in words[1:] if word[:1] != "-"]
    if "f" not in flags or "-" not in words or not set(flags) & {"x", "c"}:
        raise NotImplementedError(f"the simulator's tar.exe knows -x and -c with -f -: {context.command_line}")
    if not context.machine.files.has_folder(directory):
        context.err(f"tar.exe: could not chdir to '{directory}'\r\n")
        return FAILED
    try:
        if "x" in flags:
            _extract(context, directory, (yield from context.read_all()))
        else:
            context.out(_archive(context, directory, names))
    except (FileError, tarfile.TarError) as error:
        context.err(f"tar.exe: {error}\r\ntar.exe: Error exit delayed from previous errors.\r\n")
        return FAILED
    return 0


def _extract(context: Context, directory: str, archive: bytes) -> None:
    files = context.machine.files
    with tarfile.open(fileobj=io.BytesIO(archive)) as source:
        for member in source:
            path = ntpath.normpath(ntpath.join(directory, member.name))
            if member.isdir():
                files.make_folder(path)
            elif content := source.extractfile(member):
                files.write(path, content.read())


def _archive(context: Context, directory: str, names: list[str]) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as archive:
        for name in names:
            content = context.machine.files.read(ntpath.normpath(ntpath.join(directory, name)))
            member = tarfile.TarInfo(name.replace("\\", "/"))
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return target.getvalue()
