# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guests of a lab: each with its address, its port on the host, and what a seed contains for it alone."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from ipaddress import IPv4Address, IPv4Interface
from typing import Any

from ..module_utils._seed import rules
from ..module_utils._task.errors import Invalid, join, within
from ..module_utils._task.given import check_distinct
from ..module_utils._task.ip import check_guest, parse_interface, parse_ipv4
from ..module_utils._windows import paths

Guest = dict[str, Any]

_SEED_KEYS = ("windows", "unattend", "cloud_init", "files", "label")
_SERVICES = {"winrm": 5985, "ssh": 22}
# The service that answers after the first boot, by the option of the seed for its operating system.
_ANSWERS = {"windows": "winrm", "unattend": "winrm", "cloud_init": "ssh"}
# What the playbooks set for each VM, so that it is not the same for all of a class.
_OF_EACH = {"windows": ("computer_name", "network_adapters"), "cloud_init": ("meta_data", "network_config")}
_HOST_NAME = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)")
_LINUX_ADAPTER = "eth0"  # of the first adapter of a VM, which has no place on a PCI bus that it could be named by
_MOST_PORT = 65535
_DISK = re.compile(r"[.]vhdx?$")
_OF_TWO = "belongs to two VMs; give each of them another one"


def plan_class(names: Sequence[str], lab: Mapping[str, Any]) -> list[Guest]:
    """The guests of a training lab, which share one seed, and whose addresses and ports follow their numbers.

    Raises Invalid, with variables of the playbook as options.
    """
    host, seed, service = _interface(lab.get("address")), lab.get("seed") or {}, "winrm"
    if lab.get("first_port") and not lab.get("guest_addresses"):
        text = "requires create_training_lab_guest_addresses, to which the ports are mapped"
        raise Invalid(text, option="first_port")
    if seed:
        with within("seed"):
            service = _check_seed(seed, lab.get("wait_for"))
            _check_shared(seed)
        _check_system(seed, lab, "secure_boot_template")
    first = int(lab.get("first") or 0)
    numbers = range(first, first + len(names))
    addresses, ports = _addresses(lab, host, numbers), _ports(lab.get("first_port"), numbers)
    return [
        {
            **_guest(name, "name", seed, addresses[number], ports[number], host, lab, service),
            "number": number,
        }
        for number, name in enumerate(names, first)
    ]


def plan_list(vms: Sequence[Mapping[str, Any]], lab: Mapping[str, Any]) -> list[Guest]:
    """The guests of a lab whose VMs are listed, those without address and seed as well.

    Raises Invalid, with variables of the playbook as options.
    """
    host, seeds = _interface(lab.get("address")), lab.get("seeds") or {}
    if not isinstance(seeds, Mapping):
        raise Invalid("must be options of seed_iso by names of VMs, such as {node01: {windows: {}}}", option="seeds")
    names = {str(vm["name"]).lower(): vm["name"] for vm in vms}
    keys = {str(key).lower(): key for key in seeds}
    if unknown := sorted(set(keys) - set(names)):
        raise Invalid(f"'{keys[unknown[0]]}' is not in create_nested_lab_vms; correct the name", option="seeds")
    guests = [_listed(vm, seeds.get(keys.get(str(vm["name"]).lower())), host, lab) for vm in vms]
    for guest in guests:
        guest["seed"] = keys.get(guest["key"])
    check_distinct((guest["name"] for guest in guests), "vms.name", _OF_TWO)
    check_distinct((guest["address"] for guest in guests), "vms.address", _OF_TWO)
    check_distinct((guest["external_port"] for guest in guests), "vms.port", _OF_TWO)
    check_distinct((address for guest in guests for address in _assigned(guest, seeds)), "seeds", _OF_TWO)
    return guests


