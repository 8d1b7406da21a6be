# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings of a container: as a task writes them, as docker create takes them, as docker inspect returns them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ..._task.errors import Invalid
from ..._task.units import format_size, parse_size

Settings = dict[str, Any]  # option -> value, of the options that a task sets
Inspected = Mapping[str, Any]  # what docker inspect returns of a container or an image

ISOLATIONS = ("hyperv", "process")
RESTART_POLICIES = {
    "never": "no",
    "always": "always",
    "on_failure": "on-failure",
    "unless_stopped": "unless-stopped",
}
_DEFAULT_NETWORKS = ("", "default", "nat")
_CPU = 10**9  # NanoCpus of a processor
_MARK = "\0sha256:"  # before the digest of a value, which no variable can begin with

_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+")
_PORT = re.compile(r"(?:(?:([\d.]+|\[[\da-fA-F:]+\]):)?(\d*):)?(\d+)(?:/(tcp|udp))?")
_SIDE = r"(?:[A-Za-z]:[\\/][^:]*|[A-Za-z]:|[^:]{2,})"
_VOLUME = re.compile(rf"({_SIDE}):({_SIDE})(?::(ro|rw))?", re.IGNORECASE)
_VARIABLE = re.compile(r"[^=\s\0][^=\0]*")
# Variables that docker.exe, or Windows for it, reads itself. They are written into the command line, all others are
# passed on from the environment of docker.exe: command lines are shown to others, and are logged.
_OF_THE_CLIENT = re.compile(
    r"DOCKER_.*|BUILDKIT_.*|.*_PROXY|PATH|PATHEXT|COMSPEC|SYSTEMROOT|SYSTEMDRIVE|WINDIR|TEMP|TMP|HOME|HOMEDRIVE"
    r"|HOMEPATH|USERPROFILE|USERNAME|APPDATA|LOCALAPPDATA|PROGRAMDATA|PROGRAMFILES|ALLUSERSPROFILE|WSL_UTF8",
    re.IGNORECASE,
)

OPTIONS: dict[str, Any] = {
    "isolation": {"type": "str", "choices": list(ISOLATIONS), "default": "hyperv"},
    "memory": {"type": "str"},
    "cpus": {"type": "float"},
    "ports": {"type": "list", "elements": "str"},
    "volumes": {"type": "list", "elements": "str"},
    "environment": {"type": "dict", "no_log": True},
    "command": {"type": "list", "elements": "str"},
    "entrypoint": {"type": "str"},
    "restart_policy": {"type": "str", "choices": list(RESTART_POLICIES)},
    "labels": {"type": "dict"},
    "network": {"type": "str"},
}


class Setting(NamedTuple):
    """An option: its value as parsed, as read from docker inspect of the container, and as arguments."""

    option: str
    parse: Callable[[Any], Any]
    read: Callable[[Inspected], Any]
    arguments: Callable[[Any], list[str]]
    show: Callable[[Any], Any] = lambda value: value


def check_name(name: str, option: str = "name") -> None:
    """Raise Invalid if Docker doesn't take the name for a container."""
    if not _NAME.fullmatch(name):
        raise Invalid(
            f"'{name}' is not a name for a container: at least two letters, digits, '_', '.' and '-', and a letter or "
            "digit first",
            option=option,
        )


# ---- values ----


def _parse_cpus(count: float) -> int:
    if count <= 0:
        raise Invalid(f"{count:g} is out of range, choose a number of processors above 0")
    return round(count * _CPU)


def _parse_ports(texts: list[str]) -> list[str]:
    return sorted(_port(text) for text in texts)


def _port(text: str) -> str:
    found = _PORT.fullmatch(text.strip())
    numbers = [int(number) for number in (found[2], found[3]) if number] if found else [0]
    if not found or not all(0 < number < 1 << 16 for number in numbers):
        raise Invalid(
            f"'{text}' is not a port: write 8080:80, 127.0.0.1:8080:80 or 8080:53/udp (port of the guest first)"
        )
    return _port_text((found[1] or "").strip("[]"), found[2] or "", f"{found[3]}/{found[4] or 'tcp'}")


def _port_text(address: str, host: str, inside: str) -> str:
    address = "" if address in ("0.0.0.0", "::") else f"[{address}]" if ":" in address else address
    return ":".join([*([address] if address else []), *([host] if host or address else []), inside])


def _read_ports(container: Inspected) -> list[str]:
    bindings = container["HostConfig"].get("PortBindings") or {}
    return sorted(
        _port_text(row.get("HostIp") or "", row.get("HostPort") or "", inside)
        for inside, rows in bindings.items()
        for row in rows or [{}]
    )


def _parse_volumes(texts: list[str]) -> list[str]:
    return sorted((_volume(text) for text in texts), key=str.lower)


def _volume(text: str) -> str:
    found = _VOLUME.fullmatch(text.strip())
    if not found:
        raise Invalid(
            rf"'{text}' is not a volume: write C:\data:C:\inside, or the name of a volume before the colon; :ro at the "
            "end makes it read-only"
        )
    outside, inside = (side.replace("/", "\\").rstrip("\\") for side in (found[1], found[2]))
    return f"{outside}:{inside}{':ro' if (found[3] or '').lower() == 'ro' else ''}"


