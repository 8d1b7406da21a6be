# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""host_image: every source, checksums and their record, archives, removal, and what is refused or fails."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.nested.hyperv.tests.harness import changes, task
from ansible_collections.nested.hyperv.tests.harness.checks import Task, three_runs, unforeseen
from ansible_collections.nested.hyperv.tests.harness.lab import Lab, open_lab
from ansible_collections.nested.hyperv.tests.simulator.machine.contents import octets
from ansible_collections.nested.hyperv.tests.simulator.wire.faultrules import Rule

DISK = octets({"disk": {"size": "40GB"}})
ZIP = {"zip": {"images/server.vhdx": {"disk": {"size": "40GB"}}, "readme.txt": "read"}}
TWO = {"zip": {"a.vhdx": {"disk": {}}, "b.vhdx": {"disk": {"size": "10GB"}}}}
WEB = "https://files.example.com"
SIGNED = "?sv=2025-01-05&sig=S3cretSignature%3D"
URL, ISO = f"{WEB}/server.vhdx", f"{WEB}/setup.iso"
PATH = r"D:\Images\new\server.vhdx"
SIGNED_ANSWERS: dict[str, Any] = {
    "server.vhdx": DISK,
    "two.zip": {"content": TWO},
    "page.vhdx": "<html>",
    "none.vhdx": {"status": 404},
    "slow.vhdx": {"content": DISK, "seconds": 60},
}
HOST: dict[str, Any] = {
    "name": "hv01",
    "drives": [{"letter": "C", "size": "1TB"}, {"letter": "D", "size": "1TB"}],
    "web": {
        URL: DISK,
        ISO: "iso" * 100,
        f"{WEB}/server.zip": {"content": ZIP},
        f"{WEB}/two.zip": {"content": TWO},
        f"{WEB}/page.vhdx": "<html>",
        f"{WEB}/inside.vhdx": {"content": DISK, "proxy": "http://proxy.example.com:3128"},
        f"{WEB}/none.vhdx": {"status": 404},
        **{f"{WEB}/{name}{SIGNED}": answer for name, answer in SIGNED_ANSWERS.items()},
        f"{WEB}/slow.vhdx": {"content": DISK, "seconds": 60},
        "https://down.example.com/x.vhdx": {"fails": "connect"},
        "http://files.example.com/server.vhdx": DISK,
    },
    "files": [
        {"path": r"D:\Images\golden.vhdx", "content": {"disk": {"size": "20GB"}}},
        {"path": r"D:\Images\used.vhdx", "size": "40GB"},
        {"path": r"D:\Images\base.vhdx", "size": "40GB"},
        {"path": r"D:\ISO\used.iso", "content": "used"},
        {"path": r"D:\Images\packed.vhdx", "content": {"disk": {}}, "attributes": ["compressed"]},
        {"path": r"D:\Images\sparse.vhdx", "content": {"disk": {}}, "attributes": ["sparse"]},
        {"path": r"\\nas\images\server.vhdx", "content": {"disk": {"size": "40GB"}}},
    ],
    "folders": [{"path": r"D:\packed", "attributes": ["compressed"]}],
    "vms": [
        {"name": "web01", "disks": [{"path": r"D:\Images\used.vhdx"}], "dvd_drives": [{"path": r"D:\ISO\used.iso"}]},
        {"name": "lab01", "disks": [{"path": r"D:\VMs\lab.vhdx", "parent": r"D:\Images\base.vhdx"}]},
    ],
}


def sha(data: bytes, algorithm: str = "sha256") -> str:
    return f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}"


SUM = sha(DISK)


@pytest.fixture
def lab() -> Iterator[Lab]:
    with open_lab({"hosts": [HOST]}) as lab:
        yield lab


def content(lab: Lab, path: str) -> bytes | None:
    found = lab.machine.files.get(path)
    return found.content if found else None


