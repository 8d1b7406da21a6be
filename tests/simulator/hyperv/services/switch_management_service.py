"""Msvm_VirtualEthernetSwitchManagementService: create, change and remove virtual switches."""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING, Any

from ...cim.embedded import EmbeddedError, parse_embedded, typed_values
from ...cim.paths import PathError, parse_path
from ...cim.schema import HYPERV
from ...cim.values import Instance, Reference
from ...machine.jobs import FAILED, INVALID_PARAMETER, NOT_SUPPORTED, WRONG_TYPE, Plan, Refused
from ...machine.network import DEFAULT_SWITCH, Adapter
from ...machine.service import Service
from .. import settings
from ..settings import feature
from . import virtual_switch as switches
from .management_service import add_service

if TYPE_CHECKING:
    from ...machine.machine import Machine
    from ...machine.service import Call

CLASS = "Msvm_VirtualEthernetSwitchManagementService"
Answer = tuple[int, dict[str, Any]]

# Fixed when the switch is created (New-VMSwitch and Set-VMSwitch docs; over WMI: ASSUMPTIONS NET-03).
AT_CREATION = {"IOVPreferred", "BandwidthReservationMode", "TeamingEnabled", "PacketDirectEnabled"}
CHANGEABLE = {"ElementName", "Notes"}
# Members of an embedded team (Microsoft: "Switch Embedded Teaming").
TEAM = 8


class SwitchManagementService(Service):
    CLASSES = (CLASS,)

    def install(self, machine: Machine) -> None:
        add_service(machine, CLASS, "nvspwmi")

    # --- the switch

    def define_system(self, call: Call) -> Answer:
        """A private switch is created at once (captured), one with a physical adapter in a job (ASSUMPTIONS NET-01)."""
        external = any("Msvm_ExternalEthernetPort" in text for text in call["ResourceSettings"] or ())
        return call.machine.jobs.perform(
            call, "define_external" if external else "define_switch", lambda: _define(call)
        )

    def destroy_system(self, call: Call) -> Answer:
        """In a job (captured). By ElementName instead of the GUID: 32773, as for a VM (captured there)."""

        def plan() -> Plan:
            row = _find(call.machine, call["AffectedSystem"], switches.SWITCH)
            if row["Name"] == DEFAULT_SWITCH:
                raise Refused(FAILED, call.machine.text("error_default_switch"), in_job=True)
            return Plan(work=lambda: switches.remove_switch(call.machine, row["Name"]), affected=[row.reference()])

        return call.machine.jobs.perform(call, "destroy_switch", plan)

    def modify_system_settings(self, call: Call) -> Answer:
        def plan() -> Plan:
            machine = call.machine
            values = _read(machine, call["SystemSettings"] or "", switches.SETTINGS)
            row = machine.repository.row(switches.SETTINGS, InstanceID=values.pop("InstanceID", None))
            if row is None or row["VirtualSystemIdentifier"] == DEFAULT_SWITCH:
                raise Refused(INVALID_PARAMETER)
            changes = {name: value for name, value in values.items() if not settings.same(value, row[name])}
            if set(changes) & AT_CREATION or values.get("ElementName") == "":
                raise Refused(INVALID_PARAMETER)
            _check_settings(machine, changes)

            def work() -> None:
                row.update({name: value for name, value in changes.items() if name in CHANGEABLE})
                if "ElementName" in changes:
                    switches.rename(machine, row["VirtualSystemIdentifier"], changes["ElementName"])

            return Plan(work=work)

        return call.machine.jobs.perform(call, "modify_switch", plan)

    # --- its ports

    def add_resource_settings(self, call: Call) -> Answer:
        """AffectedConfiguration: the switch's settings."""
        return call.machine.jobs.perform(call, "add_switch_ports", lambda: _add(call))

    def modify_resource_settings(self, call: Call) -> Answer:
        """A host vNIC's name and address, or the physical adapter of an external port."""
        return call.machine.jobs.perform(call, "modify_switch_ports", lambda: _modify(call))

    def remove_resource_settings(self, call: Call) -> Answer:
        def plan() -> Plan:
            machine = call.machine
            rows = [_find(machine, reference, switches.CONNECTION) for reference in call["ResourceSettings"] or ()]
            guids = [switches.switch_id(row) for row in rows]
            if not rows or any(switches.settings_of(machine, guid) is None or guid == DEFAULT_SWITCH for guid in guids):
                raise Refused(INVALID_PARAMETER)

            def work() -> None:
                for row in rows:
                    switches.remove_port(machine, row)

            return Plan(work=work)

        return call.machine.jobs.perform(call, "remove_switch_ports", plan)

    # --- features of its own ports (the VLAN of a host vNIC)

    def add_feature_settings(self, call: Call) -> Answer:
        return call.machine.jobs.perform(call, "add_features", lambda: _add_features(call))

    def modify_feature_settings(self, call: Call) -> Answer:
        def plan() -> Plan:
            machine, changes = call.machine, []
            for text in call["FeatureSettings"] or ():
                cls, values = settings.read(machine, text)
                row = machine.repository.row(cls.name, InstanceID=values.pop("InstanceID", None))
                if row is None or cls.name not in feature.FEATURES or _switch_feature(machine, row) is None:
                    raise Refused(INVALID_PARAMETER)
                feature.check_values(row, values)
                changes.append((row, values))
            if not changes:
                raise Refused(INVALID_PARAMETER)

            def work() -> None:
                for row, values in changes:
                    row.update(values)

            return Plan(work=work, outputs={"ResultingFeatureSettings": [row.reference() for row, _rest in changes]})

        return call.machine.jobs.perform(call, "modify_features", plan)

    def remove_feature_settings(self, call: Call) -> Answer:
        def plan() -> Plan:
            rows = [call.machine.repository.find(reference) for reference in call["FeatureSettings"] or ()]
            if not rows or any(row is None or _switch_feature(call.machine, row) is None for row in rows):
                raise Refused(INVALID_PARAMETER)

            def work() -> None:
                for row in rows:
                    call.machine.repository.remove(row)

            return Plan(work=work)

        return call.machine.jobs.perform(call, "remove_features", plan)


