"""docker run, create, start, stop, rm, ps, inspect, exec and logs."""

from __future__ import annotations

import re
from collections.abc import Generator
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ...docker import images
from ...docker.api import DaemonError, number
from ...docker.containers import HYPERV, PROCESS, RESTARTING, Container, NotStarted
from ...docker.images import BadReference
from ..command_line import join
from ..process import Interrupted, Process, Steps
from . import image as image_commands
from . import system
from .client import POLL, Client, Failed, NotConnected, human, inspect, listing, response
from .flags import LIST, NUMBER, SWITCH, TEXT, Syntax, Usage
from .template import Map

if TYPE_CHECKING:
    from ...docker.engine import Engine

CREATE_FLAGS = {
    "name": ("", TEXT),
    "isolation": ("", TEXT),
    "memory": ("m", TEXT),
    "cpus": ("", TEXT),
    "cpu-count": ("", NUMBER),
    "publish": ("p", LIST),
    "volume": ("v", LIST),
    "mount": ("", LIST),
    "env": ("e", LIST),
    "label": ("l", LIST),
    "restart": ("", TEXT),
    "entrypoint": ("", TEXT),
    "hostname": ("h", TEXT),
    "workdir": ("w", TEXT),
    "user": ("u", TEXT),
    "network": ("", TEXT),
    "pull": ("", TEXT),
    "rm": ("", SWITCH),
    "interactive": ("i", SWITCH),
    "tty": ("t", SWITCH),
    "quiet": ("q", SWITCH),
    "privileged": ("", SWITCH),
    "read-only": ("", SWITCH),
    "memory-swap": ("", TEXT),
    "memory-reservation": ("", TEXT),
    "pids-limit": ("", NUMBER),
    "ulimit": ("", LIST),
    "cpuset-cpus": ("", TEXT),
    "oom-kill-disable": ("", SWITCH),
}
RUN = Syntax(
    "docker run [OPTIONS] IMAGE [COMMAND] [ARG...]",
    {**CREATE_FLAGS, "detach": ("d", SWITCH)},
    least=1,
    mixed=False,
)
CREATE = Syntax("docker create [OPTIONS] IMAGE [COMMAND] [ARG...]", CREATE_FLAGS, least=1, mixed=False)
START = Syntax(
    "docker start [OPTIONS] CONTAINER [CONTAINER...]",
    {"attach": ("a", SWITCH), "interactive": ("i", SWITCH)},
    least=1,
)
STOP = Syntax(
    "docker stop [OPTIONS] CONTAINER [CONTAINER...]",
    {"timeout": ("t", NUMBER), "time": ("", NUMBER), "signal": ("s", TEXT)},
    least=1,
)
REMOVE = Syntax(
    "docker rm [OPTIONS] CONTAINER [CONTAINER...]", {"force": ("f", SWITCH), "volumes": ("v", SWITCH)}, least=1
)
RENAME = Syntax("docker rename CONTAINER NEW_NAME", least=2, most=2)
LIST_SYNTAX = Syntax(
    "docker ps [OPTIONS]",
    {
        "all": ("a", SWITCH),
        "filter": ("f", LIST),
        "format": ("", TEXT),
        "no-trunc": ("", SWITCH),
        "quiet": ("q", SWITCH),
        "last": ("n", NUMBER),
        "latest": ("l", SWITCH),
        "size": ("s", SWITCH),
    },
    most=0,
)
INSPECT = Syntax(
    "docker inspect [OPTIONS] NAME|ID [NAME|ID...]",
    {"format": ("f", TEXT), "size": ("s", SWITCH), "type": ("", TEXT)},
    least=1,
)
EXEC = Syntax(
    "docker exec [OPTIONS] CONTAINER COMMAND [ARG...]",
    {
        "detach": ("d", SWITCH),
        "env": ("e", LIST),
        "interactive": ("i", SWITCH),
        "tty": ("t", SWITCH),
        "user": ("u", TEXT),
        "workdir": ("w", TEXT),
    },
    least=2,
    mixed=False,
)
LOGS = Syntax(
    "docker logs [OPTIONS] CONTAINER",
    {"follow": ("f", SWITCH), "tail": ("n", TEXT), "timestamps": ("t", SWITCH), "since": ("", TEXT)},
    least=1,
    most=1,
)
# Options that a daemon on Windows refuses (verifyPlatformContainerResources, runconfig of moby).
REFUSED = {
    "privileged": "privileged mode is not supported for Windows containers",
    "read-only": "read-only mode is not supported for Windows containers",
    "memory-swap": "Windows does not support MemorySwap",
    "memory-reservation": "Windows does not support MemoryReservation",
    "pids-limit": "Windows does not support PidsLimit",
    "ulimit": "Windows does not support Ulimits",
    "cpuset-cpus": "Windows does not support CpusetCpus",
    "oom-kill-disable": "Windows does not support OomKillDisable",
}
UNITS = {"": 1, "b": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}
RESTARTS = ("no", "always", "unless-stopped", "on-failure")