def keeps_all(lab: Lab, *words: str, **args: Any) -> dict[str, Any]:
    """The result of a task that fails on its way, and leaves the host as it was, parts and folders included."""
    before = lab.state()
    result = lab.fails("host_image", *words, **args)
    assert changes.difference(before, lab.state()) == {}
    assert result["changed"] is False
    return result


# ---- where images come from ----


@pytest.mark.parametrize("checksum", [SUM, SUM.upper().replace("SHA256", "sha256"), sha(DISK, "sha1"), None])
def test_a_host_downloads_an_image(lab: Lab, checksum: str | None) -> None:
    args = {"path": PATH, "source": URL, **({"checksum": checksum} if checksum else {})}
    result = lab.apply("host_image", **args)
    assert content(lab, PATH) == DISK
    assert (result["file_size"], result["checksum"]) == (len(DISK), checksum and checksum.lower())
    assert result["diff"]["before"] == {"images": {}, "folders": {}}
    assert not any(row.path.endswith(".part") for row in lab.machine.files)


def test_a_second_run_computes_no_checksum(lab: Lab) -> None:
    args = {"path": PATH, "source": URL, "checksum": SUM}
    lab.succeeds("host_image", **args)
    lab.leaves_alone("host_image", **args)
    assert len(lab.requests) == 2, "the file, and the record"
    lab.sim.advance(1)
    lab.machine.files.write(PATH, octets({"disk": {"size": "41GB"}}))
    lab.refuses("host_image", "has the checksum", "force: true", **args)


def test_no_octet_of_a_download_passes_the_control_node(lab: Lab) -> None:
    lab.succeeds("host_image", path=r"D:\ISO\setup.iso", source=ISO)
    assert all(entry.bytes_in < 6000 for entry in lab.requests)
    assert not [entry for entry in lab.requests if entry.action == "Send" and entry.bytes_in > 5000]


def test_a_proxy(lab: Lab) -> None:
    args = {"path": PATH, "source": f"{WEB}/inside.vhdx"}
    result = lab.refuses("host_image", "source: ", "the server can't be reached", "exit code 7", **args)
    assert (result["program"], result["code"]) == ("curl.exe", 7)
    lab.apply("host_image", **args, proxy="http://proxy.example.com:3128")


