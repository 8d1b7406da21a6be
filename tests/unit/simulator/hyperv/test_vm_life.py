"""Making and deleting VMs, their settings as a whole, and what they boot from."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from ansible_collections.nested.hyperv.tests.simulator.cim.schema import HYPERV
from ansible_collections.nested.hyperv.tests.simulator.cim.values import Instance, Reference
from ansible_collections.nested.hyperv.tests.simulator.hyperv.settings import security, storage
from ansible_collections.nested.hyperv.tests.simulator.hyperv.vm import Vm
from ansible_collections.nested.hyperv.tests.simulator.machine.machine import Machine

from ..hosts import FAILED, INVALID_PARAMETER, INVALID_STATE, JOB, OK, VSMS, call, embedded, host, outcome, power, rows
from ..machines import VSSD, add_controller, add_drive, names, remove, system

NOT_SUPPORTED = 32770
ADAPTER = "Msvm_SyntheticEthernetPortSettingData"
GEN2 = "Microsoft:Hyper-V:SubType:2"
UEFI_CA = "272e7447-90a4-4563-a4b9-8e4ab00526ce"


def define(machine: Machine, *resources: str, **values: Any) -> tuple[int, Vm | None]:
    """DefineSystem of generation 2 called "new", and the VM it made."""
    given = {"ElementName": "new", "VirtualSystemSubType": GEN2, **values}
    text = embedded(VSSD, **{name: value for name, value in given.items() if value is not None})
    answer = call(machine, VSMS, "DefineSystem", SystemSettings=text, ResourceSettings=list(resources) or None)
    code, _rest = outcome(machine, answer)
    reference = answer[1].get("ResultingSystem")
    return code, machine.vms.get(reference.key("Name")) if reference else None


def destroy(machine: Machine, vm: Vm) -> tuple[int, str]:
    return outcome(machine, call(machine, VSMS, "DestroySystem", AffectedSystem=vm.reference))


# --- DefineSystem


def test_a_new_vm_of_generation_2_is_a_shell() -> None:
    machine = host(os="windows11")
    code, vm = define(machine)
    assert code == OK
    assert (vm.name, vm.generation, vm.state) == ("new", 2, 3)
    assert (storage.controllers(vm, storage.SCSI), storage.drives(vm), vm.rows(ADAPTER)) == ([], [], [])
    assert (vm.memory["DynamicMemoryEnabled"], vm.memory["VirtualQuantity"]) == (True, 1024)
    assert vm.system["AutomaticSnapshotsEnabled"] is True
    assert (vm.system["SecureBootEnabled"], vm.system["LowMmioGapSize"], vm.system["HighMmioGapSize"]) == (
        True,
        128,
        512,
    )
    assert vm.system["AutomaticCriticalErrorActionTimeout"] == timedelta(minutes=30)
    assert len([row for row in vm.rows("CIM_SettingData") if "Component" in row.cls.name]) == 6
    assert security.row_of(vm)["TpmEnabled"] is False


def test_without_a_subtype_the_vm_is_of_generation_1() -> None:
    code, vm = define(host(), VirtualSystemSubType=None)
    assert (code, vm.generation) == (OK, 1)
    assert len(storage.controllers(vm, storage.IDE)) == 2
    assert (vm.system["SecureBootEnabled"], vm.system["BootOrder"]) == (False, [1, 2, 3, 0])


def test_the_result_is_known_with_the_answer_and_the_vm_can_be_read_at_once() -> None:
    machine = host()
    text = embedded(VSSD, ElementName="new")
    code, outputs = call(machine, VSMS, "DefineSystem", SystemSettings=text)
    assert (code, outputs["Job"], len(machine.vms)) == (OK, None, 1)
    assert machine.get(machine.find_class(HYPERV, "Msvm_ComputerSystem"), outputs["ResultingSystem"].keys)


def test_settings_and_resources_come_along_in_the_same_call() -> None:
    template = r"Microsoft:Definition\4764334E-E001-4176-82EE-5594EC9B530E\Default"
    memory = embedded(
        "Msvm_MemorySettingData", InstanceID=template, VirtualQuantity=4096, Limit=4096, DynamicMemoryEnabled=False
    )
    processor = embedded("Msvm_ProcessorSettingData", VirtualQuantity=4, ExposeVirtualizationExtensions=True)
    scsi = embedded(storage.RASD, ResourceType=6, ResourceSubType=storage.SCSI)
    adapter = embedded(ADAPTER, ResourceType=10, ElementName="uplink", StaticMacAddress=True, Address="00155D010203")
    _rest, vm = define(
        host(), memory, processor, scsi, adapter, Notes=["lab"], AutomaticStartupAction=4, SecureBootTemplateId=UEFI_CA
    )
    assert (vm.memory["VirtualQuantity"], vm.memory["DynamicMemoryEnabled"]) == (4096, False)
    assert (vm.processor["VirtualQuantity"], vm.processor["ExposeVirtualizationExtensions"]) == (4, True)
    assert len(storage.controllers(vm, storage.SCSI)) == 1
    assert [row["Address"] for row in vm.rows(ADAPTER)] == ["00155D010203"]
    assert (vm.system["Notes"], vm.system["AutomaticStartupAction"]) == (["lab"], 4)


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"VirtualSystemSubType": "Microsoft:Hyper-V:SubType:3"}, INVALID_PARAMETER),
        ({"ElementName": "x" * 101}, INVALID_PARAMETER),
        ({"Version": "99.0"}, NOT_SUPPORTED),
        ({"LowMmioGapSize": 128 << 20}, INVALID_PARAMETER),
        ({"SecureBootTemplateId": "11111111-1111-1111-1111-111111111111"}, INVALID_PARAMETER),
        ({"AutomaticStartupActionDelay": ("string", "P0DT0H1M0S")}, FAILED),
        ({"ConfigurationDataRoot": r"X:\nowhere"}, INVALID_PARAMETER),
    ],
)
def test_bad_settings_leave_nothing_behind(values: dict[str, Any], code: int) -> None:
    machine = host()
    before = machine.dump()
    assert define(machine, **values)[0] == code
    assert (machine.vms, machine.dump(), list(machine.files)) == ({}, before, [])


def test_bad_resources_leave_nothing_behind() -> None:
    machine = host()
    bad = embedded("Msvm_MemorySettingData", VirtualQuantity=9001, DynamicMemoryEnabled=False)
    assert define(machine, bad)[0] == INVALID_PARAMETER
    assert machine.vms == {}


def test_version_and_folder_are_chosen_at_the_beginning() -> None:
    machine = host(os="server2022")
    _rest, vm = define(machine, Version="9.0", ConfigurationDataRoot=r"C:\lab\new")
    assert (vm.system["Version"], vm.system["ConfigurationDataRoot"]) == ("9.0", r"C:\lab\new")
    assert machine.files.get(rf"C:\lab\new\Virtual Machines\{vm.id}.vmcx")
    system(machine, vm.system, ConfigurationDataRoot=r"C:\other", Version="10.0")
    assert (vm.system["Version"], vm.system["ConfigurationDataRoot"]) == ("9.0", r"C:\lab\new")


def test_names_need_not_be_unique_and_may_hold_anything() -> None:
    machine = host()
    for _turn in range(2):
        assert define(machine, ElementName='it\'s "this" & <that> 100% [x] _é*')[0] == OK
    assert {vm.name for vm in machine.vms.values()} == {'it\'s "this" & <that> 100% [x] _é*'}


# --- DestroySystem


def test_a_vm_goes_with_its_rows_and_its_disks_stay() -> None:
    machine = host({"disks": [{"size": "40GB"}], "adapters": [{"switch": "LAN"}]})
    vm = machine.vm("vm0")
    assert destroy(machine, vm)[0] == OK
    assert machine.vms == {}
    assert not [key for key in machine.dump() if vm.id in key]
    assert names(machine) == {"vm0.vhdx"}


@pytest.mark.parametrize(
    ("state", "code"),
    [("off", OK), ("saved", OK), ("running", INVALID_STATE), ("paused", INVALID_STATE)],
)
def test_only_a_vm_that_is_off_or_saved_can_go(state: str, code: int) -> None:
    machine = host({"state": state})
    assert destroy(machine, machine.vm("vm0"))[0] == code
    assert len(machine.vms) == (0 if code == OK else 1)


def test_a_display_name_names_nothing() -> None:
    machine = host({})
    reference = Reference(HYPERV, "Msvm_ComputerSystem", {"CreationClassName": "Msvm_ComputerSystem", "Name": "vm0"})
    assert call(machine, VSMS, "DestroySystem", AffectedSystem=reference)[0] == INVALID_PARAMETER


def test_configuration_files_go_with_the_vm() -> None:
    machine = host()
    _rest, vm = define(machine)
    assert len(list(machine.files)) == 2
    destroy(machine, vm)
    assert list(machine.files) == []


# --- settings as a whole


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"ElementName": "renamed"}, OK),
        ({"ElementName": ""}, INVALID_PARAMETER),
        ({"ElementName": "x" * 101}, INVALID_PARAMETER),
        ({"AutomaticStartupAction": 5}, INVALID_PARAMETER),
        ({"UserSnapshotType": 2}, OK),
        ({"UserSnapshotType": 1}, INVALID_PARAMETER),
        ({"AutomaticStartupActionDelay": ("datetime", "00000000000130.000000:000")}, OK),
        ({"AutomaticStartupActionDelay": ("datetime", "P0DT0H1M30S")}, FAILED),
        ({"AutomaticStartupActionDelay": ("string", "00000000000130.000000:000")}, FAILED),
        ({"SecureBootTemplateId": UEFI_CA}, OK),
        ({"ConsoleMode": 4}, INVALID_PARAMETER),
        ({"BootOrder": [2, 1, 3, 0]}, INVALID_PARAMETER),
    ],
)
def test_which_settings_a_vm_takes_while_it_is_off(values: dict[str, Any], code: int) -> None:
    machine = host({})
    assert system(machine, machine.vm("vm0").system, **values)[0] == code


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"ElementName": "renamed"}, OK),
        ({"Notes": ["x"]}, OK),
        ({"SnapshotDataRoot": r"C:\snaps"}, OK),
        ({"SecureBootEnabled": False}, INVALID_STATE),
        ({"ConsoleMode": 1}, INVALID_STATE),
        ({"BIOSSerialNumber": "1"}, INVALID_STATE),
    ],
)
def test_which_settings_a_running_vm_takes(values: dict[str, Any], code: int) -> None:
    machine = host({"state": "running"})
    assert system(machine, machine.vm("vm0").system, **values)[0] == code


def test_intervals_are_read_as_they_were_written_and_timeouts_in_whole_minutes() -> None:
    machine = host({})
    vm = machine.vm("vm0")
    system(
        machine,
        vm.system,
        AutomaticStartupActionDelay=("datetime", "00000000000130.000000:000"),
        AutomaticCriticalErrorActionTimeout=("datetime", "00000000000130.000000:000"),
    )
    assert vm.system["AutomaticStartupActionDelay"] == timedelta(seconds=90)
    assert vm.system["AutomaticCriticalErrorActionTimeout"] == timedelta(minutes=2)


def test_writing_a_folder_makes_it() -> None:
    machine = host({})
    system(machine, machine.vm("vm0").system, SnapshotDataRoot=r"C:\a\b")
    assert machine.files.has_folder(r"C:\a\b")
    assert system(machine, machine.vm("vm0").system, SwapFileDataRoot=r"Q:\a")[0] == INVALID_PARAMETER


def test_the_boot_order_of_generation_1_holds_all_four() -> None:
    machine = host({"generation": 1})
    vm = machine.vm("vm0")
    assert system(machine, vm.system, BootOrder=[3, 2, 1, 0])[0] == OK
    assert vm.system["BootOrder"] == [3, 2, 1, 0]
    for wrong in ([3, 2, 1], [3, 3, 1, 0], [3, 2, 1, 4]):
        assert system(machine, vm.system, BootOrder=wrong)[0] == INVALID_PARAMETER
    assert vm.system["BootSourceOrder"] is None


def test_generation_1_takes_secure_boot_off_and_not_on() -> None:
    machine = host({"generation": 1})
    vm = machine.vm("vm0")
    assert system(machine, vm.system, SecureBootEnabled=False)[0] == OK
    assert system(machine, vm.system, SecureBootEnabled=True)[0] == INVALID_PARAMETER


# --- boot sources


def boot_machine() -> tuple[Machine, Vm]:
    vm = {"disks": [{"size": "1GB"}], "dvd_drives": [{}], "adapters": [{"switch": "LAN"}]}
    machine = host({**vm, "firmware": {"files": ["Windows Boot Manager"]}})
    return machine, machine.vm("vm0")


def kinds(machine: Machine, vm: Vm) -> list[int]:
    found = {row.reference().path("HV01").lower(): row["BootSourceType"] for row in boot_sources(machine)}
    return [found[path.lower()] for path in vm.system["BootSourceOrder"]]


def boot_sources(machine: Machine) -> list[Instance]:
    return rows(machine, "Msvm_BootSourceSettingData")


def test_every_drive_and_adapter_is_a_boot_source() -> None:
    machine, vm = boot_machine()
    devices = {row["InstanceID"] for row in (*storage.drives(vm), *vm.rows(ADAPTER))}
    sources = {row["InstanceID"] for row in boot_sources(machine) if row["BootSourceType"] != 3}
    assert sources == {f"{device}\\B" for device in devices}
    assert sorted(kinds(machine, vm)) == [1, 1, 2, 3]
    assert vm.system["BootSourceOrder"][0].startswith(
        r"\\HV01\root\virtualization\v2:Msvm_BootSourceSettingData.InstanceID="
    )


def test_new_devices_are_appended_and_removed_ones_disappear() -> None:
    machine, vm = boot_machine()
    before = vm.system["BootSourceOrder"]
    add_controller(machine, vm)
    drive_type = {"ResourceType": 16, "ResourceSubType": storage.DVD_DRIVE}
    add_drive(machine, vm, storage.controllers(vm, storage.SCSI)[1], 0, **drive_type)
    assert vm.system["BootSourceOrder"][:-1] == before
    remove(machine, storage.drives(vm)[-1])
    assert vm.system["BootSourceOrder"] == before


def test_the_order_is_written_with_short_paths_and_kept_when_devices_come() -> None:
    machine, vm = boot_machine()
    wanted = [path.split("v2:", 1)[1] for path in reversed(vm.system["BootSourceOrder"])]
    order = [f"root/virtualization/v2:{path}" for path in wanted]
    assert system(machine, vm.system, BootSourceOrder=order)[0] == OK
    assert [path.split("v2:", 1)[1] for path in vm.system["BootSourceOrder"]] == wanted
    adapter = embedded(ADAPTER, ResourceType=10, ResourceSubType="Microsoft:Hyper-V:Synthetic Ethernet Port")
    reference = vm.system.reference()
    call(machine, VSMS, "AddResourceSettings", AffectedConfiguration=reference, ResourceSettings=[adapter])
    machine.clock.advance(1)
    assert [path.split("v2:", 1)[1] for path in vm.system["BootSourceOrder"]][:-1] == wanted


@pytest.mark.parametrize("spoil", [lambda o: o[1:], lambda o: [*o, o[0]], lambda o: [*o[1:], "nope"]])
def test_an_order_that_is_not_all_of_them_is_refused(spoil: Any) -> None:
    machine, vm = boot_machine()
    before = vm.system["BootSourceOrder"]
    assert system(machine, vm.system, BootSourceOrder=spoil(before))[0] == INVALID_PARAMETER
    assert vm.system["BootSourceOrder"] == before


def test_single_backslashes_and_running_vms_are_refused() -> None:
    machine, vm = boot_machine()
    single = [path.replace("\\\\", "\\") for path in vm.system["BootSourceOrder"]]
    assert system(machine, vm.system, BootSourceOrder=single)[0] == INVALID_PARAMETER
    order = list(reversed(vm.system["BootSourceOrder"]))
    power(machine, "vm0", 2)
    machine.clock.advance(1)
    assert system(machine, vm.system, BootSourceOrder=order)[0] == INVALID_STATE


def test_a_drive_is_the_same_thing_as_its_boot_source() -> None:
    machine, vm = boot_machine()
    drive = storage.drives(vm)[0]
    found = machine.associators(drive.reference(), assoc_class="Msvm_LogicalIdentity")
    assert [row["InstanceID"] for row in found] == [f"{drive['InstanceID']}\\B"]


# --- power around it


def test_too_little_memory_ends_the_job_with_a_text() -> None:
    machine = host({"memory": "8GB"}, memory="8GB")
    assert power(machine, "vm0", 2) == JOB
    machine.clock.advance(1)
    job = next(iter(machine.jobs.running.values()))
    assert (machine.vm("vm0").state, job.error) == (3, 32778)
    assert "Not enough memory" in job.error_text


def test_a_saved_vm_is_turned_off_and_starts_again() -> None:
    machine = host({"state": "running", "disks": [{"size": "1GB"}]})
    vm = machine.vm("vm0")
    for wanted, state in ((6, 6), (3, 3), (2, 2), (9, 9), (6, 6), (2, 2)):
        assert power(machine, "vm0", wanted) == JOB
        machine.clock.advance(1)
        assert vm.state == state
