# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""seed_iso: images for the first boot, compared by content, without a password anywhere else, and refused in time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.nested.hyperv.plugins.module_utils._seed import image
from ansible_collections.nested.hyperv.tests.harness.checks import Task, three_runs, unforeseen
from ansible_collections.nested.hyperv.tests.harness.lab import Lab, open_lab
from ansible_collections.nested.hyperv.tests.simulator.machine import iso

PASSWORD = "Correct-Horse-7"
PATH = r"C:\VMs\lab01\seed.iso"
WINDOWS = {"computer_name": "lab01", "administrator_password": PASSWORD}
LINUX = {"meta_data": {"instance-id": "l1"}, "user_data": {"password": PASSWORD, "ssh_pwauth": True}}
MODEL: dict[str, Any] = {
    "hosts": [
        {
            "name": "hv01",
            "locale": "de-DE",
            "files": [{"path": r"C:\ISO\server.iso", "size": "5GB"}],
            "vms": [
                {"name": "lab01", "dvd_drives": [{"empty": True}]},
                {"name": "web01", "state": "running", "dvd_drives": [{"empty": True}]},
            ],
        }
    ]
}


def named(*names: str) -> dict[str, Any]:
    return {"files": [{"name": name, "content": ""} for name in names]}


def disc(lab: Lab, path: str = PATH) -> iso.Iso:
    found = iso.read(lab.machine.files.need(path).content)
    assert found
    return found


def test_a_windows_seed(lab: Lab) -> None:
    result = lab.apply("seed_iso", path=PATH, windows=WINDOWS)
    assert result["seed"] == {"label": "UNATTEND", "files": ["Autounattend.xml", "Unattend.xml"]}
    assert result["diff"] == {"before": {"label": None, "files": None}, "after": result["seed"]}
    found = disc(lab)
    assert (found.label, found.type) == ("UNATTEND", "iso9660")
    assert found.in_windows["Autounattend.xml"] == found.in_windows["Unattend.xml"]
    assert b"<ComputerName>lab01</ComputerName>" in found.in_windows["Unattend.xml"]


def test_a_linux_seed(lab: Lab) -> None:
    config = "version: 2\nethernets: {}\n"
    lab.apply("seed_iso", path=PATH, cloud_init={**LINUX, "network_config": config, "vendor_data": ""})
    found = disc(lab)
    assert (found.label, found.type) == ("cidata", "iso9660")
    header, _line, data = found.in_linux["user-data"].decode().partition("\n")
    assert header == "#cloud-config"
    assert json.loads(data) == LINUX["user_data"]
    assert json.loads(found.in_linux["meta-data"]) == {"instance-id": "l1"}
    assert found.in_linux["network-config"].decode() == config
    assert found.in_linux["vendor-data"] == b""


