"""curl.exe: downloads to a file or to standard output (man page of curl; sentences of version 8)."""

from __future__ import annotations

import ntpath
from urllib.parse import urlsplit

from ...machine.files import FileError
from ..web import Answer
from .process import Context, Steps

USAGE, REDIRECTS = 2, 47
HTTP_ERROR, WRITE_ERROR = 22, 23
_REVOCATION = (
    "schannel: next InitializeSecurityContext failed: CRYPT_E_REVOCATION_OFFLINE (0x80092013) - The revocation "
    "function was unable to check revocation because the revocation server was offline."
)
_UNTRUSTED = (
    "schannel: SEC_E_UNTRUSTED_ROOT (0x80090325) - The certificate chain was issued by an "
    "authority that is not trusted."
)
_FAILURES = {
    "resolve": (6, "Could not resolve host: {host}"),
    "connect": (7, "Failed to connect to {host} port {port} after 2041 ms: Could not connect to server"),
    "timeout": (28, "Operation timed out after 30001 milliseconds with 0 bytes received"),
    "revocation": (35, _REVOCATION),
    "untrusted": (60, _UNTRUSTED),
}
# What --retry tries again.
_TRANSIENT_CODES, _TRANSIENT_STATUS = (6, 28), (408, 429, 500, 502, 503, 504, 522, 524)
_FLAGS = {
    "-f": "fail",
    "-g": "globoff",
    "-s": "silent",
    "-S": "show-error",
    "-L": "location",
    "-k": "insecure",
    "-O": "remote-name",
    "-C": "continue-at",
    "-o": "output",
    "-x": "proxy",
    "-m": "max-time",
    "-H": "header",
    "-w": "write-out",
    "-A": "user-agent",
    "-I": "head",
}
_WITH_VALUE = {"output", "proxy", "retry", "retry-delay", "retry-max-time", "max-time", "connect-timeout", "header"}
_WITH_VALUE |= {"write-out", "user-agent", "continue-at", "stderr"}
_WITHOUT = {"fail", "silent", "show-error", "location", "insecure", "remote-name", "ssl-no-revoke", "create-dirs"}
_WITHOUT |= {"head", "globoff", "no-progress-meter", "retry-all-errors", "retry-connrefused", "compressed"}
_METER = (
    "  % Total    % Received % Xferd  Average Speed   Time    Time     Time  Current\r\n"
    "                                 Dload  Upload   Total   Spent    Left  Speed\r\n"
)


class Options(dict[str, str]):
    """Values by long name, and the URLs; ValueError for an option that isn't known here."""

    def __init__(self, arguments: tuple[str, ...]) -> None:
        super().__init__()
        self.urls: list[str] = []
        words = list(arguments)
        while words:
            word = words.pop(0)
            if word[:2] == "--":
                self._set(word[2:], words)
            elif word[:1] == "-" and len(word) > 1:
                self._letters(word[1:], words)
            else:
                self.urls.append(word)

    def _letters(self, letters: str, words: list[str]) -> None:
        for at, letter in enumerate(letters):
            name = _FLAGS.get(f"-{letter}", "")
            if name in _WITH_VALUE:
                rest = letters[at + 1 :]
                self._set(name, [rest] if rest else words)
                return
            self._set(name, words)

    def _set(self, name: str, words: list[str]) -> None:
        if name in _WITHOUT:
            self[name] = ""
        elif name in _WITH_VALUE and words:
            self[name] = words.pop(0)
        else:
            raise ValueError(name)


