# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors about options: the path that they name, and the sentence that begins with it."""

from __future__ import annotations

import pytest

from ansible_collections.nested.hyperv.plugins.module_utils._task.errors import (
    Ambiguous,
    Invalid,
    MethodFailed,
    Missing,
    Refused,
    TaskError,
    Unforeseen,
    renamed,
    within,
)
from ansible_collections.nested.hyperv.plugins.module_utils._wsman.faults import HostError

ABOUT_OPTIONS = (Missing, Ambiguous, Invalid, Refused)


@pytest.mark.parametrize("kind", ABOUT_OPTIONS)
@pytest.mark.parametrize(
    ("option", "path"), [("minimum", "memory.minimum"), ("", "memory"), ("sizes.minimum", "memory.sizes.minimum")]
)
def test_an_error_within_a_section_names_the_full_path(kind: type[TaskError], option: str, path: str) -> None:
    with pytest.raises(kind) as caught, within("memory"):
        raise kind("it is too small", option=option, vm="web01")
    assert caught.value.option == path
    assert str(caught.value) == caught.value.sentence() == f"{path}: it is too small"
    assert caught.value.details == {"option": path, "vm": "web01"}


def test_sections_nest() -> None:
    with pytest.raises(Invalid) as caught, within("network_adapters"), within("vlan"):
        raise Invalid("4095 is out of range", option="id")
    assert caught.value.option == "network_adapters.vlan.id"


@pytest.mark.parametrize("error", [MethodFailed("the disk is full"), Unforeseen("no such method")], ids=repr)
def test_an_error_that_is_about_no_option_gets_none_from_a_section(error: TaskError) -> None:
    with pytest.raises(type(error)) as caught, within("memory"):
        raise error
    assert caught.value is error
    assert (error.option, error.sentence()) == ("", error.message)


def test_an_error_without_options_passes_through_a_section_unchanged() -> None:
    with pytest.raises(HostError, match=r"^timed out$") as caught, within("memory"), renamed({"": "memory"}):
        raise HostError("timed out")
    assert caught.value.details == {}


def test_renaming_changes_the_named_option_and_no_other() -> None:
    names = {"startup": "minimum_startup_memory"}
    with pytest.raises(Invalid) as caught, renamed(names):
        raise Invalid("3MB", option="startup")
    assert caught.value.option == "minimum_startup_memory"
    with pytest.raises(Invalid) as caught, renamed(names):
        raise Invalid("3MB", option="priority")
    assert caught.value.option == "priority"
