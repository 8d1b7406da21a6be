# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/cmdlets.md, generated from the documentation of options and results that correspond to cmdlets (make rules)."""

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
# A cmdlet in another sentence, such as one with another default, does not correspond to the option.
SENTENCE = re.compile(r"\b[Cc]orresponds to .*?(?:\.(?=\s|$)|$)")

_RESULT = "result "
_HEAD = """\
# Cmdlets and options

The module and option for each parameter of a cmdlet, and the result for each cmdlet that returns settings. The page is
generated from the documentation of the modules (`make rules`). An option of a module in brackets has the same effect,
as part of a whole VM.

"""


def entries() -> Iterator[tuple[str, str, str]]:
    """Module, name and description of each option and each return value, with their parts, as ansible-doc returns them.

    The name of a return value has the prefix "result ".
    """

    def walk(section: Mapping[str, Any], parts: str, path: str) -> Iterator[tuple[str, str]]:
        for name, entry in section.items():
            text = entry["description"]
            yield f"{path}{name}", text if isinstance(text, str) else " ".join(text)
            yield from walk(entry.get(parts) or {}, parts, f"{path}{name}.")

    program = Path(sys.executable).with_name("ansible-doc")
    modules = [f"nested.hyperv.{module}" for module in collection.modules()]
    process = subprocess.run([program, "--json", *modules], capture_output=True, check=True)
    for module, entry in json.loads(process.stdout).items():
        for path, text in walk(entry["doc"]["options"], "suboptions", ""):
            yield module.rpartition(".")[2], path, text
        for path, text in walk(entry["return"], "contains", ""):
            yield module.rpartition(".")[2], f"{_RESULT}{path}", text


def named(text: str) -> list[tuple[str, str]]:
    """Cmdlets and parameters to which an entry corresponds."""
    sentences = " ".join(SENTENCE.findall(text))
    return list(dict.fromkeys(match.groups("") for match in CMDLET.finditer(sentences)))


def _place(module: str, path: str) -> str:
    kind = "result " if path.startswith(_RESULT) else ""
    return f"`{module}`: {kind}`{path.removeprefix(_RESULT)}`"


def parameters() -> dict[tuple[str, str], list[tuple[str, str]]]:
    """Cmdlet and parameter -> modules with their options and return values."""
    found: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for module, path, text in entries():
        for cmdlet, parameter in named(text):
            found.setdefault((cmdlet, parameter), []).append((module, path))
    return found


def document() -> str:
    """The whole page."""
    rows = ["| Cmdlet | Parameter | Module: option or result |", "|---|---|---|"]
    for (cmdlet, parameter), places in sorted(parameters().items()):
        own = [_place(module, path) for module, path in places if module != "vm"]
        whole = [_place(module, path) for module, path in places if module == "vm"]
        where = "; ".join([*own, *([f"({'; '.join(whole)})"] if own and whole else whole)])
        rows.append(f"| `{cmdlet}` | {f'`-{parameter}`' if parameter else ''} | {where} |")
    return _HEAD + "\n".join(rows) + "\n"


if __name__ == "__main__":
    DOCUMENT.write_text(document(), "utf-8")
