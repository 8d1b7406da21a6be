# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An open Hyper-V host, as the functions of this package take it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from .._wsman.client import Client

Found = TypeVar("Found")


def silent(_line: str) -> None:
    """Report nothing (the default where nobody watches)."""


@dataclass(frozen=True)
class Host:
    """Name for messages, client for requests, and where progress of long work is told."""

    name: str
    client: Client
    report: Callable[[str], None] = silent
    warn: Callable[[str], None] = silent
    # What earlier tasks of the same --check run would have made, as (kind, name) in lower case.
    predicted: frozenset[tuple[str, str]] = frozenset()

    def predicts(self, kind: str, name: str) -> bool:
        """Whether an earlier task of this check mode run would have made this object."""
        return (kind, name.lower()) in self.predicted

    _known: dict[Any, Any] = field(default_factory=dict, repr=False)

    def once(self, what: Any, read: Callable[[], Found]) -> Found:
        """What ``read`` gives, asked for once in a task: for facts that the task itself doesn't change."""
        if what not in self._known:
            self._known[what] = read()
        return self._known[what]
