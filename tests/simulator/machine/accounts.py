"""Accounts of a machine and what their groups permit."""

from __future__ import annotations

from dataclasses import dataclass

ADMINISTRATORS = "administrators"


@dataclass(frozen=True)
class User:
    """An account of a machine; groups as Windows names them in English."""

    name: str
    password: str = ""
    groups: tuple[str, ...] = ("Administrators",)

    def member(self, *groups: str) -> bool:
        return bool({group.lower() for group in groups} & {group.lower() for group in self.groups})

    @property
    def administrator(self) -> bool:
        return self.member(ADMINISTRATORS)

    @property
    def hyperv(self) -> bool:
        return self.member(ADMINISTRATORS, "hyper-v administrators")

    @property
    def remote(self) -> bool:
        """May pass WinRM's own access check at all (root SDDL: Administrators and Remote Management Users)."""
        return self.member(ADMINISTRATORS, "remote management users")