def run(client: Client, flags: dict[str, Any], words: list[str]) -> Steps:
    attached = not flags.get("detach")
    try:
        engine = yield from _connect(client, "run")
        container = yield from _create(client, engine, flags, words)
    except NotConnected:
        raise
    except Failed as error:
        raise _of_run(client, str(error)) from error
    yield engine.seconds[container.isolation]
    try:
        engine.start_container(container)
    except NotStarted as error:
        raise _of_run(client, f"Error response from daemon: {error}", started=True) from error
    if not attached:
        client.out(f"{container.id}\n")
        return 0
    return (yield from _attach(client, engine, container))


def create(client: Client, flags: dict[str, Any], words: list[str]) -> Steps:
    engine = yield from _connect(client, "create")
    container = yield from _create(client, engine, flags, words)
    client.out(f"{container.id}\n")
    return 0


def _connect(client: Client, name: str) -> Generator[Any, Any, Engine]:
    """Since 29.1.3 the daemon is asked for a ping first, whose failure is as any command's (WIN-31)."""
    try:
        return (yield from client.connect("Post containers/create"))
    except NotConnected as error:
        if name == "create" or number(client.version) >= (29, 1, 3):
            raise
        raise NotConnected(str(_of_run(client, str(error))), _code(str(error))) from error


def _of_run(client: Client, sentence: str, *, started: bool = False) -> Failed:
    """A failure of docker run: its words and exit code (toStatusError of run.go)."""
    if number(client.version) >= (28,):
        return Failed(f"docker: {sentence}\n\nRun 'docker run --help' for more information", _code(sentence))
    text = f"docker: {sentence.removesuffix('.')}."
    return Failed(text if started else f"{text}\nSee 'docker run --help'.", _code(sentence))


def _code(sentence: str) -> int:
    missing = ("executable file not found", "no such file or directory", "system cannot find the file specified")
    if any(text in sentence for text in missing):
        return 127
    return 126 if "permission denied" in sentence else 125


def _create(client: Client, engine: Engine, flags: dict[str, Any], words: list[str]) -> Generator[Any, Any, Container]:
    values = _values(client, engine, flags)
    try:
        reference = images.parse(words[0])
    except BadReference as error:
        raise Failed(str(error)) from error
    image = engine.images.find(words[0])
    wanted = flags.get("pull", "missing")
    if wanted not in ("always", "missing", "never", ""):
        sentence = f'invalid pull option: \'{wanted}\': must be one of "always", "missing" or "never"'
        raise Failed(sentence)
    if wanted == "always" or (image is None and wanted != "never"):
        if image is None and not flags.get("quiet"):
            client.err(f"Unable to find image '{reference.familiar}' locally\n")
        silent = bool(flags.get("quiet"))
        image = yield from image_commands.download(
            client, engine, reference, lambda text: None if silent else client.err(text)
        )
    if image is None:
        raise Failed(f"Error response from daemon: No such image: {reference.familiar}")
    given = words[1:]
    entrypoint = [flags["entrypoint"]] if flags.get("entrypoint") else list(image.config.get("Entrypoint") or ())
    command = given or ([] if flags.get("entrypoint") else list(image.config.get("Cmd") or ()))
    if not entrypoint and not command:
        raise Failed("Error response from daemon: no command specified")
    values["environment"] = [*(image.config.get("Env") or ()), *values["environment"]]
    values["labels"] = {**(image.config.get("Labels") or {}), **values["labels"]}
    if not flags.get("workdir"):
        values["directory"] = image.config.get("WorkingDir") or ""
    try:
        container = engine.new_container(
            image, words[0], name=flags.get("name", ""), entrypoint=entrypoint, command=command, **values
        )
    except DaemonError as error:
        raise Failed(response(error)) from error
    engine.containers.append(container)
    return container


