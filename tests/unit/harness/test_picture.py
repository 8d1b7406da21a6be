# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The picture of the demo: shows a run in check mode, and requests no other file."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
RUN = "\n\x1b[1m$ ansible-playbook nested.hyperv.enable_nesting {}\x1b[0m\n\n\x1b[0;32mok: [hv01] <{}>\x1b[0m\n"


@pytest.fixture(scope="module")
def picture() -> Any:
    spec = importlib.util.spec_from_file_location("picture", ROOT / "tests/demo/picture.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def text(svg: str) -> list[str]:
    return ["".join(row.itertext()).replace("\xa0", " ") for row in ElementTree.fromstring(svg).iterfind(".//{*}text")]


def test_the_first_run_and_the_verdict_are_shown_in_colour(picture: Any) -> None:
    output = (
        "Setting up\n"
        + RUN.format("--check", "first")
        + RUN.format("", "second")
        + "\nThe second run changed nothing.\n"
    )
    svg = picture.svg(picture.excerpt(output))
    shown = ["$ ansible-playbook nested.hyperv.enable_nesting --check", "ok: [hv01] <first>", ""]
    assert text(svg) == [*shown, "The second run changed nothing."]
    assert 'fill:#7ee787">ok:' in svg


def test_long_lines_are_cut(picture: Any) -> None:
    (line,) = text(picture.svg(["\x1b[31m" + "x" * 100 + "\x1b[0m" + "y" * 100]))
    assert line == "x" * 100 + "y" * (picture.COLUMNS - 100)


def test_the_picture_in_the_readme_is_one_of_the_demo() -> None:
    svg = (ROOT / "docs/demo.svg").read_text()
    (play,) = yaml.safe_load((ROOT / "playbooks/enable_nesting.yml").read_text())
    shown = text(svg)
    assert re.findall(r"TASK \[(.*?)\]", "\n".join(shown)) == [task["name"] for task in play["tasks"]]
    assert shown[-1] == "The second run changed nothing."
    assert "href" not in svg
    assert re.findall(r"https?://\S+?\"", svg) == ['http://www.w3.org/2000/svg"']
