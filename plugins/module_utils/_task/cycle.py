# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must be interrupted for a change, and who permits it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

from .step import Step


def nothing_to_put_back() -> bool:
    """Undo nothing."""
    return False


class Cycle(Protocol):
    """One interruption that carries all steps that need it: a VM that is turned off, a guest that reboots."""

    def check(self, steps: Sequence[Step]) -> None:
        """Decide whether the steps need the interruption. Raises Refused when it isn't permitted or possible."""

    def report(self) -> dict[str, Any]:
        """The part of the result about the interruption, as it is known so far.

        If the target could not be brought back, `left_off` is the sentence that says so.
        """

    def interruption(self, put_back: Callable[[], bool] = nothing_to_put_back) -> AbstractContextManager[Any]:
        """The interruption if it is needed; whatever happens inside, the target is brought back after it.

        If the change alone prevents that, `put_back` undoes it, as far as it can be undone.
        """


class _NoCycle:
    """Nothing to interrupt: the settings of a host."""

    def check(self, steps: Sequence[Step]) -> None:
        pass

    def report(self) -> dict[str, Any]:
        return {}

    def interruption(self, put_back: Callable[[], bool] = nothing_to_put_back) -> AbstractContextManager[Any]:
        return nullcontext()


NO_CYCLE = _NoCycle()
