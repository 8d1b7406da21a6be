# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""guest_file: content from a text or the control node, checksums, folders, reading, and what is refused."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.nested.hyperv.plugins.module_utils._task.step import Step
from ansible_collections.nested.hyperv.plugins.module_utils._windows import file_plan
from ansible_collections.nested.hyperv.plugins.module_utils._windows.upload import old_of
from ansible_collections.nested.hyperv.tests.harness.checks import Task, three_runs, unforeseen
from ansible_collections.nested.hyperv.tests.harness.lab import Lab, open_lab

FILES = [
    {"path": r"C:\app\old.txt", "content": "old"},
    {"path": r"C:\app\utf16.txt", "content": "placeholder"},
    {"path": r"C:\one\only.txt", "content": "1"},
    {"path": r"C:\app\locked.txt", "content": "x", "read_only": True},
]
MODEL: dict[str, Any] = {
    "hosts": [{"name": "hv01", "hyperv": False, "locale": "de-DE", "files": FILES, "folders": [r"C:\empty"]}]
}
NEW = r"C:\app\sub folder\new & better.txt"


def checksum(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def content(lab: Lab, path: str) -> bytes:
    return lab.machine.files.need(path).content


def test_a_text_is_written_as_it_is(lab: Lab) -> None:
    result = lab.apply("guest_file", path=NEW.replace("\\", "/"), content="größe\r\n%PATH%\n")
    assert content(lab, NEW) == "größe\r\n%PATH%\n".encode()
    assert result["path"] == NEW
    assert result["file"] == {"size": 16, "checksum": checksum("größe\r\n%PATH%\n".encode())}
    assert result["diff"]["before"] == {"size": None, "checksum": None}
    lab.apply("guest_file", path=NEW.upper(), content="")
    assert content(lab, NEW) == b""


def test_a_file_of_the_control_node(lab: Lab, tmp_path: Path) -> None:
    data = bytes(range(256)) * 4000
    (tmp_path / "tool.bin").write_bytes(data)
    args = {"path": r"C:\app\tool.bin", "src": str(tmp_path / "tool.bin")}
    refused = lab.refuses("guest_file", "checksum: ", "nothing was written", **args, checksum="0" * 64)
    assert refused["option"] == "checksum"
    lab.apply("guest_file", **args, checksum=checksum(data).upper())
    assert content(lab, r"C:\app\tool.bin") == data
    requests = lab.cost()
    assert requests < 12, "an unchanged file costs a checksum"


def test_a_file_that_the_control_node_does_not_have(lab: Lab) -> None:
    result = lab.run("guest_file", path=r"C:\app\x", src="none.bin")
    assert result["failed"] is True
    assert "src: 'none.bin' does not exist on the control node" in result["msg"]


def test_too_large_a_file(lab: Lab, tmp_path: Path) -> None:
    with (tmp_path / "large.bin").open("wb") as file:
        file.truncate(33 << 20)
    lab.refuses("guest_file", "src: ", "at most 32 MB", path=r"C:\x", src=str(tmp_path / "large.bin"))


def test_reading(lab: Lab) -> None:
    assert lab.leaves_alone("guest_file", path=r"C:\app\old.txt", fetch=True)["content"] == "old"
    lab.machine.files.write(r"C:\app\utf16.txt", "ä".encode("utf-16"))
    assert lab.leaves_alone("guest_file", path=r"C:\app\utf16.txt", fetch=True)["content"] == "ä"
    lab.machine.files.write(r"C:\app\utf16.txt", b"\xff\x80")
    lab.fails("guest_file", "is not a text", path=r"C:\app\utf16.txt", fetch=True)
    assert lab.apply("guest_file", path=r"C:\app\old.txt", content="new", fetch=True)["content"] == "new"


def test_an_existing_file_is_checked(lab: Lab) -> None:
    lab.leaves_alone("guest_file", path=r"C:\app\old.txt", checksum=checksum(b"old"))
    lab.refuses("guest_file", "checksum: ", "has the checksum", path=r"C:\app\old.txt", checksum="0" * 64)
    refused = lab.refuses("guest_file", "path: ", "does not exist", path=r"C:\app\none.txt")
    assert refused["kind"] == "no_file"


def test_folders(lab: Lab) -> None:
    lab.apply("guest_file", path=r"C:\a\b\c d", state="directory")
    assert lab.machine.files.has_folder(r"C:\a\b\c d")
    lab.refuses("guest_file", "is a folder", path=r"C:\a\b", content="x")
    lab.refuses("guest_file", "is a file", path=r"C:\app\old.txt", state="directory")
    assert lab.refuses("guest_file", "not empty", path=r"C:\a\b", state="absent")["kind"] == "not_empty"
    lab.apply("guest_file", path=r"C:\a\b\c d", state="absent")
    assert not lab.machine.files.has_folder(r"C:\a\b\c d")


def test_a_file_that_comes_into_an_empty_folder_is_kept(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.apply("guest_file", path=r"C:\a\b", state="directory")
    plan = file_plan.plan

    def plan_slowly(*arguments: Any) -> list[Step]:
        steps = plan(*arguments)
        lab.machine.files.write(r"C:\a\b\theirs.txt", b"kept")
        return steps

    monkeypatch.setattr(file_plan, "plan", plan_slowly)
    result = lab.fails("guest_file", r"could not remove the folder 'C:\a\b'", path=r"C:\a\b", state="absent")
    assert result["changed"] is False
    assert lab.machine.files.get(r"C:\a\b\theirs.txt")


def test_what_an_interrupted_task_has_left_is_deleted_with_the_file(lab: Lab) -> None:
    lab.machine.files.write(old_of(r"C:\app\old.txt"), b"older")
    lab.apply("guest_file", path=r"C:\app\old.txt", state="absent")
    assert [file.path for file in lab.machine.files if file.path.startswith(r"C:\app\old.txt")] == []


def test_deleting(lab: Lab) -> None:
    lab.apply("guest_file", path=r"C:\app\OLD.txt", state="absent")
    assert lab.machine.files.get(r"C:\app\old.txt") is None
    result = lab.fails("guest_file", "access is denied", path=r"C:\app\locked.txt", state="absent")
    assert result["changed"] is False


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({"path": r"\\nas\x\y", "content": "x"}, ("path: ", "is on a share")),
        ({"path": "x", "content": "x"}, ("path: ", "not a full path")),
        ({"path": r"C:\x", "state": "absent", "content": "x"}, ("content: ", "state: absent")),
        ({"path": r"C:\x", "content": "x", "checksum": "1234"}, ("checksum: ", "64 hexadecimal digits")),
    ],
)
def test_what_can_not_be(lab: Lab, args: dict[str, Any], words: tuple[str, ...]) -> None:
    lab.refuses("guest_file", *words, **args)


