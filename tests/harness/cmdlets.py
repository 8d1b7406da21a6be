# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/cmdlets.md, generated from the PowerShell parameters that the documentation of options names (make rules)."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from . import collection

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "cmdlets.md"
CMDLET = re.compile(r"C\(([A-Z]\w+-[A-Z]\w+)(?: -(\w+))?\)")

_HEAD = """\
# Cmdlets and options

The module and option for each parameter of a cmdlet. The page is generated from the documentation of the modules
(`make rules`). An option of a module in brackets has the same effect, as part of a whole VM.

"""


def options() -> Iterator[tuple[str, str, str]]:
    """Module, path and description of each option, suboptions included, as ansible-doc returns them."""

    def walk(section: Mapping[str, Any], path: str) -> Iterator[tuple[str, str]]:
        for name, option in section.items():
            text = option["description"]
            yield f"{path}{name}", text if isinstance(text, str) else " ".join(text)
            yield from walk(option.get("suboptions") or {}, f"{path}{name}.")

    program = Path(sys.executable).with_name("ansible-doc")
    modules = [f"nested.hyperv.{module}" for module in collection.modules()]
    process = subprocess.run([program, "--json", *modules], capture_output=True, check=True)
    for module, entry in json.loads(process.stdout).items():
        for path, text in walk(entry["doc"]["options"], ""):
            yield module.rpartition(".")[2], path, text


def parameters() -> dict[tuple[str, str], list[tuple[str, str]]]:
    """Cmdlet and parameter -> modules with their options."""
    found: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for module, path, text in options():
        for cmdlet, parameter in dict.fromkeys(match.groups("") for match in CMDLET.finditer(text)):
            found.setdefault((cmdlet, parameter), []).append((module, path))
    return found


def document() -> str:
    """The whole page."""
    rows = ["| Cmdlet | Parameter | Module: option |", "|---|---|---|"]
    for (cmdlet, parameter), places in sorted(parameters().items()):
        own = [f"`{module}`: `{path}`" for module, path in places if module != "vm"]
        whole = [f"`vm`: `{path}`" for module, path in places if module == "vm"]
        where = "; ".join([*own, *([f"({'; '.join(whole)})"] if own and whole else whole)])
        rows.append(f"| `{cmdlet}` | {f'`-{parameter}`' if parameter else ''} | {where} |")
    return _HEAD + "\n".join(rows) + "\n"


if __name__ == "__main__":
    DOCUMENT.write_text(document(), "utf-8")
