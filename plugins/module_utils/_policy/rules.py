# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Support rules of nested virtualization: data, each with an id, a severity and its source."""

from __future__ import annotations

from .._task.errors import Rule

_LEARN = "https://learn.microsoft.com/windows-server/virtualization/hyper-v"
NESTED = f"{_LEARN}/nested-virtualization"
ENABLE = f"{_LEARN}/enable-nested-virtualization"
_ON_WINDOWS = "https://learn.microsoft.com/virtualization/hyper-v-on-windows"
REQUIREMENTS = f"{_ON_WINDOWS}/reference/hyper-v-requirements"
NAT = f"{_ON_WINDOWS}/user-guide/setup-nat-network"


MEMORY_WHILE_NESTED = Rule(
    "nested-memory-off",
    "fail",
    "while Hyper-V runs inside a VM, the VM must be turned off to change its memory",
    NESTED,
)
DYNAMIC_MEMORY_WHILE_NESTED = Rule(
    "nested-dynamic-memory",
    "warn",
    "while Hyper-V runs inside a VM, its memory doesn't fluctuate even if dynamic memory is enabled",
    NESTED,
)
HOST_TOO_OLD = Rule(
    "nested-host-build",
    "fail",
    "nested virtualization needs a host of Windows Server 2016 or Windows 10 (build 14393) or later on Intel "
    "processors, of Windows Server 2022 (build 20348) or Windows 11 (build 22000) or later on AMD processors",
    ENABLE,
)
VM_VERSION_TOO_OLD = Rule(
    "nested-vm-version",
    "fail",
    "nested virtualization needs VM configuration version 8.0 or later on Intel processors, "
    "9.3 or later on AMD processors",
    ENABLE,
)
PROCESSOR_UNSUPPORTED = Rule(
    "nested-processor",
    "fail",
    "nested virtualization needs an Intel processor with VT-x and EPT, or an AMD EPYC or Ryzen processor or later",
    ENABLE,
)
ONE_NAT = Rule(
    "one-nat",
    "fail",
    "Windows has one NAT network per host",
    NAT,
)
PROCESSOR_EXTENSIONS = Rule(
    "hyperv-processor",
    "fail",
    "Hyper-V needs a processor with VT-x or AMD-V and second level address translation, switched on in the firmware",
    REQUIREMENTS,
)
HOME_EDITION = Rule(
    "hyperv-edition",
    "fail",
    "Hyper-V comes with Windows Pro, Enterprise, Education and Server, not with Home editions",
    REQUIREMENTS,
)
HYPERV_NOT_RUNNING = Rule(
    "hyperv-not-running",
    "fail",
    "VMs, nested or not, need the Hyper-V role and a running hypervisor",
    ENABLE,
)
DEPTH = Rule(
    "nested-depth",
    "warn",
    "one level of nested virtualization is supported in production",
    NESTED,
)
FOREIGN_HYPERVISOR = Rule(
    "nested-foreign-hypervisor",
    "warn",
    "Hyper-V on the virtualization of other vendors may run, but Microsoft neither tests nor supports it",
    NESTED,
)
AZURE_VM = Rule(
    "nested-azure",
    "warn",
    "nested virtualization in an Azure VM needs the security type Standard, and nested guests reach the network "
    "through NAT only",
    ENABLE,
)
