"""docker version, info, login, and network."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from ...docker import api as docker_api
from ...docker.api import DaemonError, number
from ..process import Steps
from .client import Client, Failed, NotConnected, inspect, listing, size
from .flags import SWITCH, TEXT, Syntax
from .template import Map, TemplateError, render

if TYPE_CHECKING:
    from ...docker.engine import Engine

FORMAT = {"format": ("f", TEXT)}
VERSION = Syntax("docker version [OPTIONS]", FORMAT, most=0)
INFO = Syntax("docker info [OPTIONS]", FORMAT, most=0)
LOGIN = Syntax(
    "docker login [OPTIONS] [SERVER]",
    {"username": ("u", TEXT), "password": ("p", TEXT), "password-stdin": ("", SWITCH)},
    most=1,
)
NETWORKS = Syntax(
    "docker network ls [OPTIONS]",
    {"format": ("", TEXT), "quiet": ("q", SWITCH), "no-trunc": ("", SWITCH), "filter": ("f", "list")},
    most=0,
)
NETWORK = Syntax("docker network inspect [OPTIONS] NETWORK [NETWORK...]", {**FORMAT, "verbose": ("v", SWITCH)}, 1)

GO = {(28,): "go1.24.9", (29,): "go1.25.4", (29, 4): "go1.26.2"}
BUILT = ("Thu Jul 16 19:21:05 2026", "2026-07-16T19:21:05.000000000+00:00")
# Display versions and laboratories of the builds (winver.exe; BuildLabEx in the registry).
RELEASES = {
    14393: ("1607", "rs1_release.160715-1616"),
    17763: ("1809", "rs5_release.180914-1434"),
    19041: ("2004", "vb_release.191206-1406"),
    19044: ("21H2", "vb_release.191206-1406"),
    19045: ("22H2", "vb_release.191206-1406"),
    20348: ("21H2", "fe_release.210507-1500"),
    22000: ("21H2", "co_release.210604-1628"),
    22621: ("22H2", "ni_release.220506-1250"),
    22631: ("23H2", "ni_release.220506-1250"),
    25398: ("23H2", "zn_release.230419-1700"),
    26100: ("24H2", "ge_release.240331-1435"),
}


def go(version: str) -> str:
    return GO[max((first for first in GO if first <= number(version)), default=(28,))]


def commit(version: str) -> str:
    return hashlib.sha256(version.encode()).hexdigest()[:7]


def version(client: Client, flags: dict[str, Any], _names: list[str]) -> Steps:
    form = flags.get("format", "")
    engine, error = None, None
    try:
        engine = yield from client.connect("Get version")
    except Failed as failed:
        error = failed
    data = {"Client": _client_version(client.version, engine), "Server": _server_version(engine) if engine else None}
    if form:
        try:
            client.out(render("{{json .}}" if form == "json" else form, data) + "\n")
        except TemplateError as failed:
            client.out("\n")
            error = error or Failed(f"{failed}")
    else:
        client.out(_version_text(data))
    if error:
        raise error
    return 0


def _client_version(version: str, engine: Engine | None) -> dict[str, Any]:
    newest = docker_api.api(version).newest
    spoken = min(newest, docker_api.api(engine.version).newest, key=docker_api.number) if engine else newest
    return {
        "Version": version,
        "ApiVersion": spoken,
        "APIVersion": spoken,
        "DefaultAPIVersion": newest,
        "GitCommit": commit(version),
        "GoVersion": go(version),
        "Os": "windows",
        "Arch": "amd64",
        "BuildTime": BUILT[0],
        "Context": "default",
    }


def _server_version(engine: Engine) -> dict[str, Any]:
    version, api = engine.version, docker_api.api(engine.version)
    details = Map(
        {
            "ApiVersion": api.newest,
            "Arch": "amd64",
            "BuildTime": BUILT[0],
            "Experimental": "false",
            "GitCommit": commit(version + "d"),
            "GoVersion": go(version),
            "KernelVersion": kernel(engine),
            "MinAPIVersion": api.oldest,
            "Os": "windows",
        }
    )
    return {
        "Platform": {"Name": "Docker Engine - Community"},
        "Version": version,
        "ApiVersion": api.newest,
        "APIVersion": api.newest,
        "MinAPIVersion": api.oldest,
        "Os": "windows",
        "Arch": "amd64",
        "Components": [{"Name": "Engine", "Version": version, "Details": details}],
        "GitCommit": details["GitCommit"],
        "GoVersion": details["GoVersion"],
        "KernelVersion": details["KernelVersion"],
        "BuildTime": BUILT[1],
    }


def _version_text(data: dict[str, Any]) -> str:
    client, server = data["Client"], data["Server"]
    api = client["ApiVersion"]
    if api != client["DefaultAPIVersion"]:
        api += f" (downgraded from {client['DefaultAPIVersion']})"
    rows: list[tuple[str, str]] = [
        (" Version:", client["Version"]),
        (" API version:", api),
        (" Go version:", client["GoVersion"]),
        (" Git commit:", client["GitCommit"]),
        (" Built:", client["BuildTime"]),
        (" OS/Arch:", "windows/amd64"),
        (" Context:", client["Context"]),
    ]
    lines = ["Client:", *(f"{name:<20}{value}" for name, value in rows)]
    if server:
        details = server["Components"][0]["Details"]
        rows = [
            ("  Version:", server["Version"]),
            ("  API version:", f"{server['ApiVersion']} (minimum version {server['MinAPIVersion']})"),
            ("  Go version:", server["GoVersion"]),
            ("  Git commit:", server["GitCommit"]),
            ("  Built:", details["BuildTime"]),
            ("  OS/Arch:", "windows/amd64"),
            ("  Experimental:", "false"),
        ]
        lines += ["", "Server: Docker Engine - Community", " Engine:"]
        lines += [f"{name:<20}{value}" for name, value in rows]
    return "\n".join(lines) + "\n"


def kernel(engine: Engine) -> str:
    """10.0 20348 (20348.1.amd64fre.fe_release.210507-1500)."""
    build = engine.machine.os["build"]
    laboratory = release(build)[1]
    return f"10.0 {build} ({build}.1.amd64fre.{laboratory})"


def release(build: int) -> tuple[str, str]:
    """Display version and laboratory of a build, those of the newest known one before it for others."""
    return RELEASES[max((known for known in RELEASES if known <= build), default=14393)]


def operating_system(engine: Engine) -> str:
    os = engine.machine.os
    server = "" if os["product_type"] == 1 else " Server"
    revision = f".{os['revision']}" if os["revision"] else ""
    return f"Microsoft Windows{server} Version {release(os['build'])[0]} (OS Build {os['build']}{revision})"


def info(client: Client, flags: dict[str, Any], _names: list[str]) -> Steps:
    form = flags.get("format", "")
    data, error = dict(_ZERO), None
    try:
        engine = yield from client.connect("Get info")
        data = _info(engine)
    except NotConnected as failed:
        error = failed
    except Failed as failed:  # the server answered, with an error
        data["ServerErrors"] = [str(failed)]
        if form:
            client.err(f"{failed}\n")
    data["ClientInfo"] = {
        **{key: value for key, value in _client_version(client.version, None).items() if key != "APIVersion"},
        "Debug": False,
        "Plugins": [],
        "Warnings": None,
    }
    if form:
        try:
            client.out(render("{{json .}}" if form == "json" else form, data) + "\n")
        except TemplateError as failed:
            raise Failed(f"{error}\ntemplate parsing error: {failed}" if error else str(failed)) from failed
    else:
        client.out(f"Client:\n Version:    {client.version}\n Context:    default\n Debug Mode: false\n\nServer:\n")
        if data["ServerVersion"]:
            client.out(_info_text(data))
    if error:
        raise error
    return 0


_ZERO: dict[str, Any] = {
    "ID": "",
    "Containers": 0,
    "ContainersRunning": 0,
    "ContainersPaused": 0,
    "ContainersStopped": 0,
    "Images": 0,
    "Driver": "",
    "DriverStatus": None,
    "Plugins": {"Volume": None, "Network": None, "Authorization": None, "Log": None},
    "MemoryLimit": False,
    "SwapLimit": False,
    "PidsLimit": False,
    "IPv4Forwarding": False,
    "Debug": False,
    "NFd": 0,
    "OomKillDisable": False,
    "NGoroutines": 0,
    "SystemTime": "",
    "LoggingDriver": "",
    "CgroupDriver": "",
    "NEventsListener": 0,
    "KernelVersion": "",
    "OperatingSystem": "",
    "OSVersion": "",
    "OSType": "",
    "Architecture": "",
    "IndexServerAddress": "",
    "RegistryConfig": None,
    "NCPU": 0,
    "MemTotal": 0,
    "GenericResources": None,
    "DockerRootDir": "",
    "HttpProxy": "",
    "HttpsProxy": "",
    "NoProxy": "",
    "Name": "",
    "Labels": None,
    "ExperimentalBuild": False,
    "ServerVersion": "",
    "Runtimes": None,
    "DefaultRuntime": "",
    "Swarm": {"NodeID": "", "NodeAddr": "", "LocalNodeState": "", "ControlAvailable": False, "Error": ""},
    "LiveRestoreEnabled": False,
    "Isolation": "",
    "InitBinary": "",
    "SecurityOptions": None,
    "Warnings": None,
}


def _info(engine: Engine) -> dict[str, Any]:
    machine, containers = engine.machine, engine.containers
    running = sum(container.running for container in containers)
    values = engine.configuration.values
    return {
        **_ZERO,
        "ID": hashlib.sha256(machine.name.encode()).hexdigest()[:36],
        "Containers": len(containers),
        "ContainersRunning": running,
        "ContainersStopped": len(containers) - running,
        "Images": len(engine.images),
        "Driver": "windowsfilter",
        "DriverStatus": [["Windows", ""]],
        "Plugins": {
            "Volume": ["local"],
            "Network": ["ics", "internal", "l2bridge", "l2tunnel", "nat", "null", "overlay", "private", "transparent"],
            "Authorization": None,
            "Log": ["awslogs", "etwlogs", "fluentd", "gcplogs", "gelf", "json-file", "local", "splunk", "syslog"],
        },
        "Debug": bool(values.get("debug", False)),
        "NFd": -1,
        "NGoroutines": 32,
        "SystemTime": machine.clock.now().isoformat(),
        "LoggingDriver": values.get("log-driver", "json-file"),
        "KernelVersion": kernel(engine),
        "OperatingSystem": operating_system(engine),
        "OSVersion": f"10.0.{machine.os['build']}",
        "OSType": "windows",
        "Architecture": "x86_64",
        "IndexServerAddress": "https://index.docker.io/v1/",
        "NCPU": machine.logical_processors,
        "MemTotal": machine.memory_total * 2**20,
        "DockerRootDir": engine.configuration.root,
        "HttpProxy": values.get("http-proxy", ""),
        "HttpsProxy": values.get("https-proxy", ""),
        "NoProxy": values.get("no-proxy", ""),
        "Name": machine.name,
        "Labels": list(values.get("labels") or ()),
        "ServerVersion": engine.version,
        "Swarm": {**_ZERO["Swarm"], "LocalNodeState": "inactive", "RemoteManagers": None},
        "Isolation": engine.default_isolation,
        "Warnings": None,
    }


def _info_text(data: dict[str, Any]) -> str:
    """S25; fields in the order of cli/command/system/info.go."""
    plugins = data["Plugins"]
    lines = (
        f" Containers: {data['Containers']}",
        f"  Running: {data['ContainersRunning']}",
        f"  Paused: {data['ContainersPaused']}",
        f"  Stopped: {data['ContainersStopped']}",
        f" Images: {data['Images']}",
        f" Server Version: {data['ServerVersion']}",
        f" Storage Driver: {data['Driver']}",
        "  Windows: ",
        f" Logging Driver: {data['LoggingDriver']}",
        " Plugins:",
        f"  Volume: {' '.join(plugins['Volume'])}",
        f"  Network: {' '.join(plugins['Network'])}",
        f"  Log: {' '.join(plugins['Log'])}",
        f" Swarm: {data['Swarm']['LocalNodeState']}",
        f" Default Isolation: {data['Isolation']}",
        f" Kernel Version: {data['KernelVersion']}",
        f" Operating System: {data['OperatingSystem']}",
        f" OSType: {data['OSType']}",
        f" Architecture: {data['Architecture']}",
        f" CPUs: {data['NCPU']}",
        f" Total Memory: {size(data['MemTotal'], 1024)}",
        f" Name: {data['Name']}",
        f" ID: {data['ID']}",
        f" Docker Root Dir: {data['DockerRootDir']}",
        f" Debug Mode: {str(data['Debug']).lower()}",
    )
    return "".join(f"{line}\n" for line in lines)


def login(client: Client, flags: dict[str, Any], _names: list[str]) -> Steps:
    """A network logon has no credential manager (guest-facts 0, docker/cli#2682)."""
    if flags.get("password-stdin"):
        yield from client.context.read_all()
    elif "password" not in flags or "username" not in flags:
        raise Failed("Error: Cannot perform an interactive login from a non TTY device")
    yield from client.connect("Post auth")
    raise Failed(
        "Error saving credentials: error storing credentials - err: exit status 1, out: "
        "`A specified logon session does not exist. It may already have been terminated.`"
    )


# --- networks: those that the engine makes itself


def networks(client: Client, flags: dict[str, Any], _names: list[str]) -> Steps:
    engine = yield from client.connect("Get networks")
    rows = [_network(engine, name) for name in _names_of(engine)]
    short = not flags.get("no-trunc")
    if flags.get("filter"):
        raise NotImplementedError("the simulator's docker.exe knows no filters of networks")
    if flags.get("quiet"):
        client.out("".join(f"{row['Id'][:12] if short else row['Id']}\n" for row in rows))
        return 0
    shown = [
        {
            "CreatedAt": row["Created"],
            "Driver": row["Driver"],
            "ID": row["Id"][:12] if short else row["Id"],
            "IPv4": "true",
            "IPv6": "false",
            "Internal": "false",
            "Labels": "",
            "Name": row["Name"],
            "Scope": row["Scope"],
        }
        for row in rows
    ]
    columns = (("NETWORK ID", "ID"), ("NAME", "Name"), ("DRIVER", "Driver"), ("SCOPE", "Scope"))
    return listing(client, shown, flags.get("format", ""), columns)


def network(client: Client, flags: dict[str, Any], names: list[str]) -> Steps:
    engine = yield from client.connect("Get networks/" + names[0])

    def find(name: str) -> dict[str, Any]:
        for known in _names_of(engine):
            row = _network(engine, known)
            if name == known or (len(name) > 3 and row["Id"].startswith(name)):
                return row
        raise DaemonError(f"network {name} not found", not_found=True)

    return inspect(client, names, flags.get("format", ""), find)


def _names_of(engine: Engine) -> tuple[str, ...]:
    return ("none",) if engine.configuration.values.get("bridge") == "none" else ("nat", "none")


def network_id(engine: Engine, name: str) -> str:
    return hashlib.sha256(f"{engine.machine.name} network {name}".encode()).hexdigest()


def _network(engine: Engine, name: str) -> dict[str, Any]:
    identifier = network_id(engine, name)
    subnet = engine.configuration.values.get("fixed-cidr") or "172.24.96.0/20"
    first = ".".join(subnet.partition("/")[0].split(".")[:3]) + ".1"
    return {
        "Name": name,
        "Id": identifier,
        "Created": engine.machine.booted_at.isoformat(),
        "Scope": "local",
        "Driver": "nat" if name == "nat" else "null",
        "EnableIPv4": True,
        "EnableIPv6": False,
        "IPAM": {
            "Driver": "windows" if name == "nat" else "default",
            "Options": None,
            "Config": [{"Subnet": subnet, "Gateway": first}] if name == "nat" else None,
        },
        "Internal": False,
        "Attachable": False,
        "Ingress": False,
        "ConfigOnly": False,
        "Containers": Map(
            {
                container.id: {"Name": container.name, "IPv4Address": "", "IPv6Address": "", "MacAddress": ""}
                for container in engine.containers
                if container.running and container.network in ("default", name) and name == "nat"
            }
        ),
        "Options": Map({"com.docker.network.windowsshim.networkname": name} if name == "nat" else {}),
        "Labels": Map(),
    }
