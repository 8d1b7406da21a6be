# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Defaults of a group of modules (module_defaults: group/…), of which each module takes the options that it has."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType
from typing import Any


def applicable(
    args: Mapping[str, Any],
    options: Container[str],
    module_defaults: Iterable[Mapping[str, Any]],
    template: Callable[[Any], Any],
    elsewhere: Callable[[], Container[str]],
) -> dict[str, Any]:
    """The arguments of a task without those that a group's defaults set for other modules.

    ``elsewhere`` returns the options of all modules: one that no module has is left to be refused, as is one that the
    task sets itself.
    """
    unknown = [name for name in args if name not in options]
    defaults = {
        name: value
        for each in ((unknown and module_defaults) or ())
        for group, values in each.items()
        if group.startswith("group/")
        for name, value in (values or {}).items()
    }
    foreign = [name for name in unknown if name in defaults and template(defaults[name]) == args[name]]
    known = elsewhere() if foreign else ()
    return {name: value for name, value in args.items() if name not in foreign or name not in known}


def options_of_all(module: ModuleType) -> set[str]:
    """The options of the module and of all others of its collection."""
    package = import_module(module.__name__.rpartition(".")[0])
    siblings = (import_module(f"{package.__name__}.{found.name}") for found in iter_modules(package.__path__))
    return {option for sibling in siblings for option in sibling.SPEC["argument_spec"]}
