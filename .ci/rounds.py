# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rounds of tests: each ansible-core with a Python that can run it. Pre-releases are tested last, and may fail.

`rounds.py` prints the ansible-core and the Python of the first round, which the Python that runs the script decides;
`rounds.py 2.20` those of the round with that ansible-core. Pythons are searched in PATH and among the versions of
pyenv. The ansible-cores and the Pythons that each of them supports are those of tests/constraints-*.txt.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

TESTS = Path(__file__).resolve().parents[1] / "tests"
PIN = re.compile(
    r'^ansible-core==([\w.]+); python_version >= "3\.(\d+)" and python_version < "3\.(\d+)"$', re.MULTILINE
)
# The path of the real program: neither a shim nor a virtual environment, which may be replaced by the very round.
# Up to Python 3.10, only the links of a virtual environment lead there.
QUESTION = """
import ensurepip, os, sys, venv
print(*sys.version_info[:3], os.path.realpath(sys.executable) if sys.version_info < (3, 11) else sys._base_executable)
"""


class Python(NamedTuple):
    """An interpreter that can create virtual environments."""

    version: tuple[int, int, int]
    path: str

    def __str__(self) -> str:
        return f"Python {'.'.join(map(str, self.version))}"

    @property
    def minor(self) -> int:
        return self.version[1]


class Core(NamedTuple):
    """A release series of ansible-core, the release of it to test, and the minor versions of Python 3 for it."""

    name: str
    release: str
    minors: range

    @property
    def stable(self) -> bool:
        return self.release.replace(".", "").isdigit()

    @property
    def needs(self) -> str:
        return f"Python 3.{self.minors[0]} to 3.{self.minors[-1]}"


class Round(NamedTuple):
    core: Core
    python: Python

    def __str__(self) -> str:
        return f"ansible-core {self.core.release}, {self.python}"


def supported_cores(folder: Path = TESTS) -> list[Core]:
    """The ansible-cores that have a file of constraints: the stable ones first, the newest before the older ones."""
    cores = []
    for path in folder.glob("constraints-*.txt"):
        pin = PIN.search(path.read_text())
        if not pin:
            sys.exit(f"{path} must pin ansible-core for a range of Pythons")
        release, oldest, end = pin.groups()
        cores.append(Core(path.stem.partition("-")[2], release, range(int(oldest), int(end))))
    return sorted(cores, key=lambda core: (core.stable, [int(part) for part in core.name.split(".")]), reverse=True)


def ask(program: str | Path) -> Python | None:
    """The Python that a program starts; None if it starts none or lacks venv or ensurepip."""
    try:
        process = subprocess.run(
            [program, "-c", QUESTION], capture_output=True, check=True, stdin=subprocess.DEVNULL, text=True, timeout=20
        )
        major, minor, micro, path = process.stdout.strip().split(" ", 3)
        return Python((int(major), int(minor), int(micro)), path)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None


def candidates(minors: Iterable[int], path: str, pyenv: Path) -> Iterator[Path]:
    """Programs that may be a Python 3 of these minor versions: those in PATH first, then pyenv's, newest first."""
    names = [*(f"python3.{minor}" for minor in minors), "python3"]
    folders = [Path(folder) for folder in path.split(os.pathsep) if folder]
    versions = (version for version in pyenv.glob("versions/3.*") if re.fullmatch(r"[\d.]+", version.name))
    newest_first = sorted(versions, key=lambda version: [int(part) for part in version.name.split(".")], reverse=True)
    for folder in [*folders, *(version / "bin" for version in newest_first)]:
        yield from (folder / name for name in names if os.access(folder / name, os.X_OK))


def find_pythons(first: Python, minors: Iterable[int], path: str, pyenv: Path) -> list[Python]:
    """One Python of each of these minor versions, if there is one, and the first in any case."""
    wanted = set(minors) - {first.minor}
    pythons = [first]
    for program in candidates(sorted(wanted), path, pyenv):
        python = ask(program)
        if python and python.version[0] == 3 and python.minor in wanted:
            wanted.remove(python.minor)
            pythons.append(python)
        if not wanted:
            break
    return pythons


def plan(pythons: Sequence[Python], cores: Sequence[Core]) -> tuple[list[Round], list[Core]]:
    """The rounds, and the ansible-cores that none of the Pythons can run.

    The first Python takes the newest stable ansible-core that it can run. Of the other ansible-cores, the newest and
    pre-releases take the newest Python and each older one the oldest; a Python that has no round yet goes first.
    """
    rounds = [Round(core, pythons[0]) for core in cores if pythons[0].minor in core.minors][:1]
    left_out = []
    for core in cores:
        if core in (existing.core for existing in rounds):
            continue
        newest_first = core is cores[0] or not core.stable
        fitting = sorted((python for python in pythons if python.minor in core.minors), reverse=newest_first)
        used = {existing.python for existing in rounds}
        if fitting:
            rounds.append(Round(core, min(fitting, key=used.__contains__)))
        else:
            left_out.append(core)
    return rounds, left_out


def first_python(cores: Sequence[Core]) -> Python:
    """The Python that runs this script, if it can have a round."""
    python = ask(sys.executable)
    if python is None:
        sys.exit(f"{sys.executable} has no venv (Debian, Ubuntu: apt install python3-venv)")
    if not any(python.minor in core.minors for core in cores):
        ranges = "; ".join(f"ansible-core {core.name} needs {core.needs}" for core in cores)
        sys.exit(f"No ansible-core is tested with {python}: {ranges} (make PYTHON=python3.12 …)")
    return python


def find_rounds() -> tuple[list[Round], list[Core]]:
    """The rounds of this machine, and the ansible-cores left out."""
    cores = supported_cores()
    minors = {minor for core in cores for minor in core.minors}
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    return plan(find_pythons(first_python(cores), minors, os.environ["PATH"], pyenv), cores)


def choose(name: str) -> Round:
    """The round with this ansible-core, or without a name the first; with the Python of this script if it fits."""
    cores = supported_cores()
    python = first_python(cores)
    for core in cores:
        if python.minor in core.minors and name in ("", core.name):
            return Round(core, python)
    rounds, left_out = find_rounds()
    for found in rounds:
        if found.core.name == name:
            return found
    for core in left_out:
        if core.name == name:
            sys.exit(f"ansible-core {name} needs {core.needs} with venv and ensurepip, in PATH or known to pyenv")
    sys.exit(f"CORE={name} has no tests/constraints-{name}.txt")


if __name__ == "__main__":
    core, python = choose(*sys.argv[1:] or [""])
    print(core.name, python.path)
