"""The TCP/IP side of root/StandardCimv2: adapters, interfaces, addresses, routes, connection profiles."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from ...cim import errors
from ...cim.errors import CimError, WindowsError
from ...cim.schema import STANDARD
from ...cim.values import Instance
from ...machine.network import (
    ACTIVE,
    BOTH,
    DHCP,
    INFINITE,
    IPV4,
    IPV6,
    MANUAL,
    PERSISTENT,
    TENTATIVE,
    Adapter,
    Address,
    Network,
    Route,
)
from ...machine.service import Service

if TYPE_CHECKING:
    from ...machine.accounts import User
    from ...machine.machine import Machine
    from ...machine.service import Call

ADAPTER, INTERFACE, PROFILE = "MSFT_NetAdapter", "MSFT_NetIPInterface", "MSFT_NetConnectionProfile"
ADDRESS, ROUTE = "MSFT_NetIPAddress", "MSFT_NetRoute"

# Windows system errors as New-NetIPAddress and New-NetRoute fail with them (reports of users; which of 87 and 5010 a
# duplicate gets: ASSUMPTIONS NET-12).
INVALID_PARAMETER, NOT_FOUND, ALREADY_EXISTS = 87, 1168, 5010
COMPARTMENT = 1
# Class of synthetic network adapters on the VMBus (Linux, hyperv.h: HV_NIC_GUID).
VMBUS_NETWORK = r"vmbus\{f8615163-df3e-46c5-913f-f2d2f965ed0e}"
PREFERRED, TENTATIVE_STATE, INVALID = 4, 1, 0
UP, DOWN = 1, 2


class TcpIp(Service):
    CLASSES = (ADAPTER, INTERFACE, PROFILE, ADDRESS, ROUTE)

    def install(self, machine: Machine) -> None:
        provide = machine.repository.provide
        for cls, rows in (
            (ADAPTER, _adapters),
            (INTERFACE, _interfaces),
            (PROFILE, _profiles),
            (ADDRESS, _addresses),
            (ROUTE, _routes),
        ):
            provide(cls, lambda rows=rows: rows(machine), STANDARD)

    def rename(self, call: Call) -> tuple[int, dict[str, Any]]:
        """MSFT_NetAdapter.Rename: a connection name is unique."""
        adapter = _adapter_of(call)
        name = call["NewName"]
        other = call.machine.network.find(name=name or "")
        if not name or (other is not None and other is not adapter):
            raise WindowsError(INVALID_PARAMETER, call.machine.text("windows_87"))
        adapter.name = name
        return 0, {"CmdletOutput": adapter_row(call.machine, adapter)}

    def enable(self, call: Call) -> tuple[int, dict[str, Any]]:
        return _switch_on(call, True)

    def disable(self, call: Call) -> tuple[int, dict[str, Any]]:
        return _switch_on(call, False)

    def restart(self, call: Call) -> tuple[int, dict[str, Any]]:
        return _switch_on(call, True)

    def create(self, call: Call) -> tuple[int, dict[str, Any]]:
        """MSFT_NetIPAddress.Create and MSFT_NetRoute.Create, both static; for administrators (WIN-10)."""
        if call.user is not None and not call.user.administrator:
            raise CimError(errors.ACCESS_DENIED, operation="ExecMethod", parameter_info=call.cls.name)
        return _create_address(call) if call.cls.name == ADDRESS else _create_route(call)

    # --- WS-Transfer writes

    def put_instance(self, machine: Machine, row: Instance, values: dict[str, Any], user: User | None) -> Instance:
        """As Set-NetIPAddress, …IPInterface, …ConnectionProfile and …Route write: other values must be unchanged."""
        network, name = machine.network, row.cls.name
        changes = {
            key: value for key, value in values.items() if key in row and value is not None and value != row[key]
        }
        allowed = {
            ADDRESS: {"PrefixLength", "SkipAsSource", "ValidLifetime", "PreferredLifetime"},
            INTERFACE: {"Dhcp", "Forwarding"},
            PROFILE: {"NetworkCategory"},
            ROUTE: {"RouteMetric"},
        }.get(name, set())
        if set(changes) - allowed:
            raise _invalid(machine)
        if name == PROFILE:
            if changes.get("NetworkCategory", 0) not in (0, 1):  # the domain decides about the third
                raise _invalid(machine)
            adapter = network.find(index=row["InterfaceIndex"])
            adapter.category = changes.get("NetworkCategory", adapter.category)
        elif name == INTERFACE:
            adapter = network.find(index=row["InterfaceIndex"])
            adapter.dhcp = bool(changes.get("Dhcp", adapter.dhcp))
            adapter.forwarding = bool(changes.get("Forwarding", adapter.forwarding))
        elif name == ADDRESS:
            address = _address_of(machine, row)
            address.prefix = changes.get("PrefixLength", address.prefix)
            address.skip = changes.get("SkipAsSource", address.skip)
        elif name == ROUTE:
            _route_of(machine, row).metric = changes.get("RouteMetric", row["RouteMetric"])
        else:
            raise CimError(errors.NOT_SUPPORTED, parameter_info=name)
        return machine.repository.find(row.reference()) or row

    def delete_instance(self, machine: Machine, row: Instance, user: User | None) -> None:
        """A row belongs to one store; the other keeps the address until its own row is deleted (ASSUMPTIONS NET-11)."""
        if row.cls.name == ADDRESS:
            configured: Address | Route = _address_of(machine, row)
        elif row.cls.name == ROUTE:
            configured = _route_of(machine, row)
        else:
            raise CimError(errors.NOT_SUPPORTED, parameter_info=row.cls.name)
        configured.stores = tuple(store for store in configured.stores if store != row["Store"])
        network = machine.network
        network.addresses = [address for address in network.addresses if address.stores]
        network.routes = [route for route in network.routes if route.stores]


def encoded(*parts: Any) -> str:
    """Key of an address or route: its parts joined by "++", every character ten further on.

    192.168.56.1 on interface 42 is ";C<8;@B8?@8;55><55;55;" (seen in outputs of Get-NetIPAddress; the order of
    compartment and store is ASSUMPTIONS NET-10).
    """
    return "".join(chr(ord(char) + 10) for char in "++".join(str(part) for part in parts))


# --- adapters


def _adapters(machine: Machine) -> Iterator[Instance]:
    for adapter in machine.network.adapters:
        yield adapter_row(machine, adapter)


def adapter_row(machine: Machine, adapter: Adapter) -> Instance:
    """As Get-NetAdapter shows it; SystemName is the host's full name (seen in outputs of Test-NetConnection)."""
    up = adapter.working
    vnic = bool(adapter.port)
    domain = machine.spec.get("domain")
    return machine.repository.new(
        ADAPTER,
        {
            "CreationClassName": ADAPTER,
            "DeviceID": f"{{{adapter.guid}}}",
            "SystemCreationClassName": "CIM_NetworkPort",
            "SystemName": f"{machine.name}.{domain}" if domain else machine.name,
            "Name": adapter.name,
            "InterfaceDescription": adapter.description,
            "DriverDescription": adapter.description.partition(" #")[0],
            "InterfaceGuid": f"{{{adapter.guid}}}",
            "InstanceID": f"{{{adapter.guid}}}",
            "InterfaceIndex": adapter.index,
            "InterfaceName": f"ethernet_{32767 + adapter.index}",
            "InterfaceType": 6,
            "InterfaceAdminStatus": UP if adapter.enabled else DOWN,
            "InterfaceOperationalStatus": UP if up else DOWN,
            "MediaConnectState": 1 if adapter.up else 2,
            "State": 2 if adapter.enabled else 3,
            "PermanentAddress": adapter.mac,
            "NetworkAddresses": [adapter.mac],
            "Speed": adapter.speed if up else 0,
            "TransmitLinkSpeed": adapter.speed if up else 0,
            "ReceiveLinkSpeed": adapter.speed if up else 0,
            "ActiveMaximumTransmissionUnit": 1500,
            "MtuSize": 1500,
            "FullDuplex": True,
            "NdisMedium": 0,
            "NdisPhysicalMedium": 0 if vnic else 14,
            "Virtual": vnic,
            "HardwareInterface": adapter.physical,
            "ConnectorPresent": adapter.physical,
            "Hidden": False,
            "IMFilter": False,
            "EndPointInterface": False,
            "ComponentID": "vms_mp" if vnic else VMBUS_NETWORK if machine.inside else "pci",
            "DriverProvider": "Microsoft" if vnic or machine.inside else "Intel",
            "PnPDeviceID": rf"ROOT\VMS_MP\{adapter.index:04d}" if vnic else rf"PCI\{adapter.index:04d}",
            "NetLuid": 6 << 48 | adapter.index << 24,
        },
        STANDARD,
    )


