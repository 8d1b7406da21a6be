# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which ansible-core is tested with which Python."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

MINORS = {"2.21": range(12, 15), "2.20": range(12, 15), "2.19": range(11, 14)}


@pytest.fixture(scope="module")
def rounds(checkout: Path) -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(checkout / ".ci"))
        yield importlib.import_module("rounds")


def program(path: Path, body: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


def answer(path: Path, version: str) -> None:
    """Write a program that answers as a Python of this version does."""
    program(path, f"echo {version.replace('.', ' ')} {path}")


# --- Pythons ------------------------------------------------------------------------------------------------------


def found(rounds: Any, folder: Path, *names: str) -> dict[int, str]:
    """The Pythons found beside 3.11 in these folders of PATH and in pyenv, by minor version."""
    path = os.pathsep.join(str(folder / name) for name in names)
    first = rounds.Python((3, 11, 7), "/first")
    pythons = rounds.find_pythons(first, range(11, 15), path, folder / "pyenv")
    assert pythons[0] == first
    return {python.minor: str(Path(python.path).relative_to(folder)) for python in pythons[1:]}


def test_a_shim_that_fails_is_passed_over(rounds: Any, tmp_path: Path) -> None:
    program(tmp_path / "shims" / "python3.13", "echo 'pyenv: python3.13: command not found' >&2; exit 127")
    answer(tmp_path / "bin" / "python3.13", "3.13.2")
    assert found(rounds, tmp_path, "shims", "bin") == {13: "bin/python3.13"}


def test_versions_of_pyenv_are_found_outside_path_newest_first(rounds: Any, tmp_path: Path) -> None:
    program(tmp_path / "shims" / "python3.13", "exit 127")
    for version in ("2.7.18", "3.9.18", "3.11.7", "3.12.9", "3.12.10", "3.13.0"):
        answer(tmp_path / "pyenv" / "versions" / version / "bin" / "python3", version)
    answer(tmp_path / "pyenv" / "versions" / "3.14-dev" / "bin" / "python3", "3.14.0")
    assert found(rounds, tmp_path, "shims") == {
        12: "pyenv/versions/3.12.10/bin/python3",
        13: "pyenv/versions/3.13.0/bin/python3",
    }


def test_path_goes_before_pyenv(rounds: Any, tmp_path: Path) -> None:
    answer(tmp_path / "bin" / "python3.12", "3.12.1")
    answer(tmp_path / "pyenv" / "versions" / "3.12.9" / "bin" / "python3", "3.12.9")
    assert found(rounds, tmp_path, "bin") == {12: "bin/python3.12"}


def test_the_version_is_asked_for_not_read_from_the_name(rounds: Any, tmp_path: Path) -> None:
    answer(tmp_path / "bin" / "python3", "3.13.1")
    answer(tmp_path / "bin" / "python3.12", "3.14.0")
    answer(tmp_path / "old" / "python3", "3.9.2")
    assert found(rounds, tmp_path, "old", "bin") == {13: "bin/python3", 14: "bin/python3.12"}


@pytest.mark.parametrize("body", ["exit 1", "echo nonsense", "", "exec /nowhere"])
def test_a_program_that_is_no_python_with_venv_is_none(rounds: Any, tmp_path: Path, body: str) -> None:
    program(tmp_path / "python3", body)
    assert rounds.ask(tmp_path / "python3") is None


def test_this_python_is_named_by_its_real_path_not_by_the_environment(rounds: Any, tmp_path: Path) -> None:
    python = rounds.ask(sys.executable)
    assert python.version == sys.version_info[:3]
    assert not Path(python.path).is_relative_to(sys.prefix)


# --- Rounds -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("minors", "expected", "left_out"),
    [
        ([11], {"2.19": 11}, ["2.21", "2.20"]),
        ([11, 12], {"2.19": 11, "2.21": 12, "2.20": 12}, []),
        ([11, 12, 13], {"2.19": 11, "2.21": 13, "2.20": 12}, []),
        ([11, 12, 13, 14], {"2.19": 11, "2.21": 14, "2.20": 12}, []),
        ([13], {"2.21": 13, "2.20": 13, "2.19": 13}, []),
        ([12, 11, 13], {"2.21": 12, "2.20": 13, "2.19": 11}, []),
        ([12, 11, 13, 14], {"2.21": 12, "2.20": 13, "2.19": 11}, []),
        ([14, 15], {"2.21": 14, "2.20": 14}, ["2.19"]),
    ],
    ids=lambda value: "-".join(map(str, value)) if isinstance(value, list) else "",
)
def test_every_ansible_core_that_a_python_can_run_has_a_round(
    rounds: Any, minors: list[int], expected: dict[str, int], left_out: list[str]
) -> None:
    cores = [rounds.Core(name, f"{name}.0", minors) for name, minors in MINORS.items()]
    planned, missing = rounds.plan([rounds.Python((3, minor, 0), f"/python3.{minor}") for minor in minors], cores)
    assert [(one.core.name, one.python.minor) for one in planned] == list(expected.items())
    assert [core.name for core in missing] == left_out


