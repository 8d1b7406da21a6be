r"""COM ports of a VM: two in every VM from the start, each connected to a named pipe or to nothing.

InstanceIDs as printed from a Windows Server 2012 R2 host, where the class is still Msvm_ResourceAllocationSettingData.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...cim.values import Instance
from ...machine.jobs import INVALID_PARAMETER, INVALID_STATE, Refused
from ..states import OFF, SAVED
from . import Setting

if TYPE_CHECKING:
    from ..vm import Vm

CLASS = "Msvm_SerialPortSettingData"
CONTROLLER = "8E3A359F-559A-4B6A-98A9-1690A6100ED7"
SERIAL_PORT = 21  # CIM_ResourceAllocationSettingData.ResourceType


class Serial(Setting):
    CLASSES = (CLASS,)
    ONE_PER_VM = True

    def install_vm(self, vm: Vm, spec: dict[str, Any]) -> None:
        for number in (0, 1):
            vm.machine.repository.add(
                CLASS,
                {
                    "InstanceID": f"Microsoft:{vm.id}\\{CONTROLLER}\\{number}",
                    "ElementName": f"COM {number + 1}",
                    "ResourceType": SERIAL_PORT,
                    "ResourceSubType": "Microsoft:Hyper-V:Serial Port",
                    "Connection": [""],
                    "DebuggerMode": False,
                    "VirtualQuantity": 1,
                    "Reservation": 1,
                    "Limit": 1,
                    "AutomaticAllocation": True,
                    "AutomaticDeallocation": True,
                    "ConsumerVisibility": 3,
                },
                owner=vm.id,
            )

    def check_modify(self, vm: Vm, row: Instance, values: dict[str, Any]) -> None:
        """The pipe changes in any state, DebuggerMode only while the VM is off (Set-VMComPort docs)."""
        if set(values) - {"Connection", "DebuggerMode"}:
            raise Refused(INVALID_PARAMETER)
        if vm.busy or vm.state == SAVED or ("DebuggerMode" in values and vm.state != OFF):
            raise vm.refusal("error_state", INVALID_STATE)
