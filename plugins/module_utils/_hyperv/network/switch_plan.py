# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes of virtual switches (Msvm_VirtualEthernetSwitchManagementService)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ..._task.errors import Invalid, Missing, Refused
from ..._task.journal import position, taken_back
from ..._task.session import Target
from ..._task.step import Step
from ..._wsman import cim
from ..._wsman.cim import Reference
from .. import jobs
from ..schema import COMPUTER, COMPUTER_SYSTEM, CONNECTION, SWITCH_SERVICE, SWITCH_SETTINGS
from ..vm.find import owner
from .names import check_name
from .switch import (
    BY_DEFAULT,
    CONNECTED,
    DEFAULT_SWITCH,
    ETHERNET_CONNECTION,
    EXTERNAL,
    FIXED,
    INTERNAL,
    PRIVATE,
    NetAdapter,
    Switch,
    adapter_name,
    adapter_names,
    choose,
    fetch_description,
    guid,
    is_switch,
    query_net_adapters,
    query_users,
)

# ---- planning ----


def check(params: Mapping[str, Any]) -> None:
    """Raise Invalid for names that no switch can have, and options that contradict each other on every host."""
    check_name(params["name"])
    kind, adapters = params["type"], params["net_adapters"]
    if kind in (INTERNAL, PRIVATE):
        _check_without_adapters(kind, params)
    elif adapters is not None and not adapters:
        raise Invalid("give at least one network adapter, or omit it", option="net_adapters")
    if params["teaming"] is False and len(set(adapters or ())) > 1:
        raise Invalid("several network adapters form a team; name one adapter, or omit it", option="teaming")


def _check_without_adapters(kind: str, params: Mapping[str, Any]) -> None:
    """Raise Invalid for a setting that only an external switch has; a value that says so is none."""
    for option in ("net_adapters", "teaming", "iov"):
        if params[option]:
            text = f"a switch of type '{kind}' has no physical adapter; omit it, or use 'external'"
            raise Invalid(text, option=option)
    if params["allow_management_os"] not in (None, kind == INTERNAL):
        always = "is always" if kind == INTERNAL else "is never"
        text = f"the host {always} connected to a switch of type '{kind}'; omit it"
        raise Invalid(text, option="allow_management_os")


class _Goal(NamedTuple):
    """The wanted connections of a switch; None leaves them as they are."""

    adapters: list[NetAdapter] | None
    management_os: bool | None


def plan(
    host: Target, current: Switch | None, switches: list[Switch], params: Mapping[str, Any], created: list[str]
) -> list[Step]:
    """The steps to the settings in the options; one that creates a switch appends its id to ``created``.

    Raises Invalid, Missing, Ambiguous, Refused.
    """
    if current is None:
        return [_plan_new(host, switches, params, created)]
    if current.id == DEFAULT_SWITCH:
        _refuse_default(current, "changed")
    goal = _fetch_goal(host, current, switches, params)
    _check_fixed(current, params)
    _check_new_name(current, switches, params)
    return [*_plan_settings(host, current, params), *_plan_connections(host, current, goal)]


def _check_fixed(current: Switch, params: Mapping[str, Any]) -> None:
    """Raise Refused for a setting that would need a new switch. A host may default to any bandwidth mode."""
    for row in FIXED:
        wanted, value = params[row.option], current.fixed[row.option]
        if wanted not in (None, value, BY_DEFAULT):
            raise Refused(
                f"{current} was created with '{row.option}: {_word(value)}', which is fixed when a switch is created. "
                "Omit it, or remove the switch (which disconnects its VMs) and recreate it",
                option=row.option,
                switch=current.name,
            )


def _word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _check_new_name(current: Switch, switches: list[Switch], params: Mapping[str, Any]) -> None:
    """Raise Refused if another switch has the name already: both could be chosen by id only, for ever."""
    name = params["name"] if params["id"] else None
    taken = [switch for switch in switches if name and switch.name.lower() == name.lower() and switch.id != current.id]
    if taken and current.name.lower() != name.lower():
        raise Refused(
            f"another virtual switch has the name '{name}' already, its id is {taken[0].id}. Choose another name",
            option="name",
            switch=current.name,
            ids=[switch.id for switch in taken],
        )


