"""cloud-init of a Linux guest, as far as its data source NoCloud (canonical/cloud-init, DataSourceNoCloud.py)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import yaml

from ..machine.iso import Iso

LABEL = "cidata"
REQUIRED = ("meta-data", "user-data")


@dataclass
class Instance:
    """What a seed made of the guest; `addresses` by the name or the MAC address of an adapter."""

    id: str
    hostname: str = ""
    user_data: Any = None
    addresses: dict[str, list[str]] = field(default_factory=dict)


def find(discs: Iterable[Iso]) -> Instance | None:
    """The instance that a seed describes: label, type and both files decide; of several, the last device wins."""
    for disc in reversed(list(discs)):
        files = disc.in_linux
        if disc.type != "iso9660" or disc.label.lower() != LABEL or any(name not in files for name in REQUIRED):
            continue
        meta = yaml.safe_load(files["meta-data"]) or {}
        if not isinstance(meta, dict) or not meta.get("instance-id"):
            continue
        text = files["user-data"].decode("utf-8", "replace")
        user = yaml.safe_load(text) if text.startswith("#cloud-config") else None
        user = user if isinstance(user, dict) else None
        name = meta.get("local-hostname") or (user or {}).get("hostname") or ""
        config = yaml.safe_load(files.get("network-config", b"")) or meta.get("network-config") or {}
        return Instance(str(meta["instance-id"]), str(name), user, _addresses(config))
    return None


def _addresses(config: Any) -> dict[str, list[str]]:
    """Static addresses of network configurations, version 2 (netplan) and 1."""
    config = config.get("network", config) if isinstance(config, dict) else {}
    found: dict[str, list[str]] = {}
    for name, adapter in (config.get("ethernets") or {}).items():
        mac = (adapter.get("match") or {}).get("macaddress")
        found[mac or name] = [str(address) for address in adapter.get("addresses") or ()]
    for entry in config.get("config") or ():
        if isinstance(entry, dict) and entry.get("type") == "physical":
            subnets = [subnet for subnet in entry.get("subnets") or () if subnet.get("type") == "static"]
            found[entry.get("mac_address") or entry.get("name")] = [str(subnet["address"]) for subnet in subnets]
    return found