def test_tasks_of_a_check_see_each_other() -> None:
    play = [
        {"path": r"C:\new\x.json", "content": "{}"},
        {"path": r"C:\new\x.json", "fetch": True},
        {"path": r"C:\new", "state": "directory"},
        {"path": r"C:\new", "state": "absent"},
        {"path": r"C:\new\x.json", "state": "absent"},
        {"path": r"C:\new\x.json"},
        {"path": r"C:\new", "state": "absent"},
        {"path": r"C:\new", "state": "absent"},
        {"path": r"C:\one", "state": "absent"},
        {"path": r"C:\one\only.txt", "state": "absent"},
        {"path": r"C:\one", "state": "absent"},
        {"path": r"C:\app\old.txt", "state": "absent"},
        {"path": r"C:\app\old.txt", "content": "old"},
    ]
    tasks = [Task(str(number), "guest_file", args) for number, args in enumerate(play)]
    assert unforeseen(three_runs(MODEL, tasks)) == {}


def test_a_host_that_hands_lines_to_no_shell() -> None:
    model = {"hosts": [{**MODEL["hosts"][0], "winrm": {"skip_cmd_shell": True}}]}
    with open_lab(model) as lab:
        lab.apply("guest_file", path=NEW, content="x", fetch=True)


# ---- Windows without tar.exe ----


@pytest.mark.parametrize("skip_cmd_shell", [False, True], ids=["cmd", "direct"])
def test_files_and_folders_of_an_old_windows(skip_cmd_shell: bool) -> None:
    """What the roles record on a Hyper-V host of Windows Server 2016."""
    model = {"name": "hv01", "os": "server2016", "locale": "de-DE", "winrm": {"skip_cmd_shell": skip_cmd_shell}}
    path = r"C:\ProgramData\nested.hyperv\wsl2_in_vm\1 & 2 (x).json"
    with open_lab({"hosts": [model]}) as lab:
        missing = lab.fails("guest_file", "does not exist", path=path, fetch=True)
        assert missing["changed"] is False
        lab.apply("guest_file", path=path, content='{"name": "web"}')
        assert lab.succeeds("guest_file", path=path, fetch=True)["content"] == '{"name": "web"}'
        assert not lab.writes
        lab.apply("guest_file", path=path, state="absent")
        lab.apply("guest_file", path=r"C:\new folder\(deep) & wide", state="directory")
        lab.refuses("guest_file", "a folder with % in its name", path=r"C:\new\50%", state="directory")
