# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The nodes of an evaluation of Azure Stack HCI: each as options of the modules, from a profile and the variables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from ipaddress import IPv4Interface
from typing import Any

from ..module_utils._policy.profiles import PROFILES, Profile
from ..module_utils._seed.rules import check_password
from ..module_utils._task.errors import Invalid, renamed, within
from ..module_utils._task.given import check_distinct
from ..module_utils._task.ip import check_guest, parse_interface, parse_ipv4
from ..module_utils._task.units import format_size, parse_size
from ..module_utils._windows.computer_name import check as check_computer_name
from ..module_utils._windows.paths import canonical as check_path

Node = dict[str, Any]

_FIRST_HOST = 201  # Microsoft's instructions give the first node the address 192.168.44.201
_LAST_PORT = 65535
_MOST_NODES = 16  # of a cluster of Azure Local
_PREFIX = "02155D"  # locally administered, so that no address of Hyper-V's own range is taken
_OF_TWO = "belongs to two nodes; give each of them another one"
_OF_NODE = ("memory", "processors", "os_disk", "data_disks", "data_disk_size")
_KEYS = {"name", "computer_name", "address", "external_port", "mac_addresses", *_OF_NODE}


def plan(nodes: Any, lab: Mapping[str, Any], host: str) -> list[Node]:
    """The nodes with all that the modules need, in their order. Raises Invalid.

    ``lab`` has the variables of the role that all nodes have in common, and ``recorded``, the names and paths of
    earlier runs, whose spelling is kept. ``host`` makes MAC addresses differ by host.
    """
    profile = _profile(lab["profile"])
    interface = _interface(lab["address"]) if lab.get("address") else None
    _check_lab(lab, profile)
    with within("nodes"):
        rows = [_checked(node) for node in _listed(nodes)]
        check_distinct((row["name"] for row in rows), "name", _OF_TWO)
        planned = [_node(row, index, lab, profile, interface, host, len(rows) > 1) for index, row in enumerate(rows)]
        for option in ("computer_name", "address", "external_port"):
            check_distinct((row[option] for row in planned), option, _OF_TWO)
    return [_spelt(row, lab.get("recorded") or ()) for row in planned]


def _profile(name: str) -> Profile:
    if name not in PROFILES:
        raise Invalid(f"'{name}' is no profile; the profiles are {', '.join(PROFILES)}", option="profile")
    return PROFILES[name]


def _interface(text: str) -> IPv4Interface:
    with within("address"):
        return parse_interface(text)


def _check_lab(lab: Mapping[str, Any], profile: Profile) -> None:
    """Raise Invalid for an option that all nodes have in common, so that no node is named for it."""
    check_distinct(_names(lab, profile), "adapters")
    _sizes({}, lab, profile)
    _check_first_boot(lab)
    publish = lab.get("publish") or {}
    _number(publish.get("first_port"), "publish.first_port", _LAST_PORT)
    if publish and "nat" in lab and not lab["nat"]:
        raise Invalid("requires a NAT, but azure_stack_hci_eval_nat is empty", option="publish")
    image = str(lab.get("image") or "")
    if image and not image.lower().endswith(".vhdx"):
        raise Invalid(f"'{image}' is no .vhdx file, as the disk of a generation 2 VM is", option="image")


def _check_first_boot(lab: Mapping[str, Any]) -> None:
    """Raise Invalid for a seed that Windows would refuse, and for an installation without a seed."""
    iso, password = str(lab.get("iso") or ""), lab.get("administrator_password")
    if iso and lab.get("image"):
        raise Invalid("can't be combined with azure_stack_hci_eval_image; leave one of both out", option="iso")
    if iso and not iso.lower().endswith(".iso"):
        raise Invalid(f"'{iso}' must end in .iso, by which Hyper-V knows an image for a DVD drive", option="iso")
    if iso and not password:
        text = (
            "requires azure_stack_hci_eval_guest and azure_stack_hci_eval_administrator_password, because an "
            "installation without them asks for a password on its console"
        )
        raise Invalid(text, option="iso")
    if password:
        check_password(str(password), "Administrator", "azure_stack_hci", "administrator_password")


def _names(lab: Mapping[str, Any], profile: Profile) -> list[str]:
    return [str(name) for name in lab.get("adapters") or profile.adapter_names]


def _listed(nodes: Any) -> Sequence[Mapping[str, Any]]:
    if not isinstance(nodes, list | tuple) or not nodes or not all(isinstance(node, Mapping) for node in nodes):
        raise Invalid("must be a list of nodes, each with a name, such as [{name: node1}]")
    if len(nodes) > _MOST_NODES:
        raise Invalid(f"has {len(nodes)} nodes; a cluster of Azure Local has at most {_MOST_NODES}")
    return nodes


