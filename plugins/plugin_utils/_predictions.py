# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Predictions of a --check run, in a file of Ansible's own per-run temporary folder for each managed host."""

from __future__ import annotations

import fcntl
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import ansible.constants as ansible_constants
from ansible import context

from ..module_utils._hyperv.shadow.overlay import Overlay


@contextmanager
def predictions(endpoint: str) -> Iterator[Overlay]:
    """What earlier tasks of this run would have changed on a host, and afterwards with what this task would.

    Only a run that is itself a check keeps predictions: a task with ``check_mode: true`` in a real run is a trial that
    later tasks don't see. Tasks of several workers on one host take turns.
    """
    if not context.CLIARGS.get("check"):
        yield Overlay()
        return
    name = hashlib.sha256(endpoint.encode()).hexdigest()[:16]
    path = Path(ansible_constants.DEFAULT_LOCAL_TMP) / f"nested_hyperv_{name}.json"
    with path.open("a+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # until the file is closed
        file.seek(0)
        text = file.read()
        overlay = Overlay.load(text) if text else Overlay()
        yield overlay
        file.seek(0)
        file.truncate()
        file.write(overlay.dump())