def _switch_on(call: Call, on: bool) -> tuple[int, dict[str, Any]]:
    adapter = _adapter_of(call)
    adapter.enabled = on
    return 0, {"CmdletOutput": adapter_row(call.machine, adapter)}


def _adapter_of(call: Call) -> Adapter:
    return call.machine.network.find(guid=call.row["DeviceID"])


# --- interfaces and profiles


def _interfaces(machine: Machine) -> Iterator[Instance]:
    """One row per family and store; an adapter bound to a switch has no TCP/IP."""
    for adapter in (machine.network.loopback, *machine.network.adapters):
        for family in (IPV4, IPV6) if not adapter.switch else ():
            for store in BOTH:
                yield _interface(machine, adapter, family, store)


def _interface(machine: Machine, adapter: Adapter, family: int, store: int) -> Instance:
    return machine.repository.new(
        INTERFACE,
        {
            "CreationClassName": "",
            "Name": encoded(adapter.index, family, COMPARTMENT, store),
            "SystemCreationClassName": "",
            "SystemName": "",
            "AddressFamily": family,
            "InterfaceIndex": adapter.index,
            "InterfaceAlias": adapter.name,
            "ConnectionState": 1 if adapter.working else 0,
            "Dhcp": 1 if adapter.dhcp and family == IPV4 else 0,
            "Forwarding": 1 if adapter.forwarding else 0,
            "InterfaceMetric": 75 if adapter is machine.network.loopback else 15,
            "AutomaticMetric": 1,
            "NlMtu": 1500,
            "CompartmentId": COMPARTMENT,
            "Store": store,
            "NeighborDiscoverySupported": 1,
        },
        STANDARD,
    )


