# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The planned nodes of Azure Stack HCI: defaults of profiles, names, addresses, and impossible values."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.nested.hyperv.plugins.filter.hci_nodes import hci_nodes
from ansible_collections.nested.hyperv.plugins.module_utils._policy.profiles import PROFILES

LAB = {
    "name": "hci",
    "profile": "azure_local_2026_04",
    "path": "D:\\AzureLocal\\",
    "switch": "hci",
    "address": "192.168.44.1/24",
}
GB = 1 << 30


def planned(*names: str, host: str = "hv01", **lab: Any) -> list[dict[str, Any]]:
    return hci_nodes([{"name": name} for name in names], {**LAB, **lab}, host)


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
def test_a_node_has_the_values_of_its_profile(profile: Any) -> None:
    (node,) = planned("node1", profile=profile.name)
    assert (node["memory_bytes"], node["processors"], node["tpm"]) == (profile.memory, profile.processors, profile.tpm)
    assert len(node["disks"]) == profile.data_disks + 1
    assert tuple(row["name"] for row in node["adapters"]) == profile.adapter_names
    assert all(row["mac_spoofing"] and row["allow_teaming"] for row in node["adapters"])
    assert not any("vlan" in row for row in node["adapters"])


def test_several_nodes_are_trunked_and_numbered() -> None:
    nodes = planned("node1", "Node2", publish={"first_port": 55985})
    assert [row["address"] for row in nodes] == ["192.168.44.201", "192.168.44.202"]
    assert [row["external_port"] for row in nodes] == [55985, 55986]
    assert {row["gateway"] for row in nodes} == {"192.168.44.1"}
    assert nodes[1]["adapters"][0]["vlan"] == {"mode": "trunk", "native_id": 0, "allowed_ids": ["1-1000"]}
    assert [row["path"] for row in nodes[1]["disks"]] == [
        rf"D:\AzureLocal\Node2\{name}.vhdx" for name in ("os", "s2d1", "s2d2")
    ]


def test_numbers_may_be_texts() -> None:
    (node,) = planned("node1", publish={"first_port": "55985"}, processors="8", data_disks="3")
    assert (node["external_port"], node["processors"], len(node["disks"])) == (55985, 8, 4)


def test_recorded_spellings_are_kept() -> None:
    (before,) = planned("node1")
    recorded = ["node1", before["seed_path"], *(row["path"] for row in before["disks"])]
    (after,) = planned("NODE1", path="d:/azurelocal", recorded=recorded)
    assert {key: after[key] for key in ("name", "seed_path", "discs", "disks")} == {
        key: before[key] for key in ("name", "seed_path", "discs", "disks")
    }


def test_addresses_fit_into_small_networks() -> None:
    nodes = planned("node1", "node2", address="10.0.0.1/28")
    assert [row["address"] for row in nodes] == ["10.0.0.14", "10.0.0.13"]
    assert {row["prefix_length"] for row in nodes} == {28}


def test_mac_addresses_are_stable_and_differ() -> None:
    def macs(**lab: Any) -> list[str]:
        return [adapter["mac_address"] for node in planned("node1", "node2", **lab) for adapter in node["adapters"]]

    assert macs() == macs()
    assert len(set(macs())) == 8
    assert all(mac.startswith("02-15-5D-") for mac in macs())
    assert not set(macs()) & set(macs(host="hv02"))
    assert not set(macs()) & set(macs(name="other"))


def test_values_of_a_node_outrank_those_of_the_lab_and_the_profile() -> None:
    nodes = [
        {"name": "a", "memory": "20GB", "data_disks": 4, "mac_addresses": ["02-00-00-00-00-01"]},
        {"name": "b"},
    ]
    first, second = hci_nodes(nodes, {**LAB, "memory": "24GB", "adapters": ["NIC1"], "data_disk_size": "100GB"}, "hv01")
    assert (first["memory_bytes"], second["memory_bytes"]) == (20 * GB, 24 * GB)
    assert (len(first["disks"]), len(second["disks"])) == (5, 3)
    assert first["adapters"][0]["mac_address"] == "02-00-00-00-00-01"
    assert second["disks"][1]["size"] == "100GB"


@pytest.mark.parametrize(
    ("lab", "disk"),
    [
        ({}, {"size": "127GB"}),
        ({"os_disk": "200GB"}, {"size": "200GB"}),
        ({"image": r"D:\os.vhdx"}, {"parent": r"D:\os.vhdx"}),
        ({"image": r"D:\os.vhdx", "image_use": "copy"}, {"source": r"D:\os.vhdx"}),
        ({"image": r"D:\OS.VHDX", "os_disk": "200GB"}, {"parent": r"D:\OS.VHDX", "size": "200GB"}),
    ],
)
def test_the_disk_of_the_operating_system(lab: dict[str, Any], disk: dict[str, str]) -> None:
    (node,) = planned("node1", **lab)
    assert node["disks"][0] == {"path": r"D:\AzureLocal\node1\os.vhdx", **disk}


