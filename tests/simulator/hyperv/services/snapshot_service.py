"""Msvm_VirtualSystemSnapshotService: checkpoints."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ...cim.repository import Pair
from ...cim.values import Instance, Reference
from ...machine.files import FileError, check_keys, times
from ...machine.jobs import FAILED, INVALID_PARAMETER, INVALID_STATE, Plan, Refused
from ...machine.service import Service
from .. import checkpoints, settings
from ..checkpoints import DISK_ONLY, FULL, RECOVERY, SYSTEM, Checkpoint
from ..states import OFF, SAVED
from .associations import per_vm
from .management_service import add_service

if TYPE_CHECKING:
    from ...machine.machine import Machine
    from ...machine.service import Call
    from ..vm import Vm

CLASS = "Msvm_VirtualSystemSnapshotService"
Answer = tuple[int, dict[str, Any]]
KEYS = {"name", "saved", "automatic", "created", "current", "children"}  # of a checkpoint in the model file


class SnapshotService(Service):
    CLASSES = (CLASS,)

    def install(self, machine: Machine) -> None:
        repository = machine.repository
        add_service(machine, CLASS, "vssnapsvc")

        def saved(row: Instance) -> bool:
            vm = machine.vm_of(row)
            if vm is None:
                return False
            if vm.system is row:
                return vm.state == SAVED
            checkpoint = vm.checkpoints.get(settings.owner_id(row["InstanceID"]))
            return checkpoint is not None and checkpoint.saved

        repository.live(SYSTEM, "IsSaved", saved)

        for name, ends, pairs_of in (
            ("Msvm_SnapshotOfVirtualSystem", ("Antecedent", "Dependent"), _of_system),
            ("Msvm_MostCurrentSnapshotInBranch", ("Antecedent", "Dependent"), _most_current),
            ("Msvm_LastAppliedSnapshot", ("Antecedent", "Dependent"), _last_applied),
            ("Msvm_ParentChildSettingData", ("Antecedent", "Dependent"), _parents),
            ("Msvm_VirtualSystemSettingDataComponent", ("GroupComponent", "PartComponent"), _parts),
        ):
            repository.associate(per_vm(machine, name, ends, pairs_of))

    def install_vm(self, vm: Vm, spec: dict[str, Any]) -> None:
        """Take the model's checkpoints in order; `children` are based on their parent, the VM is at `current`."""
        current: list[Checkpoint] = []

        def take(wanted: dict[str, Any]) -> None:
            check_keys(wanted, KEYS, f"{vm.name}: checkpoints")
            made = checkpoints.take(
                vm,
                saved=bool(wanted.get("saved")),
                automatic=bool(wanted.get("automatic")),
                name=str(wanted.get("name") or ""),
                created=times(wanted, "created", vm.machine.clock.now()),
            )
            if wanted.get("current"):
                current.append(made)
            children = wanted.get("children") or ()
            for number, child in enumerate(children):
                if number:
                    checkpoints.apply(made)
                take(child)

        tops = spec.get("checkpoints") or ()
        for number, top in enumerate(tops):
            if number:
                raise ValueError(f"{vm.name}: a VM has one root checkpoint; others are its children")
            take(top)
        if current:
            checkpoints.apply(current[-1])
            vm.last_applied = ""
            if vm.state == SAVED:
                vm.set_state(OFF)

    # --- methods

    def create_snapshot(self, call: Call) -> Answer:
        """A job without ResultingSnapshot; afterwards Msvm_AffectedJobElement names the checkpoint (captured)."""
        machine = call.machine

        def plan() -> Plan:
            vm = _vm(machine, call["AffectedSystem"])
            kind = call["SnapshotType"]
            if vm is None or kind not in (FULL, DISK_ONLY, RECOVERY):
                raise Refused(INVALID_PARAMETER)
            level = None
            if call["SnapshotSettings"]:
                cls, values = settings.read(machine, call["SnapshotSettings"])
                level = values.get("ConsistencyLevel")
                if cls.name != "Msvm_VirtualSystemSnapshotSettingData":
                    raise Refused(INVALID_PARAMETER)
            vm.check_free()
            result = Plan(vm=vm, exclusive=True)

            def work() -> None:
                if refused := checkpoints.why_not(vm, kind, level):
                    raise refused
                try:
                    taken = checkpoints.take(vm, saved=checkpoints.holds_memory(vm, kind, level))
                except FileError as error:
                    reason = machine.system_text(error.hresult)
                    raise vm.refusal(
                        "error_snapshot", FAILED, in_job=True, hresult=error.hresult, path=error.path, reason=reason
                    ) from error
                result.created.append(taken.system.reference())

            result.work = work
            return result

        return machine.jobs.perform(call, "snapshot", plan)

    def apply_snapshot(self, call: Call) -> Answer:
        """Needs a VM that is off or saved, else 32775 (captured); leaves it off or, with a memory state, saved."""

        def plan() -> Plan:
            checkpoint = _checkpoint(call.machine, call["Snapshot"])
            vm = checkpoint.vm
            if vm.busy or vm.state not in (OFF, SAVED):
                raise vm.refusal("error_state", INVALID_STATE)
            return Plan(work=lambda: _guarded(vm, lambda: checkpoints.apply(checkpoint)), vm=vm, exclusive=True)

        return call.machine.jobs.perform(call, "apply_snapshot", plan)

    def destroy_snapshot(self, call: Call) -> Answer:
        return _destroy(call, "AffectedSnapshot", lambda checkpoint: [checkpoint])

    def destroy_snapshot_tree(self, call: Call) -> Answer:
        return _destroy(call, "SnapshotSettingData", lambda checkpoint: list(checkpoints.tree(checkpoint)))

    def clear_snapshot_state(self, call: Call) -> Answer:
        """Delete the memory state of a checkpoint (docs: "clears save state from an existing snapshot")."""

        def plan() -> Plan:
            checkpoint = _checkpoint(call.machine, call["SnapshotSettingData"])
            checkpoint.vm.check_free()

            def work() -> None:
                checkpoint.saved = False

            return Plan(work=work, vm=checkpoint.vm, exclusive=True)

        return call.machine.jobs.perform(call, "clear_state", plan)


