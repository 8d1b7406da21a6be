"""Power states: every transition, what it needs, what shows meanwhile."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.nested.hyperv.tests.simulator.hyperv.states import OFF, PAUSED, RUNNING, SAVED

from ..hosts import INVALID_PARAMETER, INVALID_STATE, JOB, OK, call, host, modify, outcome, power, rows

STATES = ("off", "running", "paused", "saved")
# wanted: {state it is allowed from: state after it}
ALLOWED = {
    2: {"off": RUNNING, "paused": RUNNING, "saved": RUNNING},
    3: {"running": OFF, "paused": OFF, "saved": OFF},
    4: {"running": OFF},
    6: {"running": SAVED, "paused": SAVED},
    9: {"running": PAUSED},
    10: {"running": RUNNING},
    11: {"running": RUNNING},
    32768: {},
    32769: {},
}


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("wanted", ALLOWED)
def test_transitions(state: str, wanted: int) -> None:
    machine = host({"state": state})
    vm = machine.vm("vm0")
    before = vm.enabled_state
    code = power(machine, "vm0", wanted)
    machine.clock.advance(1)
    if state in ALLOWED[wanted]:
        assert (code, vm.enabled_state) == (JOB, ALLOWED[wanted][state])
    else:
        assert (code, vm.enabled_state) == (INVALID_STATE, before)


def test_an_unknown_state_is_an_invalid_parameter() -> None:
    assert power(host({}), "vm0", 77) == INVALID_PARAMETER


def system_row(machine: Any, name: str = "vm0") -> Any:
    return next(row for row in rows(machine, "Msvm_ComputerSystem") if row["ElementName"] == name)


def test_what_shows_while_a_vm_starts() -> None:
    machine = host({"adapters": [{"switch": "LAN"}]}, jobs={"delay": 10})
    vm = machine.vm("vm0")
    assert power(machine, "vm0", 2) == JOB
    machine.clock.advance(5)
    row = system_row(machine)
    assert (row["EnabledState"], row["ProcessID"], row["OnTimeInMilliseconds"]) == (10, None, 0)
    assert power(machine, "vm0", 3) == INVALID_STATE
    assert modify(machine, vm.processor, Weight=5)[0] == INVALID_STATE
    machine.clock.advance(8)
    row = system_row(machine)
    assert row["EnabledState"] == RUNNING
    assert row["ProcessID"] > 0
    assert 2900 <= row["OnTimeInMilliseconds"] <= 3500
    assert row["TimeOfLastStateChange"].year > 2000


def test_a_vm_that_is_off_looks_as_captured() -> None:
    row = system_row(host({}))
    expected = {
        "Description": "Microsoft Virtual Machine",
        "EnabledDefault": 3,
        "EnabledState": 3,
        "EnhancedSessionModeState": 3,
        "HealthState": 5,
        "NumberOfNumaNodes": 1,
        "OnTimeInMilliseconds": 0,
        "OperationalStatus": [2],
        "ProcessID": None,
        "RequestedState": 5,
        "ResetCapability": 1,
        "Status": "OK",
        "InstanceID": None,
        "NameFormat": None,
        "Roles": None,
        "Dedicated": None,
    }
    assert {name: row[name] for name in expected} == expected
    assert row["TimeOfLastStateChange"].year == 1601


def test_the_host_has_a_row_of_its_own() -> None:
    row = system_row(host({}, locale="ja-JP"), "HV01")
    assert (row["Name"], row["Caption"]) == ("HV01", "ホスト コンピューター システム")
    assert (row["EnabledState"], row["RequestedState"]) == (2, 12)
    assert (row["InstallDate"], row["OnTimeInMilliseconds"], row["ProcessID"]) == (None, None, None)


def test_time_stands_still_while_paused_and_starts_anew_after_off() -> None:
    machine = host({"state": "running"})
    vm = machine.vm("vm0")
    machine.clock.advance(100)
    power(machine, "vm0", 9)
    machine.clock.advance(50)
    assert 100 <= vm.uptime.total_seconds() < 110
    power(machine, "vm0", 2)
    machine.clock.advance(10)
    assert 109 <= vm.uptime.total_seconds() < 120
    power(machine, "vm0", 3)
    machine.clock.advance(1)
    assert vm.uptime.total_seconds() == 0


def test_no_start_without_memory_and_the_job_says_why() -> None:
    machine = host({"memory": "512GB"})
    keys = machine.vm("vm0").reference.keys
    code, text = outcome(
        machine, call(machine, "Msvm_ComputerSystem", "RequestStateChange", dict(keys), RequestedState=2)
    )
    assert code == 32778
    assert "Not enough memory" in text
    assert machine.vm("vm0").state == OFF
    assert machine.vm("vm0").transition is None
    assert power(machine, "vm0", 2) == JOB, "it can be tried again"


def test_vms_share_the_memory_of_the_host() -> None:
    machine = host({"memory": "8GB"}, {"memory": "8GB"}, memory="16GB")
    for name in ("vm0", "vm1"):
        power(machine, name, 2)
        machine.clock.advance(1)
    assert (machine.vm("vm0").state, machine.vm("vm1").state) == (RUNNING, OFF)


def test_a_dynamic_mac_address_comes_with_the_first_start() -> None:
    machine = host({"adapters": [{"switch": "LAN"}, {"switch": "LAN", "mac": "001122334455"}]})
    vm = machine.vm("vm0")
    first, second = vm.rows("Msvm_SyntheticEthernetPortSettingData")
    assert (first["Address"], second["Address"]) == ("000000000000", "001122334455")
    power(machine, "vm0", 2)
    machine.clock.advance(1)
    given = first["Address"]
    assert given.startswith("00155D")
    assert second["Address"] == "001122334455"
    for state in (3, 2):
        power(machine, "vm0", state)
        machine.clock.advance(1)
    assert first["Address"] == given


def shutdown(machine: Any, method: str = "InitiateShutdown", **parameters: Any) -> int:
    (row,) = rows(machine, "Msvm_ShutdownComponent")
    keys = {name: row[name] for name in row.cls.keys}
    return call(machine, "Msvm_ShutdownComponent", method, keys, **{"Force": False, "Reason": "test", **parameters})[0]


def test_graceful_shutdown_takes_its_time() -> None:
    machine = host({"state": "running", "guest": {"shutdown_seconds": 20}})
    vm = machine.vm("vm0")
    assert shutdown(machine) == OK
    machine.clock.advance(10)
    assert vm.state == RUNNING
    assert shutdown(machine) == 32782
    machine.clock.advance(11)
    assert vm.state == OFF
    assert rows(machine, "Msvm_ShutdownComponent") == []


def test_a_locked_guest_shuts_down_by_force_only() -> None:
    machine = host({"state": "running", "guest": {"shutdown": "locked"}})
    assert shutdown(machine) == 32781
    assert machine.vm("vm0").state == RUNNING
    assert shutdown(machine, Force=True) == OK
    machine.clock.advance(1)
    assert machine.vm("vm0").state == OFF


def test_a_guest_that_hangs_never_gets_there() -> None:
    machine = host({"state": "running", "guest": {"shutdown": "hang"}})
    assert shutdown(machine) == OK
    machine.clock.advance(3600)
    assert machine.vm("vm0").state == RUNNING


def test_a_guest_that_boots_is_not_ready() -> None:
    machine = host({"state": "running", "guest": {"boot_seconds": 30}})
    assert shutdown(machine) == 32780
    machine.clock.advance(31)
    assert shutdown(machine) == OK


def test_without_integration_services_nothing_can_ask_the_guest() -> None:
    machine = host({"state": "running", "guest": {"integration_services": False}})
    assert shutdown(machine) == 32780
    assert power(machine, "vm0", 4) == INVALID_STATE


def test_a_disabled_shutdown_service_has_no_device() -> None:
    machine = host({"state": "running", "disabled_services": ["Shutdown"]})
    assert rows(machine, "Msvm_ShutdownComponent") == []


def test_reboot_by_the_guest_keeps_the_vm_running() -> None:
    machine = host({"state": "running", "guest": {"boot_seconds": 5, "shutdown_seconds": 5}})
    vm = machine.vm("vm0")
    machine.clock.advance(6)
    assert shutdown(machine, "InitiateReboot") == OK
    machine.clock.advance(6)
    assert (vm.state, vm.guest.booted) == (RUNNING, False)
    machine.clock.advance(5)
    assert vm.guest.booted


def test_a_shutdown_over_the_state_change_fails_when_the_guest_hangs() -> None:
    machine = host({"state": "running", "guest": {"shutdown": "hang"}}, shutdown_timeout=30)
    keys = dict(machine.vm("vm0").reference.keys)
    answer = call(machine, "Msvm_ComputerSystem", "RequestStateChange", keys, RequestedState=4)
    code, text = outcome(machine, answer)
    assert code == 32772
    assert "'vm0'" in text


def test_power_while_the_guest_shuts_down_is_not_undone_by_it() -> None:
    machine = host({"state": "running", "guest": {"shutdown_seconds": 60}})
    shutdown(machine)
    for state in (3, 2):
        power(machine, "vm0", state)
        machine.clock.advance(1)
    machine.clock.advance(120)
    assert machine.vm("vm0").state == RUNNING


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_either_way_of_answering_can_be_forced(mode: str) -> None:
    machine = host({}, jobs={"mode": mode})
    vm = machine.vm("vm0")
    assert power(machine, "vm0", 2) == (OK if mode == "sync" else JOB)
    machine.clock.advance(1)
    assert vm.state == RUNNING
    assert modify(machine, vm.processor, Weight=5)[0] == (OK if mode == "sync" else JOB)
    assert power(machine, "vm0", 2) == (INVALID_STATE if mode == "sync" else JOB)
