# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Playbooks of the collection in this process, so that their pauses pass on the simulator's clock.

Ansible's own parts read the playbook with its roles, expand templates, loops and conditions, and run each task. Only
what its strategy plugins do between tasks, in forked workers, is done here: one host, one task after the other. Tasks
that are delegated to the control node are left out, which is time that passes; what they register comes as a variable.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module
from inspect import signature
from pathlib import Path
from typing import Any, NamedTuple

from ansible.executor.task_executor import TaskExecutor
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.playbook import Playbook
from ansible.playbook.block import Block
from ansible.playbook.helpers import load_list_of_blocks
from ansible.playbook.play_context import PlayContext
from ansible.playbook.task import Task
from ansible.plugins import loader as plugin_loader
from ansible.vars.hostvars import HostVars
from ansible.vars.manager import VariableManager

from ansible_collections.nested.hyperv.tests.simulator.wire.log import Entry

from . import changes
from .lab import Lab

FOLDER = Path(__file__).resolve().parents[2] / "playbooks"
CONTROL_NODE = "localhost"
WAITED = 60.0  # seconds for each task that the control node would do


class Outcome(NamedTuple):
    """A task that has run, its result, and the requests that it has sent."""

    task: str
    result: Mapping[str, Any]
    requests: Sequence[Entry]

    @property
    def failed(self) -> bool:
        return bool(self.result.get("failed") or self.result.get("unreachable"))

    @property
    def writes(self) -> list[str]:
        return changes.writes(self.requests)


class _Silent:
    """Takes what a worker would send to its parent."""

    def __getattr__(self, name: str) -> Any:
        return lambda *_arguments, **_options: None


def run_playbook(lab: Lab, name: str, variables: Mapping[str, Any]) -> dict[str, Any]:
    """The results of a playbook as one: changed or failed if any is, with the messages and warnings of all."""
    lab.sim.log.clear()
    outcomes = list(play(lab, name, variables))
    results = [row for outcome in outcomes for row in outcome.result.get("results") or [outcome.result]]
    failures = [row for row in results if row.get("failed") or row.get("unreachable")]
    return {
        "changed": any(row.get("changed") for row in results),
        "failed": bool(failures),
        "msg": "\n".join(str(row.get("msg", "")) for row in failures),
        "warnings": [line for row in results for line in row.get("warnings") or ()],
        "uncertain": [what for row in results for what in row.get("uncertain") or ()],
    }


def play(
    lab: Lab,
    name: str,
    variables: Mapping[str, Any],
    *others: Lab,
    tags: Sequence[str] = ("all",),
    before: Callable[[str], None] = lambda _task: None,
) -> Iterator[Outcome]:
    """The outcomes of all tasks on a host, to the end or to the first failure that is not ignored.

    `others` are hosts that tasks are delegated to. `before` is called with the name of each task that is going to run.
    """
    loader = DataLoader()
    inventory = InventoryManager(loader, sources=(), parse=False)
    inventory.add_group("hyperv")
    for each in (lab, *others):
        inventory.add_host(each.host, group="hyperv")
        for key, value in each.variables.items():
            inventory.get_host(each.host).set_variable(key, value)
    manager = VariableManager(loader, inventory)
    manager._extra_vars = {"ansible_check_mode": False, **variables}
    HostVars(inventory, manager, loader)  # enters itself as the manager's
    host = inventory.get_host(lab.host)
    plays = Playbook.load(str(FOLDER / f"{name}.yml"), variable_manager=manager, loader=loader).get_plays()
    (play,) = (play for play in plays if CONTROL_NODE not in str(play.hosts))  # without the play that requires hosts
    coming = deque(_tasks(play.compile()))
    while coming:
        task = coming.popleft()
        values = manager.get_vars(play, host, task)
        if not task.evaluate_tags(list(tags), [], values):
            continue
        if task.delegate_to == CONTROL_NODE:
            lab.sim.advance(WAITED)
            continue
        before(task.get_name())
        own = PlayContext(play=play), loader, plugin_loader, _Silent(), manager
        sent, include = len(lab.requests), task
        task = task.copy()  # TaskExecutor expands its attributes in place
        result = _execute(host, task, values, own)
        coming.extendleft(reversed(list(_included(include, result, play))))
        if task.register:  # a name; since ansible-core 2.21, names and expressions
            names = [task.register] if isinstance(task.register, str) else task.register
            manager.set_nonpersistent_facts(host.name, dict.fromkeys(names, result))
        manager.set_nonpersistent_facts(host.name, result.get("ansible_facts") or {})
        outcome = Outcome(task.get_name(), result, lab.requests[sent:])
        yield outcome
        if result.get("failed") and not task.ignore_errors:
            return
        if result.get("unreachable") and not task.ignore_unreachable:
            return


def _tasks(blocks: Sequence[Block | Task]) -> Iterator[Task]:
    """The tasks in blocks, and in blocks of these, without those of Ansible itself."""
    for entry in blocks:
        if isinstance(entry, Block):
            yield from _tasks(entry.block)
        elif entry.action not in ("meta", "ansible.builtin.meta") and not entry.implicit:
            yield entry


def _included(include: Any, result: Mapping[str, Any], play: Any) -> Iterator[Task]:
    """The tasks of the files that a task of a role includes, once for each item of its loop."""
    for row in result.get("results") or [result]:
        if "include" not in row:
            continue
        loader = include.get_loader()
        path = loader.path_dwim_relative(include._role._role_path, "tasks", row["include"], is_role=True)
        trusted = "trusted_as_template" in signature(loader.load_from_file).parameters  # since ansible-core 2.19
        data = loader.load_from_file(path, **({"trusted_as_template": True} if trusted else {}))
        copy, name = include.copy(), row.get("ansible_loop_var")
        copy.vars = {**copy.vars, **({name: row[name]} if name else {})}
        yield from _tasks(
            load_list_of_blocks(
                data,
                play=play,
                parent_block=copy.build_parent_block(),
                role=include._role,
                loader=loader,
                variable_manager=include.get_variable_manager(),
            )
        )


def _execute(host: Any, task: Any, variables: dict[str, Any], own: Sequence[Any]) -> dict[str, Any]:
    """The result of a task, as the worker of each ansible-core lets its executor find it."""
    parameters = signature(TaskExecutor).parameters
    if "new_stdin" in parameters:  # before 2.19
        return TaskExecutor(host, task, variables, own[0], None, *own[1:]).run()
    if "task" in parameters:  # before 2.21
        return TaskExecutor(host, task, variables, *own).run()
    context = import_module("ansible._internal._task").TaskContext
    with context.create(task=task, task_vars=variables, host_name=host.name):
        task.squash()
        found = TaskExecutor(host, *own).run()
        result = found.as_result_dict()
        for row, part in zip(result.get("results") or [result], found.loop_results or [found], strict=True):
            if part.include_file:  # no longer in the dictionary
                row["include"] = part.include_file
        return result
