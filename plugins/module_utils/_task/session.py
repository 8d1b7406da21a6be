# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a module's run() gets: the open target, and the task."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

from .._wsman.client import Client

Answer = TypeVar("Answer")
JOB_TIMEOUT = 1800  # seconds that a job of the host may take, if the task doesn't say


def silent(_line: str) -> None:
    """Report nothing."""


class Task(NamedTuple):
    """The options as Ansible checked them, and whether this is check mode."""

    params: Mapping[str, Any]
    check_mode: bool = False


@dataclass(frozen=True)
class Target:
    """An open host or guest: its name for messages, a client for requests, and functions for progress and warnings."""

    name: str
    client: Client
    report: Callable[[str], None] = silent
    warn: Callable[[str], None] = silent
    job_timeout: float = JOB_TIMEOUT
    foresees: bool = False  # whether the client predicts: what doesn't show at once never will
    foreseen: dict[str, Any] = field(default_factory=dict, repr=False)  # what programs would have changed, by name
    _answers: dict[Any, Any] = field(default_factory=dict, repr=False)

    def once(self, key: Any, ask: Callable[[], Answer]) -> Answer:
        """The answer of `ask`, which runs once in a task; for facts that the task itself doesn't change."""
        if key not in self._answers:
            self._answers[key] = ask()
        return self._answers[key]
