"""What a VM boots: the systems on its disks, and Windows Setup on an installation disc, in the order of its firmware.

A disk of the model says with `system` what is on it, `content: {windows_disc: …}` makes an installation disc. VMs
without either have the guest of their model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from ..cim.values import Instance
from ..machine import disks, iso
from ..machine.contents import read_windows_disc
from ..machine.files import FileError, HostFile
from ..machine.systems import LINUX, System
from ..windows import setup
from . import cloud_init
from .settings import boot, storage

if TYPE_CHECKING:
    from .guest import Guest
    from .vm import Vm

CD, IDE = 1, 2  # BootOrder of generation 1


class Entry(NamedTuple):
    """Something to boot: a disk with its system, or an installation disc."""

    file: HostFile
    system: System | None = None
    disc: dict[str, Any] | None = None


def entries(vm: Vm) -> list[Entry]:
    """What could boot, in the order of the firmware."""
    return [entry for drive in _drives(vm) if (entry := _entry(vm, drive)) is not None]


def start(guest: Guest, alive: Callable[[], bool], order: list[Entry]) -> None:
    """Boot the first entry that boots; without one, the firmware waits for Ctrl+Alt+Del."""
    if not order:
        _wait_for_restart(guest, alive)
        return
    entry, *rest = order
    if entry.system is not None:
        _boot_disk(guest, alive, entry.file, entry.system)
    elif entry.disc is not None:
        _prompt(guest, alive, entry.disc, rest)


# --- finding


def _drives(vm: Vm) -> Iterator[Instance]:
    if vm.generation == 2:
        devices = {row.reference().path(vm.machine.name): device for row, device in boot.sources(vm.machine, vm.id)}
        for path in boot.order(vm.machine, vm.system) or ():
            device = devices.get(path)
            if device is not None and device.cls.name == storage.RASD:
                yield device
        return
    kinds = {CD: storage.DVD_DRIVE, IDE: storage.DISK_DRIVE}
    for number in vm.system.values.get("BootOrder") or (CD, IDE):
        yield from (drive for drive in _in_order(vm) if drive["ResourceSubType"] == kinds.get(number))


def _in_order(vm: Vm, sub_type: str = "") -> list[Instance]:
    """Drives by controller and location, as a guest numbers its disks and letters its discs."""
    controllers = [row for kind in (storage.IDE, storage.SCSI) for row in storage.controllers(vm, kind)]
    return [
        drive
        for controller in controllers
        for drive in sorted(storage.drives(vm, controller), key=lambda row: int(row["AddressOnParent"]))
        if sub_type in ("", drive["ResourceSubType"])
    ]


def _file(vm: Vm, drive: Instance) -> HostFile | None:
    medium = storage.medium_of(vm, drive)
    return vm.machine.files.get(storage.path_of(medium)) if medium is not None else None


def _entry(vm: Vm, drive: Instance) -> Entry | None:
    file = _file(vm, drive)
    if file is None:
        return None
    if drive["ResourceSubType"] == storage.DVD_DRIVE:
        disc = read_windows_disc(file.content)
        return Entry(file, disc=disc) if disc else None
    system = system_of(vm, file)
    return Entry(file, system) if system else None


def system_of(vm: Vm, file: HostFile) -> System | None:
    """The system on a disk: that of the newest file of its chain that has one."""
    try:
        chain = disks.chain(vm.machine.files, file.path, check=False)
    except FileError:
        return None
    return next((link.disk.system for link in chain if link.disk and link.disk.system), None)


def discs(vm: Vm) -> list[iso.Iso]:
    """The discs in the drives, by drive letter."""
    files = (_file(vm, drive) for drive in _in_order(vm, storage.DVD_DRIVE))
    return [found for file in files if file and (found := iso.read(file.content))]


# --- booting


def _wait_for_restart(guest: Guest, alive: Callable[[], bool]) -> None:
    """The boot summary of the firmware, which Ctrl+Alt+Del leaves (seen on a Windows host)."""
    guest.question = "a system to boot"

    def pressed(key: Any) -> None:
        if key.what == "ctrl+alt+del" and alive():
            guest.power_on()

    _watch(guest, alive, pressed)


def _watch(guest: Guest, alive: Callable[[], bool], pressed: Callable[[Any], None]) -> Callable[[], None]:
    """Get the keys that are typed while this boot lasts; returns the function that ends it."""
    watchers = guest.vm.keyboard.watchers

    def got(key: Any) -> None:
        if alive():
            pressed(key)
        else:
            forget()

    def forget() -> None:
        if got in watchers:
            watchers.remove(got)

    watchers.append(got)
    return forget


def _prompt(guest: Guest, alive: Callable[[], bool], disc: dict[str, Any], rest: list[Entry]) -> None:
    """ "Press any key to boot from CD or DVD" for some seconds; then the next entry (ASSUMPTIONS VM-38)."""
    if disc["noprompt"]:
        _install(guest, alive, disc)
        return
    clock = guest.vm.machine.clock

    def show() -> None:
        if not alive():
            return
        guest.question = "a key"
        asked = [True]

        def pressed(_key: Any) -> None:
            if asked:
                asked.clear()
                forget()
                _install(guest, alive, disc)

        def missed() -> None:
            if asked and alive():
                asked.clear()
                forget()
                start(guest, alive, rest)

        forget = _watch(guest, alive, pressed)
        clock.after(float(disc["prompt_seconds"]), missed)

    clock.after(float(disc["prompt_after"]), show)


def _install(guest: Guest, alive: Callable[[], bool], disc: dict[str, Any]) -> None:
    """Windows Setup from a disc, then a restart into what it has installed."""
    vm = guest.vm
    guest.question = ""
    try:
        plan = setup.installation([found.plain for found in discs(vm)])
        editions = disc["images"]
        known = 1 <= plan.image <= len(editions) if isinstance(plan.image, int) else plan.image in editions
        if not known:
            raise setup.Question("the edition")
        files = [_file(vm, drive) for drive in _in_order(vm, storage.DISK_DRIVE)]
        target = files[plan.disk] if plan.disk < len(files) else None
        if target is None or target.disk is None or plan.efi != (vm.generation == 2):
            raise setup.Question("the disk")
    except setup.Question as question:
        guest.question = str(question)
        return
    disk = target.disk

    def done() -> None:
        if alive():
            disk.system = System(disc["os"], generalized=True)
            disk.used = max(disk.used, 10 << 30)
            guest.power_on()

    vm.machine.clock.after(float(disc["seconds"]), done)


def _boot_disk(guest: Guest, alive: Callable[[], bool], file: HostFile, system: System) -> None:
    seconds = system.boot_seconds + (system.setup_seconds if system.generalized else 0)

    def up() -> None:
        if alive():
            _run(guest, file, system)

    if seconds > 0:
        guest.vm.machine.clock.after(float(seconds), up)
    else:
        up()


def _run(guest: Guest, file: HostFile, system: System) -> None:
    """The system runs; a generalized one is configured first, and waits for ever if a question remains."""
    guest.question = ""
    if system.os == LINUX:
        system = _linux(guest, file, system)
    if guest.system is system:
        guest.begin()
        return
    if system.generalized and system.os != LINUX:
        try:
            system = _specialized(guest, file, system)
        except setup.Question as question:
            guest.question = str(question)
            guest.system, guest.machine, guest.spec = None, None, _spec(system, kvp=False)
            guest.begin()
            return
    _become(guest, system)
    guest.begin()


def _specialized(guest: Guest, file: HostFile, system: System) -> System:
    from ..model import windows

    product_type = windows(system.os)["product_type"]
    found = setup.first_boot(product_type, [disc.in_windows for disc in discs(guest.vm)], system.panther)
    name = found.computer_name or f"WIN-{guest.vm.id[:8]}"
    mine = System(system.os, boot_seconds=system.boot_seconds, hostname=name, machine=system.machine, configured=found)
    assert file.disk is not None
    file.disk.system = mine
    return mine


def _linux(guest: Guest, file: HostFile, system: System) -> System:
    """cloud-init configures the guest for each new instance-id."""
    instance = cloud_init.find(discs(guest.vm))
    if instance is None or (system.instance and system.instance.id == instance.id):
        return system
    mine = System(
        LINUX, daemons=system.daemons, boot_seconds=system.boot_seconds, hostname=instance.hostname, instance=instance
    )
    assert file.disk is not None
    file.disk.system = mine
    return mine


# --- becoming


def _spec(system: System, **given: Any) -> dict[str, Any]:
    from ..model import guest_spec

    return guest_spec({"os": LINUX if system.os == LINUX else "windows", "hostname": system.hostname, **given}, "disk")


def _become(guest: Guest, system: System) -> None:
    """The guest is the system of a disk: with its own machine for Windows, with sshd for Linux."""
    guest.system, guest.machine, guest.vm.addresses = system, None, {}
    if system.os == LINUX:
        wanted = system.instance.addresses if system.instance else {}
        names = [f"eth{number}" for number in range(len(_adapters(guest.vm)))]
        guest.vm.addresses = _plain(_addresses(guest.vm, names, wanted))
        guest.ssh = bool(guest.vm.addresses)
        guest.spec = _spec(system, kvp=system.daemons, ssh=guest.ssh)
        return
    _become_windows(guest, system)


def _become_windows(guest: Guest, system: System) -> None:
    from ..model import inner_machine

    vm, found = guest.vm, system.configured
    given: dict[str, Any] = {"os": system.os, **(system.machine or {})}
    if found is not None:
        given["users"] = [
            {
                "name": account.name,
                "password": account.password,
                "groups": ["Administrators" if account.administrator else "Users"],
            }
            for account in found.accounts
        ]
        given["registry"] = {**(given.get("registry") or {}), **found.registry}
    guest.spec = _spec(system, machine=given)
    guest.machine = machine = inner_machine(vm, guest.spec, vm.name)
    machine.up = False
    if found is not None:
        machine.closed = not found.answers(machine.os["product_type"])
        adapters = {adapter.device: adapter for adapter in machine.network.adapters}
        wanted = {adapter.identifier: adapter.addresses for adapter in found.adapters}
        gateways = {adapter.identifier: adapter.gateways for adapter in found.adapters}
        names = [adapters[row["InstanceID"].lower()].name for row in _adapters(vm)]
        for device, (identifier, addresses) in _addresses(vm, names, wanted).items():
            gateway = next(iter(gateways[identifier]), None)
            machine.network.configure(adapters[device], addresses, dhcp=False, gateway=gateway)
        vm.addresses = _plain(_addresses(vm, names, wanted))
    for tell in vm.machine.newcomers:
        tell(machine)


def _adapters(vm: Vm) -> list[Instance]:
    rows = vm.rows("CIM_EthernetPortAllocationSettingData")
    return [row for row in rows if row.cls.name.endswith("EthernetPortSettingData")]


def _addresses(vm: Vm, names: list[str], wanted: dict[str, list[str]]) -> dict[str, tuple[str, list[str]]]:
    """By adapter (InstanceID in lower case): the identifier that named it, by name or MAC address, and addresses."""
    found = {}
    for row, name in zip(_adapters(vm), names, strict=True):
        mac = str(row["Address"] or "").upper()
        for identifier, addresses in wanted.items():
            digits = "".join(character for character in identifier.upper() if character not in ":-.")
            if identifier.lower() == name.lower() or (mac and digits == mac):
                found[row["InstanceID"].lower()] = (identifier, addresses)
    return found


def _plain(addresses: dict[str, tuple[str, list[str]]]) -> dict[str, list[str]]:
    """As guests report them, without the length of the prefix."""
    return {device: [text.partition("/")[0] for text in texts] for device, (_name, texts) in addresses.items() if texts}