def _values(client: Client, engine: Engine, flags: dict[str, Any]) -> dict[str, Any]:
    """What the flags say of a container; Failed where the client or the daemon refuses them."""
    if "mount" in flags:
        raise NotImplementedError("the simulator's docker.exe knows -v, no --mount")
    if "name" in flags and not re.fullmatch(r"/?[a-zA-Z0-9][a-zA-Z0-9_.-]+", flags["name"]):
        raise Failed(
            f"Error response from daemon: Invalid container name ({flags['name']}), only [a-zA-Z0-9][a-zA-Z0-9_.-] "
            "are allowed"
        )
    isolation = flags.get("isolation", "").lower()
    if isolation not in ("", "default", PROCESS, HYPERV):
        sentence = f"invalid isolation ({flags['isolation']}): Windows supports 'default', 'process', or 'hyperv'"
        raise Failed(f"Error response from daemon: {sentence}")
    network = flags.get("network", "default")
    isolation = engine.default_isolation if isolation in ("", "default") else isolation
    if network.startswith("container:") and isolation == HYPERV:
        raise Failed(
            "Error response from daemon: invalid network-mode: using the network stack of another container is not "
            "supported while using Hyper-V Containers"
        )
    if network not in ("default", "nat", "none") and not network.startswith("container:"):
        raise Failed(f"Error response from daemon: network {network} not found")
    for name, sentence in REFUSED.items():
        if flags.get(name):
            raise Failed(f"Error response from daemon: invalid option: {sentence}")
    restart = flags.get("restart", "no") or "no"
    name, _colon, limit = restart.partition(":")
    if name not in RESTARTS or (limit and (not limit.isdigit() or name != "on-failure")):
        sentence = f"invalid restart policy: unknown policy '{name}'; use one of '{RESTARTS[0]}', '{RESTARTS[1]}', "
        raise Failed(f"Error response from daemon: {sentence}'on-failure', or 'unless-stopped'")
    if flags.get("rm") and name != "no":
        raise Failed("conflicting options: cannot specify both --restart and --rm")
    nano = _cpus(engine, flags)
    return {
        "isolation": isolation,
        "environment": [_variable(client, text) for text in flags.get("env") or ()],
        "labels": {text.partition("=")[0]: text.partition("=")[2] for text in flags.get("label") or ()},
        "memory": _bytes(flags.get("memory", "0"), "memory"),
        "nano_cpus": nano,
        "cpu_count": flags.get("cpu-count", 0),
        "ports": [_port(text) for text in flags.get("publish") or ()],
        "binds": [_bind(text) for text in flags.get("volume") or ()],
        "restart": restart,
        "auto_remove": bool(flags.get("rm")),
        "directory": flags.get("workdir", ""),
        "user": flags.get("user", ""),
        "network": network,
        "interactive": bool(flags.get("interactive")),
        "tty": bool(flags.get("tty")),
        **({"hostname": flags["hostname"]} if flags.get("hostname") else {}),
    }


