# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several new adapters of a VM: all ports in one request, all connections in another, then their features."""

from __future__ import annotations

from collections.abc import Mapping

from ..._task.session import Target
from ..._task.step import Step, entry, together
from ..._wsman import cim
from ..vm import resources
from ..vm.find import VM
from . import adapter_plan
from .adapter import Slot, WantedAdapter
from .adapter_plan import AdapterPlan

Plans = Mapping[str, AdapterPlan]
Slots = Mapping[str, Slot]


def plan(wanted: Mapping[str, WantedAdapter], slots: Slots) -> list[Step]:
    """The steps to new adapters of these names in one VM; ``before`` and ``after`` are by name.

    Raises Invalid, Missing, Ambiguous, Refused.
    """
    if not wanted:
        return []
    plans = {name: adapter_plan.plan(slots[name], name, options) for name, options in wanted.items()}
    connected = {name: each for name, each in plans.items() if each.switch or each.features}
    vm = slots[next(iter(wanted))].vm
    names = ", ".join(f"'{name}'" for name in wanted)
    return [
        together(
            f"add the adapters {names} to {vm}",
            # The list itself is the option that needs the VM off: no suboption adds an adapter.
            [_of_list(step) for name, each in plans.items() for step in entry(name, [each.port])],
            lambda: _add(wanted, slots),
        ),
        together(
            f"connect the adapters {names} of {vm}",
            [step for name, each in connected.items() if each.connect for step in entry(name, [each.connect])],
            lambda: _connect(connected, slots),
        ),
        *(
            together(
                f"configure the switch port of adapter '{name}' of {vm}",
                entry(name, [feature.step for feature in each.features]),
                lambda slot=slots[name], each=each: _add_features(slot, each),
            )
            for name, each in connected.items()
        ),
    ]


def _of_list(step: Step) -> Step:
    return step._replace(needs_off=("",) if step.needs_off else ())


def _add(wanted: Mapping[str, WantedAdapter], slots: Slots) -> None:
    """Add the ports, and query their ids: a host need not answer in the order of the request."""
    host, vm = _owner(wanted, slots)
    values = {name: adapter_plan.new_values(options) for name, options in wanted.items()}
    texts = [adapter_plan.adapter_text(name, values[name], options.cls) for name, options in wanted.items()]
    resources.add(host, vm, texts, f"add adapters to {vm}")
    classes = {options.cls.name: options.cls for options in wanted.values()}
    ids = adapter_plan.query_ids_by_name(host, vm, classes.values())
    for name, options in wanted.items():
        id = adapter_plan.id_by_name(vm, name, ids)
        slots[name].adapter = adapter_plan.added(vm, name, id, values[name], options.cls)


def _connect(plans: Plans, slots: Slots) -> None:
    """Add a connection to each adapter; one without a switch gets a disconnected connection for its features."""
    host, vm = _owner(plans, slots)
    values = {name: adapter_plan.connection_values(each.switch) for name, each in plans.items()}
    texts = [adapter_plan.connection_text(slots[name].adapter, values[name]) for name in plans]
    resources.add(host, vm, texts, f"connect adapters of {vm}")
    for name in plans:
        adapter = slots[name].adapter
        connection = {"InstanceID": adapter.connection_reference.keys["InstanceID"], **values[name]}
        slots[name].adapter = adapter._replace(connection=connection)


def _add_features(slot: Slot, plan: AdapterPlan) -> None:
    """Add the features of one adapter's switch port in one request."""
    if slot.adapter.connection is None:
        slot.adapter = adapter_plan.connect(slot.host, slot.vm, slot.adapter, None)
    what = f"configure the switch port of adapter '{slot.adapter.name}' of {slot.vm}"
    texts = [cim.embedded(feature.cls, feature.values) for feature in plan.features]
    adapter_plan.add_features(slot.host, slot.adapter, texts, what)


def _owner(names: Mapping[str, object], slots: Slots) -> tuple[Target, VM]:
    slot = slots[next(iter(names))]
    return slot.host, slot.vm
