# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The examples for pipelines: each has the structure of its product, and runs the documented command."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

DOCS = Path(__file__).resolve().parents[3] / "docs"
PAGE = (DOCS / "pipelines.md").read_text()
COMMAND = "ansible-playbook nested.hyperv.gate_nesting -i inventory.yml -e @gate.yml"
FILES = {"gate-nesting.junit.xml", "gate-nesting.md"}


def load(name: str) -> Any:
    return yaml.safe_load((DOCS / "pipelines" / name).read_text())


def test_the_page_names_each_example_and_the_command() -> None:
    assert f"```sh\n{COMMAND}\n```" in PAGE
    linked = set(re.findall(r"\(pipelines/([^)]+)\)", PAGE))
    assert linked == {path.name for path in (DOCS / "pipelines").iterdir()}


def test_the_page_explains_variables_in_valid_yaml() -> None:
    gate, inventory = (yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL))
    assert all(name.startswith("gate_nesting_") for name in gate)
    assert list(inventory) == ["hyperv"]


def test_github_actions() -> None:
    workflow = load("github-actions.yml")
    assert set(workflow) == {"name", "on", "permissions", "jobs"}
    assert set(workflow["on"]) == {"pull_request", "schedule"}
    (job,) = workflow["jobs"].values()
    assert set(job) == {"if", "runs-on", "steps"}
    assert all(("uses" in step) != ("run" in step) for step in job["steps"])
    (step,) = (step for step in job["steps"] if step.get("run") == COMMAND)
    assert set(step["env"]) == {"HYPERV_USER", "HYPERV_PASSWORD"}
    after = job["steps"][job["steps"].index(step) + 1 :]
    assert after
    assert all("always()" in step["if"] for step in after), "the reports matter most if the gate fails"


def test_gitlab_ci() -> None:
    pipeline = load("gitlab-ci.yml")
    assert set(pipeline) == {"stages", "gate_nesting"}
    job = pipeline["gate_nesting"]
    assert job["stage"] in pipeline["stages"]
    assert set(job) == {"stage", "image", "tags", "rules", "before_script", "script", "after_script", "artifacts"}
    assert job["script"] == [COMMAND]
    assert job["artifacts"]["when"] == "always"
    assert {job["artifacts"]["reports"]["junit"], *job["artifacts"]["paths"]} == FILES


def test_azure_pipelines() -> None:
    pipeline = load("azure-pipelines.yml")
    assert set(pipeline) == {"trigger", "pr", "schedules", "pool", "steps"}
    kinds = [next(iter(step)) for step in pipeline["steps"]]
    assert set(kinds) == {"checkout", "script", "task"}
    (position,) = (index for index, step in enumerate(pipeline["steps"]) if step.get("script") == COMMAND)
    assert set(pipeline["steps"][position]["env"]) == {"HYPERV_USER", "HYPERV_PASSWORD"}
    after = pipeline["steps"][position + 1 :]
    assert [step["condition"] for step in after] == ["succeededOrFailed()"] * 2
    (publish,) = (step for step in after if step.get("task") == "PublishTestResults@2")
    assert publish["inputs"]["testResultsFormat"] == "JUnit"
    assert publish["inputs"]["testResultsFiles"] in FILES


def test_jenkins() -> None:
    text = re.sub(r"^\s*//.*\n", "", (DOCS / "pipelines/Jenkinsfile").read_text(), flags=re.MULTILINE)
    blocks = re.findall(r"^( *)(\w+)(?:\('(\w+)'\))? \{", text, re.MULTILINE)
    assert [name for indent, name, _title in blocks if not indent] == ["pipeline"]
    assert [name for indent, name, _title in blocks if len(indent) == 4] == ["agent", "triggers", "stages", "post"]
    assert [title for _indent, name, title in blocks if name == "stage"] == ["Install", "Gate"]
    assert text.count("{") == text.count("}")
    lines = [line.strip() for line in text.splitlines()]
    first = next(line for line, before in zip(lines[1:], lines, strict=False) if before.startswith("sh "))
    assert first == "rm -f gate-nesting.*", "reports of an earlier run are not those of this one"
    assert lines.count(COMMAND) == 1
    assert any(line.startswith("junit ") and "gate-nesting.junit.xml" in line for line in lines)
