# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that a module of its own has at the top level, and the module vm in a section.

Their texts are written once, as YAML without indentation. A reference to an option beside it begins with a dot:
``O(.startup)`` becomes ``O(startup)`` at the top level and ``O(memory.startup)`` in the section memory, ``O(.path)``
becomes ``O(disks[].path)`` in a list.

The attributes of a fragment that are computed have a type annotation, because ansible-test's yamllint expects plain
assignments in fragments to be literals.
"""

from __future__ import annotations

from textwrap import indent


def top_level(texts: str) -> str:
    """The options of a module."""
    return "options:\n" + indent(texts.replace("O(.", "O("), "  ")


def suboptions(section: str, texts: str) -> str:
    """The options of a section. The module itself contains the description and the type of the section."""
    return f"options:\n  {section}:\n    suboptions:\n" + indent(texts.replace("O(.", f"O({section}."), "      ")


def elements(section: str, texts: str) -> str:
    """The options of the elements of a section that is a list."""
    return suboptions(section, texts.replace("O(.", f"O({section}[]."))
