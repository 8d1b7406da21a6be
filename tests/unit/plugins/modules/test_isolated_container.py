# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""isolated_container: containers in all states, drift, secrets, and what is found before docker's own errors."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from ansible_collections.nested.hyperv.tests.harness.containers import (
    ENGINE,
    GUEST,
    NANO,
    NEWER,
    PING,
    SAVED,
    add_files,
    bare,
    guest,
)
from ansible_collections.nested.hyperv.tests.harness.lab import Lab, open_lab
from ansible_collections.nested.hyperv.tests.simulator.windows.docker.archives import image_tar
from ansible_collections.nested.hyperv.tests.simulator.wire.faultrules import Rule

SECRET = 's3cret %PATH% ^"&|'
WEB = {"name": "web", "image": NANO, "command": PING}
EVERYTHING = {
    **WEB,
    "memory": "2GB",
    "cpus": 2,
    "ports": ["8080:80", "127.0.0.1:8443:443"],
    "volumes": [r"C:\data:C:\inside:ro", "logs:C:\\logs"],
    "environment": {"PASSWORD": SECRET, "Path": r"C:\Windows\System32;C:\tools"},
    "restart_policy": "unless_stopped",
    "labels": {"team": "lab"},
    "network": "nat",
}


@contextmanager
def lab_of(model: Mapping[str, Any]) -> Iterator[Lab]:
    with open_lab(model, GUEST) as lab:
        add_files(lab.machine)
        lab.machine.files.make_folder(r"C:\data")
        yield lab


@pytest.fixture(params=[False, True], ids=["cmd", "direct"])
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """A guest with an engine that has an image, whose WinRM hands lines to cmd.exe or not."""
    winrm = {"skip_cmd_shell": request.param}
    with lab_of(guest(winrm=winrm, docker={**ENGINE, "images": [NANO]})) as lab:
        yield lab


def running(lab: Lab) -> list[str]:
    return [one.name for one in lab.machine.docker.containers if one.running]


def lines(lab: Lab) -> str:
    return "\n".join(entry.method for entry in lab.requests if entry.action == "Command")


# ---- states ----


def test_a_container_is_created_started_and_verified(lab: Lab) -> None:
    result = lab.apply("isolated_container", **WEB)
    assert result["container"] == {"name": "web", "state": "started", "image": NANO, "isolation": "hyperv"}
    assert result["verification"] == {
        "windows_version": "10.0.20348.5386",
        "image_version": "10.0.20348.5386",
        "worker_process": True,
        "process_on_guest": False,
    }
    (container,) = lab.machine.docker.containers
    assert (container.id, container.isolation) == (result["id"], "hyperv")


def test_every_option_is_set_and_found_again(lab: Lab) -> None:
    result = lab.apply("isolated_container", **EVERYTHING)
    (container,) = lab.machine.docker.containers
    assert container.memory == 2 << 30
    assert container.nano_cpus == 2 * 10**9
    assert container.environment == [rf"PASSWORD={SECRET}", r"Path=C:\Windows\System32;C:\tools"]
    assert container.labels["team"] == "lab"
    assert container.restart_name == "unless-stopped"
    assert container.command == PING
    assert SECRET not in repr(result)
    lab.leaves_alone("isolated_container", **WEB)


def test_a_secret_is_in_no_command_line_and_no_result(lab: Lab) -> None:
    wanted = {**WEB, "environment": {"PASSWORD": SECRET}}
    for check in (True, False, False):
        result = lab.succeeds("isolated_container", check=check, **wanted)
        assert "s3cret" not in repr(result)
        assert "s3cret" not in lines(lab)
    result = lab.apply("isolated_container", **{**wanted, "environment": {"PASSWORD": "an0ther"}})
    assert "s3cret" not in repr(result) + lines(lab)
    assert "an0ther" not in repr(result) + lines(lab)
    assert result["diff"]["before"] != result["diff"]["after"]


def test_a_container_is_stopped_started_and_removed(lab: Lab) -> None:
    lab.apply("isolated_container", **WEB, state="stopped")
    assert running(lab) == []
    lab.apply("isolated_container", **WEB)
    assert running(lab) == ["web"]
    result = lab.apply("isolated_container", **WEB, state="stopped")
    assert result["diff"] == {"before": {"state": "started"}, "after": {"state": "stopped"}}
    assert result["verification"] is None
    result = lab.apply("isolated_container", name="web", state="absent")
    assert result["container"] is None
    assert not lab.machine.docker.containers


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("memory", "3GB"),
        ("cpus", 1),
        ("ports", ["8081:80"]),
        ("volumes", [r"C:\data:C:\inside"]),
        ("environment", {"PASSWORD": "other"}),
        ("labels", {"team": "other"}),
        ("restart_policy", "never"),
        ("command", ["ping", "-t", "127.0.0.1"]),
        ("isolation", "process"),
    ],
)
def test_drift_recreates_and_keeps_what_was_not_asked_for(option: str, value: Any) -> None:
    with lab_of(guest(docker={**ENGINE, "images": [NANO]})) as lab:
        lab.succeeds("isolated_container", **EVERYTHING)
        old = lab.machine.docker.containers[0]
        required = {"name": "web", "image": NANO}
        result = lab.apply("isolated_container", **required, **{option: value})
        assert result["diff"]["before"].keys() == result["diff"]["after"].keys() == {option}
        (new,) = lab.machine.docker.containers
        assert (new.name, new.running) == ("web", True)
        assert new.id != old.id
        for attribute in ("memory", "nano_cpus", "ports", "binds", "environment", "command", "restart_name"):
            kept = getattr(new, attribute) == getattr(old, attribute)
            changes = {"memory": "memory", "cpus": "nano_cpus", "volumes": "binds", "restart_policy": "restart_name"}
            assert kept is not (changes.get(option, option) == attribute), attribute


