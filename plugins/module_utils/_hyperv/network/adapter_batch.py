# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several new adapters of a VM at once: all adapters in one request, all connections in another, then the features."""

from __future__ import annotations

from collections.abc import Mapping

from ..._task.step import Step, entry, together
from ..._wsman import cim
from .. import jobs
from ..schema import VM_SERVICE
from ..vm import resources
from . import adapter_plan
from .adapter import Slot, Wanted
from .adapter_plan import AdapterPlan, Feature


def plan(wanted: Mapping[str, Wanted], slots: Mapping[str, Slot]) -> list[Step]:
    """The steps to new adapters of these names, each planned and checked as a single one."""
    if not wanted:
        return []
    plans = {name: adapter_plan.plan(slots[name], name, options) for name, options in wanted.items()}
    connected = {name: plan for name, plan in plans.items() if plan.switch or plan.features}
    vm = next(iter(slots.values())).vm
    names = ", ".join(f"'{name}'" for name in wanted)
    steps = [
        together(
            f"add the adapters {names} to {vm}",
            # There is no suboption for the adding of an adapter: it is the list itself that needs the VM off.
            [_without_option(step) for name, plan in plans.items() for step in entry(name, [plan.port])],
            lambda: _add(wanted, slots),
        ),
        together(
            f"connect the adapters {names} of {vm}",
            [step for name, plan in connected.items() if plan.connect for step in entry(name, [plan.connect])],
            lambda: _connect(connected, slots),
        ),
    ]
    for name, plan in connected.items():
        steps.append(
            together(
                f"set up the switch port of adapter '{name}' of {vm}",
                entry(name, [step for _feature, step in plan.features]),
                lambda name=name, plan=plan: _set_features(slots[name], [feature for feature, _step in plan.features]),
            )
        )
    return steps


def _without_option(step: Step) -> Step:
    return step._replace(needs_off=("",) if step.needs_off else ())


def _add(wanted: Mapping[str, Wanted], slots: Mapping[str, Slot]) -> None:
    """Add the adapters, and read which is which: no source says that a host answers in the order of the request."""
    host, vm = _host_and_vm(slots)
    values = {name: adapter_plan.new_values(options) for name, options in wanted.items()}
    settings = [adapter_plan.adapter_text(name, values[name]) for name in wanted]
    resources.add(host, vm, settings, f"add adapters to {vm}")
    ids = adapter_plan.query_ids(host, vm)
    for name in wanted:
        slots[name].adapter = adapter_plan.added(vm, name, adapter_plan.id_by_name(vm, name, ids), values[name])


def _connect(plans: Mapping[str, AdapterPlan], slots: Mapping[str, Slot]) -> None:
    """Connect the adapters; one without a switch gets an empty connection that its features belong to."""
    host, vm = _host_and_vm(slots)
    values = {name: adapter_plan.connection_values(plan.switch) for name, plan in plans.items()}
    settings = [adapter_plan.connection_text(slots[name].adapter, values[name]) for name in plans]
    resources.add(host, vm, settings, f"connect adapters of {vm}")
    for name in plans:
        one = slots[name].adapter
        connection = {"InstanceID": one.connection_reference.keys["InstanceID"], **values[name]}
        slots[name].adapter = one._replace(connection=connection)


def _set_features(slot: Slot, features: list[Feature]) -> None:
    """Add the features of one adapter's switch port, all in one request."""
    arguments = {
        "AffectedConfiguration": slot.adapter.connection_reference,
        "FeatureSettings": [cim.embedded(feature.cls, feature.values) for feature in features],
    }
    what = f"set up the switch port of adapter '{slot.adapter.name}' of {slot.vm}"
    jobs.call(slot.host, VM_SERVICE, "AddFeatureSettings", arguments, what=what)


def _host_and_vm(slots: Mapping[str, Slot]) -> tuple:
    slot = next(iter(slots.values()))
    return slot.host, slot.vm
