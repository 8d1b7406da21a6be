# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for something on the target: back-off, deadline and progress lines."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from .._wsman.faults import WSManError, is_passing, may_have_run
from .errors import Invalid, Refused, Unforeseen
from .session import Target

REPORT_EVERY = 5.0  # seconds between two progress lines
LONGEST_PAUSE = 2.0  # seconds between two looks
RECONNECT = 120.0  # seconds that a wait goes on without an answer from the host, whose network may change meanwhile


def pauses(first: float = 0.05, longest: float = LONGEST_PAUSE) -> Iterator[float]:
    """Seconds to wait between looks: short at first, growing to `longest`."""
    pause = first
    while True:
        yield pause
        pause = min(pause * 1.6, longest)


def reached_within(
    target: Target,
    reached: Callable[[], bool],
    timeout: float,
    what: str,
    progress: Callable[[], str] | None = None,
    patience: float | None = None,
) -> bool:
    """Look until `reached` answers true; false after `timeout` s.

    A look that fails for the moment is repeated until the host has not answered for `patience` s, by default as long as
    the time-out allows. Progress is reported every few seconds: `progress` of `what`, by default the time.
    """
    patience = min(timeout, RECONNECT) if patience is None else patience
    started = reported = answered = time.monotonic()
    for pause in pauses():
        failure = None
        try:
            if reached():
                return True
        except WSManError as error:
            if not is_passing(error):
                raise
            failure = error
        if target.foresees:
            raise failure or Unforeseen(f"check mode can't foresee to {what}")
        now = time.monotonic()
        if failure is None:
            answered = now
        elif now - answered > patience:
            raise failure
        if failure is None and now - started > timeout:
            return False
        if now - reported >= REPORT_EVERY:
            so_far = progress() if progress else f"{now - started:.0f} s of at most {timeout:.0f} s"
            target.report(f"{what}: {so_far}")
            reported = now
        time.sleep(REPORT_EVERY if failure else min(pause, max(0.0, started + timeout - now)))
    raise AssertionError("pauses() never ends")


def persist(action: Callable[[], object]) -> None:
    """Carry out an action, again as long as the host refuses it for the moment, and has surely not done it."""
    began = time.monotonic()
    for pause in pauses(first=0.2):
        try:
            action()
            return
        except WSManError as error:
            if not is_passing(error) or may_have_run(error) or time.monotonic() - began > RECONNECT:
                raise
        time.sleep(pause)


def wait_until(target: Target, reached: Callable[[], bool], timeout: float, what: str, way_out: str = "") -> None:
    """Look until `reached` answers true, and report progress every few seconds. Raises Refused after `timeout` s.

    `what` completes "gave up after … s to", `way_out` is a sentence.
    """
    if not reached_within(target, reached, timeout, what):
        raise Refused(f"gave up after {timeout:.0f} s to {what}. {way_out}".rstrip(" ."), timeout=timeout)


def check_timeouts(params: Mapping[str, Any]) -> None:
    """Raise Invalid for a time-out below 0."""
    for option, seconds in params.items():
        if option.endswith("_timeout") and seconds is not None and seconds < 0:
            raise Invalid(f"{seconds} is below 0; choose a number of seconds", option=option)
