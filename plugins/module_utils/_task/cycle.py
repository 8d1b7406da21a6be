# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must be interrupted for a change, and who permits it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

from .step import Step


class Cycle(Protocol):
    """One interruption that carries all steps that need it: a VM that is turned off, a guest that reboots."""

    def check(self, steps: Sequence[Step]) -> None:
        """Decide whether the steps need the interruption. Raises Refused when it isn't permitted or possible."""

    def report(self) -> dict[str, Any]:
        """The part of the result about the interruption, as it is known so far."""

    def interruption(self) -> AbstractContextManager[Any]:
        """The interruption if it is needed; whatever happens inside, the target is brought back after it."""


class _NoCycle:
    """Nothing to interrupt: the settings of a host."""

    def check(self, steps: Sequence[Step]) -> None:
        pass

    def report(self) -> dict[str, Any]:
        return {}

    def interruption(self) -> AbstractContextManager[Any]:
        return nullcontext()


NO_CYCLE = _NoCycle()