def test_any_files(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(bytes(range(256)))
    files = [{"name": r"drivers\a.bin", "src": str(tmp_path / "a.bin")}, {"name": "empty.txt", "content": ""}]
    result = lab.apply("seed_iso", path=PATH, label="TOOLS", files=files)
    assert result["seed"] == {"label": "TOOLS", "files": ["drivers/a.bin", "empty.txt"]}
    assert disc(lab).in_windows == {"drivers/a.bin": bytes(range(256)), "empty.txt": b""}
    missing = lab.run("seed_iso", path=PATH, files=[{"name": "x", "src": "none.bin"}])
    assert "files.src: 'none.bin' does not exist on the control node" in missing["msg"]


def test_folders_of_an_image(lab: Lab) -> None:
    names = ["a/b/c", "a/b/d", "a/c", "b/a"]
    assert lab.apply("seed_iso", path=PATH, **named(*names))["seed"]["files"] == names


def test_a_change_is_seen_whatever_it_is(lab: Lab) -> None:
    lab.apply("seed_iso", path=PATH, windows=WINDOWS)
    other = {**WINDOWS, "administrator_password": "Battery-Staple-8"}
    result = lab.apply("seed_iso", path=PATH.upper().replace("ISO", "iso"), windows=other)
    assert result["diff"]["before"]["content"] == "different"
    assert result["diff"]["after"]["content"] == "as in the task"
    lab.apply("seed_iso", path=PATH, windows=other, label="OTHER")


def test_an_image_of_another_pycdlib_is_compared_by_its_content(lab: Lab) -> None:
    lab.apply("seed_iso", path=PATH, windows=WINDOWS)
    content = bytearray(lab.machine.files.need(PATH).content)
    content[32768 + 813 : 32768 + 830] = b"1999010100000000\0"  # the date of the volume
    lab.machine.files.write(PATH, bytes(content))
    lab.leaves_alone("seed_iso", path=PATH, windows=WINDOWS)
    lab.machine.files.write(PATH, b"damaged")
    lab.apply("seed_iso", path=PATH, windows=WINDOWS)


def test_no_password_leaves_the_image(lab: Lab) -> None:
    secret = [PASSWORD, "AdministratorPassword"]
    for check in (True, False, False):
        for args in ({"windows": WINDOWS}, {"cloud_init": LINUX}):
            result = lab.succeeds("seed_iso", check=check, path=PATH, **args)
            assert not [word for word in secret if word in json.dumps(result)]
            assert not [entry for entry in lab.requests for word in secret if word in str(entry)]


def test_removal(lab: Lab) -> None:
    lab.leaves_alone("seed_iso", path=PATH, state="absent")
    lab.apply("seed_iso", path=PATH, windows=WINDOWS)
    result = lab.apply("seed_iso", path=PATH, state="absent")
    assert result["seed"] is None
    assert lab.machine.files.get(PATH) is None
    assert not [path for path in map(str, lab.machine.files) if "part" in path]


@pytest.mark.parametrize("vm", ["lab01", "web01"])
def test_an_image_in_a_drive(lab: Lab, vm: str) -> None:
    lab.apply("seed_iso", path=PATH, windows=WINDOWS)
    lab.apply("vm_dvd_drive", vm=vm, path=PATH)
    lab.leaves_alone("seed_iso", path=PATH, windows=WINDOWS)
    lab.refuses("seed_iso", "path: ", f"in a DVD drive of VM '{vm}'", "vm_dvd_drive", path=PATH, state="absent")
    other = {**WINDOWS, "computer_name": "other"}
    if vm == "web01":
        lab.refuses("seed_iso", "path: ", "VM 'web01', which is not off", path=PATH, windows=other)
    else:
        lab.apply("seed_iso", path=PATH, windows=other)
    lab.apply("vm_dvd_drive", vm=vm, path="")
    lab.apply("seed_iso", path=PATH, state="absent")


def test_tasks_of_a_check_see_each_other() -> None:
    play = [
        {"path": PATH, "windows": WINDOWS},
        {"path": PATH, "windows": WINDOWS},
        {"vm": "lab01", "path": PATH},
        {"vm": "lab01", "path": PATH, "state": "absent"},
        {"path": PATH, "state": "absent"},
        {"path": PATH, "state": "absent"},
    ]
    modules = ["vm_dvd_drive" if "vm" in args else "seed_iso" for args in play]
    tasks = [Task(f"task {number}", modules[number], args) for number, args in enumerate(play)]
    assert unforeseen(three_runs(MODEL, tasks)) == {}


def test_a_megabyte_costs_few_requests(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(bytes(range(256)) * 4096)
    args: dict[str, Any] = {"path": PATH, "files": [{"name": "large", "src": str(tmp_path / "large")}]}
    lab.succeeds("seed_iso", **args)
    assert lab.cost() <= 40
    lab.leaves_alone("seed_iso", **args)
    assert lab.cost() <= 10


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({}, ("set at least one of windows, unattend, cloud_init, files",)),
        ({"path": r"C:\VMs\seed.img", "windows": WINDOWS}, ("path: ", ".iso")),
        ({"path": r"\\nas\x\seed.iso", "windows": WINDOWS}, ("path: ", "share")),
        ({"path": r"C:\ISO\server.iso", "windows": WINDOWS}, ("path: ", "5120 MB", "no seed")),
        ({"path": r"C:\ISO\server.iso", "state": "absent"}, ("path: ", "no seed")),
        ({"state": "absent", "windows": WINDOWS}, ("windows: ", "state: absent")),
        ({"windows": {**WINDOWS, "computer_name": "0815"}}, ("windows.computer_name: ", "not only digits")),
        ({"windows": {**WINDOWS, "administrator_password": "short"}}, ("windows.administrator_password: ",)),
        ({"windows": {**WINDOWS, "commands": ["x" * 260]}}, ("windows.commands: ", "259")),
        ({"windows": WINDOWS, "label": "seventeen-letters"}, ("label: ", "1 to 16")),
        ({"cloud_init": LINUX, "label": "config-2"}, ("label: ", "cidata")),
        ({"cloud_init": {**LINUX, "meta_data": {"local-hostname": "x"}}}, ("cloud_init.meta_data: ", "instance-id")),
        ({"cloud_init": {**LINUX, "meta_data": "hostname: x"}}, ("cloud_init.meta_data: ", "instance-id")),
        ({"cloud_init": {**LINUX, "user_data": ["x"]}}, ("cloud_init.user_data: ", "mapping or a text")),
        ({"cloud_init": {**LINUX, "user_data": "packages: []"}}, ("cloud_init.user_data: ", "#cloud-config")),
        ({"label": "cidata", "files": [{"name": "user-data", "content": ""}]}, ("files: ", "lack meta-data")),
        ({"label": "CIDATA", "files": [{"name": "x", "content": ""}]}, ("meta-data and user-data",)),
        ({"files": [{"name": "unattend.XML", "content": "<a>"}]}, ("files.content: ", "not well-formed")),
        ({"unattend": "<a><!-- -- --></a>"}, ("unattend: ", "not well-formed")),
        ({"files": [{"name": "a"}]}, ("files: ", "either 'content' or 'src'")),
        ({"files": [{"name": "a:b", "content": ""}]}, ("files.name: ", "a:b")),
        ({"files": [{"name": "a", "content": ""}, {"name": "A", "content": ""}]}, ("files: ", "twice")),
        (named("a", "a/b"), ("files: ", "'a' is a file, and the folder of 'a/b'")),
        (named("x/A/b/c", "X", "x/a"), ("files: ", "is a file, and the folder of")),
        (named("Dir/a", "dir/b"), ("files: ", "'Dir' and 'dir' are one folder")),
        (named("x/Dir/a", "x/dir/c/b"), ("files: ", "'x/Dir' and 'x/dir' are one folder")),
        (named("Dir/a", "dir/A"), ("files: ", "twice", "without case")),
        ({**named("Unattend.xml/a"), "windows": WINDOWS}, ("files: ", "is a file, and the folder of")),
        ({"windows": WINDOWS, "files": [{"name": "unattend.xml", "content": "<a/>"}]}, ("files.content: ",)),
    ],
)
def test_what_is_refused(lab: Lab, args: dict[str, Any], words: tuple[str, ...]) -> None:
    lab.refuses("seed_iso", *words, **{"path": PATH, **args})
    assert lab.machine.files.get(PATH) is None


def test_a_suspicious_answer_file_is_a_warning(lab: Lab) -> None:
    text = (
        '<unattend xmlns="urn:schemas-microsoft-com:unattend"><settings pass="windowsPE">'
        '<component name="Microsoft-Windows-Setup"><UserData><ProductKey/><AcceptEula/></UserData></component>'
        "</settings></unattend>"
    )
    result = lab.succeeds("seed_iso", path=PATH, unattend=text)
    assert "UserData" in result["warnings"][0]


def test_a_full_disk_leaves_nothing() -> None:
    model = {"hosts": [{"name": "hv01", "drives": [{"letter": "C", "size": "60KB"}]}]}
    with open_lab(model) as lab:
        lab.fails("seed_iso", "could not create the seed", path=PATH, windows=WINDOWS)
        assert not [file.path for file in lab.machine.files if "seed" in file.path]


def test_the_image_is_larger_than_what_check_mode_remembers() -> None:
    assert len(image.build("X", {"a": b"secret"})) > 64 << 10, "predictions of a check hold small texts, and no image"
