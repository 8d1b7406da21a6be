# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Support rules of Azure Stack HCI (Azure Local) in VMs: evaluation only, with the numbers of a profile."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..._task.units import format_size
from ..platform import EDITIONS
from ..profiles import PROFILES
from ..rule import (
    ALWAYS_INFO,
    ALWAYS_WARN,
    GUEST,
    HOST,
    INFO,
    UNKNOWN,
    Facts,
    Observed,
    Request,
    Rule,
    at,
    counted,
    requires,
)
from .nesting import GB, NESTED, adapters, version_tuple

_DEPLOY = "https://learn.microsoft.com/azure/azure-local/deploy/deployment-virtual"
_ENABLE = "https://learn.microsoft.com/azure/azure-local/manage/enable-nested-virtualization"

_HCI = frozenset({"azure_stack_hci"})
_SYSTEM_DISK = 1  # the disk of the operating system is none of the data disks
_REPORTED = 1 * GB  # Windows reports a little less memory than is installed
LEAST_ROOM = 30 * GB  # that the disk of the operating system of one node grows to
_SKU = 406  # OperatingSystemSKU of Azure Stack HCI


def _is_purpose(purpose: str) -> Any:
    """A check that this is not asked for Azure Stack HCI in the purpose."""

    def check(_facts: Facts, request: Request) -> Observed:
        here = request.scenario == "azure_stack_hci" and request.purpose == purpose
        return f"{request.scenario} in {purpose}" if here else None

    return check


def _at_least(path: str, least: Callable[[Request], int], found: Callable[[Any], str]) -> Any:
    """A check that a number is as large as the profile asks for; what it asks for is part of the answer."""

    def check(facts: Facts, request: Request) -> Observed:
        value = at(facts, path)
        if value is None:
            return UNKNOWN
        wanted = least(request)
        return None if value >= wanted else f"{found(value)}, less than {found(wanted)} ({request.profile.name})"

    return check


def _host_memory(facts: Facts, request: Request) -> Observed:
    total = at(facts, "host.memory.total")
    if total is None:
        return UNKNOWN
    wanted = request.profile.host_memory_for(request.nodes)
    if total >= wanted - _REPORTED:
        return None
    nodes = counted(request.nodes, "node")
    return f"{total // GB} GB, less than {wanted // GB} GB for {nodes} ({request.profile.name})"


def _space(facts: Facts, request: Request) -> Observed:
    return _free(facts, request, request.profile.host_space)


def _room(facts: Facts, request: Request) -> Observed:
    return _free(facts, request, request.nodes * LEAST_ROOM)


def _free(facts: Facts, request: Request, wanted: int) -> Observed:
    volumes = at(facts, "host.volumes")
    if volumes is None:
        return UNKNOWN
    most = max((row["free"] or 0 for row in volumes), default=0)
    if most >= wanted:
        return None
    nodes = counted(request.nodes, "node")
    return f"{most // GB} GB free on the largest volume, less than {wanted // GB} GB for {nodes}"


def _data_disks(facts: Facts, request: Request) -> Observed:
    disks = at(facts, "vm.disks")
    if disks is None:
        return UNKNOWN
    data = max(0, len([row for row in disks if row["path"]]) - _SYSTEM_DISK)
    return _fewer(data, request.profile.data_disks, "data disk", request)


def _fewer(number: int, wanted: int, noun: str, request: Request) -> Observed:
    if number >= wanted:
        return None
    return f"{counted(number, noun)}, less than {wanted} ({request.profile.name})"


def _tpm(facts: Facts, request: Request) -> Observed:
    tpm = at(facts, "vm.tpm")
    if tpm is None:
        return UNKNOWN
    return "no virtual TPM" if request.profile.tpm and not tpm else None


def _of_all_adapters(group: str, name: str, found: str) -> Any:
    """A check that a setting is on for each adapter."""

    def check(facts: Facts, _request: Request) -> Observed:
        rows = at(facts, group)
        if rows is None:
            return UNKNOWN
        lacking = [row["name"] for row in rows if not row[name]]
        return f"{found} is off on {', '.join(lacking)}" if lacking else None

    return check


_TEAMING = _of_all_adapters("vm.network_adapters", "allow_teaming", "teaming")


def _teaming(facts: Facts, request: Request) -> Observed:
    answer: Observed = _TEAMING(facts, request)
    return answer if request.profile.allow_teaming or answer is UNKNOWN else None


def _adapter_count(facts: Facts, request: Request) -> Observed:
    spoofing = adapters(facts)
    if spoofing is None:
        return UNKNOWN
    return _fewer(len(spoofing), request.profile.adapters, "adapter", request)


def _some_memory(facts: Facts, request: Request) -> Observed:
    """Less than the instructions ask for, and enough for a node that works."""
    startup, profile = at(facts, "vm.memory.startup"), request.profile
    if startup is None:
        return UNKNOWN
    if not profile.least_memory <= startup < profile.memory:
        return None
    return f"{format_size(startup)} of startup memory, less than {format_size(profile.memory)} ({profile.name})"


