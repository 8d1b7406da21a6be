# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for something on the target: back-off, deadline and progress lines."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from .errors import Refused, Unforeseen
from .session import Target

REPORT_EVERY = 5.0  # seconds between two progress lines
LONGEST_PAUSE = 2.0  # seconds between two looks


def pauses(first: float = 0.05, longest: float = LONGEST_PAUSE) -> Iterator[float]:
    """Seconds to wait between looks: short at first, growing to `longest`."""
    pause = first
    while True:
        yield pause
        pause = min(pause * 1.6, longest)


def wait_until(target: Target, reached: Callable[[], bool], timeout: float, what: str, way_out: str = "") -> None:
    """Look until `reached` answers true, and report progress every few seconds. Raises Refused after `timeout` s.

    `what` completes "gave up after … s to", `way_out` is a sentence.
    """
    started = reported = time.monotonic()
    for pause in pauses():
        if reached():
            return
        if target.foresees:
            raise Unforeseen(f"check mode can't foresee to {what}")
        now = time.monotonic()
        if now - started > timeout:
            raise Refused(f"gave up after {timeout:.0f} s to {what}. {way_out}".rstrip(" ."), timeout=timeout)
        if now - reported >= REPORT_EVERY:
            target.report(f"{what}: {now - started:.0f} s of at most {timeout:.0f} s")
            reported = now
        time.sleep(min(pause, max(0.0, started + timeout - now)))