def _cpus(engine: Engine, flags: dict[str, Any]) -> int:
    text = flags.get("cpus", "")
    if not text:
        return 0
    if not re.fullmatch(r"-?\d+(\.\d+)?", text):
        raise Usage(
            f'invalid argument "{text}" for "--cpus" flag: failed to parse {text} as a rational number\n\n'
            "Usage:  docker run [OPTIONS] IMAGE [COMMAND] [ARG...]\n\nRun 'docker run --help' for more information"
        )
    nano, count = round(float(text) * 10**9), engine.machine.logical_processors
    if nano < 0 or nano > count * 10**9:
        sentence = f"range of CPUs is from 0.01 to {count}.00, as there are only {count} CPUs available"
        raise Failed(f"Error response from daemon: {sentence}")
    return nano


def _bytes(text: str, flag: str) -> int:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([bkmgt]?)i?b?", text.lower())
    if not match:
        raise Usage(
            f'invalid argument "{text}" for "-m, --{flag}" flag: invalid size: \'{text}\'\n\n'
            "Usage:  docker run [OPTIONS] IMAGE [COMMAND] [ARG...]\n\nRun 'docker run --help' for more information"
        )
    return int(float(match[1]) * UNITS[match[2]])


def _variable(client: Client, text: str) -> str:
    """NAME=value, or NAME for the value of the client's own environment."""
    return text if "=" in text else f"{text}={client.context.variable(text) or ''}"


def _port(text: str) -> tuple[str, str, str]:
    """[[address:]host port:]container port[/protocol] → (80/tcp, address, host port)."""
    bare, _slash, protocol = text.partition("/")
    *outside, inside = bare.rsplit(":", 2) if bare.count(":") > 1 else bare.split(":")
    address, port = ("", *outside) if len(outside) == 1 else tuple(outside) if outside else ("", "")
    if not inside.isdigit() or not 0 < int(inside) < 65536 or (port and not port.isdigit()):
        raise Failed(f"invalid containerPort: {inside}")
    return f"{inside}/{protocol or 'tcp'}", address, port


def _bind(text: str) -> str:
    r"""C:\host:C:\inside[:ro] or NAME:C:\inside."""
    if not re.fullmatch(r"(?:(?:[a-zA-Z]:[\\/][^:]*|[\w.-]+|\\\\[^:]+):)?[a-zA-Z]:[\\/]?[^:]*(?::(?:ro|rw))?", text):
        raise Failed(f"invalid volume specification: '{text}'")
    return text


def _attach(client: Client, engine: Engine, container: Container, since: int = 0) -> Steps:
    """Show the output of a container until it ends; its exit code."""
    shown, process = since, container.process
    if container.interactive and process:
        process.write((yield from client.context.read_all()), end=True)
    log = container.log
    try:
        while True:
            for stream, data in log[shown:]:
                client.context.out(data, stream)
            shown = len(log)
            if container.process is not process or process is None or container.status == RESTARTING:
                return container.exit_code
            yield POLL
    except Interrupted:
        # Ctrl+C goes to the container, too (sig-proxy); its death ends the client.
        engine.stop_container(container, code=0xC000013A)
        return container.exit_code


def start(client: Client, flags: dict[str, Any], names: list[str]) -> Steps:
    engine = yield from client.connect(f"Post containers/{names[0]}/start")
    if flags.get("attach") or flags.get("interactive"):
        container = _find(engine, names[0])
        since = len(container.log)
        yield engine.seconds[container.isolation]
        try:
            engine.start_container(container)
        except NotStarted as error:
            raise Failed(f"Error response from daemon: {error}") from error
        return (yield from _attach(client, engine, container, since))
    failed = []
    for name in names:
        try:
            container = engine.find_container(name)
            if not container.running:
                yield engine.seconds[container.isolation]
            engine.start_container(container)
            client.out(f"{name}\n")
        except (DaemonError, NotStarted) as error:
            client.err(f"Error response from daemon: {error}\n")
            failed.append(name)
    if failed:
        prefix = "" if number(client.version) >= (29,) else "Error: "
        raise Failed(f"{prefix}failed to start containers: {', '.join(failed)}")
    return 0


