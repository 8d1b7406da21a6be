# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bench of the experiments: throw-away objects on a host, methods with what became of them, and faults in short."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar
from xml.etree.ElementTree import Element

from .._hyperv import jobs
from .._hyperv.host import capacity
from .._hyperv.look import FIRST_FINISHED
from .._hyperv.schema import (
    CHECKPOINT_SERVICE,
    COMPUTER_SYSTEM,
    CONNECTION,
    DISK_SETTINGS,
    IMAGE_SERVICE,
    JOB,
    MEDIUM,
    MEMORY,
    PORT_SECURITY,
    RESOURCE,
    SWITCH,
    SWITCH_SERVICE,
    SWITCH_SETTINGS,
    SYNTHETIC_ADAPTER,
    V2,
    VM_SERVICE,
    VM_SETTINGS,
)
from .._hyperv.vm import find
from .._hyperv.vm.find import VM
from .._task.session import Target
from .._task.wait import reached_within
from .._wsman import envelope
from .._wsman.cim import CimClass, Instance, Reference, class_uri, embedded, like_prefix, quote
from .._wsman.faults import Fault

MIB = 1 << 20
RUNNING, OFF, SAVED = 2, 3, 6  # EnabledState, and what RequestStateChange takes for it
NOBODY = "00000000-0000-4000-8000-00000000DEAD"  # the id of no object
NO_FILE = "absent.vhdx"
_SUBTYPE = "Microsoft:Hyper-V:SubType:{}"
_FIRST_AUTOMATIC = 16299  # the first build with automatic checkpoints
_TRANSITION = 60.0  # seconds
_SCSI, _DISK_DRIVE, _HARD_DISK = "Synthetic SCSI Controller", "Synthetic Disk Drive", "Virtual Hard Disk"
Made = TypeVar("Made")


class NotSettled(Exception):
    """The host doesn't have what an experiment needs."""


class Attempt(NamedTuple):
    """What a method answered, and its job once it has ended."""

    output: Mapping[str, Any]
    job: Instance | None

    @property
    def code(self) -> int:
        return self.output["ReturnValue"]

    def __str__(self) -> str:
        """0, 32773, "4096, done" or "4096, error 32768"."""
        if self.job is None:
            return str(self.code)
        error = self.job["ErrorCode"]
        return f"{self.code}, error {error}" if error or self.job["JobState"] != 7 else f"{self.code}, done"


@dataclass(frozen=True)
class Bench:
    """A host, the prefix and folder of what is created on it, and what has been created."""

    host: Target
    prefix: str
    folder: str
    made: dict[str, Any] = field(default_factory=dict)

    def once(self, name: str, make: Callable[[], Made]) -> Made:
        """An object that the first experiment that needs it creates."""
        if name not in self.made:
            self.made[name] = make()
        return self.made[name]

    def path(self, name: str) -> str:
        """The path of a throw-away file."""
        return f"{self.folder}\\{self.prefix}{name}"


# ---- asking ----


def attempt(
    bench: Bench,
    cls: CimClass,
    method: str,
    arguments: Mapping[str, Any],
    keys: Mapping[str, Any] | None = None,
    returns: Mapping[str, Any] | None = None,
) -> Attempt:
    """Call a method, wait for its job, and take every outcome as it is."""
    keys = keys or {"CreationClassName": cls.name}
    output = bench.host.client.invoke(cls, method, keys, arguments, {"Job": "ref", **(returns or {})})
    if output["ReturnValue"] != jobs.STARTED or not output.get("Job"):
        return Attempt(output, None)
    reference, job = output["Job"], {}

    def ended() -> bool:
        job.update(bench.host.client.get(JOB._replace(name=reference.class_name), reference.keys))
        return job["JobState"] >= FIRST_FINISHED

    if not reached_within(bench.host, ended, bench.host.job_timeout, f"see the end of {method}"):
        raise NotSettled(f"the job of {method} did not end")
    return Attempt(output, job)


def done(attempt: Attempt, what: str) -> Attempt:
    """The same attempt. Raises NotSettled if it is none to go on with."""
    if attempt.code not in (jobs.DONE, jobs.STARTED) or "error" in str(attempt):
        text = (attempt.job or {}).get("ErrorDescription") or ""
        raise NotSettled(f"the host did not {what}: {attempt} {text}".strip())
    return attempt


def fault(ask: Callable[[], Any]) -> str:
    """The subcode and the numbers of the fault that a request gets, outermost first; "none" without one."""
    try:
        ask()
    except Fault as found:
        return " ".join([found.subcode.rpartition(":")[2], *(f"{code:#x}" for code in found.codes)])
    return "none"


