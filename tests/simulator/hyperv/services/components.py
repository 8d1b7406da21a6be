"""Integration services as devices of a running VM, and what guests report through them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ...cim.values import Instance
from ...machine.service import Service
from ..guest import COMPONENTS

if TYPE_CHECKING:
    from ...machine.machine import Machine
    from ...machine.service import Call
    from ..vm import Vm

GUEST_NETWORK = "Msvm_GuestNetworkAdapterConfiguration"


class Components(Service):
    CLASSES = tuple(f"Msvm_{name}Component" for name in COMPONENTS)

    def install(self, machine: Machine) -> None:
        repository = machine.repository
        for name in COMPONENTS:
            repository.provide(f"Msvm_{name}Component", lambda name=name: _devices(machine, name))
            for prop in ("ElementName", "Caption", "Name"):
                repository.live(f"Msvm_{name}Component", prop, lambda _, name=name: machine.text(name.lower()))
        repository.live("Msvm_HeartbeatComponent", "OperationalStatus", lambda row: _heartbeat(machine.vm_of(row)))
        repository.live(
            "Msvm_KvpExchangeComponent", "GuestIntrinsicExchangeItems", lambda row: machine.vm_of(row).guest.kvp_items()
        )
        repository.provide(GUEST_NETWORK, lambda: _guest_network(machine))

    def initiate_shutdown(self, call: Call) -> int:
        """0: the shutdown has begun, EnabledState shows its end; 32781: the guest is locked and Force is not set.

        (Msvm_ShutdownComponent docs.)
        """
        return call.machine.vm_of(call.row).guest.shutdown(force=bool(call["Force"]))

    def initiate_reboot(self, call: Call) -> int:
        return call.machine.vm_of(call.row).guest.shutdown(force=bool(call["Force"]), reboot=True)

    def request_state_change(self, call: Call) -> tuple[int, dict[str, Any]]:
        """Documented return values: 0 and 1, not supported."""
        return 1, {}


def _devices(machine: Machine, name: str) -> Iterator[Instance]:
    """They exist while the VM has a worker process and the service is enabled (no row when off: libhvee; HV-18)."""
    for vm in tuple(machine.vms.values()):
        if (row := device(vm, name)) is not None:
            yield row


def device(vm: Vm, name: str) -> Instance | None:
    if not (vm.powered and vm.component_enabled(name)):
        return None
    return vm.machine.repository.new(
        f"Msvm_{name}Component",
        {
            "CreationClassName": f"Msvm_{name}Component",
            "DeviceID": f"Microsoft:{COMPONENTS[name]}",
            "SystemCreationClassName": "Msvm_ComputerSystem",
            "SystemName": vm.id,
            "EnabledState": 2,
            "OperationalStatus": [2] if vm.guest.component(name) else [12],
        },
    )


def _heartbeat(vm: Vm) -> list[int]:
    """Second value: state of the guest's applications, 2 while it is reached."""
    state = vm.guest.heartbeat
    return [state, 2] if state == 2 else [state]


def _guest_network(machine: Machine) -> Iterator[Instance]:
    """A row per adapter; without a guest that reports, only DHCPEnabled and ProtocolIFType 0 (captured)."""
    for adapter in machine.repository.rows("Msvm_SyntheticEthernetPortSettingData", deep=False):
        vm = machine.vm_of(adapter)
        if vm is not None:
            yield guest_network(vm, adapter["InstanceID"])


def guest_network(vm: Vm, adapter: str) -> Instance:
    addresses = vm.guest.addresses(adapter)
    kinds = tuple(sorted({":" in address for address in addresses}))
    return vm.machine.repository.new(
        GUEST_NETWORK,
        {
            "InstanceID": f"Microsoft:GuestNetwork\\{adapter.removeprefix('Microsoft:')}",
            "DHCPEnabled": True,
            "ProtocolIFType": {(): 0, (False,): 4096, (True,): 4097}.get(kinds, 4098),
            "IPAddresses": addresses or None,
            "Subnets": ["/64" if ":" in address else "255.255.255.0" for address in addresses] or None,
            "IPAddressOrigins": [1] * len(addresses) or None,
        },
    )
