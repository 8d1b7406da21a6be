# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One task through the real bridge in this process: connection plugin, action plugin, module, protocol, host."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible.parsing.dataloader import DataLoader
from ansible.playbook.play import Play
from ansible.playbook.play_context import PlayContext
from ansible.playbook.task import Task
from ansible.plugins import loader as plugin_loader
from ansible.template import Templar

from ansible_collections.nested.hyperv.plugins.module_utils import _run
from ansible_collections.nested.hyperv.tests.simulator import Simulation

from . import collection

# The options that failed tasks of this process have named, as (module, full path).
named_options: set[tuple[str, str]] = set()


def variables(sim: Simulation, name: str, scheme: str = "http", **more: Any) -> dict[str, Any]:
    """Inventory variables of a simulated machine; `more` overrides them, None removes one."""
    address = sim.endpoints[name]
    url = urlsplit(address.https if scheme == "https" else address.http)
    values = {
        "ansible_host": url.hostname,
        "ansible_port": url.port,
        "ansible_connection": "winrm",
        "ansible_winrm_scheme": scheme,
        "ansible_winrm_transport": "ntlm",
        "ansible_user": address.user,
        "ansible_password": address.password,
        **({"ansible_winrm_ca_trust_path": address.certificate} if scheme == "https" else {}),
        **more,
    }
    return {key: value for key, value in values.items() if value is not None}


def run_task(
    host: str,
    host_vars: Mapping[str, Any],
    module: str,
    args: Mapping[str, Any],
    *,
    check: bool = False,
    no_log: bool = False,
) -> dict[str, Any]:
    """The result of one task with --diff, composed from Ansible's own parts as TaskExecutor does it."""
    action = f"nested.hyperv.{module}"
    loader = DataLoader()
    play = Play.load({"hosts": "all", "gather_facts": False, "tasks": []}, loader=loader)
    task = Task.load(
        {"name": "a task", action: dict(args), "check_mode": check, "diff": True, "no_log": no_log},
        block=None,
        loader=loader,
    )
    task.args = dict(args)
    context = PlayContext(play=play)
    context.remote_addr = host_vars["ansible_host"]
    connection = plugin_loader.connection_loader.get(host_vars["ansible_connection"], context)
    declared = {row["name"] for option in connection.option_definitions.values() for row in option.get("vars", [])}
    extras = {name: value for name, value in host_vars.items() if name not in declared}
    connection.set_options(var_options={**host_vars, "_extras": extras} if connection.allow_extras else dict(host_vars))
    plugin = plugin_loader.action_loader.get(
        "nested.hyperv.host",
        task=task,
        connection=connection,
        play_context=context,
        loader=loader,
        templar=Templar(loader=loader),
        shared_loader_obj=plugin_loader,
    )
    try:
        result = plugin.run(task_vars={"inventory_hostname": host, **host_vars})
    except AnsibleConnectionFailure as error:
        result = {**_contribution(error), "failed": True}
    except AnsibleError as error:
        contribution = getattr(error, "result", {})
        if not contribution.get("unreachable"):  # an action says so up to ansible-core 2.18
            contribution = {"changed": False, "msg": error.message}
        result = {**contribution, "failed": True}
    check_result(module, result, str(host_vars.get("ansible_password", "")))
    return result


def _contribution(error: AnsibleConnectionFailure) -> Mapping[str, Any]:
    """What an error says of its task's result."""
    if not hasattr(AnsibleConnectionFailure, "as_task_result"):  # ansible-core 2.19 and 2.20
        return error.result_contribution
    empty = import_module("ansible._internal._task").UnifiedTaskResult.from_action_result_dict()
    return error.as_task_result(empty).as_result_dict()


def check_result(module: str, result: Mapping[str, Any], password: str) -> None:
    """What holds for every result: it doesn't contain the password, and an option that it names exists."""
    assert not password or password not in repr(result), "the result contains the password"
    if not result.get("failed"):
        return
    # The option of the error, and the options of a refusal that a VM must be off for.
    for option in filter(None, [result.get("option"), *result.get("options", [])]):
        message = result["msg"]
        assert option in collection.options(module), f"{module} has no option {option!r}, which is named in: {message}"
        assert option in message, f"the message does not name the option {option!r}: {message}"
        named_options.add((module, option))


def close_clients() -> None:
    """Close the clients of this process, which outlive a simulation and its ports."""
    while _run._clients:
        _run._clients.pop()[1].close()
