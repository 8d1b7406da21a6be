"""Tasks through the real bridge in this process: connection plugin, action plugin, module, protocol, simulated host."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml
from ansible.errors import AnsibleError
from ansible.parsing.dataloader import DataLoader
from ansible.playbook.play import Play
from ansible.playbook.play_context import PlayContext
from ansible.playbook.task import Task
from ansible.plugins import loader as plugin_loader
from ansible.template import Templar

from ansible_collections.nested.hyperv.plugins.module_utils import _run
from ansible_collections.nested.hyperv.tests.simulator import Machine, Simulation
from ansible_collections.nested.hyperv.tests.simulator.cim.schema import STANDARD
from ansible_collections.nested.hyperv.tests.simulator.wire.log import Entry

PLUGINS = Path(__file__).resolve().parents[2] / "plugins"
# What of the host's own network tasks can change.
NETWORK = {
    "MSFT_NetIPAddress": {"IPAddress", "PrefixLength", "InterfaceIndex", "Store"},
    "MSFT_NetNat": {"Name", "InternalIPInterfaceAddressPrefix", "ExternalIPInterfaceAddressPrefix"},
    "MSFT_NetNatStaticMapping": {"NatName", "Protocol", "ExternalPort", "InternalIPAddress", "InternalPort"},
}
# What of a host's networking people set; the rest follows from it.
NETWORKS = ("MSFT_NetNat", "MSFT_NetIPAddress")
READING_METHODS = ("Get", "Find", "Test", "Validate")


def modules() -> dict[str, Path]:
    """Every module of the collection, by its full name."""
    return {f"nested.hyperv.{path.stem}": path for path in sorted((PLUGINS / "modules").glob("[a-z]*.py"))}


def documentation(path: Path, name: str) -> Any:
    """DOCUMENTATION, EXAMPLES or RETURN of a module."""
    source: dict[str, Any] = {}
    exec(compile(path.read_text().partition("\nfrom typing import")[0], str(path), "exec"), source)
    return yaml.safe_load(source[name])


def variables(sim: Simulation, name: str, scheme: str = "http", **more: Any) -> dict[str, Any]:
    """What an inventory says of a simulated machine; `more` overrides it, None takes away."""
    address = sim.endpoints[name]
    url = urlsplit(address.https if scheme == "https" else address.http)
    found = {
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
    return {key: value for key, value in found.items() if value is not None}


def run_task(
    host: str, host_vars: Mapping[str, Any], action: str, args: Mapping[str, Any], *, check: bool = False
) -> dict[str, Any]:
    """The result of one task with --diff, put together from Ansible's own parts as TaskExecutor does it."""
    loader = DataLoader()
    play = Play.load({"hosts": "all", "gather_facts": False, "tasks": []}, loader=loader)
    task = Task.load(
        {"name": "a task", action: dict(args), "check_mode": check, "diff": True}, block=None, loader=loader
    )
    task.args = dict(args)
    context = PlayContext(play=play)
    context.remote_addr = host_vars["ansible_host"]
    connection = plugin_loader.connection_loader.get(host_vars["ansible_connection"], context)
    declared = {one["name"] for option in connection.option_definitions.values() for one in option.get("vars", [])}
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
        return plugin.run(task_vars={"inventory_hostname": host, **host_vars})
    except AnsibleError as error:
        return {"failed": True, "changed": False, "msg": error.message}


def forget_connections() -> None:
    """Close the clients of this process, which outlive a simulation and its ports."""
    while _run._clients:
        _run._clients.pop()[1].close()


def state(machine: Machine) -> dict[str, dict[str, Any]]:
    """What a task could change on a host: settings, power of VMs, networks and files, by object path."""
    power = {vm.reference.path(): {"EnabledState": vm.enabled_state} for vm in machine.vms.values()}
    networks = {
        # An address is tentative for some seconds, whoever looks.
        row.reference().path(): {name: value for name, value in row.items() if name != "AddressState"}
        for cls in machine.schema.classes(STANDARD)
        if not cls.abstract and cls.name.startswith(NETWORKS)
        for row in machine.repository.rows(cls.name, STANDARD, deep=False)
    }
    files = {f"file:{file.path}": {"Size": file.disk.size if file.disk else file.bytes} for file in machine.files}
    return {**machine.dump(), **power, **networks, **files}


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, dict[str, tuple[Any, Any]]]:
    """Object path → property → (before, after); an object that came or went has the property "" alone."""
    found: dict[str, dict[str, tuple[Any, Any]]] = {}
    for path in [*before, *(path for path in after if path not in before)]:
        old, new = before.get(path), after.get(path)
        if old is None or new is None:
            found[path] = {"": (old, new)}
        elif old != new:
            names = [*old, *(name for name in new if name not in old)]
            found[path] = {name: (old.get(name), new.get(name)) for name in names if old.get(name) != new.get(name)}
    return found


def writes(requests: list[Entry]) -> list[str]:
    """What of these requests may have changed something on the host."""
    return [
        f"{entry.action} {entry.class_name} {entry.method}".strip()
        for entry in requests
        if entry.action in ("Create", "Put", "Delete", "Command", "Send")
        or (entry.action == "Invoke" and not entry.method.startswith(READING_METHODS))
    ]
