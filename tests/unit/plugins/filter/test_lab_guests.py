# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The planned guests of labs: addresses and ports by number, what seeds contain for each, and impossible values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.nested.hyperv.plugins.filter.lab_guests import lab_guests

PASSWORD = "Correct-Horse-7"
WINDOWS = {"windows": {"administrator_password": PASSWORD}}
LINUX = {"cloud_init": {"user_data": {}}}
CLASS: dict[str, Any] = {
    "folder": "D:\\Training\\",
    "first": 1,
    "seed": WINDOWS,
    "address": "192.168.100.1/24",
    "guest_addresses": "192.168.100.101-192.168.100.140",
    "first_port": 55001,
}
NESTED: dict[str, Any] = {"folder": "D:\\Lab", "address": "192.168.100.1/24", "seeds": {"Node01": WINDOWS}}
NETPLAN = {"version": 2, "ethernets": {"eth0": {"addresses": ["192.168.100.11/24"]}}}
NODE = {"name": "node01", "address": "192.168.100.11", "port": 55011}


def students(*names: str, **lab: Any) -> list[dict[str, Any]]:
    return lab_guests(list(names or ("student01", "student02")), {**CLASS, **lab}, "create_training_lab")


def nodes(*vms: Mapping[str, Any], **lab: Any) -> list[dict[str, Any]]:
    return lab_guests(list(vms), {**NESTED, **lab}, "create_nested_lab")


def test_addresses_and_ports_follow_the_number() -> None:
    first, second = students()
    assert (first["address"], first["external_port"]) == ("192.168.100.101", 55001)
    assert second["mapping"] == {"external_port": 55002, "internal_address": "192.168.100.102", "internal_port": 5985}
    assert first["seed_path"] == r"D:\Training\student01-seed.iso"
    assert students("student02", first=2)[0] == second, "whichever VM the lab begins with"


def test_a_seed_has_the_name_and_the_address_of_its_vm() -> None:
    windows = students(dns_servers=["192.0.2.53"])[0]["windows"]
    adapter = {"address": "192.168.100.101/24", "gateway": "192.168.100.1", "dns_servers": ["192.0.2.53"]}
    assert windows == {"computer_name": "student01", "network_adapters": [adapter]}
    linux = students(seed=LINUX, secure_boot_template="uefi_ca", dns_servers=["192.0.2.53"])[0]
    assert linux["wait_for"] == "ssh"
    assert linux["mapping"]["internal_port"] == 22
    assert linux["cloud_init"]["meta_data"] == {"instance-id": "student01", "local-hostname": "student01"}
    assert linux["cloud_init"]["network_config"]["ethernets"]["eth0"] == {
        "addresses": ["192.168.100.101/24"],
        "routes": [{"to": "0.0.0.0/0", "via": "192.168.100.1"}],
        "nameservers": {"addresses": ["192.0.2.53"]},
    }


def test_guests_without_addresses_use_dhcp() -> None:
    guest = students(guest_addresses=None, first_port=None)[0]
    assert guest["address"] is guest["external_port"] is guest["mapping"] is None
    assert guest["windows"] == {"computer_name": "student01"}
    assert guest["summary"] == "student01: DHCP"
    assert students(seed={}, address=None, guest_addresses=None, first_port=None)[0]["wait_for"] == "winrm"


def test_the_result_contains_no_password() -> None:
    assert PASSWORD not in str(students()) + str(nodes(NODE))


def test_a_listed_vm_is_found_by_its_name_in_any_case() -> None:
    (guest,) = nodes(NODE)
    assert guest["seed"] == "Node01"
    assert guest["windows"]["network_adapters"] == [{"address": "192.168.100.11/24", "gateway": "192.168.100.1"}]
    (other,) = nodes({"name": "bare"}, seeds={})
    assert other["seed"] is other["address"] is None


def test_a_seed_can_name_its_guest_itself() -> None:
    seed = {"windows": {"computer_name": "dc01", "administrator_password": PASSWORD}}
    assert nodes({"name": "a name that Windows refuses"}, seeds={"a name that Windows refuses": seed})


