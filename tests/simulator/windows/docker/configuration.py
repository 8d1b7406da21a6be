"""dockerd's configuration: its flags and daemon.json, merged and checked as moby's daemon/config does."""

from __future__ import annotations

import codecs
import json
import ntpath
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from ...machine.files import FileError, Files

ROOT = r"C:\ProgramData\docker"
PIPE = "npipe:////./pipe/docker_engine"

# Flags that have a key in daemon.json, with the type of the value there. The key of a repeatable flag is its plural.
_KEYS: dict[str, type] = {
    "allow-direct-routing": bool,
    "bridge": str,
    "containerd": str,
    "containerd-namespace": str,
    "containerd-plugins-namespace": str,
    "cri-containerd": bool,
    "data-root": str,
    "debug": bool,
    "default-runtime": str,
    "default-stop-timeout": int,
    "dns-search": list,
    "exec-root": str,
    "experimental": bool,
    "fixed-cidr": str,
    "group": str,
    "http-proxy": str,
    "https-proxy": str,
    "log-driver": str,
    "log-format": str,
    "log-level": str,
    "max-concurrent-downloads": int,
    "max-concurrent-uploads": int,
    "max-download-attempts": int,
    "metrics-addr": str,
    "mtu": int,
    "network-control-plane-mtu": int,
    "no-proxy": str,
    "pidfile": str,
    "raw-logs": bool,
    "shutdown-timeout": int,
    "swarm-default-advertise-addr": str,
    "tls": bool,
    "tlscacert": str,
    "tlscert": str,
    "tlskey": str,
    "tlsverify": bool,
}
_NAMED = {  # flag → key
    "authorization-plugin": "authorization-plugins",
    "cdi-spec-dir": "cdi-spec-dirs",
    "dns": "dns",
    "dns-opt": "dns-opts",
    "exec-opt": "exec-opts",
    "feature": "features",
    "host": "hosts",
    "host-gateway-ip": "host-gateway-ips",
    "insecure-registry": "insecure-registries",
    "label": "labels",
    "log-opt": "log-opts",
    "node-generic-resource": "node-generic-resources",
    "registry-mirror": "registry-mirrors",
    "storage-opt": "storage-opts",
}
_MAPS = {"log-opts", "features", "builder", "default-network-opts"}
_FILE_ONLY = ("features", "builder", "min-api-version", "deprecated-key-path", "allow-nondistributable-artifacts")
_SHORT = {"D": "debug", "G": "group", "H": "host", "b": "bridge", "l": "log-level", "p": "pidfile", "v": "version"}
# Flags about the service and the file itself.
OWN = {
    "config-file": str,
    "register-service": bool,
    "unregister-service": bool,
    "run-service": bool,
    "service-name": str,
    "validate": bool,
    "version": bool,
}
FLAGS: dict[str, type] = {**_KEYS, **OWN, **dict.fromkeys(_NAMED, list)}
_KINDS = {str: "string", bool: "bool", int: "int", list: "[]string", dict: "map[string]string"}


class Invalid(Exception):
    """The sentence that dockerd gives up with."""


class Configuration(NamedTuple):
    """What applies: flags and file together, by the keys of the file."""

    root: str
    file: str
    values: Mapping[str, Any]

    @property
    def isolation(self) -> str | None:
        """The value of the exec-opt, hyperv or process; None if the daemon's own default applies."""
        given = dict(_exec_opt(option) for option in self.values.get("exec-opts", ())).get("isolation", "").lower()
        return None if given in ("", "default") else given

    @property
    def groups(self) -> list[str]:
        return [group.strip() for group in str(self.values.get("group", "")).split(",") if group.strip()]

    @property
    def listens(self) -> bool:
        """The pipe that docker.exe connects to by default exists."""
        hosts = self.values.get("hosts") or [PIPE]
        return any(host.strip() in (PIPE, "npipe://", "") for host in hosts)


def parse_flags(arguments: Sequence[str]) -> dict[str, Any]:
    """Flags as pflag reads them; Invalid for one that doesn't exist."""
    found: dict[str, Any] = {}
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        if not word.startswith("-"):
            raise Invalid(
                f"dockerd: unknown command: dockerd {word}\n\nRun 'dockerd --help' for more information"
                if not found
                else '"dockerd" accepts no arguments.'
            )
        name, equals, value = word.lstrip("-").partition("=")
        if not word.startswith("--"):
            name = _SHORT.get(name[:1], name)
        kind = FLAGS.get(name)
        if kind is None:
            raise Invalid(f"unknown flag: --{name}")
        if kind is bool:
            found[name] = value.lower() != "false" if equals else True
            continue
        if not equals:
            if not rest:
                raise Invalid(f"flag needs an argument: --{name}")
            value = rest.pop(0)
        if kind is list:
            found.setdefault(name, []).append(value)
        else:
            found[name] = int(value) if kind is int and value.isdigit() else value
    return found


