# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""container_engine: installing, configuring, upgrading and removing an engine, and what is found before it fails."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from ansible_collections.nested.hyperv.tests.harness.checks import check_run
from ansible_collections.nested.hyperv.tests.harness.containers import (
    ENGINE,
    GUEST,
    NANO,
    NEXT,
    NEXT_ZIP,
    PING,
    URL,
    VERSION,
    ZIP,
    add_files,
    bare,
    guest,
)
from ansible_collections.nested.hyperv.tests.harness.lab import Lab, open_lab
from ansible_collections.nested.hyperv.tests.simulator.windows.docker.archives import engine_zip
from ansible_collections.nested.hyperv.tests.simulator.wire.faultrules import Rule

CONFIG = r"C:\ProgramData\docker\config\daemon.json"
DOCKERD = r"C:\Program Files\Docker\dockerd.exe"
CHECKSUM = hashlib.sha256(engine_zip(VERSION)).hexdigest()
INSTALL = {"source": ZIP, "checksum": f"sha256:{CHECKSUM}"}
WEB = {"name": "web", "image": NANO, "command": PING}


@contextmanager
def lab_of(model: Mapping[str, Any]) -> Iterator[Lab]:
    with open_lab(model, GUEST) as lab:
        add_files(lab.machine)
        yield lab


@pytest.fixture(params=[False, True], ids=["cmd", "direct"])
def winrm(request: pytest.FixtureRequest) -> dict[str, bool]:
    """A service that hands every line to cmd.exe, and one that obeys WINRS_SKIP_CMD_SHELL."""
    return {"skip_cmd_shell": request.param}


def config(lab: Lab) -> dict[str, Any]:
    return json.loads(lab.machine.files.read(CONFIG))


def programs(lab: Lab) -> list[str]:
    """Lines of the programs of the last task, which begin with the name of the program."""
    lines = [entry.method.replace("^", "") for entry in lab.requests if entry.action == "Command"]
    return [re.sub(r'^"?[A-Z]:\\(?:[^\\"]+\\)*?(\w+\.exe)"?', r"\1", line) for line in lines]


# ---- present ----


@pytest.mark.parametrize("locale", ["en-US", "de-DE"])
def test_an_engine_is_installed_configured_and_started(winrm: dict[str, bool], locale: str) -> None:
    with lab_of(guest(winrm=winrm, locale=locale)) as lab:
        result = lab.apply("container_engine", **INSTALL)
        assert result["engine"] == {
            "version": VERSION,
            "path": r"C:\Program Files\Docker",
            "service": "running",
            "config_file": CONFIG,
            "isolation": "hyperv",
            "group": "docker-users",
        }
        assert result["reboot_required"] is result["rebooted"] is False
        assert config(lab) == {"exec-opts": ["isolation=hyperv"], "group": "docker-users"}
        assert lab.machine.groups.known("docker-users")
        assert lab.machine.docker.default_isolation == "hyperv"
        assert not lab.machine.files.has_folder(r"C:\Windows\Temp\nested_hyperv_docker")
        assert lab.machine.files.get(f"{CONFIG}.new") is None


def test_the_features_are_enabled_with_one_restart() -> None:
    with lab_of(bare()) as lab:
        boots = lab.machine.boots
        result = lab.apply("container_engine", **INSTALL, allow_reboot=True)
        assert (result["rebooted"], result["reboot_required"]) == (True, False)
        assert result["engine"]["service"] == "running"
        assert lab.machine.boots == boots + 1


def test_without_permission_the_service_waits_for_the_restart() -> None:
    with lab_of(bare()) as lab:
        result = lab.apply("container_engine", **INSTALL)
        assert (result["rebooted"], result["reboot_required"]) == (False, True)
        assert result["engine"]["version"] == VERSION
        assert result["engine"]["service"] is None
        assert lab.machine.software.find_service("docker") is None
        lab.succeeds("guest_reboot")
        result = lab.apply("container_engine", **INSTALL)
        assert result["engine"]["service"] == "running"
        assert "version" not in result["diff"]["after"]


def test_only_named_keys_of_the_file_are_managed() -> None:
    given = {"dns": ["192.0.2.53"], "debug": True, "exec-opts": ["isolation=process"], "group": "Users"}
    with lab_of(guest(docker={**ENGINE, "config": given})) as lab:
        result = lab.apply("container_engine", config={"data-root": r"D:\docker", "debug": None}, group="Users")
        wanted = {"dns": ["192.0.2.53"], "data-root": r"D:\docker", "exec-opts": ["isolation=hyperv"], "group": "Users"}
        assert config(lab) == wanted
        assert result["diff"] == {
            "before": {"config": {"debug": True}, "isolation": "process"},
            "after": {"config": {"data-root": r"D:\docker"}, "isolation": "hyperv"},
        }
        assert lab.machine.docker.configuration.values == wanted


