"""The boot order of a generation 2 VM: each entry names another device."""

from __future__ import annotations

import pytest

from ansible_collections.nested.hyperv.plugins.module_utils._hyperv.storage.layout import DISK, DVD, SCSI, Drive, Place
from ansible_collections.nested.hyperv.plugins.module_utils._hyperv.vm.find import OFF, VM
from ansible_collections.nested.hyperv.plugins.module_utils._hyperv.vm.firmware import Device, boot_devices
from ansible_collections.nested.hyperv.plugins.module_utils._task.errors import Invalid, Refused
from ansible_collections.nested.hyperv.plugins.module_utils._task.session import Target

VM01 = VM("5B6E1B0C-7A0E-4F8B-9C55-0D2A5F6F1A11", "vm01", OFF)
HOST = Target("hv01", None)


def drive(kind: str, location: int, path: str | None = None) -> Device:
    at = Drive(kind, Place(SCSI, 0, location), f"{kind}{location}", None, path)
    return Device(kind, at.id, str(at.place), at)


DEVICES = [
    drive(DISK, 0, r"C:\VMs\os.vhdx"),
    drive(DISK, 1, r"C:\VMs\data.vhdx"),
    drive(DVD, 2, r"C:\ISO\x.iso"),
    Device("network", "z", "LAN"),
    Device("network", "a", "WAN"),
    Device("network", "m", "Twin"),
    Device("network", "n", "twin"),
]


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        (["disk"], ["disk0"]),
        (["disk", "disk"], ["disk0", "disk1"]),
        (["disk:0:0", "disk"], ["disk0", "disk1"]),
        (["disk", "disk:0:0"], ["disk1", "disk0"]),
        (["disk:0:1", "network", "disk", "dvd"], ["disk1", "z", "disk0", "dvd2"]),
        (["disk:c:/vms/./DATA.vhdx", "dvd: C:\\ISO\\x.iso"], ["disk1", "dvd2"]),
        (["network", "network"], ["z", "a"]),
        (["network:wan", "network"], ["a", "z"]),
    ],
)
def test_a_kind_means_the_first_device_that_no_entry_names(order: list[str], expected: list[str]) -> None:
    assert [device.id for device in boot_devices(order, DEVICES, VM01, HOST)] == expected


@pytest.mark.parametrize(
    ("order", "error", "words"),
    [
        (["disk", "disk", "disk"], Refused, "'disk' is not attached to VM 'vm01', or another entry names it"),
        (["disk:0:1", "disk:C:\\VMs\\data.vhdx"], Invalid, "is listed twice for VM 'vm01'"),
        (["network:LAN", "network:lan"], Invalid, "is listed twice"),
        (["network:twin"], Refused, "names 2 devices of VM 'vm01'"),
        (["floppy"], Invalid, "names no device"),
        ([""], Invalid, "names no device"),
    ],
)
def test_no_device_is_named_twice(order: list[str], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words) as raised:
        boot_devices(order, DEVICES, VM01, HOST)
    assert raised.value.option == "boot_order"
