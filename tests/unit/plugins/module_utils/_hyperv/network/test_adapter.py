# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of a network adapter."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.nested.hyperv.plugins.module_utils._hyperv.network import adapter
from ansible_collections.nested.hyperv.plugins.module_utils._hyperv.schema import (
    PORT_BANDWIDTH,
    PORT_SECURITY,
    PORT_VLAN,
)
from ansible_collections.nested.hyperv.plugins.module_utils._task.errors import Invalid


@pytest.mark.parametrize(
    ("options", "option"),
    [
        ({"mac_address": "any"}, "mac_address"),
        ({"vlan": {"mode": "access", "id": 4095}}, "vlan.id"),
        ({"vlan": {"mode": "trunk", "allowed_ids": ["x"]}}, "vlan.allowed_ids"),
        ({"bandwidth": {"maximum": "1GB"}}, "bandwidth.maximum"),
        ({"bandwidth": {"weight": 101}}, "bandwidth.weight"),
        ({"bandwidth": {"maximum": "9" * 20}}, "bandwidth.maximum"),
        ({"bandwidth": {"minimum": f"{1 << 63}"}}, "bandwidth.minimum"),
        ({"name": "x" * 300}, "name"),
        ({"name": "a\nb"}, "name"),
    ],
)
def test_errors_name_the_whole_path_of_the_option(options: dict[str, Any], option: str) -> None:
    with pytest.raises(Invalid) as caught:
        adapter.parse(options)
    assert caught.value.option == option


@pytest.mark.parametrize(
    ("options", "features"),
    [
        ({"switch": "External"}, ()),
        ({"dhcp_guard": False}, (PORT_SECURITY,)),
        ({"vlan": {"mode": "untagged"}, "bandwidth": {"weight": 0}}, (PORT_VLAN, PORT_BANDWIDTH)),
    ],
)
def test_only_the_features_in_the_options_are_read(options: dict[str, Any], features: tuple[Any, ...]) -> None:
    assert adapter.parse(options).features == features


@pytest.mark.parametrize(
    ("options", "allowed", "security"),
    [
        ({}, None, {}),
        ({}, False, {"mac_spoofing": False}),
        ({"dhcp_guard": True}, True, {"dhcp_guard": True, "mac_spoofing": True}),
        ({"mac_spoofing": False}, True, {"mac_spoofing": False}),
    ],
)
def test_spoofing_that_nesting_asks_for_yields_to_the_option(
    options: dict[str, Any], allowed: bool | None, security: dict[str, Any]
) -> None:
    assert adapter.parse(options).with_spoofing(allowed).security == security