def test_an_upgrade_names_the_containers_that_ran() -> None:
    containers = [{"name": "web", "image": NANO}, {"name": "db", "image": NANO, "restart": "always"}]
    containers.append({"name": "off", "image": NANO, "state": "exited"})
    with lab_of(guest(docker={**ENGINE, "containers": containers})) as lab:
        result = lab.apply("container_engine", source=NEXT_ZIP, group="Users")
        assert result["stopped_containers"] == ["db", "web"]
        assert result["engine"]["version"] == lab.machine.docker.version == NEXT
        lab.leaves_alone("container_engine", group="Users")
        lab.leaves_alone("container_engine", version=NEXT, group="Users")


def test_a_stopped_engine_is_started_again() -> None:
    with lab_of(guest(docker={**ENGINE, "state": "Stopped"})) as lab:
        result = lab.apply("container_engine", group="Users")
        assert result["diff"] == {"before": {"service": "stopped"}, "after": {"service": "running"}}


def test_a_second_run_starts_few_programs_and_changes_nothing() -> None:
    with lab_of(guest(docker=ENGINE)) as lab:
        lab.leaves_alone("container_engine", source=ZIP, group="Users")
        assert {line.partition(" ")[0] for line in programs(lab)} == {"dockerd.exe", "tar.exe"}
        assert lab.cost() <= 15


def test_the_first_start_may_fail() -> None:
    with lab_of(guest(docker={"first_start_fails": 2})) as lab:
        assert lab.apply("container_engine", **INSTALL)["engine"]["service"] == "running"


def test_a_start_that_fails_says_why_in_the_words_of_the_event_log() -> None:
    with lab_of(guest(docker={"first_start_fails": 9})) as lab:
        result = lab.fails("container_engine", "0x23e", "3 tries", **INSTALL)
        assert "0x23e" in result["reason"]
        assert result["changed"] is True
        assert "register the service docker" in result["completed"]


def test_an_engine_that_runs_without_hyperv_gets_the_feature() -> None:
    with lab_of(guest(hyperv=False, docker=ENGINE)) as lab:
        result = lab.apply("container_engine", group="Users", config={"debug": True})
        assert result["reboot_required"] is True
        assert config(lab)["debug"] is True
        assert lab.apply("container_engine", group="Users", allow_reboot=True)["rebooted"] is True
        assert lab.machine.hyperv


def test_process_isolation_needs_no_hyperv() -> None:
    with lab_of(guest(hyperv=False)) as lab:
        result = lab.apply("container_engine", **INSTALL, isolation="process")
        assert (result["reboot_required"], result["engine"]["isolation"]) == (False, "process")
        assert not lab.machine.software.find_feature("Microsoft-Hyper-V").wanted


def test_an_engine_that_does_not_answer_in_time_is_named() -> None:
    with lab_of(guest(docker={"seconds": {"start": 400}})) as lab:
        result = lab.fails("container_engine", "does not answer after 100 s", **INSTALL, start_timeout=100)
        assert result["option"] == "start_timeout"
        lab.sim.advance(600)
        lab.leaves_alone("container_engine", **INSTALL)


# ---- bad input ----


def test_an_engine_comes_from_a_url() -> None:
    with lab_of(guest()) as lab:
        lab.apply("container_engine", source=URL, checksum=CHECKSUM)
        assert lab.machine.docker.version == VERSION
        assert left_over(lab) == []


def left_over(lab: Lab) -> list[str]:
    return [file.path for file in lab.machine.files if "nested_hyperv" in file.path]


def test_a_download_with_another_checksum_is_removed() -> None:
    with lab_of(guest()) as lab:
        result = lab.fails("container_engine", "downloaded file is removed", CHECKSUM, source=URL, checksum="0" * 64)
        assert result["option"] == "checksum"
        assert left_over(lab) == []
        assert lab.machine.software.find_service("docker") is None
        assert not lab.machine.files.within(r"C:\Program Files\Docker")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"status": 404}, "such as 404"),
        ({"fails": "resolve"}, "resolved"),
        ({"fails": "connect"}, "reached"),
        ({"fails": "untrusted"}, "not trusted"),
        ({"seconds": 9000}, "did not end within"),
    ],
)
def test_a_download_that_fails_says_why(answer: dict[str, Any], words: str) -> None:
    model = guest()
    model["hosts"][0]["web"] = {URL: {"content": "x", **answer}}
    with lab_of(model) as lab:
        lab.fails("container_engine", words, source=URL)
        assert left_over(lab) == []


