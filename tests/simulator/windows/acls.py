"""Access control lists of files and folders, as far as icacls.exe shows and changes them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from ..machine.files import Files

if TYPE_CHECKING:
    from ..machine.machine import Machine

# Well-known SIDs and the keys of their names (Microsoft, "Well-known SIDs").
KNOWN = {
    "S-1-1-0": "account_everyone",
    "S-1-5-11": "account_authenticated",
    "S-1-5-18": "account_system",
    "S-1-5-32-544": "account_administrators",
    "S-1-5-32-545": "account_users",
}
SYSTEM, ADMINISTRATORS, USERS = "S-1-5-18", "S-1-5-32-544", "S-1-5-32-545"
_DEFAULT = ((SYSTEM, "(F)"), (ADMINISTRATORS, "(F)"), (USERS, "(RX)"))


class Entry(NamedTuple):
    """`rights` as icacls writes them: (OI)(CI)(F)."""

    sid: str
    rights: str
    inherited: bool = False
    denied: bool = False


class Acls:
    """Lists by path; what was never changed has what it inherits."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._lists: dict[str, list[Entry]] = {}

    def inherited(self, path: str) -> list[Entry]:
        folder = self._files.has_folder(path)
        return [Entry(sid, ("(OI)(CI)" if folder else "") + rights, inherited=True) for sid, rights in _DEFAULT]

    def read(self, path: str) -> list[Entry]:
        known = self._lists.get(path.lower())
        return self.inherited(path) if known is None else list(known)

    def write(self, path: str, entries: Iterable[Entry]) -> None:
        """Explicit entries come before inherited ones, denials first."""
        self._lists[path.lower()] = sorted(entries, key=lambda entry: (entry.inherited, not entry.denied))

    def reset(self, path: str) -> None:
        self._lists.pop(path.lower(), None)


def name_of(machine: Machine, sid: str) -> str:
    """The account of a SID; a SID without one is shown as it is."""
    from .programs.identity import security_id

    if sid in KNOWN:
        return machine.text(KNOWN[sid])
    for user in machine.users.values():
        if security_id(machine.name, user.name) == sid:
            return rf"{machine.name.upper()}\{user.name}"
    return sid


def sid_of(machine: Machine, account: str) -> str | None:
    """The SID of an account by its name; None if there is none."""
    from .programs.identity import security_id

    if account.startswith("*S-"):
        return account[1:]
    bare = account.rpartition("\\")[2].lower()
    for sid in KNOWN:
        if machine.text(KNOWN[sid]).rpartition("\\")[2].lower() == bare:
            return sid
    user = machine.users.get(bare)
    return security_id(machine.name, user.name) if user else None
