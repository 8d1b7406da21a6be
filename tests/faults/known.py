# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the fault matrix still finds: the rows whose columns are not 0 yet, each with its reason.

A row stands for all runs of its flow with its fault. tests/unit/test_faults.py demands 0 of all other rows, and that
each row here is still true, so that it is removed with the bug.
"""

from __future__ import annotations

from typing import NamedTuple


class Known(NamedTuple):
    flow: str
    fault: str
    column: str
    reason: str


KNOWN = (
    Known(
        "vm_checkpoint create",
        "job without end",
        "not_converged",
        "Hyper-V takes no name for a new checkpoint. One that appears hours after the task has Hyper-V's name, and "
        "nothing tells it from one that a person has made, so that the second run creates its own. The message tells "
        "to delete it.",
    ),
    Known(
        "wsl install",
        "access denied",
        "not_converged",
        "A denied request is not repeated, so that the downloaded package stays if its deletion is denied. A warning "
        "tells its path.",
    ),
    Known(
        "container_engine configure",
        "access denied",
        "not_converged",
        "A denied request is not repeated, so that the copy of the configuration that dockerd.exe has validated stays "
        "if its deletion is denied. A warning tells its path.",
    ),
    Known(
        "vm_dvd_drive remove",
        "job without end",
        "not_converged",
        "A drive that loses its image hours after the task can't be found by this image any more. The message tells "
        "its place.",
    ),
    *(
        Known(
            "vm_keyboard start and repeat",
            fault,
            "not_converged",
            "The VM has started when the task fails, and the prompt of its boot passes meanwhile. Keys are for this "
            "prompt alone, so that the second run types none, which is a warning with the solution.",
        )
        for fault in ("refused", "access denied", "job without end", "host reboot")
    ),
)
