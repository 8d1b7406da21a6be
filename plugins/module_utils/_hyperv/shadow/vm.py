# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Predictions of VMs: created, removed, started and stopped, their own settings and their security."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from ..._windows import paths
from ..._windows.schema import FOLDER, OPERATING_SYSTEM
from ..._wsman import cim
from ..._wsman.cim import Instance, Reference
from ..host import facts as host_facts
from ..schema import (
    COMPUTER_SYSTEM,
    GUARDIAN,
    INTEGRATION_SERVICES,
    KEY_PROTECTOR,
    MEMORY,
    PROCESSOR,
    RESOURCE,
    SECURITY,
    SECURITY_SERVICE,
    SHUTDOWN,
    SUMMARY,
    VM_SERVICE,
    VM_SETTINGS,
)
from ..vm import integration, memory, power, processor, security, settings
from ..vm.find import OFF, RUNNING, state_word
from . import checkpoint
from .client import Call, Shadow, embedded

_REALIZED = "Microsoft:Hyper-V:System:Realized"
_CLIENT = 1  # Win32_OperatingSystem.ProductType
_ENABLED = 2


# ---- creating and removing ----


def define_system(shadow: Shadow, call: Call) -> Mapping[str, Any]:
    """A VM with the defaults of a new VM (FRESH of each section), and with the given settings."""
    given = embedded(call.arguments["SystemSettings"])
    resources = [embedded(text) for text in call.arguments["ResourceSettings"]]
    guid = shadow.overlay.new_id()
    keys = {"CreationClassName": COMPUTER_SYSTEM.name, "Name": guid}
    now, name = datetime.now(timezone.utc), given["ElementName"]
    state = {"EnabledState": power.REQUESTS[OFF], "OperationalStatus": [2], "OnTimeInMilliseconds": 0}
    shadow.overlay.add(COMPUTER_SYSTEM, {**keys, **state, "ElementName": name, "InstallDate": now})
    shadow.overlay.add(
        VM_SETTINGS,
        {
            **_new_settings(shadow, given),
            **given,
            "InstanceID": f"Microsoft:{guid}",
            "VirtualSystemIdentifier": guid,
            "VirtualSystemType": _REALIZED,
            "CreationTime": now,
        },
    )
    for folder in paths.lineage(given.get("ConfigurationDataRoot") or ""):
        shadow.overlay.add(FOLDER, {"Name": folder})
    _add_parts(shadow, guid, given, {row["__CLASS"]: row for row in resources})
    return {"ResultingSystem": COMPUTER_SYSTEM.reference(keys)}


def _new_settings(shadow: Shadow, given: Instance) -> dict[str, Any]:
    """The settings that a host chooses for a new VM."""
    host = shadow.target
    windows = host.client.query(OPERATING_SYSTEM, columns=("Name", "ProductType", "BuildNumber"))[0]
    generation_1 = given["VirtualSystemSubType"].endswith("1")
    return {
        **settings.FRESH,
        **({"SecureBootEnabled": False} if generation_1 else {}),
        "Version": given.get("Version") or host_facts.fetch_latest_vm_version(host),
        "AutomaticSnapshotsEnabled": windows["ProductType"] == _CLIENT
        if int(windows["BuildNumber"]) >= settings.FIRST_AUTOMATIC
        else None,
    }


def _add_parts(shadow: Shadow, guid: str, given: Instance, resources: Mapping[str, Instance]) -> None:
    own = f"Microsoft:{guid}"
    rows = [
        (PROCESSOR, {**processor.FRESH, **resources.get(PROCESSOR.name, {}), "InstanceID": f"{own}\\processor\\0"}),
        (MEMORY, {**memory.FRESH, **resources.get(MEMORY.name, {}), "InstanceID": f"{own}\\memory"}),
        (SECURITY, {**security.FRESH, "InstanceID": f"{own}\\security"}),
        *(
            (cls, {**integration.FRESH[service], "InstanceID": f"{own}\\{service}"})
            for service, cls in INTEGRATION_SERVICES.items()
        ),
    ]
    if given["VirtualSystemSubType"].endswith("1"):
        rows += [
            (RESOURCE, {"InstanceID": f"{own}\\ide\\{number}", "ResourceType": 5, "Address": number})
            for number in ("0", "1")
        ]
    for cls, row in rows:
        shadow.overlay.add(cls, row)


def destroy_system(shadow: Shadow, call: Call) -> Mapping[str, Any]:
    """The VM with its parts and checkpoints is gone; its disk files stay."""
    keys = call.arguments["AffectedSystem"].keys
    where = f"VirtualSystemIdentifier = {cim.quote(keys['Name'])}"
    rows = shadow.query(VM_SETTINGS, columns=("InstanceID",), where=where)
    for row in rows:
        shadow.overlay.remove_owner(row["InstanceID"].partition(":")[2])
    shadow.overlay.remove(COMPUTER_SYSTEM, keys)
    return {}


# ---- settings ----


def modify_system_settings(shadow: Shadow, call: Call) -> Mapping[str, Any]:
    """Settings of a VM or a checkpoint; a VM is renamed in both of its rows."""
    values = embedded(call.arguments["SystemSettings"])
    guid = values["InstanceID"].partition(":")[2]
    shadow.overlay.set(VM_SETTINGS, values, values)
    if "ElementName" in values:
        keys = {"CreationClassName": COMPUTER_SYSTEM.name, "Name": guid}
        if shadow.query(COMPUTER_SYSTEM, columns=("Name",), where=f"Name = {cim.quote(guid)}"):
            shadow.overlay.set(COMPUTER_SYSTEM, keys, {"ElementName": values["ElementName"]})
    return {}


