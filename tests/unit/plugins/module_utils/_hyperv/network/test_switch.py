"""Switches put together from rows, and the adapters that people mean."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.nested.hyperv.plugins.module_utils._hyperv.network import host_network, switch, switch_plan
from ansible_collections.nested.hyperv.plugins.module_utils._task.errors import Ambiguous, Invalid, Missing

ID = "0F8FAD5B-D9CB-469F-A165-70867728950E"
OTHER_ID = "7C9E6679-7425-40DE-944B-E07FC1F90AE7"
HOST_PATH = r'\\HV01\root\virtualization\v2:Msvm_ComputerSystem.CreationClassName="Msvm_ComputerSystem",Name="HV01"'


def external_path(guid: str) -> str:
    return (
        r'\\HV01\root\virtualization\v2:Msvm_ExternalEthernetPort.CreationClassName="Msvm_ExternalEthernetPort",'
        f'DeviceID="Microsoft:{{{guid}}}",SystemCreationClassName="Msvm_ComputerSystem",SystemName="HV01"'
    )


def row(port: str, *paths: str, name: str = "", address: str = "") -> dict[str, Any]:
    return {
        "InstanceID": f"Microsoft:{ID}\\{port}",
        "ElementName": name,
        "Address": address,
        "HostResource": list(paths),
    }


def a_switch(*ports: dict[str, Any], teaming: bool | None = None) -> switch.Switch:
    return switch._switch(ID, {"ElementName": "LAN", "Notes": [], "TeamingEnabled": teaming}, list(ports))


@pytest.mark.parametrize(
    ("ports", "kind", "guids"),
    [
        ([], "private", set()),
        ([row("1", HOST_PATH)], "internal", set()),
        ([row("1", external_path("AA"))], "external", {"aa"}),
        ([row("1", HOST_PATH), row("2", external_path("AA"))], "external", {"aa"}),
        ([row("1", external_path("AA")), row("2", external_path("BB"))], "external", {"aa", "bb"}),
        ([row("1", external_path("AA"), external_path("BB"))], "external", {"aa", "bb"}),
    ],
)
def test_what_a_switch_is_follows_from_its_ports(ports: list[dict[str, Any]], kind: str, guids: set[str]) -> None:
    switched = a_switch(*ports)
    assert (switched.type, switched.adapter_guids) == (kind, guids)


def adapter(name: str | None, description: str, guid: str) -> switch.NetAdapter:
    return switch.NetAdapter({"DeviceID": f"Microsoft:{{{guid}}}"}, name, description)


ADAPTERS = [
    adapter("Ethernet", "Intel X710", "AA"),
    adapter("Ethernet 2", "Intel X710", "BB"),
    adapter("Backup", "Broadcom 57414", "CC"),
]


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        (["Ethernet"], ["Ethernet"]),
        (["ethernet 2", "BACKUP"], ["Ethernet 2", "Backup"]),
        (["broadcom 57414"], ["Backup"]),
        (["Backup", "Broadcom 57414"], ["Backup"]),
    ],
)
def test_adapters_by_name_or_description(names: list[str], chosen: list[str]) -> None:
    assert [adapter.name for adapter in switch.choose(ADAPTERS, names)] == chosen


def test_an_unknown_adapter_is_answered_with_those_there_are() -> None:
    with pytest.raises(Missing, match=r"'Ethernet 3' .* it has 'Ethernet' .*'Ethernet 2' .*'Backup'"):
        switch.choose(ADAPTERS, ["Ethernet 3"])


def test_a_shared_description_is_answered_with_names() -> None:
    with pytest.raises(Ambiguous, match=r"share the description 'Intel X710'.* 'Ethernet', 'Ethernet 2'"):
        switch.choose(ADAPTERS, ["Intel X710"])


def test_names_are_literal_and_without_case() -> None:
    switches = [a_switch(), a_switch()._replace(id=OTHER_ID, name="LAN*")]
    assert switch.pick(switches, "lan") is switches[0]
    assert switch.pick(switches, "lan*") is switches[1]
    assert switch.pick(switches, OTHER_ID.lower()) is switches[1]
    assert switch.pick(switches, f"{{{OTHER_ID}}}") is switches[1]
    assert switch.pick(switches, "L?N") is None


def test_a_name_that_two_switches_share() -> None:
    switches = [a_switch(), a_switch()._replace(id=OTHER_ID, name="lan")]
    with pytest.raises(Ambiguous, match=ID) as caught:
        switch.pick(switches, "LAN")
    assert caught.value.details["ids"] == sorted([ID, OTHER_ID])


PARAMS = dict.fromkeys(switch.OPTIONS)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"type": "internal", "net_adapters": ["Ethernet"]}, "has no physical adapter"),
        ({"net_adapters": []}, "at least one"),
        ({"type": "internal", "allow_management_os": False}, "is always connected"),
        ({"type": "private", "allow_management_os": True}, "is never connected"),
        ({"type": "private", "teaming": True}, "has no physical adapter"),
        ({"type": "internal", "iov": True}, "has no physical adapter"),
        ({"net_adapters": ["A", "B"], "teaming": False}, "form a team"),
        ({"name": "x" * 300}, "a name of 300 characters is too long"),
        ({"name": "a\nb"}, "control character"),
    ],
)
def test_options_that_contradict_each_other(options: dict[str, Any], words: str) -> None:
    with pytest.raises(Invalid, match=words):
        switch_plan.check({**PARAMS, **options})


# What a switch of each type is, whether it can be otherwise or not.
FACTS = {
    "internal": {"net_adapters": [], "allow_management_os": True, "teaming": False, "iov": False},
    "private": {"net_adapters": [], "allow_management_os": False, "teaming": False, "iov": False},
}


@pytest.mark.parametrize("kind", FACTS)
@pytest.mark.parametrize("option", FACTS["internal"])
@pytest.mark.parametrize("value", [False, True, [], ["Ethernet"]])
def test_only_contradictions_of_the_type_are_errors(kind: str, option: str, value: Any) -> None:
    fact = FACTS[kind][option]
    if type(value) is not type(fact):
        return
    options = {**PARAMS, "type": kind, option: value}
    if value == fact:
        switch_plan.check(options)
    else:
        with pytest.raises(Invalid) as caught:
            switch_plan.check(options)
        assert caught.value.option == option


def net_adapter(guid: str, mac: str, index: int, physical: bool = False) -> dict[str, Any]:
    return {
        "DeviceID": f"{{{guid}}}",
        "Name": f"vEthernet ({index})",
        "InterfaceIndex": index,
        "PermanentAddress": mac,
        "HardwareInterface": physical,
    }


def internal_port(guid: str, mac: str, name: str) -> dict[str, Any]:
    return {"DeviceID": f"Microsoft:{guid}", "ElementName": name, "PermanentAddress": mac}


@pytest.mark.parametrize(
    ("address", "ports", "adapters", "index"),
    [
        # by the id of the port that has the switch port's MAC address
        (
            "00155D000002",
            [internal_port("11", "00155D000001", "LAN"), internal_port("22", "00155D000002", "LAN")],
            [net_adapter("11", "00155D000001", 5), net_adapter("22", "00155D000002", 9)],
            9,
        ),
        # the switch port has no address: by the name of both ports
        (
            "",
            [internal_port("11", "00155D000001", "WAN"), internal_port("22", "00155D000002", "LAN")],
            [net_adapter("11", "00155D000001", 5), net_adapter("22", "00155D000002", 9)],
            9,
        ),
        # the ids don't agree: by MAC address, and not the physical adapter that has the same
        (
            "00155D000002",
            [internal_port("33", "00155D000002", "LAN")],
            [net_adapter("11", "00-15-5D-00-00-02", 5, physical=True), net_adapter("22", "00-15-5D-00-00-02", 9)],
            9,
        ),
        ("00155D000002", [], [net_adapter("11", "00155D000001", 5)], None),
    ],
)
def test_the_hosts_adapter_on_a_switch(
    address: str, ports: list[dict[str, Any]], adapters: list[dict[str, Any]], index: int | None
) -> None:
    on = a_switch(row("1", HOST_PATH, name="LAN", address=address))
    matched = host_network.match_adapter(on, ports, adapters)
    assert (matched["InterfaceIndex"] if matched else None) == index
