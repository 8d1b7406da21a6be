"""root/StandardCimv2 over the wire: NAT objects, addresses and routes of a host, as a client makes and removes them."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any
from xml.etree.ElementTree import Element

import pytest

from ansible_collections.nested.hyperv.tests import simulator
from ansible_collections.nested.hyperv.tests.simulator.cim.schema import STANDARD
from ansible_collections.nested.hyperv.tests.simulator.machine.machine import Machine
from ansible_collections.nested.hyperv.tests.simulator.model import ModelError
from ansible_collections.nested.hyperv.tests.simulator.windows.services.tcpip import encoded

from ..hosts import host, rows
from ..networks import addresses
from ..talk import NS, ROOT, Answer, Talk

MODEL = {
    "name": "hv01",
    "winrm": {"allow_unencrypted": True},
    "network_adapters": [{"addresses": ["10.1.0.5/24"], "gateway": "10.1.0.1"}],
    "switches": [{"name": "NAT", "type": "internal"}],
}
NAT, MAPPING = "MSFT_NetNat", "MSFT_NetNatStaticMapping"
ADDRESS, ROUTE = "MSFT_NetIPAddress", "MSFT_NetRoute"
WMI_ERROR = "{http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/MSFT_WmiError}"


def uri(cls: str) -> str:
    return f"{ROOT}/{STANDARD}/{cls}"


@pytest.fixture(scope="module")
def simulation() -> Iterator[Any]:
    plain = {"name": "plain", "hyperv": False, "winrm": {"allow_unencrypted": True}}
    with simulator.start({"hosts": [MODEL, plain]}) as started:
        yield started


@pytest.fixture
def machine(simulation: Any) -> Iterator[Machine]:
    """The host, cleared again of what a test leaves behind."""
    machine = simulation.machines["hv01"]
    before = list(machine.network.addresses), list(machine.network.routes)
    yield machine
    machine.network.addresses, machine.network.routes = before
    for cls in (MAPPING, "MSFT_NetNatExternalAddress", NAT):
        for row in list(machine.repository.rows(cls, STANDARD)):
            machine.repository.remove(row)


@pytest.fixture
def talk(simulation: Any, machine: Machine) -> Talk:
    return Talk(SimpleNamespace(url=simulation.endpoints["hv01"].http), "administrator:Passw0rd!")


def body(cls: str, **values: Any) -> str:
    inner = "".join(f"<p:{name}>{value}</p:{name}>" for name, value in values.items())
    return f'<p:{cls} xmlns:p="{uri(cls)}">{inner}</p:{cls}>'


def create(talk: Talk, cls: str, **values: Any) -> Answer:
    return talk.transfer("Create", uri(cls), body=body(cls, **values))


def new_address(talk: Talk, **values: Any) -> Answer:
    inner = "".join(f"<p:{name}>{value}</p:{name}>" for name, value in values.items())
    return talk.invoke(uri(ADDRESS), "Create", inner)


def error(answer: Answer) -> tuple[str, str]:
    """MessageID and error_Type of an MSFT_WmiError."""
    found = answer.find(f".//{WMI_ERROR}MSFT_WmiError")
    return found.findtext(f"{WMI_ERROR}MessageID", ""), found.findtext(f"{WMI_ERROR}error_Type", "")


def selectors(element: Element) -> dict[str, str]:
    return {one.get("Name", ""): one.text or "" for one in element.findall(".//w:Selector", NS)}


def index(machine: Machine, name: str = "vEthernet (NAT)") -> int:
    return machine.network.find(name=name).index


def test_a_nat_is_created_read_changed_and_deleted(talk: Talk, machine: Machine) -> None:
    answer = create(talk, NAT, Name="lab", InternalIPInterfaceAddressPrefix="192.168.100.0/24")
    assert answer.status == 200
    keys = selectors(answer.find(".//x:ResourceCreated"))
    assert keys == {"InstanceID": "lab;0"}
    text = talk.transfer("Get", uri(NAT), keys).text
    assert "<p:TcpEstablishedConnectionTimeout>1800</p:TcpEstablishedConnectionTimeout>" in text
    assert "<p:Active>1</p:Active>" in text
    assert talk.transfer("Put", uri(NAT), keys, body(NAT, IcmpQueryTimeout=60)).status == 200
    assert machine.repository.row(NAT, STANDARD, InstanceID="lab;0")["IcmpQueryTimeout"] == 60
    changed = talk.transfer("Put", uri(NAT), keys, body(NAT, InternalIPInterfaceAddressPrefix="10.0.0.0/8"))
    assert error(changed)[0] == "Windows System Error 87"
    assert talk.transfer("Delete", uri(NAT), keys).status == 200
    assert talk.transfer("Get", uri(NAT), keys).status == 500


@pytest.mark.parametrize(
    "values",
    [
        {"Name": "second", "InternalIPInterfaceAddressPrefix": "192.168.200.0/24"},
        {"Name": "FIRST", "ExternalIPInterfaceAddressPrefix": "192.168.200.0/24"},
        {"Name": "second"},
        {"InternalIPInterfaceAddressPrefix": "192.168.200.0/24"},
        {"Name": "second", "ExternalIPInterfaceAddressPrefix": "192.168.200.0"},
        {"Name": "second", "ExternalIPInterfaceAddressPrefix": "nonsense/24"},
        {"Name": "second", "ExternalIPInterfaceAddressPrefix": "10.9.0.0/24", "IcmpQueryTimeout": 0},
    ],
)
def test_what_is_error_87(talk: Talk, machine: Machine, values: dict[str, Any]) -> None:
    assert create(talk, NAT, Name="first", InternalIPInterfaceAddressPrefix="192.168.100.0/24").status == 200
    answer = create(talk, NAT, **values)
    assert answer.status == 500
    assert error(answer) == ("Windows System Error 87", "WIN32")
    assert "The parameter is incorrect." in answer.text
    assert len(rows(machine, NAT, STANDARD)) == 1


def test_mappings(talk: Talk, machine: Machine) -> None:
    create(talk, NAT, Name="lab", InternalIPInterfaceAddressPrefix="192.168.100.0/24")
    good = {
        "NatName": "LAB",
        "Protocol": 6,
        "ExternalIPAddress": "0.0.0.0/24",
        "ExternalPort": 8080,
        "InternalIPAddress": "192.168.100.5",
        "InternalPort": 80,
    }
    assert create(talk, MAPPING, **good).status == 200
    (row,) = rows(machine, MAPPING, STANDARD)
    assert (row["NatName"], row["ExternalIPAddress"], row["StaticMappingID"]) == ("lab", "0.0.0.0", 0)
    assert row["RemoteExternalIPAddressPrefix"] == "0.0.0.0/0"
    for change, code in (
        ({}, 32),
        ({"ExternalIPAddress": "10.1.0.5"}, 32),
        ({"ExternalPort": 3389}, 32),
        ({"Protocol": 1}, 87),
        ({"ExternalPort": 0}, 87),
        ({"ExternalPort": 81, "InternalIPAddress": "192.168.101.5"}, 87),
        ({"ExternalPort": 81, "NatName": "other"}, 1168),
    ):
        assert error(create(talk, MAPPING, **{**good, **change}))[0] == f"Windows System Error {code}", change
    assert create(talk, MAPPING, **{**good, "Protocol": 17}).status == 200
    assert talk.transfer("Delete", uri(NAT), {"InstanceID": "lab;0"}).status == 200
    assert rows(machine, MAPPING, STANDARD) == []


def test_an_external_address_of_a_nat(talk: Talk, machine: Machine) -> None:
    create(talk, NAT, Name="out", ExternalIPInterfaceAddressPrefix="10.1.0.0/24")
    external = "MSFT_NetNatExternalAddress"
    values = {"NatName": "out", "IPAddress": "10.1.0.9", "PortStart": 5000, "PortEnd": 5010}
    assert create(talk, external, **values).status == 200
    assert error(create(talk, external, **values))[0] == "Windows System Error 87"
    assert error(create(talk, external, **{**values, "NatName": "none"}))[0] == "Windows System Error 1168"


def test_without_the_role_there_is_no_nat_class(simulation: Any) -> None:
    plain = Talk(SimpleNamespace(url=simulation.endpoints["plain"].http), "administrator:Passw0rd!")
    assert "0x80041010" in create(plain, NAT, Name="lab", InternalIPInterfaceAddressPrefix="10.0.0.0/24").text
    assert plain.query(f"SELECT * FROM {NAT}", namespace=STANDARD).status == 500
    assert plain.query("SELECT * FROM MSFT_NetAdapter", namespace=STANDARD).status == 200


def test_an_address_is_created_in_both_stores_and_deleted_store_by_store(talk: Talk, machine: Machine) -> None:
    answer = new_address(talk, InterfaceIndex=index(machine), IPAddress="192.168.100.1", PrefixLength=24)
    assert answer.status == 200
    outputs = answer.find("s:Body")[0]
    assert [element.tag.rpartition("}")[2] for element in outputs] == ["CmdletOutput", "CmdletOutput", "ReturnValue"]
    made = [row for row in rows(machine, ADDRESS, STANDARD) if row["IPAddress"] == "192.168.100.1"]
    assert [(row["Store"], row["AddressState"], row["PrefixOrigin"]) for row in made] == [(1, 1, 1), (0, 0, 1)]
    machine.clock.advance(5)
    assert rows(machine, ADDRESS, STANDARD)
    state = [row["AddressState"] for row in rows(machine, ADDRESS, STANDARD) if row["IPAddress"] == "192.168.100.1"]
    assert state == [4, 0]
    prefixes = {row["DestinationPrefix"] for row in rows(machine, ROUTE, STANDARD)}
    assert {"192.168.100.0/24", "192.168.100.1/32", "192.168.100.255/32"} <= prefixes
    keys = made[0].keys_dict()
    assert "<" in keys["Name"]
    assert (keys["CreationClassName"], keys["SystemCreationClassName"], keys["SystemName"]) == ("", "", "")
    assert talk.transfer("Get", uri(ADDRESS), keys).status == 200
    assert talk.transfer("Delete", uri(ADDRESS), keys).status == 200
    assert "vEthernet (NAT)" not in addresses(machine)
    assert talk.transfer("Delete", uri(ADDRESS), made[1].keys_dict()).status == 200
    assert not [row for row in rows(machine, ADDRESS, STANDARD) if row["IPAddress"] == "192.168.100.1"]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"InterfaceIndex": 4242, "IPAddress": "192.168.100.1"}, "Windows System Error 1168"),
        ({"InterfaceAlias": "nowhere", "IPAddress": "192.168.100.1"}, "Windows System Error 1168"),
        ({"IPAddress": "192.168.100.1"}, "Windows System Error 87"),
        ({"InterfaceAlias": "vEthernet (NAT)", "IPAddress": "192.168.100.300"}, "Windows System Error 87"),
        ({"InterfaceAlias": "vEthernet (NAT)", "IPAddress": "10.9.9.9", "PrefixLength": 33}, "Windows System Error 87"),
        (
            {"InterfaceAlias": "vEthernet (NAT)", "IPAddress": "10.9.9.9", "AddressFamily": 23},
            "Windows System Error 87",
        ),
        ({"InterfaceAlias": "vEthernet (NAT)", "IPAddress": "10.1.0.5"}, "Windows System Error 5010"),
        ({"InterfaceAlias": "Ethernet", "IPAddress": "10.1.0.5"}, "Windows System Error 87"),
        (
            {"InterfaceAlias": "Ethernet", "IPAddress": "10.1.0.6", "DefaultGateway": "10.1.0.1"},
            "Windows System Error 87",
        ),
    ],
)
def test_what_no_address_can_be(talk: Talk, machine: Machine, values: dict[str, Any], message: str) -> None:
    answer = new_address(talk, **values)
    assert (answer.status, error(answer)[0]) == (500, message)
    assert addresses(machine)["Ethernet"] == ["10.1.0.5/24"]


def test_a_fixed_address_ends_dhcp() -> None:
    machine = host(switches=[])
    assert machine.network.find(name="Ethernet").dhcp
    cls = machine.find_class(STANDARD, ADDRESS)
    machine.invoke(cls, None, "Create", {"InterfaceAlias": "Ethernet", "IPAddress": "192.0.2.250", "PrefixLength": 24})
    assert addresses(machine)["Ethernet"] == ["192.0.2.250/24"]
    interfaces = [row for row in rows(machine, "MSFT_NetIPInterface", STANDARD) if row["InterfaceAlias"] == "Ethernet"]
    assert {row["Dhcp"] for row in interfaces} == {0}
    assert not [row for row in rows(machine, ROUTE, STANDARD) if row["DestinationPrefix"] == "0.0.0.0/0"]


def test_routes(talk: Talk, machine: Machine) -> None:
    inner = (
        f"<p:InterfaceIndex>{index(machine)}</p:InterfaceIndex>"
        "<p:DestinationPrefix>10.50.0.0/16</p:DestinationPrefix><p:NextHop>192.168.100.9</p:NextHop>"
    )
    assert talk.invoke(uri(ROUTE), "Create", inner).status == 200
    assert error(talk.invoke(uri(ROUTE), "Create", inner))[0] == "Windows System Error 87"
    made = [row for row in rows(machine, ROUTE, STANDARD) if row["DestinationPrefix"] == "10.50.0.0/16"]
    assert [row["Store"] for row in made] == [1, 0]
    for row in made:
        assert talk.transfer("Delete", uri(ROUTE), row.keys_dict()).status == 200
    assert not [row for row in rows(machine, ROUTE, STANDARD) if row["DestinationPrefix"] == "10.50.0.0/16"]
    own = next(row for row in rows(machine, ROUTE, STANDARD) if row["DestinationPrefix"] == "10.1.0.5/32")
    assert talk.transfer("Delete", uri(ROUTE), own.keys_dict()).status == 500


def test_interfaces_and_profiles_are_put(talk: Talk, machine: Machine) -> None:
    interface = next(
        row
        for row in rows(machine, "MSFT_NetIPInterface", STANDARD)
        if (row["InterfaceIndex"], row["AddressFamily"], row["Store"]) == (index(machine), 2, 1)
    )
    cls = "MSFT_NetIPInterface"
    assert talk.transfer("Put", uri(cls), interface.keys_dict(), body(cls, Forwarding=1)).status == 200
    assert machine.network.find(index=index(machine)).forwarding
    cls = "MSFT_NetConnectionProfile"
    profile = next(row for row in rows(machine, cls, STANDARD) if row["InterfaceIndex"] == index(machine))
    assert profile["Name"] == "Unidentified network"
    assert talk.transfer("Put", uri(cls), profile.keys_dict(), body(cls, NetworkCategory=1)).status == 200
    assert error(talk.transfer("Put", uri(cls), profile.keys_dict(), body(cls, NetworkCategory=2)))[0].endswith(" 87")


def test_keys_are_encoded_as_seen() -> None:
    """Names out of published outputs of Get-NetIPAddress and Test-NetConnection."""
    assert encoded("192.168.56.1", 42, 1, 1) == ";C<8;@B8?@8;55><55;55;"
    assert encoded("0.0.0.0/0", 7, "192.168.148.254", 1).startswith(":8:8:8:9:55A55;C<8;@B8;>B8")


LAB = {"name": "n", "prefix": "10.0.0.0/24"}


def mapped(*mappings: dict[str, Any], **mapping: Any) -> dict[str, Any]:
    """A NAT with mappings that differ from a valid one."""
    valid = {"external_port": 80, "internal_address": "10.0.0.2"}
    return {"nats": [{**LAB, "mappings": [{**valid, **values} for values in mappings or (mapping,)]}]}


def test_mappings_of_several_addresses_and_protocols_and_a_prefix_with_host_bits() -> None:
    of_addresses = ({"external_address": "192.0.2.1"}, {"external_address": "192.0.2.2"}, {"protocol": "UDP"})
    assert len(rows(host(**mapped(*of_addresses)), "MSFT_NetNatStaticMapping", STANDARD)) == 3
    machine = host(nats=[{"name": "containers", "prefix": "172.21.80.1/20"}])
    (nat,) = rows(machine, "MSFT_NetNat", STANDARD)
    assert nat["InternalIPInterfaceAddressPrefix"] == "172.21.80.1/20"


@pytest.mark.parametrize(
    ("part", "says"),
    [
        ({"switches": [{"name": "x", "type": "outer"}]}, r"switches\[0\] \(x\)\.type: outer is not one of"),
        ({"switches": [{"name": "x", "type": "external"}]}, "adapters"),
        ({"switches": [{"name": "x", "type": "external", "adapters": ["nope"]}]}, "nope"),
        ({"switches": [{"nam": "x"}]}, "unknown nam"),
        ({"network_adapters": [{"mac": "zz"}]}, "zz"),
        ({"nats": [{"name": "n"}]}, "prefix"),
        ({"nats": [{"name": "n", "prefix": "10.0.0.0"}]}, r"nats\[0\] \(n\)\.prefix: 10\.0\.0\.0 is not a network"),
        ({"nats": [LAB, {**LAB, "name": "m"}]}, r"nats\[1\] \(m\)\.prefix: a host can have one"),
        ({"nats": [LAB, LAB]}, r"nats\[1\] \(n\)\.name: n is already in use"),
        (mapped(external_port=70000), r"mappings\[0\]\.external_port: 70000 is not a port from 1 to 65535"),
        (mapped(external_port=445), "Windows itself listens on tcp 445"),
        (mapped(protocol="icmp"), r"mappings\[0\]\.protocol: icmp is not one of tcp, udp"),
        (mapped(internal_address="10.0.0.300"), r"internal_address: 10\.0\.0\.300 is not an IPv4 address"),
        (mapped(internal_address="10.0.1.2"), r"internal_address: 10\.0\.1\.2 is not in the prefix 10\.0\.0\.0/24"),
        (mapped({}, {}), r"mappings\[1\]\.external_port: tcp 80 is already in use by nats\[0\] \(n\)\.mappings\[0\]"),
        (mapped({}, {"external_address": "192.0.2.1"}), "already in use"),
        ({"network_adapters": [{"addresses": ["10.0.0.300/24"]}]}, r"network_adapters\[0\]\.addresses\[0\]: 10\.0"),
        ({"network_adapters": [{"gateway": "10.0.0"}]}, r"network_adapters\[0\]\.gateway: 10\.0\.0 is not an address"),
        ({"network_adapters": {}}, "network_adapters: a list is expected"),
        ({"switches": [{"name": "x", "type": "internal", "addresses": ["x"]}]}, r"\(x\)\.addresses\[0\]: x is not"),
    ],
)
def test_mistakes_in_a_model(part: dict[str, Any], says: str) -> None:
    with pytest.raises(ModelError, match=says):
        host(**part)
