# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Starting the Docker Engine, until it answers."""

from __future__ import annotations

from ..._task.errors import MethodFailed, Refused
from ..._task.session import Target
from ..._task.wait import reached_within
from .. import events, service
from . import client
from .client import SERVICE

# The first start after the feature Containers was enabled may fail (moby#50093, 0x23e).
TRIES = 3
_LOG = "Application"


def start(target: Target, folder: str, timeout: float) -> None:
    """Start the service, again if the daemon ends, and wait until it answers. Raises MethodFailed with its reason."""
    docker = client.docker_of(folder)
    newest = events.newest_number(target, _LOG, SERVICE)
    for attempt in range(1, TRIES + 1):
        failure = _try(target, docker, timeout)
        if failure is None:
            return
        reason = _reason(target, newest) or failure
        if attempt < TRIES:
            target.report(f"the Docker Engine did not start, try {attempt + 1} of {TRIES}: {reason}")
    raise MethodFailed(
        f"the Docker Engine on {target.name} does not start, after {TRIES} tries: {reason}. See the events of the "
        "source docker in the event log Application",
        service=SERVICE,
        reason=reason,
    )


def _try(target: Target, docker: str, timeout: float) -> str | None:
    """Start it once; None if it answers, else why not. Raises Refused if it neither ends nor answers in time."""
    try:
        service.start(target, SERVICE)
    except MethodFailed as error:
        return error.message
    ended: list[str] = []

    def decided() -> bool:
        if client.server_version(target, docker) is not None:
            return True
        now = service.fetch(target, SERVICE)
        if now is None or now["state"] == "stopped":
            ended.append("its service has stopped")
        return bool(ended)

    if not reached_within(target, decided, timeout, "wait for the Docker Engine"):
        raise Refused(
            f"the Docker Engine on {target.name} runs, and does not answer after {timeout:.0f} s. Set a longer "
            "start_timeout, and see the events of the source docker in the event log Application",
            option="start_timeout",
            timeout=timeout,
        )
    return ended[0] if ended else None


def _reason(target: Target, newest: int) -> str:
    """What the daemon itself wrote about its end to the event log."""
    return next((event.text for event in reversed(events.after(target, _LOG, SERVICE, newest)) if event.is_error), "")
