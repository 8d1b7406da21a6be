# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Octets to a simulated Windows, old and new: complete and verified, or nothing of them, for few requests."""

from __future__ import annotations

import contextlib
import hashlib
import random
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.nested.hyperv.plugins.module_utils._task.errors import Invalid, MethodFailed, Refused
from ansible_collections.nested.hyperv.plugins.module_utils._task.journal import recording
from ansible_collections.nested.hyperv.plugins.module_utils._task.session import Target
from ansible_collections.nested.hyperv.plugins.module_utils._windows import file, upload
from ansible_collections.nested.hyperv.plugins.module_utils._wsman.client import ConnectionOptions, connect
from ansible_collections.nested.hyperv.plugins.module_utils._wsman.faults import HostError
from ansible_collections.nested.hyperv.tests.harness import changes
from ansible_collections.nested.hyperv.tests.harness.lab import Lab, open_lab
from ansible_collections.nested.hyperv.tests.simulator.wire.faultrules import Rule

PATH = r"C:\new\größe & co\seed.iso"
OLD = r"C:\data\old.iso"
SYSTEMS = {"2016, cmd": ("server2016", False), "2016": ("server2016", True), "2022": ("server2022", True)}
MEGABYTE = random.Random(11).randbytes(1 << 20)


def model(os: str, direct: bool, **more: Any) -> dict[str, Any]:
    files = [{"path": OLD, "content": "old"}, {"path": r"C:\data\used.iso", "content": "x", "in_use": True}]
    host = {"name": "hv01", "os": os, "hyperv": False, "files": files, "winrm": {"skip_cmd_shell": direct}, **more}
    return {"hosts": [host]}


@pytest.fixture(params=SYSTEMS)
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    with open_lab(model(*SYSTEMS[request.param])) as lab:
        yield lab


@contextlib.contextmanager
def connected(lab: Lab, **more: Any) -> Iterator[Target]:
    address = lab.sim.endpoints["hv01"]
    options = ConnectionOptions(address.http, "ntlm", address.user, address.password)
    target = Target("hv01", connect(options), **more)
    lab.sim.log.clear()
    try:
        yield target
    finally:
        target.client.close_shell()
        target.client.close()


@pytest.fixture
def target(lab: Lab) -> Iterator[Target]:
    with connected(lab) as target:
        yield target


def content(lab: Lab, path: str) -> bytes | None:
    found = lab.machine.files.get(path)
    return found.content if found else None


def leftovers(lab: Lab) -> list[str]:
    return [row.path for row in lab.machine.files if row.path.endswith((".part", ".old"))]


@pytest.mark.parametrize(
    "octets", [b"", b"x", b"\x00\x1a\r\n\xff" * 30, bytes(57), bytes(262_144), bytes(300_001)], ids=len
)
def test_octets_arrive_as_they_are(lab: Lab, target: Target, octets: bytes) -> None:
    upload.write(target, PATH, octets)
    assert content(lab, PATH) == octets
    assert leftovers(lab) == []


def test_a_megabyte_takes_few_requests(lab: Lab) -> None:
    with connected(lab) as target:
        upload.write(target, PATH, MEGABYTE)
    assert content(lab, PATH) == MEGABYTE
    requests = len(lab.requests)
    assert requests <= 40, [entry.action for entry in lab.requests]
    assert sum(entry.action == "Send" for entry in lab.requests) <= 6


def test_a_file_of_the_control_node_is_read_piece_by_piece(lab: Lab, target: Target, tmp_path: Path) -> None:
    (tmp_path / "seed.iso").write_bytes(MEGABYTE)
    upload.write(target, OLD, tmp_path / "seed.iso")
    assert content(lab, OLD) == MEGABYTE
    assert leftovers(lab) == []
    found = upload.Content.of(tmp_path / "seed.iso")
    (tmp_path / "seed.iso").write_bytes(b"shorter")
    with pytest.raises(Invalid, match="has changed while it was sent"):
        upload.write(target, OLD, found)
    assert content(lab, OLD) == MEGABYTE
    assert leftovers(lab) == []
    with pytest.raises(Invalid, match="can't be read on the control node"):
        upload.write(target, OLD, tmp_path / "none")


def test_a_file_in_use_stays_as_it_is(lab: Lab, target: Target) -> None:
    with recording() as writes, pytest.raises(MethodFailed, match="another program has it open"):
        upload.write(target, r"C:\data\used.iso", b"new")
    assert content(lab, r"C:\data\used.iso") == b"x"
    assert leftovers(lab) == []
    assert (writes.done, writes.uncertain) == ([], [])


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_drive_that_becomes_full_keeps_nothing(system: str) -> None:
    spec = model(*SYSTEMS[system], drives=[{"letter": "C", "size": "1GB", "used": f"{(1 << 30) - (700 << 10)}"}])
    with open_lab(spec) as lab, connected(lab) as target:
        before = lab.state()
        with recording() as writes, pytest.raises(MethodFailed, match="could not write"):
            upload.write(target, PATH, MEGABYTE)
        assert leftovers(lab) == []
        assert changes.difference(before, lab.state()) == {}
        assert (writes.done, writes.uncertain) == ([], [])


@pytest.mark.parametrize("do", ["drop", "lose"])
@pytest.mark.parametrize("path", [PATH, OLD])
@pytest.mark.parametrize("system", ["2016, cmd", "2022"])
def test_a_broken_connection_leaves_the_old_or_the_new_content(system: str, path: str, do: str) -> None:
    new = MEGABYTE[:600_000]
    for number in count(1):
        with open_lab(model(*SYSTEMS[system])) as lab, connected(lab) as target:
            before = content(lab, path)
            lab.sim.faults.add(Rule(do, at=number))
            try:
                upload.write(target, path, new)
            except HostError:
                aside = [content(lab, name) for name in leftovers(lab) if name.endswith(".old")]
                assert content(lab, path) in (before, new) or before in aside, f"request {number}"
            else:
                assert content(lab, path) == new, f"request {number}"
                assert leftovers(lab) == [], f"request {number}"
            assert [name for name in leftovers(lab) if name.endswith(".part")] == [], f"request {number}"
            if len(lab.requests) < number:
                break
    assert number > 20


def test_no_piece_is_sent_twice(lab: Lab, target: Target) -> None:
    """After a Send without an answer, another part is begun."""
    lab.sim.faults.add(Rule("lose", operation="Send", at=2))
    reports: list[str] = []
    with recording() as writes:
        upload.write(replace(target, report=reports.append), PATH, MEGABYTE)
    assert content(lab, PATH) == MEGABYTE
    assert leftovers(lab) == []
    assert writes.uncertain == []
    assert any("it is begun again" in line for line in reports)


def test_too_much_for_certutil() -> None:
    with open_lab(model("server2016", True)) as lab, connected(lab) as target:
        with pytest.raises(Refused, match=r"33 MB, and at most 32 MB .* build 14393.* SMB"):
            upload.write(target, PATH, bytes(33 << 20))
        assert leftovers(lab) == []


def test_check_mode_foresees_the_file(lab: Lab) -> None:
    with connected(lab, foresees=True) as target:
        upload.write(target, PATH, b"text")
        assert file.fetch(target, PATH)["checksum"] == hashlib.sha256(b"text").hexdigest()
        assert file.is_folder(target, r"C:\new")
        assert content(lab, PATH) is None
