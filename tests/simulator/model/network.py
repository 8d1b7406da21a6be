"""Network adapters, switches and NATs of a model file."""

from __future__ import annotations

import difflib
import ipaddress
import uuid
import zlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ..machine.network import DEFAULT_SWITCH
from ..windows.services.nat import LISTENING, TCP, UDP

_ADAPTER = {
    "name": None,
    "description": "Intel(R) Ethernet Converged Network Adapter X710",
    "mac": None,
    "guid": None,
    "speed": 10_000_000_000,
    "up": True,
    "addresses": (),
    "gateway": None,
    "dhcp": False,
    "category": 1,
}
_SWITCH = {
    "name": None,
    "id": None,
    "type": "private",
    "adapters": (),
    "management_os": True,
    "mac": None,
    "addresses": (),
    "dhcp": False,
    "notes": "",
    "teaming": None,
    "iov": False,
    "bandwidth_mode": 2,
}
_NAT = {"name": None, "prefix": None, "external_prefix": None, "mappings": (), "external_addresses": ()}
_MAPPING = {
    "protocol": "tcp",
    "external_address": "0.0.0.0",
    "external_port": None,
    "internal_address": None,
    "internal_port": None,
    "remote_prefix": "0.0.0.0/0",
}
SWITCH_TYPES = ("private", "internal", "external", "default")


def complete(machine_name: str, spec: dict[str, Any], *, guest: bool = False) -> dict[str, Any]:
    """`network_adapters`, `switches` and `nats` of a host in the model, checked and completed.

    ValueError otherwise, whose message begins with the path of the key. A host has one adapter by default, a guest
    those of its VM from its start; its own external switches name them as Windows does ("Ethernet", "Ethernet 2").
    """
    adapters = [
        _adapter(machine_name, number, raw, f"network_adapters[{number}]")
        for number, raw in enumerate(entries(spec.get("network_adapters", [] if guest else [{}]), "network_adapters"))
    ]
    switches = [
        _switch(machine_name, raw, f"switches[{number}]")
        for number, raw in enumerate(entries(spec.get("switches"), "switches"))
    ]
    names = {adapter["name"].lower(): adapter["name"] for adapter in adapters}
    for number, switch in enumerate(switches):
        for position, name in enumerate(switch["adapters"]):
            if name.lower() not in names and not guest:
                where = f"switches[{number}] ({switch['name']}).adapters[{position}]"
                raise ValueError(f"{where}: {name} is not one of the network adapters {', '.join(names.values())}")
    nats = [_nat(raw, f"nats[{number}]") for number, raw in enumerate(entries(spec.get("nats"), "nats"))]
    _check_nats(nats)
    return {"network_adapters": adapters, "switches": switches, "nats": nats}


def _adapter(machine_name: str, number: int, raw: dict[str, Any], where: str) -> dict[str, Any]:
    made = _with_defaults(raw, _ADAPTER, where)
    made["name"] = made["name"] or ("Ethernet" if number == 0 else f"Ethernet {number + 1}")
    seed = zlib.crc32(f"{machine_name}/{made['name']}".encode())
    made["mac"] = _mac(made["mac"] or f"0CC47A{seed & 0xFFFFFF:06X}", f"{where}.mac")
    made["addresses"] = addresses(made["addresses"], f"{where}.addresses")
    if made["gateway"]:
        made["gateway"] = _parsed(ipaddress.ip_address, made["gateway"], f"{where}.gateway", "an address")
    if not raw:
        made["addresses"], made["gateway"], made["dhcp"] = [f"192.0.2.{10 + seed % 200}/24"], "192.0.2.1", True
    return made


def _switch(machine_name: str, raw: dict[str, Any] | str, where: str) -> dict[str, Any]:
    made = _with_defaults({"name": raw} if isinstance(raw, str) else raw, _SWITCH, where)
    where = f"{where} ({made['name']})"
    if made["type"] not in SWITCH_TYPES:
        raise ValueError(f"{where}.type: {made['type']} is not one of {', '.join(SWITCH_TYPES)}")
    made["adapters"] = entries(made["adapters"], f"{where}.adapters")
    made["addresses"] = addresses(made["addresses"], f"{where}.addresses")
    if (made["type"] == "external") != bool(made["adapters"]):
        raise ValueError(f"{where}.adapters: only an external switch has adapters, and it needs at least one")
    if made["type"] == "default":
        made["id"] = DEFAULT_SWITCH
    guid = made["id"] or uuid.uuid5(uuid.NAMESPACE_OID, f"{machine_name}/switch/{made['name']}")
    made["id"] = str(guid).upper()
    made["mac"] = _mac(made["mac"], f"{where}.mac") if made["mac"] else None
    if made["teaming"] is None:
        made["teaming"] = len(made["adapters"]) > 1
    return made


def _nat(raw: dict[str, Any], where: str) -> dict[str, Any]:
    made = _with_defaults(raw, _NAT, where)
    where = f"{where} ({made['name']})"
    if bool(made["prefix"]) == bool(made["external_prefix"]):
        raise ValueError(f"{where}: either prefix or external_prefix")
    for key in ("prefix", "external_prefix"):
        if made[key]:
            made[key] = _prefix(made[key], f"{where}.{key}")
    made["mappings"] = [
        _mapping(mapping, made["prefix"], f"{where}.mappings[{number}]")
        for number, mapping in enumerate(entries(made["mappings"], f"{where}.mappings"))
    ]
    made["external_addresses"] = addresses(made["external_addresses"], f"{where}.external_addresses")
    return made


