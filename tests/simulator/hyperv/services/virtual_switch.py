r"""Virtual switches: Msvm_VirtualEthernetSwitch, its settings, its ports, and the Ethernet ports they connect.

A switch's own ports are rows Microsoft:<switch>\<port> of Msvm_EthernetPortAllocationSettingData; their HostResource
says what they are: the host's Msvm_ComputerSystem (internal) or an Msvm_ExternalEthernetPort (external).
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from ...cim.repository import Association, Pair
from ...cim.schema import HYPERV
from ...cim.values import Instance, Reference
from ...machine.network import DEFAULT_SWITCH, DEFAULT_SWITCH_SINCE, Adapter
from ...machine.service import Service

if TYPE_CHECKING:
    from ...machine.machine import Machine
    from ..vm import Vm

SWITCH, SETTINGS = "Msvm_VirtualEthernetSwitch", "Msvm_VirtualEthernetSwitchSettingData"
CONNECTION, PORT = "Msvm_EthernetPortAllocationSettingData", "Msvm_EthernetSwitchPort"
INTERNAL, EXTERNAL = "Msvm_InternalEthernetPort", "Msvm_ExternalEthernetPort"
HOST_SYSTEM = "Msvm_ComputerSystem"
FEATURE = "Msvm_EthernetSwitchPortFeatureSettingData"
_SWITCH_NAME = re.compile(r'Msvm_VirtualEthernetSwitch\..*?Name="([0-9A-Fa-f-]{36})"')

# Texts that Windows shows in its own language.
TEXTS = {
    SWITCH: {"Caption": "switch_caption", "Description": "switch_description"},
    SETTINGS: {"Caption": "switch_settings_caption", "Description": "switch_settings_description"},
    PORT: {"Caption": "switch_port_caption", "Description": "switch_port_description"},
    CONNECTION: {"Caption": "connection_caption", "Description": "connection_caption"},
    INTERNAL: {"Caption": "port_caption", "Description": "internal_port_description"},
    EXTERNAL: {"Caption": "port_caption", "Description": "external_port_description"},
}


# Of an external port, as captured from a Windows 11 host with one adapter.
EXTERNAL_VALUES = {
    "ActiveMaximumTransmissionUnit": 1500,
    "AutoSense": True,
    "EnabledDefault": 2,
    "FullDuplex": True,
    "HealthState": 5,
    "LinkTechnology": 2,
    "MaxDataSize": 1500,
    "OperationalStatus": [2],
    "PortNumber": 0,
    "PortType": 53,
    "RequestedState": 12,
    "Status": "OK",
    "StatusDescriptions": ["OK"],
    "SupportedMaximumTransmissionUnit": 1500,
    "UsageRestriction": 4,
}


class VirtualSwitch(Service):
    def install(self, machine: Machine) -> None:
        repository = machine.repository
        repository.live(SWITCH, "ElementName", lambda row: settings_of(machine, row.values["Name"])["ElementName"])
        for cls, texts in TEXTS.items():
            for prop, key in texts.items():
                repository.live(cls, prop, lambda _, key=key: machine.text(key))
        repository.provide(PORT, lambda: _ports(machine))
        repository.provide(INTERNAL, lambda: _internal_ports(machine))
        repository.provide(EXTERNAL, lambda: _external_ports(machine))
        for spec in machine.spec["switches"]:
            _from_model(machine, spec)
        client = machine.os["product_type"] == 1 and machine.os["build"] >= DEFAULT_SWITCH_SINCE
        if client and machine.hyperv and repository.row(SWITCH, CreationClassName=SWITCH, Name=DEFAULT_SWITCH) is None:
            _default_switch(machine)
        for rule in _rules(machine):
            repository.associate(rule)


def _from_model(machine: Machine, spec: dict[str, Any]) -> None:
    if spec["type"] == "default":
        _default_switch(machine)
        return
    add_switch(
        machine,
        spec["id"],
        spec["name"],
        {
            "Notes": [spec["notes"]],
            "TeamingEnabled": spec["teaming"],
            "IOVPreferred": spec["iov"],
            "BandwidthReservationMode": spec["bandwidth_mode"],
        },
    )
    for name in spec["adapters"]:
        adapter = machine.network.find(name=name)
        if adapter is None:
            raise ValueError(f"{machine.name}: switch {spec['name']}: no network adapter {name}")
        values = {"HostResource": [external_path(machine, adapter)]}
        add_port(machine, spec["id"], values, _model_port(spec["id"], name))
    if spec["type"] == "internal" or (spec["type"] == "external" and spec["management_os"]):
        values = {"HostResource": [host_path(machine)], "ElementName": spec["name"]}
        values |= {"Address": spec["mac"]} if spec["mac"] else {}
        row = add_port(machine, spec["id"], values, _model_port(spec["id"], "host"))
        if spec["addresses"]:
            machine.network.configure(vnic(machine, row), spec["addresses"], dhcp=spec["dhcp"])


def _model_port(switch: str, name: str) -> str:
    """The GUID of a model's port, the same in every run."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{switch}/port/{name}"))


