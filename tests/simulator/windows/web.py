"""What a machine finds on the network: the answers to URLs, as the model gives them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ..machine.contents import octets
from ..machine.files import check_keys

if TYPE_CHECKING:
    from ..machine.machine import Machine

KEYS = {"content", "status", "redirect", "seconds", "fails", "times", "proxy"}
FAILURES = ("resolve", "connect", "timeout", "revocation", "untrusted")


@dataclass(frozen=True)
class Answer:
    """`fails` is one of FAILURES, or empty."""

    content: bytes = b""
    status: int = 200
    redirect: str = ""
    seconds: float = 0.0
    fails: str = ""


class Web:
    """`web` of the machine's model: answers by URL. Other URLs of a known host are 404; other hosts have no address."""

    def __init__(self, machine: Machine) -> None:
        self._answers = {url: _complete(url, given) for url, given in (machine.spec.get("web") or {}).items()}
        self._asked: dict[str, int] = {}

    def get(self, url: str, proxy: str = "") -> Answer:
        given = self._answers.get(url)
        if given is None:
            hosts = {urlsplit(known).hostname for known in self._answers}
            return Answer(status=404) if urlsplit(url).hostname in hosts else Answer(fails="resolve")
        if given.get("proxy") and proxy != given["proxy"]:
            return Answer(fails="connect")
        asked = self._asked[url] = self._asked.get(url, 0) + 1
        if asked > given.get("times", asked):
            given = {**given, "fails": "", "status": 200}
        return Answer(
            octets(given.get("content", "")),
            int(given.get("status", 200)),
            given.get("redirect", ""),
            float(given.get("seconds", 0)),
            given.get("fails", ""),
        )


def _complete(url: str, given: Any) -> dict[str, Any]:
    """Text and bytes stand for an answer with that content."""
    answer = given if isinstance(given, dict) else {"content": given}
    check_keys(answer, KEYS, f"web.{url}")
    if answer.get("fails", FAILURES[0]) not in FAILURES:
        raise ValueError(f"web.{url}: {answer['fails']} is not one of {', '.join(FAILURES)}")
    return answer
