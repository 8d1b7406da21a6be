# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules of the collection: their documentation, their argument specs and the options in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).resolve().parents[2] / "plugins" / "modules"
PACKAGE = "ansible_collections.nested.hyperv.plugins.modules"


# It creates and removes objects of its own in one task and returns what it finds, which no check mode can foresee. Its
# contract tests are its own.
EXPERIMENTS = "host_experiment"


def modules() -> tuple[str, ...]:
    """Short names of all modules that keep the promises of modules."""
    return tuple(sorted(path.stem for path in FOLDER.glob("[a-z]*.py") if path.stem != EXPERIMENTS))


@cache
def documentation(module: str, block: str) -> Any:
    """DOCUMENTATION, EXAMPLES or RETURN of a module, parsed."""
    return yaml.safe_load(getattr(import_module(f"{PACKAGE}.{module}"), block))


def is_for_guests(module: str) -> bool:
    """Whether the target of a module is Windows itself, with or without Hyper-V."""
    fragments = documentation(module, "DOCUMENTATION").get("extends_documentation_fragment", [])
    return "nested.hyperv._guest" in fragments


# The host or guest of the examples of a module, if it needs more than a new Windows.
_OTHERS = {"isolated_container": "guest03", "nat_mapping": "hv02", "wsl_distribution": "guest02"}


def host_of(module: str) -> str:
    """The host or guest of model.yml on which the examples of a module run."""
    return _OTHERS.get(module, "guest01" if is_for_guests(module) else "hv01")


@cache
def options(module: str) -> frozenset[str]:
    """Full paths of all options of a module, such as `memory.minimum`, from its SPEC."""
    spec = import_module(f"{PACKAGE}.{module}").SPEC
    return frozenset(option_paths(spec["argument_spec"]))


def option_paths(argument_spec: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    for name, option in argument_spec.items():
        yield name
        yield from (f"{name}.{path}" for path in option_paths(option.get("options") or {}))
