"""What holds for every role and playbook of the collection."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
FILES = sorted(path for folder in ("roles", "playbooks") for path in (ROOT / folder).rglob("*.yml"))
OF_A_RESULT = re.compile(r"\.msg\b|\[['\"]msg['\"]\]")
MESSAGES = {"msg", "fail_msg"}  # may quote a sentence


def expressions(node: Any) -> Iterator[str]:
    """All texts of a file but those that are messages."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key not in MESSAGES:
                yield from expressions(value)
    elif isinstance(node, list):
        for value in node:
            yield from expressions(value)
    elif isinstance(node, str):
        yield node


@pytest.mark.parametrize("path", FILES, ids=[str(path.relative_to(ROOT)) for path in FILES])
def test_no_result_is_judged_by_its_sentence(path: Path) -> None:
    """Sentences change; a module returns `kind` for a failure that a playbook may expect."""
    found = expressions(yaml.safe_load(path.read_text()))
    assert [text for text in found if OF_A_RESULT.search(text)] == []


# ---- variables given as text ----

# The types whose filters have the same name, and the variables of a playbook with such a default in its header.
CONVERTED = ("bool", "int")
HEADER = re.compile(r"^#   (\w+): (true|false|\d+)  ", re.MULTILINE)
# A value that is passed on unchanged, to a module or to a variable of another role.
DEFAULT = r"(?:\s*\|\s*default\([^()]*\))?"
PASSED_ON = re.compile(rf"\{{\{{\s*(\w+){DEFAULT}\s*\}}\}}")
CONDITIONS = {"when", "that", "failed_when", "changed_when", "until"}  # expressions without braces


def variables_of(node: Any) -> Iterator[tuple[str, Any]]:
    """The variables that tasks set for themselves, or for another role."""
    for value in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from variables_of(value)
    if isinstance(node, dict):
        yield from (node.get("vars") or {}).items()


def typed_variables() -> dict[str, str]:
    """Types of the variables that are no text, by the specifications of roles and the headers of playbooks."""
    types: dict[str, str] = {}
    for path in (ROOT / "roles").rglob("argument_specs.yml"):
        for entry in yaml.safe_load(path.read_text())["argument_specs"].values():
            types |= {name: option["type"] for name, option in entry["options"].items()}
    for path in (ROOT / "playbooks").glob("*.yml"):
        for name, default in HEADER.findall(path.read_text()):
            if name.startswith(f"{path.stem}_"):
                types[name] = "int" if default.isdecimal() else "bool"
    passed_on = {
        name: types[match[1]]
        for path in FILES
        for name, value in variables_of(yaml.safe_load(path.read_text()))
        if (match := PASSED_ON.fullmatch(str(value).strip())) and match[1] in types
    }
    return {name: type_ for name, type_ in (types | passed_on).items() if type_ in CONVERTED}


TYPES = typed_variables()


def templates(node: Any, key: str = "") -> Iterator[str]:
    """All expressions, without the texts around them."""
    if isinstance(node, dict):
        for name, value in node.items():
            yield from templates(value, name)
    elif isinstance(node, list):
        for value in node:
            yield from templates(value, key)
    elif isinstance(node, str):
        yield from [node] if key in CONDITIONS else re.findall(r"\{\{.*?\}\}", node, re.DOTALL)


def unconverted(text: str) -> list[str]:
    """The variables that an expression calculates with, or decides by, as they were given."""
    if PASSED_ON.fullmatch(text):
        return []
    names = sorted(set(re.findall(r"\w+", text)) & set(TYPES))
    tests = {name: rf"(?<![\w.]){name}\b(?!{DEFAULT}\s*\|\s*{TYPES[name]}\b)(?!\s+is\b)" for name in names}
    return [name for name in names if re.search(tests[name], text)]


def test_types_are_known() -> None:
    assert TYPES["reset_lab_start"] == TYPES["wsl2_in_vm_reboot"] == TYPES["nested_guest_allow_power_cycle"] == "bool"
    assert TYPES["create_training_lab_generation"] == TYPES["nested_guest_processors"] == "int"
    assert unconverted("reset_lab_start | default(true)") == unconverted("not reset_lab_start") == ["reset_lab_start"]
    assert unconverted("{{ reset_lab_start | ternary(1, 2) }}") == ["reset_lab_start"]
    assert not unconverted("{{ reset_lab_start | default(true) }}") + unconverted(
        "reset_lab_start | default(true) | bool"
    )


@pytest.mark.parametrize("path", FILES, ids=[str(path.relative_to(ROOT)) for path in FILES])
def test_variables_that_are_given_as_text_are_converted(path: Path) -> None:
    """``-e name=false`` is the text 'false', which is true, or an error in conditions since ansible-core 2.19."""
    found = {text: unconverted(text) for text in templates(yaml.safe_load(path.read_text()))}
    assert {text: names for text, names in found.items() if names} == {}