def call(bench: Bench, operation: str, uri: str, body: str = "", selectors: Mapping[str, Any] | None = None) -> Element:
    """The body of the answer to one of the operations of WS-Transfer and WS-Enumeration, whatever the class."""
    actions = {
        name: getattr(envelope, f"ACTION_{name.upper()}") for name in ("Get", "Put", "Delete", "Enumerate", "Pull")
    }
    return bench.host.client.call(actions[operation], uri, body, selectors)


def first_page(bench: Bench, uri: str, query: str | None = None, mode: str | None = None) -> Element:
    """The body of the answer to an optimized Enumerate, whose rest is given up."""
    body = call(bench, "Enumerate", uri, envelope.build_enumerate(query, mode, 1000))
    page = envelope.parse_page(body)
    if page.context is not None:
        bench.host.client.call(envelope.ACTION_RELEASE, uri, envelope.build_release(page.context))
    return body


def rows(bench: Bench, text: str, namespace: str = V2) -> list[Element]:
    """The elements that answer a query, as the host has sent them."""
    uri = class_uri(namespace, "*")
    page = envelope.parse_page(call(bench, "Enumerate", uri, envelope.build_enumerate(text, None, 1000)))
    found = page.items
    while page.context is not None:
        page = envelope.parse_page(call(bench, "Pull", uri, envelope.build_pull(page.context, 1000)))
        found += page.items
    return found


def local(element: Element) -> str:
    """The name of an element without its namespace."""
    return element.tag.rpartition("}")[2]


def below(element: Element, name: str) -> list[Element]:
    """The elements of this name, at any depth."""
    return [found for found in element.iter() if local(found) == name]


def with_properties(cls: CimClass, **types: str) -> CimClass:
    """A class with further properties, or with properties of another type."""
    return cls._replace(properties={**cls.properties, **types})


def references(instance_id: str, cls: CimClass) -> Reference:
    return cls.reference({"InstanceID": instance_id})


# ---- objects ----


def define(bench: Bench, values: Mapping[str, Any], resources: list[str] | None = None) -> Attempt:
    """Create a VM from these settings."""
    arguments = {"SystemSettings": embedded(VM_SETTINGS, values), "ResourceSettings": resources or []}
    return attempt(bench, VM_SERVICE, "DefineSystem", arguments, returns={"ResultingSystem": "ref"})


def defined(attempted: Attempt) -> VM:
    """The VM that DefineSystem has created. Raises NotSettled."""
    created = done(attempted, "create a VM").output.get("ResultingSystem")
    if created is None:
        raise NotSettled("the host created a VM, but did not return its ID")
    return VM(created.keys["Name"].upper(), "", find.OFF)


def machine(bench: Bench, generation: int = 2, name: str = "vm") -> VM:
    """A VM with 256 MB of static memory and without devices; one of each generation and name."""

    def make() -> VM:
        values: dict[str, Any] = {"ElementName": f"{bench.prefix}{name}{generation}"}
        values["VirtualSystemSubType"] = _SUBTYPE.format(generation)
        if int(capacity.query_windows(bench.host)["BuildNumber"]) >= _FIRST_AUTOMATIC:
            values["AutomaticSnapshotsEnabled"] = False
        new = defined(define(bench, values))
        static = {"DynamicMemoryEnabled": False, "VirtualQuantity": 256, "Reservation": 256, "Limit": 256}
        done(modify(bench, MEMORY, part(bench, new, MEMORY)["InstanceID"], static), "set the memory of a VM")
        return new

    return bench.once(f"{name}{generation}", make)


def part(bench: Bench, vm: VM, cls: CimClass, columns: tuple[str, ...] = ("InstanceID",)) -> Instance:
    """The first row of a class that belongs to the settings of a VM."""
    found = parts(bench, vm, cls, columns)
    if not found:
        raise NotSettled(f"the VM has no {cls.name}")
    return found[0]


def parts(bench: Bench, vm: VM, cls: CimClass, columns: tuple[str, ...] = ("InstanceID",)) -> list[Instance]:
    """The rows of a class that belong to the settings of a VM."""
    where = f"InstanceID LIKE {like_prefix(f'Microsoft:{vm.id}')}"
    return bench.host.client.query(cls, columns=columns, where=where)