def _profiles(machine: Machine) -> Iterator[Instance]:
    """A profile per working adapter with an IPv4 address: "Network", or an unidentified one without a gateway."""
    network = machine.network
    gateways = {route.adapter.index for route in network.routes if route.destination == "0.0.0.0/0"}
    addressed = {address.adapter.index for address in network.addresses if address.family == IPV4}
    for adapter in network.adapters:
        if adapter.working and not adapter.switch and (adapter.port or adapter.index in addressed):
            known = adapter.index in gateways
            yield machine.repository.new(
                PROFILE,
                {
                    "InstanceID": f"{{{adapter.guid}}}",
                    "Name": machine.text("network_name" if known else "network_unidentified"),
                    "InterfaceAlias": adapter.name,
                    "InterfaceIndex": adapter.index,
                    "NetworkCategory": adapter.category,
                    "IPv4Connectivity": 4 if known else 1,
                    "IPv6Connectivity": 1,
                },
                STANDARD,
            )


# --- addresses


def _addresses(machine: Machine) -> Iterator[Instance]:
    for address in machine.network.all_addresses():
        for store in address.stores:
            yield address_row(machine, address, store)


def address_row(machine: Machine, address: Address, store: int) -> Instance:
    """AddressState: tentative, then preferred; in the persistent store invalid (output of New-NetIPAddress)."""
    state = INVALID
    if store == ACTIVE:
        state = TENTATIVE_STATE if machine.clock.since(address.since) < TENTATIVE else PREFERRED
    v4 = address.family == IPV4
    return machine.repository.new(
        ADDRESS,
        {
            "CreationClassName": "",
            "Name": encoded(address.ip, address.adapter.index, COMPARTMENT, store),
            "SystemCreationClassName": "",
            "SystemName": "",
            "AddressFamily": address.family,
            "AddressState": state,
            "InterfaceAlias": address.adapter.name,
            "InterfaceIndex": address.adapter.index,
            "IPAddress": address.ip,
            "IPv4Address": address.ip if v4 else None,
            "IPv6Address": None if v4 else address.ip,
            "PrefixLength": address.prefix,
            "PrefixOrigin": address.origin,
            "SuffixOrigin": address.suffix,
            "SkipAsSource": address.skip,
            "Store": store,
            "Type": 1,
            "ProtocolIFType": 4096 if v4 else 4097,
            "ValidLifetime": timedelta(hours=8) if address.origin == DHCP else INFINITE,
            "PreferredLifetime": timedelta(hours=8) if address.origin == DHCP else INFINITE,
        },
        STANDARD,
    )


