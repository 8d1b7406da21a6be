# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""guest_network: names by MAC address, addresses, gateways, DNS servers and DHCP of a Windows guest."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.nested.hyperv.tests.harness.checks import Task, three_runs, unforeseen
from ansible_collections.nested.hyperv.tests.harness.lab import Lab, open_lab
from ansible_collections.nested.hyperv.tests.simulator.wire.faultrules import Rule

ONE, TWO, THREE = (f"02:15:5D:00:00:0{number}" for number in (1, 2, 3))
DASHED = ONE.replace(":", "-")
MODEL: dict[str, Any] = {
    "hosts": [
        {
            "name": "hv01",
            "hyperv": False,
            "locale": "de-DE",
            "network_adapters": [
                {"name": "Ethernet", "mac": DASHED, "addresses": ["192.168.44.50/24"], "dhcp": True},
                {"name": "Ethernet 2", "mac": TWO.replace(":", "-"), "addresses": [], "dhcp": True},
                {"name": "Ethernet 3", "mac": THREE.replace(":", "-"), "addresses": ["10.0.0.1/24"], "dhcp": False},
            ],
        }
    ]
}
STATIC = {
    "mac_address": ONE,
    "name": "NIC1",
    "address": "192.168.44.201/24",
    "gateway": "192.168.44.1",
    "dns_servers": ["192.168.1.254", "192.168.1.253"],
}