def stop(client: Client, flags: dict[str, Any], names: list[str]) -> Steps:
    engine = yield from client.connect(f"Post containers/{names[0]}/stop")
    errors = []
    for name in names:
        try:
            container = engine.find_container(name)
        except DaemonError as error:
            errors.append(response(error))
            continue
        if container.running:
            yield engine.seconds["stop"]
        engine.stop_container(container)
        client.out(f"{name}\n")
    if errors:
        raise Failed("\n".join(errors))
    return 0


def remove(client: Client, flags: dict[str, Any], names: list[str]) -> Steps:
    engine = yield from client.connect(f"Delete containers/{names[0]}")
    errors, force = [], bool(flags.get("force"))
    for name in names:
        try:
            container = engine.find_container(name)
            if container.running or container.status == RESTARTING:
                if not force:
                    raise DaemonError(
                        f'cannot remove container "{name}": container is {container.status}: stop the container before '
                        "removing or force remove"
                    )
                yield engine.seconds["stop"]
                engine.stop_container(container)
            engine.remove(container)
            client.out(f"{name}\n")
        except DaemonError as error:
            if force and error.not_found:
                client.err(f"{response(error)}\n")
            else:
                errors.append(response(error))
    if errors:
        raise Failed("\n".join(errors))
    return 0


def rename(client: Client, _flags: dict[str, Any], names: list[str]) -> Steps:
    """Silent if it succeeds (moby: daemon/rename.go)."""
    engine = yield from client.connect(f"Post containers/{names[0]}/rename")
    container = _find(engine, names[0])
    taken = next((one for one in engine.containers if one.name == names[1]), None)
    if taken:
        raise Failed(
            "Error response from daemon: Error when allocating new name: Conflict. The container name "
            f'"/{names[1]}" is already in use by container "{taken.id}". You have to remove (or rename) that container '
            "to be able to reuse that name."
        )
    container.name = names[1]
    return 0


def _find(engine: Engine, name: str) -> Container:
    try:
        return engine.find_container(name)
    except DaemonError as error:
        raise Failed(response(error)) from error


# --- what is shown


def list_containers(client: Client, flags: dict[str, Any], _names: list[str]) -> Steps:
    engine = yield from client.connect("Get containers/json")
    conditions = _conditions(flags.get("filter") or ())
    everything = flags.get("all") or flags.get("latest") or flags.get("last") or "status" in conditions
    found = [
        container
        for container in reversed(engine.containers)
        if (everything or container.running) and _matches(container, conditions)
    ]
    if count := 1 if flags.get("latest") else flags.get("last"):
        found = found[:count]
    short = not flags.get("no-trunc")
    if flags.get("quiet"):
        client.out("".join(f"{container.id[:12] if short else container.id}\n" for container in found))
        return 0
    now = engine.machine.clock.now()
    columns = [("CONTAINER ID", "ID"), ("IMAGE", "Image"), ("COMMAND", "Command"), ("CREATED", "RunningFor")]
    columns += [("STATUS", "Status"), ("PORTS", "Ports"), ("NAMES", "Names")]
    return listing(client, [_row(one, now, short=short) for one in found], flags.get("format", ""), columns)


def _conditions(filters: Any) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for text in filters:
        key, equals, value = text.partition("=")
        if not equals:
            raise Failed("invalid argument: bad format of filter (expected name=value)")
        if key not in ("name", "id", "label", "status", "isolation", "ancestor", "exited"):
            raise NotImplementedError(f"the simulator's docker.exe knows no filter of containers like {text}")
        found.setdefault(key, []).append(value)
    return found


def _matches(container: Container, conditions: dict[str, list[str]]) -> bool:
    """Values of one key are alternatives, labels all have to be there."""

    def label(text: str) -> bool:
        key, equals, value = text.partition("=")
        return key in container.labels and (not equals or container.labels[key] == value)

    tests = {
        "name": lambda text: bool(re.search(text, f"/{container.name}") or re.search(text, container.name)),
        "id": container.id.startswith,
        "status": lambda text: container.status == text,
        "isolation": lambda text: container.isolation == text,
        "ancestor": lambda text: text in (container.image.id, container.image_name, *container.image.tags),
        "exited": lambda text: container.status == "exited" and str(container.exit_code) == text,
    }
    return all(
        all(map(label, values)) if key == "label" else any(map(tests[key], values))
        for key, values in conditions.items()
    )


