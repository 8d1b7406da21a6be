# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""curl.exe of Windows: downloads, and the meaning of its exit codes."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

from .._task.errors import MethodFailed, Refused
from .._task.session import Target
from .._task.wait import REPORT_EVERY
from .._wsman.url import without_secrets
from . import program

_CONNECT = ("--connect-timeout", "30")
_LOOK_TIMEOUT = 90.0  # seconds for the headers of a file
_HTTP_ERROR, WRITE_ERROR = 22, 23

# Exit codes (man curl, "Exit codes"), for messages.
REASONS = {
    3: "the URL is malformed",
    5: "the name of the proxy can't be resolved",
    6: "the name of the server can't be resolved",
    7: "the server can't be reached",
    18: "the server sent a part of the file only",
    22: "the server answered with an error, such as 404",
    23: "the file can't be written",
    28: "the server did not answer in time",
    35: "no TLS connection to the server could be made",
    47: "the server redirects in a circle",
    52: "the server answered nothing",
    55: "the connection broke",
    56: "the connection broke",
    60: "the certificate of the server is not trusted",
    77: "the certificates of authorities can't be read",
    92: "the connection broke",
    97: "the proxy refuses the connection",
}
_LENGTH = re.compile(r"^content-length:\s*(\d+)\s*$", re.IGNORECASE | re.MULTILINE)
# A line of the meter: percent and size of all.
_METER = re.compile(rb"[\r\n]\s*(\d{1,3})\s+([\d.]+[kMGTP]?)\s")


def check_available(target: Target, option: str) -> None:
    """Raise Refused if Windows has no curl.exe."""
    if program.build(target) < program.FIRST_WITH_CURL:
        raise Refused(
            "can't be a URL, because Windows has curl.exe from Windows 10 version 1803 and Windows Server 2019 on, and "
            f"this is build {program.build(target)}. Copy the file to {target.name} in another way, and set its path",
            option=option,
        )


def fetch_size(target: Target, url: str, option: str, proxy: str = "") -> int | None:
    """The size of the file behind a URL, None if the server does not say. Raises Refused if it can't be reached."""
    check_available(target, option)
    arguments = ("-gfsSIL", *_CONNECT, *_proxied(proxy), url)
    result = program.run(
        target, program.system(target, "curl.exe"), *arguments, reads=True, stdin=b"", timeout=_LOOK_TIMEOUT
    )
    if result.code == _HTTP_ERROR:
        return None  # some servers refuse HEAD alone, so the download has the last word
    if result.code:
        raise Refused(
            _sentence(target, f"reach {without_secrets(url)}", option, result), option=option, **_details(result, url)
        )
    lengths = _LENGTH.findall(result.text)
    return int(lengths[-1]) if lengths else None


def download(target: Target, url: str, path: str, what: str, option: str, timeout: float, proxy: str = "") -> None:
    """Download a file; its progress is reported. Raises MethodFailed with the reason."""
    check_available(target, option)
    target.report(what)
    # The meter goes to standard output, which comes while the program runs.
    arguments = ("-gfSL", "--stderr", "-", "--retry", "3", *_CONNECT, *_proxied(proxy), "-o", path, url)
    curl = program.system(target, "curl.exe")
    result = program.run(target, curl, *arguments, timeout=timeout, on_output=_progress(target, what))
    if result.code:
        raise MethodFailed(_sentence(target, what, option, result), **_details(result, url))


def _proxied(proxy: str) -> tuple[str, ...]:
    return ("-x", proxy) if proxy else ()


def _sentence(target: Target, what: str, option: str, result: program.Result) -> str:
    reason = REASONS.get(result.code, "curl.exe failed")
    return (
        f"could not {what} on {target.name}: {reason} (exit code {result.code}). Check the option {option}, and "
        "whether the server can be reached from there"
    )


def _details(result: program.Result, url: str) -> dict[str, object]:
    """What tools read; of the output, the lines that are no meter."""
    lines = [line.strip() for line in f"{result.errors}\n{result.text}".splitlines()]
    said = " ".join(line for line in lines if line.startswith(("curl:", "Warning:")))
    return {"program": "curl.exe", "code": result.code, "said": said.replace(url, without_secrets(url))}


def _progress(target: Target, what: str) -> Callable[[bytes], None]:
    reported = time.monotonic()

    def on_output(data: bytes) -> None:
        nonlocal reported
        found = _METER.findall(data)
        if found and time.monotonic() - reported >= REPORT_EVERY:
            reported = time.monotonic()
            percent, size = found[-1]
            target.report(f"{what}: {percent.decode()} % of {size.decode()}")

    return on_output
