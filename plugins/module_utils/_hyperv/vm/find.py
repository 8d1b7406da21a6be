# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Virtual machines, and finding them by name or id (Msvm_ComputerSystem)."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..._task.errors import Ambiguous, Invalid, Missing, Refused
from ..._task.session import Target
from ..._task.wait import RECONNECT, reached_within
from ..._wsman import cim
from ..._wsman.cim import Reference
from ..schema import COMPUTER_SYSTEM, VM_SETTINGS

# Msvm_ComputerSystem.EnabledState as seen on hosts of the v2 namespace.
STATES = {2: "running", 3: "off", 4: "stopping", 6: "saved", 9: "paused", 10: "starting"}
LASTING = RUNNING, OFF, SAVED, PAUSED = "running", "off", "saved", "paused"
MOST_NAME = 100  # characters
_SETTLING = 30.0  # seconds that a task waits for a transition that it did not begin

# Options that choose one VM, and the conditions on them for AnsibleModule; associated with doc fragment _vm.
OPTIONS: dict[str, Any] = {"name": {"type": "str"}, "id": {"type": "str"}}
ONE: dict[str, Any] = {"required_one_of": [("name", "id")], "mutually_exclusive": [("name", "id")]}

# The same for modules about a part of a VM, where name and id are the part's; doc fragment _vm.part.
PART_OPTIONS: dict[str, Any] = {"vm": {"type": "str"}, "vm_id": {"type": "str"}}
PART_ONE: dict[str, Any] = {"required_one_of": [("vm", "vm_id")], "mutually_exclusive": [("vm", "vm_id")]}


@dataclass
class VM:
    """A VM as its host knows it.

    ``id`` is the GUID in upper case; it is empty until the step that creates the VM fills it in. ``state`` is a word of
    STATES or ``busy``, ``uptime`` counts milliseconds.
    """

    id: str
    name: str
    state: str
    uptime: int = 0

    def in_state(self, state: str) -> VM:
        """The same VM in another state."""
        return replace(self, state=state)

    @property
    def keys(self) -> dict[str, str]:
        return {"CreationClassName": COMPUTER_SYSTEM.name, "Name": self.id}

    @property
    def reference(self) -> Reference:
        return COMPUTER_SYSTEM.reference(self.keys)

    @property
    def settings_reference(self) -> Reference:
        return VM_SETTINGS.reference({"InstanceID": f"Microsoft:{self.id}"})

    def __str__(self) -> str:
        return f"VM '{self.name}'"


def state_word(enabled_state: int | None) -> str:
    """EnabledState in words; transitional and critical values are ``busy``."""
    return STATES.get(enabled_state or 0, "busy")


def vm_id(text: str, option: str = "id") -> str:
    """A VM's GUID in the form that CIM keys have. Raises Invalid."""
    try:
        return str(uuid.UUID(text)).upper()
    except ValueError as error:
        raise Invalid(
            f"'{text}' is not a VM id, which looks like 5B6E1B0C-7A0E-4F8B-9C55-0D2A5F6F1A11", option=option
        ) from error


def is_vm(row: Mapping[str, Any]) -> bool:
    """Whether a row of Msvm_ComputerSystem is a VM: the host's own row is named by its computer name."""
    try:
        uuid.UUID(row["Name"])
    except ValueError:
        return False
    return True


def owner(instance_id: str) -> str:
    """The VM id (upper case) within the InstanceID of one of its settings: ``Microsoft:<VM>\\…``."""
    return instance_id.partition(":")[2].partition("\\")[0].upper()


def of_vms(vms: list[VM], limit: int = 8) -> str | None:
    """A WQL condition for the settings of these VMs; None (all) if a long OR would cost more than it saves."""
    if len(vms) > limit:
        return None
    return " OR ".join(f"InstanceID LIKE {cim.like_prefix(f'Microsoft:{vm.id}')}" for vm in vms)


def fetch_by_name(host: Target, params: Mapping[str, Any]) -> VM:
    """The one VM that the options ``name`` or ``id`` choose. Raises Missing, Ambiguous."""
    return fetch(host, params["name"], params["id"], ("name", "id"))