def status_text(container: Container, now: datetime) -> str:
    """Up 2 minutes, Exited (0) 5 seconds ago, Created."""
    if container.running and container.started:
        return f"Up {human((now - container.started).total_seconds())}"
    if container.finished is None:
        return "Created"
    ago = human((now - container.finished).total_seconds())
    word = "Restarting" if container.status == RESTARTING else "Exited"
    return f"{word} ({container.exit_code}) {ago} ago"


def _row(container: Container, now: datetime, *, short: bool) -> dict[str, Any]:
    command = join(container.line)
    if short and len(command) > 20:
        command = command[:19] + "…"
    published = [
        f"{address or '0.0.0.0'}:{port}->{inside}" if container.running else ""
        for inside, address, port in container.ports
    ]
    return {
        "Command": '"' + command.replace("\\", "\\\\").replace('"', '\\"') + '"',
        "CreatedAt": container.created.strftime("%Y-%m-%d %H:%M:%S +0000 UTC"),
        "HealthStatus": "",
        "ID": container.id[:12] if short else container.id,
        "Image": container.image_name,
        "Labels": ",".join(f"{key}={value}" for key, value in sorted(container.labels.items())),
        "LocalVolumes": "0",
        "Mounts": ",".join(bind.rpartition(":")[0] for bind in container.binds),
        "Names": container.name,
        "Networks": "nat" if container.network == "default" else container.network,
        "Platform": None,
        "Ports": ", ".join(filter(None, published)),
        "RunningFor": f"{human((now - container.created).total_seconds())} ago",
        "Size": "0B",
        "State": container.status,
        "Status": status_text(container, now),
    }


def inspect_anything(client: Client, flags: dict[str, Any], names: list[str]) -> Steps:
    """docker inspect: a container, else an image, else a network of that name."""
    engine = yield from client.connect(f"Get containers/{names[0]}/json")
    kind = flags.get("type", "")
    if kind not in ("", "container", "image"):
        raise NotImplementedError(f"the simulator's docker.exe knows no --type {kind}")

    def find(name: str) -> dict[str, Any]:
        if kind != "image":
            try:
                return container_data(engine, engine.find_container(name))
            except DaemonError:
                if kind == "container":
                    raise
        try:
            return image_commands.image_data(engine, client, name)
        except DaemonError as error:
            if kind == "image":
                raise
            word = "Error: No" if number(client.version) < (29,) else "error: no"
            raise DaemonError(f"{word} such object: {name}", not_found=True, of_client=True) from error

    return inspect(client, names, flags.get("format", ""), find)


def inspect_containers(client: Client, flags: dict[str, Any], names: list[str]) -> Steps:
    engine = yield from client.connect(f"Get containers/{names[0]}/json")
    return inspect(
        client, names, flags.get("format", ""), lambda name: container_data(engine, engine.find_container(name))
    )


def _time(moment: datetime | None) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ") if moment else "0001-01-01T00:00:00Z"