def load(files: Files, flags: Mapping[str, Any], text: Callable[[str], str]) -> Configuration:
    """Merge flags and file; Invalid where dockerd refuses them. A default file that is missing is fine.

    `text` gives the texts of Windows by their keys.
    """
    root = str(flags.get("data-root", ROOT))
    path = str(flags.get("config-file") or ntpath.join(root, "config", "daemon.json"))
    given = {_NAMED.get(name, name): value for name, value in flags.items() if name not in OWN}
    try:
        content = files.read(path)
    except FileError as error:
        if "config-file" not in flags:
            content = b""
        else:
            missing = text("win32_3" if error.hresult & 0xFFFF == 3 else "win32_2")
            raise Invalid(f"{_prefix(path)}open {path}: {missing}") from error
    try:
        values = _read(content, given)
        _validate({**values, **given}, merged=bool(content))
    except Invalid as error:
        raise Invalid(_prefix(path) + str(error) if content else str(error)) from error
    return Configuration(str(values.get("data-root") or root), path, {**values, **given})


def _prefix(path: str) -> str:
    return f"unable to configure the Docker daemon with file {path}: "


def _read(content: bytes, given: Mapping[str, Any]) -> dict[str, Any]:
    text = _decode(content).strip()
    if not text:
        return {}
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise Invalid(f"invalid JSON: {_go_sentence(text, error)}") from error
    if not isinstance(document, dict):
        kind = {list: "array", str: "string", bool: "bool"}.get(type(document), "number")
        raise Invalid(f"invalid JSON: json: cannot unmarshal {kind} into Go value of type map[string]interface {{}}")
    values = _flat(document)
    known = {*_KEYS, *_NAMED.values(), *_FILE_ONLY, "default-network-opts", "runtimes"}
    if unknown := [key for key in values if key not in known]:
        names = ", ".join(unknown)
        raise Invalid(f"the following directives don't match any configuration option: {names}")
    if both := [key for key in values if key in given]:
        pairs = ", ".join(f"{key}: (from flag: {_go(given[key])}, from file: {_go(values[key])})" for key in both)
        sentence = "the following directives are specified both as a flag and in the configuration file: "
        raise Invalid(sentence + pairs)
    for key, value in values.items():
        _check_type(key, value)
    return values


def _decode(content: bytes) -> str:
    """UTF-8, or what a byte order mark says."""
    for mark, name in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if content.startswith(mark):
            return content.decode(name)
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        sentence = f"failed to decode configuration JSON at offset {error.start}: encoding: invalid UTF-8"
        raise Invalid(sentence) from error


def _flat(document: Mapping[str, Any]) -> dict[str, Any]:
    """Objects count as groups of keys, but for those that are options themselves."""
    values: dict[str, Any] = {}
    for key, value in document.items():
        if isinstance(value, dict) and key not in (*_MAPS, "runtimes"):
            values |= value
        else:
            values[key] = value
    return values


def _check_type(key: str, value: Any) -> None:
    kind = dict if key in _MAPS else list if key in _NAMED.values() else _KEYS.get(key)
    if kind is None or value is None or key == "features":
        return
    if isinstance(value, kind) and not (kind is int and isinstance(value, bool)):
        return
    found = {str: "string", bool: "bool", list: "array", dict: "object"}.get(type(value), "number")
    raise Invalid(
        f"invalid JSON: json: cannot unmarshal {found} into Go struct field Config.{key} of type {_KINDS[kind]}"
    )


def _validate(values: Mapping[str, Any], *, merged: bool) -> None:
    try:
        level = str(values.get("log-level") or "info")
        if level.lower() not in ("panic", "fatal", "error", "warn", "info", "debug", "trace"):
            raise Invalid(f"invalid logging level: {level}")
        for host in values.get("hosts") or ():
            if not re.fullmatch(r"\s*|(npipe|tcp|unix|fd)://.*|[^/:]*:\d+", host):
                raise Invalid(f"invalid bind address format: {host}")
        for option in values.get("exec-opts") or ():
            _exec_opt(option)
    except Invalid as error:
        if merged:
            sentence = f"merged configuration validation from file and command line flags failed: {error}"
            raise Invalid(sentence) from error
        raise


def _exec_opt(option: str) -> tuple[str, str]:
    key, equals, value = option.partition("=")
    key, value = key.strip().lower(), value.strip()
    if not (equals and key and value):
        raise Invalid(f"invalid exec-opt ({option}): must be formatted 'opt=value'")
    if key == "native.cgroupdriver":
        raise Invalid(f"invalid exec-opt ({option}): option '{key}' is only supported on linux")
    if key != "isolation":
        raise Invalid(f"invalid exec-opt ({option}): unknown option: '{key}'")
    return key, value


def _go_sentence(text: str, error: json.JSONDecodeError) -> str:
    """What encoding/json says of the same mistake (WIN-33)."""
    at = error.pos
    while at < len(text) and text[at] in " \t\r\n":
        at += 1
    if at >= len(text):
        return "unexpected end of JSON input"
    where = {
        "Expecting property name enclosed in double quotes": "looking for beginning of object key string",
        "Illegal trailing comma before end of object": "looking for beginning of object key string",
        "Expecting ':' delimiter": "after object key",
        "Expecting ',' delimiter": "after object key:value pair",
        "Extra data": "after top-level value",
        "Invalid control character at": "in string literal",
    }.get(error.msg, "looking for beginning of value")
    character = "'\\''" if text[at] == "'" else f"'{text[at]}'"
    if "Illegal trailing comma" in error.msg:
        character = "'}'"
    return f"invalid character {character} {where}"


def _go(value: Any) -> str:
    """A value as Go's %v writes it."""
    if isinstance(value, list):
        return f"[{' '.join(map(_go, value))}]"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return f"map[{' '.join(f'{key}:{_go(item)}' for key, item in sorted(value.items()))}]"
    return str(value)
