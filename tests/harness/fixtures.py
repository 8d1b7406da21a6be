# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures of all tests: the test module's MODEL, running."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.nested.hyperv.tests import simulator

from .lab import Lab, open_lab
from .playbooks import Playbooks


@pytest.fixture
def jobs() -> Mapping[str, Any]:
    """How the lab's hosts answer methods (`jobs` of the model); test modules override it."""
    return {}


@pytest.fixture
def lab(request: pytest.FixtureRequest, jobs: Mapping[str, Any]) -> Iterator[Lab]:
    """The MODEL, started for one test."""
    with open_lab(request.module.MODEL, jobs=jobs) as lab:
        yield lab


@pytest.fixture(scope="module")
def shared_lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """The MODEL, started once for tests that leave it as it is: refusals and queries."""
    with open_lab(request.module.MODEL) as lab:
        yield lab


@pytest.fixture
def sim(request: pytest.FixtureRequest) -> Iterator[simulator.Simulation]:
    """The MODEL, started for one test in which time passes by itself, as for ansible-playbook."""
    with simulator.start(request.module.MODEL, strict=True) as sim:
        yield sim


@pytest.fixture
def playbook(sim: simulator.Simulation, tmp_path: Path) -> Playbooks:
    """ansible-playbook on the hosts of `sim`."""
    return Playbooks(sim, tmp_path)