def _read_volumes(container: Inspected) -> list[str]:
    return _parse_volumes(container["HostConfig"].get("Binds") or [])


def _texts(values: Mapping[str, Any]) -> dict[str, str]:
    """The values of a dictionary as texts; what YAML may have read as something else than it was meant is refused."""
    wrong = [name for name, value in values.items() if value is None or isinstance(value, (bool, float, dict, list))]
    if wrong:
        raise Invalid(f"the value of {', '.join(wrong)} is not a text; write it in quotes")
    return {str(name): str(value) for name, value in values.items()}


def _parse_environment(values: Mapping[str, Any]) -> dict[str, str]:
    texts = _texts(values)
    wrong = [name for name in texts if not _VARIABLE.fullmatch(name)]
    if wrong:
        raise Invalid(f"'{wrong[0]}' is not a name for an environment variable")
    twice = [name for name in texts if sum(name.lower() == other.lower() for other in texts) > 1]
    if twice:
        raise Invalid(f"{', '.join(twice)} are one variable, because Windows compares names without case")
    return texts


def _config(inspected: Inspected) -> Mapping[str, Any]:
    return inspected.get("Config") or {}


def _variables(config: Mapping[str, Any]) -> dict[str, str]:
    return dict(entry.partition("=")[::2] for entry in config.get("Env") or ())


def _read_policy(container: Inspected) -> str:
    name = (container["HostConfig"].get("RestartPolicy") or {}).get("Name") or "no"
    return next((word for word, value in RESTART_POLICIES.items() if value == name), name)


def _network(name: str) -> str:
    return "nat" if name in _DEFAULT_NETWORKS else name


def _each(flag: str) -> Callable[[Any], list[str]]:
    return lambda values: [word for value in values for word in (flag, value)]


def _flag(name: str, text: Callable[[Any], str] = str) -> Callable[[Any], list[str]]:
    return lambda value: [name, text(value)]


def _labels(values: Mapping[str, str]) -> list[str]:
    return [word for name, value in values.items() for word in ("--label", f"{name}={value}")]


def _environment(values: Mapping[str, str]) -> list[str]:
    shown = (f"{name}={value}" if _is_shown(name, value) else name for name, value in values.items())
    return [word for entry in shown for word in ("--env", entry)]


def of_the_shell(settings: Settings) -> dict[str, str]:
    """The variables that docker.exe finds in its environment and passes on."""
    values = settings.get("environment") or {}
    return {name: value for name, value in values.items() if not _is_shown(name, value)}


def _is_shown(name: str, value: str) -> bool:
    """Whether a variable is in the command line: it would mislead docker.exe, or Windows does not keep it empty."""
    return not value or bool(_OF_THE_CLIENT.fullmatch(name))


def _same(value: Any) -> Any:
    return value


def _nothing(_value: Any) -> list[str]:
    return []


SETTINGS = (
    Setting("isolation", _same, lambda found: found["HostConfig"].get("Isolation"), _flag("--isolation")),
    Setting("memory", parse_size, lambda found: found["HostConfig"].get("Memory") or 0, _flag("--memory"), format_size),
    Setting(
        "cpus",
        _parse_cpus,
        lambda found: found["HostConfig"].get("NanoCpus") or 0,
        _flag("--cpus", lambda count: f"{count / _CPU:g}"),
        lambda count: count / _CPU,
    ),
    Setting("ports", _parse_ports, _read_ports, _each("--publish")),
    Setting("volumes", _parse_volumes, _read_volumes, _each("--volume")),
    Setting("environment", _parse_environment, lambda found: _variables(_config(found)), _environment),
    Setting("command", list, lambda found: _config(found).get("Cmd") or [], _nothing),
    Setting("entrypoint", _same, lambda found: " ".join(_config(found).get("Entrypoint") or []), _flag("--entrypoint")),
    Setting("restart_policy", _same, _read_policy, _flag("--restart", RESTART_POLICIES.__getitem__)),
    Setting("labels", _texts, lambda found: _config(found).get("Labels") or {}, _labels),
    Setting(
        "network", _network, lambda found: _network(found["HostConfig"].get("NetworkMode") or ""), _flag("--network")
    ),
)
_BY_OPTION = {row.option: row for row in SETTINGS}


def parse(params: Mapping[str, Any]) -> Settings:
    """The settings that a task sets. Raises Invalid."""
    return {row.option: _parse(row, params[row.option]) for row in SETTINGS if params.get(row.option) is not None}


def _parse(row: Setting, value: Any) -> Any:
    try:
        return row.parse(value)
    except Invalid as error:
        error.option = row.option
        raise


def create_arguments(name: str, image: str, settings: Settings) -> list[str]:
    """The arguments of docker.exe that create the container; the values of most variables are not among them."""
    flags = [word for row in SETTINGS if row.option in settings for word in row.arguments(settings[row.option])]
    return ["create", "--name", name, *flags, image, *settings.get("command", ())]