def main(context: Context) -> Steps:
    try:
        options = Options(context.arguments)
    except ValueError as error:
        context.err(f"curl: option --{error}: is unknown\r\ncurl: try 'curl --help' for more information\r\n")
        return USAGE
    if len(options.urls) != 1:
        context.err("curl: (2) no URL specified\r\n")
        return USAGE
    url = options.urls[0]
    if options.get("stderr") == "-":  # what would be written to standard error
        context = _Merged(**vars(context))
    if _has_meter(options):
        context.err(_METER)
    delay, left = float(options.get("retry-delay") or 1), int(options.get("retry") or 0)
    while True:
        answer, code, text = yield from _try(context, options, url)
        transient = code in _TRANSIENT_CODES or (code in (0, HTTP_ERROR) and answer.status in _TRANSIENT_STATUS)
        transient |= code == 7 and "retry-connrefused" in options
        if not left or not (transient or (code and "retry-all-errors" in options)):
            break
        left -= 1
        yield delay
        delay *= 1 if options.get("retry-delay") else 2
    if code and ("silent" not in options or "show-error" in options):
        context.err(f"curl: ({code}) {text}\r\n")
    if "write-out" in options:
        status = answer.status if code in (0, HTTP_ERROR) else 0
        context.out(options["write-out"].replace("%{http_code}", f"{status:03}").replace("\\n", "\n"))
    return code


class _Merged(Context):
    """A program whose standard error goes to its standard output."""

    def err(self, content: str | bytes) -> None:
        self.out(content)


def _has_meter(options: Options) -> bool:
    return "silent" not in options and ("output" in options or "remote-name" in options)


def _meter(context: Context, options: Options, done: int, size: int) -> None:
    """A line of the meter, which replaces the line before it."""
    if _has_meter(options):
        percent = 100 * done // size if size else 100
        columns = (
            f"{percent:3} {size:5}  {percent:3} {done:5}    0     0    100      0  0:00:10  0:00:05  0:00:05   100"
        )
        context.err(f"\r{columns}")


def _try(context: Context, options: Options, url: str) -> Steps:
    """The last answer, the exit code and its sentence."""
    proxy = options.get("proxy") or context.variable(f"{urlsplit(url).scheme}_proxy") or ""
    for _redirect in range(50):
        answer = context.machine.web.get(url, proxy)
        if answer.fails == "revocation" and "ssl-no-revoke" in options:
            answer = Answer(answer.content, answer.status, answer.redirect, answer.seconds)
        if answer.fails and not (answer.fails == "untrusted" and "insecure" in options):
            if answer.seconds:
                yield answer.seconds
            code, text = _FAILURES[answer.fails]
            parts = urlsplit(url)
            port = parts.port or (443 if parts.scheme == "https" else 80)
            return answer, code, text.format(host=parts.hostname, port=port)
        if not answer.redirect or "location" not in options:
            break
        url = answer.redirect
    else:
        return answer, REDIRECTS, "Maximum (50) redirects followed"
    if answer.status >= 400 and "fail" in options:
        return answer, HTTP_ERROR, f"The requested URL returned error: {answer.status}"
    if "head" in options:
        context.out(f"HTTP/1.1 {answer.status} OK\r\nContent-Length: {len(answer.content)}\r\n\r\n")
        return answer, 0, ""
    return (yield from _save(context, options, url, answer))


def _save(context: Context, options: Options, url: str, answer: Answer) -> Steps:
    """Half of the content comes halfway, so that an interrupted download leaves a part of a file."""
    name = options.get("output") or (urlsplit(url).path.rpartition("/")[2] if "remote-name" in options else "")
    if not name:
        if answer.seconds:
            yield answer.seconds
        context.out(answer.content)
        return answer, 0, ""
    path = ntpath.normpath(ntpath.join(context.directory, name.replace("/", "\\")))
    files = context.machine.files
    if not files.has_folder(ntpath.dirname(path)) and "create-dirs" not in options:
        if "silent" not in options or "show-error" in options:
            context.err(f"Warning: Failed to open the file {name}: No such file or directory\r\n")
        return answer, WRITE_ERROR, "Failure writing output to destination"
    try:
        if answer.seconds:
            yield answer.seconds / 2
            half = answer.content[: len(answer.content) // 2]
            files.fill(path, half)
            _meter(context, options, len(half), len(answer.content))
            yield answer.seconds / 2
        files.fill(path, answer.content)
        _meter(context, options, len(answer.content), len(answer.content))
    except FileError:
        return answer, WRITE_ERROR, "Failure writing output to destination"
    return answer, 0, ""
