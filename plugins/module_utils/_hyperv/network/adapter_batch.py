# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several new adapters of a VM at once: all ports in one request, all connections in another, then their features."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from ..._task.session import Host
from ..._task.step import Step, merge, under
from ..._wsman import cim
from ..._wsman.cim import CimClass
from .. import jobs
from ..schema import VM_SERVICE
from ..vm.find import VM
from . import adapter_plan as port
from .adapter import Adapter, Wanted
from .adapter_plan import Target


def plan(host: Host, vm: VM, wanted: Mapping[str, Wanted], targets: Mapping[str, Target]) -> list[Step]:
    """The steps to new adapters of these names; what is asked of each is checked and told as for one alone."""
    planned = {name: port.plan(targets[name], name, one) for name, one in wanted.items()}
    told = {name: [under(one, "network_adapters", name) for one in steps] for name, steps in planned.items()}
    switches = {
        name: port.wanted_switch(host, one.switch)[0] if one.switch is not None else None
        for name, one in wanted.items()
    }
    features = {name: _features(vm, name, one) for name, one in wanted.items()}
    connected = [name for name in wanted if switches[name] or features[name]]
    names = ", ".join(f"'{name}'" for name in wanted)
    steps = [
        _together(
            f"add the adapters {names} to {vm}",
            [told[name][:1] for name in wanted],
            lambda: _add(host, vm, wanted, targets),
        ),
        _together(
            f"connect the adapters {names} of {vm}",
            [told[name][1 : _first_feature(wanted[name])] for name in connected],
            lambda: _connect(host, vm, {name: switches[name] for name in connected}, targets),
        ),
    ]
    for name in connected:
        steps.append(
            _together(
                f"set up the switch port of adapter '{name}' of {vm}",
                [told[name][_first_feature(wanted[name]) :]],
                lambda name=name: _set_features(host, vm, targets[name], features[name]),
            )
        )
    return steps


def _first_feature(wanted: Wanted) -> int:
    """Where the features begin among the steps of one adapter: after its port, and its connection if it gets one."""
    return 1 if wanted.switch is None else 2


def _features(vm: VM, name: str, wanted: Wanted) -> list[tuple[CimClass, dict]]:
    shell = port.added(vm, name, "", {})
    return [(cls, values) for cls, _before, _after, values in port.feature_changes(shell, wanted)]


def _together(what: str, groups: Iterable[list[Step]], apply: Callable[[], None]) -> Step:
    """Several steps as one."""
    before, after, needs_off = {}, {}, ()
    for one in (one for steps in groups for one in steps):
        merge(before, one.before)
        merge(after, one.after)
        needs_off += tuple(option for option in one.needs_off if option not in needs_off)
    return Step(what, before, after, apply, needs_off)


def _call(host: Host, vm: VM, texts: list[str], what: str) -> None:
    arguments = {"AffectedConfiguration": vm.settings_reference, "ResourceSettings": texts}
    jobs.call(host, VM_SERVICE, "AddResourceSettings", arguments, what=what)


def _add(host: Host, vm: VM, wanted: Mapping[str, Wanted], targets: Mapping[str, Target]) -> None:
    """Add the ports, and read which is which: nothing says that a host answers in the order of the request."""
    values = {name: port.new_values(one) for name, one in wanted.items()}
    _call(host, vm, [port.adapter_text(name, values[name]) for name in wanted], f"add adapters to {vm}")
    ids = port.ids_by_name(host, vm)
    for name in wanted:
        targets[name].adapter = port.added(vm, name, port.id_by_name(vm, name, ids), values[name])


def _connect(host: Host, vm: VM, switches: Mapping[str, str | None], targets: Mapping[str, Target]) -> None:
    """Connect them; an adapter without a switch gets a connection to none, for its features to hang on."""
    adapters: dict[str, Adapter] = {name: targets[name].adapter for name in switches}
    values = {name: port.connection_values(switch) for name, switch in switches.items()}
    texts = [port.connection_text(adapters[name], values[name]) for name in switches]
    _call(host, vm, texts, f"connect adapters of {vm}")
    for name, one in adapters.items():
        connection = {"InstanceID": one.connection_reference.keys["InstanceID"], **values[name]}
        targets[name].adapter = one._replace(connection=connection)


def _set_features(host: Host, vm: VM, target: Target, features: list[tuple[CimClass, dict]]) -> None:
    """Add the features of one adapter's switch port, all in one request."""
    arguments = {
        "AffectedConfiguration": target.adapter.connection_reference,
        "FeatureSettings": [cim.embedded(cls, values) for cls, values in features],
    }
    what = f"set up the switch port of adapter '{target.adapter.name}' of {vm}"
    jobs.call(host, VM_SERVICE, "AddFeatureSettings", arguments, what=what)
