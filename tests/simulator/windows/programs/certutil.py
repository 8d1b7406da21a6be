"""certutil.exe -hashfile (recorded output of builds since 14393) and -decode (its help)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import ntpath
import re

from ...machine.files import FILE_EXISTS, FileError
from .process import Context

ALGORITHMS = ("md5", "sha1", "sha256", "sha384", "sha512")
USAGE, INVALID_DATA = 0x80070057, 0x8007000D
_PEM = re.compile(rb"-----(?:BEGIN|END) [A-Z ]+-----")


def main(context: Context) -> int:
    options = [word.lower().lstrip("-/") for word in context.arguments if word[:1] in "-/"]
    words = [word for word in context.arguments if word[:1] not in "-/"]
    match options, len(words):
        case ["hashfile"], 1 | 2:
            return _hash(context, words)
        case ["decode"] | ["f", "decode"], 2:
            return _decode(context, words, overwrites="f" in options)
    raise NotImplementedError(f"the simulator's certutil.exe knows -hashfile and -decode: {context.command_line}")


def _path(context: Context, name: str) -> str:
    return ntpath.normpath(ntpath.join(context.directory, name))


def _decode(context: Context, words: list[str], *, overwrites: bool) -> int:
    """Base64, with or without the lines around a certificate, into a file, which is replaced with -f only."""
    files = context.machine.files
    try:
        text = _PEM.sub(b"", files.read(_path(context, words[0])))
        target = _path(context, words[1])
        if files.get(target) and not overwrites:
            raise FileError(FILE_EXISTS, target)
        content = base64.b64decode(b"".join(text.split()), validate=True)
        files.fill(target, content)
    except (FileError, binascii.Error) as error:
        code = error.hresult if isinstance(error, FileError) else INVALID_DATA
        context.out(f"DecodeFile returned 0x{code:08x} (WIN32: {code & 0xFFFF})\r\n")
        context.out(f"CertUtil: -decode command FAILED: 0x{code:08x} (WIN32: {code & 0xFFFF})\r\n")
        return code
    context.out(f"Input Length = {len(text)}\r\nOutput Length = {len(content)}\r\n")
    context.out("CertUtil: -decode command completed successfully.\r\n")
    return 0


def _hash(context: Context, words: list[str]) -> int:
    algorithm = words[1] if len(words) > 1 else "SHA1"
    if algorithm.lower() not in ALGORITHMS:
        return USAGE
    try:
        content = context.machine.files.read(_path(context, words[0]))
    except FileError as error:
        name = {2: "ERROR_FILE_NOT_FOUND", 3: "ERROR_PATH_NOT_FOUND"}.get(error.hresult & 0xFFFF, "")
        code = f"0x{error.hresult:08x} (WIN32: {error.hresult & 0xFFFF} {name})"
        context.out(f"CertUtil: -hashfile command FAILED: {code}\r\nCertUtil: {_TEXTS.get(name, '')}\r\n")
        return error.hresult
    context.out(f"{algorithm.upper()} hash of {words[0]}:\r\n{hashlib.new(algorithm.lower(), content).hexdigest()}\r\n")
    context.out("CertUtil: -hashfile command completed successfully.\r\n")
    return 0


_TEXTS = {
    "ERROR_FILE_NOT_FOUND": "The system cannot find the file specified.",
    "ERROR_PATH_NOT_FOUND": "The system cannot find the path specified.",
}
