"""How nested guests reach the network: one option, together with the older ones."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.nested.hyperv.tests.harness.lab import open_lab

from .conftest import Hosts

MODULE = "vm_nesting"


def spoofing(host: Hosts) -> dict[str, bool]:
    (vm,) = host.run("vm_info", name=["lab01"], include=["nesting"])["vms"]
    return {one["name"]: one["mac_spoofing"] for one in vm["nesting"]["adapters"] if one["name"].lower() != "twin"}


def test_mac_spoofing_on_all_adapters(host: Hosts) -> None:
    host.change(MODULE, name="lab01", network="mac_spoofing")
    assert spoofing(host) == {"LAN": True, "Loose": True}
    assert host.run(MODULE, name="lab01", mac_spoofing=True)["changed"] is False


def test_mac_spoofing_on_one_adapter(host: Hosts) -> None:
    host.change(MODULE, name="lab01", network="mac_spoofing", adapters=["LAN"])
    assert spoofing(host) == {"LAN": True, "Loose": False}


@pytest.mark.parametrize("network", ["nat", "leave"])
@pytest.mark.parametrize("before", [True, False])
def test_nat_leaves_spoofing_alone(host: Hosts, network: str, before: bool) -> None:
    host.run(MODULE, name="lab01", mac_spoofing=before)
    result = host.run(MODULE, name="lab01", network=network, static_memory=True)
    assert result["changed"] is False
    assert set(spoofing(host).values()) == {before}


def test_nat_and_spoofing_off_in_one_task(host: Hosts) -> None:
    host.change(MODULE, name="lab01", network="mac_spoofing")
    host.change(MODULE, name="lab01", network="nat", mac_spoofing=False)
    assert not any(spoofing(host).values())


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({"network": "mac_spoofing", "mac_spoofing": False}, "mac_spoofing: 'network: mac_spoofing' switches it on"),
        ({"network": "mac_spoofing", "state": "disabled"}, "network: a VM with 'state: disabled' has no nested guests"),
        ({"network": "nat", "adapters": ["LAN"]}, "adapters: says where MAC address spoofing is meant"),
        ({"adapters": ["LAN"]}, "add 'network: mac_spoofing'"),
        ({"network": "mac_spoofing", "adapters": ["WAN"]}, "has no network adapter 'WAN'"),
    ],
)
def test_bad_input(host: Hosts, args: dict[str, Any], words: str) -> None:
    assert words in host.refuse(MODULE, name="lab01", **args)


def test_the_same_in_a_whole_vm(host: Hosts) -> None:
    host.change("vm", name="lab01", nesting={"network": "mac_spoofing", "adapters": ["LAN"]})
    assert spoofing(host) == {"LAN": True, "Loose": False}


@pytest.mark.parametrize("check", [True, False])
def test_dynamic_memory_that_would_not_fluctuate_is_warned_of(check: bool) -> None:
    memory = {"startup": "4GB", "dynamic": True, "minimum": "2GB", "maximum": "8GB"}
    vms = [{"name": "floating", "memory": memory}, {"name": "fixed", "memory": "4GB"}]
    with open_lab({"hosts": [{"name": "hv01", "vms": vms}]}) as lab:
        (warning,) = lab.run(MODULE, name="floating", check=check)["warnings"]
        assert warning.startswith("VM 'floating': while Hyper-V runs inside a VM, its memory doesn't fluctuate")
        assert "rule nested-dynamic-memory, https://learn.microsoft.com/" in warning
        assert "warnings" not in lab.run(MODULE, name="fixed", check=check)
        assert "warnings" not in lab.run(MODULE, name="floating", check=check, static_memory=True)
        whole = {"name": "new", "memory": {"dynamic": True}, "nesting": {"state": "enabled"}}
        assert len(lab.run("vm", **whole, check=check)["warnings"]) == 1