@pytest.mark.parametrize(
    ("lab", "message"),
    [
        ({"guest_addresses": "192.168.100.101"}, "guest_addresses: '192.168.100.101' has 1 addresses, but the last VM"),
        (
            {"guest_addresses": "192.168.100.9-192.168.100.8"},
            "guest_addresses: '192.168.100.9-192.168.100.8' ends before",
        ),
        (
            {"guest_addresses": "192.168.100.254-192.168.101.9"},
            "guest_addresses: 192.168.101.9 lies outside the prefix 192.168.100",
        ),
        (
            {"guest_addresses": "192.168.100.1-192.168.100.9"},
            "guest_addresses: 192.168.100.1 is the host's own address",
        ),
        (
            {"guest_addresses": "192.168.100.0-192.168.100.9"},
            "guest_addresses: 192.168.100.0 is the network address of",
        ),
        ({"guest_addresses": "students"}, "guest_addresses: 'students' is not an IPv4 address"),
        ({"address": "192.168.100.1"}, "address: '192.168.100.1' is not an IPv4 address with its prefix length"),
        ({"address": None}, "guest_addresses: requires create_training_lab_address"),
        ({"first": 0}, "guest_addresses: begins with the VM number 1. Set create_training_lab_first"),
        ({"guest_addresses": None}, "first_port: requires create_training_lab_guest_addresses"),
        ({"first_port": 65535}, "first_port: 65535 gives the last VM port 65536, but 65535 is the highest"),
        ({"first_port": "http"}, "first_port: 'http' is not a port from 1 to 65535"),
        ({"seed": "x"}, "seed: must be options of seed_iso: windows, "),
        ({"seed": {"linux": {}}}, "seed: must be options of seed_iso: windows, "),
        ({"seed": {**WINDOWS, **LINUX}}, "seed: has windows and cloud_init, but the VM has one operating system"),
        ({"seed": {"files": [{}]}}, "seed: has only files, so set wait_for to winrm or ssh"),
        ({"seed": {"files": [{}]}, "wait_for": "heartbeat"}, "seed: requires wait_for to be winrm or ssh, not 'heartb"),
        ({"seed": {"windows": "x"}}, "seed.windows: must be a mapping"),
        ({"seed": {"cloud_init": "x"}, "secure_boot_template": "uefi_ca"}, "seed.cloud_init: must be a mapping"),
        ({"seed": {"windows": {"winrm": False}}}, "seed.windows.winrm: must be true"),
        ({"seed": {"windows": {"computer_name": "pc"}}}, "seed.windows.computer_name: would be the same for all VMs"),
        ({"seed": {"windows": {"install": {"image_index": 1}}}}, "seed.windows.install: requires an installation disc"),
        (
            {"seed": {"cloud_init": {"network_config": {}}}, "secure_boot_template": "uefi_ca"},
            "seed.cloud_init.network_config: would be the same for all VMs",
        ),
        (
            {"seed": {"windows": {"administrator_password": "secretpw"}}},
            "seed.windows.administrator_password: must contain 3 of these",
        ),
        ({"seed": LINUX}, "secure_boot_template: is required, because its seed has cloud_init; set uefi_ca for Linux"),
        ({"secure_boot_template": "uefi_ca"}, "secure_boot_template: uefi_ca does not start Windows"),
    ],
)
def test_an_impossible_class_is_refused_by_its_variable(lab: dict[str, Any], message: str) -> None:
    with pytest.raises(AnsibleFilterError) as raised:
        students(**lab)
    assert f"create_training_lab_{message}" in str(raised.value)
    assert "secretpw" not in str(raised.value)


@pytest.mark.parametrize("name", ["student of the class", "student-of-the-class", "-a", "12345"])
def test_a_name_that_windows_refuses_is_refused(name: str) -> None:
    with pytest.raises(AnsibleFilterError, match=f"create_training_lab_name: '{name}' is not a name for a Windows"):
        students(name)


def test_a_name_that_is_no_host_name_is_refused() -> None:
    with pytest.raises(AnsibleFilterError, match="create_training_lab_name: 'student 1' is not a host name"):
        students("student 1", seed=LINUX, secure_boot_template="uefi_ca")


@pytest.mark.parametrize(
    ("vms", "seeds", "message"),
    [
        ([NODE, {**NODE, "name": "b", "port": 1}], {}, "vms.address: '192.168.100.11' belongs to two VMs"),
        ([NODE, {**NODE, "name": "b", "address": "192.168.100.12"}], {}, "vms.port: '55011' belongs to two VMs"),
        ([NODE, {"name": "NODE01"}], {}, "vms.name: 'NODE01' belongs to two VMs"),
        ([{"name": "a", "address": "10.0.0.9"}], {}, "vms.address: 10.0.0.9 lies outside the prefix 192.168.100.0/24"),
        ([{"name": "a", "port": 55011}], {}, "vms.port: of VM 'a' requires its address"),
        ([{"name": "a", "wait_for": "rdp"}], {}, "vms.wait_for: must be winrm or ssh, not 'rdp'"),
        ([{"name": "a"}], {"b": WINDOWS}, "seeds: 'b' is not in create_nested_lab_vms"),
        ([{"name": "a"}], ["a"], "seeds: must be options of seed_iso by names of VMs"),
        ([{"name": "a"}], {"a": {}}, "seeds.a: must be options of seed_iso"),
        (
            [{"name": "a"}],
            {"a": {"windows": {"install": {"image_index": 1}}}},
            "vms.iso: of VM 'a' is missing, the installation disc for windows.install",
        ),
        ([{"name": "a", "iso": "x.iso", "generation": 1}], {"a": WINDOWS}, "vms.iso: can't be combined with the seed"),
        ([{"name": "a"}], {"a": LINUX}, "vms.secure_boot_template: is required of VM 'a'"),
        ([{"name": "a_b"}], {"a_b": WINDOWS}, "vms.name: 'a_b' is not a name for a Windows computer"),
        (
            [NODE, {"name": "b"}],
            {"node01": WINDOWS, "b": {"windows": {"network_adapters": [{"address": "192.168.100.11/24"}]}}},
            "seeds: '192.168.100.11' belongs to two VMs",
        ),
        (
            [{**NODE, "secure_boot_template": "uefi_ca"}, {"name": "b", "secure_boot_template": "uefi_ca"}],
            {"node01": LINUX, "b": {"cloud_init": {"network_config": NETPLAN}}},
            "seeds: '192.168.100.11' belongs to two VMs",
        ),
    ],
)
def test_an_impossible_lab_is_refused_by_its_variable(vms: list[Any], seeds: Any, message: str) -> None:
    with pytest.raises(AnsibleFilterError) as raised:
        nodes(*vms, seeds=seeds)
    assert f"create_nested_lab_{message}" in str(raised.value)