def _refuse_default(current: Switch, change: str) -> None:
    raise Refused(
        f"{current} is the Default Switch, which belongs to Windows and can't be {change}. Create another switch",
        switch=current.name,
    )


def _fetch_wanted_adapters(
    host: Target, current: Switch | None, switches: list[Switch], names: list[str]
) -> list[NetAdapter]:
    """The adapters to connect. Raises Missing, Ambiguous, and Refused if another switch or driver uses an adapter."""
    chosen = choose(query_net_adapters(host), names)
    connected = current.adapter_guids if current else set()
    for adapter in chosen:
        if guid(adapter.id) in connected:
            continue
        holder = next((switch for switch in switches if guid(adapter.id) in switch.adapter_guids), None)
        if holder or adapter.port["IsBound"]:
            raise Refused(
                f"{adapter} is held by {holder or 'something other than a virtual switch'}, and an adapter "
                "belongs to one switch at a time. Remove it from there first, or choose another adapter",
                option="net_adapters",
                adapter=adapter_name(adapter),
                switch=holder.name if holder else None,
            )
    return chosen


def _plan_new(host: Target, switches: list[Switch], params: Mapping[str, Any], created: list[str]) -> Step:
    names, name, notes = params["net_adapters"], params["name"], params["notes"]
    kind = params["type"] or (EXTERNAL if names else None)
    if params["id"]:
        text = f"there is no virtual switch with the id '{params['id']}'; omit it to create a switch"
        raise Missing(text, option="id", switch=params["id"])
    if not kind:
        raise Missing(f"there is no virtual switch '{name}'; give its 'type' to create it", option="type", switch=name)
    if kind == EXTERNAL and not names:
        raise Invalid(f"an external switch needs a network adapter; name one for '{name}'", option="net_adapters")
    adapters = _fetch_wanted_adapters(host, None, switches, names) if names and kind == EXTERNAL else []
    management_os = kind == INTERNAL or (kind == EXTERNAL and params["allow_management_os"] is not False)
    fixed = {row.option: params[row.option] for row in FIXED if params[row.option] is not None}
    fixed |= {"teaming": True} if len(adapters) > 1 else {}
    after = {"state": "present", "name": name, "type": kind, **fixed}
    after |= {} if notes is None else {"notes": notes}
    if kind == EXTERNAL:
        after |= {"net_adapters": adapter_names(adapters), "allow_management_os": management_os}
    return Step(
        f"create the {kind} virtual switch '{name}'",
        {"state": "absent"},
        after,
        lambda: created.extend(create(host, name, adapters, management_os, notes, fixed)),
    )


def _fetch_goal(host: Target, current: Switch, switches: list[Switch], params: Mapping[str, Any]) -> _Goal:
    """The wanted connections of an existing switch. Raises Refused if Hyper-V would need a new switch."""
    names, management_os = params["net_adapters"], params["allow_management_os"]
    kind = params["type"] or (EXTERNAL if names else current.type)
    if kind != EXTERNAL:
        if management_os not in (None, kind == INTERNAL):
            text = f"{current} is {current.type}; the option is for an external switch only"
            raise Invalid(text, option="allow_management_os")
        return _Goal([], kind == INTERNAL)
    if not names and current.type != EXTERNAL:
        text = f"{current} is {current.type}; name the network adapter that makes it external"
        raise Invalid(text, option="net_adapters")
    if management_os is None and current.type == PRIVATE:
        management_os = True
    if not names:
        return _Goal(None, management_os)
    adapters = _fetch_wanted_adapters(host, current, switches, names)
    if len(adapters) > 1 and not current.fixed["teaming"]:
        raise Refused(
            f"{current} was created without teaming, which is fixed when a switch is created, so it supports one "
            "network adapter. Name one adapter, or remove the switch (which disconnects its VMs) and recreate it with "
            "all of them",
            option="net_adapters",
            switch=current.name,
        )
    return _Goal(adapters, management_os)


