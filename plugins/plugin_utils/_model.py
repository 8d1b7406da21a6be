# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A model of the simulator (tests/simulator/model/README.md) from what host_info and vm_info return of a host."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..module_utils._hyperv.network.switch import DEFAULT_SWITCH
from . import _scrubbed

Facts = Mapping[str, Any]
Part = dict[str, Any]

# The newest product of the simulator whose build a host has at least, by the type of Windows.
_PRODUCTS = {
    "workstation": ((26100, "windows11"), (0, "windows10")),
    "server": ((26100, "server2025"), (20348, "server2022"), (17763, "server2019"), (0, "server2016")),
}
_VENDORS = {"GenuineIntel": "intel", "AuthenticAMD": "amd"}
# The simulator knows no kind of these platforms; manufacturer and model are enough for the last two.
_KINDS = {"hyper-v": "hyperv", "aws": "amazon", "gcp": "google", "ahv": "physical", "parallels": "physical"}
_MODES = {"default": 0, "weight": 1, "absolute": 2, "none": 3}
_STATES = ("off", "running", "saved", "paused")
_SECURITY = {"allow_teaming": "AllowTeaming", "dhcp_guard": "EnableDhcpGuard", "router_guard": "EnableRouterGuard"}


def assemble(host: Facts, vms: Sequence[Facts], scrubbed: bool = False) -> Part:
    """The model of one host. Raises ValueError if its VMs could not be read.

    With ``scrubbed``, names, ids and addresses are replaced, notes are left out.
    """
    if reason := _unread(host):
        raise ValueError(reason)
    model = {"hosts": [_host(host, vms)]}
    return _scrubbed.scrub(model) if scrubbed else model


def _unread(host: Facts) -> str:
    """Why the facts of a host say nothing about its VMs, empty if they do: Hyper-V is installed and does not answer."""
    state = (host.get("service") or {}).get("state")
    enabled = (host.get("features") or {}).get("Microsoft-Hyper-V") == "enabled"
    if host.get("hyperv", {}) is not None or not (state or enabled):
        return ""
    return (
        f"{host['name']}: Hyper-V is installed but does not answer, because its management service (vmms) is "
        f"{state or 'unavailable'}. A model without the VMs and switches of the host would be incomplete. Start the "
        "service, and capture the host again"
    )