def modify(bench: Bench, cls: CimClass, instance_id: str, values: Mapping[str, Any]) -> Attempt:
    """Write properties of a resource."""
    settings = [embedded(cls, {"InstanceID": instance_id, **values})]
    returns = {"ResultingResourceSettings": "ref[]"}
    return attempt(bench, VM_SERVICE, "ModifyResourceSettings", {"ResourceSettings": settings}, returns=returns)


def modify_system(bench: Bench, vm: VM, values: Mapping[str, Any], cls: CimClass = VM_SETTINGS) -> Attempt:
    """Write properties of a VM's own settings."""
    settings = embedded(cls, {"InstanceID": f"Microsoft:{vm.id}", **values})
    return attempt(bench, VM_SERVICE, "ModifySystemSettings", {"SystemSettings": settings})


def add(bench: Bench, vm: VM, *settings: str) -> Attempt:
    """Add resources to a VM."""
    arguments = {"AffectedConfiguration": vm.settings_reference, "ResourceSettings": list(settings)}
    returns = {"ResultingResourceSettings": "ref[]"}
    return attempt(bench, VM_SERVICE, "AddResourceSettings", arguments, returns=returns)


def remove(bench: Bench, instance_id: str, cls: CimClass = RESOURCE) -> Attempt:
    """Remove a resource of a VM."""
    arguments = {"ResourceSettings": [references(instance_id, cls)]}
    return attempt(bench, VM_SERVICE, "RemoveResourceSettings", arguments)


def power(bench: Bench, vm: VM, state: int) -> Attempt | None:
    """Bring a VM into a state that lasts; None if it is in it."""

    def reached() -> bool:
        return bench.host.client.get(COMPUTER_SYSTEM, vm.keys)["EnabledState"] == state

    if reached():
        return None
    changed = request(bench, vm, state)
    done(changed, f"change the state of a VM to {state}")
    if not reached_within(bench.host, reached, _TRANSITION, f"see the VM in state {state}"):
        raise NotSettled(f"the VM did not reach the state {state}")
    return changed


def request(bench: Bench, vm: VM, state: int) -> Attempt:
    return attempt(bench, COMPUTER_SYSTEM, "RequestStateChange", {"RequestedState": state}, keys=vm.keys)


def switch(bench: Bench, name: str = "switch", **values: Any) -> Reference:
    """A private switch."""

    def make() -> Reference:
        settings = embedded(SWITCH_SETTINGS, {"ElementName": f"{bench.prefix}{name}", **values})
        arguments = {"SystemSettings": settings, "ResourceSettings": []}
        returns = {"ResultingSystem": "ref"}
        answer = attempt(bench, SWITCH_SERVICE, "DefineSystem", arguments, returns=returns)
        bench.made[f"{name} answered"] = str(answer)
        created = done(answer, "create a switch").output.get("ResultingSystem")
        if created is None:
            raise NotSettled("the host created a switch, but did not return its ID")
        return SWITCH.reference({"CreationClassName": SWITCH.name, "Name": created.keys["Name"]})

    return bench.once(name, make)


def adapter(bench: Bench, vm: VM, name: str = "adapter") -> str:
    """The InstanceID of a network adapter of a VM."""

    def make() -> str:
        values = {"ElementName": f"{bench.prefix}{name}", "ResourceType": 10}
        values["ResourceSubType"] = "Microsoft:Hyper-V:Synthetic Ethernet Port"
        done(add(bench, vm, embedded(SYNTHETIC_ADAPTER, values)), "add a network adapter")
        found = parts(bench, vm, SYNTHETIC_ADAPTER, ("InstanceID", "ElementName"))
        return next(row["InstanceID"] for row in found if row["ElementName"] == values["ElementName"])

    return bench.once(f"{vm.id}/{name}", make)


def connection(bench: Bench, vm: VM, name: str = "adapter", to: Reference | None = None) -> Reference:
    """The connection of a network adapter of a VM to a switch."""

    def make() -> Reference:
        parent = references(adapter(bench, vm, name), SYNTHETIC_ADAPTER)
        values = {"ResourceType": 33, "ResourceSubType": "Microsoft:Hyper-V:Ethernet Connection"}
        values |= {"Parent": parent.path(), "HostResource": [(to or switch(bench)).path()]}
        done(add(bench, vm, embedded(CONNECTION, values)), "connect a network adapter")
        found = parts(bench, vm, CONNECTION, ("InstanceID", "Parent"))
        mine = parent.keys["InstanceID"].partition("\\")[2].lower()
        row = next(row for row in found if mine in row["InstanceID"].lower())
        return references(row["InstanceID"], CONNECTION)

    return bench.once(f"{vm.id}/{name}/connection", make)