def _define(call: Call) -> Plan:
    machine = call.machine
    values: dict[str, Any] = {}
    if call["SystemSettings"]:
        values = _read(machine, call["SystemSettings"], switches.SETTINGS)
    if call["ReferenceConfiguration"] is not None:
        raise Refused(NOT_SUPPORTED)
    guid = str(uuid.uuid4()).upper()
    values.pop("InstanceID", None)
    name = values.pop("ElementName", "") or machine.text("switch_new")
    _check_settings(machine, values)
    ports = [_read_port(machine, text, name) for text in call["ResourceSettings"] or ()]
    _check_ports(machine, ports, bool(values.get("TeamingEnabled")))
    reference = Reference(HYPERV, switches.SWITCH, {"CreationClassName": switches.SWITCH, "Name": guid})

    def work() -> None:
        _check_free(machine, ports)
        switches.add_switch(machine, guid, name, values)
        for port in ports:
            switches.add_port(machine, guid, port)

    return Plan(work=work, outputs={"ResultingSystem": reference}, affected=[reference])


def _add(call: Call) -> Plan:
    machine = call.machine
    row = _find(machine, call["AffectedConfiguration"], switches.SETTINGS)
    guid = row["VirtualSystemIdentifier"]
    ports = [_read_port(machine, text, row["ElementName"]) for text in call["ResourceSettings"] or ()]
    if not ports or guid == DEFAULT_SWITCH:
        raise Refused(INVALID_PARAMETER)
    _check_ports(machine, ports, row["TeamingEnabled"], switches.own_ports(machine, guid))
    outputs: dict[str, Any] = {"ResultingResourceSettings": []}

    def work() -> None:
        _check_free(machine, ports)
        outputs["ResultingResourceSettings"] += [switches.add_port(machine, guid, port).reference() for port in ports]

    return Plan(work=work, outputs=outputs)


