# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Windows Setup refuses at the first boot, long after the task: names of computers and users, and passwords."""

from __future__ import annotations

import re
from typing import NamedTuple

from .._task.errors import Invalid

_COMPUTER_NAME = re.compile(r"(?!-)[A-Za-z0-9-]{1,15}(?<!-)")
_NOT_IN_USER_NAMES = re.compile(r'["/\\\[\]:;|=,+*?<>@\x00-\x1f]')
MOST_USER_NAME = 20
MOST_PASSWORD = 127


class Policy(NamedTuple):
    """What a password must have: characters, and how many of the four kinds of them."""

    least: int
    kinds: int


# Windows: "Password must meet complexity requirements" (Microsoft Learn, security policy settings). Azure Stack HCI:
# Microsoft Learn, "Deploy a virtual Azure Local".
POLICIES = {"windows": Policy(6, 3), "azure_stack_hci": Policy(14, 4), "none": Policy(1, 0)}
_KINDS = (str.islower, str.isupper, str.isdecimal, lambda character: not character.isalnum())
_WORDS = "a lower-case letter, an upper-case letter, a digit and a special character"


def check_computer_name(name: str, option: str = "computer_name") -> None:
    """Raise Invalid for a name that Windows Setup refuses."""
    if not _COMPUTER_NAME.fullmatch(name) or name.isdecimal():
        raise Invalid(
            f"'{name}' is not a name for a Windows computer: 1 to 15 letters, digits and hyphens, no hyphen at its "
            "begin or end, and not only digits",
            option=option,
        )


def check_user_name(name: str, option: str = "name") -> None:
    """Raise Invalid for a name that no local account can have."""
    if _NOT_IN_USER_NAMES.search(name) or len(name) > MOST_USER_NAME or not name.strip(". "):
        raise Invalid(
            f"'{name}' is not a name for a local account: at most {MOST_USER_NAME} characters, and none of "
            '" / \\ [ ] : ; | = , + * ? < > @',
            option=option,
        )


def check_password(password: str, user: str, policy: str, option: str) -> None:
    """Raise Invalid for a password that Windows refuses; the message never contains it."""
    least, kinds = POLICIES[policy]
    if not least <= len(password) <= MOST_PASSWORD:
        text = f"must have {least} to {MOST_PASSWORD} characters (password_policy: {policy}), and has {len(password)}"
        raise Invalid(text, option=option)
    found = sum(any(map(kind, password)) for kind in _KINDS)
    if found < kinds:
        which = "" if kinds == len(_KINDS) else f"{kinds} of these: "
        raise Invalid(f"must contain {which}{_WORDS} (password_policy: {policy})", option=option)
    if kinds and len(user) > 2 and user.lower() in password.lower():
        raise Invalid(f"must not contain the name of the account, '{user}' (password_policy: {policy})", option=option)