def test_a_long_download_reports_its_progress(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    lab.succeeds("host_image", path=PATH, source=f"{WEB}/slow.vhdx")
    assert "%" in "".join(capsys.readouterr())


def test_a_query_is_in_no_output(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    result = lab.succeeds("host_image", path=PATH, source=f"{WEB}/slow.vhdx{SIGNED}", checksum=SUM)
    said = "".join(capsys.readouterr())
    assert f"download {WEB}/slow.vhdx to '{PATH}'" in said
    assert "S3cret" not in said + repr(result)
    assert result["diff"]["after"]["images"][PATH]["source"] == f"{WEB}/slow.vhdx"


@pytest.mark.parametrize(
    ("source", "more"),
    [
        (f"{WEB}/two.zip{SIGNED}", {"unpack": True}),
        (f"{WEB}/page.vhdx{SIGNED}", {}),
        (f"{WEB}/none.vhdx{SIGNED}", {}),
        (f"{WEB}/server.vhdx{SIGNED}", {"checksum": "sha256:" + "0" * 64}),
        (f"https://nowhere.example.com/x.vhdx{SIGNED}", {}),
        (f"ftp://files.example.com/x.vhdx{SIGNED}", {}),
        (f"{WEB}/a b.vhdx{SIGNED}", {}),
        ("ftp://user:S3cret@files.example.com/x.vhdx", {}),
        (URL, {"path": f"{WEB}/server.vhdx{SIGNED}"}),
        (URL, {"proxy": "http://user:S3cret@proxy.example.com:3128"}),
    ],
)
def test_no_secret_of_a_url_is_in_a_failure(
    lab: Lab, capsys: pytest.CaptureFixture[str], source: str, more: dict[str, Any]
) -> None:
    result = keeps_all(lab, **{"path": PATH, "source": source, **more})
    assert "S3cret" not in repr(result) + "".join(capsys.readouterr())


def test_no_secret_of_a_url_is_in_the_search_for_a_file(lab: Lab) -> None:
    result = lab.run("host_image", path=PATH, src=f"{URL}{SIGNED}")
    assert f"src: '{URL}' does not exist on the control node" in result["msg"]
    assert "S3cret" not in repr(result)


def test_no_log_hides_the_progress(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    args = {"path": PATH, "source": f"{WEB}/slow.vhdx"}
    assert task.run_task(lab.host, lab.variables, "host_image", args, no_log=True)["changed"]
    assert "".join(capsys.readouterr()) == ""


def test_an_image_is_copied_on_the_host(lab: Lab) -> None:
    lab.apply("host_image", path=PATH, source=r"d:/images/GOLDEN.vhdx")
    assert content(lab, PATH) == content(lab, r"D:\Images\golden.vhdx")
    lab.apply("host_image", path=r"D:\Images\second.vhdx", source=r"D:\Images\base.vhdx")
    lab.refuses("host_image", "there is no file", path=r"D:\x.vhdx", source=r"D:\none.vhdx")


def test_a_share_needs_delegated_credentials(lab: Lab) -> None:
    keeps_all(lab, "CredSSP", "Access is denied", path=PATH, source=r"\\nas\images\server.vhdx")
    with open_lab({"hosts": [{**HOST, "reaches_shares": True}]}) as other:
        other.succeeds("host_image", path=PATH, source=r"\\nas\images\server.vhdx", checksum=SUM)
        assert content(other, PATH) == DISK


@pytest.mark.parametrize("os", ["server2016", "server2022"])
def test_an_image_is_sent(os: str, tmp_path: Path) -> None:
    (tmp_path / "seed.iso").write_bytes(b"seed" * 100_000)
    with open_lab({"hosts": [{**HOST, "os": os}]}) as lab:
        args = {"path": r"D:\ISO\seed.iso", "src": str(tmp_path / "seed.iso")}
        lab.apply("host_image", **args)
        assert content(lab, r"D:\ISO\seed.iso") == b"seed" * 100_000
        (tmp_path / "seed.iso").write_bytes(b"another seed")
        lab.refuses("host_image", "has the checksum", **args)
        lab.apply("host_image", **args, force=True)
        assert content(lab, r"D:\ISO\seed.iso") == b"another seed"
        assert not any(row.path.endswith((".part", ".old")) for row in lab.machine.files)


def test_an_archive_is_unpacked(lab: Lab) -> None:
    args = {"path": PATH, "source": f"{WEB}/server.zip", "checksum": sha(octets(ZIP))}
    lab.succeeds("host_image", **args)
    assert content(lab, PATH) == DISK
    lab.leaves_alone("host_image", **args)
    assert not any(".part" in path for path in lab.state())
    lab.refuses("host_image", "is not known to be from this archive", **{**args, "checksum": sha(b"newer")})
    keeps_all(lab, "member: ", "a.vhdx, b.vhdx", path=r"D:\b.vhdx", source=f"{WEB}/two.zip")
    keeps_all(lab, "no file 'c.vhdx'", path=r"D:\b.vhdx", source=f"{WEB}/two.zip", member="c.vhdx")
    lab.succeeds("host_image", path=r"D:\b.vhdx", source=f"{WEB}/two.zip", member="b.vhdx")
    keeps_all(lab, "tar.exe", path=r"D:\c.vhdx", source=URL, unpack=True)


def test_an_existing_image_is_recorded_once(lab: Lab) -> None:
    golden = sha(content(lab, r"D:\Images\golden.vhdx"))
    args = {"path": r"D:\Images\golden.vhdx", "source": URL, "checksum": golden}
    result = lab.apply("host_image", **args)
    assert result["diff"]["after"] == {"images": {r"D:\Images\golden.vhdx": {"recorded": golden}}}
    lab.leaves_alone("host_image", path=r"D:\Images\golden.vhdx", source=URL)
    lab.leaves_alone("host_image", path=r"D:\Images\golden.vhdx")
    lab.refuses("host_image", "source: ", "there is no file", path=r"D:\Images\none.vhdx")


# ---- removal ----


def test_an_image_is_deleted(lab: Lab) -> None:
    lab.apply("host_image", path=r"D:\Images\golden.vhdx", state="absent")
    assert content(lab, r"D:\Images\golden.vhdx") is None
    for path, words in {
        r"D:\Images\used.vhdx": ("VM 'web01'",),
        r"D:\Images\base.vhdx": ("VM 'lab01'", "as a parent of"),
        r"D:\ISO\used.iso": ("VM 'web01'", "DVD drive"),
    }.items():
        lab.refuses("host_image", *words, path=path, state="absent")
    lab.refuses("host_image", "VM 'web01'", path=r"D:\ISO\used.iso", source=ISO, checksum=SUM, force=True)


# ---- what goes wrong ----


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({"source": URL, "checksum": sha(b"other")}, ("checksum: ", "Nothing was kept")),
        ({"source": f"{WEB}/none.vhdx"}, ("such as 404", "exit code 22")),
        ({"source": f"{WEB}/page.vhdx"}, ("source: ", "no virtual disk that the host can read")),
        ({"source": f"{WEB}/slow.vhdx", "transfer_timeout": 10}, ("did not end within 10 s", "transfer_timeout")),
    ],
)
def test_nothing_is_visible_of_a_bad_image(lab: Lab, args: dict[str, Any], words: tuple[str, ...]) -> None:
    keeps_all(lab, *words, path=PATH, **args)


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({"path": r"D:\x.qcow2", "source": URL}, ("path: ", ".vhdx, .vhd or .iso")),
        ({"path": r"\\nas\x\y.vhdx", "source": URL}, ("path: ", "is on a share")),
        ({"path": PATH, "source": f"{WEB}/x.qcow2"}, ("source: ", "qemu-img convert -O vhdx")),
        ({"path": PATH, "source": f"{WEB}/x.vhd"}, ("source: ", "differ in their format")),
        ({"path": PATH, "source": f"{WEB}/x.vhdx.xz"}, ("source: ", "compressed without an archive")),
        ({"path": PATH, "source": PATH.lower()}, ("source: ", "is the image itself")),
        ({"path": PATH, "source": "http://files.example.com/server.vhdx"}, ("checksum: ", "is required")),
        ({"path": PATH, "source": URL, "checksum": "sha256:12"}, ("checksum: ", "64 hexadecimal digits")),
        ({"path": PATH, "source": URL, "proxy": "http://u:p@proxy"}, ("proxy: ", "without credentials")),
        ({"path": PATH, "source": URL, "member": "x"}, ("member: ", "unpack: true")),
        ({"path": PATH, "source": ""}, ("source: ", "is empty")),
        ({"path": r"E:\x.vhdx", "source": URL}, ("path: ", "no drive E:")),
        ({"path": r"D:\packed\x.vhdx", "source": URL}, ("path: ", "compressed by NTFS", "0xC03A001A")),
        ({"path": r"D:\Images\packed.vhdx", "source": URL}, ("path: ", "compressed by NTFS", "0xC03A001A")),
        ({"path": PATH, "source": "https://down.example.com/x.vhdx"}, ("source: ", "can't be reached", "exit code 7")),
        ({"path": PATH, "source": "https://nowhere.example.com/x.vhdx"}, ("name of the server", "exit code 6")),
    ],
)
def test_what_is_refused_before_anything_is_written(lab: Lab, args: dict[str, Any], words: tuple[str, ...]) -> None:
    lab.refuses("host_image", *words, **args)


