"""Calls on switches and host networks that several test files make."""

from __future__ import annotations

from typing import Any

from ansible_collections.nested.hyperv.tests.simulator.cim.schema import STANDARD
from ansible_collections.nested.hyperv.tests.simulator.cim.values import Instance, Reference
from ansible_collections.nested.hyperv.tests.simulator.machine.machine import Machine

from .hosts import OK, call, embedded, outcome, rows

VESMS = "Msvm_VirtualEthernetSwitchManagementService"
SWITCH, SETTINGS = "Msvm_VirtualEthernetSwitch", "Msvm_VirtualEthernetSwitchSettingData"
ADAPTER, CONNECTION = "Msvm_SyntheticEthernetPortSettingData", "Msvm_EthernetPortAllocationSettingData"
INTERNAL, EXTERNAL, PORT = "Msvm_InternalEthernetPort", "Msvm_ExternalEthernetPort", "Msvm_EthernetSwitchPort"


def host_path(machine: Machine) -> str:
    return f'root/virtualization/v2:Msvm_ComputerSystem.CreationClassName="Msvm_ComputerSystem",Name="{machine.name}"'


def nic_path(machine: Machine, name: str) -> str:
    """Path of the Msvm_ExternalEthernetPort of an adapter, by its connection name."""
    adapter = next(row for row in rows(machine, "MSFT_NetAdapter", STANDARD) if row["Name"] == name)
    port = next(row for row in rows(machine, EXTERNAL) if row["PermanentAddress"] == adapter["PermanentAddress"])
    return port.reference().path()


def port(resource: Any, **values: Any) -> str:
    return embedded(CONNECTION, ResourceType=33, EnabledState=2, HostResource=resource, **values)


def define(machine: Machine, name: str, *ports: str, **values: Any) -> tuple[int, str]:
    text = embedded(SETTINGS, ElementName=name, **values)
    return outcome(machine, call(machine, VESMS, "DefineSystem", SystemSettings=text, ResourceSettings=list(ports)))


def switch(machine: Machine, name: str) -> Instance:
    return next(row for row in rows(machine, SWITCH) if row["ElementName"] == name)


def switch_path(machine: Machine, name: str) -> str:
    return switch(machine, name).reference().path()


def settings(machine: Machine, name: str) -> Instance:
    return next(row for row in rows(machine, SETTINGS) if row["ElementName"] == name)


def own_ports(machine: Machine, name: str) -> list[Instance]:
    prefix = f"Microsoft:{switch(machine, name)['Name']}\\"
    return [row for row in rows(machine, CONNECTION) if row["InstanceID"].startswith(prefix)]


def destroy(machine: Machine, reference: Reference) -> tuple[int, str]:
    return outcome(machine, call(machine, VESMS, "DestroySystem", AffectedSystem=reference))


def addresses(machine: Machine) -> dict[str, list[str]]:
    """IPv4 addresses by connection name, active store."""
    found: dict[str, list[str]] = {}
    for row in rows(machine, "MSFT_NetIPAddress", STANDARD):
        if row["AddressFamily"] == 2 and row["Store"] == 1:
            found.setdefault(row["InterfaceAlias"], []).append(f"{row['IPAddress']}/{row['PrefixLength']}")
    return found


def defined(machine: Machine, name: str, *ports: str, **values: Any) -> Instance:
    assert define(machine, name, *ports, **values)[0] == OK
    return switch(machine, name)
