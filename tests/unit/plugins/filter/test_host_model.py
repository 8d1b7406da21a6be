# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""host_model: a simulator with the captured model answers as the host that was captured."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleFilterError

from ansible_collections.nested.hyperv.plugins.filter.host_model import host_model
from ansible_collections.nested.hyperv.tests.harness.lab import open_lab

GROUPS = ["system", "security", "hyperv", "network", "features", "volumes"]
OF_VMS = ["settings", "nesting", "processor", "memory", "network_adapters", "guest", "disks", "checkpoints"]
# What the host measures or chooses at each start, and what a model does not contain.
PASSING = {"uptime", "booted", "created", "free", "demand", "assigned"}
MODEL: dict[str, Any] = {
    "hosts": [
        {
            "name": "hv01",
            "os": "server2025",
            "cpu": "amd",
            "domain": "corp.example.com",
            "network_adapters": [
                {"name": "Ethernet", "addresses": ["10.20.30.40/24"]},
                {"name": "Ethernet 2", "up": False},
            ],
            "drives": [{"letter": "C", "size": "2TB"}, {"letter": "D", "size": "1TB"}],
            "switches": [
                {"name": "Payroll", "type": "external", "adapters": ["Ethernet"], "notes": "secret"},
                {"name": "NAT", "type": "internal", "addresses": ["192.168.100.1/24"]},
                {"name": "Closed"},
            ],
            "nats": [
                {
                    "name": "LabNat",
                    "prefix": "192.168.100.0/24",
                    "mappings": [{"external_port": 8080, "internal_address": "192.168.100.5", "internal_port": 80}],
                }
            ],
            "files": [{"path": r"D:\iso\setup.iso", "size": "1MB"}],
            "vms": [
                {
                    "name": "ledger",
                    "state": "running",
                    "notes": "of the accountants",
                    "processors": 4,
                    "nested": True,
                    "memory": {"startup": "4GB", "dynamic": True, "minimum": "2GB", "maximum": "8GB", "weight": 7000},
                    "disks": [{"path": r"D:\vms\ledger.vhdx"}],
                    "dvd_drives": [{"path": r"D:\iso\setup.iso"}],
                    "adapters": [
                        {"name": "LAN", "switch": "Payroll", "vlan": 7, "addresses": ["10.20.30.41"]},
                        {"name": "Lab", "switch": "NAT", "mac": "00-15-5D-12-34-56", "mac_spoofing": True},
                        {"name": "Off"},
                    ],
                    "guest": {"hostname": "ledger.corp.example.com"},
                },
                {"name": "old", "generation": 1, "version": "8.0", "checkpoints": [{"name": "initial"}]},
            ],
        }
    ]
}


def answers(model: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """What host_info and vm_info return of the first host of a model."""
    with open_lab(model, host=model["hosts"][0]["name"]) as lab:
        lab.sim.advance(60)
        host = lab.succeeds("host_info", include=GROUPS)["host"]
        return host, lab.succeeds("vm_info", include=OF_VMS)["vms"]


def lasting(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: lasting(inner) for key, inner in value.items() if key not in PASSING}
    return [lasting(inner) for inner in value] if isinstance(value, list) else value


def without_checkpoint_ids(vms: list[dict[str, Any]]) -> list[dict[str, Any]]:
    for vm in vms:
        vm["checkpoints"] = [{**row, "id": ""} for row in vm["checkpoints"]]
    return vms


def test_the_captured_model_answers_as_the_host() -> None:
    host, vms = answers(MODEL)
    captured = yaml.safe_load(yaml.safe_dump(json.loads(json.dumps(host_model(host, vms)))))
    again, vms_again = answers(captured)
    assert lasting(again) == lasting(host)
    assert lasting(without_checkpoint_ids(vms_again)) == lasting(without_checkpoint_ids(vms))


def test_a_scrubbed_model_identifies_nobody_and_starts() -> None:
    model = json.loads(json.dumps(host_model(*answers(MODEL), scrubbed=True)))
    text = json.dumps(model).lower()
    secrets = ("hv01", "corp", "payroll", "ledger", "accountants", "secret", "10.20.30", "00155d123456", "00-15-5d-12")
    assert [secret for secret in secrets if secret in text] == []
    _host, vms = answers(model)
    assert [len(vm["network_adapters"]) for vm in vms] in ([3, 0], [0, 3])


def test_other_input_is_refused() -> None:
    with pytest.raises(AnsibleFilterError, match="host_model requires the facts"):
        host_model({})