def _default_switch(machine: Machine) -> None:
    """The switch of client Hyper-V: internal, with an address from its own NAT (Microsoft: Default Switch)."""
    name = machine.text("default_switch")
    add_switch(machine, DEFAULT_SWITCH, name)
    values = {"HostResource": [host_path(machine)], "ElementName": name}
    row = add_port(machine, DEFAULT_SWITCH, values, _model_port(DEFAULT_SWITCH, machine.name))
    machine.network.configure(vnic(machine, row), ["172.28.48.1/20"], dhcp=False)


# --- the rows


def add_switch(machine: Machine, guid: str, name: str, values: dict[str, Any] | None = None) -> Instance:
    """A switch without ports; every value of its own row as captured from a Windows 11 host."""
    machine.repository.add(
        SETTINGS,
        {
            "Notes": [""],
            "VirtualSystemIdentifier": guid,
            "CreationTime": machine.clock.now(),
            **(values or {}),
            "InstanceID": f"Microsoft:{guid}",
            "ElementName": name,
        },
        owner=guid,
    )
    return machine.repository.add(
        SWITCH,
        {
            "CreationClassName": SWITCH,
            "Name": guid,
            "Dedicated": [38],
            "EnabledDefault": 2,
            "EnabledState": 5,
            "HealthState": 5,
            "MaxIOVOffloads": 0,
            "MaxVMQOffloads": 0,
            "RequestedState": 12,
            "ResetCapability": 5,
            "OperationalStatus": [2],
            "StatusDescriptions": ["OK"],
            "Status": "OK",
            "IdentifyingDescriptions": [machine.text("switch_miniport")],
            "OtherIdentifyingInfo": [f"{{{uuid.uuid5(uuid.NAMESPACE_OID, f'{guid}/miniport')}}}".upper()],
        },
        owner=guid,
    )


def add_port(machine: Machine, switch: str, values: dict[str, Any], port: str = "") -> Instance:
    """Add a port to the switch: it creates a host vNIC or binds a physical adapter."""
    port = (port or str(uuid.uuid4())).upper()
    row = machine.repository.add(
        CONNECTION,
        {
            "ElementName": "",
            "EnabledState": 2,
            "Limit": 1,
            "Reservation": 1,
            "VirtualQuantity": 1,
            "DesiredVLANEndpointMode": 2,
            "Parent": "",
            **values,
            "InstanceID": f"Microsoft:{switch}\\{port}",
            "LastKnownSwitchName": settings_of(machine, switch)["ElementName"],
        },
        owner=switch,
    )
    network = machine.network
    adapter = physical_of(machine, row)
    if adapter is not None:
        adapter.switch = switch
        network.park(adapter)
        for other in own_ports(machine, switch):
            if (host_vnic := vnic(machine, other)) is not None:
                network.hand_over(adapter, host_vnic)
                break
    else:
        row["Address"] = row["Address"] or machine.macs.next()
        name = f"vEthernet ({row['ElementName']})"
        host_vnic = network.add_adapter(name, "Hyper-V Virtual Ethernet Adapter", row["Address"], physical=False)
        host_vnic.port = row["InstanceID"]
        for other in own_ports(machine, switch):
            taken = physical_of(machine, other)
            if taken is not None and (taken.parked or taken.parked_routes):
                network.hand_over(taken, host_vnic)
    return row


def remove_port(machine: Machine, row: Instance) -> None:
    """Remove a port with its host vNIC, or release its physical adapter, which gets its addresses back."""
    network = machine.network
    switch = switch_id(row)
    adapter, host_vnic = physical_of(machine, row), vnic(machine, row)
    machine.repository.remove(row)
    for feature in machine.repository.owned(switch, FEATURE):
        if feature["InstanceID"].lower().startswith(row["InstanceID"].lower() + "\\"):
            machine.repository.remove(feature)
    if host_vnic is not None:
        taken = next((bound for port in own_ports(machine, switch) if (bound := physical_of(machine, port))), None)
        if taken is not None:
            network.take_back(host_vnic, taken)
        network.remove_adapter(host_vnic)
    elif adapter is not None:
        adapter.switch = ""
        others = [other_vnic for port in own_ports(machine, switch) if (other_vnic := vnic(machine, port))]
        if others and not any(physical_of(machine, port) for port in own_ports(machine, switch)):
            network.park(others[0])
            adapter.parked += others[0].parked
            adapter.parked_routes += others[0].parked_routes
            others[0].parked, others[0].parked_routes = [], []
        network.hand_over(adapter, adapter)


