"""VMs as a table for people."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.nested.hyperv.plugins.filter.vm_table import FilterModule

vm_table = FilterModule().filters()["vm_table"]
GB = 1 << 30

WEB01: dict[str, Any] = {
    "name": "web01",
    "state": "running",
    "nesting": {"virtualization_extensions": False, "adapters": []},
    "processor": {"count": 2},
    "memory": {"dynamic": True, "startup": 4 * GB, "minimum": GB // 2, "maximum": 8 * GB},
    "network_adapters": [{"switch": "External", "mac_spoofing": False}, {"switch": None, "mac_spoofing": True}],
}
LAB01: dict[str, Any] = {
    "name": "lab01-long",
    "state": "off",
    "nesting": {"virtualization_extensions": True, "adapters": []},
    "processor": {"count": 16},
    "memory": {"dynamic": False, "startup": 8 * GB, "minimum": GB // 2, "maximum": 1024 * GB},
    "network_adapters": [],
}


def test_table() -> None:
    assert vm_table([WEB01, LAB01]) == [
        "VM          STATE    NESTING  CPUS  MEMORY              SPOOFING  NETWORK",
        "web01       running  off      2     4GB (512MB to 8GB)  1 of 2    External, not connected",
        "lab01-long  off      on       16    8GB static          off",
    ]


def test_columns_whose_facts_were_not_included_are_left_out() -> None:
    assert vm_table([{"name": "a", "state": "off"}, {"name": "b", "state": "off", "processor": {"count": 1}}]) == [
        "VM  STATE",
        "a   off",
        "b   off",
    ]


def test_no_vm_gives_the_headings() -> None:
    assert len(vm_table([])) == 1


@pytest.mark.parametrize("value", [None, {"vms": []}, "web01", [{"id": 1}], ["web01"]])
def test_what_is_no_list_of_vms(value: Any) -> None:
    with pytest.raises(AnsibleFilterError, match="requires the list 'vms'"):
        vm_table(value)