def test_a_container_of_another_image_of_the_same_name_is_recreated() -> None:
    with lab_of(guest(docker={**ENGINE, "images": [NANO]})) as lab:
        lab.succeeds("isolated_container", **WEB)
        lab.machine.files.write(SAVED, image_tar("10.0.20348.9999", NANO))
        docker = lab.machine.docker
        image = docker.images.add(*_saved("10.0.20348.9999"))
        docker.images.tag(image, NANO)
        result = lab.apply("isolated_container", **WEB)
        assert result["diff"]["before"].keys() == {"image"}
        assert docker.containers[0].image.os_version == "10.0.20348.9999"


def _saved(version: str) -> tuple[dict[str, Any], int]:
    from ansible_collections.nested.hyperv.tests.simulator.windows.docker.archives import image_configuration

    return image_configuration(version), 1 << 20


def test_a_new_container_that_does_not_start_leaves_the_old_one(lab: Lab) -> None:
    lab.succeeds("isolated_container", **WEB)
    old = lab.machine.docker.containers[0]
    result = lab.fails(
        "isolated_container", "ended at once", "old container runs again", **{**WEB, "command": ["cmd", "/c", "ver"]}
    )
    assert [one.id for one in lab.machine.docker.containers] == [old.id]
    assert running(lab) == ["web"]
    assert result["changed"] is True


# ---- images ----


def test_a_missing_image_is_pulled_with_progress() -> None:
    with lab_of(guest(docker=ENGINE)) as lab:
        result = lab.apply("isolated_container", **WEB)
        assert result["diff"]["after"]["image"] == NANO


def test_an_image_is_loaded_from_a_file_without_a_network() -> None:
    with lab_of(guest(docker={**ENGINE, "reachable": False})) as lab:
        checksum = hashlib.sha256(lab.machine.files.read(SAVED)).hexdigest()
        lab.fails("isolated_container", "could not pull", "docker save", **WEB)
        lab.refuses("isolated_container", checksum, **WEB, source=SAVED, checksum="1" * 64)
        lab.apply("isolated_container", **WEB, source=SAVED, checksum=checksum)
        assert "pull" not in lines(lab)


@pytest.mark.parametrize("seconds", [30, 3600])
def test_an_image_that_is_loaded_is_a_change_also_if_the_guest_does_not_answer_then(seconds: float) -> None:
    with lab_of(guest(docker=ENGINE)) as lab:
        lab.sim.faults.add(Rule("unplug", operation="Command", at=7, seconds=seconds))
        result = lab.run("isolated_container", **WEB, source=SAVED)
        assert [image for image in lab.machine.docker.images if NANO in image.tags]
        assert result["changed"] is True
        if seconds > 60:
            assert result["uncertain"] == [f"load the image '{NANO}'"]
        else:
            assert "failed" not in result


def test_a_file_with_another_image_is_found_out() -> None:
    with lab_of(guest(docker={**ENGINE, "reachable": False})) as lab:
        lab.machine.files.write(SAVED, image_tar("10.0.20348.1", "other:1"))
        result = lab.fails("isolated_container", "other:1", "This may have been done", **WEB, source=SAVED)
        assert (result["option"], result["changed"]) == ("image", True)  # the other image stays in the engine
        lab.machine.files.write(SAVED, b"no archive")
        result = lab.fails("isolated_container", "Set a file of 'docker save'", **WEB, source=SAVED)
        assert (result["option"], result["changed"]) == ("source", False)


def test_deadlines_end_what_takes_too_long() -> None:
    seconds = {"pull": 400, "hyperv": 400}
    with lab_of(guest(docker={**ENGINE, "seconds": seconds})) as lab:
        result = lab.fails("isolated_container", "docker.exe", "60 s", **WEB, pull_timeout=60)
        assert result["uncertain"] == [f"pull the image '{NANO}'"]
        result = lab.fails("isolated_container", "docker.exe", "90 s", **WEB, start_timeout=90)
        assert result["uncertain"] == ["start the container 'web'"]
        lab.sim.advance(600)
        lab.succeeds("isolated_container", **WEB, start_timeout=900)
        lab.leaves_alone("isolated_container", **WEB)