def _checked(node: Mapping[str, Any]) -> Mapping[str, Any]:
    unknown = sorted(set(node) - _KEYS)
    if unknown:
        raise Invalid(f"has the unknown key '{unknown[0]}'; the keys are {', '.join(sorted(_KEYS))}")
    if not node.get("name"):
        raise Invalid("has a node without a name", option="name")
    return node


def _node(
    node: Mapping[str, Any],
    index: int,
    lab: Mapping[str, Any],
    profile: Profile,
    interface: IPv4Interface | None,
    host: str,
    several: bool,
) -> Node:
    name = str(node["name"])
    with renamed({"name": "computer_name"}):
        computer_name = check_computer_name(str(node.get("computer_name") or name))
    sizes = _sizes(node, lab, profile)
    adapters = _adapters(node, lab, profile, host, several)
    disks = _disks(name, sizes, lab)
    seed_path = rf"{_folder(name, lab)}\seed.iso"
    address = _address(node, index, interface)
    return {
        "name": name,
        "key": name.lower(),
        "host": host,
        "computer_name": computer_name,
        "address": address and str(address.ip),
        "prefix_length": address and address.network.prefixlen,
        "gateway": str(interface.ip) if interface else None,
        "external_port": _external_port(node, index, lab),
        "memory": format_size(sizes["memory"]),
        "memory_bytes": sizes["memory"],
        "processors": sizes["processors"],
        "tpm": profile.tpm,
        "adapters": adapters,
        "disks": disks,
        "guest_adapters": _guest_adapters(adapters, address, interface, lab),
        "seed": _seed(computer_name, adapters[0], address, interface, lab),
        "seed_path": seed_path,
        "discs": [{"path": path} for path in (lab.get("iso"), seed_path) if path],
        "data_disks": sizes["data_disks"],
        "facts": _facts(name, sizes, profile, adapters, disks, str(lab.get("checkpoint_type") or "disabled")),
    }


def _sizes(node: Mapping[str, Any], lab: Mapping[str, Any], profile: Profile) -> dict[str, int]:
    """Sizes in bytes, and numbers: of the node, else of the lab, else of the profile. An image has its own size."""
    given = {option: node.get(option, lab.get(option)) for option in _OF_NODE}
    of_profile = {
        "memory": profile.memory,
        "processors": profile.processors,
        "os_disk": 0 if lab.get("image") else profile.os_disk,
        "data_disks": profile.data_disks,
        "data_disk_size": profile.data_disk,
    }
    sizes = {}
    for option, value in of_profile.items():
        if given[option] is None:
            sizes[option] = value
        elif option in ("processors", "data_disks"):
            sizes[option] = _number(given[option], option)
        else:
            with within(option):
                sizes[option] = parse_size(given[option])
    return sizes


def _number(value: Any, option: str, most: int | None = None) -> int:
    """A whole number, which templates of older versions of Ansible give as text; 0 for none. Raises Invalid."""
    try:
        number = int(value or 0)
    except (TypeError, ValueError):
        raise Invalid(f"must be a whole number, not '{value}'", option=option) from None
    if number < 0 or (most and number > most):
        raise Invalid(f"must be {f'0 to {most}' if most else '0 or more'}, not {number}", option=option)
    return number


def _external_port(node: Mapping[str, Any], index: int, lab: Mapping[str, Any]) -> int | None:
    """The port of the host that leads to WinRM of the node. Raises Invalid."""
    own = _number(node.get("external_port"), "external_port", _LAST_PORT)
    first = _number((lab.get("publish") or {}).get("first_port"), "publish.first_port", _LAST_PORT)
    return own or (_number(first + index, "external_port", _LAST_PORT) if first else None)


def _spelt(node: Node, recorded: Iterable[str]) -> Node:
    """The node with its name and its paths as they were spelt before, because Windows compares them without case."""
    before = {text.lower(): text for text in recorded}

    def spelt(text: str) -> str:
        return before.get(text.lower(), text)

    path = spelt(node["seed_path"])
    discs = [{"path": path if row["path"] == node["seed_path"] else row["path"]} for row in node["discs"]]
    disks = [{**row, "path": spelt(row["path"])} for row in node["disks"]]
    return {**node, "name": spelt(node["name"]), "seed_path": path, "discs": discs, "disks": disks}


def _address(node: Mapping[str, Any], index: int, interface: IPv4Interface | None) -> IPv4Interface | None:
    """The address of the first adapter in the network of the lab. Raises Invalid."""
    if interface is None:
        return _interface(str(node["address"])) if node.get("address") else None
    network = interface.network
    if not node.get("address"):
        host = _FIRST_HOST + index if network.prefixlen <= 24 else network.num_addresses - 2 - index
        address = network.network_address + host if host > 0 else interface.ip
    else:
        with within("address"):
            address = parse_ipv4(str(node["address"]).partition("/")[0])
    with within("address"):
        check_guest(address, interface)
    return IPv4Interface(f"{address}/{network.prefixlen}")


