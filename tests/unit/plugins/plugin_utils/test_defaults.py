# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which defaults of a group of modules apply to a module."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.nested.hyperv.plugins.modules import vm_info
from ansible_collections.nested.hyperv.plugins.plugin_utils import _defaults
from ansible_collections.nested.hyperv.tests.harness import collection

GROUP = "group/nested.hyperv.all"


def applicable(args: dict[str, Any], *defaults: dict[str, Any]) -> dict[str, Any]:
    def template(value: Any) -> Any:
        return {"{{ cycle }}": True}.get(value, value)

    return _defaults.applicable(args, {"name"}, defaults, template, lambda: {"name", "notes", "allow_power_cycle"})


@pytest.mark.parametrize(
    ("args", "defaults", "expected"),
    [
        ({"name": "a"}, [], {"name": "a"}),
        ({"name": "a", "notes": "x"}, [{GROUP: {"name": "a", "notes": "x"}}], {"name": "a"}),
        ({"allow_power_cycle": True}, [{GROUP: None}, {GROUP: {"allow_power_cycle": "{{ cycle }}"}}], {}),
        # What the task or the module's own defaults set is refused by the module, as is what no module has.
        ({"notes": "mine"}, [{GROUP: {"notes": "x"}}], {"notes": "mine"}),
        ({"notes": "x"}, [{"nested.hyperv.vm_info": {"notes": "x"}}], {"notes": "x"}),
        ({"ntoes": "x"}, [{GROUP: {"ntoes": "x"}}], {"ntoes": "x"}),
        ({"notes": "x"}, [], {"notes": "x"}),
    ],
)
def test_a_module_takes_the_defaults_of_a_group_that_it_has(
    args: dict[str, Any], defaults: list[dict[str, Any]], expected: dict[str, Any]
) -> None:
    assert applicable(args, *defaults) == expected


def test_the_options_of_all_modules() -> None:
    wanted = {
        option
        for module in (*collection.modules(), collection.EXPERIMENTS)
        for option in collection.options(module)
        if "." not in option
    }
    assert _defaults.options_of_all(vm_info) == wanted
