"""wait_for of the vm module: services of guests, asked from the control node."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.nested.hyperv.tests.harness.lab import Lab, open_lab

BOOT = {"boot_seconds": 30}
WINDOWS = {**BOOT, "machine": {"os": "server2022", "hyperv": False}}


def adapters(*addresses: str) -> list[dict[str, Any]]:
    return [{"name": "LAN", "switch": "NAT", "addresses": list(addresses)}]


HOST = {
    "name": "hv01",
    "switches": [{"name": "NAT", "type": "internal", "addresses": ["192.168.100.1/24"]}],
    "nats": [
        {
            "name": "lab",
            "prefix": "192.168.100.0/24",
            "mappings": [
                {
                    "protocol": "tcp",
                    "external_port": 55985,
                    "internal_address": "192.168.100.10",
                    "internal_port": 5985,
                },
            ],
        }
    ],
    "vms": [
        {"name": "win01", "adapters": adapters("192.168.100.10"), "guest": {**WINDOWS, "hostname": "win01"}},
        {
            "name": "lin01",
            "adapters": adapters("fe80::1", "192.168.100.11"),
            "guest": {**BOOT, "os": "linux", "ssh": True},
        },
        {"name": "mute01", "adapters": adapters("192.168.100.12"), "guest": {**WINDOWS, "kvp": False}},
        {"name": "deaf01", "adapters": adapters("192.168.100.13"), "guest": BOOT},
        {"name": "none01", "guest": BOOT},
    ],
}
MODEL = {"hosts": [HOST]}


def starts(lab: Lab, name: str, service: str, **args: Any) -> dict[str, Any]:
    result = lab.apply("vm", once_more=False, name=name, state="running", wait_for=service, **args)
    again = lab.succeeds("vm", name=name, state="running", wait_for=service, **args)
    assert again["changed"] is False
    assert again["reached_at"] == result["reached_at"]
    return result


def test_winrm_through_the_nat_of_the_host(lab: Lab) -> None:
    result = starts(lab, "win01", "winrm")
    assert result["ip_addresses"] == ["192.168.100.10"]
    assert result["reached_at"] == {"address": "127.0.0.1", "port": 55985}


def test_ssh_at_the_address_that_the_guest_reports(lab: Lab) -> None:
    assert starts(lab, "lin01", "ssh")["reached_at"] == {"address": "192.168.100.11", "port": 22}


def test_an_address_of_the_task_for_a_guest_that_reports_none(lab: Lab) -> None:
    result = starts(lab, "mute01", "winrm", wait_address="192.168.100.12", wait_port=5986)
    assert result["reached_at"] == {"address": "192.168.100.12", "port": 5986}


def test_an_address_in_brackets(lab: Lab) -> None:
    result = lab.fails("vm", "[::1]:1: ", **WAITING, name="mute01", wait_address="[::1]")
    assert "[[" not in result["msg"]


def test_without_a_nat() -> None:
    with open_lab({"hosts": [{**HOST, "nats": []}]}) as lab:
        assert starts(lab, "win01", "winrm")["reached_at"] == {"address": "192.168.100.10", "port": 5985}


WAITING = {"state": "running", "wait_for": "ssh", "wait_port": 1, "wait_timeout": 3}


@pytest.mark.parametrize(
    ("vm", "service", "words"),
    [
        (
            "deaf01",
            "winrm",
            ["192.168.100.13:5985: no answer within 3 s", "WinRM of VM 'deaf01'", "sysprep /unattend:"],
        ),
        ("win01", "ssh", ["192.168.100.10:22: no answer", "firewall", "vm_screenshot"]),
        ("none01", "ssh", ["reports no address", "wait_address"]),
    ],
)
def test_a_time_out_says_what_was_seen(lab: Lab, vm: str, service: str, words: list[str]) -> None:
    args = {"name": vm, "state": "running", "wait_for": service, "wait_timeout": 60}
    result = lab.fails("vm", "gave up after 60 s", *words, **args)
    assert result["completed"] == [f"start VM '{vm}'"]


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({"wait_for": "winrm"}, ["wait_for: ", "state: running"]),
        ({"state": "running", "wait_address": "192.168.100.10"}, ["wait_address: ", "winrm or ssh"]),
        ({"state": "running", "wait_for": "heartbeat", "wait_port": 22}, ["wait_port: ", "winrm or ssh"]),
        ({"state": "running", "wait_for": "winrm", "wait_address": "127.0.0.1/8"}, ["wait_address: ", "prefix length"]),
        ({"state": "running", "wait_for": "ssh", "wait_address": "web01:22"}, ["wait_address: ", "without a port"]),
        ({"state": "running", "wait_for": "ssh", "wait_port": 0}, ["wait_port: ", "not a port"]),
    ],
)
def test_refusals(shared_lab: Lab, args: dict[str, Any], words: list[str]) -> None:
    shared_lab.refuses("vm", *words, name="win01", **args)