def _destroy(call: Call, parameter: str, which: Any) -> Answer:
    """Works in any state of the VM; the disks are merged afterwards, in the background."""

    def plan() -> Plan:
        checkpoint = _checkpoint(call.machine, call[parameter])
        vm = checkpoint.vm
        vm.check_free()

        def work() -> None:
            for leaving in which(checkpoint):
                checkpoints.remove(leaving)
            checkpoints.merge_later(vm)

        return Plan(work=work, vm=vm, exclusive=True)

    return call.machine.jobs.perform(call, "delete_snapshot", plan)


# --- help


def _guarded(vm: Vm, work: Any) -> None:
    try:
        work()
    except FileError as error:
        reason = vm.machine.system_text(error.hresult)
        raise vm.refusal(
            "error_snapshot", FAILED, in_job=True, hresult=error.hresult, path=error.path, reason=reason
        ) from error


def _vm(machine: Machine, reference: Reference | None) -> Vm | None:
    """By the reference of the VM; Name alone is enough (captured)."""
    return machine.vms.get(str(reference.key("Name") or "").upper()) if reference is not None else None


def _checkpoint(machine: Machine, reference: Reference | None) -> Checkpoint:
    row = machine.repository.find(reference) if reference is not None else None
    if row is None or row.cls.name != SYSTEM:
        raise Refused(INVALID_PARAMETER)
    vm = machine.vm_of(row)
    checkpoint = vm.checkpoints.get(settings.owner_id(row["InstanceID"])) if vm is not None else None
    if checkpoint is None:
        raise Refused(INVALID_PARAMETER)
    return checkpoint


# --- associations (ends: docs of each class)


def _of_system(vm: Vm) -> Iterator[Pair]:
    for checkpoint in vm.checkpoints.values():
        yield vm.reference, checkpoint.system


def _most_current(vm: Vm) -> Iterator[Pair]:
    """The checkpoint that the present state of the VM is based on."""
    current = checkpoints.at(vm, vm.system["Parent"])
    if current is not None:
        yield vm.reference, current.system


def _last_applied(vm: Vm) -> Iterator[Pair]:
    if vm.last_applied in vm.checkpoints:
        yield vm.checkpoints[vm.last_applied].system, vm.reference


def _parents(vm: Vm) -> Iterator[Pair]:
    for checkpoint in vm.checkpoints.values():
        if checkpoint.parent is not None:
            yield checkpoint.parent.system, checkpoint.system
    current = checkpoints.at(vm, vm.system["Parent"])
    if current is not None:
        yield current.system, vm.system


def _parts(vm: Vm) -> Iterator[Pair]:
    for checkpoint in vm.checkpoints.values():
        for row in checkpoint.rows:
            if row is not checkpoint.system and not row.cls.is_a("Msvm_FeatureSettingData"):
                yield checkpoint.system, row
