# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of a simulated Windows: octets as they are, complete or not at all."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.nested.hyperv.plugins.module_utils._task.errors import Invalid, MethodFailed, Missing, Refused
from ansible_collections.nested.hyperv.plugins.module_utils._task.session import Target
from ansible_collections.nested.hyperv.plugins.module_utils._windows import file, upload
from ansible_collections.nested.hyperv.plugins.module_utils._windows import folder as folder_of_windows
from ansible_collections.nested.hyperv.plugins.module_utils._wsman.client import ConnectionOptions, connect
from ansible_collections.nested.hyperv.plugins.module_utils._wsman.faults import HostError
from ansible_collections.nested.hyperv.tests.harness.lab import Lab, open_lab
from ansible_collections.nested.hyperv.tests.simulator.wire.faultrules import Rule

PATH = r"C:\ProgramData\my app\größe & co\config.json"
OLD = r"C:\data\old.txt"
FILES = [
    {"path": OLD, "content": "old"},
    {"path": r"C:\data\empty.txt", "content": ""},
    {"path": r"C:\data\used.txt", "content": "x", "in_use": True},
]


@pytest.fixture(params=[False, True], ids=["cmd", "direct"])
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """A German guest that hands lines to cmd.exe, and an English one that doesn't."""
    locale = "en-US" if request.param else "de-DE"
    host = {"name": "hv01", "hyperv": False, "locale": locale, "files": FILES}
    with open_lab({"hosts": [{**host, "winrm": {"skip_cmd_shell": request.param}}]}) as lab:
        yield lab


def connected(lab: Lab, **more: Any) -> Target:
    address = lab.sim.endpoints["hv01"]
    return Target("hv01", connect(ConnectionOptions(address.http, "ntlm", address.user, address.password)), **more)


@pytest.fixture
def target(lab: Lab) -> Iterator[Target]:
    target = connected(lab)
    yield target
    target.client.close_shell()
    target.client.close()


def content(lab: Lab, path: str) -> bytes | None:
    found = lab.machine.files.get(path)
    return found.content if found else None


def leftovers(lab: Lab) -> list[str]:
    return [row.path for row in lab.machine.files if row.path.endswith((".part", ".old"))]


@pytest.mark.parametrize("data", [b"", b"\x00\x1a\r\n\xff" * 3, "größe\n".encode(), b"\xef\xbb\xbfx", b"ab" * 600_000])
def test_octets_arrive_as_they_are(lab: Lab, target: Target, data: bytes) -> None:
    assert file.fetch(target, PATH) is None
    upload.write(target, PATH, data)
    assert content(lab, PATH) == data
    assert file.fetch(target, PATH) == {"size": len(data), "checksum": hashlib.sha256(data).hexdigest()}
    assert file.read(target, PATH) == data
    assert leftovers(lab) == []


def test_a_file_is_replaced(lab: Lab, target: Target) -> None:
    upload.write(target, OLD, b"new")
    assert content(lab, OLD) == b"new"
    assert leftovers(lab) == []


def test_a_file_in_use_stays_as_it_is(lab: Lab, target: Target) -> None:
    with pytest.raises(MethodFailed, match="another program has it open"):
        upload.write(target, r"C:\data\used.txt", b"new")
    assert content(lab, r"C:\data\used.txt") == b"x"
    assert leftovers(lab) == []


def test_what_does_not_exist_can_not_be_read(target: Target) -> None:
    with pytest.raises(Missing, match=r"'C:\\none.txt' does not exist on hv01"):
        file.read(target, r"C:\none.txt")
    with pytest.raises(Refused, match="more than the 2 that can be read"):
        file.read(target, OLD, most=2)


def test_folders(lab: Lab, target: Target) -> None:
    folder = r"C:\a b\c & d"
    assert not file.is_folder(target, folder)
    folder_of_windows.make(target, folder)
    assert file.is_folder(target, folder)
    assert file.is_empty(target, folder)
    upload.write(target, rf"{folder}\x.txt", b"1")
    assert not file.is_empty(target, folder)
    file.delete(target, rf"{folder}\x.txt")
    file.delete_folder(target, folder)
    assert not file.is_folder(target, folder)


@pytest.mark.parametrize("path", [r"\\nas\share\x.txt", "x.txt", r"C:\a<b", r"\\.\pipe\x"])
def test_paths_that_are_refused(path: str) -> None:
    with pytest.raises(Invalid):
        file.check_path(path)


def test_check_mode_foresees_files(lab: Lab) -> None:
    target = connected(lab, foresees=True)
    upload.write(target, PATH, b"text")
    file.delete(target, OLD)
    assert file.fetch(target, PATH)["size"] == 4
    assert file.read(target, PATH) == b"text"
    assert file.is_folder(target, r"C:\ProgramData\my app")
    assert file.fetch(target, OLD) is None
    assert content(lab, PATH) is None
    assert content(lab, OLD) == b"old"
    assert target.foreseen["file c:\\data\\old.txt"] is None


@pytest.mark.parametrize("action", ["Create", "Command", "Send", "Receive", "Signal", "Rename", "Delete"])
@pytest.mark.parametrize("do", ["drop", "lose"])
@pytest.mark.parametrize("path", [PATH, OLD])
def test_a_broken_connection_leaves_the_old_or_the_new_content(
    lab: Lab, target: Target, path: str, action: str, do: str
) -> None:
    before = content(lab, path)
    is_method = action in ("Rename", "Delete")
    lab.sim.faults.add(Rule(do, method=action) if is_method else Rule(do, operation=action))
    try:
        upload.write(target, path, b"new content")
    except HostError:
        aside = [content(lab, name) for name in leftovers(lab)]
        assert content(lab, path) in (before, b"new content") or before in aside
    else:
        assert content(lab, path) == b"new content"
    assert file.fetch(replace(target, _answers={}), r"C:\data\empty.txt")["size"] == 0


OLD_FILES = [
    {"path": r"C:\data\a (1) & b.txt", "content": '{"a": "\\u00e4"}\r\n'},
    {"path": r"C:\data\none.txt", "content": ""},
    {"path": r"C:\data\100%.txt", "content": "x"},
    {"path": r"C:\data\code.bin", "content": b"before\x1aafter"},
    {"path": r"C:\data\utf16.txt", "content": "text".encode("utf-16")},
]


@pytest.mark.parametrize("skip_cmd_shell", [False, True], ids=["cmd", "direct"])
def test_an_old_windows_has_no_tar_to_read_with(skip_cmd_shell: bool) -> None:
    """Plain texts can be read nevertheless, and nothing else is returned with other octets."""
    model = {"name": "hv01", "os": "server2016", "hyperv": False, "winrm": {"skip_cmd_shell": skip_cmd_shell}}
    with open_lab({"hosts": [{**model, "files": OLD_FILES}]}) as lab:
        target = connected(lab)
        assert file.read(target, r"C:\data\a (1) & b.txt") == b'{"a": "\\u00e4"}\r\n'
        assert file.read(target, r"C:\data\none.txt") == b""
        for name, why in (
            ("code.bin", "no plain text"),
            ("utf16.txt", "no plain text"),
            ("100%.txt", "because of the %"),
        ):
            with pytest.raises(Refused, match=f"without tar.exe.*{why}"):
                file.read(target, rf"C:\data\{name}")
