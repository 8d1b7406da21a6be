"""What client and daemon know of each other: versions, states and errors."""

from __future__ import annotations

from typing import NamedTuple

DOWN, STARTING, READY = "down", "starting", "ready"


class Api(NamedTuple):
    """The newest and the oldest version of the API that an engine speaks (tags of moby)."""

    newest: str
    oldest: str


def number(version: str) -> tuple[int, ...]:
    """29.6.2 → (29, 6, 2)."""
    return tuple(int(part) if part.isdigit() else 0 for part in version.partition("-")[0].split("."))


APIS = {
    (20, 10): Api("1.41", "1.24"),
    (23, 0): Api("1.42", "1.24"),
    (24, 0): Api("1.43", "1.24"),
    (25, 0): Api("1.44", "1.24"),
    (27, 0): Api("1.46", "1.24"),
    (28, 0): Api("1.48", "1.24"),
    (28, 2): Api("1.50", "1.24"),
    (28, 3): Api("1.51", "1.24"),
    (29, 0): Api("1.52", "1.44"),
    (29, 2): Api("1.53", "1.44"),
    (29, 4): Api("1.54", "1.40"),
    (29, 6): Api("1.55", "1.40"),
}


def api(version: str) -> Api:
    known = [first for first in APIS if first <= number(version)]
    return APIS[max(known)] if known else Api("1.40", "1.12")


class DaemonError(Exception):
    """An error of the API: its sentence, whether something was not found, and whether the client itself says so."""

    def __init__(self, text: str, *, not_found: bool = False, of_client: bool = False) -> None:
        super().__init__(text)
        self.not_found, self.of_client = not_found, of_client
