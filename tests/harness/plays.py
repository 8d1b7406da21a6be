# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Playbooks of the collection in this process, so that their pauses pass on the simulator's clock.

Ansible's own parts read the playbook, expand templates, loops and conditions, and run each task. Only what its strategy
plugins do between tasks, in forked workers, is done here: one host, one task after the other. Tasks that are delegated
to the control node are left out; what they register comes as a variable.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from inspect import signature
from pathlib import Path
from typing import Any

from ansible.executor.task_executor import TaskExecutor
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.playbook import Playbook
from ansible.playbook.play_context import PlayContext
from ansible.plugins import loader as plugin_loader
from ansible.vars.hostvars import HostVars
from ansible.vars.manager import VariableManager

from .lab import Lab

FOLDER = Path(__file__).resolve().parents[2] / "playbooks"


class _Silent:
    """Takes what a worker would send to its parent."""

    def __getattr__(self, name: str) -> Any:
        return lambda *_arguments, **_options: None


def run_playbook(lab: Lab, name: str, variables: Mapping[str, Any]) -> dict[str, Any]:
    """The results of a playbook as one: changed or failed if any is, with the messages and warnings of all."""
    lab.sim.log.clear()
    results = list(_results(lab, name, variables))
    failures = [row for row in results if row.get("failed") or row.get("unreachable")]
    return {
        "changed": any(row.get("changed") for row in results),
        "failed": bool(failures),
        "msg": "\n".join(str(row.get("msg", "")) for row in failures),
        "warnings": [line for row in results for line in row.get("warnings") or ()],
        "uncertain": [what for row in results for what in row.get("uncertain") or ()],
    }


def _execute(host: Any, task: Any, variables: dict[str, Any], own: Sequence[Any]) -> dict[str, Any]:
    """The result of a task, as the worker of each ansible-core lets its executor find it."""
    if "task" in signature(TaskExecutor).parameters:  # before 2.21
        return TaskExecutor(host, task, variables, *own).run()
    context = import_module("ansible._internal._task").TaskContext
    with context.create(task=task, task_vars=variables, host_name=host.name):
        task.squash()
        return TaskExecutor(host, *own).run().as_result_dict()


def _results(lab: Lab, name: str, variables: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The results of all tasks and items, to the end or to the first failure that is not ignored."""
    loader = DataLoader()
    inventory = InventoryManager(loader, sources=(), parse=False)
    inventory.add_group("hyperv")
    inventory.add_host(lab.host, group="hyperv")
    manager = VariableManager(loader, inventory)
    manager._extra_vars = {"ansible_check_mode": False, **variables}
    HostVars(inventory, manager, loader)  # enters itself as the manager's
    host = inventory.get_host(lab.host)
    for key, value in lab.variables.items():
        host.set_variable(key, value)
    (play,) = Playbook.load(str(FOLDER / f"{name}.yml"), variable_manager=manager, loader=loader).get_plays()
    for block in play.compile():
        for task in block.block:
            if task.action == "meta" or task.implicit or task.delegate_to:  # what the control node does itself
                continue
            task = task.copy()  # TaskExecutor expands its attributes in place
            own = PlayContext(play=play), loader, plugin_loader, _Silent(), manager
            result = _execute(host, task, manager.get_vars(play, host, task), own)
            if task.register:  # a name; since ansible-core 2.21, names and expressions
                names = [task.register] if isinstance(task.register, str) else task.register
                manager.set_nonpersistent_facts(host.name, dict.fromkeys(names, result))
            yield from result.get("results") or [result]
            if result.get("failed") and not task.ignore_errors:
                return
            if result.get("unreachable") and not task.ignore_unreachable:
                return
