"""What a host allows with the memory of a VM, by state, kind of memory, and what runs inside."""

from __future__ import annotations

from typing import Any

import pytest

from ..hosts import FAILED, INVALID_PARAMETER, INVALID_STATE, OK, VSMS, call, embedded, host, modify, outcome, power

STATIC = {"memory": "2GB"}
DYNAMIC = {"memory": {"startup": "2GB", "dynamic": True, "minimum": "1GB", "maximum": "4GB"}}


def change(vm: dict[str, Any], **values: Any) -> tuple[int, Any]:
    """End of the change, and the memory row after it."""
    machine = host(vm)
    memory = machine.vm("vm0").memory
    before = memory.as_dict()
    code, _rest = outcome(machine, modify(machine, memory, **values))
    if code:
        assert memory.as_dict() == before, "a refused change left traces"
    return code, memory


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"VirtualQuantity": 4096}, OK),
        ({"VirtualQuantity": 32}, OK),
        ({"VirtualQuantity": 30}, INVALID_PARAMETER),
        ({"VirtualQuantity": 2049}, INVALID_PARAMETER),
        ({"VirtualQuantity": 4096, "Limit": 2048}, INVALID_PARAMETER),
        ({"VirtualQuantity": 4096, "Limit": 4096, "Reservation": 4096}, OK),
        ({"Limit": 1048578}, INVALID_PARAMETER),
        ({"TargetMemoryBuffer": 5}, OK),
        ({"TargetMemoryBuffer": 4}, INVALID_PARAMETER),
        ({"TargetMemoryBuffer": 2001}, INVALID_PARAMETER),
        ({"Weight": 10000}, OK),
        ({"Weight": 10001}, INVALID_PARAMETER),
        ({"MaxMemoryBlocksPerNumaNode": 2048}, OK),
    ],
)
def test_static_memory_of_a_vm_that_is_off(values: dict[str, Any], code: int) -> None:
    assert change(STATIC, **values)[0] == code


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"Reservation": 512, "Limit": 8192}, OK),
        ({"Reservation": 4096}, INVALID_PARAMETER),
        ({"Limit": 1024}, INVALID_PARAMETER),
        ({"VirtualQuantity": 512}, INVALID_PARAMETER),
        ({"VirtualQuantity": 8192}, INVALID_PARAMETER),
        ({"VirtualQuantity": 8192, "Limit": 8192}, OK),
        ({"Reservation": 511}, INVALID_PARAMETER),
        ({"DynamicMemoryEnabled": False}, OK),
    ],
)
def test_dynamic_memory_of_a_vm_that_is_off(values: dict[str, Any], code: int) -> None:
    assert change(DYNAMIC, **values)[0] == code


def test_what_is_left_out_stays() -> None:
    _rest, memory = change(DYNAMIC, Limit=8192)
    assert (memory["VirtualQuantity"], memory["Reservation"], memory["DynamicMemoryEnabled"]) == (2048, 1024, True)


def test_a_static_vm_reads_its_startup_memory_as_reservation() -> None:
    assert change(STATIC, VirtualQuantity=4096)[1]["Reservation"] == 4096


def test_dynamic_memory_and_virtual_numa_exclude_each_other() -> None:
    machine = host(STATIC)
    vm = machine.vm("vm0")
    assert vm.system["VirtualNumaEnabled"]
    assert modify(machine, vm.memory, DynamicMemoryEnabled=True)[0] == INVALID_PARAMETER

    def numa(value: bool) -> int:
        text = embedded(vm.system.cls.name, InstanceID=vm.system["InstanceID"], VirtualNumaEnabled=value)
        return call(machine, VSMS, "ModifySystemSettings", SystemSettings=text)[0]

    assert numa(False) == OK
    assert modify(machine, vm.memory, DynamicMemoryEnabled=True)[0] == OK
    assert numa(True) == INVALID_PARAMETER