def _create_address(call: Call) -> tuple[int, dict[str, Any]]:
    """Without PolicyStore in both stores, hence two rows (output of New-NetIPAddress)."""
    machine, network = call.machine, call.machine.network
    address = _requested_address(call)
    _check_unused(machine, address)
    gateway = _requested_gateway(call, address)
    _end_dhcp(network, address)
    network.addresses.append(address)
    if gateway:
        network.routes.append(gateway)
    return 0, {"CmdletOutput": [address_row(machine, address, store) for store in address.stores]}


def _requested_address(call: Call) -> Address:
    machine, adapter = call.machine, _interface_of(call)
    value = _ip(machine, call["IPAddress"])
    bits, family = (32, IPV4) if value.version == 4 else (128, IPV6)
    prefix = bits if call["PrefixLength"] is None else call["PrefixLength"]
    if call["AddressFamily"] not in (None, family) or prefix > bits or call["Type"] not in (None, 1):
        raise _invalid(machine)
    if value.is_multicast or value.is_unspecified:
        raise _invalid(machine)
    skip = bool(call["SkipAsSource"])
    return Address(adapter, str(value), prefix, machine.clock.now(), MANUAL, MANUAL, _stores(call), skip)


def _check_unused(machine: Machine, address: Address) -> None:
    """On the same interface the provider finds the instance; on another one TCP/IP refuses the address."""
    for other in machine.network.all_addresses():
        if other.value == address.value and set(other.stores) & set(address.stores):
            if other.adapter is address.adapter:
                raise WindowsError(INVALID_PARAMETER, machine.text("windows_instance_exists", cls=ADDRESS))
            raise WindowsError(ALREADY_EXISTS, machine.text("windows_5010"))


def _requested_gateway(call: Call, address: Address) -> Route | None:
    """The default route through DefaultGateway, of which an interface has one."""
    machine = call.machine
    if not call["DefaultGateway"]:
        return None
    gateway = _ip(machine, call["DefaultGateway"])
    if gateway.version != address.value.version:
        raise _invalid(machine)
    default = "0.0.0.0/0" if gateway.version == 4 else "::/0"
    if any(route.adapter is address.adapter and route.destination == default for route in machine.network.routes):
        raise WindowsError(INVALID_PARAMETER, machine.text("windows_instance_exists", cls="DefaultGateway"))
    return Route(address.adapter, default, str(gateway), 256, address.stores)


