# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors about a task: a sentence with a way out, the option that it is about, and facts for tools."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

from .._wsman.faults import HostError


class Rule(Protocol):
    """What an error says of the support rule behind it (`_policy.rule.Rule`)."""

    id: str
    message: str
    source: str

    def details(self) -> dict[str, str]:
        """The part of a result that tools read."""


class TaskError(HostError):
    """Base of the errors about a task's options, as opposed to those of the wire (WSManError).

    `option` is the full path of the option to look at (`memory.minimum`). It begins the message, and results return it.
    """

    def __init__(self, text: str, option: str = "", **details: Any) -> None:
        super().__init__(text, option=option, **details)

    @property
    def option(self) -> str:
        return self.details.get("option", "")

    @option.setter
    def option(self, path: str) -> None:
        self.details["option"] = path

    def sentence(self) -> str:
        return f"{self.option}: {self.message}" if self.option else self.message

    __str__ = sentence


class Missing(TaskError):
    """No object has that name or id."""


class Ambiguous(TaskError):
    """Several objects share a name; `ids` in the details lists them."""


class Invalid(TaskError):
    """A value that is impossible: wrong unit, out of range, or in conflict with another value."""


class Refused(TaskError):
    """A change that the rules of the product, or the missing permission of the user, forbid now."""


class MethodFailed(TaskError):
    """A CIM method or its job failed; the details have class, method, code and the provider's own text."""


class Unforeseen(TaskError):
    """Check mode can't predict a change; never a failure of the task itself."""


class Unanswered(TaskError):
    """The host did not say how something ended. If that was a write, it may have been done."""


class Stopped(TaskError):
    """Ansible ended the task before it was through."""


def join(*names: str) -> str:
    """The path of an option from the names on the way to it; empty names are left out."""
    return ".".join(name for name in names if name)


@contextmanager
def within(section: str) -> Iterator[None]:
    """Prefix the option of every error raised inside with the option that it is a suboption of.

    An error without an option is about the section itself; one of a method that failed is about no option.
    """
    try:
        yield
    except (Missing, Ambiguous, Invalid, Refused) as error:
        error.option = join(section, error.option)
        raise


@contextmanager
def about(label: str) -> Iterator[None]:
    """Begin the message of every error raised inside with the element of a list that it is about."""
    try:
        yield
    except TaskError as error:
        error.message = f"{label}: {error.message}"
        raise


@contextmanager
def renamed(names: Mapping[str, str]) -> Iterator[None]:
    """Rename the option of every error raised inside, for a plan that sets other options than the user's."""
    try:
        yield
    except TaskError as error:
        error.option = names.get(error.option, error.option)
        raise
