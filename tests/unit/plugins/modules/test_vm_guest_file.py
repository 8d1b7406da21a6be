"""The vm_guest_file module: files into guests that have no network."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.nested.hyperv.tests.harness.checks import check_run
from ansible_collections.nested.hyperv.tests.harness.lab import Lab, open_lab
from ansible_collections.nested.hyperv.tests.simulator import Rule

ON = {"state": "running", "enabled_services": ["GuestServiceInterface"]}
HOST = {
    "name": "hv01",
    "folders": [r"C:\Files\sub"],
    "files": [{"path": r"C:\Files\app.zip", "content": "zip"}, {"path": r"C:\Files\big.bin", "size": "200GB"}],
    "vms": [
        {"name": "win01", **ON},
        {"name": "lin01", **ON, "guest": {"os": "linux"}},
        {"name": "shut01", "state": "running"},
        {"name": "deaf01", **ON, "guest": {"os": "linux", "file_copy": False}},
        {"name": "off01", "enabled_services": ["GuestServiceInterface"]},
    ],
}
MODEL = {"hosts": [HOST]}
SRC = r"C:\Files\app.zip"
FILE = {"vm": "win01", "src": SRC, "dest": r"C:\Windows\Temp\app.zip"}


def received(lab: Lab, vm: str = "win01") -> dict[str, bytes]:
    return {path: file.content for path, file in lab.vm(vm).guest.files.received.items()}


def test_a_file_is_copied_once(lab: Lab) -> None:
    result = lab.apply("vm_guest_file", once_more=False, **FILE)
    assert result["copied"] is True
    assert result["diff"] == {"before": {"dest": None}, "after": {"dest": FILE["dest"]}}
    assert received(lab) == {r"C:\Windows\Temp\app.zip": b"zip"}
    again = lab.succeeds("vm_guest_file", **FILE)
    assert (again["changed"], again["copied"], any(again["diff"].values())) == (False, False, False)


def test_overwriting_is_a_change_at_every_run(lab: Lab) -> None:
    for _turn in range(2):
        lab.apply("vm_guest_file", once_more=False, **FILE, overwrite=True)


def test_later_tasks_of_a_check_know_what_it_would_copy() -> None:
    with open_lab(MODEL) as lab, check_run():
        assert [lab.run("vm_guest_file", check=True, **FILE)["changed"] for _turn in range(2)] == [True, False]
        assert lab.run("vm_guest_file", check=True, **FILE, overwrite=True)["changed"] is True
        assert received(lab) == {}


def test_the_interface_is_enabled_if_the_task_may(lab: Lab) -> None:
    args = {**FILE, "vm": "shut01"}
    lab.refuses("vm_guest_file", "enable_service: ", "disabled", "enable_service: true", **args)
    result = lab.apply("vm_guest_file", once_more=False, **args, enable_service=True)
    assert result["diff"]["after"] == {"guest_service_interface": True, "dest": FILE["dest"]}
    assert received(lab, "shut01")
    assert lab.info("shut01", "integration_services")["integration_services"]["guest_service_interface"] is True


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (
            {"dest": r"C:\no\app.zip"},
            ["a folder of the destination does not exist", "create_parents: true", "0x80070003"],
        ),
        ({"vm": "lin01", "dest": "/no/app"}, ["Linux", "create_parents: true", "0x80004005"]),
        ({"src": r"C:\Files\big.bin"}, ["the disk of the guest is full", "0x80070070"]),
    ],
)
@pytest.mark.parametrize("locale", ["en-US", "de-DE"])
def test_errors_of_guests_in_words(args: dict[str, Any], words: list[str], locale: str) -> None:
    with open_lab({"hosts": [{**HOST, "locale": locale}]}) as lab:
        result = lab.fails("vm_guest_file", *words, **{**FILE, **args})
        assert result["hresult"] in words
        assert result["changed"] is False
        assert received(lab) == {}


def test_missing_folders_are_created_if_the_task_may(lab: Lab) -> None:
    lab.apply("vm_guest_file", once_more=False, vm="lin01", src=SRC, dest="/opt/lab/app", create_parents=True)
    assert received(lab, "lin01") == {"/opt/lab/app": b"zip"}


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({"src": r"C:\Files\none.zip"}, ["src: ", "does not exist on the host"]),
        ({"src": r"C:\Files\sub"}, ["src: ", "is a folder"]),
        ({"src": "app.zip"}, ["src: ", "not a full path"]),
        ({"dest": "app.zip"}, ["dest: ", "not a full path in the guest"]),
        ({"dest": "/" + "a" * 260}, ["dest: ", "260"]),
        ({"dest": "/" + "ä" * 140}, ["dest: ", "260"]),
        ({"vm": "off01"}, ["is off", "heartbeat"]),
        ({"vm": "none"}, ["vm: ", "no VM"]),
    ],
)
def test_refusals(shared_lab: Lab, args: dict[str, Any], words: list[str]) -> None:
    shared_lab.refuses("vm_guest_file", *words, **{**FILE, **args})


def test_a_guest_whose_service_does_not_answer(lab: Lab) -> None:
    args = {**FILE, "vm": "deaf01", "dest": "/tmp/app"}
    lab.fails("vm_guest_file", "did not answer within 60 s", "hv_fcopy_daemon", **args)


def test_a_copy_whose_answer_is_lost_is_not_repeated(lab: Lab) -> None:
    lab.sim.faults.add(Rule(do="lose", method="CopyFilesToGuest"))
    result = lab.fails("vm_guest_file", "may have been done", **FILE)
    assert result["uncertain"] == [rf"copy 'C:\Files\app.zip' to '{FILE['dest']}' in the guest of VM 'win01'"]
    assert lab.succeeds("vm_guest_file", **FILE)["copied"] is False