def test_a_drive_that_is_too_small(tmp_path: Path) -> None:
    drives = [{"letter": "C", "size": "1TB"}, {"letter": "D", "size": "1GB", "used": str((1 << 30) - 100)}]
    host = {key: value for key, value in HOST.items() if key not in ("vms", "files", "folders")}
    with open_lab({"hosts": [{**host, "drives": drives, "folders": [r"D:\Images"]}]}) as lab:
        lab.refuses("host_image", "does not fit", path=r"D:\Images\x.iso", source=ISO)
        # The archive fits, and what is in it doesn't.
        lab.machine.files.drives["d"].used -= len(octets(ZIP)) - 80
        keeps_all(lab, "could not download", path=r"D:\Images\x.vhdx", source=f"{WEB}/server.zip")


def test_an_old_host_has_neither_curl_nor_tar() -> None:
    with open_lab({"hosts": [{**HOST, "os": "server2016"}]}) as lab:
        lab.refuses("host_image", "source: ", "build 14393", "set its path", path=PATH, source=URL)
        lab.refuses("host_image", "source: ", "an archive", path=PATH, source=r"D:\x.zip")
        lab.apply("host_image", path=PATH, source=r"D:\Images\golden.vhdx")


def test_an_interrupted_download_is_cleaned_up_by_the_next_run(lab: Lab) -> None:
    part = rf"{PATH}.0a1b2c3d.part"
    lab.machine.files.write(part, b"half")
    lab.machine.files.make_folder(rf"{PATH}.0a1b2c3d.d.part")
    lab.machine.files.write(rf"{PATH}.mine.part", b"kept")
    lab.succeeds("host_image", path=PATH, source=URL)
    assert content(lab, part) is None
    assert content(lab, rf"{PATH}.mine.part") == b"kept"
    assert not lab.machine.files.has_folder(rf"{PATH}.0a1b2c3d.d.part")


