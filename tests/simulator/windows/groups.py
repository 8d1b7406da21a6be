"""Local groups of a machine: those of Windows, those that its accounts are in, and those that programs create."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from .programs.identity import security_id as account_id

if TYPE_CHECKING:
    from ..machine.machine import Machine

# winerror.h and lmerr.h
NO_SUCH_MEMBER, MEMBER_IN_ALIAS, ALIAS_EXISTS, NO_SUCH_ALIAS, BAD_USER = 1377, 1378, 1379, 1376, 1317
# Relative identifiers below S-1-5-32 (Microsoft, "Well-known SIDs").
BUILT_IN = {
    "Administrators": 544,
    "Users": 545,
    "Guests": 546,
    "Power Users": 547,
    "Backup Operators": 551,
    "Remote Desktop Users": 555,
    "Network Configuration Operators": 556,
    "Hyper-V Administrators": 578,
    "Remote Management Users": 580,
}
FIRST_RID = 1100


class Groups:
    """Names are compared without case; a group knows the accounts of the machine that are in it."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self._names = {name.lower(): name for name in BUILT_IN}
        self.comments: dict[str, str] = {}
        for user in machine.users.values():
            for name in user.groups:
                self._names.setdefault(name.lower(), name)

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._names.values(), key=str.lower))

    def known(self, name: str) -> str | None:
        r"""The group's own spelling; `HOST\name` and `BUILTIN\name` are understood."""
        domain, slash, bare = name.rpartition("\\")
        if slash and domain.lower() not in (".", "builtin", self.machine.name.lower()):
            return None
        return self._names.get(bare.lower())

    def members(self, name: str) -> list[str]:
        return [user.name for user in self.machine.users.values() if user.member(name)]

    def add(self, name: str, comment: str = "") -> int:
        """0 or the Windows error."""
        if self.known(name):
            return ALIAS_EXISTS
        self._names[name.lower()] = name
        self.comments[name.lower()] = comment
        return 0

    def delete(self, name: str) -> int:
        known = self.known(name)
        if known is None:
            return NO_SUCH_ALIAS
        del self._names[known.lower()]
        for key, user in self.machine.users.items():
            self.machine.users[key] = replace(
                user, groups=tuple(group for group in user.groups if group.lower() != known.lower())
            )
        return 0

    def change_member(self, name: str, account: str, *, add: bool) -> int:
        known, user = self.known(name), self.machine.find_user(account)
        if known is None:
            return NO_SUCH_ALIAS
        if user is None:
            return BAD_USER
        if user.member(known) is add:
            return MEMBER_IN_ALIAS if add else NO_SUCH_MEMBER
        groups = (*user.groups, known) if add else tuple(one for one in user.groups if one.lower() != known.lower())
        self.machine.users[user.name.lower()] = replace(user, groups=groups)
        return 0

    def security_id(self, name: str) -> str:
        if rid := BUILT_IN.get(name):
            return f"S-1-5-32-{rid}"
        own = [group for group in self._names.values() if group not in BUILT_IN]
        domain = account_id(self.machine.name, name).rpartition("-")[0]
        return f"{domain}-{FIRST_RID + own.index(name)}"
