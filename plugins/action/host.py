# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one bridge between tasks and modules: every module of this collection runs in here, in Ansible's worker."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.plugins.action import ActionBase

from ..module_utils._run import run_module
from ..module_utils._task.session import Task
from ..plugin_utils._connection import connection_options

_PREDICTED = "nested_hyperv_predicted"

# What the earlier items of a loop would have created, by task and host: one worker runs all items, and the facts of one
# item replace those of another.
_created_by_loop: dict[tuple[str, str], list[list[str]]] = {}


class ActionModule(ActionBase):
    """Checks the task's options, opens the host from the connection's options, and runs the module in process."""

    _supports_async = False

    def run(self, tmp: None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result = super().run(tmp, task_vars)
        module = self._module()
        self._load_name = self._task.action  # which errors about options name
        # A null counts as omitted everywhere, also for the conditions on options.
        self._task.args = {name: value for name, value in self._task.args.items() if value is not None}
        _valid, params = self.validate_argument_spec(**_checked_spec(module.SPEC))
        connection = self._connection
        host = self._task.delegate_to or (task_vars or {}).get("inventory_hostname") or self._play_context.remote_addr
        try:
            options = connection_options(connection.transport, connection.get_option)
        except AnsibleError as error:
            raise AnsibleActionFail(f"{host}: {error.message}") from None
        predictions = _predictions(task_vars or {})
        created_by_loop = _created_by_loop.setdefault((self._task._uuid, host), [])
        predicted = [*predictions.get(host, []), *created_by_loop] if self._task.check_mode else []
        result |= run_module(
            module.run,
            host,
            options,
            Task(params, self._task.check_mode),
            report=lambda line: self._display.display(f"{host}: {line}"),
            warn=lambda line: result.setdefault("warnings", []).append(line),
            predictions=frozenset((kind, name) for kind, name in predicted),
            may_be_empty=getattr(module, "MAY_BE_EMPTY", ()),
        )
        if self._task.check_mode and "would_make" in result:
            # Facts outlive the task: later tasks of a check know from them what only this one would create.
            created = [[kind, name.lower()] for kind, name in result.pop("would_make")]
            created_by_loop += created
            result["ansible_facts"] = {_PREDICTED: {**predictions, host: [*predicted, *created]}}
        result.pop("would_make", None)
        if not self._task.diff:
            result.pop("diff", None)
        return result

    def _module(self) -> Any:
        """The Python module behind the task's action, wherever redirects lead."""
        found = self._shared_loader_obj.module_loader.find_plugin_with_context(
            self._task.action, collection_list=self._task.collections
        )
        if not found.resolved:
            raise AnsibleActionFail(f"no module is named '{self._task.action}'")
        return import_module(found.plugin_resolved_name)


def _predictions(task_vars: dict[str, Any]) -> dict[str, list[list[str]]]:
    """What earlier tasks of the same --check run would have created: kind and name of each object, by host."""
    return (task_vars.get("ansible_facts") or {}).get(_PREDICTED) or {}


def _checked_spec(spec: dict[str, Any]) -> dict[str, Any]:
    """The part of AnsibleModule's arguments that describes options."""
    return {name: value for name, value in spec.items() if name != "supports_check_mode"}
