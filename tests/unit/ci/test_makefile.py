# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When `make` sets up a virtual environment: steps of a round run side by side in the one that its setup left."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PYTHON = """#!/bin/sh
case "$1 $2" in
    "-m venv") mkdir -p "$4/bin" && cp "$0" "$4/bin/python" ;;
    ".ci/rounds.py ") echo "2.16 $0" ;;
esac
"""


@pytest.fixture
def setup(checkout: Path, tmp_path: Path) -> Callable[..., str]:
    """What `make setup` prints in a checkout, with a Python that does nothing, and notes nothing in its environment."""
    python = tmp_path / "python"
    python.write_text(PYTHON)
    python.chmod(0o755)
    (tmp_path / "first" / "tests").mkdir(parents=True)
    shutil.copy(checkout / "Makefile", tmp_path / "first")
    for name in ("constraints.txt", "requirements-run.txt", "requirements.txt"):
        (tmp_path / "first" / "tests" / name).touch()

    def run(folder: str) -> str:
        command = ["make", "--no-print-directory", "setup", f"PYTHON={python}"]
        environment = {"PATH": os.environ["PATH"]}  # without the variables of the make that runs the tests
        options: Any = {"cwd": tmp_path / folder, "env": environment, "capture_output": True, "text": True}
        return subprocess.run(command, check=True, **options).stdout

    return run


def test_an_environment_is_created_once(setup: Callable[..., str]) -> None:
    assert "Setting up .venv with ansible-core 2.16" in setup("first")
    assert "Setting up" not in setup("first")


def test_an_environment_is_created_again_without_its_python_or_in_another_folder(
    setup: Callable[..., str], tmp_path: Path
) -> None:
    setup("first")
    (tmp_path / "first" / ".venv" / "bin" / "python").unlink()
    assert "Setting up" in setup("first")
    shutil.copytree(tmp_path / "first", tmp_path / "second", symlinks=True)
    assert "Setting up" in setup("second")
    assert "Setting up" not in setup("second")
