# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""host_model: a simulator with the captured model answers as the host that was captured."""

from __future__ import annotations

import ipaddress
import json
import re
from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleFilterError

from ansible_collections.nested.hyperv.plugins.filter.host_model import host_model
from ansible_collections.nested.hyperv.plugins.plugin_utils._scrubbed import scrub
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


def marked() -> dict[str, Any]:
    """A model with a marker in each text that a person can choose, one that Windows does not write itself."""
    disk, image = r"D:\mark01\mark02\mark03.vhdx", r"\\mark04\mark05\mark06.iso"
    children = [{"name": "mark07", "children": [{"name": "mark08", "children": [{"name": "mark08"}]}]}]
    linux = {"caption": "Mark09 Linux 4.2 (mark10)", "version": "6.8.0-mark11", "build": 0}
    web: dict[str, Any] = {
        "name": "mark12",
        "state": "running",
        "notes": "mark13",
        "disks": [{"path": disk}, {"path": r"D:\mark01\mark12.vhdx"}],
        "dvd_drives": [{"path": image}],
        "checkpoints": [{"name": "mark14", "children": children}],
        "adapters": [
            {"name": "mark15", "switch": "mark16", "addresses": ["10.81.0.5", "fe80::8181:1"]},
            {"name": "Q", "switch": "L", "mac": "00-15-5D-81-81-81"},
        ],
        "guest": {"hostname": "mark17.mark18.example", "os": linux},
    }
    return {
        "hosts": [
            {
                "name": "mark19",
                "domain": "mark20.example",
                "manufacturer": "mark21",
                "model": "mark22",
                "cpu": {"vendor": "intel", "name": "mark23"},
                "users": [{"name": "administrator", "password": "Passw0rd!"}, {"name": "mark24", "password": "mark25"}],
                "drives": [{"letter": "C", "size": "2TB"}, {"letter": "D", "size": "1TB", "label": "mark26"}],
                "folders": [r"D:\mark27"],
                "files": [{"path": image, "size": "1MB"}, {"path": r"D:\mark28.txt", "content": "mark29"}],
                "network_adapters": [{"name": "mark30", "description": "mark31", "addresses": ["203.81.9.4/23"]}],
                "switches": [
                    {"name": "mark16", "type": "internal", "notes": "mark32", "addresses": ["10.81.0.1/24"]},
                    {"name": "L", "type": "external", "adapters": ["mark30"], "notes": "mark33"},
                ],
                "nats": [
                    {
                        "name": "mark34",
                        "prefix": "10.81.0.0/24",
                        "mappings": [{"external_port": 80, "internal_address": "10.81.0.5", "internal_port": 80}],
                    }
                ],
                "vms": [web, {"name": "Q", "notes": "mark35"}, {"name": "mark36", "guest": {"hostname": "mark36"}}],
            }
        ]
    }


def test_no_text_that_a_person_can_choose_is_in_a_scrubbed_model() -> None:
    original = marked()
    model = json.loads(json.dumps(host_model(*answers(original), scrubbed=True)))
    text = json.dumps(model).lower()
    assert set(re.findall(r"mark\d*", text)) == set()
    assert [secret for secret in ("10.81.", "203.81.", "8181", "example", '"q"', '"l"') if secret in text] == []


def test_a_text_with_an_unknown_key_is_replaced() -> None:
    model = {"hosts": [{"name": "hv01", "new": {"deep": [{"key": "secret"}]}, "features": {"Containers": "enabled"}}]}
    assert scrub(model) == {
        "hosts": [{"name": "host-1", "new": {"deep": [{"key": "name-1"}]}, "features": {"Containers": "enabled"}}]
    }


def test_a_scrubbed_model_is_related_as_the_host() -> None:
    host, vms = answers(marked())
    (model,) = host_model(host, vms, scrubbed=True)["hosts"]
    (web,) = (vm for vm in model["vms"] if len(vm["adapters"]) == 2)
    (nat,) = model["nats"]
    lan = next(switch for switch in model["switches"] if switch["name"] == web["adapters"][0]["switch"])
    prefix = ipaddress.ip_network(nat["prefix"])
    assert ipaddress.ip_interface(lan["addresses"][0]).network == prefix
    assert nat["mappings"][0]["internal_address"] == web["adapters"][0]["addresses"][0]
    assert ipaddress.ip_address(nat["mappings"][0]["internal_address"]) in prefix
    assert web["disks"][1]["path"].endswith(f"\\{web['name']}.vhdx")
    assert web["disks"][1]["path"].split("\\")[:2] == web["disks"][0]["path"].split("\\")[:2]
    assert web["dvd_drives"][0]["path"] == model["files"][0]["path"]
    (first,) = web["checkpoints"]
    depth = 1
    while first.get("children"):
        (first,) = first["children"]
        depth += 1
    assert (depth, first["current"]) == (4, True)


def test_a_nat_of_a_scrubbed_model_can_be_recreated() -> None:
    model = json.loads(json.dumps(host_model(*answers(marked()), scrubbed=True)))
    (host,) = model["hosts"]
    (nat,) = host["nats"]
    (lan,) = (switch for switch in host["switches"] if switch["type"] == "internal")
    arguments = {"name": nat["name"], "switch": lan["name"], "address": lan["addresses"][0]}
    with open_lab(model, host=host["name"]) as lab:
        lab.leaves_alone("nat_network", **arguments)
        lab.apply("nat_network", name=nat["name"], switch=lan["name"], state="absent")
        lab.apply("nat_network", **arguments)


def test_many_vms_of_a_scrubbed_model_have_valid_addresses() -> None:
    vms = [
        {"name": f"vm{n}", "state": "running", "adapters": [{"addresses": [f"10.9.{n // 200}.{n % 200 + 1}"]}]}
        for n in range(300)
    ]
    model = json.loads(json.dumps(host_model(*answers({"hosts": [{"name": "hv01", "vms": vms}]}), scrubbed=True)))
    found = [
        address for vm in model["hosts"][0]["vms"] for adapter in vm["adapters"] for address in adapter["addresses"]
    ]
    assert len({ipaddress.ip_address(address) for address in found}) == 300


@pytest.mark.parametrize("kind", ["hyperv", "azure", "vmware", "kvm", "virtualbox", "xen", "amazon", "google"])
def test_a_virtual_machine_stays_on_its_platform(kind: str) -> None:
    host, vms = answers({"hosts": [{"name": "hv01", "kind": kind}]})
    for scrubbed in (False, True):
        again, _vms = answers(json.loads(json.dumps(host_model(host, vms, scrubbed=scrubbed))))
        assert again["machine"]["platform"] == host["machine"]["platform"]


def test_a_host_whose_vms_are_unknown_is_refused() -> None:
    with open_lab({"hosts": [{"name": "hv01", "services": {"vmms": "Stopped"}}]}) as lab:
        host = lab.succeeds("host_info", include=[*GROUPS, "boot"])["host"]
    with pytest.raises(
        AnsibleFilterError, match=r"hv01: Hyper-V is installed .* \(vmms\) is stopped.* Start the service"
    ):
        host_model(host)
    del host["service"]
    with pytest.raises(AnsibleFilterError, match=r"hv01: .* unavailable"):
        host_model(host)


def test_other_input_is_refused() -> None:
    with pytest.raises(AnsibleFilterError, match="host_model requires the facts"):
        host_model({})