def _end_dhcp(network: Network, address: Address) -> None:
    """A fixed IPv4 address turns DHCP off (New-NetIPAddress docs); leased addresses and routes go."""
    adapter = address.adapter
    if not adapter.dhcp or address.family != IPV4 or PERSISTENT not in address.stores:
        return
    adapter.dhcp = False
    network.addresses = [
        address for address in network.addresses if address.adapter is not adapter or address.origin != DHCP
    ]
    network.routes = [route for route in network.routes if route.adapter is not adapter or PERSISTENT in route.stores]


# --- routes


def _routes(machine: Machine) -> Iterator[Instance]:
    for route in machine.network.all_routes():
        for store in route.stores:
            yield route_row(machine, route, store)


def route_row(machine: Machine, route: Route, store: int) -> Instance:
    return machine.repository.new(
        ROUTE,
        {
            "InstanceID": encoded(route.destination, route.adapter.index, route.gateway, store),
            "AddressFamily": route.family,
            "CompartmentId": COMPARTMENT,
            "DestinationPrefix": route.destination,
            "InterfaceAlias": route.adapter.name,
            "InterfaceIndex": route.adapter.index,
            "InterfaceMetric": 75 if route.adapter is machine.network.loopback else 15,
            "NextHop": route.gateway,
            "Protocol": route.protocol,
            "Publish": 0,
            "RouteMetric": route.metric,
            "State": 1,
            "Store": store,
            "ValidLifetime": INFINITE,
            "PreferredLifetime": INFINITE,
        },
        STANDARD,
    )


def _create_route(call: Call) -> tuple[int, dict[str, Any]]:
    machine, network = call.machine, call.machine.network
    adapter = _interface_of(call)
    try:
        destination = str(ipaddress.ip_network(call["DestinationPrefix"] or ""))
    except ValueError as error:
        raise _invalid(machine) from error
    nowhere = "::" if ":" in destination else "0.0.0.0"
    gateway = str(_ip(machine, call["NextHop"] or nowhere))
    for other in network.all_routes():
        if (other.adapter, other.destination, other.gateway) == (adapter, destination, gateway):
            raise WindowsError(INVALID_PARAMETER, machine.text("windows_instance_exists", cls=ROUTE))
    route = Route(adapter, destination, gateway, call["RouteMetric"] or 256, _stores(call))
    network.routes.append(route)
    return 0, {"CmdletOutput": [route_row(machine, route, store) for store in route.stores]}


def _address_of(machine: Machine, row: Instance) -> Address:
    for address in machine.network.addresses:
        if (address.adapter.index, address.ip) == (row["InterfaceIndex"], row["IPAddress"]):
            return address
    raise _invalid(machine)  # the link-local address is fixed


def _route_of(machine: Machine, row: Instance) -> Route:
    wanted = (row["InterfaceIndex"], row["DestinationPrefix"], row["NextHop"])
    for route in machine.network.routes:
        if (route.adapter.index, route.destination, route.gateway) == wanted:
            return route
    raise _invalid(machine)  # implied by an address


# --- help


def _interface_of(call: Call) -> Adapter:
    index, alias = call["InterfaceIndex"], call["InterfaceAlias"]
    if index is None and not alias:
        raise _invalid(call.machine)
    adapter = call.machine.network.find(index=index, name=alias)
    if adapter is None or adapter.switch:
        raise WindowsError(NOT_FOUND, call.machine.text("windows_1168"))
    return adapter


def _ip(machine: Machine, text: str | None) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    try:
        return ipaddress.ip_address(text or "")
    except ValueError as error:
        raise _invalid(machine) from error


def _stores(call: Call) -> tuple[int, ...]:
    stores: dict[str, tuple[int, ...]] = {"": BOTH, "activestore": (ACTIVE,), "persistentstore": (PERSISTENT,)}
    chosen = stores.get((call["PolicyStore"] or "").lower())
    if chosen is None:
        raise _invalid(call.machine)
    return chosen


def _invalid(machine: Machine) -> WindowsError:
    return WindowsError(INVALID_PARAMETER, machine.text("windows_87"))
