# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbooks of the guides (docs/docsite/examples), in one run of ansible-playbook on the host of the examples."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from ansible_collections.nested.hyperv.tests.harness import collection
from ansible_collections.nested.hyperv.tests.harness.playbooks import Playbooks

pytestmark = pytest.mark.playbook

ROOT = Path(__file__).resolve().parents[2]
# Inventories and variables are tested in tests/unit/contract/test_guides.py.
EXAMPLES = [
    str(path)
    for path in sorted((ROOT / "docs/docsite/examples").glob("*.yml"))
    if isinstance(yaml.safe_load(path.read_text()), list)
]
MODEL = {"hosts": yaml.safe_load((ROOT / "tests/unit/contract/model.yml").read_text())["hosts"][:1]}


def test_examples(playbook: Playbooks) -> None:
    check = playbook(EXAMPLES, "--check", "--diff")
    assert check.code == 0, check.text
    assert not check.writes
    real = playbook(EXAMPLES, "--diff")
    assert real.code == 0, real.text
    assert real.recap()["changed"] == check.recap()["changed"] > 0
    second = playbook(EXAMPLES)
    assert second.code == 0, second.text
    assert not second.writes
    assert second.recap()["changed"] == 0


def test_examples_name_tasks_and_modules_of_the_collection() -> None:
    for path in EXAMPLES:
        for play in yaml.safe_load(Path(path).read_text()):
            for task in play["tasks"]:
                (module,) = (key for key in task if "." in key)
                assert module.removeprefix("nested.hyperv.") in [*collection.modules(), "ansible.builtin.debug"]
