"""Setting data of virtual machines, one file per kind."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar

from ...cim.embedded import EmbeddedError, parse_embedded, typed_values
from ...cim.schema import HYPERV
from ...cim.values import Instance
from ...machine.jobs import FAILED, INVALID_PARAMETER, Refused
from ...machine.service import Part, parts_in

if TYPE_CHECKING:
    from ...cim.values import CimClass
    from ...machine.machine import Machine
    from ..vm import Vm

FIRST = ("system", "memory", "processor")  # the other kinds read vm.system, vm.memory and vm.processor
_OWNER = re.compile(r"^Microsoft:(?:GuestNetwork\\)?([0-9a-f]{8}-[0-9a-f-]{27})", re.IGNORECASE)


class Setting(Part, base=True):
    """A kind of setting data: the rules of CLASSES. A hook that a kind does not override refuses with 32773."""

    ONE_PER_VM: ClassVar[bool] = False  # every VM has its row from the start; it is changed, not added

    def check_modify(self, vm: Vm, row: Instance, values: dict[str, Any]) -> None:
        """Raise Refused unless the host accepts the values.

        `values` holds only what differs from the row; what the host changes along with it may be added.
        """
        raise Refused(INVALID_PARAMETER)

    def plan_add(self, vm: Vm, parent: Instance | None, cls: CimClass, values: dict[str, Any]) -> list[Instance]:
        """The new rows, made with repository.new() and not stored; or raise Refused.

        `parent` is the row of AffectedConfiguration; while the VM itself is being created, its system settings.
        """
        raise Refused(INVALID_PARAMETER)

    def check_remove(self, vm: Vm, row: Instance) -> None:
        """Raise Refused unless the row can be removed."""
        raise Refused(INVALID_PARAMETER)

    def with_it(self, vm: Vm, row: Instance) -> list[Instance]:
        """The rows that are removed together with a row."""
        return []

    def added(self, vm: Vm, row: Instance) -> None:
        """Called after the row was stored."""

    def modified(self, vm: Vm, row: Instance) -> None:
        """Called after the row was changed."""

    def removed(self, vm: Vm, row: Instance) -> None:
        """Called after the row was removed."""


@cache
def kinds() -> tuple[Setting, ...]:
    named = [(name, part) for name, part in parts_in(sys.modules[__name__]) if isinstance(part, Setting)]
    first = sorted((item for item in named if item[0] in FIRST), key=lambda item: FIRST.index(item[0]))
    return tuple(part for _name, part in (*first, *(item for item in named if item[0] not in FIRST)))


@cache
def kind_of(class_name: str) -> Setting:
    """The kind of a class; for any other class one that refuses everything."""
    return next((kind for kind in kinds() if class_name in kind.CLASSES), Setting())


def owner_id(instance_id: str) -> str:
    r"""The GUID in Microsoft:<GUID>\…, upper case; "" when there is none."""
    match = _OWNER.match(instance_id or "")
    return match[1].upper() if match else ""


def read(machine: Machine, text: str) -> tuple[CimClass, dict[str, Any]]:
    """Class and typed values of an embedded instance; Refused with the return code for an invalid one."""
    try:
        embedded = parse_embedded(text)
        cls = machine.schema.find(HYPERV, embedded.class_name)
        if cls is None:
            raise EmbeddedError(INVALID_PARAMETER, f"no class {embedded.class_name}")
        return cls, typed_values(embedded, cls)
    except EmbeddedError as error:
        # Wrong types are found when the job runs: 4096 and a job that ends with ErrorCode 32768 (captured).
        late = error.code == FAILED
        raise Refused(error.code, machine.text("error_type") if late else "", in_job=late) from error


@dataclass
class Change:
    """A checked modification of one row."""

    vm: Vm
    row: Instance
    values: dict[str, Any]

    def apply(self) -> None:
        self.row.update(self.values)
        kind_of(self.row.cls.name).modified(self.vm, self.row)
        self.vm.changed = self.vm.machine.clock.now()


def read_change(machine: Machine, text: str, base: str) -> Change:
    """Find the row an embedded instance names and let its kind check the values that differ."""
    cls, values = read(machine, text)
    if not cls.is_a(base):
        raise Refused(INVALID_PARAMETER)
    row = machine.repository.row(cls.name, HYPERV, InstanceID=values.pop("InstanceID", None))
    vm = machine.vm_of(row)
    if row is None or vm is None:
        raise Refused(INVALID_PARAMETER)
    different = {name: value for name, value in values.items() if not same(value, row[name])}
    kind_of(cls.name).check_modify(vm, row, different)
    return Change(vm, row, different)


def same(first: Any, second: Any) -> bool:
    """Empty and NULL arrays are one thing on the wire."""
    return first == second or (first in (None, []) and second in (None, []))


def in_range(values: dict[str, Any], limits: dict[str, tuple[int, int]]) -> None:
    """Raise 32773 for the first value outside its limits."""
    for name, (low, high) in limits.items():
        if name in values and not low <= values[name] <= high:
            raise Refused(INVALID_PARAMETER)
