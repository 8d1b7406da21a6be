"""Model files: the hosts, VMs and guests at the start (form: README.md)."""

from __future__ import annotations

import copy
import re
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timezone
from pathlib import Path
from typing import Any

import yaml

from ..cim.errors import CimError
from ..cim.schema import read_yaml
from ..hyperv.states import STATE_NAMES
from ..hyperv.vm import Vm
from ..machine.accounts import User
from ..machine.clock import Clock
from ..machine.files import FileError
from ..machine.machine import Machine, all_machines, parts
from . import network

NAMESPACE = uuid.UUID(
    "6f3d2b9e-5c0a-4d4f-9a44-0d3a5b8f7c11"
)  # of ids that the model does not set: the same in every run
UNITS = {"": 1, "KB": 2**10, "MB": 2**20, "GB": 2**30, "TB": 2**40}

HOST = {
    "name": None,
    "os": "server2022",
    "locale": "en-US",
    "hyperv": True,
    "cpu": "intel",
    "memory": "64GB",
    "domain": "",
    "kind": "physical",
    "manufacturer": "",
    "model": "",
    "vbs": "off",
    "boot": {},
    "cluster": "",
    "live_migration": False,
    "display": True,
    "pairs_while_off": True,
    "users": [{"name": "administrator", "password": "Passw0rd!"}],
    "jobs": {},
    "without_rights": "empty",
    "shutdown_timeout": 300,
    "winrm": {},
    "winnat": False,
    "switches": [],
    "vms": [],
}
# Parts of a host and of a VM that services and settings read themselves; absent if not set.
HOST_PARTS = ("drives", "folders", "files", "network_adapters", "nats", "features", "services", "registry", "packages")
HOST_PARTS += ("hgs", "guardians", "pending_restart", "servicing", "restart", "docker")
HOST_PARTS += ("installer", "scheduler", "web", "wsl", "reaches_shares")
VM_PARTS = ("path", "controllers", "disks", "dvd_drives", "checkpoints", "security", "firmware")
BOOT = {"hypervisor_launch": None, "load_options": None}
JOBS = {"mode": "real", "delay": 0.0, "delays": {}}
CPU = {
    "intel": {"vendor": "GenuineIntel", "name": "Intel(R) Xeon(R) Gold 6338 CPU @ 2.00GHz"},
    "amd": {"vendor": "AuthenticAMD", "name": "AMD EPYC 7513 32-Core Processor"},
}
CPU_DEFAULTS = {"sockets": 1, "logical_processors": 16, "threads": 2, "virtualization": True}
USER = {"name": None, "password": "", "groups": ["Administrators"], "certificate": ""}
VM = {
    "name": None,
    "id": "",
    "count": 0,
    "generation": 2,
    "version": "",
    "state": "off",
    "notes": "",
    "processors": 2,
    "nested": False,
    "memory": {},
    "adapters": [],
    "guest": {},
    "processor_settings": {},
    "system_settings": {},
    "enabled_services": [],
    "disabled_services": [],
    "clustered": False,
    "replication": 0,
    "created": None,
}
MEMORY = {"startup": "1GB", "minimum": None, "maximum": None, "dynamic": False, "buffer": 20, "weight": 5000}
ADAPTER = {
    "name": "",
    "id": "",
    "switch": "",
    "connection": True,
    "mac": "",
    "static_mac": None,
    "legacy": False,
    "mac_spoofing": None,
    "vlan": None,
    "features": {},
    "addresses": [],
}
GUEST = {
    "os": "windows",
    "hostname": "",
    "integration_services": True,
    "kvp": True,
    "kvp_items": {},
    "guest_items": {},
    "file_copy": True,
    "ssh": False,
    "boot_seconds": 0,
    "shutdown": "graceful",
    "shutdown_seconds": 0,
    "memory_demand": 0,
    "hypervisor_running": False,
    "machine": None,
}
GUEST_OS = {
    "windows": {"caption": "Windows Server 2022 Datacenter", "version": "10.0.20348", "build": 20348},
    "linux": {"caption": "Ubuntu 24.04.1 LTS", "version": "6.8.0", "build": 0},
    "none": {"caption": "", "version": "0.0", "build": 0},
}


