"""What a host allows with the processor of a VM; nesting by vendor, build and configuration version."""

from __future__ import annotations

from typing import Any

import pytest

from ..hosts import FAILED, INVALID_PARAMETER, INVALID_STATE, OK, host, modify, outcome


def change(vm: dict[str, Any], values: dict[str, Any], **spec: Any) -> int:
    machine = host(vm, **spec)
    processor = machine.vm("vm0").processor
    code, _rest = outcome(machine, modify(machine, processor, **values))
    for name, value in values.items():
        assert (processor[name] == value) is (code == OK)
    return code


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"VirtualQuantity": 16}, OK),
        ({"VirtualQuantity": 17}, INVALID_PARAMETER),
        ({"VirtualQuantity": 0}, INVALID_PARAMETER),
        ({"Limit": 50000, "Reservation": 10000, "Weight": 300}, OK),
        ({"Limit": 100001}, INVALID_PARAMETER),
        ({"Limit": 5000, "Reservation": 10000}, INVALID_PARAMETER),
        ({"Weight": 10001}, INVALID_PARAMETER),
        ({"HwThreadsPerCore": 1}, OK),
        ({"HwThreadsPerCore": 3}, INVALID_PARAMETER),
        ({"LimitProcessorFeatures": True}, OK),
    ],
)
def test_a_vm_that_is_off(values: dict[str, Any], code: int) -> None:
    assert change({}, values) == code


@pytest.mark.parametrize("state", ["running", "paused"])
@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"Limit": 50000}, OK),
        ({"Weight": 300}, OK),
        ({"Reservation": 10}, OK),
        ({"VirtualQuantity": 4}, INVALID_STATE),
        ({"HwThreadsPerCore": 1}, INVALID_STATE),
        ({"ExposeVirtualizationExtensions": True}, INVALID_STATE),
        ({"Weight": 300, "VirtualQuantity": 4}, INVALID_STATE),
    ],
)
def test_a_vm_with_power(state: str, values: dict[str, Any], code: int) -> None:
    assert change({"state": state}, values) == code


def test_a_saved_vm_is_not_off() -> None:
    assert change({"state": "saved"}, {"ExposeVirtualizationExtensions": True}) == INVALID_STATE
    assert change({"state": "saved"}, {"Weight": 300}) == INVALID_STATE


@pytest.mark.parametrize(
    ("cpu", "os", "version", "code"),
    [
        ("intel", "server2016", "8.0", OK),
        ("intel", "server2022", "8.0", OK),
        ("intel", "server2022", "5.0", FAILED),
        ("amd", "server2022", "9.3", OK),
        ("amd", "server2022", "9.2", FAILED),
        ("amd", "server2019", "9.0", FAILED),
        ("amd", "windows10", "9.2", FAILED),
        ("amd", "windows11", "12.0", OK),
        ({"vendor": "intel", "virtualization": False}, "server2022", "10.0", FAILED),
        ({"vendor": "Qualcomm"}, "server2022", "10.0", FAILED),
    ],
)
def test_nesting(cpu: Any, os: str, version: str, code: int) -> None:
    assert change({"version": version}, {"ExposeVirtualizationExtensions": True}, cpu=cpu, os=os) == code


def test_the_text_of_a_refused_nesting_names_vm_and_device() -> None:
    machine = host({"name": "web01", "version": "5.0"})
    answer = modify(machine, machine.vm("web01").processor, ExposeVirtualizationExtensions=True)
    assert "'web01' failed to modify device 'Processor'" in outcome(machine, answer)[1]


def test_turning_nesting_off_needs_no_fit_host() -> None:
    vm = {"nested": True, "version": "5.0"}
    assert change(vm, {"ExposeVirtualizationExtensions": False}, cpu="amd", os="server2019") == OK
