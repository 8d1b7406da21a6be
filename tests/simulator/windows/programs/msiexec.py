"""msiexec.exe: /i and /x with /qn, properties and a log (Microsoft Learn, "Command-Line Options" of Windows Installer).

It has no console: nothing is written to standard output. With a window it waits for somebody to close it.
"""

from __future__ import annotations

import codecs
import ntpath
import re

from ...machine.contents import read_msi
from ...machine.files import FileError
from ..installer import FAILED, INVALID, NOT_OPENED, UNKNOWN_PRODUCT
from .process import Context, Steps

BAD_COMMAND_LINE = 1639
FOREVER = 10.0**9
_PROPERTY = re.compile(r"([A-Za-z_][\w.]*)=(.*)", re.DOTALL)
_LOG = re.compile(r"[/-]l(?:og|[iwearucmopvx*+!]*)", re.IGNORECASE)
_INSTALL, _REMOVE = ("i", "package"), ("x", "uninstall")
_WITH_VALUE = (*_INSTALL, *_REMOVE)
_FLAGS = ("qn", "quiet", "q", "norestart", "passive", "qb", "qb!", "qb-", "promptrestart", "forcerestart")


class Options:
    """What the command line asks for; ValueError for what it can't."""

    def __init__(self, arguments: tuple[str, ...]) -> None:
        self.action, self.target, self.log = "", "", ""
        self.quiet = False
        self.properties: dict[str, str] = {}
        words = list(arguments)
        while words:
            word = words.pop(0)
            name = word[1:].lower() if word[:1] in "/-" else ""
            if found := _PROPERTY.fullmatch(word):
                self.properties[found[1].upper()] = found[2]
            elif name in _WITH_VALUE and words:
                self.action, self.target = name, words.pop(0)
            elif _LOG.fullmatch(word) and words:
                self.log = words.pop(0)
            elif name in _FLAGS:
                self.quiet |= name in ("qn", "quiet", "q")
            else:
                raise ValueError(word)
        if not self.action:
            raise ValueError("no action")


def main(context: Context) -> Steps:
    try:
        options = Options(context.arguments)
    except ValueError:
        yield from _window(context)
        return BAD_COMMAND_LINE
    if not options.quiet:
        yield from _window(context)
    code, text, product = yield from _run(context, options)
    if options.log:
        _write_log(context, options, code, text, product)
    return code


def _window(context: Context) -> Steps:
    """A window that nobody sees in the session of services (WIN-22)."""
    yield FOREVER
    return 0


def _run(context: Context, options: Options) -> Steps:
    """Exit code, the sentence that an error message has, and the product."""
    installer = context.machine.installer
    package = None
    if options.target.startswith("{"):
        code = options.target.upper()
    else:
        try:
            content = context.machine.files.need(ntpath.join(context.directory, options.target)).content
        except FileError:
            return NOT_OPENED, "", options.target
        package = read_msi(content)
        if package is None:
            return INVALID, "", options.target
        code = package["code"]
    known = next((one for one in context.machine.software.packages() if one.code.upper() == code), None)
    product = package["product"] if package else known.name if known else code
    if context.user and not context.user.administrator:
        return FAILED, f"Product: {product} -- Error 1925. You do not have sufficient privileges.", product
    if options.action in _REMOVE:
        if known is None:
            return UNKNOWN_PRODUCT, "", product
        if installer.busy:
            return 1618, "", product
        yield installer.later(lambda: installer.take(known.code))
        return installer.settings["exit_code"], "", product
    if package is None:
        return UNKNOWN_PRODUCT, "", product
    refused, text = installer.install(package, options.properties)
    if refused:
        return refused, text, product
    yield installer.later(lambda: installer.put(package))
    return installer.settings["exit_code"], "", product


def _write_log(context: Context, options: Options, code: int, text: str, product: str) -> None:
    """UTF-16 with a byte order mark; the lines that the last ones of a verbose log are known to be."""
    done = "Removal" if options.action in _REMOVE else "Installation"
    how = "completed successfully" if code in (0, 3010) else "failed"
    lines = [
        f"=== Verbose logging started: {context.machine.clock.now():%m/%d/%Y  %H:%M:%S}  Build type: SHIP UNICODE "
        "5.00.10011.00  Calling process: C:\\Windows\\system32\\msiexec.exe ===",
        *(f"MSI (s) (A0:9C) Product: {product} -- {line}" for line in text.splitlines()),
        f"MSI (s) (A0:9C) Product: {product} -- {done} {how}.",
        f"MSI (c) (90:B4) MainEngineThread is returning {code}",
        "=== Verbose logging stopped ===",
        "",
    ]
    path = ntpath.normpath(ntpath.join(context.directory, options.log))
    if context.machine.files.has_folder(ntpath.dirname(path)):
        context.machine.files.write(path, codecs.BOM_UTF16_LE + "\r\n".join(lines).encode("utf-16-le"))