class ModelError(ValueError):
    """The model file is invalid; the message names the place."""


def read(source: str | Path | Mapping[str, Any]) -> dict[str, Any]:
    """The document of a model: a mapping, a file, or the name of one in model/."""
    if isinstance(source, Mapping):
        return copy.deepcopy(dict(source))
    path = locate(source)
    try:
        document = yaml.load(path.read_text("utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        position = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise ModelError(f"{path}: {position}{' '.join(filter(None, (error.context, error.problem)))}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ModelError(f"{path}: {' '.join(str(error).split())}") from error
    if not isinstance(document, dict):
        raise ModelError(f"{path}: a mapping with hosts is expected")
    return document


def locate(source: str | Path) -> Path:
    """The file of a model: a path, or the name of a file in model/."""
    path = Path(source)
    if path.exists() or path.suffix:
        return path
    models = {model.stem: model for model in sorted(Path(__file__).parent.glob("*.yml"))}
    if path.name not in models:
        raise ModelError(f"{source}: no such file, and not one of the models {', '.join(models)}")
    return models[path.name]


def build(document: Mapping[str, Any], clock: Clock) -> list[Machine]:
    """Create the machines of a model and, below their VMs, those of guests; ModelError for invalid parts."""
    keys = ("description", "hosts", "faults")
    unknown = set(document) - {*keys}
    if unknown:
        raise ModelError(f"model: {network.unknown_keys(unknown, keys)}")
    machines = []
    for index, spec in enumerate(entries(document.get("hosts"), "hosts")):
        with place(f"hosts[{index}]"):
            machines.append(_machine(spec, f"hosts[{index}]", clock))
    if not machines:
        raise ModelError("model: no hosts")
    return machines


def by_name(machines: list[Machine]) -> dict[str, Machine]:
    """All machines, guests' too, by name; a guest whose name is in use as host/name."""
    named: dict[str, Machine] = {}
    for machine in all_machines(machines):
        key = machine.name
        if key in named and machine.host:
            key = f"{machine.host.name}/{machine.name}"
        if key in named:
            raise ModelError(f"two machines are named {key}")
        named[key] = machine
    return named


@contextmanager
def place(where: str) -> Iterator[None]:
    """Add the place in the model to an error."""
    try:
        yield
    except ModelError:
        raise
    except (ValueError, FileError, CimError, TypeError, AttributeError) as error:
        raise ModelError(f"{where}: {error}") from error
    except LookupError as error:
        raise ModelError(f"{where}: {error.args[0] if error.args else type(error).__name__}") from error


# --- parts


def _machine(given: Mapping[str, Any], where: str, clock: Clock, inside: Vm | None = None) -> Machine:
    spec = _complete(given, HOST, where, HOST_PARTS)
    name = str(spec["name"])
    where = f"{where} ({name})"
    spec["os"] = windows(spec["os"], where)
    spec["cpu"] = _cpu(spec["cpu"], where)
    spec["memory"] = megabytes(spec["memory"], where)
    jobs = _complete(spec["jobs"], JOBS, f"{where}.jobs")
    if jobs["mode"] not in ("real", "sync", "async"):
        raise ModelError(f"{where}.jobs.mode: {jobs['mode']} is not one of real, sync, async")
    spec["boot"] = {key: value for key, value in _complete(spec["boot"], BOOT, f"{where}.boot").items() if value}
    spec["options"] = {
        "jobs": jobs,
        "without_rights": spec["without_rights"],
        "shutdown_timeout": spec["shutdown_timeout"],
        "display": spec["display"],
        "pairs_while_off": spec["pairs_while_off"],
    }
    users = [
        _complete(user, USER, f"{where}.users[{index}]")
        for index, user in enumerate(entries(spec["users"], f"{where}.users"))
    ]
    for key, known in (("kind", read_yaml("host_kinds.yml")), ("vbs", ("off", "enabled", "running"))):
        if spec[key] not in known:
            raise ModelError(f"{where}.{key}: {spec[key]} is not one of {', '.join(known)}")
    try:
        spec |= network.complete(name, dict(given), guest=inside is not None)
    except ValueError as error:
        raise ModelError(f"{where}.{error}") from error
    accounts = {user["name"].lower(): User(user["name"], user["password"], tuple(user["groups"])) for user in users}
    with place(where):
        machine = Machine(name, clock, spec, inside, accounts)
    for index, vm in enumerate(entries(spec["vms"], f"{where}.vms")):
        for single in _repeated(_complete(vm, VM, f"{where}.vms[{index}]", VM_PARTS)):
            _vm(machine, single, f"{where}.vms[{index}]", index)
    return machine


def _repeated(spec: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """`count: 1000` with `name: "vm{n:04}"` stands for that many VMs."""
    if not spec["count"]:
        yield spec
        return
    for number in range(1, spec["count"] + 1):
        numbered = {**spec, "name": spec["name"].format(n=number)}
        if "{" in spec["id"]:
            numbered["id"] = spec["id"].format(n=number)
        yield numbered


def _vm(machine: Machine, spec: dict[str, Any], where: str, index: int) -> Vm:
    name = str(spec["name"])
    where = f"{where} ({name})"
    guest = guest_spec(spec["guest"], f"{where}.guest")
    vm_id = spec["id"] or _id(machine.name, "vm", name, str(index))
    if vm_id.upper() in machine.vms:
        raise ModelError(f"{where}: id {vm_id} is already in use")
    memory = vm_memory(spec["memory"], f"{where}.memory")
    system = {"Notes": [spec["notes"]], **spec["system_settings"]}
    if spec["version"]:
        system["Version"] = str(spec["version"])
    if spec["created"]:
        spec = {**spec, "created": spec["created"].replace(tzinfo=timezone.utc)}
    processor = {
        "VirtualQuantity": spec["processors"],
        "ExposeVirtualizationExtensions": spec["nested"],
        **spec["processor_settings"],
    }
    adapters = [
        _adapter(adapter, f"{where}.adapters[{number}]", (machine.name, "adapter", vm_id, str(number)))
        for number, adapter in enumerate(entries(spec["adapters"], f"{where}.adapters"))
    ]
    for number, adapter in enumerate(adapters):
        _check_switch(machine, adapter["switch"], f"{where}.adapters[{number}].switch")
    complete = {
        **spec,
        "name": name,
        "memory": memory,
        "processor": processor,
        "system": system,
        "adapters": adapters,
    }
    with place(where):
        vm = make_vm(machine, vm_id, complete, guest)
    if guest["machine"] is not None:
        vm.guest.machine = inner_machine(vm, guest, f"{where}.guest.machine")
        vm.guest.machine.up = spec["state"] in ("running", "paused")
    if spec["state"] not in STATE_NAMES:
        raise ModelError(f"{where}.state: {spec['state']} is not one of {', '.join(STATE_NAMES)}")
    vm.set_state(STATE_NAMES[spec["state"]])
    return vm


def make_vm(machine: Machine, vm_id: str, spec: dict[str, Any], guest: dict[str, Any] | None = None) -> Vm:
    """A VM with all its rows, off. `spec` has memory, processor and system as CIM properties (see VM and _vm)."""
    guest = guest if guest is not None else guest_spec({"os": "none", "integration_services": False}, "")
    vm = Vm(machine, vm_id, guest, spec["created"])
    vm.clustered = spec["clustered"]
    for part in parts():
        part.install_vm(vm, spec)
    return vm


def new_vm_spec(**given: Any) -> dict[str, Any]:
    """The complete spec of a VM for make_vm() with the defaults for what is not given (DefineSystem).

    Minimum RAM is 512 MB by default ("Hyper-V Dynamic Memory Overview").
    """
    memory = vm_memory({"dynamic": True, "minimum": "512MB"})
    return {
        **copy.deepcopy(VM),
        "name": "New Virtual Machine",
        "processor": {},
        "system": {},
        "memory": memory,
        **given,
    }


def inner_machine(vm: Vm, guest: dict[str, Any], where: str) -> Machine:
    """The Windows in a VM, with defaults from its VM and its host."""
    host = vm.machine
    given = {
        "name": guest["hostname"] or vm.name,
        "locale": host.locale,
        "jobs": host.spec["jobs"],
        "users": [{"name": u.name, "password": u.password, "groups": list(u.groups)} for u in host.users.values()],
        "winrm": host.spec["winrm"],
        "web": host.spec.get("web") or {},
        **guest["machine"],
        # Hyper-V shows itself to its guests like this (Win32_ComputerSystem in a VM).
        "kind": "hyperv",
        "manufacturer": "",
        "model": "",
        "memory": vm.memory["VirtualQuantity"] * 2**20,
        "cpu": {
            **host.cpu,
            "sockets": 1,
            "threads": 1,
            "logical_processors": vm.processor["VirtualQuantity"],
        },
    }
    machine = _machine(given, where, host.clock, vm)
    guest["os"] = {
        "caption": machine.os["caption"].removeprefix("Microsoft "),
        "version": f"10.0.{machine.os['build']}",
        "build": machine.os["build"],
    }
    guest["hostname"] = machine.name
    return machine


def guest_spec(given: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The complete `guest` of a VM; ModelError for invalid parts."""
    guest = _complete(given, GUEST, where)
    if isinstance(guest["os"], str):
        if guest["os"] not in GUEST_OS:
            raise ModelError(f"{where}.os: {guest['os']} is not one of {', '.join(GUEST_OS)}")
        guest["os"] = GUEST_OS[guest["os"]]
    if guest["shutdown"] not in ("graceful", "locked", "hang"):
        raise ModelError(f"{where}.shutdown: {guest['shutdown']} is not one of graceful, locked, hang")
    return guest


def vm_memory(given: Mapping[str, Any] | str | int, where: str = "memory") -> dict[str, Any]:
    """Memory of the model as properties of Msvm_MemorySettingData; a plain size means static memory."""
    memory = _complete(given if isinstance(given, Mapping) else {"startup": given}, MEMORY, where)
    startup = megabytes(memory["startup"], where)
    minimum, maximum = memory["minimum"], memory["maximum"]
    dynamic = memory["dynamic"]
    return {
        "VirtualQuantity": startup,
        "Reservation": megabytes(minimum, where) if minimum is not None and dynamic else startup,
        "Limit": megabytes(maximum, where) if maximum is not None else 1048576,
        "DynamicMemoryEnabled": dynamic,
        "TargetMemoryBuffer": memory["buffer"],
        "Weight": memory["weight"],
    }


def _adapter(given: Mapping[str, Any], where: str, seed: tuple[str, ...]) -> dict[str, Any]:
    adapter = _complete(given, ADAPTER, where)
    adapter["id"] = adapter["id"] or _id(*seed)
    adapter["mac"] = re.sub(r"[:.\-]", "", str(adapter["mac"])).upper()
    if not re.fullmatch(r"([0-9A-F]{12})?", adapter["mac"]):
        raise ModelError(f"{where}.mac: {adapter['mac']} is not a MAC address, such as 00-15-5D-01-02-03")
    try:
        adapter["addresses"] = network.addresses(adapter["addresses"], f"{where}.addresses")
    except ValueError as error:
        raise ModelError(str(error)) from error
    if adapter["static_mac"] is None:
        adapter["static_mac"] = bool(adapter["mac"])
    given = adapter["features"].items()
    features = {f"Msvm_EthernetSwitchPort{name}SettingData": dict(values) for name, values in given}
    if adapter["mac_spoofing"] is not None:
        security = features.setdefault("Msvm_EthernetSwitchPortSecuritySettingData", {})
        security["AllowMacSpoofing"] = adapter["mac_spoofing"]
    if adapter["vlan"] is not None:
        vlan = features.setdefault("Msvm_EthernetSwitchPortVlanSettingData", {})
        vlan.update({"OperationMode": 1, "AccessVlanId": adapter["vlan"]})
    if features and not (adapter["switch"] or adapter["connection"]):
        raise ModelError(f"{where}: features need a connection")
    return {**adapter, "features": features}


def _check_switch(machine: Machine, name: str, where: str) -> None:
    """The switch of an adapter exists."""
    try:
        if name:
            machine.switch_path(name)
    except KeyError as error:
        known = sorted(row["ElementName"] for row in machine.repository.rows("Msvm_VirtualEthernetSwitch"))
        allowed = f"the switches {', '.join(known)}" if known else "the switches of the host, which has none"
        raise ModelError(f"{where}: {name} is not one of {allowed}") from error


def windows(given: str | Mapping[str, Any], where: str = "os") -> dict[str, Any]:
    """A product of data/windows.yml, or a mapping with `product` and changes to it."""
    products = read_yaml("windows.yml")
    changes = {"product": given} if isinstance(given, str) else dict(given)
    product = changes.pop("product", "server2022")
    if product not in products:
        raise ModelError(f"{where}.os: {product} is not one of {', '.join(products)}")
    return {"revision": 1, **products[product], **changes}


def _cpu(given: str | Mapping[str, Any], where: str) -> dict[str, Any]:
    changes = {"vendor": given} if isinstance(given, str) else dict(given)
    vendor = changes.pop("vendor", "intel")
    if vendor in CPU:
        changes = {**CPU[vendor], **changes}
    else:
        changes["vendor"] = vendor
    cpu = {**CPU_DEFAULTS, **changes}
    keys = ("vendor", "name", *CPU_DEFAULTS)
    unknown = set(cpu) - {*keys}
    if unknown:
        raise ModelError(f"{where}.cpu: {network.unknown_keys(unknown, keys)}")
    return {"name": "", **cpu}


def _complete(
    given: Mapping[str, Any], defaults: Mapping[str, Any], where: str, further: Iterable[str] = ()
) -> dict[str, Any]:
    if not isinstance(given, Mapping):
        raise ModelError(f"{where}: a mapping is expected, not {given!r}")
    unknown = set(given) - {*defaults, *further}
    if unknown:
        raise ModelError(f"{where}: {network.unknown_keys(unknown, [*defaults, *further])}")
    complete = {**copy.deepcopy(dict(defaults)), **given}
    missing = [name for name, value in defaults.items() if value is None and name == "name" and complete[name] is None]
    if missing:
        raise ModelError(f"{where}: {', '.join(missing)} is missing")
    return complete


def entries(given: Any, where: str) -> list[Any]:
    try:
        return network.entries(given, where)
    except ValueError as error:
        raise ModelError(str(error)) from error


def megabytes(size: str | int, where: str = "size") -> int:
    """4GB, 512MB, or a number of bytes → MB."""
    match = re.fullmatch(r"\s*(\d+)\s*([KMGT]B)?\s*", str(size), re.IGNORECASE)
    if not match:
        raise ModelError(f"{where}: {size!r} is not a size")
    return int(match[1]) * UNITS[(match[2] or "").upper()] // 2**20


def _id(*parts: str) -> str:
    return str(uuid.uuid5(NAMESPACE, "/".join(parts))).upper()