def remove_switch(machine: Machine, guid: str) -> None:
    """Also while VMs use the switch: their adapters are disconnected and keep its name (ASSUMPTIONS NET-04)."""
    name = settings_of(machine, guid)["ElementName"]
    # Host vNICs first, so that their addresses return to the physical adapter before it is released.
    for row in sorted(own_ports(machine, guid), key=lambda row: physical_of(machine, row) is not None):
        remove_port(machine, row)
    for row in vm_connections(machine):
        if connected_switch(row) == guid:
            row.update({"HostResource": None, "EnabledState": 3, "LastKnownSwitchName": name})
    machine.repository.disown(guid)


def rename(machine: Machine, guid: str, name: str) -> None:
    """Ports of VMs show the switch's new name; the host vNIC keeps its own (ASSUMPTIONS NET-05)."""
    settings_of(machine, guid)["ElementName"] = name
    for row in machine.repository.rows(CONNECTION):
        if connected_switch(row) == guid or switch_id(row) == guid:
            row["LastKnownSwitchName"] = name


# --- lookup


def settings_of(machine: Machine, guid: str) -> Instance:
    return machine.repository.row(SETTINGS, InstanceID=f"Microsoft:{guid}")


def own_ports(machine: Machine, guid: str) -> list[Instance]:
    return machine.repository.owned(guid, CONNECTION)


def switch_id(row: Instance) -> str:
    r"""The switch whose own port the row is: the GUID in Microsoft:<GUID>\<port>."""
    return row["InstanceID"].removeprefix("Microsoft:").partition("\\")[0]


def vm_connections(machine: Machine) -> Iterator[Instance]:
    for vm in tuple(machine.vms.values()):
        yield from vm.rows(CONNECTION)


def connected_switch(row: Instance) -> str | None:
    """GUID of the switch a VM's connection is plugged into."""
    hosts = row["HostResource"]
    if row["EnabledState"] != 2 or not hosts:
        return None
    match = _SWITCH_NAME.search(hosts[0])
    return match[1].upper() if match else None


def physical_of(machine: Machine, row: Instance) -> Adapter | None:
    """The physical adapter behind an external port."""
    hosts = row["HostResource"] or [""]
    match = re.search(r'Msvm_ExternalEthernetPort\..*DeviceID="Microsoft:(\{[^"}]*\})"', hosts[0])
    return machine.network.find(guid=match[1]) if match else None


def vnic(machine: Machine, row: Instance) -> Adapter | None:
    """The host's adapter behind an internal port."""
    return next(
        (adapter for adapter in machine.network.adapters if adapter.port and adapter.port == row["InstanceID"]), None
    )


def host_reference(machine: Machine) -> Reference:
    return Reference(HYPERV, HOST_SYSTEM, {"CreationClassName": HOST_SYSTEM, "Name": machine.name})


def host_path(machine: Machine) -> str:
    return host_reference(machine).path(machine.name)


def external_reference(machine: Machine, adapter: Adapter) -> Reference:
    """Four keys (captured from a Windows 11 host)."""
    keys = {
        "CreationClassName": EXTERNAL,
        "DeviceID": f"Microsoft:{{{adapter.guid}}}",
        "SystemCreationClassName": HOST_SYSTEM,
        "SystemName": machine.name,
    }
    return Reference(HYPERV, EXTERNAL, keys)


def external_path(machine: Machine, adapter: Adapter) -> str:
    return external_reference(machine, adapter).path(machine.name)


# --- ports as devices


def _internal_ports(machine: Machine) -> Iterator[Instance]:
    for adapter in machine.network.adapters:
        if adapter.port:
            yield _internal_port(machine, adapter)


def _internal_port(machine: Machine, adapter: Adapter) -> Instance:
    row = machine.repository.row(CONNECTION, InstanceID=adapter.port)
    return machine.repository.new(
        INTERNAL,
        {
            "CreationClassName": INTERNAL,
            "DeviceID": f"Microsoft:{adapter.guid}",
            "SystemCreationClassName": HOST_SYSTEM,
            "SystemName": machine.name,
            "ElementName": row["ElementName"],
            "Name": row["ElementName"],
            "PermanentAddress": adapter.mac,
            "NetworkAddresses": [adapter.mac],
            "Speed": adapter.speed,
        },
    )