def foreign_vms(
    vms: Sequence[Mapping[str, Any]], names: Sequence[str], path: str, disk_folder: str, absent: bool
) -> list[dict[str, Any]]:
    """The VMs that have a name of the lab, but not its disk; those without disks with the folder that proves them."""
    wanted = {str(name).lower() for name in names}
    foreign = []
    for vm in vms:
        name = vm["name"].lower()
        folder = f"{path.rstrip(chr(92))}\\{vm['name']}" if path else ""
        disks = [disk["base"] for disk in vm["disks"] if disk["base"]]
        if name not in wanted or (disks and _has_lab_disk(disks, name, folder, disk_folder, absent)):
            continue
        # Of a VM without disks, nothing but its folder shows who has created it, and shares are not searched for that.
        if not disks and (_has_seed(vm) or (paths.is_share(folder) if folder else disk_folder)):
            continue
        foreign.append(
            {
                "name": vm["name"],
                "disks": disks,
                "folder": folder,
                "summary": f"{vm['name']} ({', '.join(disks) or 'no disks'})",
            }
        )
    return foreign


def _has_lab_disk(disks: Sequence[str], name: str, folder: str, disk_folder: str, absent: bool) -> bool:
    # Hyper-V returns each path in its own spelling.
    stems = [_DISK.sub("", paths.key(disk)) for disk in disks]
    if folder or disk_folder:
        home = folder or disk_folder.rstrip("\\")
        if paths.key(f"{home}\\{name}") in stems:
            return True
    return absent and not folder and any(stem.endswith(f"\\{name}\\{name}") for stem in stems)


def _has_seed(vm: Mapping[str, Any]) -> bool:
    end = f"\\{vm['name']}-seed.iso".lower()
    return any((drive["path"] or "").lower().endswith(end) for drive in vm["dvd_drives"])


def _listed(vm: Mapping[str, Any], seed: Any, host: IPv4Interface | None, lab: Mapping[str, Any]) -> Guest:
    name, checked, service = str(vm["name"]), "", vm.get("wait_for") or "winrm"
    address = None
    if vm.get("address"):
        if host is None:
            raise Invalid("requires create_nested_lab_address, the network of the addresses", option="vms.address")
        address = _address(str(vm["address"]), host, "vms.address")
    port = _port(vm.get("port"), "vms.port")
    if port and not address:
        raise Invalid(f"of VM '{name}' requires its address, to which the port is mapped", option="vms.port")
    if service not in _SERVICES:
        raise Invalid(f"must be winrm or ssh, not '{service}'", option="vms.wait_for")
    if seed is not None:
        with within(f"seeds.{name}"):
            service = _check_seed(seed, vm.get("wait_for"))
        _check_system(seed, vm, "vms.secure_boot_template")
        _check_discs(name, seed, vm)
        own = _section(seed, "windows").get("computer_name") or _section(seed, "cloud_init").get("meta_data")
        checked = "" if own else "vms.name"
    return _guest(name, checked, seed or {}, address, port, host, lab, service)


def _check_discs(name: str, seed: Mapping[str, Any], vm: Mapping[str, Any]) -> None:
    if _section(seed, "windows").get("install") and not vm.get("iso"):
        text = f"of VM '{name}' is missing, the installation disc for windows.install of its seed"
        raise Invalid(text, option="vms.iso")
    if vm.get("iso") and int(vm.get("generation") or 2) == 1:
        text = f"can't be combined with the seed of VM '{name}', because it is a generation 1 VM; leave one of them out"
        raise Invalid(text, option="vms.iso")


def _section(seed: Mapping[str, Any], option: str) -> Mapping[str, Any]:
    return seed[option] if isinstance(seed.get(option), Mapping) else {}


