"""certutil.exe -hashfile (recorded output of builds since 14393)."""

from __future__ import annotations

import hashlib
import ntpath

from ...machine.files import FileError
from .process import Context

ALGORITHMS = ("md5", "sha1", "sha256", "sha384", "sha512")
USAGE = 0x80070057


def main(context: Context) -> int:
    words = context.arguments
    if len(words) < 2 or words[0].lower().lstrip("-/") != "hashfile":
        raise NotImplementedError(f"the simulator's certutil.exe knows -hashfile: {context.command_line}")
    algorithm = words[2] if len(words) > 2 else "SHA1"
    if algorithm.lower() not in ALGORITHMS:
        return USAGE
    try:
        content = context.machine.files.read(ntpath.normpath(ntpath.join(context.directory, words[1])))
    except FileError as error:
        name = {2: "ERROR_FILE_NOT_FOUND", 3: "ERROR_PATH_NOT_FOUND"}.get(error.hresult & 0xFFFF, "")
        code = f"0x{error.hresult:08x} (WIN32: {error.hresult & 0xFFFF} {name})"
        context.out(f"CertUtil: -hashfile command FAILED: {code}\r\nCertUtil: {_TEXTS.get(name, '')}\r\n")
        return error.hresult
    context.out(f"{algorithm.upper()} hash of {words[1]}:\r\n{hashlib.new(algorithm.lower(), content).hexdigest()}\r\n")
    context.out("CertUtil: -hashfile command completed successfully.\r\n")
    return 0


_TEXTS = {
    "ERROR_FILE_NOT_FOUND": "The system cannot find the file specified.",
    "ERROR_PATH_NOT_FOUND": "The system cannot find the path specified.",
}
