"""Network adapters, switches and NATs of a model file."""

from __future__ import annotations

import ipaddress
import uuid
import zlib
from typing import Any

from ..machine.network import DEFAULT_SWITCH

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
    """`network_adapters`, `switches` and `nats` of a host in the model, checked and completed; ValueError otherwise.

    A host has one adapter by default, a guest those of its VM from its start; its own external
    switches name them as Windows does ("Ethernet", "Ethernet 2").
    """
    adapters = [
        _adapter(machine_name, number, raw)
        for number, raw in enumerate(spec.get("network_adapters", [] if guest else [{}]) or ())
    ]
    switches = [_switch(machine_name, raw) for raw in spec.get("switches") or ()]
    names = {adapter["name"].lower() for adapter in adapters}
    for switch in switches:
        missing = [name for name in switch["adapters"] if name.lower() not in names and not guest]
        if missing:
            raise ValueError(f"switch {switch['name']}: no network adapter {', '.join(missing)}")
    return {"network_adapters": adapters, "switches": switches, "nats": [_nat(raw) for raw in spec.get("nats") or ()]}


def _adapter(machine_name: str, number: int, raw: dict[str, Any]) -> dict[str, Any]:
    made = _with_defaults(raw, _ADAPTER, "network_adapters")
    made["name"] = made["name"] or ("Ethernet" if number == 0 else f"Ethernet {number + 1}")
    seed = zlib.crc32(f"{machine_name}/{made['name']}".encode())
    made["mac"] = _mac(made["mac"] or f"0CC47A{seed & 0xFFFFFF:06X}")
    made["addresses"] = _list(made["addresses"])
    if not raw:
        made["addresses"], made["gateway"], made["dhcp"] = [f"192.0.2.{10 + seed % 200}/24"], "192.0.2.1", True
    return made


def _switch(machine_name: str, raw: dict[str, Any] | str) -> dict[str, Any]:
    made = _with_defaults({"name": raw} if isinstance(raw, str) else raw, _SWITCH, "switches")
    if made["type"] not in SWITCH_TYPES:
        raise ValueError(f"switch {made['name']}: type {made['type']} is not one of {', '.join(SWITCH_TYPES)}")
    made["adapters"], made["addresses"] = _list(made["adapters"]), _list(made["addresses"])
    if (made["type"] == "external") != bool(made["adapters"]):
        raise ValueError(f"switch {made['name']}: only an external switch has adapters, and it needs at least one")
    if made["type"] == "default":
        made["id"] = DEFAULT_SWITCH
    guid = made["id"] or uuid.uuid5(uuid.NAMESPACE_OID, f"{machine_name}/switch/{made['name']}")
    made["id"] = str(guid).upper()
    made["mac"] = _mac(made["mac"]) if made["mac"] else None
    if made["teaming"] is None:
        made["teaming"] = len(made["adapters"]) > 1
    return made


def _nat(raw: dict[str, Any]) -> dict[str, Any]:
    made = _with_defaults(raw, _NAT, "nats")
    if bool(made["prefix"]) == bool(made["external_prefix"]):
        raise ValueError(f"nat {made['name']}: either prefix or external_prefix")
    ipaddress.ip_interface(made["prefix"] or made["external_prefix"])
    made["mappings"] = [_with_defaults(one, _MAPPING, f"nat {made['name']}: mappings") for one in made["mappings"]]
    made["external_addresses"] = _list(made["external_addresses"])
    return made


def _with_defaults(raw: dict[str, Any], known: dict[str, Any], where: str) -> dict[str, Any]:
    unknown = set(raw) - set(known)
    if unknown:
        raise ValueError(f"{where}: unknown {', '.join(sorted(unknown))}")
    made = {**known, **raw}
    if made.get("name", "") is None and "name" in known and where != "network_adapters":
        raise ValueError(f"{where}: name is missing")
    return made


def _list(value: Any) -> list[Any]:
    return [value] if isinstance(value, str) else list(value)


def _mac(text: str) -> str:
    digits = "".join(char for char in text if char not in ":-. ").upper()
    if len(digits) != 12 or set(digits) - set("0123456789ABCDEF"):
        raise ValueError(f"{text} is not a MAC address")
    return digits