RULES = (
    Rule(
        "hci-production",
        checks="The purpose of Azure Stack HCI in VMs is evaluation",
        message="Azure Stack HCI in VMs is supported for evaluation only, not in production",
        remedy="Use validated physical hardware for production",
        source=NESTED,
        check=_is_purpose("production"),
        reads=(),
        about=HOST,
        scenarios=_HCI,
        severity={"evaluation": None, "production": "fail"},
        final=True,
        refs=("R18", "P27"),
    ),
    Rule(
        "hci-evaluation",
        checks="The scenario is not Azure Stack HCI",
        message="Azure Stack HCI in VMs is meant for education and demonstration, and Microsoft Support does not "
        "support it",
        remedy="Plan without support by Microsoft",
        source=_DEPLOY,
        check=_is_purpose("evaluation"),
        reads=(),
        about=HOST,
        scenarios=_HCI,
        severity={"evaluation": INFO, "production": None},
        refs=("R18",),
    ),
    Rule(
        "hci-host-build",
        checks="The host runs Windows Server 2022 or Windows 11 or later (by default)",
        message="current versions of Azure Stack HCI in VMs need a host of Windows Server 2022 (build 20348) or "
        "Windows 11 (build 22000) or later, earlier versions Windows Server 2016",
        remedy="Upgrade Windows on the host",
        source=_DEPLOY,
        check=_at_least("host.os.build", lambda request: request.profile.host_build, "build {}".format),
        reads=("host.os",),
        about=HOST,
        scenarios=_HCI,
        refs=("P01",),
    ),
    Rule(
        "hci-host-memory",
        checks="The host has the memory that the profile lists (48 GB for one node, 72 GB for two, by default)",
        message="the host of Azure Stack HCI in VMs needs memory for its nodes and for itself",
        remedy="Use a host with more memory, or fewer nodes",
        source=_DEPLOY,
        check=_host_memory,
        reads=("host.memory",),
        about=HOST,
        scenarios=_HCI,
        refs=("P19",),
    ),
    Rule(
        "hci-host-space",
        checks="A volume of the host has the space that the profile lists free (1 TB by default)",
        message="the host of Azure Stack HCI in VMs needs 1 TB of storage by default",
        remedy="Use a larger volume; dynamic disks take less at first",
        source=_DEPLOY,
        check=_space,
        reads=("host.volumes",),
        about=HOST,
        scenarios=_HCI,
        severity=ALWAYS_WARN,
        refs=("P19",),
    ),
    Rule(
        "hci-host-room",
        checks="A volume of the host has 30 GB free for each node",
        message="the operating systems of nodes of Azure Stack HCI don't fit on the host",
        remedy="Use a larger volume, or fewer nodes",
        source=PROFILES["azure_stack_hci_20h2"].source,
        check=_room,
        reads=("host.volumes",),
        about=HOST,
        scenarios=_HCI,
        refs=("P19",),
    ),
    Rule(
        "hci-vm-version",
        checks="The configuration version of the node is 10.0 or later",
        message="the documentation of Azure Local asks for VM configuration version 10.0 or later, and on AMD for a "
        "processor with Secure Encrypted Virtualization",
        remedy="Create nodes on a host of Windows Server 2022 or Windows 11 or later",
        source=_ENABLE,
        check=requires("vm.version", lambda version: version_tuple(version) >= (10, 0), "version {}".format),
        reads=("vm.version",),
        scenarios=_HCI,
        severity=ALWAYS_INFO,
        refs=("P14",),
    ),
    Rule(
        "hci-memory",
        checks="The node has the startup memory without which it does not deploy (16 GB by default)",
        message="a node of Azure Stack HCI does not deploy with little memory",
        remedy="Increase the startup memory to 32 GB (vm_memory), or to that of another profile",
        source=_DEPLOY,
        check=_at_least("vm.memory.startup", lambda request: request.profile.least_memory, format_size),
        reads=("vm.memory",),
        scenarios=_HCI,
        refs=("P17",),
    ),
    Rule(
        "hci-recommended-memory",
        checks="The node has the startup memory that the profile lists (32 GB by default)",
        message="a node of Azure Stack HCI needs 32 GB of memory; earlier versions needed less",
        remedy="Increase the startup memory to 32 GB (vm_memory), or to that of another profile",
        source=_DEPLOY,
        check=_some_memory,
        reads=("vm.memory",),
        scenarios=_HCI,
        severity=ALWAYS_WARN,
        refs=("P17",),
    ),
    Rule(
        "hci-static-memory",
        checks="The node has static memory",
        message="a node of Azure Stack HCI needs dynamic memory disabled",
        remedy="Disable dynamic memory (vm_nesting with static_memory)",
        source=_DEPLOY,
        check=requires("vm.memory.dynamic", lambda dynamic: not dynamic, "dynamic memory"),
        reads=("vm.memory",),
        scenarios=_HCI,
        refs=("P16",),
    ),
    Rule(
        "hci-processors",
        checks="The node has the virtual processors that the profile lists (4 by default)",
        message="a node of Azure Stack HCI needs four virtual processors by default",
        remedy="Assign more virtual processors (vm_processor)",
        source=_DEPLOY,
        check=_at_least(
            "vm.processor.count",
            lambda request: request.profile.processors,
            lambda count: counted(count, "virtual processor"),
        ),
        reads=("vm.processor",),
        scenarios=_HCI,
        refs=("P18",),
    ),
    Rule(
        "hci-generation",
        checks="The node is a generation 2 VM",
        message="a node of Azure Stack HCI is a generation 2 VM",
        remedy="Create the VM with generation 2",
        source=_DEPLOY,
        check=requires("vm.generation", lambda generation: generation == 2, "generation {}".format),
        reads=("vm.generation",),
        scenarios=_HCI,
        refs=("P20",),
    ),
    Rule(
        "hci-secure-boot",
        checks="Secure boot of the node is enabled",
        message="a node of Azure Stack HCI needs secure boot",
        remedy="Enable secure boot (vm with firmware.secure_boot)",
        source=_DEPLOY,
        check=requires("vm.firmware.secure_boot", bool, "secure boot is off"),
        reads=("vm.firmware",),
        scenarios=_HCI,
        refs=("P20",),
    ),
    Rule(
        "hci-tpm",
        checks="The node has a virtual TPM (not for azure_stack_hci_20h2)",
        message="a node of Azure Stack HCI needs a virtual TPM",
        remedy="Add a virtual TPM (vm with tpm)",
        source=_DEPLOY,
        check=_tpm,
        reads=("vm.tpm",),
        scenarios=_HCI,
        refs=("P20",),
    ),
    Rule(
        "hci-data-disks",
        checks="The node has, besides its first disk, the data disks that the profile lists (2 by default)",
        message="a node of Azure Stack HCI needs at least two data disks for Storage Spaces Direct",
        remedy="Create and attach dynamic data disks (vm_disk)",
        source=_DEPLOY,
        check=_data_disks,
        reads=("vm.disks",),
        scenarios=_HCI,
        refs=("P21",),
    ),
    Rule(
        "hci-adapters",
        checks="The node has two network adapters",
        message="a node of Azure Stack HCI needs at least two network adapters",
        remedy="Add network adapters (vm_network_adapter)",
        source=_DEPLOY,
        check=_adapter_count,
        reads=("vm.nesting",),
        scenarios=_HCI,
        refs=("P21",),
    ),
    Rule(
        "hci-mac-spoofing",
        checks="All adapters of the node allow MAC address spoofing",
        message="each network adapter of a node of Azure Stack HCI needs MAC address spoofing",
        remedy="Allow MAC address spoofing (vm_nesting with network mac_spoofing)",
        source=_DEPLOY,
        check=_of_all_adapters("vm.nesting.adapters", "mac_spoofing", "MAC address spoofing"),
        reads=("vm.nesting",),
        scenarios=_HCI,
        refs=("P22",),
    ),
    Rule(
        "hci-allow-teaming",
        checks="All adapters of the node allow teaming",
        message="the network adapters of a node of Azure Stack HCI are teamed in the guest",
        remedy="Allow teaming (vm_network_adapter with allow_teaming)",
        source=_DEPLOY,
        check=_teaming,
        reads=("vm.network_adapters",),
        scenarios=_HCI,
        severity=ALWAYS_WARN,
        refs=("P23",),
    ),
    Rule(
        "hci-time-synchronization",
        checks="Time synchronization of the node with the host is off",
        message="a node of Azure Stack HCI takes its time from an NTP server, not from the host",
        remedy="Turn off the integration service (vm with integration_services.time_synchronization)",
        source=_DEPLOY,
        check=requires("vm.integration_services.time_synchronization", lambda on: not on, "time synchronization is on"),
        reads=("vm.integration_services",),
        scenarios=_HCI,
        severity=ALWAYS_WARN,
        refs=("P24",),
    ),
    Rule(
        "hci-checkpoints",
        checks="Checkpoints of the node are disabled",
        message="checkpoints of a node of Azure Stack HCI are disabled during deployment",
        remedy="Disable checkpoints (vm with checkpoints.type), and go back with differencing disks instead",
        source=_DEPLOY,
        check=requires("vm.checkpoint_type", lambda kind: kind == "disabled", "checkpoints of type {}".format),
        reads=("vm.checkpoint_type",),
        scenarios=_HCI,
        severity=ALWAYS_WARN,
        refs=("P25",),
    ),
    Rule(
        "hci-guest-edition",
        checks="The operating system of the node is Azure Stack HCI",
        message="a node runs the operating system Azure Stack HCI, no other edition of Windows",
        remedy="Install the node from the ISO image or disk of Azure Stack HCI (Azure Local)",
        source=_DEPLOY,
        check=requires("guest.os.sku", lambda sku: sku == _SKU, lambda sku: EDITIONS.get(sku, f"SKU {sku}")),
        reads=("guest.os",),
        about=GUEST,
        scenarios=_HCI,
        refs=("P30",),
    ),
)