def _plan_settings(host: Target, current: Switch, params: Mapping[str, Any]) -> Iterator[Step]:
    """Notes; and the name, if the switch was chosen by its id."""
    wanted = {"notes": params["notes"], "name": params["name"] if params["id"] else None}
    before = {"notes": current.notes, "name": current.name}
    after = {option: value for option, value in wanted.items() if value is not None and value != before[option]}
    if not after:
        return
    values: dict[str, Any] = {"InstanceID": f"Microsoft:{current.id}"}
    if "notes" in after:
        values["Notes"] = [after["notes"]]
    if "name" in after:
        values["ElementName"] = after["name"]
    what = f"set {', '.join(after)} of {current}"
    text = cim.embedded(SWITCH_SETTINGS, values)
    yield Step(
        what,
        {option: before[option] for option in after},
        after,
        lambda: jobs.call(host, SWITCH_SERVICE, "ModifySystemSettings", {"SystemSettings": text}, what=what),
    )


def _plan_connections(host: Target, current: Switch, goal: _Goal) -> Iterator[Step]:
    """Physical adapters that are removed, added or replaced; then the host's own adapter."""
    if goal.adapters is not None and {guid(adapter.id) for adapter in goal.adapters} != current.adapter_guids:
        what = f"connect {current} to {', '.join(map(str, goal.adapters)) or 'no network adapter'}"
        kind = EXTERNAL if goal.adapters else INTERNAL if goal.management_os else PRIVATE
        yield Step(
            what,
            {"type": current.type, "net_adapters": _fetch_current_names(host, current)},
            {"type": kind, "net_adapters": adapter_names(goal.adapters)},
            lambda: _exchange(host, current, goal.adapters or []),
        )
    if goal.management_os is not None and goal.management_os != bool(current.internals):
        yield _plan_management_os(host, current, goal)


def _fetch_current_names(host: Target, current: Switch) -> list[str]:
    return fetch_description(host, current)["net_adapters"] if current.externals else []


def _plan_management_os(host: Target, current: Switch, goal: _Goal) -> Step:
    external = goal.adapters if goal.adapters is not None else current.externals
    if external:
        before, after = {"allow_management_os": not goal.management_os}, {"allow_management_os": goal.management_os}
    else:
        before, after = {"type": current.type}, {"type": INTERNAL if goal.management_os else PRIVATE}
    if goal.management_os:
        what = f"connect the host to {current}"

        def connect() -> None:
            _add_ports(host, current, [_fetch_host_port(host, current.name)], what)

        return Step(what, before, after, connect)
    what = f"disconnect the host from {current}"
    ports = [port["InstanceID"] for port in current.internals]
    return Step(what, before, after, lambda: _remove_ports(host, ports, what))


def plan_removal(host: Target, current: Switch | None, force: bool) -> list[Step]:
    """The step that removes a switch. Raises Refused, listing the VMs that use it, unless ``force`` allows it."""
    if current is None:
        return []
    if current.id == DEFAULT_SWITCH:
        _refuse_default(current, "removed")
    users = query_users(host, current)
    if users and not force:
        raise Refused(
            f"{current} is in use by {', '.join(map(repr, users))}. Connect them to another switch first "
            "(vm_network_adapter), or disconnect them with 'force: true'",
            option="force",
            switch=current.name,
            vms=users,
        )
    what = f"remove {current}"
    return [Step(what, {"state": "present"}, {"state": "absent"}, lambda: _destroy(host, current.reference, what))]


# ---- writing ----


def create(
    host: Target,
    name: str,
    adapters: list[NetAdapter],
    management_os: bool,
    notes: str | None = None,
    fixed: Mapping[str, Any] | None = None,
) -> list[str]:
    """Create a switch; its id, or none if the host does not return it. ``fixed`` has options of FIXED.

    Raises Refused if another task has created a switch of this name at the same time.
    """
    wanted = {row.cim: row.kind.write(fixed[row.option]) for row in FIXED if row.option in (fixed or {})}
    settings: dict[str, Any] = {"ElementName": name, **({"Notes": [notes]} if notes else {}), **wanted}
    ports = [_external_port(adapter) for adapter in adapters]
    if management_os:
        # The host's adapter takes the address of a single physical one, to keep its DHCP lease (as New-VMSwitch does).
        address = adapters[0].port["PermanentAddress"] if len(adapters) == 1 else None
        ports.append(_fetch_host_port(host, name, address))
    since = position()
    answer = jobs.call(
        host,
        SWITCH_SERVICE,
        "DefineSystem",
        {
            "SystemSettings": cim.embedded(SWITCH_SETTINGS, settings),
            "ResourceSettings": [cim.embedded(CONNECTION, port) for port in ports],
        },
        returns={"ResultingSystem": "ref"},
        what=f"create the virtual switch '{name}'",
    )
    created = answer.get("ResultingSystem")
    if created is None:
        return []
    _give_way(host, name, created, since)
    return [created.keys["Name"].upper()]