def container_data(engine: Engine, container: Container) -> dict[str, Any]:
    """InspectResponse of the API, the parts that mean something on Windows."""
    path, *arguments = container.line
    root = engine.configuration.root
    bindings = Map({inside: [{"HostIp": address, "HostPort": port}] for inside, address, port in container.ports})
    network = "nat" if container.network == "default" else container.network
    running = container.running
    return {
        "Id": container.id,
        "Created": _time(container.created),
        "Path": path,
        "Args": arguments,
        "State": {
            "Status": container.status,
            "Running": running or container.status == RESTARTING,
            "Paused": False,
            "Restarting": container.status == RESTARTING,
            "OOMKilled": False,
            "Dead": False,
            "Pid": container.pid,
            "ExitCode": container.exit_code,
            "Error": container.error,
            "StartedAt": _time(container.started),
            "FinishedAt": _time(container.finished),
        },
        "Image": container.image.id,
        "ResolvConfPath": "",
        "HostnamePath": "",
        "HostsPath": "",
        "LogPath": rf"{root}\containers\{container.id}\{container.id}-json.log" if container.started else "",
        "Name": f"/{container.name}",
        "RestartCount": container.restarts,
        "Driver": "windowsfilter",
        "Platform": "windows",
        "MountLabel": "",
        "ProcessLabel": "",
        "AppArmorProfile": "",
        "ExecIDs": None,
        "HostConfig": {
            "Binds": list(container.binds) or None,
            "ContainerIDFile": "",
            "LogConfig": {"Type": engine.configuration.values.get("log-driver", "json-file"), "Config": Map()},
            "NetworkMode": container.network,
            "PortBindings": bindings,
            "RestartPolicy": {"Name": container.restart_name, "MaximumRetryCount": container.restart_limit},
            "AutoRemove": container.auto_remove,
            "VolumeDriver": "",
            "VolumesFrom": None,
            "ConsoleSize": [0, 0],
            "CapAdd": None,
            "CapDrop": None,
            "CgroupnsMode": "",
            "Dns": [],
            "DnsOptions": [],
            "DnsSearch": [],
            "ExtraHosts": None,
            "GroupAdd": None,
            "IpcMode": "",
            "Cgroup": "",
            "Links": None,
            "OomScoreAdj": 0,
            "PidMode": "",
            "Privileged": False,
            "PublishAllPorts": False,
            "ReadonlyRootfs": False,
            "SecurityOpt": None,
            "UTSMode": "",
            "UsernsMode": "",
            "ShmSize": 0,
            "Isolation": container.isolation,
            "CpuShares": 0,
            "Memory": container.memory,
            "NanoCpus": container.nano_cpus,
            "CgroupParent": "",
            "BlkioWeight": 0,
            "BlkioWeightDevice": [],
            "BlkioDeviceReadBps": [],
            "BlkioDeviceWriteBps": [],
            "BlkioDeviceReadIOps": [],
            "BlkioDeviceWriteIOps": [],
            "CpuPeriod": 0,
            "CpuQuota": 0,
            "CpuRealtimePeriod": 0,
            "CpuRealtimeRuntime": 0,
            "CpusetCpus": "",
            "CpusetMems": "",
            "Devices": [],
            "DeviceCgroupRules": None,
            "DeviceRequests": None,
            "MemoryReservation": 0,
            "MemorySwap": 0,
            "MemorySwappiness": None,
            "OomKillDisable": None,
            "PidsLimit": None,
            "Ulimits": [],
            "CpuCount": container.cpu_count,
            "CpuPercent": 0,
            "IOMaximumIOps": 0,
            "IOMaximumBandwidth": 0,
            "MaskedPaths": None,
            "ReadonlyPaths": None,
        },
        "GraphDriver": {
            "Name": "windowsfilter",
            "Data": Map({"dir": rf"{root}\windowsfilter\{container.id}"}),
        },
        "Mounts": [_mount(bind, root) for bind in container.binds],
        "Config": {
            "Hostname": container.hostname,
            "Domainname": "",
            "User": container.user or container.image.config.get("User", ""),
            "AttachStdin": container.interactive,
            "AttachStdout": True,
            "AttachStderr": True,
            "ExposedPorts": Map(
                {inside: {} for inside, _address, _port in container.ports}
                | dict(container.image.config.get("ExposedPorts") or {})
            ),
            "Tty": container.tty,
            "OpenStdin": container.interactive,
            "StdinOnce": container.interactive,
            "Env": list(container.environment) or None,
            "Cmd": list(container.command) or None,
            "Image": container.image_name,
            "Volumes": None,
            "WorkingDir": container.directory,
            "Entrypoint": list(container.entrypoint) or None,
            "Labels": Map(container.labels),
        },
        "NetworkSettings": {
            "SandboxID": container.id[::-1] if running else "",
            "SandboxKey": container.id[::-1] if running else "",
            "Ports": bindings if running else Map(),
            "Networks": Map({network: _endpoint(engine, container, network)}),
        },
    }