def add_feature(bench: Bench, port: Reference, cls: CimClass, **values: Any) -> Attempt:
    """Add a feature to the switch port of a network adapter."""
    arguments = {"AffectedConfiguration": port, "FeatureSettings": [embedded(cls, values)]}
    returns = {"ResultingFeatureSettings": "ref[]"}
    return attempt(bench, VM_SERVICE, "AddFeatureSettings", arguments, returns=returns)


def security(bench: Bench, vm: VM) -> Instance:
    """The security settings of the port of the VM's network adapter."""

    def make() -> Instance:
        done(add_feature(bench, connection(bench, vm), PORT_SECURITY, AllowMacSpoofing=True), "add a feature")
        return part(bench, vm, PORT_SECURITY)

    return bench.once(f"{vm.id}/security", make)


def create_disk(bench: Bench, path: str, **values: Any) -> Attempt:
    """Create a dynamic disk of 64 MB."""
    settings = {"Type": 3, "Format": 3, "Path": path, "MaxInternalSize": 64 * MIB, **values}
    arguments = {"VirtualDiskSettingData": embedded(DISK_SETTINGS, settings)}
    return attempt(bench, IMAGE_SERVICE, "CreateVirtualHardDisk", arguments)


def disk(bench: Bench, name: str = "disk.vhdx") -> str:
    """The path of a virtual disk."""

    def make() -> str:
        done(create_disk(bench, bench.path(name)), "create a virtual disk")
        return bench.path(name)

    return bench.once(name, make)


def controller(bench: Bench, vm: VM) -> str:
    """The InstanceID of a SCSI controller of a VM."""

    def make() -> str:
        text = embedded(RESOURCE, {"ResourceType": 6, "ResourceSubType": f"Microsoft:Hyper-V:{_SCSI}"})
        done(add(bench, vm, text), "add a SCSI controller")
        where = f"ResourceType = 6 AND InstanceID LIKE {like_prefix(f'Microsoft:{vm.id}')}"
        return bench.host.client.query(RESOURCE, columns=("InstanceID",), where=where)[0]["InstanceID"]

    return bench.once(f"{vm.id}/controller", make)


def add_drive(bench: Bench, vm: VM, place: int | None) -> Attempt:
    """Add a disk drive to the SCSI controller."""
    parent = references(controller(bench, vm), RESOURCE).path()
    values = {"ResourceType": 17, "ResourceSubType": f"Microsoft:Hyper-V:{_DISK_DRIVE}", "Parent": parent}
    values |= {} if place is None else {"AddressOnParent": str(place)}
    return add(bench, vm, embedded(RESOURCE, values))


def drive(bench: Bench, vm: VM, place: int) -> str:
    """The InstanceID of the disk drive at a place of the SCSI controller."""

    def make() -> str:
        done(add_drive(bench, vm, place), "add a disk drive")
        where = f"ResourceType = 17 AND InstanceID LIKE {like_prefix(f'Microsoft:{vm.id}')}"
        found = bench.host.client.query(RESOURCE, columns=("InstanceID", "AddressOnParent"), where=where)
        return next(row["InstanceID"] for row in found if row["AddressOnParent"] == str(place))

    return bench.once(f"{vm.id}/drive{place}", make)


def insert(bench: Bench, vm: VM, place: int, path: str) -> Attempt:
    """Attach a virtual disk to the drive at a place."""
    values = {"ResourceType": 31, "ResourceSubType": f"Microsoft:Hyper-V:{_HARD_DISK}", "HostResource": [path]}
    parent = references(drive(bench, vm, place), RESOURCE).path()
    return add(bench, vm, embedded(MEDIUM, {**values, "Parent": parent}))


def checkpoint(bench: Bench, vm: VM) -> str:
    """The InstanceID of a checkpoint of a VM."""

    def make() -> str:
        arguments = {"AffectedSystem": vm.reference, "SnapshotSettings": "", "SnapshotType": 2}
        returns = {"ResultingSnapshot": "ref"}
        answer = attempt(bench, CHECKPOINT_SERVICE, "CreateSnapshot", arguments, returns=returns)
        done(answer, "create a checkpoint")
        where = f"VirtualSystemIdentifier = {quote(vm.id)} AND VirtualSystemType LIKE '%Snapshot%'"
        return bench.host.client.query(VM_SETTINGS, columns=("InstanceID",), where=where)[0]["InstanceID"]

    return bench.once(f"{vm.id}/checkpoint", make)
