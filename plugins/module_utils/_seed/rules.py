# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Windows Setup refuses at the first boot, long after the task: names, passwords, commands, locales and keys."""

from __future__ import annotations

import re
from typing import NamedTuple

from .._task.errors import Invalid

_COMPUTER_NAME = re.compile(r"(?!-)[A-Za-z0-9-]{1,15}(?<!-)")
# Microsoft Learn, "Name (microsoft-windows-shell-setup-useraccounts-localaccounts-localaccount-name)", also for NONE,
# and NetUserAdd: 20 characters, no control character and no period at the end.
_NOT_IN_USER_NAMES = re.compile(r'["/\\\[\]:;|=,+*?<>@%\x00-\x1f]')
_RESERVED_USER = "none"
# Accounts of every Windows (Microsoft Learn, "Local accounts").
_BUILT_IN_USERS = ("administrator", "guest", "defaultaccount", "wdagutilityaccount")
MOST_USER_NAME = 20
MOST_PASSWORD = 127
# Characters of a command line, by component and element. Microsoft Learn,
# microsoft-windows-deployment-runsynchronous-runsynchronouscommand-path and -runasynchronous-…-path,
# microsoft-windows-shell-setup-firstlogoncommands-synchronouscommand-commandline and -logoncommands-…-commandline; the
# Path of Microsoft-Windows-Setup has no documented limit.
MOST_COMMAND = 259
MOST_OF_COMMANDS = {
    ("Microsoft-Windows-Deployment", "Path"): MOST_COMMAND,
    ("Microsoft-Windows-Shell-Setup", "CommandLine"): 1024,
}
# Microsoft Learn, microsoft-windows-international-core-userlocale: language-region; -inputlocale: the same, or locale
# ID and keyboard layout in hexadecimal (two GUIDs for an input method), several separated by semicolons.
_LOCALE = r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})+"
_LAYOUT = r"[0-9A-Fa-f]{4}:([0-9A-Fa-f]{8}|(\{[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\}){2})"
_KEYBOARD = rf"({_LOCALE}|{_LAYOUT})(;({_LOCALE}|{_LAYOUT}))*"
# microsoft-windows-shell-setup-productkey: 29 characters.
_PRODUCT_KEY = r"[A-Za-z0-9]{5}(-[A-Za-z0-9]{5}){4}"


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


def check_user_name(name: str, computer_name: str, option: str = "name") -> None:
    """Raise Invalid for a name that no new local account of that computer can have."""
    if _NOT_IN_USER_NAMES.search(name) or len(name) > MOST_USER_NAME or name != name.strip().rstrip(".") or not name:
        raise Invalid(
            f"'{name}' is not a name for a local account: at most {MOST_USER_NAME} characters, no blank at its begin "
            'or end, no period at its end, and none of " / \\ [ ] : ; | = , + * ? < > @ %',
            option=option,
        )
    if name.lower() == _RESERVED_USER:
        raise Invalid(f"'{name}' is a name that Windows reserves; choose another name", option=option)
    if name.lower() in _BUILT_IN_USERS:
        way_out = "set 'administrator_password'" if name.lower() == "administrator" else "choose another name"
        raise Invalid(f"'{name}' is an account that Windows has already; {way_out}", option=option)
    if name.lower() == computer_name.lower():
        raise Invalid(f"'{name}' is the name of the computer, which no account can have", option=option)


def check_command(text: str, most: int, option: str) -> None:
    """Raise Invalid for a command line that is longer than Windows Setup allows; it may contain a password."""
    if len(text) > most:
        raise Invalid(
            f"the command that begins with '{text.split(maxsplit=1)[0][:40]}' has {len(text)} characters, and Windows "
            f"Setup allows {most}. Put it into a script, and run the script",
            option=option,
        )


def check_locale(text: str, option: str = "locale") -> None:
    """Raise Invalid for a text that has not the form of a locale."""
    _check_form(_LOCALE, text, "a locale of Windows, such as en-US", option)


def check_keyboard(text: str, option: str = "keyboard") -> None:
    """Raise Invalid for a text that has not the form of keyboard layouts."""
    _check_form(_KEYBOARD, text, "a keyboard layout of Windows, such as de-DE or 0407:00000407", option)


def check_product_key(text: str, option: str = "product_key") -> None:
    """Raise Invalid for a text that has not the form of a product key; the message never contains it."""
    if not re.fullmatch(_PRODUCT_KEY, text):
        raise Invalid("is not a product key: five groups of five letters and digits, with hyphens", option=option)


def _check_form(form: str, text: str, kind: str, option: str) -> None:
    if not re.fullmatch(form, text):
        raise Invalid(f"'{text}' is not {kind}", option=option)


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