def test_another_checksum_installs_nothing() -> None:
    with lab_of(guest()) as lab:
        result = lab.refuses("container_engine", CHECKSUM, source=ZIP, checksum="0" * 64)
        assert result["option"] == "checksum"
        assert result["checksum"] == CHECKSUM


@pytest.mark.parametrize(
    ("args", "option", "words"),
    [
        ({"source": r"C:\missing.zip"}, "source", "does not exist"),
        ({}, "source", "has no Docker Engine"),
        ({"source": "zip"}, "source", "not a full path"),
        ({"source": "ftp://x/y.zip"}, "source", "https://"),
        ({"source": ZIP, "checksum": "abc"}, "checksum", "not a checksum"),
        ({"checksum": "0" * 64}, "checksum", "set source"),
        ({"source": ZIP, "version": "latest"}, "version", "not a version"),
        ({"source": ZIP, "path": "Docker"}, "path", "not a full path"),
        ({"source": ZIP, "config": {"group": "x"}}, "config", "option group"),
        ({"source": ZIP, "config": {"exec-opts": ["isolation=process"]}}, "config", "isolation=process"),
    ],
)
def test_wrong_options(args: dict[str, Any], option: str, words: str) -> None:
    with lab_of(guest()) as lab:
        assert lab.refuses("container_engine", words, **args)["option"] == option


@pytest.mark.parametrize(
    ("docker", "words"),
    [({"version": VERSION}, "29.6.2"), ({}, "no Docker Engine")],
)
def test_another_version_needs_a_source(docker: dict[str, Any], words: str) -> None:
    with lab_of(guest(docker=docker)) as lab:
        assert lab.refuses("container_engine", words, version="29.9.9")["option"] == "source"


@pytest.mark.parametrize(
    ("path", "content", "words"),
    [
        (r"C:\Install\docker-28.0.0.zip", engine_zip(VERSION), "contains Docker 29.6.2, not 28.0.0"),
        (r"C:\Install\broken.zip", b"PK", "source: could not extract"),
        (r"C:\Install\text.zip", b"no archive", "Use a zip file of download.docker.com"),
    ],
)
def test_a_wrong_archive_is_found_before_the_engine_is_stopped(path: str, content: bytes, words: str) -> None:
    with lab_of(guest(docker=ENGINE)) as lab:
        lab.machine.files.write(path, content)
        lab.fails("container_engine", words, source=path, version="28.0.0", group="Users")
        assert not [line for line in lab.writes if "Service" in line]
        assert lab.machine.docker.version == VERSION
        assert not lab.machine.files.has_folder(r"C:\Windows\Temp\nested_hyperv_docker")


def test_a_file_that_is_not_valid_is_left_as_it_is() -> None:
    with lab_of(guest(docker=ENGINE)) as lab:
        lab.machine.files.write(CONFIG, b'{"debug" true}')
        lab.refuses("container_engine", CONFIG, "line 1, column 10", group="Users")


def test_keys_that_the_engine_does_not_know_are_found_before_it_is_stopped() -> None:
    with lab_of(guest(docker=ENGINE)) as lab:
        before = lab.state()
        words = ("no-such-key", CONFIG, "Correct the option, or the file")
        result = lab.fails("container_engine", *words, group="Users", config={"no-such-key": 1})
        assert result["option"] == "config"
        assert not [line for line in lab.writes if "Service" in line]
        assert lab.state() == before


@pytest.mark.parametrize(
    ("flags", "args", "option"),
    [
        (r"--data-root D:\docker", {"config": {"data-root": r"D:\docker"}}, "config"),
        ("-G Users", {}, "group"),
        ("--exec-opt isolation=process", {}, "isolation"),
    ],
)
def test_flags_of_the_service_that_conflict_are_found_first(flags: str, args: dict[str, Any], option: str) -> None:
    with lab_of(guest(docker=ENGINE)) as lab:
        lab.machine.software.find_service("docker").path += f" {flags}"
        result = lab.refuses("container_engine", flags.split()[0], group="Users", **args)
        assert result["option"] == option


def test_an_engine_in_another_folder_is_not_touched() -> None:
    with lab_of(guest(docker={**ENGINE, "directory": r"C:\Tools\Docker"})) as lab:
        assert lab.refuses("container_engine", r"C:\Tools\Docker\dockerd.exe", **INSTALL)["option"] == "path"


@pytest.mark.parametrize(
    ("machine", "rule"), [({"os": "server2016"}, "containers-guest-build"), ({"os": "windows11"}, "")]
)
def test_old_builds_are_refused(machine: dict[str, Any], rule: str) -> None:
    with lab_of(bare(**machine)) as lab:
        if rule:
            assert lab.refuses("container_engine", rule, **INSTALL)["rule"] == rule
        else:
            assert lab.succeeds("container_engine", check=True, **INSTALL)["reboot_required"] is True


