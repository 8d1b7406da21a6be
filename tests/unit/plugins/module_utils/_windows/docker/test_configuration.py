# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""daemon.json: merged key by key, and compared with the flags of the service."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.nested.hyperv.plugins.module_utils._task.errors import Invalid, Refused
from ansible_collections.nested.hyperv.plugins.module_utils._windows.docker import configuration

PATH = r"C:\ProgramData\docker\config\daemon.json"
DOCKERD = r'"C:\Program Files\Docker\dockerd.exe" --run-service'


@pytest.mark.parametrize(
    ("current", "wanted", "isolation", "merged"),
    [
        ({}, {}, "hyperv", {"exec-opts": ["isolation=hyperv"]}),
        ({"dns": ["192.0.2.1"]}, {}, "hyperv", {"dns": ["192.0.2.1"], "exec-opts": ["isolation=hyperv"]}),
        ({"dns": ["192.0.2.1"]}, {"dns": None}, "hyperv", {"exec-opts": ["isolation=hyperv"]}),
        ({"exec-opts": ["isolation=process"]}, {}, "hyperv", {"exec-opts": ["isolation=hyperv"]}),
        # Other options of the engine stay, in the file's own order if nothing is to change.
        ({"exec-opts": ["isolation=HYPERV", "x=y"]}, {}, "hyperv", {"exec-opts": ["isolation=HYPERV", "x=y"]}),
        ({"exec-opts": ["x=y"]}, {}, "process", {"exec-opts": ["x=y", "isolation=process"]}),
        ({}, {"exec-opts": ["x=y"]}, "hyperv", {"exec-opts": ["x=y", "isolation=hyperv"]}),
        ({"a": 1}, {"a": 1}, None, {"a": 1}),
    ],
)
def test_only_named_keys_are_managed(
    current: dict[str, Any], wanted: dict[str, Any], isolation: str | None, merged: dict[str, Any]
) -> None:
    result = configuration.merged(current, wanted, isolation)
    assert result == merged
    assert configuration.merged(result, wanted, isolation) == result, "a second run changes nothing"


def test_what_is_written_can_be_read() -> None:
    values = {"exec-opts": ["isolation=hyperv"], "data-root": "D:\\Dätä", "debug": True}
    assert configuration.read(configuration.write(values), PATH) == values
    assert configuration.read(b"\xef\xbb\xbf" + configuration.write(values), PATH) == values
    assert configuration.read(b" \r\n", PATH) == {}


@pytest.mark.parametrize(
    ("data", "words"),
    [(b'{"a" 1}', "line 1, column 6"), (b"[1]", "object"), (b"\xff\xfe{\x00}\x00", "not UTF-8")],
)
def test_a_file_that_is_not_valid_is_refused_with_its_place(data: bytes, words: str) -> None:
    with pytest.raises(Refused, match=words) as refused:
        configuration.read(data, PATH)
    assert PATH in refused.value.message


@pytest.mark.parametrize(
    ("line", "file"),
    [
        (DOCKERD, PATH),
        (rf"{DOCKERD} --config-file D:\docker\d.json", r"D:\docker\d.json"),
        (rf'{DOCKERD} --config-file="D:\my docker\d.json"', r"D:\my docker\d.json"),
        (rf"{DOCKERD} --service-name docker --data-root D:\docker", r"D:\docker\config\daemon.json"),
    ],
)
def test_the_flags_of_the_service_say_which_file_is_read(line: str, file: str) -> None:
    arguments = configuration.command_line.split(line)[1:]
    assert configuration.file_of(configuration.flags(arguments), r"C:\ProgramData") == file


@pytest.mark.parametrize(
    ("flags", "option", "key"),
    [
        (r"--data-root D:\docker", "config", "data-root"),
        ("-G docker-users", "group", "group"),
        ("--exec-opt isolation=process", "isolation", "exec-opts"),
        ("-H npipe://", "config", "hosts"),
        ("--debug", "config", "debug"),
    ],
)
def test_a_flag_that_sets_the_same_as_the_file_is_found(flags: str, option: str, key: str) -> None:
    values = {"data-root": "D:", "group": "g", "exec-opts": [], "hosts": ["npipe://"], "debug": True}
    with pytest.raises(Refused) as refused:
        configuration.check_flags({key: values[key]}, f"{DOCKERD} --service-name docker {flags}", PATH)
    assert refused.value.option == option
    assert refused.value.details["keys"] == [key]
    others = {name: value for name, value in values.items() if name != key}
    configuration.check_flags(others, f"{DOCKERD} {flags}", PATH)


def test_keys_that_are_options_are_refused() -> None:
    with pytest.raises(Invalid, match="option group"):
        configuration.check_wanted({"group": "x"}, "hyperv")
    with pytest.raises(Invalid, match="isolation=process"):
        configuration.check_wanted({"exec-opts": ["isolation=process"]}, "hyperv")
    with pytest.raises(Invalid, match="a list"):
        configuration.check_wanted({"exec-opts": "isolation=hyperv"}, "hyperv")
    configuration.check_wanted({"exec-opts": ["isolation=hyperv"]}, "hyperv")
