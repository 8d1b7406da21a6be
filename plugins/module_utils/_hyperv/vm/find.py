# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Virtual machines: finding them by name or id, and writing their settings."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from typing import Any, NamedTuple

from ..._task.errors import Ambiguous, Invalid, Missing, Refused
from ..._task.session import Host
from ..._wsman import cim
from ..._wsman.cim import CimClass, Reference
from .. import jobs
from ..schema import COMPUTER_SYSTEM, V2, VM_SERVICE, VM_SETTINGS

# Msvm_ComputerSystem.EnabledState as seen on hosts of the v2 namespace.
STATES = {2: "running", 3: "off", 4: "stopping", 6: "saved", 9: "paused", 10: "starting"}
LASTING = RUNNING, OFF, SAVED, PAUSED = "running", "off", "saved", "paused"
_SETTLING = 30.0  # seconds that a task waits for a transition which somebody else began

# Options that choose one VM, and the conditions on them for AnsibleModule; associated with doc fragment _vm.
OPTIONS: dict[str, Any] = {"name": {"type": "str"}, "id": {"type": "str"}}
ONE: dict[str, Any] = {"required_one_of": [("name", "id")], "mutually_exclusive": [("name", "id")]}

# The same for modules about a part of a VM, where name and id are the part's; doc fragment _vm.part.
PART_OPTIONS: dict[str, Any] = {"vm": {"type": "str"}, "vm_id": {"type": "str"}}
PART_ONE: dict[str, Any] = {"required_one_of": [("vm", "vm_id")], "mutually_exclusive": [("vm", "vm_id")]}


class VM(NamedTuple):
    """A VM as its host knows it; ``id`` is the GUID in upper case, ``state`` a word of STATES or ``busy``."""

    id: str
    name: str
    state: str

    @property
    def keys(self) -> dict[str, str]:
        return {"CreationClassName": COMPUTER_SYSTEM.name, "Name": self.id}

    @property
    def reference(self) -> Reference:
        return Reference(V2, COMPUTER_SYSTEM.name, self.keys)

    @property
    def settings_reference(self) -> Reference:
        return Reference(V2, VM_SETTINGS.name, {"InstanceID": f"Microsoft:{self.id}"})

    def __str__(self) -> str:
        return f"VM '{self.name}'"


def state_word(enabled_state: int | None) -> str:
    """EnabledState in words; transitional and critical values are ``busy``."""
    return STATES.get(enabled_state or 0, "busy")


def vm_id(text: str) -> str:
    """A VM's GUID in the form that CIM keys have. Raises Invalid."""
    try:
        return str(uuid.UUID(text)).upper()
    except ValueError as error:
        raise Invalid(f"id: '{text}' is not a VM id, which looks like 5B6E1B0C-7A0E-4F8B-9C55-0D2A5F6F1A11") from error


def is_vm(row: Mapping[str, Any]) -> bool:
    """Whether a row of Msvm_ComputerSystem is a VM: the host's own row is named by its computer name."""
    try:
        uuid.UUID(row["Name"])
    except ValueError:
        return False
    return True


def find(host: Host, name: str | None = None, id: str | None = None) -> VM:
    """The one VM of that literal name (compared without case) or id; one request. Raises Missing, Ambiguous."""
    found = find_all(host, [name] if name else [], [vm_id(id)] if id else [])
    wanted = f"id {id}" if id else f"name '{name}'"
    if not found:
        check_rights(host)
        raise Missing(f"no VM has the {wanted}; vm_info without a name lists the VMs of this host", vm=name or id)
    if len(found) > 1:
        ids = sorted(vm.id for vm in found)
        raise Ambiguous(
            f"{len(found)} VMs share the {wanted}; choose one by 'id': {', '.join(ids)}", vm=name or id, ids=ids
        )
    return _settled(host, found[0])