def _guest(
    name: str,
    checked: str,
    seed: Mapping[str, Any],
    address: IPv4Address | None,
    port: int | None,
    host: IPv4Interface | None,
    lab: Mapping[str, Any],
    service: str,
) -> Guest:
    """A guest with what its seed contains for it alone. Its name is checked as ``checked``, unless that is empty."""
    gateway = {"gateway": str(host.ip)} if host else {}
    servers = {"dns_servers": list(lab["dns_servers"])} if lab.get("dns_servers") else {}
    windows: dict[str, Any] = {"computer_name": name}
    linux: dict[str, Any] = {"meta_data": {"instance-id": name, "local-hostname": name.lower()}}
    if checked and "windows" in seed:
        rules.check_computer_name(name, checked)
    if checked and "cloud_init" in seed and not _HOST_NAME.fullmatch(name):
        text = f"'{name}' is not a host name: 1 to 63 letters, digits and hyphens, no hyphen at its begin or end"
        raise Invalid(text, option=checked)
    if address and host:
        windows["network_adapters"] = [{"address": f"{address}/{host.network.prefixlen}", **gateway, **servers}]
        linux["network_config"] = _netplan(f"{address}/{host.network.prefixlen}", host, servers)
    seed_path = f"{str(lab.get('folder') or '').rstrip(chr(92))}\\{name}-seed.iso"
    return {
        "name": name,
        "key": name.lower(),
        "address": address and str(address),
        "prefix_length": host.network.prefixlen if address and host else None,
        "windows": windows,
        "cloud_init": linux,
        "seed_path": seed_path,
        "seed_key": seed_path.lower(),
        "disc": {"path": seed_path},
        "wait_for": service,
        "external_port": port,
        "mapping": _mapping(port, address, service),
        "summary": f"{name}: {address or 'DHCP'}{f', port {port} of the host' if port else ''}",
        "installed": bool(_section(seed, "windows").get("install")),
    }


def _mapping(port: int | None, address: IPv4Address | None, service: str) -> dict[str, Any] | None:
    """The mapping as an option of nat_network."""
    if not port:
        return None
    return {"external_port": port, "internal_address": str(address), "internal_port": _SERVICES[service]}


