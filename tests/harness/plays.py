# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Playbooks of the collection in this process, so that their pauses pass on the simulator's clock.

Ansible's own parts read the playbook, expand templates, loops and conditions, and run each task. Only what its strategy
plugins do between tasks, in forked workers, is done here: one host, one task after the other. Tasks that are delegated
to the control node are left out; what they register comes as a variable.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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
            executor = TaskExecutor(
                host,
                task,
                manager.get_vars(play, host, task),
                PlayContext(play=play),
                loader,
                plugin_loader,
                _Silent(),
                manager,
            )
            result = executor.run()
            if task.register:
                manager.set_nonpersistent_facts(host.name, {task.register: result})
            yield from result.get("results") or [result]
            if result.get("failed") and not task.ignore_errors:
                return
            if result.get("unreachable") and not task.ignore_unreachable:
                return
