# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rows that don't fit a page, or not even an answer of their own: they lock neither their VM nor the host."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.nested.hyperv.tests.harness.lab import Lab, open_lab
from ansible_collections.nested.hyperv.tests.simulator.wire.config import Settings

EVERY_VLAN = {"mode": "trunk", "native_id": 0, "allowed_ids": ["1-4094"]}


def model() -> dict[str, Any]:
    adapters = [{"name": "LAN", "switch": "Lab"}, {"name": "Trunk", "switch": "Lab"}]
    vms = [{"name": f"vm{n:02}", "adapters": adapters} for n in range(30)]
    return {"hosts": [{"name": "hv01", "switches": [{"name": "Lab"}], "vms": vms}]}


@pytest.fixture(scope="module")
def trunk() -> Iterator[Lab]:
    """A host on which one of sixty adapters has every VLAN."""
    with open_lab(model()) as lab:
        lab.succeeds("vm_network_adapter", vm="vm07", name="LAN", vlan={"mode": "access", "id": 7})
        yield lab


def test_a_trunk_of_every_vlan_is_written_and_read(trunk: Lab) -> None:
    trunk.apply("vm_network_adapter", vm="vm07", name="Trunk", vlan=EVERY_VLAN)
    assert trunk.adapter("vm07", "Trunk")["vlan"] == EVERY_VLAN
    trunk.leaves_alone("vm", name="vm07", network_adapters=[{"name": "Trunk", "vlan": EVERY_VLAN}])


def test_the_whole_host_is_read(trunk: Lab) -> None:
    trunk.succeeds("vm_network_adapter", vm="vm07", name="Trunk", vlan=EVERY_VLAN)
    result = trunk.succeeds("vm_info")
    vlans = {(vm["name"], entry["name"]): entry["vlan"] for vm in result["vms"] for entry in vm["network_adapters"]}
    assert vlans.pop(("vm07", "Trunk")) == EVERY_VLAN
    assert vlans.pop(("vm07", "LAN")) == {"mode": "access", "id": 7}
    assert len(vlans) == 58
    assert all(vlan == {"mode": "untagged"} for vlan in vlans.values())


def test_a_row_that_the_host_cannot_send() -> None:
    with open_lab(model()) as lab:
        lab.succeeds("vm_network_adapter", vm="vm07", name="Trunk", vlan=EVERY_VLAN)
        service = lab.sim._listeners["hv01"][0].service
        service.settings = service.enumerations.settings = Settings(max_envelope_kb=150)
        result = lab.succeeds("vm_info")
        (line,) = result["warnings"]
        assert "Msvm_EthernetSwitchPortVlanSettingData.InstanceID=" in line
        assert "MaxEnvelopeSizekb" in line
        assert lab.adapter("vm07", "Trunk")["vlan"] == {"mode": None}
        lab.fails("vm_network_adapter", "envelope size", "InstanceID=", vm="vm07", name="Trunk", vlan=EVERY_VLAN)
        lab.leaves_alone("vm_memory", name="vm07", priority=50)