def _modify(call: Call) -> Plan:
    machine = call.machine
    changes: list[tuple[Instance, dict[str, Any]]] = []
    for text in call["ResourceSettings"] or ():
        values = _read(machine, text, switches.CONNECTION)
        row = machine.repository.row(switches.CONNECTION, InstanceID=values.pop("InstanceID", None))
        guid = switches.switch_id(row) if row is not None else ""
        if switches.settings_of(machine, guid) is None or guid == DEFAULT_SWITCH:
            raise Refused(INVALID_PARAMETER)
        _check_mac(values)
        if "HostResource" in values:
            values["HostResource"] = [_host(machine, values["HostResource"])]
            old, new = switches.physical_of(machine, row), _behind(machine, values["HostResource"][0])
            if (old is None) != (new is None) or (new is not old and new.switch):
                raise Refused(INVALID_PARAMETER)
        changes.append((row, {name: value for name, value in values.items() if not settings.same(value, row[name])}))
    if not changes:
        raise Refused(INVALID_PARAMETER)

    def work() -> None:
        for row, values in changes:
            _change_port(machine, row, values)

    return Plan(work=work, outputs={"ResultingResourceSettings": [row.reference() for row, _rest in changes]})


def _change_port(machine: Machine, row: Instance, values: dict[str, Any]) -> None:
    host_vnic, old = switches.vnic(machine, row), switches.physical_of(machine, row)
    row.update(values)
    if host_vnic is not None:
        host_vnic.mac = row["Address"]
    new = switches.physical_of(machine, row)
    if old is not None and new is not old:
        new.switch, old.switch = old.switch, ""
        machine.network.park(new)
        machine.network.hand_over(old, old)


def _add_features(call: Call) -> Plan:
    machine = call.machine
    port = _find(machine, call["AffectedConfiguration"], switches.CONNECTION)
    guid = switches.switch_id(port)
    if switches.settings_of(machine, guid) is None:
        raise Refused(INVALID_PARAMETER)
    rows = []
    for text in call["FeatureSettings"] or ():
        cls, values = settings.read(machine, text)
        values.pop("InstanceID", None)
        if cls.name not in feature.FEATURES:
            raise Refused(INVALID_PARAMETER)
        row = machine.repository.new(cls.name, {"InstanceID": f"{port['InstanceID']}\\{feature.FEATURES[cls.name]}"})
        if machine.repository.row(cls.name, InstanceID=row["InstanceID"]) is not None:
            raise Refused(INVALID_PARAMETER)
        feature.check_values(row, values)
        row.update(values)
        rows.append(row)
    if not rows:
        raise Refused(INVALID_PARAMETER)

    def work() -> None:
        for row in rows:
            machine.repository.store(row, owner=guid)

    return Plan(work=work, outputs={"ResultingFeatureSettings": [row.reference() for row in rows]})


def _switch_feature(machine: Machine, row: Instance) -> Instance | None:
    """The switch whose port has the feature; None for a VM's connection, which belongs to the management service."""
    return switches.settings_of(machine, settings.owner_id(row["InstanceID"]))


# --- reading and checking


def _read(machine: Machine, text: str, class_name: str) -> dict[str, Any]:
    """Typed values of an embedded instance. A scalar for an array is 32776 here, 32773 for VMs (both captured)."""
    try:
        embedded = parse_embedded(text)
        cls = machine.schema.find(HYPERV, class_name)
        if embedded.class_name.lower() != class_name.lower():
            raise Refused(INVALID_PARAMETER)
        for sent in embedded.properties:
            known = cls.find_property(sent.name)
            if known is not None and sent.value is not None and known.array != sent.array:
                raise Refused(WRONG_TYPE)
        return typed_values(embedded, cls)
    except EmbeddedError as error:
        late = error.code == FAILED
        raise Refused(error.code, machine.text("error_type") if late else "", in_job=late) from error


