# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a process of the fault matrix does; importing it prepares the process for the collection."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

importlib.import_module("tests.conftest")  # the plugin loader must know the collection before any of it is imported
PACKAGE = "ansible_collections.nested.hyperv.tests.faults"
matrix, tables = (importlib.import_module(f"{PACKAGE}.{name}") for name in ("matrix", "tables"))


def judge_all(part: Sequence[tuple[str, str, int]]) -> list[Any]:
    """The verdicts of some runs."""
    return [matrix.judge(matrix.Case(*case)) for case in part]
