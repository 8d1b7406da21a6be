# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook capture_model: it only reads, and the simulator starts with the file that it writes."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.nested.hyperv.tests import simulator
from ansible_collections.nested.hyperv.tests.harness.playbooks import Playbooks

pytestmark = pytest.mark.playbook

CAPTURE = "nested.hyperv.capture_model"
MODEL = "small"


def test_a_scrubbed_model_of_a_host_starts(sim: simulator.Simulation, playbook: Playbooks, tmp_path: Path) -> None:
    ended = playbook(CAPTURE, variables={"capture_model_scrubbed": True})
    assert ended.code == 0, ended.text
    assert ended.writes == []
    path = tmp_path / "model-hv01.yml"
    assert "nested01" not in path.read_text("utf-8")
    with simulator.start(path) as captured:
        (host,) = (machine for machine in captured.machines.values() if not machine.inside)
        names = {row["ElementName"] for row in sim.machines["hv01"].repository.rows("Msvm_ComputerSystem")}
        assert len(host.vms) == len(sim.machines["hv01"].vms)
        assert not names & {vm.name for vm in host.vms.values()}


def test_a_host_whose_vms_are_unknown_is_refused(tmp_path: Path) -> None:
    model = {"hosts": [{"name": "hv01", "services": {"vmms": "Stopped"}, "vms": [{"name": "web01"}]}]}
    with simulator.start(model, strict=True) as sim:
        ended = Playbooks(sim, tmp_path)(CAPTURE)
    assert ended.code != 0
    assert "hv01: Hyper-V is installed but does not answer" in ended.words
    assert "(vmms) is stopped" in ended.words
    assert "Start the service" in ended.words
    assert not list(tmp_path.glob("model*"))


def test_a_host_without_hyperv_is_captured(tmp_path: Path) -> None:
    with simulator.start({"hosts": [{"name": "hv01", "hyperv": False}]}, strict=True) as sim:
        ended = Playbooks(sim, tmp_path)(CAPTURE)
    assert ended.code == 0, ended.text
    assert "hyperv: false" in (tmp_path / "model-hv01.yml").read_text("utf-8")


def test_check_mode_writes_no_file(playbook: Playbooks, tmp_path: Path) -> None:
    assert playbook(CAPTURE, "--check").code == 0
    assert not list(tmp_path.glob("model*"))
