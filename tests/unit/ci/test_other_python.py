"""Which Python gets the second round of `make test`."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ({"python3": 11}, ""),
        ({"python3": 11, "python3.12": 12, "python3.13": 13}, "python3.13"),
        ({"python3": 11, "python3.11": 11, "python3.15": 15}, ""),
        ({"python3": 13, "python3.11": 11, "python3.13": 13}, "python3.11"),
        ({"python3": 13, "python3.13": 13, "python3.14": 14}, ""),
        ({"python3": 11, "python3.12": 12, "python3.14": None}, "python3.12"),
    ],
    ids=["3.11 only", "newest", "too new", "oldest", "one line is enough", "without venv"],
)
def test_selection(checkout: Path, tmp_path: Path, found: dict[str, int | None], expected: str) -> None:
    for name, minor in found.items():
        program = tmp_path / name
        program.write_text("#!/bin/sh\n" + ("exit 1\n" if minor is None else f"echo {minor}\n"))
        program.chmod(0o755)
    script = checkout / ".ci" / "other-python"
    output = subprocess.run(
        ["/bin/sh", script, "python3"], env={"PATH": str(tmp_path)}, capture_output=True, check=False, text=True
    )
    assert (output.returncode, output.stdout.strip(), output.stderr) == (0, expected, "")