def _mapping(raw: dict[str, Any], prefix: str | None, where: str) -> dict[str, Any]:
    made = _with_defaults(raw, _MAPPING, where)
    protocol = str(made["protocol"]).lower()
    if protocol not in ("tcp", "udp"):
        raise ValueError(f"{where}.protocol: {made['protocol']} is not one of tcp, udp")
    made["protocol"] = protocol
    made["internal_port"] = made["external_port"] if made["internal_port"] is None else made["internal_port"]
    for key in ("external_port", "internal_port"):
        if isinstance(made[key], bool) or not isinstance(made[key], int) or not 0 < made[key] < 65536:
            raise ValueError(f"{where}.{key}: {made[key]} is not a port from 1 to 65535")
    # "0.0.0.0/24" means 0.0.0.0 (output of Add-NetNatStaticMapping).
    for key, text in (("external_address", str(made["external_address"]).partition("/")[0]),
                      ("internal_address", made["internal_address"])):  # fmt: skip
        made[key] = _parsed(ipaddress.IPv4Address, text, f"{where}.{key}", "an IPv4 address")
    made["remote_prefix"] = _prefix(made["remote_prefix"], f"{where}.remote_prefix")
    if prefix and ipaddress.ip_address(made["internal_address"]) not in ipaddress.ip_network(prefix, strict=False):
        raise ValueError(f"{where}.internal_address: {made['internal_address']} is not in the prefix {prefix}")
    return made


def _check_nats(nats: list[dict[str, Any]]) -> None:
    """A host has one NAT with an internal prefix, each of its names once, and each external port once."""
    names: set[str] = set()
    used: dict[tuple[str, int], list[tuple[str, str]]] = {}
    for number, nat in enumerate(nats):
        where = f"nats[{number}] ({nat['name']})"
        if nat["name"].lower() in names:
            raise ValueError(f"{where}.name: {nat['name']} is already in use")
        names.add(nat["name"].lower())
        if nat["prefix"] and any(other["prefix"] for other in nats[:number]):
            raise ValueError(f"{where}.prefix: a host can have one NAT with an internal prefix")
        for position, mapping in enumerate(nat["mappings"]):
            place, address = f"{where}.mappings[{position}]", mapping["external_address"]
            protocol, port = mapping["protocol"], mapping["external_port"]
            for other, other_place in used.setdefault((protocol, port), []):
                if other == address or "0.0.0.0" in (other, address):
                    raise ValueError(f"{place}.external_port: {protocol} {port} is already in use by {other_place}")
            used[protocol, port].append((address, place))
            if port in LISTENING[{"tcp": TCP, "udp": UDP}[protocol]]:
                raise ValueError(f"{place}.external_port: Windows itself listens on {protocol} {port}")


def _with_defaults(raw: dict[str, Any], known: dict[str, Any], where: str) -> dict[str, Any]:
    if not isinstance(raw, Mapping):
        raise ValueError(f"{where}: a mapping is expected, not {raw!r}")
    unknown = set(raw) - set(known)
    if unknown:
        raise ValueError(f"{where}: {unknown_keys(unknown, known)}")
    made = {**known, **raw}
    if "name" in known:
        if made["name"] is None and known is not _ADAPTER:
            raise ValueError(f"{where}: name is missing")
        made["name"] = None if made["name"] is None else str(made["name"])
    return made


def unknown_keys(unknown: Iterable[Any], known: Iterable[str]) -> str:
    """The keys that are unknown, and those that are similar or else all that are known."""
    names, known = sorted(map(str, unknown)), [*known]
    similar = dict.fromkeys(key for name in names for key in difflib.get_close_matches(name, known, n=1))
    allowed = f"did you mean {' and '.join(similar)}?" if similar else f"known are {', '.join(known)}"
    return f"unknown {', '.join(names)}; {allowed}"


def entries(value: Any, where: str) -> list[Any]:
    """A list of the model; a text is a list of one entry, and null an empty list."""
    if isinstance(value, str):
        return [value]
    if value is not None and not isinstance(value, list | tuple):
        raise ValueError(f"{where}: a list is expected, not {value!r}")
    return list(value or ())


def addresses(value: Any, where: str) -> list[str]:
    """Addresses of the model, each with or without the length of its prefix."""
    expected = "an address, such as 192.0.2.10 or 192.0.2.10/24"
    return [
        _parsed(ipaddress.ip_interface, text, f"{where}[{number}]", expected)
        for number, text in enumerate(entries(value, where))
    ]


def _prefix(value: Any, where: str) -> str:
    """A network. Host bits are kept, as Windows keeps them: networks of containers have 172.21.80.1/20."""
    expected = "a network, such as 192.168.100.0/24"
    if "/" not in str(value):
        raise ValueError(f"{where}: {value} is not {expected}")
    return _parsed(ipaddress.ip_interface, value, where, expected)


def _parsed(parse: Callable[[str], object], value: Any, where: str, expected: str) -> str:
    """The text of the model, if it can be parsed."""
    try:
        parse(str(value))
    except ValueError as error:
        raise ValueError(f"{where}: {value} is not {expected}") from error
    return str(value)


def _mac(value: Any, where: str) -> str:
    digits = "".join(char for char in str(value) if char not in ":-. ").upper()
    if len(digits) != 12 or set(digits) - set("0123456789ABCDEF"):
        raise ValueError(f"{where}: {value} is not a MAC address, such as 0C-C4-7A-00-00-01")
    return digits