@pytest.mark.parametrize(
    ("args", "option", "words"),
    [
        ({"image": NANO, "pull": False}, "image", "pull is false"),
        ({"image": NANO, "source": r"C:\missing.tar"}, "source", "does not exist"),
        ({"image": NEWER}, "image", "build 26100"),
        ({"image": "not an image"}, "image", "not a name"),
        ({"image": NANO, "memory": "lots"}, "memory", "not a size"),
        ({"image": NANO, "ports": ["x"]}, "ports", "not a port"),
        ({"image": NANO, "volumes": ["x"]}, "volumes", "not a volume"),
        ({"image": NANO, "environment": {"A": 1.5}}, "environment", "quotes"),
        ({"image": NANO, "name": "w b"}, "name", "not a name"),
    ],
)
def test_what_can_not_work_is_refused_before_anything_is_done(args: dict[str, Any], option: str, words: str) -> None:
    with lab_of(guest(docker=ENGINE)) as lab:
        assert lab.refuses("isolated_container", words, **{"name": "web", **args})["option"] == option


def test_a_pulled_image_for_a_newer_windows_does_not_run() -> None:
    registry = {"registry.example/app:1": {"os_version": "10.0.26100.1"}}
    with lab_of(guest(docker={**ENGINE, "registry": registry})) as lab:
        lab.fails("isolated_container", "could not pull", **{**WEB, "image": "registry.example/app:1"})
        lab.machine.docker.images.tag(lab.machine.docker.images.add(*_saved("10.0.26100.1")), "app:2")
        result = lab.refuses("isolated_container", "build 26100", **{**WEB, "image": "app:2"})
        assert result["rule"] == "containers-image-build"


@pytest.mark.parametrize(("build", "runs"), [("10.0.17763.1", True), ("10.0.20348.1", True), ("10.0.14393.1", False)])
def test_process_isolation_runs_the_release_before(build: str, runs: bool) -> None:
    with lab_of(guest(docker=ENGINE)) as lab:
        lab.machine.docker.images.tag(lab.machine.docker.images.add(*_saved(build)), "app:2")
        wanted = {**WEB, "image": "app:2", "isolation": "process"}
        if runs:
            assert lab.apply("isolated_container", **wanted)["verification"]["process_on_guest"] is True
        else:
            lab.refuses("isolated_container", "containers-image-build", **wanted)


# ---- what the guest lacks ----


@pytest.mark.parametrize("locale", ["en-US", "de-DE"])
def test_hidden_extensions_are_found_before_docker_runs(locale: str) -> None:
    with lab_of(guest(nested=False, locale=locale, docker={**ENGINE, "images": [NANO]})) as lab:
        result = lab.refuses("isolated_container", "vm_nesting", "launch failed", **WEB)
        assert (result["rule"], result["option"]) == ("containers-hypervisor", "isolation")
        assert "create" not in lines(lab)
        lab.apply("isolated_container", **WEB, isolation="process")


def test_without_the_event_the_error_of_docker_gets_an_advice() -> None:
    with lab_of(guest(nested=False, docker={**ENGINE, "images": [NANO]})) as lab:
        lab.machine.events.events.clear()
        result = lab.fails("isolated_container", "could not start", "vm_nesting", **WEB)
        assert result["code"] == 1


def test_missing_features_are_found_before_docker_runs() -> None:
    with lab_of(guest(hyperv=False, docker={**ENGINE, "images": [NANO]})) as lab:
        result = lab.refuses("isolated_container", "Microsoft-Hyper-V", **WEB)
        assert result["rule"] == "containers-features"


def test_without_an_engine_nothing_runs_and_nothing_is_left() -> None:
    with lab_of(bare()) as lab:
        lab.refuses("isolated_container", "container_engine", **WEB)
        lab.leaves_alone("isolated_container", name="web", state="absent")


def test_a_stopped_engine_is_named() -> None:
    with lab_of(guest(docker={**ENGINE, "state": "Stopped"})) as lab:
        lab.refuses("isolated_container", "is stopped", **WEB)


def test_an_unchanged_container_starts_no_program_that_changes_anything(lab: Lab) -> None:
    lab.succeeds("isolated_container", **EVERYTHING)
    lab.leaves_alone("isolated_container", **EVERYTHING)
    assert "dism" not in lines(lab)
    assert len(lines(lab).splitlines()) <= 4


@pytest.mark.parametrize("what", ["drop", "lose"])
@pytest.mark.parametrize("number", range(1, 20, 3))
def test_a_run_that_breaks_off_can_be_run_again(number: int, what: str) -> None:
    with lab_of(guest(docker=ENGINE)) as lab:
        lab.sim.faults.add(Rule(what, operation="Command", at=number, times=0))
        lab.run("isolated_container", **EVERYTHING)
        lab.sim.faults.clear()
        lab.sim.advance(120)
        lab.succeeds("isolated_container", **EVERYTHING)
        lab.leaves_alone("isolated_container", **EVERYTHING)
        assert running(lab) == ["web"]