@pytest.mark.parametrize(
    ("nodes", "lab", "words"),
    [
        ([], {}, "azure_stack_hci_eval_nodes: must be a list of nodes"),
        ("node1", {}, "azure_stack_hci_eval_nodes: must be a list of nodes"),
        ([{"name": f"n{number}"} for number in range(17)], {}, "at most 16"),
        ([{"address": "192.168.44.5"}], {}, "nodes.name: has a node without a name"),
        ([{"name": "a", "ram": 1}], {}, "unknown key 'ram'; the keys are address"),
        ([{"name": "a"}, {"name": "A"}], {}, "nodes.name: 'A' belongs to two nodes"),
        (
            [{"name": "a", "address": "192.168.44.7"}, {"name": "b", "address": "192.168.44.7"}],
            {},
            "nodes.address: '192.168.44.7' belongs to two nodes",
        ),
        ([{"name": "my_node"}], {}, "nodes.computer_name: 'my_node' is not a computer name"),
        ([{"name": "a" * 16}], {}, "nodes.computer_name: "),
        ([{"name": "a", "computer_name": "123"}], {}, "nodes.computer_name: '123'"),
        ([{"name": "a", "address": "10.0.0.1"}], {}, "nodes.address: 10.0.0.1 lies outside the prefix 192.168.44.0/24"),
        ([{"name": "a", "address": "192.168.44.1"}], {}, "nodes.address: 192.168.44.1 is the host's own address"),
        ([{"name": "a", "address": "nowhere"}], {}, "nodes.address: 'nowhere' is not an IPv4 address"),
        ([{"name": "a", "mac_addresses": ["02-00-00-00-00-01"]}], {}, "nodes.mac_addresses: has 1 MAC addresses for 4"),
        ([{"name": "a", "memory": "much"}], {}, "nodes.memory: 'much' is not a size"),
        ([{"name": "a"}], {"memory": "much"}, "azure_stack_hci_eval_memory: 'much' is not a size"),
        ([{"name": "a"}], {"profile": "azure_local_1999"}, "the profiles are azure_local_2026_04, azure_local_2025_04"),
        ([{"name": "a"}], {"address": "192.168.44.1"}, "azure_stack_hci_eval_address: '192.168.44.1' is not"),
        ([{"name": "a"}], {"adapters": ["NIC1", "nic1"]}, "azure_stack_hci_eval_adapters: 'nic1' is listed twice"),
        ([{"name": "a"}], {"image": r"D:\os.vhd"}, r"azure_stack_hci_eval_image: 'D:\os.vhd' is no .vhdx file"),
        ([{"name": "a"}], {"path": None}, "azure_stack_hci_eval_path is required"),
        ([{"name": "a"}], {"publish": {"first_port": "many"}}, "eval_publish.first_port: must be a whole number"),
        ([{"name": "a", "external_port": 70000}], {}, "nodes.external_port: must be 0 to 65535, not 70000"),
        ([{"name": "a", "processors": "many"}], {}, "nodes.processors: must be a whole number, not 'many'"),
    ],
)
def test_impossible_values_are_errors_that_name_the_variable(nodes: Any, lab: dict[str, Any], words: str) -> None:
    with pytest.raises(AnsibleFilterError) as caught:
        hci_nodes(nodes, {**LAB, **lab}, "hv01")
    assert words in str(caught.value)


def test_a_seed_has_the_name_and_the_address_of_its_node() -> None:
    (node,) = planned(
        "node1", administrator_password="Correct-Horse-Battery-7", dns_servers=["192.168.44.10"], time_zone="UTC"
    )
    assert node["seed"] == {
        "computer_name": "node1",
        "password_policy": "azure_stack_hci",
        "network_adapters": [
            {
                "mac_address": node["adapters"][0]["mac_address"],
                "address": "192.168.44.201/24",
                "gateway": "192.168.44.1",
                "dns_servers": ["192.168.44.10"],
            }
        ],
        "time_zone": "UTC",
    }
    assert node["discs"] == [{"path": r"D:\AzureLocal\node1\seed.iso"}]


def test_an_installation_has_two_discs() -> None:
    (node,) = planned(
        "node1", iso=r"D:\ISO\azl.iso", iso_image_index=2, administrator_password="Correct-Horse-Battery-7"
    )
    assert node["seed"]["install"] == {"image_index": 2}
    assert [disc["path"] for disc in node["discs"]] == [r"D:\ISO\azl.iso", r"D:\AzureLocal\node1\seed.iso"]


@pytest.mark.parametrize(
    ("lab", "words"),
    [
        ({"administrator_password": "Short-Horse-7"}, "administrator_password.*must have 14 to 127 characters"),
        ({"administrator_password": "correct-horse-battery"}, "administrator_password.*an upper-case letter"),
        ({"iso": r"D:\azl.iso"}, "iso.*requires azure_stack_hci_eval_guest"),
        ({"iso": r"D:\azl.iso", "image": r"D:\azl.vhdx"}, "iso.*can't be combined with azure_stack_hci_eval_image"),
        ({"iso": r"D:\azl.img"}, "iso.*must end in .iso"),
    ],
)
def test_impossible_first_boots_are_refused_without_the_password(lab: dict[str, Any], words: str) -> None:
    with pytest.raises(AnsibleFilterError, match=words) as refused:
        planned("node1", **lab)
    assert lab.get("administrator_password", "\0") not in str(refused.value)
