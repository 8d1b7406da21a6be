"""Windows Setup: an installation without questions, and the first boot of a generalized Windows.

A question that no answer file answers waits on the console for ever, as does an answer that Windows refuses.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from .answer_file import (
    NAMES,
    OOBE,
    SPECIALIZE,
    WINDOWS_PE,
    Adapter,
    AnswerFile,
    Unreadable,
    child_text,
    password_of,
    search,
)

SHELL, SETUP = "Microsoft-Windows-Shell-Setup", "Microsoft-Windows-Setup"
SIGNATURES = r"HKLM\SOFTWARE\Policies\Microsoft\Windows NT\CurrentVersion\NetworkList\Signatures"
UNIDENTIFIED = (
    rf"{SIGNATURES}\010103000F0000F0010000000F0000F0C967A3643C3AD745950DA7859209176EF5B87C875FA20DF21951640E807D7C24"
)
POLICIES = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Policies\System"
TIME_ZONE = r"HKLM\SYSTEM\CurrentControlSet\Control\TimeZoneInformation"
_REG_ADD = re.compile(r'reg(?:\.exe)? add (?:"([^"]+)"|(\S+)) /v (\S+) /t REG_DWORD /d (\d+) /f', re.IGNORECASE)
_QUICK_CONFIG = re.compile(r"cmd(?:\.exe)? /c winrm(?:\.cmd)? (?:quickconfig|qc) .*-(?:q|quiet)\b", re.IGNORECASE)
_RULE = re.compile(r"netsh(?:\.exe)? advfirewall firewall add rule .*", re.IGNORECASE)
_NAME = re.compile(r"(?!-)[A-Za-z0-9-]{1,15}(?<!-)")
CLIENT = 1  # Win32_OperatingSystem.ProductType


class Question(Exception):
    """Setup waits on the console; the message says for what."""


@dataclass
class Account:
    name: str
    password: str
    administrator: bool


@dataclass
class Configured:
    """A Windows after its first boot: what its answer files made of it."""

    computer_name: str = ""
    accounts: list[Account] = field(default_factory=list)
    adapters: list[Adapter] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    registry: dict[str, dict[str, Any]] = field(default_factory=dict)
    quick_config: bool = False
    any_profile: bool = False  # a firewall rule lets everybody in to WinRM

    def answers(self, product_type: int) -> bool:
        """WinRM is reached from another network: it runs, and its rule holds for the category of the network."""
        runs = product_type != CLIENT or self.quick_config
        private = self.registry.get(UNIDENTIFIED, {}).get("Category") == 1
        return runs and (self.any_profile or private)


@dataclass
class Plan:
    """What Setup was told in the pass windowsPE."""

    disk: int
    image: str | int
    efi: bool


def answer_files(discs: Iterable[dict[str, bytes]], panther: str | None = None) -> list[tuple[str, bytes]]:
    """Files at the places of the search, first the cache in Panther, then the discs by drive letter."""
    found = [("Panther", panther.encode())] if panther else []
    for number, disc in enumerate(discs):
        names = {name.lower(): content for name, content in disc.items()}
        found += [(f"{chr(ord('D') + number)}:\\{name}", names[name]) for name in NAMES if name in names]
    return found


def installation(discs: Iterable[dict[str, bytes]]) -> Plan:
    """The answers for an installation, from Autounattend.xml on a disc. Raises Question."""
    sources = [(place, content) for place, content in answer_files(discs) if place.lower().endswith("autounattend.xml")]
    answers = _search(WINDOWS_PE, sources)
    if answers is None:
        raise Question("the language")
    if answers.text(WINDOWS_PE, SETUP, "UserData/AcceptEula") != "true":
        raise Question("the licence terms")
    metadata = answers.list(WINDOWS_PE, SETUP, "ImageInstall/OSImage/InstallFrom/MetaData")
    chosen = {child_text(entry, "Key"): child_text(entry, "Value") or "" for entry in metadata}
    image: str | int | None = chosen.get("/IMAGE/NAME")
    if image is None and (chosen.get("/IMAGE/INDEX") or "").isdigit():
        image = int(chosen["/IMAGE/INDEX"])
    if image is None:
        raise Question("the edition")
    disks = answers.list(WINDOWS_PE, SETUP, "DiskConfiguration/Disk")
    target = answers.text(WINDOWS_PE, SETUP, "ImageInstall/OSImage/InstallTo/DiskID")
    if not disks or target is None or target not in [child_text(disk, "DiskID") for disk in disks]:
        raise Question("the disk")
    created = answers.list(WINDOWS_PE, SETUP, "DiskConfiguration/Disk/CreatePartitions/CreatePartition")
    return Plan(int(target), image, "EFI" in [child_text(partition, "Type") for partition in created])


def first_boot(product_type: int, discs: Iterable[dict[str, bytes]], panther: str | None) -> Configured:
    """The passes specialize and oobeSystem, each with the first answer file that has settings for it.

    Raises Question.
    """
    sources = answer_files(discs, panther)
    result = Configured()
    special = _search(SPECIALIZE, sources)
    if special:
        _specialize(result, special)
    answers = _search(OOBE, sources)
    if answers is None or answers.text(OOBE, SHELL, "OOBE/HideEULAPage") != "true":
        raise Question("the licence terms")
    password = answers.password("UserAccounts/AdministratorPassword", "AdministratorPassword")
    if password is not None and product_type != CLIENT:
        _check_password(password, "Administrator")
        result.accounts.append(Account("Administrator", password, True))
    for account in answers.list(OOBE, SHELL, "UserAccounts/LocalAccounts/LocalAccount"):
        name = child_text(account, "Name") or ""
        found = account.find("{*}Password")
        secret = password_of(found, "Password") if found is not None else None
        if not name or secret is None:
            continue
        _check_password(secret, name)
        groups = (child_text(account, "Group") or "").split(";")
        full = result.registry.get(POLICIES, {}).get("LocalAccountTokenFilterPolicy") == 1
        result.accounts.append(Account(name, secret, "Administrators" in groups and full))
    if not result.accounts:
        raise Question("a user" if product_type == CLIENT else "the password of Administrator")
    zone = answers.text(OOBE, SHELL, "TimeZone") or (special and special.text(SPECIALIZE, SHELL, "TimeZone"))
    if zone:
        result.registry[TIME_ZONE] = {"TimeZoneKeyName": zone}
    return result


def _specialize(result: Configured, answers: AnswerFile) -> None:
    name = answers.text(SPECIALIZE, SHELL, "ComputerName") or ""
    if name not in ("", "*"):
        if not _NAME.fullmatch(name) or name.isdigit():
            raise Question("nothing: Setup could not apply the computer name")
        result.computer_name = name
    result.adapters = list(answers.adapters())
    for command in answers.commands():
        result.commands.append(command)
        if written := _REG_ADD.fullmatch(command):
            result.registry.setdefault(written[1] or written[2], {})[written[3]] = int(written[4])
        elif _QUICK_CONFIG.match(command):
            result.quick_config = True
        elif _RULE.fullmatch(command):
            given = dict(re.findall(r"(\w+)=(\"[^\"]*\"|\S+)", command))
            opens = (given.get("dir"), given.get("action"), given.get("localport")) == ("in", "allow", "5985")
            result.any_profile |= opens and given.get("profile", "any") == "any"


def _check_password(password: str, user: str) -> None:
    """ "Password must meet complexity requirements" (Microsoft Learn)."""
    kinds = (str.islower, str.isupper, str.isdigit, lambda text: not text.isalnum())
    found = sum(any(kind(character) for character in password) for kind in kinds)
    if found < 3 or len(password) < 6 or user.lower() in password.lower():
        raise Question(f"another password of {user}")


def _search(part: str, sources: list[tuple[str, bytes]]) -> AnswerFile | None:
    try:
        return search(part, sources)
    except Unreadable as error:
        raise Question(f"nothing: Setup could not parse the answer file ({error})") from error