def _netplan(address: str, host: IPv4Interface, servers: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    adapter: dict[str, Any] = {"addresses": [address], "routes": [{"to": "0.0.0.0/0", "via": str(host.ip)}]}
    if servers:
        adapter["nameservers"] = {"addresses": list(servers["dns_servers"])}
    return {"version": 2, "ethernets": {_LINUX_ADAPTER: adapter}}


def _check_seed(seed: Any, wait_for: str | None) -> str:
    """Raise Invalid unless a guest answers after it has booted with the seed. Returns the service that answers."""
    if not isinstance(seed, Mapping) or not seed or set(seed) - set(_SEED_KEYS):
        raise Invalid(f"must be options of seed_iso: {', '.join(_SEED_KEYS)}")
    if wait_for and wait_for not in _SERVICES:
        text = f"requires wait_for to be winrm or ssh, not '{wait_for}', because it is deleted when that answers"
        raise Invalid(text)
    systems = [option for option in _ANSWERS if seed.get(option)]
    if len(systems) > 1:
        raise Invalid(f"has {' and '.join(systems)}, but the VM has one operating system; leave one of them out")
    if not systems and not wait_for:
        raise Invalid("has only files, so set wait_for to winrm or ssh, the service that answers after the first boot")
    windows = seed.get("windows")
    if windows:
        with within("windows"):
            _check_windows(windows)
    if seed.get("cloud_init") and not isinstance(seed["cloud_init"], Mapping):
        raise Invalid("must be a mapping, as in seed_iso", option="cloud_init")
    return wait_for or _ANSWERS[systems[0]]


def _check_windows(windows: Any) -> None:
    if not isinstance(windows, Mapping):
        raise Invalid("must be a mapping, as in seed_iso")
    if str(windows.get("winrm", True)).lower() in ("false", "no", "off", "0"):
        raise Invalid(
            "must be true, because the playbook waits until WinRM answers, and deletes the seed", option="winrm"
        )
    policy, password = windows.get("password_policy") or "windows", windows.get("administrator_password")
    if policy in rules.POLICIES and password:
        rules.check_password(str(password), "Administrator", policy, "administrator_password")


def _check_shared(seed: Mapping[str, Any]) -> None:
    """Raise Invalid for what would be the same in all guests of a class, or needs a disc that they do not have."""
    for system, options in _OF_EACH.items():
        for option in options:
            if option in _section(seed, system):
                text = "would be the same for all VMs. The playbook sets it for each VM; leave it out"
                raise Invalid(text, option=join(system, option))
    if _section(seed, "windows").get("install"):
        text = (
            "requires an installation disc. The VMs of a training lab have disks of an installed and generalized parent"
        )
        raise Invalid(text, option="windows.install")


def _check_system(seed: Mapping[str, Any], vm: Mapping[str, Any], option: str) -> None:
    """Raise Invalid if the secure boot template of a VM is not for the operating system that its seed is for."""
    template, generation = vm.get("secure_boot_template"), int(vm.get("generation") or 2)
    of = f" of VM '{vm['name']}'" if vm.get("name") else ""
    if template == "uefi_ca" and (seed.get("windows") or seed.get("unattend")):
        raise Invalid(f"uefi_ca{of} does not start Windows, for which the seed is written; set windows", option=option)
    if not template and generation == 2 and seed.get("cloud_init"):
        raise Invalid(f"is required{of}, because its seed has cloud_init; set uefi_ca for Linux", option=option)


def _addresses(lab: Mapping[str, Any], host: IPv4Interface | None, numbers: range) -> dict[int, IPv4Address | None]:
    """Addresses by numbers of VMs: the VM with the number 1 has the first one of the range."""
    text, option = lab.get("guest_addresses"), "guest_addresses"
    if not text:
        return dict.fromkeys(numbers)
    if host is None:
        raise Invalid("requires create_training_lab_address, the gateway of the guests", option=option)
    first, _hyphen, last = (part.strip() for part in str(text).partition("-"))
    low, high = _address(first, host, option), _address(last or first, host, option)
    if high < low:
        raise Invalid(f"'{text}' ends before it begins", option=option)
    size = int(high) - int(low) + 1
    if numbers[0] < 1:
        raise Invalid("begins with the VM number 1. Set create_training_lab_first to 1 or more", option=option)
    if numbers[-1] > size:
        raise Invalid(
            f"'{text}' has {size} addresses, but the last VM has the number {numbers[-1]}. Extend the range, or "
            "decrease create_training_lab_count or create_training_lab_first",
            option=option,
        )
    return {number: _address(str(low + number - 1), host, option) for number in numbers}


def _address(text: str, host: IPv4Interface, option: str) -> IPv4Address:
    """An address of a guest in the network of the host. Raises Invalid."""
    with within(option):
        address = parse_ipv4(text)
        check_guest(address, host)
    return address


def _interface(text: Any) -> IPv4Interface | None:
    with within("address"):
        return parse_interface(str(text)) if text else None


def _ports(first: Any, numbers: range) -> dict[int, int | None]:
    port = _port(first, "first_port")
    if port is None:
        return dict.fromkeys(numbers)
    if port + numbers[-1] - 1 > _MOST_PORT:
        text = f"{port} gives the last VM port {port + numbers[-1] - 1}, but {_MOST_PORT} is the highest; decrease it"
        raise Invalid(text, option="first_port")
    return {number: port + number - 1 for number in numbers}


def _port(value: Any, option: str) -> int | None:
    if value is None or value == "":
        return None
    if not str(value).isdecimal() or not 0 < int(value) <= _MOST_PORT:
        raise Invalid(f"'{value}' is not a port from 1 to {_MOST_PORT}", option=option)
    return int(value)


def _assigned(guest: Guest, seeds: Mapping[str, Any]) -> list[str]:
    """The addresses that the seed of a guest assigns, with options of its own or of the playbook."""
    seed = seeds.get(guest["seed"]) or {}
    windows = {**guest["windows"], **_section(seed, "windows")} if "windows" in seed else {}
    linux = {**guest["cloud_init"], **_section(seed, "cloud_init")} if "cloud_init" in seed else {}
    rows = [row.get("address") for row in windows.get("network_adapters") or () if isinstance(row, Mapping)]
    for adapter in _section(_section(linux, "network_config"), "ethernets").values():
        rows += adapter.get("addresses") or ()
    return [str(address).partition("/")[0] for address in rows if address]
