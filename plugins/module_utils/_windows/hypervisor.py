# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the hypervisor of a Windows has started, as far as Windows itself can know it."""

from __future__ import annotations

from .._task.session import Target
from .._wsman.faults import HostError
from . import events
from .events import Event
from .schema import OPERATING_SYSTEM

_LOG, _SOURCE = "System", "Microsoft-Windows-Hyper-V-Hypervisor"
STARTED, LAUNCH_FAILED = 1, 41


def launch_failure(target: Target) -> str | None:
    """Why the hypervisor did not start with Windows, from the event log; None if it started, or nobody can know.

    Neither the feature nor the service vmms shows it: both are there without a hypervisor. HypervisorPresent is true in
    every VM, and Win32_Processor shows no extensions as soon as a hypervisor runs above or below.
    """
    last = _last_launch(target)
    return (last.text or f"event {last.code}") if last and last.code == LAUNCH_FAILED else None


def has_started(target: Target) -> bool:
    """Whether the event log says that the hypervisor started with Windows."""
    last = _last_launch(target)
    return last is not None and last.code == STARTED


def _last_launch(target: Target) -> Event | None:
    try:
        (row,) = target.client.query(OPERATING_SYSTEM, columns=("LastBootUpTime",))
        found = events.since(target, _LOG, _SOURCE, row["LastBootUpTime"])
    except HostError:
        return None
    launches = [event for event in found if event.code in (STARTED, LAUNCH_FAILED)]
    return launches[-1] if launches else None
