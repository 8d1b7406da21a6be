# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the harness asserts of every result, and the clock that it drives."""

from __future__ import annotations

import time
from typing import Any

import pytest

from ansible_collections.nested.hyperv.plugins.module_utils._wsman.client import ConnectionOptions, connect
from ansible_collections.nested.hyperv.plugins.module_utils._wsman.faults import WSManError
from ansible_collections.nested.hyperv.tests import simulator
from ansible_collections.nested.hyperv.tests.harness import collection
from ansible_collections.nested.hyperv.tests.harness.lab import open_lab, waiting_advances
from ansible_collections.nested.hyperv.tests.harness.task import check_result, named_options


def failed(option: str, message: str) -> dict[str, Any]:
    return {"failed": True, "changed": False, "msg": message, "option": option}


@pytest.mark.parametrize(
    ("module", "option"),
    [("vm", "name"), ("vm", "memory.minimum"), ("vm", "network_adapters.vlan.id"), ("vm_memory", "minimum")],
)
def test_an_existing_option_that_the_message_names_is_accepted_and_recorded(
    monkeypatch: pytest.MonkeyPatch, module: str, option: str
) -> None:
    monkeypatch.setattr("ansible_collections.nested.hyperv.tests.harness.task.named_options", seen := set())
    check_result(module, failed(option, f"hv01: {option}: out of range"), "")
    assert seen == {(module, option)}


@pytest.mark.parametrize(
    ("module", "option", "message"),
    [
        ("vm_network_adapter", "id_of_vm", "hv01: choose one by 'id_of_vm'"),
        ("vm", "minimum", "hv01: minimum: too small"),
        ("vm", "tpm", "hv01: VM 'lab01' is a generation 1 VM"),
        ("vm", "network_adapters.0.switch", "hv01: network_adapters.0.switch: no such switch"),
    ],
)
def test_an_unknown_option_or_one_that_the_message_does_not_name_fails_the_test(
    module: str, option: str, message: str
) -> None:
    before = set(named_options)
    with pytest.raises(AssertionError):
        check_result(module, failed(option, message), "")
    assert named_options == before


def test_a_password_in_a_result_fails_the_test() -> None:
    with pytest.raises(AssertionError, match="password"):
        check_result("vm_info", {"changed": False, "nested": [{"text": "as s3cr3t!"}]}, "s3cr3t!")


def test_option_paths_include_suboptions() -> None:
    spec = {"a": {}, "b": {"options": {"c": {"options": {"d": {}}}}}}
    assert list(collection.option_paths(spec)) == ["a", "b", "b.c", "b.c.d"]


def test_a_pause_advances_the_clock_of_the_simulation_and_nothing_else_does() -> None:
    with simulator.start({"hosts": [{"name": "hv01"}]}) as sim, waiting_advances(sim.clock):
        begin, now = time.monotonic(), sim.clock.now()
        assert (time.monotonic(), sim.clock.now()) == (begin, now)
        time.sleep(3600)
        assert sim.clock.since(now).total_seconds() == pytest.approx(3600)
        assert time.monotonic() - begin == pytest.approx(3600)


def test_a_class_that_only_the_simulator_lacks_is_no_unknown_class_to_the_client() -> None:
    """Otherwise a test would pass on a path of the client for old hosts."""
    with open_lab({"hosts": [{"name": "hv01"}]}) as lab:
        address = lab.sim.endpoints["hv01"]
        options = ConnectionOptions(address.http, "ntlm", address.user, address.password)
        with connect(options) as client, pytest.raises(WSManError, match="simulat"):
            client.wql("root/cimv2", "SELECT * FROM Win32_TimeZone")