def _check_settings(machine: Machine, values: dict[str, Any]) -> None:
    settings.in_range(values, {"BandwidthReservationMode": (0, 3)})
    if values.get("TeamingEnabled") and machine.os["product_type"] == 1:
        # Switch Embedded Teaming is a feature of Windows Server 2016 and later (its documentation).
        raise Refused(NOT_SUPPORTED)
    if "Notes" in values:  # one element is kept (captured for the Notes of a VM)
        values["Notes"] = (values["Notes"] or [""])[:1]


def _read_port(machine: Machine, text: str, switch_name: str) -> dict[str, Any]:
    """The values of a new port; without HostResource, or with an unknown one, 32773 (captured)."""
    values = _read(machine, text, switches.CONNECTION)
    values.pop("InstanceID", None)
    values["HostResource"] = [_host(machine, values.get("HostResource"))]
    values["ElementName"] = values.get("ElementName") or switch_name
    if _behind(machine, values["HostResource"][0]) is not None:
        values.pop("Address", None)
    _check_mac(values)
    settings.in_range(values, {"EnabledState": (2, 3)})
    return values


def _host(machine: Machine, hosts: list[str] | None) -> str:
    """The target of a port in the host's spelling: the host itself, or a physical adapter by all four keys."""
    if not hosts or len(hosts) != 1:
        raise Refused(INVALID_PARAMETER)
    try:
        reference = parse_path(hosts[0])
    except PathError as error:
        raise Refused(INVALID_PARAMETER) from error
    row = machine.repository.find(reference)
    wanted = (switches.host_reference(machine), *map(_external(machine), machine.network.physical))
    if row is None or row.reference() not in wanted:
        raise Refused(INVALID_PARAMETER)
    return row.reference().path(machine.name)


def _external(machine: Machine) -> Any:
    return lambda adapter: switches.external_reference(machine, adapter)


def _behind(machine: Machine, path: str) -> Adapter | None:
    return switches.physical_of(machine, machine.repository.new(switches.CONNECTION, {"HostResource": [path]}))


def _check_ports(
    machine: Machine, new: list[dict[str, Any]], team: bool, present: list[Instance] | None = None
) -> None:
    """One physical adapter, or up to eight different ones in a team; a bound adapter is always 32773."""
    _check_free(machine, new)
    adapters = [_behind(machine, port["HostResource"][0]) for port in new]
    taking = [adapter for adapter in adapters if adapter is not None]
    bound = [adapter for row in present or () if (adapter := switches.physical_of(machine, row))]
    if len({id(adapter) for adapter in taking}) != len(taking):
        raise Refused(INVALID_PARAMETER)
    if len(taking) + len(bound) > (TEAM if team else 1) or (team and present is None and not taking):
        raise Refused(INVALID_PARAMETER)


def _check_free(machine: Machine, ports: list[dict[str, Any]]) -> None:
    for port in ports:
        adapter = _behind(machine, port["HostResource"][0])
        if adapter is not None and adapter.switch:
            raise Refused(INVALID_PARAMETER)


def _check_mac(values: dict[str, Any]) -> None:
    if values.get("Address"):
        address = values["Address"]
        if not re.fullmatch(r"[0-9A-Fa-f]{12}", address) or int(address[:2], 16) & 1:
            raise Refused(INVALID_PARAMETER)
        values["Address"] = address.upper()


def _find(machine: Machine, reference: Reference | None, class_name: str) -> Instance:
    row = machine.repository.find(reference, partial=True) if reference is not None else None
    if row is None or row.cls.name != class_name:
        raise Refused(INVALID_PARAMETER)
    return row