# ---- comparing ----


def differing(container: Inspected, image: Inspected, settings: Settings) -> list[str]:
    """The options whose values in the container differ; options left out are not compared.

    The image is that of the container, whose variables and labels the container has as well.
    """
    rows = (row for row in SETTINGS if row.option in settings)
    return [
        row.option
        for row in rows
        if _comparable(row.option, row.read(container)) != _comparable(row.option, _expected(row, image, settings))
    ]


def _expected(row: Setting, image: Inspected, settings: Settings) -> Any:
    """The value that a new container of the image has."""
    value = settings[row.option]
    if row.option == "environment":
        own = {name.lower() for name in value}
        return {**{name: text for name, text in _variables(_config(image)).items() if name.lower() not in own}, **value}
    return {**(_config(image).get("Labels") or {}), **value} if row.option == "labels" else value


def _comparable(option: str, value: Any) -> Any:
    """Windows compares paths and names of variables without case."""
    if option == "volumes":
        return [text.lower() for text in value]
    return {name.lower(): _hidden(text) for name, text in value.items()} if option == "environment" else value


def kept(container: Inspected, image: Inspected, settings: Settings) -> Settings:
    """The settings of a container that the task leaves out and its image doesn't give: a new one gets them, too."""
    own: Settings = {}
    plain = as_inspected("", "", image, {"isolation": ""}, running=False)
    for row in SETTINGS:
        value = row.read(container)
        if row.option in settings or value == row.read(plain):
            continue
        if isinstance(value, dict):
            given = row.read(plain)
            value = {name: text for name, text in value.items() if given.get(name) != text}
        own[row.option] = value
    first, *rest = _config(container).get("Entrypoint") or [""]
    if "entrypoint" in own and rest:  # docker.exe takes one word
        own |= {"entrypoint": first, "command": [*rest, *settings.get("command", own.get("command", []))]}
    return {**settings, **own}


def before_and_after(
    container: Inspected, image: Inspected, settings: Settings, options: list[str]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The differing options before and after, for a diff. The values of variables are not shown."""
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    for row in (_BY_OPTION[option] for option in options):
        old, new = row.read(container), _expected(row, image, settings)
        if row.option == "environment":
            before[row.option], after[row.option] = _masked(old, new, "old"), _masked(new, old, "new")
        else:
            before[row.option], after[row.option] = row.show(old), row.show(new)
    return before, after


def _masked(values: Mapping[str, str], others: Mapping[str, str], mark: str) -> dict[str, str]:
    """The variables that differ, without their values."""
    same = _comparable("environment", others).items()
    named = ((name, (name.lower(), _hidden(value))) for name, value in values.items())
    return {name: f"({mark} value, not shown)" for name, entry in named if entry not in same}


def shown(settings: Settings) -> dict[str, Any]:
    """The settings of a new container, for a diff."""
    rows = {option: _BY_OPTION[option].show(value) for option, value in settings.items()}
    if "environment" in rows:
        rows["environment"] = dict.fromkeys(rows["environment"], "(not shown)")
    return rows


# ---- predicting ----


def _hidden(value: str) -> str:
    """The value of a variable as predictions have it, which are kept in a file: its digest."""
    return value if value.startswith(_MARK) else _MARK + hashlib.sha256(value.encode()).hexdigest()


def as_inspected(name: str, image_name: str, image: Inspected | None, settings: Settings, running: bool) -> Inspected:
    """What docker inspect will return of a container with these settings, as far as they go."""
    config = _config(image or {})
    ports: dict[str, list[dict[str, str]]] = {}
    for text in settings.get("ports", ()):
        head, _colon, inside = text.rpartition(":")
        address, _colon, host = head.rpartition(":")
        ports.setdefault(inside, []).append({"HostIp": address.strip("[]"), "HostPort": host})
    own = {variable: _hidden(value) for variable, value in settings.get("environment", {}).items()}
    variables = {**_variables(config), **own}
    labels = {**(config.get("Labels") or {}), **settings.get("labels", {})}
    return {
        "Id": "",
        "Name": f"/{name}",
        "Image": (image or {}).get("Id", ""),
        "State": {"Running": running, "Status": "running" if running else "created"},
        "Config": {
            "Image": image_name,
            "Env": [f"{variable}={value}" for variable, value in variables.items()],
            "Labels": labels,
            "Cmd": settings.get("command") or config.get("Cmd"),
            "Entrypoint": [settings["entrypoint"]] if "entrypoint" in settings else config.get("Entrypoint"),
        },
        "HostConfig": {
            "Isolation": settings["isolation"],
            "Memory": settings.get("memory", 0),
            "NanoCpus": settings.get("cpus", 0),
            "PortBindings": ports,
            "Binds": settings.get("volumes", []),
            "RestartPolicy": {"Name": RESTART_POLICIES[settings.get("restart_policy", "never")]},
            "NetworkMode": settings.get("network", "default"),
        },
    }