def _external_ports(machine: Machine) -> Iterator[Instance]:
    for adapter in machine.network.physical:
        yield machine.repository.new(
            EXTERNAL,
            {
                **external_reference(machine, adapter).keys,
                "ElementName": adapter.description,
                "Name": adapter.description,
                **EXTERNAL_VALUES,
                "PermanentAddress": adapter.mac,
                "IsBound": bool(adapter.switch),
                "EnabledState": 2 if adapter.enabled else 3,
                "MaxSpeed": adapter.speed,
                "RequestedSpeed": adapter.speed,
                "Speed": adapter.speed if adapter.working else 0,
            },
        )


def _port_id(row: Instance) -> str:
    """Own ports carry their GUID in the InstanceID; a VM's connection gets one as long as the VM runs."""
    tail = row["InstanceID"].rpartition("\\")[2]
    return tail if tail != "C" else str(uuid.uuid5(uuid.NAMESPACE_OID, row["InstanceID"].lower())).upper()


def _port(machine: Machine, row: Instance, switch: str) -> Instance:
    return machine.repository.new(
        PORT,
        {
            "CreationClassName": PORT,
            "DeviceID": f"Microsoft:{_port_id(row)}",
            "SystemCreationClassName": SWITCH,
            "SystemName": switch,
            "ElementName": row["ElementName"] or "",
            "Name": _port_id(row),
            "PermanentAddress": row["Address"],
            "StatusDescriptions": ["OK"],
            "Status": "OK",
        },
    )


def _vm_ports(machine: Machine, vm: Vm) -> Iterator[tuple[Instance, str]]:
    """A VM's ports exist while it runs (ASSUMPTIONS NET-06)."""
    if vm.powered:
        for row in vm.rows(CONNECTION):
            if switch := connected_switch(row):
                yield row, switch


def _all_ports(machine: Machine) -> Iterator[tuple[Instance, str]]:
    """(connection, switch GUID)"""
    for switch in machine.repository.rows(SWITCH):
        for row in own_ports(machine, switch["Name"]):
            yield row, switch["Name"]
    for vm in tuple(machine.vms.values()):
        yield from _vm_ports(machine, vm)


def _ports(machine: Machine) -> Iterator[Instance]:
    for row, switch in _all_ports(machine):
        yield _port(machine, row, switch)


# --- associations


def _rules(machine: Machine) -> Iterable[Association]:
    repository = machine.repository

    def states() -> Iterator[Pair]:
        for switch in repository.rows(SWITCH):
            yield switch, settings_of(machine, switch["Name"])

    def devices() -> Iterator[Pair]:
        host = repository.find(host_reference(machine))
        for port in (*_internal_ports(machine), *_external_ports(machine)):
            yield host, port
        switches = {row["Name"]: row for row in repository.rows(SWITCH)}
        for row, switch in _all_ports(machine):
            if switch in switches:
                yield switches[switch], _port(machine, row, switch)

    def devices_of(row: Instance) -> Iterable[Pair]:
        """Only switches, ports and the host take part; a VM's row needs no search."""
        if row.cls.name in (SWITCH, PORT, INTERNAL, EXTERNAL) or row["Name"] == machine.name:
            return devices()
        return ()

    def settings() -> Iterator[Pair]:
        """Seen from its port, a VM's connection is spelled with the adapter's GUID in lower case (Server 2012 R2)."""
        for row, switch in _all_ports(machine):
            yield _port(machine, row, switch), _as_the_port_spells_it(row)

    def features() -> Iterator[Pair]:
        for switch in repository.rows(SWITCH):
            rows = {row["InstanceID"].lower(): row for row in own_ports(machine, switch["Name"])}
            for feature in repository.owned(switch["Name"], FEATURE):
                yield rows[feature["InstanceID"].lower().rpartition("\\")[0]], feature

    def of(classes: tuple[str, ...], pairs: Any) -> Any:
        return lambda row: pairs() if row.cls.name in classes or row.cls.is_a(FEATURE) else ()

    group = ("GroupComponent", "PartComponent")
    state = ("ManagedElement", "SettingData")
    return (
        Association("Msvm_SettingsDefineState", state, states, of((SWITCH, SETTINGS), states)),
        Association("Msvm_SystemDevice", group, devices, devices_of),
        Association("Msvm_ElementSettingData", state, settings, of((PORT, CONNECTION), settings)),
        Association("Msvm_EthernetPortSettingDataComponent", group, features, of((CONNECTION,), features)),
    )


def _as_the_port_spells_it(row: Instance) -> Reference:
    head, _separator, device = row["InstanceID"].removesuffix("\\C").rpartition("\\")
    spelled = f"{head}\\{device.lower()}\\C" if row["InstanceID"].endswith("\\C") else row["InstanceID"]
    return Reference(HYPERV, CONNECTION, {"InstanceID": spelled})
