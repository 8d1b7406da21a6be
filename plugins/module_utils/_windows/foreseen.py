# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What earlier tasks of a check would have changed in Windows, by programs or otherwise: small values by name.

A reader asks `recall` before it believes the target; a step writes through `change`, which foretells the new value in
check mode. Names begin with the kind: "feature VirtualMachinePlatform". Values are what JSON can carry.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from .._task.session import Target

Value = TypeVar("Value")


def name_of(kind: str, *parts: str) -> str:
    """The name of a value; Windows compares such names without case."""
    return " ".join((kind, *(part.lower() for part in parts)))


def recall(target: Target, name: str, read: Callable[[], Value]) -> Value:
    """The value as an earlier task of this check would have left it, else as the target has it."""
    return target.foreseen[name] if target.foresees and name in target.foreseen else read()


def foretold(target: Target, kind: str) -> dict[str, Any]:
    """The foretold values of a kind, by the rest of their names."""
    if not target.foresees:
        return {}
    return {name.partition(" ")[2]: value for name, value in target.foreseen.items() if name.partition(" ")[0] == kind}


def change(target: Target, write: Callable[[], object], values: Mapping[str, Any]) -> None:
    """Write for real, or foretell in check mode what will be read afterwards."""
    if target.foresees:
        target.foreseen.update(values)
    else:
        write()