@pytest.mark.parametrize("operation", ["Command", "Receive"])
def test_a_lost_answer_leaves_nothing(lab: Lab, operation: str) -> None:
    lab.sim.faults.add(Rule("lose", operation=operation, at=3))
    result = lab.run("host_image", path=PATH, source=f"{WEB}/slow.vhdx", checksum=SUM)
    assert content(lab, PATH) == (None if result.get("failed") else DISK)
    assert not any(row.path.endswith(".part") for row in lab.machine.files)


# ---- with other modules ----


def test_later_tasks_of_a_check_find_the_image() -> None:
    play = [
        ("host_image", {"path": PATH, "source": URL, "checksum": SUM}),
        ("host_image", {"path": PATH, "source": URL, "checksum": SUM}),
        ("host_image", {"path": r"D:\ISO\setup.iso", "source": ISO}),
        ("vm_disk", {"path": r"D:\VMs\copy.vhdx", "source": PATH, "size": "80GB", "vm": "web01"}),
        ("vm_disk", {"path": r"D:\VMs\child.vhdx", "parent": PATH, "vm": "web01"}),
        ("vm_dvd_drive", {"path": r"D:\ISO\setup.iso", "vm": "lab01"}),
        ("host_image", {"path": PATH, "state": "absent"}),
        ("host_image", {"path": r"D:\ISO\setup.iso", "state": "absent"}),
        ("vm_dvd_drive", {"path": r"D:\ISO\setup.iso", "vm": "lab01", "state": "absent"}),
        ("host_image", {"path": r"D:\ISO\setup.iso", "state": "absent"}),
        ("vm_dvd_drive", {"path": r"D:\ISO\setup.iso", "vm": "lab01"}),
    ]
    tasks = [Task(f"{number} {module}", module, args) for number, (module, args) in enumerate(play)]
    assert unforeseen(three_runs({"hosts": [HOST]}, tasks)) == {}