def upgrade_system_version(shadow: Shadow, call: Call) -> Mapping[str, Any]:
    """The VM has the latest version of the host."""
    settings_keys = {"InstanceID": f"Microsoft:{call.arguments['ComputerSystem'].keys['Name']}"}
    version = host_facts.fetch_latest_vm_version(shadow.target)
    shadow.overlay.set(VM_SETTINGS, settings_keys, {"Version": version})
    return {}


# ---- power ----


def request_state_change(shadow: Shadow, call: Call) -> Mapping[str, Any]:
    """The VM is in the requested state at once."""
    states = {number: state for state, number in power.REQUESTS.items()}
    set_state(shadow, call.keys["Name"], states[call.arguments["RequestedState"]])
    return {}


def initiate_shutdown(shadow: Shadow, call: Call) -> Mapping[str, Any]:
    """The guest shuts down."""
    set_state(shadow, call.keys["SystemName"], OFF)
    return {}


def set_state(shadow: Shadow, guid: str, state: str) -> None:
    """Predict a power state. A VM that runs has the device of its shutdown service, if it is enabled."""
    keys = {"CreationClassName": COMPUTER_SYSTEM.name, "Name": guid}
    before = state_word(shadow.get(COMPUTER_SYSTEM, keys)["EnabledState"])
    if state == RUNNING and before == OFF:
        checkpoint.before_start(shadow, guid)
    values: dict[str, Any] = {"EnabledState": power.REQUESTS[state]}
    if OFF in (before, state):
        values["OnTimeInMilliseconds"] = 0
    shadow.overlay.set(COMPUTER_SYSTEM, keys, values)
    if state == OFF:
        checkpoint.after_stop(shadow, guid)
    if state == RUNNING and _has_shutdown(shadow, guid):
        device = {"CreationClassName": SHUTDOWN.name, "SystemCreationClassName": COMPUTER_SYSTEM.name}
        shadow.overlay.add(SHUTDOWN, {**device, "SystemName": guid, "DeviceID": "Microsoft:shutdown"})


def _has_shutdown(shadow: Shadow, guid: str) -> bool:
    where = f"InstanceID LIKE {cim.like_prefix(f'Microsoft:{guid}')}"
    rows = shadow.query(INTEGRATION_SERVICES["shutdown"], columns=("InstanceID", "EnabledState"), where=where)
    return any(row["EnabledState"] == _ENABLED for row in rows)


def get_summary_information(shadow: Shadow, call: Call) -> Mapping[str, Any]:
    """The host's summaries; a VM that doesn't exist yet, or whose power is changed, has nothing but its name."""
    asked, made_up = call.arguments["SettingData"], shadow.overlay.made_up
    new = [reference for reference in asked if _guid(reference) in made_up or shadow.power_changed(_guid(reference))]
    existing = [reference for reference in asked if reference not in new]
    rows = []
    if existing:
        rows = shadow.read(call._replace(arguments={**call.arguments, "SettingData": existing}))["SummaryInformation"]
    blank: dict[str, Any] = dict.fromkeys(SUMMARY.properties)
    return {"SummaryInformation": [*rows, *({**blank, "Name": _guid(reference)} for reference in new)]}


def _guid(settings_reference: Reference) -> str:
    return settings_reference.keys["InstanceID"].partition(":")[2]


# ---- security ----


def get_key_protector(shadow: Shadow, call: Call) -> Mapping[str, Any]:
    instance_id = embedded(call.arguments["SecuritySettingData"])["InstanceID"]
    row = shadow.get(SECURITY, {"InstanceID": instance_id})
    if row.get("KeyProtector") or row["TpmEnabled"]:
        return {"KeyProtector": [0] * 8}
    guid = instance_id.partition(":")[2].partition("\\")[0]
    return {"KeyProtector": []} if guid in shadow.overlay.made_up else shadow.read(call)


def set_key_protector(shadow: Shadow, call: Call) -> Mapping[str, Any]:
    shadow.overlay.set(SECURITY, embedded(call.arguments["SecuritySettingData"]), {"KeyProtector": True})
    return {}


def modify_security_settings(shadow: Shadow, call: Call) -> Mapping[str, Any]:
    values = embedded(call.arguments["SecuritySettingData"])
    shadow.overlay.set(SECURITY, values, values)
    return {}


def new_guardian(shadow: Shadow, call: Call) -> Mapping[str, Any]:
    guardian = {"Name": call.arguments["Name"], "HasPrivateSigningKey": True}
    shadow.overlay.add(GUARDIAN, guardian)
    return {"cmdletOutput": guardian}


def new_key_protector(shadow: Shadow, call: Call) -> Mapping[str, Any]:
    return {"cmdletOutput": {"RawData": [0] * 8}}


METHODS = {
    (VM_SERVICE.name, "DefineSystem"): define_system,
    (VM_SERVICE.name, "DestroySystem"): destroy_system,
    (VM_SERVICE.name, "ModifySystemSettings"): modify_system_settings,
    (VM_SERVICE.name, "UpgradeSystemVersion"): upgrade_system_version,
    (VM_SERVICE.name, "GetSummaryInformation"): get_summary_information,
    (COMPUTER_SYSTEM.name, "RequestStateChange"): request_state_change,
    (SHUTDOWN.name, "InitiateShutdown"): initiate_shutdown,
    (SECURITY_SERVICE.name, "GetKeyProtector"): get_key_protector,
    (SECURITY_SERVICE.name, "SetKeyProtector"): set_key_protector,
    (SECURITY_SERVICE.name, "ModifySecuritySettings"): modify_security_settings,
    (GUARDIAN.name, "NewByGenerateCertificates"): new_guardian,
    (KEY_PROTECTOR.name, "NewByGuardians"): new_key_protector,
}
