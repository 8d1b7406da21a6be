"""What gets into a guest without a network: files and key-value pairs."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.nested.hyperv.tests.simulator.cim.embedded import parse_embedded
from ansible_collections.nested.hyperv.tests.simulator.cim.errors import CimError
from ansible_collections.nested.hyperv.tests.simulator.hyperv.guest import FROM_HOST
from ansible_collections.nested.hyperv.tests.simulator.machine.machine import Machine

from ..hosts import FAILED, INVALID_PARAMETER, JOB, VSMS, call, embedded, host, modify, outcome, power, rows

FILES = [
    {"path": r"C:\Files\app.zip", "content": "zip"},
    {"path": r"C:\Files\big.bin", "size": "200GB"},
]
SETTING = "Msvm_CopyFileToGuestSettingData"


def with_guest(guest: dict[str, Any], **vm: Any) -> Machine:
    return host({"state": "running", "enabled_services": ["GuestServiceInterface"], "guest": guest, **vm}, files=FILES)


LINUX = {"os": "linux"}
WINDOWS = {"machine": {"os": "server2022", "hyperv": False, "drives": [{"letter": "C", "size": "100GB"}]}}


def copy(machine: Machine, destination: str, source: str = r"C:\Files\app.zip", **values: Any) -> tuple[int, str]:
    (row,) = rows(machine, "Msvm_GuestFileService")
    text = embedded(SETTING, SourcePath=source, DestinationPath=destination, **values)
    answer = call(machine, "Msvm_GuestFileService", "CopyFilesToGuest", row.keys_dict(), CopyFileToGuestSettings=[text])
    assert answer[0] == JOB
    return outcome(machine, answer)


def received(machine: Machine) -> dict[str, bytes]:
    return {path: file.content for path, file in machine.vm("vm0").guest.files.received.items()}


def test_a_windows_guest_gets_a_file() -> None:
    machine = with_guest(WINDOWS)
    assert copy(machine, r"%SystemDrive%\Windows\Temp\a.zip") == (0, "")
    assert received(machine) == {r"C:\Windows\Temp\a.zip": b"zip"}
    assert machine.vm("vm0").guest.machine.files.read(r"C:\Windows\Temp\a.zip") == b"zip"
    assert copy(machine, r"C:\Windows\Temp") == (0, "")
    assert r"C:\Windows\Temp\app.zip" in received(machine)


@pytest.mark.parametrize("guest", [{}, WINDOWS, LINUX], ids=["plain", "windows", "linux"])
def test_what_a_guest_refuses(guest: dict[str, Any]) -> None:
    machine = with_guest(guest)
    there, missing = ("/tmp/a", "/data/x/a") if guest is LINUX else (r"C:\a", r"C:\x\y\a")
    assert copy(machine, there)[0] == 0
    code, text = copy(machine, there)
    assert (code, "0x80070050" in text) == (FAILED, True)
    assert copy(machine, there, OverwriteExisting=True)[0] == 0
    code, text = copy(machine, missing)
    assert (code, text.endswith("(0x80004005)" if guest is LINUX else "(0x80070003)")) == (FAILED, True)
    assert copy(machine, missing, CreateFullPath=True)[0] == 0
    assert "0x80070070" in copy(machine, there + "2", source=r"C:\Files\big.bin")[1]


@pytest.mark.parametrize(
    ("source", "number"),
    [(r"C:\Files\none", "0x80070002"), (r"C:\Files", "0x80070005"), (r"\\nas\share\x", "0x80070005")],
)
def test_sources_that_the_host_cannot_open(source: str, number: str) -> None:
    assert number in copy(with_guest(LINUX), "/tmp/a", source=source)[1]


def test_limits_of_linux() -> None:
    machine = with_guest(LINUX)
    assert "0x80004005" in copy(machine, "tmp/a")[1]
    assert "0x80004005" in copy(machine, "/tmp/" + "a" * 260)[1]
    assert copy(machine, "/tmp/") == (0, "")
    assert received(machine) == {"/tmp/app.zip": b"zip"}


def test_the_service_exists_while_the_guest_answers() -> None:
    machine = host({"state": "running", "guest": LINUX}, files=FILES)
    assert rows(machine, "Msvm_GuestFileService") == []
    (setting,) = rows(machine, "Msvm_GuestServiceInterfaceComponentSettingData")
    assert modify(machine, setting, EnabledState=2)[0] in (0, JOB)
    machine.clock.advance(1)
    (row,) = rows(machine, "Msvm_GuestFileService")
    (link,) = rows(machine, "Msvm_RegisteredGuestService")
    assert link["Dependent"] == row.reference()
    power(machine, "vm0", 3)
    machine.clock.advance(1)
    assert rows(machine, "Msvm_GuestFileService") == []
    with pytest.raises(CimError):
        call(machine, "Msvm_GuestFileService", "CopyFilesToGuest", row.keys_dict(), CopyFileToGuestSettings=[])
    assert rows(with_guest({"os": "linux", "file_copy": False}), "Msvm_GuestFileService") == []


def test_the_job_of_a_copy_names_vm_and_file() -> None:
    machine = host(
        {"state": "running", "enabled_services": ["GuestServiceInterface"], "guest": LINUX},
        files=FILES,
        jobs={"delays": {"copy_to_guest": 10}},
    )
    (row,) = rows(machine, "Msvm_GuestFileService")
    text = embedded(SETTING, SourcePath=r"C:\Files\app.zip", DestinationPath="/tmp/a")
    call(machine, "Msvm_GuestFileService", "CopyFilesToGuest", row.keys_dict(), CopyFileToGuestSettings=[text])
    (job,) = rows(machine, "Msvm_CopyFileToGuestJob")
    assert (job["VirtualSystemName"], job["CopyFileToGuestSettingData"]) == (machine.vm("vm0").id, [text])
    power(machine, "vm0", 3)
    machine.clock.advance(20)
    (job,) = rows(machine, "Msvm_CopyFileToGuestJob")
    assert (job["JobState"], job["ErrorCode"]) == (10, FAILED)


def pairs(machine: Machine, method: str, *items: tuple[Any, ...]) -> int:
    texts = [
        embedded("Msvm_KvpExchangeDataItem", **dict(zip(("Name", "Data", "Source"), item, strict=False)))
        for item in items
    ]
    vm = machine.vm("vm0")
    return outcome(machine, call(machine, VSMS, method, TargetSystem=vm.reference, DataItems=texts))[0]


def kept(machine: Machine, name: str = "HostExchangeItems") -> dict[str, str]:
    (row,) = rows(machine, "Msvm_KvpExchangeComponentSettingData")
    items = (parse_embedded(text, sent=False) for text in row[name] or ())
    return {item.text("Name"): item.text("Data") for item in items}


def test_pairs_come_change_and_go_all_or_none() -> None:
    machine = host({"state": "running", "guest": WINDOWS})
    assert pairs(machine, "AddKvpItems", ("a", "1"), ("b", "<&>")) == 0
    assert pairs(machine, "AddKvpItems", ("c", "3"), ("A", "2")) == INVALID_PARAMETER
    assert pairs(machine, "ModifyKvpItems", ("a", "2"), ("none", "")) == INVALID_PARAMETER
    assert kept(machine) == {"a": "1", "b": "<&>"}
    registry = machine.vm("vm0").guest.machine.software.registry
    assert {value.name: value.data for value in registry.values(FROM_HOST)} == {"a": "1", "b": "<&>"}
    assert pairs(machine, "ModifyKvpItems", ("a", "2")) == 0
    assert pairs(machine, "RemoveKvpItems", ("b", ""), ("none", "")) == INVALID_PARAMETER
    assert pairs(machine, "RemoveKvpItems", ("B", "")) == 0
    assert kept(machine) == machine.vm("vm0").guest.from_host == {"a": "2"}


def test_pairs_that_only_the_host_sees() -> None:
    machine = host({"state": "running", "guest": LINUX})
    assert pairs(machine, "AddKvpItems", ("a", "1", 4), ("b", "2", 0)) == 0
    assert kept(machine, "HostOnlyItems") == {"a": "1"}
    assert machine.vm("vm0").guest.from_host == {"b": "2"}


@pytest.mark.parametrize(
    "items",
    [
        [],
        [(f"k{number}", "") for number in range(129)],
        [("", "x")],
        [("a" * 1025, "x")],
        [("a", "x" * 1025)],
        [("a", "1"), ("A", "2")],
        [("a", "1", 1)],
    ],
)
def test_items_that_the_host_refuses(items: list[tuple[Any, ...]]) -> None:
    assert pairs(host({"state": "running"}), "AddKvpItems", *items) == INVALID_PARAMETER


def test_an_off_vm_keeps_pairs_for_its_next_boot() -> None:
    machine = host({"guest": LINUX}, pairs_while_off=False)
    assert pairs(machine, "AddKvpItems", ("a", "1")) == 0
    assert kept(machine) == {}
    power(machine, "vm0", 2)
    machine.clock.advance(1)
    assert kept(machine) == machine.vm("vm0").guest.from_host == {"a": "1"}


def test_pairs_of_the_guest() -> None:
    machine = host({"state": "running", "guest": {"os": "linux", "guest_items": {"ready": "yes"}}})
    (row,) = rows(machine, "Msvm_KvpExchangeComponent")
    (item,) = (parse_embedded(text) for text in row["GuestExchangeItems"])
    assert (item.text("Name"), item.text("Data"), item.text("Source")) == ("ready", "yes", "1")