def _settled(host: Host, vm: VM) -> VM:
    """The VM once it is in a state that lasts, for plans go by that; where a transition takes longer, as it is then."""
    deadline = time.monotonic() + _SETTLING
    for pause in jobs.pauses():
        if vm.state in LASTING or time.monotonic() > deadline:
            break
        time.sleep(pause)
        vm = vm._replace(state=state(host, vm))
    return vm


def check_rights(host: Host) -> None:
    """Raise Refused where the user sees nothing of Hyper-V; one request, for when something wasn't found.

    To users without rights a host shows empty classes, while to others at least the host itself is a computer system.
    """
    if not host.client.query(COMPUTER_SYSTEM, columns=("Name",), limit=1):
        raise Refused(
            "the user sees nothing of Hyper-V on this host. The user must be an administrator of the host, or in its "
            "'Hyper-V Administrators' group"
        )


def find_by(host: Host, params: Mapping[str, Any]) -> VM:
    """The one VM that the options ``name`` or ``id`` choose."""
    return find(host, params["name"], params["id"])


def find_whole(host: Host, params: Mapping[str, Any]) -> VM:
    """The one VM that the options ``vm`` or ``vm_id`` choose."""
    return find(host, params["vm"], params["vm_id"])


def find_all(host: Host, names: list[str], ids: list[str]) -> list[VM]:
    """The VMs of any of these names or ids, or all VMs where neither is given."""
    conditions = [f"ElementName = {cim.quote(name)}" for name in names] + [f"Name = {cim.quote(i)}" for i in ids]
    rows = host.client.query(
        COMPUTER_SYSTEM, columns=("Name", "ElementName", "EnabledState"), where=" OR ".join(conditions) or None
    )
    return [
        VM(row["Name"].upper(), row["ElementName"] or "", state_word(row["EnabledState"])) for row in rows if is_vm(row)
    ]


def state(host: Host, vm: VM) -> str:
    """The VM's state now."""
    return state_word(host.client.get(COMPUTER_SYSTEM, vm.keys)["EnabledState"])


def owner(instance_id: str) -> str:
    """The VM id (upper case) within the InstanceID of one of its settings: ``Microsoft:<VM>\\…``."""
    return instance_id.partition(":")[2].partition("\\")[0].upper()


def of_vms(vms: list[VM], limit: int = 8) -> str | None:
    """A WQL condition for the settings of these VMs; None (all) where a long OR would cost more than it saves."""
    if len(vms) > limit:
        return None
    return " OR ".join(f"InstanceID LIKE {cim.like_prefix(f'Microsoft:{vm.id}')}" for vm in vms)


def setting(host: Host, vm: VM, cls: CimClass) -> dict[str, Any]:
    """The VM's one instance of a setting class (processor, memory, …); one request. Raises Missing."""
    rows = host.client.query(cls, columns=tuple(cls.properties), where=of_vms([vm]))
    if not rows:
        raise Missing(f"{vm} has no {cls.name}; the host is changing it, or you lack the rights to see it", vm=vm.name)
    return rows[0]


def modify_resource(host: Host, vm: VM, cls: CimClass, instance_id: str, values: Mapping[str, Any]) -> None:
    """Write these properties of one setting and nothing else.

    The provider validates the whole embedded instance, so an untouched property can make a good change fail.
    """
    text = cim.embedded(cls, {"InstanceID": instance_id, **values})
    what = f"change {', '.join(values)} of {vm}"
    jobs.call(host, VM_SERVICE, "ModifyResourceSettings", {"ResourceSettings": [text]}, what=what)


def modify_system(host: Host, vm: VM, values: Mapping[str, Any]) -> None:
    """Write these properties of the VM's own settings (Msvm_VirtualSystemSettingData)."""
    text = cim.embedded(VM_SETTINGS, {"InstanceID": f"Microsoft:{vm.id}", **values})
    what = f"change {', '.join(values)} of {vm}"
    jobs.call(host, VM_SERVICE, "ModifySystemSettings", {"SystemSettings": text}, what=what)