def found(result: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {row["mac_address"]: row for row in result["adapters"]}


def test_an_adapter_gets_its_name_and_address(lab: Lab) -> None:
    result = lab.apply("guest_network", adapters=[STATIC, {"mac_address": TWO.lower(), "name": "NIC2", "dhcp": False}])
    assert found(result)[ONE] == {
        "mac_address": ONE, "name": "NIC1", "dhcp": False, "addresses": ["192.168.44.201/24"],
        "gateway": "192.168.44.1", "dns_servers": ["192.168.1.254", "192.168.1.253"],
    }  # fmt: skip
    assert (found(result)[TWO]["name"], found(result)[TWO]["dhcp"]) == ("NIC2", False)
    assert found(result)[THREE]["name"] == "Ethernet 3"
    assert result["diff"]["before"]["adapters"][ONE]["addresses"] == ["192.168.44.50/24"]


def test_only_what_differs_is_written(lab: Lab) -> None:
    lab.succeeds("guest_network", adapters=[STATIC])
    lab.leaves_alone("guest_network", adapters=[STATIC])
    lab.leaves_alone("guest_network", adapters=[{"mac_address": THREE, "name": "Ethernet 3", "dhcp": False}])
    lab.succeeds("guest_network", adapters=[{**STATIC, "dns_servers": ["192.168.1.254"]}])
    assert lab.writes == ["Invoke Win32_NetworkAdapterConfiguration SetDNSServerSearchOrder"]


def test_dhcp_is_enabled_and_disabled(lab: Lab) -> None:
    result = lab.apply("guest_network", adapters=[{"mac_address": THREE, "dhcp": True}])
    assert (found(result)[THREE]["dhcp"], found(result)[THREE]["addresses"]) == (True, [])
    result = lab.apply("guest_network", adapters=[{"mac_address": THREE, "dhcp": False}])
    assert found(result)[THREE]["dhcp"] is False
    assert all("MSFT_NetIPInterface" in write for write in lab.writes)


def test_adapters_exchange_their_names(lab: Lab) -> None:
    wanted = [
        {"mac_address": ONE, "name": "Ethernet 2"},
        {"mac_address": TWO, "name": "Ethernet 3"},
        {"mac_address": THREE, "name": "Ethernet"},
    ]
    result = lab.apply("guest_network", adapters=wanted)
    assert [found(result)[mac]["name"] for mac in (ONE, TWO, THREE)] == ["Ethernet 2", "Ethernet 3", "Ethernet"]
    result = lab.apply("guest_network", adapters=[{"mac_address": ONE, "name": "ETHERNET 2"}])
    assert found(result)[ONE]["name"] == "ETHERNET 2"


@pytest.mark.parametrize(
    ("adapters", "words"),
    [
        ([{"mac_address": "02-00-00-00-00-99"}], ("adapters.mac_address: ", "no network adapter", ONE)),
        ([{"mac_address": "nic"}], ("adapters.mac_address: ", "'nic' is not a MAC address")),
        ([{"mac_address": ONE}, {"mac_address": ONE.lower()}], ("adapters.mac_address: ", "two adapters")),
        ([{"mac_address": ONE, "name": "A"}, {"mac_address": TWO, "name": "a"}], ("adapters.name: ", "two adapters")),
        ([{"mac_address": ONE, "name": "ethernet 3"}], ("adapters.name: ", THREE, "rename it, too")),
        ([{"mac_address": ONE, "address": "192.168.44.5"}], ("adapters.address: ", "prefix length")),
        ([{"mac_address": ONE, "address": "1.2.3.4/24", "dhcp": True}], ("adapters.dhcp: ", "no DHCP")),
        ([{"mac_address": ONE, "gateway": "1.2.3.1"}], ("adapters.gateway: ", "needs the 'address'")),
        (
            [{"mac_address": ONE, "address": "1.2.3.4/24", "gateway": "1.2.4.1"}],
            ("adapters.gateway: ", ONE, "not another"),
        ),
        ([{"mac_address": ONE, "dns_servers": ["dc01"]}], ("adapters.dns_servers: ", "'dc01' is not an IPv4 address")),
    ],
)
def test_impossible_values_are_refused(lab: Lab, adapters: list[dict[str, Any]], words: tuple[str, ...]) -> None:
    lab.refuses("guest_network", *words, adapters=adapters)
    assert not lab.writes


def test_the_code_of_windows_becomes_a_sentence(lab: Lab) -> None:
    lab.machine.network.find(name="Ethernet").up = False
    result = lab.fails("guest_network", "TCP/IP is not bound", "code 84", adapters=[STATIC])
    assert (result["method"], result["return_value"]) == ("EnableStatic", 84)
    assert result["completed"] == ["rename the adapter 'Ethernet' to 'NIC1'"]


@pytest.mark.parametrize("method", ["Rename", "EnableStatic", "SetGateways", "SetDNSServerSearchOrder"])
@pytest.mark.parametrize("do", ["drop", "lose"])
def test_a_lost_answer(lab: Lab, method: str, do: str) -> None:
    lab.sim.faults.add(Rule(do, method=method))
    result = lab.run("guest_network", adapters=[STATIC])
    if do == "lose":
        assert not result.get("failed"), result
    lab.sim.faults.clear()
    assert not lab.run("guest_network", adapters=[STATIC]).get("failed")
    lab.leaves_alone("guest_network", adapters=[STATIC])


def test_the_adapter_on_a_switch_is_configured_in_place_of_its_physical_one() -> None:
    model = {
        "hosts": [
            {
                "name": "hv01",
                "network_adapters": [{"name": "NIC1", "mac": DASHED, "addresses": ["10.0.0.5/24"]}],
                "switches": [{"name": "Compute", "type": "external", "adapters": ["NIC1"], "mac": DASHED}],
            }
        ]
    }
    with open_lab(model) as lab:
        wanted = [{"mac_address": ONE, "name": "NIC1", "address": "10.0.0.5/24"}]
        lab.leaves_alone("guest_network", adapters=wanted)


def test_tasks_of_a_check_see_each_other() -> None:
    play = [[STATIC], [STATIC], [{"mac_address": TWO, "name": "Ethernet", "dhcp": False}]]
    tasks = [Task(str(number), "guest_network", {"adapters": adapters}) for number, adapters in enumerate(play)]
    assert unforeseen(three_runs(MODEL, tasks)) == {}
