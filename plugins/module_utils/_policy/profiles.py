# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a virtual deployment of Azure Stack HCI (Azure Local) needs, by the date of the instructions: data."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

_DEPLOY = "https://learn.microsoft.com/azure/azure-local/deploy/deployment-virtual"
_EVALUATION_GUIDE = "https://github.com/Azure/AzureStackHCI-EvalGuide/blob/main/archive/steps/3b_AzSHCINodesPS.md"
_MSLAB = "https://github.com/microsoft/MSLab/tree/master/HandsOnLabs/02-DeployingAzureLocal"

_SERVER_2016, _SERVER_2022 = 14393, 20348
_GB, _TB = 1 << 30, 1 << 40


class Profile(NamedTuple):
    """The numbers of one edition of the instructions; sizes in bytes.

    ``host_memory`` is that of hosts of one, two … nodes. ``memory`` is the one that the instructions ask for, and
    ``least_memory`` the least that a node works with. ``allowed_vlans`` are those of several nodes, none if untagged.
    """

    name: str
    title: str
    date: str
    source: str
    host_build: int
    host_memory: tuple[int, ...]
    host_space: int
    memory: int
    least_memory: int
    processors: int
    tpm: bool
    os_disk: int
    data_disks: int
    data_disk: int
    adapters: int
    adapter_names: tuple[str, ...]
    allow_teaming: bool
    allowed_vlans: str

    def host_memory_for(self, nodes: int) -> int:
        """The memory of a host of so many nodes; beyond the instructions, that of one more node for each."""
        documented = self.host_memory[:nodes]
        return documented[-1] + (nodes - len(documented)) * self.memory

    def describe(self) -> dict[str, Any]:
        """The profile as results have it."""
        return {**self._asdict(), "host_memory": list(self.host_memory), "adapter_names": list(self.adapter_names)}


_ALL = (
    Profile(
        name="azure_local_2026_04",
        title="Azure Local, virtual deployment as of April 2026",
        date="2026-04-27",
        source=_DEPLOY,
        host_build=_SERVER_2022,
        host_memory=(48 * _GB, 72 * _GB),
        host_space=_TB,
        memory=32 * _GB,
        least_memory=16 * _GB,
        processors=4,
        tpm=True,
        os_disk=127 * _GB,
        data_disks=2,
        data_disk=_TB,
        adapters=2,
        adapter_names=("NIC1", "NIC2", "NIC3", "NIC4"),
        allow_teaming=True,
        allowed_vlans="1-1000",  # 0-1000 in the instructions: VLANs count from 1, and untagged packets are native
    ),
    Profile(
        name="azure_local_2025_04",
        title="Azure Local, virtual deployment as of April 2025",
        date="2025-04-08",
        source=_DEPLOY,
        host_build=_SERVER_2022,
        host_memory=(32 * _GB, 64 * _GB),
        host_space=_TB,
        memory=24 * _GB,
        least_memory=16 * _GB,
        processors=8,
        tpm=True,
        os_disk=200 * _GB,
        data_disks=4,
        data_disk=127 * _GB,
        adapters=2,
        adapter_names=("NIC1", "NIC2", "NIC3", "NIC4"),
        allow_teaming=False,
        allowed_vlans="1-1000",
    ),
    Profile(
        name="mslab_2025_09",
        title="Azure Local in MSLab as of September 2025",
        date="2025-09-01",
        source=_MSLAB,
        host_build=_SERVER_2016,
        # MSLab names no memory of the host: that of its nodes, and 8 GB for the host.
        host_memory=(32 * _GB, 56 * _GB),
        host_space=500 * _GB,
        memory=24 * _GB,
        least_memory=16 * _GB,
        processors=4,
        tpm=True,
        os_disk=127 * _GB,
        data_disks=4,
        data_disk=_TB,
        adapters=2,
        adapter_names=("Management1", "Management2"),
        allow_teaming=True,
        allowed_vlans="1-10,711-719",
    ),
    Profile(
        name="azure_stack_hci_20h2",
        title="Azure Stack HCI 20H2 and 21H2 in the evaluation guide as of January 2023",
        date="2023-01-01",
        source=_EVALUATION_GUIDE,
        host_build=_SERVER_2016,
        # The guide asks for 16 GB, with which its nodes of 24 GB don't start: that of the nodes, and 8 GB for the host.
        host_memory=(32 * _GB, 56 * _GB),
        host_space=100 * _GB,
        memory=24 * _GB,
        least_memory=4 * _GB,
        processors=16,
        tpm=False,
        os_disk=30 * _GB,
        data_disks=4,
        data_disk=100 * _GB,
        adapters=2,
        adapter_names=("NIC1", "NIC2", "NIC3", "NIC4"),
        allow_teaming=True,
        allowed_vlans="",
    ),
)
PROFILES: Mapping[str, Profile] = MappingProxyType({profile.name: profile for profile in _ALL})
LATEST = _ALL[0]
