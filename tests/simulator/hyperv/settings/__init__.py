"""Setting data of virtual machines, one file per kind; every file here is found by itself.

A file defines
  CLASSES                     the setting classes it answers for
  check_modify(vm, row, values)   raise Refused when the host wouldn't take these values; `values` holds only what
                              differs from the row, and what the host changes along may be added to it
  plan_add(vm, parent, cls, values)   the new rows (made with repository.new, not stored) or Refused; `parent` is the
                              row of AffectedConfiguration, or None when the VM itself is being built
  added(vm, row), modified(vm, row), removed(vm, row)   what happens besides, once the rows have changed
  check_remove(vm, row)       raise Refused when it can't go
  with_it(vm, row)            rows that go along with a removed one
  install(machine)            rows and live properties every machine has
  install_vm(vm, spec)        the rows of a new VM; spec is its part of the model
A missing function means: not possible over the management service (32773), except with_it: nothing goes along.
"""

from __future__ import annotations

import pkgutil
import re
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ...cim.embedded import EmbeddedError, parse_embedded, typed_values
from ...cim.schema import HYPERV
from ...cim.values import Instance
from ...machine.jobs import FAILED, INVALID_PARAMETER, Refused

if TYPE_CHECKING:
    from ...cim.values import CimClass
    from ...machine.machine import Machine
    from ..vm import Vm

FIRST = ("system", "memory", "processor")  # a new VM has vm.system and so on when the other files make their rows
_OWNER = re.compile(r"^Microsoft:(?:GuestNetwork\\)?([0-9a-f]{8}-[0-9a-f-]{27})", re.IGNORECASE)


@cache
def modules() -> tuple[ModuleType, ...]:
    names = sorted(info.name for info in pkgutil.iter_modules(__path__))
    ordered = (*FIRST, *(name for name in names if name not in FIRST))
    return tuple(import_module(f"{__name__}.{name}") for name in ordered)


@cache
def module_of(class_name: str) -> ModuleType | None:
    return next((one for one in modules() if class_name in one.CLASSES), None)


def owner_id(instance_id: str) -> str:
    r"""The GUID in Microsoft:<GUID>\…, upper case; "" when there is none."""
    match = _OWNER.match(instance_id or "")
    return match[1].upper() if match else ""


def read(machine: Machine, text: str) -> tuple[CimClass, dict[str, Any]]:
    """Class and typed values of an embedded instance; Refused with what a host answers to a bad one."""
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
        kind = module_of(self.row.cls.name)
        if hasattr(kind, "modified"):
            kind.modified(self.vm, self.row)
        self.vm.changed = self.vm.machine.clock.now()


def read_change(machine: Machine, text: str, base: str) -> Change:
    """Find the row an embedded instance names and let its kind check the values that differ."""
    cls, values = read(machine, text)
    if not cls.is_a(base):
        raise Refused(INVALID_PARAMETER)
    row = machine.repository.row(cls.name, HYPERV, InstanceID=values.pop("InstanceID", None))
    kind = module_of(cls.name)
    # A checkpoint's settings carry its own GUID and name their VM in VirtualSystemIdentifier.
    owner = row is not None and (row.get("VirtualSystemIdentifier") or owner_id(row["InstanceID"]))
    vm = machine.vms.get(str(owner).upper())
    if row is None or vm is None or kind is None or not hasattr(kind, "check_modify"):
        raise Refused(INVALID_PARAMETER)
    different = {name: value for name, value in values.items() if not same(value, row[name])}
    kind.check_modify(vm, row, different)
    return Change(vm, row, different)


def same(one: Any, other: Any) -> bool:
    """Empty and NULL arrays are one thing on the wire."""
    return one == other or (one in (None, []) and other in (None, []))


def in_range(values: dict[str, Any], limits: dict[str, tuple[int, int]]) -> None:
    """Raise 32773 for the first value outside its limits."""
    for name, (low, high) in limits.items():
        if name in values and not low <= values[name] <= high:
            raise Refused(INVALID_PARAMETER)
