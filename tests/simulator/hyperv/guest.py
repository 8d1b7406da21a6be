"""What runs inside a VM: an operating system that boots, reports through integration services, and shuts down."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..cim.embedded import embedded_text
from ..machine.jobs import IN_PROGRESS, MACHINE_LOCKED, NOT_READY
from . import firmware
from .guest_files import GuestFiles

if TYPE_CHECKING:
    from ..machine.machine import Machine
    from ..machine.systems import System
    from .vm import Vm

# Where Windows keeps the pairs of Data Exchange (Microsoft Learn): those of the host, and those for it.
FROM_HOST = r"HKLM\SOFTWARE\Microsoft\Virtual Machine\External"
FOR_HOST = r"HKLM\SOFTWARE\Microsoft\Virtual Machine\Guest"
OF_HOST, OF_GUEST, INTRINSIC, HOST_ONLY = 0, 1, 2, 4  # Msvm_KvpExchangeDataItem.Source
HEARTBEAT_OK, HEARTBEAT_NO_CONTACT, HEARTBEAT_PAUSED = 2, 12, 15

# Class of an integration component → the device half of its InstanceID (the same on every host).
COMPONENTS = {
    "Heartbeat": "84EAAE65-2F2E-45F5-9BB5-0E857DC8EB47",
    "Shutdown": "9F8233AC-BE49-4C79-8EE3-E7E1985B2077",
    "TimeSync": "2497F4DE-E9FA-4204-80E4-4B75C46419C0",
    "KvpExchange": "2A34B1C2-FD73-4043-8A5B-DD2159BC743F",
    "Vss": "5CED1297-4598-4915-A5FC-AD21BB4D02A4",
    "GuestServiceInterface": "6C09BB55-D683-4DA0-8931-C9BF705F6480",
}


class Guest:
    """`spec` is the VM's `guest:` in the model; `machine` the Windows inside, when the model describes one.

    `system` is the one on a disk that it is, and `question` what it waits for on its console.
    """

    def __init__(self, vm: Vm, spec: dict[str, Any]) -> None:
        self.vm = vm
        self.spec = spec
        self.machine: Machine | None = None
        self.system: System | None = None
        self.question = ""
        self.files = GuestFiles(self)
        self.ssh = bool(spec["ssh"])  # sshd answers while it runs
        self.from_host: dict[str, str] = {}  # the pairs that have come from the host
        self.booted = False
        self.stopping = False
        self._exposed_at_boot = False
        self._run = object()  # changes with each boot, so that an old shutdown can't stop a new run

    @property
    def is_linux(self) -> bool:
        return self.machine is None and "windows" not in self.spec["os"]["caption"].lower()

    # --- what the host can see of it

    def component(self, name: str) -> bool:
        """An integration service answers: enabled on the host, present in the guest, guest booted, VM not paused."""
        return self.spec["integration_services"] and self.booted and self.vm.running and self.vm.component_enabled(name)

    @property
    def heartbeat(self) -> int:
        if self.vm.paused:
            return HEARTBEAT_PAUSED
        return HEARTBEAT_OK if self.component("Heartbeat") else HEARTBEAT_NO_CONTACT

    @property
    def reachable(self) -> bool:
        return self.booted and self.vm.running and not self.stopping

    @property
    def hypervisor_running(self) -> bool:
        """A hypervisor runs inside now: it starts at boot, and only where the extensions were exposed then."""
        hyperv = self.machine.software.starts_hypervisor if self.machine else self.spec["hypervisor_running"]
        return self.booted and self._exposed_at_boot and self.vm.powered and bool(hyperv)

    def os_name(self) -> str | None:
        """As the guest reports it through KVP; None while nothing comes through."""
        return self.spec["os"]["caption"] if self.component("KvpExchange") and self.spec["kvp"] else None

    def addresses(self, adapter: str) -> list[str]:
        """IP addresses of an adapter, by its InstanceID; none without the KVP daemon (seen with such a guest)."""
        if not (self.component("KvpExchange") and self.spec["kvp"]):
            return []
        return list(self.vm.addresses.get(adapter.lower(), ()))

    def kvp_items(self) -> list[str]:
        """GuestIntrinsicExchangeItems: CIM-XML texts of Msvm_KvpExchangeDataItem (Source 2: guest intrinsic)."""
        os_name = self.os_name()
        if os_name is None:
            return []
        os = self.spec["os"]
        every = [address for adapter in self.vm.addresses.values() for address in adapter]
        items = {
            "FullyQualifiedDomainName": self.spec["hostname"] or self.vm.name,
            "OSName": os_name,
            "OSVersion": os["version"],
            "OSMajorVersion": os["version"].split(".")[0],
            "OSMinorVersion": os["version"].split(".")[1] if "." in os["version"] else "0",
            "OSBuildNumber": str(os["build"]),
            "OSPlatformId": "2",
            "ProcessorArchitecture": "9",
            "IntegrationServicesVersion": os["version"],
            "NetworkAddressIPv4": ";".join(address for address in every if ":" not in address),
            "NetworkAddressIPv6": ";".join(address for address in every if ":" in address),
            **self.spec["kvp_items"],
        }
        new = self.vm.machine.repository.new
        return [
            embedded_text(new("Msvm_KvpExchangeDataItem", {"Name": name, "Data": data, "Source": 2}))
            for name, data in items.items()
        ]

    def own_items(self) -> list[str]:
        """GuestExchangeItems: the pairs that a program of the guest, or its administrator, has set for the host."""
        if self.os_name() is None:
            return []
        registry = self.machine.software.registry if self.machine else None
        written = {value.name: value.data for value in registry.values(FOR_HOST)} if registry else {}
        new = self.vm.machine.repository.new
        return [
            embedded_text(new("Msvm_KvpExchangeDataItem", {"Name": name, "Data": data, "Source": OF_GUEST}))
            for name, data in {**self.spec["guest_items"], **written}.items()
        ]

    def take_items(self) -> None:
        """Take over the pairs of the host, which come with each change and with the boot."""
        if self.os_name() is None:
            return
        self.from_host = dict(self.vm.pairs(OF_HOST))
        if self.machine:
            registry = self.machine.software.registry
            registry.delete(FROM_HOST)
            for name, data in self.from_host.items():
                registry.write(FROM_HOST, name, data)

    def memory_assigned(self) -> int:
        """MB the host gives it now. Dynamic memory follows demand, but not while a hypervisor runs inside.

        Microsoft, "Run Hyper-V in a virtual machine with nested virtualization": even with dynamic memory enabled the
        amount doesn't fluctuate while Hyper-V runs in the VM.
        """
        memory = self.vm.memory
        startup = memory["VirtualQuantity"]
        if not memory["DynamicMemoryEnabled"] or self.hypervisor_running or not self.booted:
            return startup
        wanted = self.demand() * (100 + memory["TargetMemoryBuffer"]) // 100
        return max(memory["Reservation"], min(memory["Limit"], wanted + wanted % 2))

    def demand(self) -> int:
        """MB the guest uses; half of its startup memory where the model doesn't say."""
        return self.spec["memory_demand"] or self.vm.memory["VirtualQuantity"] // 2

    # --- its life

    def power_on(self) -> None:
        """Boot, or boot again."""
        self.booted, self.stopping = False, False
        self._run = object()
        run, seconds = self._run, float(self.spec["boot_seconds"])
        if order := firmware.entries(self.vm):
            firmware.start(self, lambda: self._run is run and self.vm.powered, order)
        elif seconds <= 0:
            self.begin()
        else:
            self.vm.machine.clock.after(seconds, lambda: self._run is run and self.vm.powered and self.begin())

    def power_off(self, *, graceful: bool = False) -> None:
        """The VM stops now. VMs inside are saved first when the guest could shut down, else they just lose power."""
        was_reachable = self.reachable
        if self.machine and self.booted:
            self.machine.stopped(graceful=graceful)
        self.booted, self.stopping, self._run = False, False, object()
        if self.machine and was_reachable:
            self.machine.changed()
        elif self.ssh and was_reachable:
            self.vm.machine.changed()

    def shutdown(self, *, force: bool, reboot: bool = False) -> int:
        """Ask through the shutdown component (Msvm_ShutdownComponent docs): 0 means the guest has begun."""
        if not self.component("Shutdown"):
            return NOT_READY
        if self.stopping:
            return IN_PROGRESS
        if self.spec["shutdown"] == "locked" and not force:
            return MACHINE_LOCKED
        if self.spec["shutdown"] == "hang":
            return 0  # it says yes and never gets there
        self.leave(reboot=reboot)
        return 0

    def leave(self, *, reboot: bool) -> None:
        """Shut down, or restart, as the guest itself decides."""
        self.stopping = True
        run = self._run
        if self.machine or self.ssh:
            (self.machine or self.vm.machine).changed()

        def done() -> None:
            if self._run is run and self.vm.powered:
                self.vm.guest_stopped(reboot=reboot)

        self.vm.machine.clock.after(float(self.spec["shutdown_seconds"]), done)

    def begin(self) -> None:
        """Its operating system runs from now on."""
        self.booted = True
        self._exposed_at_boot = bool(self.vm.processor["ExposeVirtualizationExtensions"])
        if self.machine:
            self.machine.started()
        self.take_items()
        if self.ssh:
            self.vm.machine.changed()
