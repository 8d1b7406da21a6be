"""How nested guests reach the network: one option, together with the older ones."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.nested.hyperv.tests.harness.lab import Lab, open_lab
from ansible_collections.nested.hyperv.tests.harness.models import NETWORK_HOST

MODEL = NETWORK_HOST
MODULE = "vm_nesting"


def spoofing(lab: Lab) -> dict[str, bool]:
    adapters = lab.info("lab01", "nesting")["nesting"]["adapters"]
    return {row["name"]: row["mac_spoofing"] for row in adapters if row["name"].lower() != "twin"}


def test_mac_spoofing_on_all_adapters(lab: Lab) -> None:
    lab.apply(MODULE, name="lab01", network="mac_spoofing")
    assert spoofing(lab) == {"LAN": True, "Loose": True}
    lab.leaves_alone(MODULE, name="lab01", mac_spoofing=True)


def test_mac_spoofing_on_one_adapter(lab: Lab) -> None:
    lab.apply(MODULE, name="lab01", network="mac_spoofing", adapters=["LAN"])
    assert spoofing(lab) == {"LAN": True, "Loose": False}


@pytest.mark.parametrize("network", ["nat", "leave"])
@pytest.mark.parametrize("before", [True, False])
def test_nat_leaves_spoofing_alone(lab: Lab, network: str, before: bool) -> None:
    lab.run(MODULE, name="lab01", mac_spoofing=before)
    result = lab.run(MODULE, name="lab01", network=network, static_memory=True)
    assert result["changed"] is False
    assert set(spoofing(lab).values()) == {before}


def test_nat_and_spoofing_off_in_one_task(lab: Lab) -> None:
    lab.apply(MODULE, name="lab01", network="mac_spoofing")
    lab.apply(MODULE, name="lab01", network="nat", mac_spoofing=False)
    assert not any(spoofing(lab).values())


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({"network": "mac_spoofing", "mac_spoofing": False}, "mac_spoofing: 'network: mac_spoofing' switches it on"),
        ({"network": "mac_spoofing", "state": "disabled"}, "network: a VM with 'state: disabled' has no nested guests"),
        ({"network": "nat", "adapters": ["LAN"]}, "adapters: says which adapters MAC address spoofing is for"),
        ({"adapters": ["LAN"]}, "add 'network: mac_spoofing'"),
        ({"network": "mac_spoofing", "adapters": ["WAN"]}, "has no network adapter 'WAN'"),
    ],
)
def test_bad_input(shared_lab: Lab, args: dict[str, Any], words: str) -> None:
    shared_lab.refuses(MODULE, words, name="lab01", **args)


def test_the_same_in_a_whole_vm(lab: Lab) -> None:
    lab.apply("vm", name="lab01", nesting={"network": "mac_spoofing", "adapters": ["LAN"]})
    assert spoofing(lab) == {"LAN": True, "Loose": False}


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
