"""The boot configuration data over CIM: the entry that Windows was started from (BCD reference; WIN-08)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...cim import errors
from ...cim.errors import CimError
from ...cim.schema import WMI
from ...machine.service import Service

if TYPE_CHECKING:
    from ...cim.values import Instance
    from ...machine.machine import Machine
    from ...machine.service import Call

CURRENT = "{fa926493-6f1c-4193-a414-58f0b2456d1e}"  # GUID_CURRENT_BOOT_ENTRY
WINDOWS_BOOT_LOADER = 0x10200003
# BcdOSLoaderElementTypes
LAUNCH_TYPE, LOAD_OPTIONS = 0x250000F0, 0x22000117
LAUNCHES = {"off": 0, "auto": 1}


class BootConfiguration(Service):
    CLASSES = ("BcdObject",)

    def install(self, machine: Machine) -> None:
        row = {"Id": CURRENT, "StoreFilePath": "", "Type": WINDOWS_BOOT_LOADER}
        machine.repository.add("BcdObject", row, WMI)

    def enumerate_elements(self, call: Call) -> tuple[bool, dict[str, Any]]:
        return True, {"Elements": list(_elements(call).values())}

    def enumerate_element_types(self, call: Call) -> tuple[bool, dict[str, Any]]:
        return True, {"Types": list(_elements(call))}

    def get_element(self, call: Call) -> tuple[bool, dict[str, Any]]:
        element = _elements(call).get(call["Type"])
        return element is not None, {"Element": element}


def _elements(call: Call) -> dict[int, Instance]:
    """The elements of the entry by type. The provider is for administrators."""
    if call.user is not None and not call.user.administrator:
        raise CimError(errors.ACCESS_DENIED, operation="ExecMethod", parameter_info="BcdObject")
    spec = {"hypervisor_launch": "auto" if call.machine.hyperv else None, "load_options": None}
    spec |= call.machine.spec["boot"]
    values = {
        LAUNCH_TYPE: ("BcdIntegerElement", "Integer", LAUNCHES.get(spec["hypervisor_launch"])),
        LOAD_OPTIONS: ("BcdStringElement", "String", spec["load_options"]),
    }
    common = {"ObjectId": CURRENT, "StoreFilePath": ""}
    return {
        number: call.machine.repository.new(cls, {**common, "Type": number, name: value}, WMI)
        for number, (cls, name, value) in values.items()
        if value is not None
    }