def test_other_pending_changes_need_a_restart_first() -> None:
    with lab_of(bare(pending_restart=True)) as lab:
        result = lab.refuses("container_engine", "allow_reboot", **INSTALL)
        assert result["reboot_required"] is True


# ---- absent ----


def test_an_engine_is_removed_and_its_data_is_kept() -> None:
    with lab_of(guest(docker={**ENGINE, "containers": [{"name": "web", "image": NANO}]})) as lab:
        result = lab.apply("container_engine", state="absent")
        assert result["stopped_containers"] == ["web"]
        assert result["engine"] is None
        assert lab.machine.software.find_service("docker") is None
        assert not lab.machine.files.has_folder(r"C:\Program Files\Docker")
        assert config(lab) == ENGINE["config"]


def test_an_engine_with_a_broken_configuration_can_be_removed() -> None:
    with lab_of(guest(docker={**ENGINE, "state": "Stopped"})) as lab:
        lab.machine.files.write(CONFIG, b"{")
        lab.apply("container_engine", state="absent")
        assert lab.machine.software.find_service("docker") is None


def test_other_files_in_its_folder_stay() -> None:
    with lab_of(guest(docker=ENGINE)) as lab:
        lab.machine.files.write(r"C:\Program Files\Docker\notes.txt", b"mine")
        lab.apply("container_engine", state="absent")
        assert [file.name for file in lab.machine.files.within(r"C:\Program Files\Docker")] == ["notes.txt"]


def test_an_engine_is_removed_with_its_data() -> None:
    with lab_of(guest(docker={**ENGINE, "containers": [{"name": "web", "image": NANO}]})) as lab:
        lab.apply("container_engine", state="absent", remove_data=True)
        assert not lab.machine.files.has_folder(r"C:\ProgramData\docker")
        assert not lab.machine.docker.containers
        assert not len(lab.machine.docker.images)


# ---- check mode across tasks, interruptions ----


def test_one_check_foresees_features_restart_engine_and_container() -> None:
    tasks: list[tuple[str, dict[str, Any]]] = [
        ("guest_feature", {"name": ["Containers", "Microsoft-Hyper-V"]}),
        ("guest_reboot", {"only_if_required": True}),
        ("container_engine", INSTALL),
        ("isolated_container", WEB),
        ("isolated_container", {**WEB, "memory": "2GB"}),
        ("isolated_container", {**WEB, "state": "stopped"}),
        ("isolated_container", {"name": "web", "state": "absent"}),
        ("container_engine", {"state": "absent"}),
    ]
    with lab_of(bare()) as lab, check_run():
        before = lab.state()
        foreseen = [lab.succeeds(module, check=True, **args) for module, args in tasks]
        assert not lab.writes
        assert lab.state() == before
    with lab_of(bare()) as lab:
        done = [lab.succeeds(module, **args) for module, args in tasks]
    assert [result["changed"] for result in foreseen] == [result["changed"] for result in done] == [True] * len(tasks)
    for key in ("diff", "engine", "container", "reboot_required", "stopped_containers"):
        known = [
            result.get(key) for result, (module, _args) in zip(foreseen, tasks, strict=True) if "guest" not in module
        ]
        real = [result.get(key) for result, (module, _args) in zip(done, tasks, strict=True) if "guest" not in module]
        assert known == real, key


@pytest.mark.parametrize("what", ["drop", "lose"])
@pytest.mark.parametrize("number", range(1, 16, 2))
def test_a_run_that_breaks_off_can_be_run_again(number: int, what: str) -> None:
    with lab_of(guest()) as lab:
        lab.sim.faults.add(Rule(what, operation="Command", at=number + (what == "lose"), times=0))
        lab.run("container_engine", **INSTALL)
        lab.sim.faults.clear()
        lab.sim.advance(120)
        lab.succeeds("container_engine", **INSTALL)
        lab.leaves_alone("container_engine", **INSTALL)
        assert lab.machine.docker.version == VERSION


@pytest.mark.parametrize("args", [{"config": {"debug": True}}, {"source": NEXT_ZIP, "version": NEXT}])
def test_an_engine_that_is_not_started_again_is_named(args: dict[str, Any]) -> None:
    with lab_of(guest(docker=ENGINE)) as lab:
        lab.sim.faults.add(Rule("fault", fault="AccessDenied", method="StartService"))
        result = lab.fails("container_engine", "Access is denied", "The service 'docker' may be stopped", **args)
        assert result["changed"] is True