def _give_way(host: Target, name: str, created: Reference, since: int) -> None:
    """Remove the switch again if another task has created one of this name before. Raises Refused in this case.

    Both tasks may look at the same time, so only one of them may find that its own switch is the younger one.
    """
    columns = ("InstanceID", "CreationTime")
    rows = host.client.query(SWITCH_SETTINGS, columns=columns, where=f"ElementName = {cim.quote(name)}")
    times = {owner(row["InstanceID"]): row["CreationTime"] for row in rows if is_switch(row["InstanceID"])}
    own = created.keys["Name"].upper()
    born = times.pop(own, None)
    older = sorted(id for id, time in times.items() if not (born and time and time > born))
    if not older:
        return
    what = f"remove the virtual switch '{name}' with the id {own} again"
    otherwise = f"the virtual switch with the id {own} remains, since removing it failed too"
    with taken_back(lambda: _destroy(host, created, what), otherwise, since):
        raise Refused(
            f"another task has created a virtual switch '{name}' at the same time, whose id is {older[0]}, so this "
            "task has removed its own switch again. Run the task again to apply its settings to the other one",
            option="name",
            switch=name,
            ids=older,
        )


def _destroy(host: Target, switch: Reference, what: str) -> None:
    jobs.call(host, SWITCH_SERVICE, "DestroySystem", {"AffectedSystem": switch}, what=what)


def _external_port(adapter: NetAdapter) -> dict[str, Any]:
    return {**ETHERNET_CONNECTION, "HostResource": [adapter.path], "EnabledState": CONNECTED}


def _fetch_host_port(host: Target, name: str, address: str | None = None) -> dict[str, Any]:
    """The port that gives the host its own adapter, which is named after the switch."""
    computer = host.client.query(COMPUTER, columns=("Name",))[0]["Name"]
    reference = COMPUTER_SYSTEM.reference({"CreationClassName": COMPUTER_SYSTEM.name, "Name": computer})
    port = {**ETHERNET_CONNECTION, "ElementName": name, "HostResource": [reference.path()], "EnabledState": CONNECTED}
    return {**port, "Address": address} if address else port


def _exchange(host: Target, current: Switch, wanted: list[NetAdapter]) -> None:
    """Replace adapters by changing their ports, which keeps the rest of the switch; add and last remove others."""
    ids = {guid(adapter.id) for adapter in wanted}
    extra = [port for port, device in current.externals if guid(device) not in ids]
    missing = [adapter for adapter in wanted if guid(adapter.id) not in current.adapter_guids]
    while extra and missing:
        adapter = missing.pop()
        text = cim.embedded(CONNECTION, {"InstanceID": extra.pop(), "HostResource": [adapter.path]})
        what = f"replace a network adapter of {current} by {adapter}"
        jobs.call(host, SWITCH_SERVICE, "ModifyResourceSettings", {"ResourceSettings": [text]}, what=what)
    if missing:
        what = f"add {', '.join(map(str, missing))} to {current}"
        _add_ports(host, current, [_external_port(adapter) for adapter in missing], what)
    if extra:
        _remove_ports(host, extra, f"remove {len(extra)} network adapter{'s' * (len(extra) > 1)} from {current}")


def _add_ports(host: Target, current: Switch, ports: list[Mapping[str, Any]], what: str) -> None:
    arguments = {
        "AffectedConfiguration": current.settings_reference,
        "ResourceSettings": [cim.embedded(CONNECTION, port) for port in ports],
    }
    jobs.call(host, SWITCH_SERVICE, "AddResourceSettings", arguments, what=what)


def _remove_ports(host: Target, ports: list[str], what: str) -> None:
    references = [CONNECTION.reference({"InstanceID": port}) for port in ports]
    jobs.call(host, SWITCH_SERVICE, "RemoveResourceSettings", {"ResourceSettings": references}, what=what)
