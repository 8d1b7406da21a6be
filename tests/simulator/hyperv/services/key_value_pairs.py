"""Key-value pairs of the host for a guest, or for itself: AddKvpItems, ModifyKvpItems, RemoveKvpItems."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ...cim.embedded import embedded_text
from ...cim.values import Instance
from ...machine.jobs import INVALID_PARAMETER, Plan, Refused
from ...machine.service import Service
from .. import settings
from ..guest import HOST_ONLY, OF_HOST

if TYPE_CHECKING:
    from ...machine.machine import Machine
    from ...machine.service import Call
    from ..vm import Vm

SETTING, ITEM = "Msvm_KvpExchangeComponentSettingData", "Msvm_KvpExchangeDataItem"
PROPERTIES = {OF_HOST: "HostExchangeItems", HOST_ONLY: "HostOnlyItems"}
MOST, LONGEST = 128, 1024  # items of a call (docs); characters of Name and Data (MAXLEN of the MOF)
Answer = tuple[int, dict[str, Any]]
Pairs = dict[str, tuple[str, str]]  # Name and Data by the name in lower case


class KeyValuePairs(Service):
    """All items of a call or none (docs); an existing or a missing key is 32773 (containers/libhvee#193)."""

    CLASSES = ("Msvm_VirtualSystemManagementService",)

    def install(self, machine: Machine) -> None:
        def shown(name: str) -> Callable[[Instance], Any]:
            def value(row: Instance) -> Any:
                vm = machine.vm_of(row)
                hidden = vm is not None and not vm.powered and not machine.options["pairs_while_off"]
                return None if hidden else row.values.get(name)

            return value

        for name in PROPERTIES.values():
            machine.repository.live(SETTING, name, shown(name))
        component = "Msvm_KvpExchangeComponent"
        machine.repository.live(component, "GuestExchangeItems", lambda row: machine.vm_of(row).guest.own_items())

    def add_kvp_items(self, call: Call) -> Answer:
        return _change(call, lambda known, given: None if known.keys() & given.keys() else {**known, **given})

    def modify_kvp_items(self, call: Call) -> Answer:
        return _change(call, lambda known, given: {**known, **given} if given.keys() <= known.keys() else None)

    def remove_kvp_items(self, call: Call) -> Answer:
        """Only the keys are compared."""

        def rest(known: Mapping[str, Any], given: Mapping[str, Any]) -> Pairs | None:
            return (
                {key: pair for key, pair in known.items() if key not in given} if given.keys() <= known.keys() else None
            )

        return _change(call, rest)


def _change(call: Call, change: Callable[[Pairs, Pairs], Pairs | None]) -> Answer:
    machine = call.machine

    def plan() -> Plan:
        target = call["TargetSystem"]
        vm = machine.vm_of(machine.repository.find(target) if target is not None else None)
        texts = call["DataItems"] or ()
        if vm is None or not 1 <= len(texts) <= MOST:
            raise Refused(INVALID_PARAMETER)
        given = _read(machine, texts)
        after = {source: change(_known(vm, source), pairs) for source, pairs in given.items()}
        if None in after.values():
            raise Refused(INVALID_PARAMETER)

        def work() -> None:
            (row,) = vm.rows(SETTING)
            for source, pairs in after.items():
                row[PROPERTIES[source]] = [_text(machine, source, *pair) for pair in (pairs or {}).values()] or None
            vm.guest.take_items()

        return Plan(work=work, vm=vm)

    return machine.jobs.perform(call, "kvp", plan)


def _read(machine: Machine, texts: list[str]) -> dict[int, Pairs]:
    """The items of a call by source; Refused for invalid ones and for a key that comes twice."""
    found: dict[int, Pairs] = {}
    for text in texts:
        cls, values = settings.read(machine, text)
        name, data, source = values.get("Name") or "", values.get("Data") or "", values.get("Source", OF_HOST)
        pairs = found.setdefault(source, {})
        if (
            cls.name != ITEM
            or source not in PROPERTIES
            or not name
            or max(len(name), len(data)) > LONGEST
            or name.lower() in pairs
        ):
            raise Refused(INVALID_PARAMETER)
        pairs[name.lower()] = (name, data)
    return found


def _known(vm: Vm, source: int) -> Pairs:
    return {name.lower(): (name, data) for name, data in vm.pairs(source).items()}


def _text(machine: Machine, source: int, name: str, data: str) -> str:
    return embedded_text(machine.repository.new(ITEM, {"Name": name, "Data": data, "Source": source}))
