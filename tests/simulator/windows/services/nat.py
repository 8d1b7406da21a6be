"""WinNAT in root/StandardCimv2: MSFT_NetNat, its static mappings and external addresses.

Created, changed and removed by WS-Transfer, as New-NetNat does it with CreateInstance (ASSUMPTIONS NET-07).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ...cim import errors
from ...cim.errors import CimError, WindowsError
from ...cim.schema import STANDARD
from ...cim.values import CimClass, Instance, Reference
from ...machine.service import Service

if TYPE_CHECKING:
    from ...machine.accounts import User
    from ...machine.machine import Machine

NAT, MAPPING = "MSFT_NetNat", "MSFT_NetNatStaticMapping"
EXTERNAL, GLOBAL = "MSFT_NetNatExternalAddress", "MSFT_NetNatGlobal"

INVALID_PARAMETER, IN_USE, NOT_FOUND = 87, 32, 1168
NO_DOMAIN = "{00000000-0000-0000-0000-000000000000}"
LOCAL = 0
ADDRESS_DEPENDENT = 1
TCP, UDP = 6, 17
# Output of New-NetNat: times in seconds, both filters AddressDependentFiltering, UdpInboundRefresh off.
DEFAULTS = {
    "IcmpQueryTimeout": 30,
    "TcpEstablishedConnectionTimeout": 1800,
    "TcpTransientConnectionTimeout": 120,
    "TcpFilteringBehavior": ADDRESS_DEPENDENT,
    "UdpFilteringBehavior": ADDRESS_DEPENDENT,
    "UdpIdleSessionTimeout": 120,
    "UdpInboundRefresh": 0,
}
# Ports that Windows itself listens on: a mapping of one fails as in use (reports of Add-NetNatStaticMapping).
LISTENING = {TCP: {135, 445, 3389, 5985, 5986, 47001}, UDP: {123, 500, 4500, 5353}}


class Nat(Service):
    CLASSES = (NAT, MAPPING, EXTERNAL, GLOBAL)

    def install(self, machine: Machine) -> None:
        machine.repository.add(GLOBAL, {"InstanceID": "NetNatGlobal", "InterRoutingDomainHairpinningMode": 0}, STANDARD)
        for spec in machine.spec.get("nats") or ():
            values = {"Name": spec["name"]}
            if spec["prefix"]:
                values["InternalIPInterfaceAddressPrefix"] = spec["prefix"]
            else:
                values["ExternalIPInterfaceAddressPrefix"] = spec["external_prefix"]
            _create_nat(machine, values)
            for address in spec["external_addresses"]:
                _create_external(machine, {"NatName": spec["name"], "IPAddress": address})
            for mapping in spec["mappings"]:
                _create_mapping(
                    machine,
                    {
                        "NatName": spec["name"],
                        "Protocol": {"tcp": TCP, "udp": UDP}[mapping["protocol"].lower()],
                        "ExternalIPAddress": mapping["external_address"],
                        "ExternalPort": mapping["external_port"],
                        "InternalIPAddress": mapping["internal_address"],
                        "InternalPort": mapping["internal_port"],
                        "RemoteExternalIPAddressPrefix": mapping["remote_prefix"],
                    },
                )

    def create_instance(self, machine: Machine, cls: CimClass, values: dict[str, Any], user: User | None) -> Reference:
        make = {NAT: _create_nat, MAPPING: _create_mapping, EXTERNAL: _create_external}.get(cls.name)
        if make is None:
            raise CimError(errors.NOT_SUPPORTED, parameter_info=cls.name)
        given = {name: value for name, value in values.items() if value is not None}
        return make(machine, given).reference()

    def put_instance(self, machine: Machine, row: Instance, values: dict[str, Any], user: User | None) -> Instance:
        """Set-NetNat changes timeouts and filters, not names and prefixes; mappings cannot be changed (docs)."""
        changes = {name: value for name, value in values.items() if value is not None and value != row[name]}
        if row.cls.name == GLOBAL:
            allowed = {"InterRoutingDomainHairpinningMode"}
        else:
            allowed = set(DEFAULTS) if row.cls.name == NAT else set()
        if set(changes) - allowed:
            raise _invalid(machine)
        _check_timeouts(machine, changes)
        row.update(changes)
        return row

    def delete_instance(self, machine: Machine, row: Instance, user: User | None) -> None:
        """Delete a NAT together with its mappings and external addresses."""
        if row.cls.name == GLOBAL:
            raise CimError(errors.NOT_SUPPORTED, parameter_info=GLOBAL)
        if row.cls.name == NAT:
            for cls in (MAPPING, EXTERNAL):
                for part in _rows(machine, cls):
                    if part["NatName"].lower() == row["Name"].lower():
                        machine.repository.remove(part)
        machine.repository.remove(row)


def _create_nat(machine: Machine, values: Mapping[str, Any]) -> Instance:
    """A second NAT with an internal prefix is error 87, "The parameter is incorrect" (Microsoft on WinNAT's limits)."""
    name = values.get("Name")
    internal, external = (values.get(f"{side}IPInterfaceAddressPrefix") for side in ("Internal", "External"))
    if not name or _row(machine, NAT, Name=name) is not None or bool(internal) == bool(external):
        raise _invalid(machine)
    _prefix(machine, internal or external)
    if internal and any(row["InternalIPInterfaceAddressPrefix"] for row in _rows(machine, NAT)):
        raise _invalid(machine)
    _check_timeouts(machine, values)
    return machine.repository.add(
        NAT,
        {
            **DEFAULTS,
            **{key: value for key, value in values.items() if key in DEFAULTS},
            "InstanceID": f"{name};{LOCAL}",
            "Name": name,
            "Active": 1,
            "Store": LOCAL,
            "InternalIPInterfaceAddressPrefix": internal,
            "ExternalIPInterfaceAddressPrefix": external,
            "InternalRoutingDomainId": values.get("InternalRoutingDomainId") or NO_DOMAIN,
        },
        STANDARD,
    )


def _create_mapping(machine: Machine, values: Mapping[str, Any]) -> Instance:
    """A port in use is error 32, "… being used by another process" (reports of Add-NetNatStaticMapping)."""
    nat = _row(machine, NAT, Name=values.get("NatName") or "")
    if nat is None:
        raise WindowsError(NOT_FOUND, machine.text("windows_1168"))
    protocol, port = values.get("Protocol"), values.get("ExternalPort")
    # "0.0.0.0/24" means 0.0.0.0 (output of Add-NetNatStaticMapping).
    external = str(_address(machine, (values.get("ExternalIPAddress") or "").partition("/")[0]))
    internal = _address(machine, values.get("InternalIPAddress"))
    if protocol not in (TCP, UDP) or not port:
        raise _invalid(machine)
    inside = nat["InternalIPInterfaceAddressPrefix"]
    if inside and internal not in _prefix(machine, inside):
        raise _invalid(machine)
    remote = values.get("RemoteExternalIPAddressPrefix") or "0.0.0.0/0"
    _prefix(machine, remote)
    for row in _rows(machine, MAPPING):
        if (row["Protocol"], row["ExternalPort"]) == (protocol, port) and (
            row["ExternalIPAddress"] == external or "0.0.0.0" in (row["ExternalIPAddress"], external)
        ):
            raise WindowsError(IN_USE, machine.text("windows_32"))
    if port in LISTENING[protocol]:
        raise WindowsError(IN_USE, machine.text("windows_32"))
    number = _next(machine, MAPPING, "StaticMappingID")
    return machine.repository.add(
        MAPPING,
        {
            "InstanceID": f"{number};{LOCAL}",
            "StaticMappingID": number,
            "NatName": nat["Name"],
            "Protocol": protocol,
            "ExternalIPAddress": external,
            "ExternalPort": port,
            "InternalIPAddress": str(internal),
            "InternalPort": values.get("InternalPort") or port,
            "RemoteExternalIPAddressPrefix": remote,
            "InternalRoutingDomainId": NO_DOMAIN,
            "Active": 1,
        },
        STANDARD,
    )


def _create_external(machine: Machine, values: Mapping[str, Any]) -> Instance:
    nat = _row(machine, NAT, Name=values.get("NatName") or "")
    if nat is None:
        raise WindowsError(NOT_FOUND, machine.text("windows_1168"))
    address = _address(machine, (values.get("IPAddress") or "").partition("/")[0])
    first, last = values.get("PortStart") or 0, values.get("PortEnd") or 0
    if first > last or any(row["IPAddress"] == str(address) for row in _rows(machine, EXTERNAL)):
        raise _invalid(machine)
    number = _next(machine, EXTERNAL, "ExternalAddressID")
    return machine.repository.add(
        EXTERNAL,
        {
            "InstanceID": f"{number};{LOCAL}",
            "ExternalAddressID": number,
            "NatName": nat["Name"],
            "IPAddress": str(address),
            "PortStart": first,
            "PortEnd": last,
            "Active": 1,
        },
        STANDARD,
    )


# --- help


def _rows(machine: Machine, class_name: str) -> list[Instance]:
    return list(machine.repository.rows(class_name, STANDARD))


def _row(machine: Machine, class_name: str, **wanted: str) -> Instance | None:
    return next(
        (
            row
            for row in _rows(machine, class_name)
            if all(row[key].lower() == value.lower() for key, value in wanted.items())
        ),
        None,
    )


def _next(machine: Machine, class_name: str, prop: str) -> int:
    return max((row[prop] + 1 for row in _rows(machine, class_name)), default=0)


def _check_timeouts(machine: Machine, values: Mapping[str, Any]) -> None:
    if any(values.get(name) == 0 for name in DEFAULTS if name.endswith("Timeout")):
        raise _invalid(machine)
    if any(values.get(name, 0) > 1 for name in ("TcpFilteringBehavior", "UdpFilteringBehavior", "UdpInboundRefresh")):
        raise _invalid(machine)


def _prefix(machine: Machine, text: str | None) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    """Host bits are kept: networks of containers have 172.21.80.1/20."""
    try:
        network = ipaddress.ip_network(text or "", strict=False)
    except ValueError as error:
        raise _invalid(machine) from error
    if "/" not in (text or ""):
        raise _invalid(machine)
    return network


def _address(machine: Machine, text: str | None) -> ipaddress.IPv4Address:
    try:
        return ipaddress.IPv4Address(text or "")
    except ValueError as error:
        raise _invalid(machine) from error


def _invalid(machine: Machine) -> WindowsError:
    return WindowsError(INVALID_PARAMETER, machine.text("windows_87"))