def _mount(bind: str, root: str) -> dict[str, Any]:
    """Parts of a bind: source, destination, mode."""
    mode = next((mode for mode in ("ro", "rw") if bind.endswith(f":{mode}")), "")
    bare = bind.removesuffix(f":{mode}") if mode else bind
    match = re.fullmatch(r"(?:(.*):)?([a-zA-Z]:[^:]*)", bare)
    source, destination = (match[1] or "", match[2]) if match else ("", bare)
    named = not re.match(r"[a-zA-Z]:|\\\\", source)
    return {
        "Type": "volume" if named else "bind",
        **({"Name": source, "Driver": "local"} if named else {}),
        "Source": rf"{root}\volumes\{source}\_data" if named else source.lower(),
        "Destination": destination.lower(),
        "Mode": mode,
        "RW": mode != "ro",
        "Propagation": "",
    }


def _endpoint(engine: Engine, container: Container, network: str) -> dict[str, Any]:
    running = container.running and network == "nat"
    last = 2 + engine.containers.index(container) if container in engine.containers else 2
    return {
        "IPAMConfig": None,
        "Links": None,
        "Aliases": None,
        "DriverOpts": None,
        "GwPriority": 0,
        "NetworkID": system.network_id(engine, network),
        "EndpointID": container.id[::-1] if running else "",
        "Gateway": "172.24.96.1" if running else "",
        "IPAddress": f"172.24.96.{last}" if running else "",
        "MacAddress": f"00:15:5d:00:00:{last:02x}" if running else "",
        "IPPrefixLen": 20 if running else 0,
        "IPv6Gateway": "",
        "GlobalIPv6Address": "",
        "GlobalIPv6PrefixLen": 0,
        "DNSNames": None,
    }


def execute(client: Client, flags: dict[str, Any], words: list[str]) -> Steps:
    """A program in a container that runs; its exit code."""
    engine = yield from client.connect(f"Get containers/{words[0]}/json")
    container = _find(engine, words[0])
    if not container.running or container.inside is None:
        raise Failed(f"Error response from daemon: container {container.id} is not running")
    yield engine.seconds[PROCESS]
    variables = [_variable(client, text) for text in flags.get("env") or ()]
    try:
        process: Process = container.inside.start(container, words[1:], variables=variables).start()
    except NotStarted as error:
        # The exec's own code is 127, what the client prints is the daemon's answer (CLI exec.go).
        raise Failed(f"Error response from daemon: {error}", _code(str(error))) from error
    if flags.get("detach"):
        return 0
    data = (yield from client.context.read_all()) if flags.get("interactive") else b""
    if process.running:
        process.write(data, end=True)
    shown, output = 0, process.context.output
    while True:
        for stream, part in output[shown:]:
            client.context.out(part, stream)
        shown = len(output)
        if not process.running:
            return process.exit_code if process.exit_code is not None else 0xFFFFFFFF
        yield POLL


def logs(client: Client, flags: dict[str, Any], names: list[str]) -> Steps:
    engine = yield from client.connect(f"Get containers/{names[0]}/json")
    container = _find(engine, names[0])
    if flags.get("timestamps") or flags.get("since"):
        raise NotImplementedError("the simulator's docker.exe knows no times of logs")
    tail = flags.get("tail", "all")
    entries = list(container.log)
    if tail.isdigit():
        entries = _tail(entries, int(tail))
    for stream, data in entries:
        client.context.out(data, stream)
    shown, process = len(container.log), container.process
    while flags.get("follow") and container.running and container.process is process:
        yield POLL
        for stream, data in container.log[shown:]:
            client.context.out(data, stream)
        shown = len(container.log)
    return 0


def _tail(entries: list[tuple[str, bytes]], count: int) -> list[tuple[str, bytes]]:
    lines = [(stream, line) for stream, data in entries for line in data.splitlines(keepends=True)]
    return lines[-count:] if count else []