def _host(host: Facts, vms: Sequence[Facts]) -> Part:
    network, processor = host.get("network") or {}, host["processor"]
    platform = host["machine"].get("platform") or "physical"
    switches = [_switch(row) for row in network.get("switches") or ()]
    features = {name: state for name, state in (host.get("features") or {}).items() if state in _FEATURE_STATES}
    files = sorted({row["path"] for vm in vms for row in vm.get("dvd_drives") or () if row["path"]})
    return _given(
        name=host["name"],
        os=_windows(host["os"]),
        hyperv=host.get("hyperv", {}) is not None,
        cpu=_given(
            vendor=_VENDORS.get(processor["vendor"], processor["vendor"]),
            name=processor["model"],
            sockets=processor["sockets"],
            logical_processors=processor["logical_processors"],
            threads=max(1, processor["logical_processors"] // max(1, processor["cores"])),
        ),
        memory=host["memory"]["total"],
        domain=host["domain"],
        kind=_KINDS.get(platform, platform),
        manufacturer=host["machine"]["manufacturer"],
        model=host["machine"]["model"],
        vbs=(host.get("security") or {}).get("virtualization_based_security"),
        features=features,
        drives=[_drive(row) for row in host.get("volumes") or () if row["name"][1:] == ":"],
        network_adapters=[_net_adapter(row, network["switches"]) for row in network.get("adapters") or ()],
        switches=switches,
        nats=[_nat(row) for row in network.get("nats") or ()],
        files=[{"path": path, "size": 1 << 20} for path in files],
        vms=[_vm(row) for row in vms],
    )


_FEATURE_STATES = ("enabled", "disabled", "absent")


def _given(**values: Any) -> Part:
    """The values that say something."""
    return {name: value for name, value in values.items() if value not in (None, "", [], {})}


def _windows(facts: Facts) -> Part:
    kind = "workstation" if facts["type"] == "workstation" else "server"
    product = next(name for least, name in _PRODUCTS[kind] if facts["build"] >= least)
    return {"product": product, "caption": facts["name"], "build": facts["build"], "sku": facts["sku"]}


def _drive(row: Facts) -> Part:
    return {"letter": row["name"][0], "size": row["size"], "used": row["size"] - row["free"]}


def _net_adapter(row: Facts, switches: Iterable[Facts]) -> Part:
    """A physical adapter, with the addresses that moved to the host's adapter of its switch."""
    bound = (each["host_adapter"] for each in switches if row["name"] in each["net_adapters"] and each["host_adapter"])
    moved = [address for own in bound for address in own["addresses"]]
    return {
        **_given(name=row["name"], description=row["description"], mac=row["mac_address"], speed=row["speed"]),
        "up": row["connected"],
        "addresses": row["addresses"] or moved,
    }


def _switch(row: Facts) -> Part:
    own = row["host_adapter"] or {}
    kind = "default" if row["id"].upper() == DEFAULT_SWITCH else row["type"]
    return {
        **_given(id=row["id"], name=row["name"], type=kind, adapters=row["net_adapters"], notes=row["notes"]),
        **_given(mac=own.get("mac_address"), addresses=own.get("addresses") if kind == "internal" else None),
        "management_os": bool(own),
        "teaming": row["teaming"],
        "iov": row["iov"],
        "bandwidth_mode": _MODES[row["bandwidth_mode"]],
    }


def _nat(row: Facts) -> Part:
    keys = ("protocol", "external_address", "external_port", "internal_address", "internal_port")
    mappings = [_given(**{key: mapping.get(key) for key in keys}) for mapping in row["static_mappings"]]
    return _given(name=row["name"], prefix=row["prefix"], external_prefix=row.get("external_prefix"), mappings=mappings)


def _vm(row: Facts) -> Part:
    memory = row["memory"]
    disks = [_place(disk, disk["base"]) for disk in row.get("disks") or ()]
    dvds = [_place(drive, drive["path"]) for drive in row.get("dvd_drives") or ()]
    scsi = [disk["controller_number"] for disk in (*disks, *dvds) if disk["controller"] == "scsi"]
    return {
        **_given(id=row["id"], name=row["name"], notes=row["notes"], version=row["version"]),
        "state": row["state"] if row["state"] in _STATES else "off",
        "generation": row["generation"],
        "processors": row["processor"]["count"],
        "nested": row["nesting"]["virtualization_extensions"],
        "memory": _given(
            startup=memory["startup"],
            dynamic=memory["dynamic"],
            minimum=memory["minimum"],
            maximum=memory["maximum"],
            buffer=memory["buffer"],
            weight=memory["priority"] * 100,
        ),
        "adapters": [_adapter(adapter) for adapter in row["network_adapters"]],
        "guest": _guest(row.get("guest") or {}),
        **({"controllers": {"scsi": max(scsi) + 1}} if scsi else {}),
        **_given(disks=disks, dvd_drives=dvds, checkpoints=_tree(row.get("checkpoints") or ())),
    }


def _place(drive: Facts, path: str | None) -> Part:
    place = {"controller": drive["controller_type"], "controller_number": drive["controller_number"]}
    return {**({"path": path} if path else {}), **place, "location": drive["controller_location"]}


def _adapter(row: Facts) -> Part:
    vlan, bandwidth = row.get("vlan") or {}, row.get("bandwidth") or {}
    security = {cim: True for option, cim in _SECURITY.items() if row.get(option)}
    limits = {"Limit": "maximum", "Reservation": "minimum", "Weight": "weight"}
    limited = {cim: bandwidth[option] for cim, option in limits.items() if bandwidth.get(option)}
    return {
        **_given(name=row["name"], switch=row["switch"], mac=row["mac_address"], addresses=row["ip_addresses"]),
        **_given(
            id=row["id"].rpartition("\\")[2],
            legacy=row["legacy"] or None,
            vlan=vlan.get("id"),
            mac_spoofing=row["mac_spoofing"] or None,
            features=_given(Security=security, Bandwidth=limited),
        ),
        **({"static_mac": not row["dynamic_mac_address"]} if row["mac_address"] else {}),
    }


def _guest(facts: Facts) -> Part:
    if not facts.get("os"):
        return {"os": "none", "integration_services": facts.get("heartbeat") is not None}
    version = facts.get("os_version") or "0.0"
    build = version.rpartition(".")[2]
    known = {"caption": facts["os"], "version": version, "build": int(build) if build.isdecimal() else 0}
    return {"os": known, **_given(hostname=facts.get("computer_name"))}


def _tree(checkpoints: Sequence[Facts], parent: int | None = None) -> list[Part]:
    return [
        {
            "name": row["name"],
            **({"current": True} if row["current"] else {}),
            **_given(children=_tree(checkpoints, number)),
        }
        for number, row in enumerate(checkpoints)
        if _parent(checkpoints, number) == parent
    ]


def _parent(checkpoints: Sequence[Facts], number: int) -> int | None:
    """The parent of a checkpoint: vm_info returns its name, which others may have, and the oldest checkpoint first."""
    name = checkpoints[number]["parent"]
    older = [each for each in range(number) if checkpoints[each]["name"] == name]
    return older[-1] if older else None
