# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one bridge between tasks and modules: every module of this collection runs in here, in Ansible's worker."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure, AnsibleError
from ansible.plugins.action import ActionBase
from ansible.release import __version__

from ..module_utils._run import run_module
from ..module_utils._task.session import Task, silent
from ..module_utils._wsman.url import without_secrets
from ..plugin_utils._connection import connection_options
from ..plugin_utils._defaults import applicable, options_of_all


class Unreachable(AnsibleConnectionFailure):
    """The host of a task that has changed nothing cannot be talked to; `facts` are part of the task's result."""

    def __init__(self, message: str, facts: dict[str, Any]) -> None:
        super().__init__(message)
        self._facts = facts

    @property
    def result_contribution(self) -> dict[str, Any]:
        """The task's result, for ansible-core 2.19 and 2.20."""
        return {**self._facts, **super().result_contribution}

    def as_task_result(self, utr: Any) -> Any:
        """The task's result, for ansible-core 2.21."""
        return super().as_task_result(type(utr).from_action_result_dict(dict(self._facts)))


def unreachable(message: str, facts: dict[str, Any], in_loop: bool) -> AnsibleError:
    """The error of an unreachable host, which up to ansible-core 2.18 only carries a result as an action's failure.

    Before 2.18, a loop goes on, and the play after it, if an item is unreachable but not failed.
    """
    if any(hasattr(AnsibleConnectionFailure, name) for name in ("result_contribution", "as_task_result")):
        return Unreachable(message, facts)
    error = AnsibleActionFail(message)
    error.result = {**facts, "unreachable": True}
    if in_loop and __version__.startswith(("2.16.", "2.17.")):
        error.result["failed"] = True
    return error


class ActionModule(ActionBase):
    """Checks the task's options, opens the host from the connection's options, and runs the module in process."""

    _supports_async = False

    def run(self, tmp: None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result = super().run(tmp, task_vars)
        module = self._module()
        self._load_name = self._task.action  # which errors about options name
        # A null counts as omitted everywhere, also for the conditions on options.
        self._task.args = {name: value for name, value in self._task.args.items() if value is not None}
        self._task.args = applicable(
            self._task.args,
            module.SPEC["argument_spec"],
            self._task.module_defaults,
            self._templar.template,
            lambda: options_of_all(module),
        )
        _valid, params = self.validate_argument_spec(**_checked_spec(module.SPEC))
        for path in getattr(module, "LOCAL_FILES", ()):
            section, _dot, option = path.rpartition(".")
            for entry in params.get(section) or () if section else (params,):
                if (entry.get(option) or "").strip():
                    entry[option] = self._find_local(path, entry[option])
        for option in getattr(module, "LOCAL_OUTPUTS", ()):
            if (params.get(option) or "").strip():
                params[option] = self._loader.path_dwim(params[option])
        connection = self._connection
        host = self._task.delegate_to or (task_vars or {}).get("inventory_hostname") or self._play_context.remote_addr
        try:
            options = connection_options(connection.transport, connection.get_option)
        except AnsibleError as error:
            raise AnsibleActionFail(f"{host}: {error.message}") from None
        with self._predictions(options.endpoint) as predictions:
            result |= run_module(
                module.run,
                host,
                options,
                Task(params, self._task.check_mode),
                report=self._unless_no_log(lambda line: self._display.display(f"{host}: {line}")),
                warn=self._unless_no_log(lambda line: result.setdefault("warnings", []).append(line)),
                predictions=predictions,
                may_be_empty=getattr(module, "MAY_BE_EMPTY", ()),
            )
        if result.pop("unreachable", False):
            # Raised, as connection plugins do: then Ansible doesn't go on with `until`.
            result.pop("failed")
            in_loop = "ansible_loop_var" in (task_vars or {}) and not self._task.ignore_unreachable
            raise unreachable(result["msg"], result, in_loop)
        if not self._task.diff:
            result.pop("diff", None)
        return result

    def _unless_no_log(self, output: Callable[[str], None]) -> Callable[[str], None]:
        """A function for lines that Ansible displays with `no_log` as well: progress, and warnings from 2.19 on."""
        return silent if self._task.no_log else output

    def _find_local(self, option: str, path: str) -> str:
        """The path of a file on the control node, in the folders in which Ansible looks for files of a task."""
        try:
            return self._find_needle("files", path)
        except AnsibleError as error:
            searched = error.message.partition("\n")[2].removesuffix(" on the Ansible Controller.")
            text = f"{option}: '{path}' does not exist on the control node. {searched}"
            raise AnsibleActionFail(text.replace(path, without_secrets(path))) from None

    def _predictions(self, endpoint: str) -> AbstractContextManager[Any]:
        """What earlier tasks of this --check run would have changed; nothing of it concerns a real task."""
        if not self._task.check_mode:
            return nullcontext()
        return import_module("..plugin_utils._predictions", __package__).predictions(endpoint)

    def _module(self) -> Any:
        """The Python module behind the task's action, wherever redirects lead."""
        found = self._shared_loader_obj.module_loader.find_plugin_with_context(
            self._task.action, collection_list=self._task.collections
        )
        if not found.resolved:
            raise AnsibleActionFail(f"no module is named '{self._task.action}'")
        return import_module(found.plugin_resolved_name)


def _checked_spec(spec: dict[str, Any]) -> dict[str, Any]:
    """The part of AnsibleModule's arguments that describes options."""
    return {name: value for name, value in spec.items() if name != "supports_check_mode"}