def _adapters(
    node: Mapping[str, Any], lab: Mapping[str, Any], profile: Profile, host: str, several: bool
) -> list[dict[str, Any]]:
    """The adapters as options of vm. MAC addresses are static: the guest's adapters are named by them."""
    names = _names(lab, profile)
    macs = node.get("mac_addresses") or [
        _mac(host, str(lab["name"]), str(node["name"]).lower(), name.lower()) for name in names
    ]
    if len(macs) != len(names):
        text = f"has {len(macs)} MAC addresses for {len(names)} adapters; give one for each of {', '.join(names)}"
        raise Invalid(text, option="mac_addresses")
    trunk = {"mode": "trunk", "native_id": 0, "allowed_ids": [profile.allowed_vlans]}
    return [
        {
            "name": name,
            "switch": lab["switch"],
            "mac_address": mac,
            "mac_spoofing": True,
            "allow_teaming": True,
            "device_naming": True,
            **({"vlan": trunk} if several and profile.allowed_vlans else {}),
        }
        for name, mac in zip(names, macs, strict=True)
    ]


def _guest_adapters(
    adapters: Sequence[Mapping[str, Any]], address: IPv4Interface | None, interface: IPv4Interface | None, lab: Any
) -> list[dict[str, Any]]:
    """The adapters as options of guest_network: the first one has the address, the others have none."""
    rows: list[dict[str, Any]] = [
        {"name": row["name"], "mac_address": row["mac_address"], "dhcp": False} for row in adapters
    ]
    if address:
        rows[0] = {**rows[0], "address": str(address)}
        if interface:
            rows[0]["gateway"] = str(interface.ip)
    if lab.get("dns_servers"):
        rows[0]["dns_servers"] = list(lab["dns_servers"])
    return rows


def _mac(*parts: str) -> str:
    digits = _PREFIX + sha256("/".join(parts).encode()).hexdigest()[:6].upper()
    return "-".join(digits[start : start + 2] for start in range(0, 12, 2))


def _folder(name: str, lab: Mapping[str, Any]) -> str:
    return f"{check_path(str(lab['path'])).rstrip(chr(92))}\\{name}"


def _seed(
    computer_name: str,
    adapter: Mapping[str, Any],
    address: IPv4Interface | None,
    interface: IPv4Interface | None,
    lab: Mapping[str, Any],
) -> dict[str, Any]:
    """The options ``windows`` of seed_iso without the password. Other settings follow when Windows answers."""
    windows: dict[str, Any] = {"computer_name": computer_name, "password_policy": "azure_stack_hci"}
    if address:
        first: dict[str, Any] = {"mac_address": adapter["mac_address"], "address": str(address)}
        if interface:
            first["gateway"] = str(interface.ip)
        if lab.get("dns_servers"):
            first["dns_servers"] = list(lab["dns_servers"])
        windows["network_adapters"] = [first]
    if lab.get("time_zone"):
        windows["time_zone"] = lab["time_zone"]
    if lab.get("iso"):
        windows["install"] = {"image_index": int(lab.get("iso_image_index") or 1)}
    return windows


def _disks(name: str, sizes: Mapping[str, int], lab: Mapping[str, Any]) -> list[dict[str, Any]]:
    folder = _folder(name, lab)
    system: dict[str, Any] = {"path": f"{folder}\\os.vhdx"}
    if lab.get("image"):
        system["source" if lab.get("image_use") == "copy" else "parent"] = lab["image"]
    if sizes["os_disk"]:
        system["size"] = format_size(sizes["os_disk"])
    data = [
        {"path": f"{folder}\\s2d{number}.vhdx", "size": format_size(sizes["data_disk_size"])}
        for number in range(1, sizes["data_disks"] + 1)
    ]
    return [system, *data]


def _facts(
    name: str,
    sizes: Mapping[str, int],
    profile: Profile,
    adapters: Sequence[Mapping[str, Any]],
    disks: Sequence[Mapping[str, Any]],
    checkpoint_type: str,
) -> dict[str, Any]:
    """The node as vm_info will return it, for preflight."""
    return {
        "name": name,
        "generation": 2,
        "nesting": {
            "virtualization_extensions": True,
            "adapters": [{"name": row["name"], "mac_spoofing": True} for row in adapters],
        },
        "processor": {"count": sizes["processors"]},
        "memory": {"startup": sizes["memory"], "dynamic": False},
        "network_adapters": [{"name": row["name"], "allow_teaming": True} for row in adapters],
        "disks": [{"path": row["path"]} for row in disks],
        "checkpoint_type": checkpoint_type,
        "integration_services": {"time_synchronization": False},
        "tpm": profile.tpm,
        "clustered": False,
    }