def fetch_renamed(host: Target, params: Mapping[str, Any]) -> VM:
    """The VM that ``new_name`` is for, by its name, its id or, once it is renamed, its new name.

    Raises Missing, Ambiguous, Refused if another VM has the new name.
    """
    new_name = params["new_name"]
    if len(new_name) > MOST_NAME:
        raise Invalid(f"a VM's name has 1 to {MOST_NAME} characters, not {len(new_name)}", option="new_name")
    holders = query(host, [new_name])
    try:
        vm = fetch_by_name(host, params)
    except Missing:
        if params["id"] or len(holders) != 1:
            raise
        return settled(host, holders[0])
    if taken := [holder.id for holder in holders if holder.id != vm.id]:
        text = f"another VM has the name '{new_name}' (id {taken[0]}); choose another name"
        raise Refused(text, option="new_name", vm=vm.name)
    return vm


def fetch_of_part(host: Target, params: Mapping[str, Any]) -> VM:
    """The one VM that the options ``vm`` or ``vm_id`` choose. Raises Missing, Ambiguous."""
    return fetch(host, params["vm"], params["vm_id"], ("vm", "vm_id"))


def fetch(host: Target, name: str | None, id: str | None, options: tuple[str, str] = ("name", "id")) -> VM:
    """The one VM of that literal name (compared without case) or id, in a state that lasts; one request.

    ``options`` are the names of the two options, for errors.
    """
    by_name, by_id = options
    option = by_id if id else by_name
    if not (name or id):
        raise Invalid(f"chooses no VM; set '{by_name}' or '{by_id}'", option=by_name)
    vms = query(host, [name] if name else [], [vm_id(id, by_id)] if id else [])
    wanted = f"id {id}" if id else f"name '{name}'"
    if not vms:
        check_rights(host)
        text = f"no VM has the {wanted}; vm_info without a name lists the VMs of this host"
        raise Missing(text, option=option, vm=name or id)
    if len(vms) > 1:
        raise ambiguous(name or "", [vm.id for vm in vms], options)
    return vms[0] if vms[0].state in LASTING else settled(host, vms[0])  # plans depend on its state


def ambiguous(name: str, ids: list[str], options: tuple[str, str] = ("name", "id")) -> Ambiguous:
    """The error about a name that the VMs of these ids share."""
    by_name, by_id = options
    text = f"{len(ids)} VMs share the name '{name}'; choose one by '{by_id}': {', '.join(sorted(ids))}"
    return Ambiguous(text, option=by_name, vm=name, ids=sorted(ids))


def query(host: Target, names: list[str] | None = None, ids: list[str] | None = None) -> list[VM]:
    """The VMs of any of these names or ids; all VMs if both are None, none if the lists are empty; one request."""
    if names is None and ids is None:
        conditions = []
    else:
        conditions = [f"ElementName = {cim.quote(name)}" for name in names or ()]
        conditions += [f"Name = {cim.quote(id)}" for id in ids or ()]
        if not conditions:
            return []
    columns = ("Name", "ElementName", "EnabledState", "OnTimeInMilliseconds")
    rows = host.client.query(COMPUTER_SYSTEM, columns=columns, where=" OR ".join(conditions) or None)
    return [
        VM(
            row["Name"].upper(),
            row["ElementName"] or "",
            state_word(row["EnabledState"]),
            row["OnTimeInMilliseconds"] or 0,
        )
        for row in rows
        if is_vm(row)
    ]


def fetch_again(host: Target, vm: VM) -> VM:
    """The VM in its state now."""
    row = host.client.get(COMPUTER_SYSTEM, vm.keys)
    return replace(vm, state=state_word(row["EnabledState"]), uptime=row["OnTimeInMilliseconds"] or 0)


def fetch_state(host: Target, vm: VM) -> str:
    """The VM's state now."""
    return fetch_again(host, vm).state


def settled(host: Target, vm: VM) -> VM:
    """The VM in a state that lasts; after half a minute, as it is then. The host may be unreachable for a while."""

    def lasts() -> bool:
        nonlocal vm
        vm = fetch_again(host, vm)
        return vm.state in LASTING

    reached_within(host, lasts, _SETTLING, f"see {vm} settle", patience=RECONNECT)
    return vm


def check_rights(host: Target) -> None:
    """Raise Refused if the user sees nothing of Hyper-V; one request, for when something wasn't found.

    To users without rights a host shows empty classes, while to others at least the host itself is a computer system.
    """
    if not host.client.query(COMPUTER_SYSTEM, columns=("Name",), limit=1):
        raise Refused(
            "the user sees nothing of Hyper-V on this host. The user must be an administrator of the host, or in its "
            "'Hyper-V Administrators' group"
        )
