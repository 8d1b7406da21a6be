# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Support rules of Azure Stack HCI (Azure Local) in VMs: evaluation only."""

from __future__ import annotations

from typing import Any

from ..._task.units import format_size
from ..rule import (
    ALWAYS_INFO,
    ALWAYS_WARN,
    HOST,
    INFO,
    UNKNOWN,
    Facts,
    Observed,
    Request,
    Rule,
    at,
    at_least,
    counted,
    requires,
)
from .nesting import GB, NESTED, adapters, version_tuple

_DEPLOY = "https://learn.microsoft.com/azure/azure-local/deploy/deployment-virtual"
_ENABLE = "https://learn.microsoft.com/azure/azure-local/manage/enable-nested-virtualization"

_HCI = frozenset({"azure_stack_hci"})
_TB = 1 << 40
_SYSTEM_DISK = 1  # the disk of the operating system is none of the data disks


def _is_purpose(purpose: str) -> Any:
    """A check that this is not asked for Azure Stack HCI in the purpose."""

    def check(_facts: Facts, request: Request) -> Observed:
        here = request.scenario == "azure_stack_hci" and request.purpose == purpose
        return f"{request.scenario} in {purpose}" if here else None

    return check


def _space(facts: Facts, _request: Request) -> Observed:
    volumes = at(facts, "host.volumes")
    if volumes is None:
        return UNKNOWN
    most = max((row["free"] or 0 for row in volumes), default=0)
    return f"{most // GB} GB free on the largest volume" if most < _TB else None


def _data_disks(facts: Facts, _request: Request) -> Observed:
    disks = at(facts, "vm.disks")
    if disks is None:
        return UNKNOWN
    data = max(0, len([row for row in disks if row["path"]]) - _SYSTEM_DISK)
    return counted(data, "data disk") if data < 2 else None


def _of_all_adapters(group: str, name: str, found: str) -> Any:
    """A check that a setting is on for each adapter."""

    def check(facts: Facts, _request: Request) -> Observed:
        rows = at(facts, group)
        if rows is None:
            return UNKNOWN
        lacking = [row["name"] for row in rows if not row[name]]
        return f"{found} is off on {', '.join(lacking)}" if lacking else None

    return check


def _adapter_count(facts: Facts, _request: Request) -> Observed:
    spoofing = adapters(facts)
    if spoofing is None:
        return UNKNOWN
    return counted(len(spoofing), "adapter") if len(spoofing) < 2 else None


def _some_memory(facts: Facts, _request: Request) -> Observed:
    """Less than documented, and enough in the tutorials that came before."""
    startup = at(facts, "vm.memory.startup")
    if startup is None:
        return UNKNOWN
    return f"{format_size(startup)} of startup memory" if 16 * GB <= startup < 32 * GB else None


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
        checks="The host runs Windows Server 2022 or Windows 11 or later",
        message="Azure Stack HCI in VMs needs a host of Windows Server 2022 (build 20348) or Windows 11 (build 22000) "
        "or later",
        remedy="Upgrade Windows on the host",
        source=_DEPLOY,
        check=at_least("host.os.build", 20348, lambda build: f"build {build}"),
        reads=("host.os",),
        about=HOST,
        scenarios=_HCI,
        refs=("P01",),
    ),
    Rule(
        "hci-host-memory",
        checks="The host has 48 GB of memory",
        message="the host of a single node needs 48 GB of memory, the host of two nodes 72 GB",
        remedy="Use a host with more memory",
        source=_DEPLOY,
        # Windows reports a little less than is installed.
        check=at_least("host.memory.total", 47 * GB, lambda size: f"{size // GB} GB"),
        reads=("host.memory",),
        about=HOST,
        scenarios=_HCI,
        refs=("P19",),
    ),
    Rule(
        "hci-host-space",
        checks="A volume of the host has 1 TB free",
        message="the host of Azure Stack HCI in VMs needs 1 TB of storage",
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
        checks="The node has at least 16 GB of startup memory",
        message="a node of Azure Stack HCI needs 32 GB of memory, and does not deploy with less than 16 GB",
        remedy="Increase the startup memory to 32 GB (vm_memory)",
        source=_DEPLOY,
        check=at_least("vm.memory.startup", 16 * GB, lambda size: f"{format_size(size)} of startup memory"),
        reads=("vm.memory",),
        scenarios=_HCI,
        refs=("P17",),
    ),
    Rule(
        "hci-recommended-memory",
        checks="The node has at least 32 GB of startup memory",
        message="a node of Azure Stack HCI needs 32 GB of memory; earlier versions needed less",
        remedy="Increase the startup memory to 32 GB (vm_memory)",
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
        checks="The node has at least four virtual processors",
        message="a node of Azure Stack HCI needs four virtual processors",
        remedy="Assign four or more virtual processors (vm_processor)",
        source=_DEPLOY,
        check=at_least("vm.processor.count", 4, lambda count: counted(count, "virtual processor")),
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
        checks="The node has a virtual TPM",
        message="a node of Azure Stack HCI needs a virtual TPM",
        remedy="Add a virtual TPM (vm with tpm)",
        source=_DEPLOY,
        check=requires("vm.tpm", bool, "no virtual TPM"),
        reads=("vm.tpm",),
        scenarios=_HCI,
        refs=("P20",),
    ),
    Rule(
        "hci-data-disks",
        checks="The node has two disks besides its first",
        message="a node of Azure Stack HCI needs two data disks for Storage Spaces Direct",
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
        check=_of_all_adapters("vm.network_adapters", "allow_teaming", "teaming"),
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
)