@pytest.mark.parametrize(
    ("vm", "values", "code"),
    [
        (STATIC, {"VirtualQuantity": 4096}, OK),
        (STATIC, {"VirtualQuantity": 1024}, OK),
        (STATIC, {"TargetMemoryBuffer": 50, "Weight": 1}, OK),
        (STATIC, {"DynamicMemoryEnabled": True}, INVALID_STATE),
        (STATIC, {"MaxMemoryBlocksPerNumaNode": 2048}, INVALID_STATE),
        (STATIC, {"VirtualQuantity": 1024 * 1024}, 32778),
        ({**STATIC, "version": "5.0"}, {"VirtualQuantity": 4096}, INVALID_STATE),
        (DYNAMIC, {"VirtualQuantity": 3072}, INVALID_STATE),
        (DYNAMIC, {"Reservation": 512}, OK),
        (DYNAMIC, {"Reservation": 1536}, INVALID_STATE),
        (DYNAMIC, {"Limit": 8192}, OK),
        (DYNAMIC, {"Limit": 3072}, INVALID_STATE),
        (DYNAMIC, {"TargetMemoryBuffer": 50, "Weight": 1}, OK),
        (DYNAMIC, {"DynamicMemoryEnabled": False}, INVALID_STATE),
    ],
)
def test_a_running_vm(vm: dict[str, Any], values: dict[str, Any], code: int) -> None:
    assert change({**vm, "state": "running"}, **values)[0] == code


def test_a_saved_vm_takes_nothing() -> None:
    assert change({**STATIC, "state": "saved"}, Weight=1)[0] == INVALID_STATE


@pytest.mark.parametrize("memory", [STATIC, DYNAMIC], ids=["static", "dynamic"])
@pytest.mark.parametrize(
    ("values", "code"),
    [({"VirtualQuantity": 1024}, INVALID_STATE), ({"Limit": 8192}, INVALID_STATE), ({"TargetMemoryBuffer": 50}, OK)],
)
def test_while_a_hypervisor_runs_inside_no_amount_changes(
    memory: dict[str, Any], values: dict[str, Any], code: int
) -> None:
    vm = {**memory, "state": "running", "nested": True, "guest": {"hypervisor_running": True}}
    assert change(vm, **values)[0] == code


def test_exposing_the_extensions_alone_changes_nothing() -> None:
    vm = {**STATIC, "state": "running", "nested": True}
    assert change(vm, VirtualQuantity=4096)[0] == OK


def test_a_guest_without_the_extensions_runs_no_hypervisor() -> None:
    vm = {**STATIC, "state": "running", "guest": {"hypervisor_running": True}}
    assert change(vm, VirtualQuantity=4096)[0] == OK


def test_off_again_the_memory_of_a_nested_host_can_change() -> None:
    machine = host({**STATIC, "state": "running", "nested": True, "guest": {"hypervisor_running": True}})
    assert power(machine, "vm0", 3) == 4096
    machine.clock.advance(1)
    assert modify(machine, machine.vm("vm0").memory, VirtualQuantity=4096)[0] == OK


def test_dynamic_memory_follows_demand_unless_a_hypervisor_runs_inside() -> None:
    vm = {**DYNAMIC, "state": "running", "guest": {"memory_demand": 3000}}
    assert host(vm).vm("vm0").guest.memory_assigned() == 3600
    vm["guest"]["memory_demand"] = 100
    assert host(vm).vm("vm0").guest.memory_assigned() == 1024
    nested = {**vm, "nested": True, "guest": {"memory_demand": 3000, "hypervisor_running": True}}
    assert host(nested).vm("vm0").guest.memory_assigned() == 2048


def test_settings_of_one_call_are_all_applied_or_none() -> None:
    machine = host(STATIC)
    vm = machine.vm("vm0")
    good = embedded("Msvm_ProcessorSettingData", InstanceID=vm.processor["InstanceID"], Weight=200)
    bad = embedded("Msvm_MemorySettingData", InstanceID=vm.memory["InstanceID"], VirtualQuantity=2049)
    assert call(machine, VSMS, "ModifyResourceSettings", ResourceSettings=[good, bad])[0] == INVALID_PARAMETER
    assert vm.processor["Weight"] == 100


@pytest.mark.parametrize(("locale", "words"), [("en-US", "not properly aligned"), ("de-DE", "ausgerichtet")])
def test_a_job_that_fails_says_so_in_the_language_of_the_host(locale: str, words: str) -> None:
    machine = host({**STATIC, "name": "web01"}, locale=locale, jobs={"mode": "async"})
    code, text = outcome(machine, modify(machine, machine.vm("web01").memory, VirtualQuantity=2049))
    assert code == INVALID_PARAMETER
    assert words in text
    assert "'web01'" in text
    assert "2049" in text


def test_a_value_of_a_wrong_type_fails_in_a_job() -> None:
    machine = host(STATIC)
    answer = modify(machine, machine.vm("vm0").memory, VirtualQuantity=("string", "4096"))
    assert answer[0] == 4096
    assert outcome(machine, answer)[0] == FAILED
