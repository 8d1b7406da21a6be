# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The name of the computer: the one that Windows has, and the one that it gets with its next start."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .._task.answer import answer_of
from .._task.errors import Invalid, MethodFailed, Refused
from .._task.session import Target
from .._task.step import Step
from . import registry
from .foreseen import change, recall
from .schema import COMPUTER_SYSTEM

OPTIONS: dict[str, Any] = {"name": {"type": "str", "required": True}}

_KEY = r"SYSTEM\CurrentControlSet\Control\ComputerName"
ACTIVE, NEXT = rf"{_KEY}\ActiveComputerName", rf"{_KEY}\ComputerName"  # the latter is the next start's
_NAME = re.compile(r"(?!\d+$)[A-Za-z0-9]([A-Za-z0-9-]{0,13}[A-Za-z0-9])?")
_REASONS = {
    5: "access is denied",
    87: "the name is not valid",
    1323: "the password is not valid",
    2224: "a computer of this name exists in the domain",
}


def check(name: str) -> str:
    """The name. Raises Invalid for one that Windows or Active Directory does not take."""
    if not _NAME.fullmatch(name):
        raise Invalid(
            f"'{name}' is not a computer name: up to 15 letters, digits and hyphens, not digits alone, without a "
            "hyphen at its ends",
            option="name",
        )
    return name


def fetch(target: Target) -> dict[str, str]:
    """The active name and that of the next start, as earlier tasks of this check would have left them."""
    names = fetch_known(target)
    if names is None:
        raise Refused(f"the user may not read the name of {target.name}; it must be an administrator")
    return names


def fetch_known(target: Target) -> dict[str, str] | None:
    """The same, None if the user may not know."""
    found: dict[str, str] | None = recall(target, "computer_name", lambda: _read(target))
    if found and target.foresees and target.foreseen.get("boot", 0) > int(found.get("boot", 0)):
        return {"active": found["next"], "next": found["next"]}
    return {"active": found["active"], "next": found["next"]} if found else None


def _read(target: Target) -> dict[str, str] | None:
    active = registry.text(target, ACTIVE, "ComputerName")
    return {"active": active, "next": registry.text(target, NEXT, "ComputerName") or active} if active else None


def plan(target: Target, current: Mapping[str, str], name: str) -> list[Step]:
    """The step to a name, which compares without case."""
    if current["next"].lower() == name.lower():
        return []
    what = f"rename the computer '{current['active']}' to '{name}'"
    return [
        Step(what, {"name": current["next"]}, {"name": name}, lambda: _rename(target, current, name, what), ("name",))
    ]


def plan_restart(current: Mapping[str, str], name: str) -> list[Step]:
    """The step for a name that the computer gets with its next start."""
    if current["next"].lower() != name.lower() or current["active"].lower() == name.lower():
        return []
    what = f"restart Windows for the name '{name}'"
    return [Step(what, {"name": current["active"]}, {"name": name}, lambda: None, ("name",))]


def _rename(target: Target, current: Mapping[str, str], name: str, what: str) -> None:
    def look() -> Mapping[str, Any] | None:
        found = _read(target)
        return {} if found and found["next"].lower() == name.lower() else None

    def write() -> Mapping[str, Any]:
        (row,) = target.client.query(COMPUTER_SYSTEM, columns=("Name", "PartOfDomain"))
        if row["PartOfDomain"]:
            raise Refused(
                f"{target.name} belongs to a domain, in which a computer is renamed with credentials of the domain "
                "(Rename-Computer -DomainCredential)",
                option="name",
            )
        answer = target.client.invoke(COMPUTER_SYSTEM, "Rename", keys={"Name": row["Name"]}, arguments={"Name": name})
        code = answer["ReturnValue"]
        if code:
            reason = _REASONS.get(code, "Windows refused it")
            raise MethodFailed(f"could not {what}: {reason} (code {code})", method="Rename", return_value=code)
        return answer

    boot = str(target.foreseen.get("boot", 0)) if target.foresees else "0"
    expected = {"active": current["active"], "next": name.upper(), "boot": boot}  # as NetBIOS has it
    change(target, lambda: answer_of(target, what, write, look), {"computer_name": expected})
