# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of containers: parsed, passed to docker.exe, and compared with what it returns."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.nested.hyperv.plugins.module_utils._task.errors import Invalid
from ansible_collections.nested.hyperv.plugins.module_utils._windows.docker import settings

IMAGE = {
    "Id": "sha256:1",
    "Config": {"Env": ["PATH=C:\\Windows", "MODE=plain"], "Labels": {"from": "image"}, "Cmd": ["c:\\cmd.exe"]},
}
EVERYTHING = {
    "isolation": "hyperv",
    "memory": "2GB",
    "cpus": 1.5,
    "ports": ["8080:80", "127.0.0.1:8443:443/tcp", "53/udp"],
    "volumes": [r"C:\data:C:\data", "logs:C:/logs:ro"],
    "environment": {"PASSWORD": "s3cret", "mode": "plain", "Path": r"C:\x"},
    "command": ["ping", "-t", "localhost"],
    "entrypoint": "cmd.exe",
    "restart_policy": "unless_stopped",
    "labels": {"team": "lab"},
    "network": "nat",
}


def parsed(**params: Any) -> settings.Settings:
    return settings.parse({"isolation": "hyperv", **params})


def test_a_container_with_the_settings_has_no_difference() -> None:
    wanted = parsed(**EVERYTHING)
    made = settings.as_inspected("web", "x", IMAGE, wanted, running=True)
    assert settings.differing(made, IMAGE, wanted) == []
    assert settings.differing(made, IMAGE, parsed()) == [], "what is omitted is not compared"


@pytest.mark.parametrize("option", list(EVERYTHING))
def test_each_setting_that_differs_is_found_and_shown(option: str) -> None:
    other: dict[str, Any] = {
        "isolation": "process",
        "memory": "1GB",
        "cpus": 2.0,
        "ports": ["8081:80"],
        "volumes": [],
        "environment": {"PASSWORD": "other"},
        "command": ["cmd"],
        "entrypoint": "powershell.exe",
        "restart_policy": "never",
        "labels": {},
        "network": "transparent",
    }
    made = settings.as_inspected("web", "x", IMAGE, parsed(**EVERYTHING), running=True)
    wanted = parsed(**{**EVERYTHING, option: other[option]})
    assert settings.differing(made, IMAGE, wanted) == [option]
    before, after = settings.before_and_after(made, IMAGE, wanted, [option])
    assert before.keys() == after.keys() == {option}
    assert before != after


def test_what_docker_returns_is_read() -> None:
    container = {
        "Config": {
            "Env": ["PATH=C:\\Windows", "MODE=plain", "A=b=c"],
            "Labels": {"from": "image", "team": "lab"},
            "Cmd": ["ping", "-t", "localhost"],
            "Entrypoint": None,
        },
        "HostConfig": {
            "Isolation": "hyperv",
            "Memory": 2147483648,
            "NanoCpus": 2000000000,
            "PortBindings": {
                "80/tcp": [{"HostIp": "", "HostPort": "8080"}],
                "53/udp": [{"HostIp": "::", "HostPort": ""}],
            },
            "Binds": ["C:\\Data:c:\\data:rw"],
            "RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 0},
            "NetworkMode": "default",
        },
    }
    wanted = parsed(
        memory="2048MB",
        cpus=2,
        ports=["53/udp", "8080:80/tcp"],
        volumes=["c:/data:C:/data/"],
        environment={"a": "b=c"},
        command=["ping", "-t", "localhost"],
        restart_policy="on_failure",
        labels={"team": "lab"},
        network="nat",
    )
    assert settings.differing(container, IMAGE, wanted) == []


def test_secrets_are_not_in_arguments_diffs_and_predictions() -> None:
    wanted = parsed(environment={"PASSWORD": "s3cret", "DOCKER_HOST": "tcp://x", "EMPTY": ""})
    arguments = settings.create_arguments("web", "image", wanted)
    assert arguments[arguments.index("--env") + 1] == "PASSWORD"
    assert "DOCKER_HOST=tcp://x" in arguments, "docker.exe would read it itself"
    assert "EMPTY=" in arguments, "Windows has no empty variables"
    assert settings.of_the_shell(wanted) == {"PASSWORD": "s3cret"}
    made = settings.as_inspected("web", "x", IMAGE, parsed(environment={"PASSWORD": "old"}), running=True)
    later = settings.as_inspected("web", "x", IMAGE, wanted, running=True)
    texts = [settings.before_and_after(made, IMAGE, wanted, ["environment"]), settings.shown(wanted), arguments, later]
    assert "s3cret" not in json.dumps(texts)


def test_arguments_are_in_the_order_of_docker() -> None:
    arguments = settings.create_arguments("web", "image:1", parsed(**{**EVERYTHING, "environment": None}))
    assert arguments[:3] == ["create", "--name", "web"]
    assert arguments[-4:] == ["image:1", "ping", "-t", "localhost"]
    assert arguments[arguments.index("--memory") + 1] == "2147483648"
    assert arguments[arguments.index("--cpus") + 1] == "1.5"
    assert arguments[arguments.index("--restart") + 1] == "unless-stopped"


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("memory", "much"),
        ("cpus", 0),
        ("ports", ["80-90:80"]),
        ("ports", ["0:80"]),
        ("ports", ["8080:70000"]),
        ("volumes", ["data"]),
        ("volumes", [r"C:\a:C:\b:rx"]),
        ("environment", {"A": None}),
        ("environment", {"A": True}),
        ("environment", {"A=B": "x"}),
        ("environment", {"A": "1", "a": "2"}),
        ("labels", {"a": 1.5}),
    ],
)
def test_values_that_docker_does_not_take_name_their_option(option: str, value: Any) -> None:
    with pytest.raises(Invalid) as invalid:
        parsed(**{option: value})
    assert invalid.value.option == option


@pytest.mark.parametrize("name", ["", "a", "-web", "web site", "wéb"])
def test_names(name: str) -> None:
    with pytest.raises(Invalid):
        settings.check_name(name)