def test_cores_and_their_pythons_are_read_from_the_constraints(rounds: Any, tmp_path: Path) -> None:
    for series in ("2.9", "2.10"):
        pin = f'ansible-core=={series}.3; python_version >= "3.11" and python_version < "3.14"'
        (tmp_path / f"constraints-{series}.txt").write_text(f"# A round\n-c constraints.txt\n{pin}\nansible==1.0\n")
    cores = rounds.supported_cores(tmp_path)
    assert cores == [("2.10", "2.10.3", range(11, 14)), ("2.9", "2.9.3", range(11, 14))]
    assert cores[0].needs == "Python 3.11 to 3.13"


def test_a_pre_release_is_no_choice_for_the_first_round(rounds: Any, tmp_path: Path) -> None:
    for release in ("2.21.5", "2.22.0rc1", "2.20.1"):
        pin = f'ansible-core=={release}; python_version >= "3.12" and python_version < "3.15"'
        (tmp_path / f"constraints-{release[:4]}.txt").write_text(f"{pin}\n")
    cores = rounds.supported_cores(tmp_path)
    assert [(core.name, core.stable) for core in cores] == [("2.21", True), ("2.20", True), ("2.22", False)]
    planned, _missing = rounds.plan([rounds.Python((3, minor, 0), "/python") for minor in (13, 12)], cores)
    assert [(one.core.name, one.python.minor) for one in planned] == [("2.21", 13), ("2.20", 12), ("2.22", 13)]


def test_constraints_without_a_range_of_pythons_are_an_error(rounds: Any, tmp_path: Path) -> None:
    (tmp_path / "constraints-2.19.txt").write_text("ansible-core==2.19.14\n")
    with pytest.raises(SystemExit, match=r"constraints-2\.19\.txt must pin ansible-core"):
        rounds.supported_cores(tmp_path)


def test_rounds_begin_with_the_oldest_ansible_core_that_the_collection_supports(rounds: Any, checkout: Path) -> None:
    runtime = yaml.safe_load((checkout / "meta" / "runtime.yml").read_text())
    cores = rounds.supported_cores()
    oldest = [core for core in cores if core.stable][-1]
    assert runtime["requires_ansible"] == f">={oldest.name}.0"
    assert [core.name for core in cores] == [core.release.rpartition(".")[0] for core in cores]


@pytest.mark.parametrize(
    ("name", "expected"),
    [("", ("2.21", "/python3.13")), ("2.20", ("2.20", "/python3.13")), ("2.18", ("2.18", "/python3.11"))],
    ids=["first", "the same Python", "another Python"],
)
def test_choice(rounds: Any, monkeypatch: pytest.MonkeyPatch, name: str, expected: tuple[str, str]) -> None:
    pythons = [rounds.Python((3, minor, 0), f"/python3.{minor}") for minor in (13, 11)]
    cores = [rounds.Core(name, f"{name}.0", minors) for name, minors in {**MINORS, "2.18": range(11, 13)}.items()]
    monkeypatch.setattr(rounds, "supported_cores", lambda: cores)
    monkeypatch.setattr(rounds, "first_python", lambda _cores: pythons[0])
    monkeypatch.setattr(rounds, "find_pythons", lambda *_any: pythons)
    core, python = rounds.choose(name)
    assert (core.name, python.path) == expected


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("2.18", r"2\.18 needs Python 3\.9 to 3\.10 with venv and ensurepip"),
        ("2.17", r"no tests/constraints-2\.17\.txt"),
    ],
)
def test_choice_of_what_is_not_available(rounds: Any, monkeypatch: pytest.MonkeyPatch, name: str, message: str) -> None:
    pythons = [rounds.Python((3, 13, 0), "/python3.13")]
    cores = [rounds.Core("2.19", "2.19.0", range(11, 14)), rounds.Core("2.18", "2.18.0", range(9, 11))]
    monkeypatch.setattr(rounds, "supported_cores", lambda: cores)
    monkeypatch.setattr(rounds, "first_python", lambda _cores: pythons[0])
    monkeypatch.setattr(rounds, "find_pythons", lambda *_any: pythons)
    with pytest.raises(SystemExit, match=message):
        rounds.choose(name)
