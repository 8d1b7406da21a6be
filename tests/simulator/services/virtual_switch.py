"""Msvm_VirtualEthernetSwitch: the switches of the model, enough for adapters to connect to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..cim import Instance

if TYPE_CHECKING:
    from ..machine import Machine

CLASS = "Msvm_VirtualEthernetSwitch"


def install(machine: Machine) -> None:
    for switch in machine.spec["switches"]:
        add_switch(machine, switch["id"], switch["name"], switch["notes"])
    machine.repository.live(CLASS, "ElementName", lambda row: _settings(machine, row)["ElementName"])


def add_switch(machine: Machine, guid: str, name: str, notes: str = "") -> Instance:
    """A switch and its settings (EnabledState 5, RequestedState 12, Dedicated 38: captured from a Windows 11 host)."""
    machine.repository.add(
        "Msvm_VirtualEthernetSwitchSettingData",
        {
            "InstanceID": f"Microsoft:{guid}",
            "ElementName": name,
            "Notes": [notes],
            "VirtualSystemIdentifier": guid,
            "CreationTime": machine.clock.now(),
        },
        owner=guid,
    )
    return machine.repository.add(
        CLASS,
        {
            "CreationClassName": CLASS,
            "Name": guid,
            "Dedicated": [38],
            "EnabledState": 5,
            "RequestedState": 12,
            "ResetCapability": 5,
            "OperationalStatus": [2],
            "StatusDescriptions": ["OK"],
            "Status": "OK",
        },
        owner=guid,
    )


def _settings(machine: Machine, row: Instance) -> Instance:
    return machine.repository.row("Msvm_VirtualEthernetSwitchSettingData", InstanceID=f"Microsoft:{row.values['Name']}")
