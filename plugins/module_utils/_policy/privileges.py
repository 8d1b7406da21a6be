# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rights that each module needs on the host: data for the documentation, and for errors about missing rights."""

from __future__ import annotations

from typing import NamedTuple

ADMINISTRATORS, HYPERV_ADMINISTRATORS = "Administrators", "Hyper-V Administrators"
EVERYONE = "any user"  # who may connect, and has Enable, Execute Methods and Remote Enable on the namespace
CLUSTER_USERS = "users with access to the cluster"

# How it is known: Microsoft documents it; it was measured on Windows Server 2022 with PowerShell, which calls the same
# providers; or it is likely, but was not measured.
DOCUMENTED, MEASURED, LIKELY = BASES = ("documented", "measured", "likely")

V2, STANDARD, CIMV2 = "root/virtualization/v2", "root/StandardCimv2", "root/cimv2"
HGS, WMI, CLUSTER = "root/Microsoft/Windows/Hgs", "root/wmi", "root/MSCluster"
DEVICE_GUARD = "root/Microsoft/Windows/DeviceGuard"
TASK_SCHEDULER, STORAGE = "root/Microsoft/Windows/TaskScheduler", "root/Microsoft/Windows/Storage"


class Privilege(NamedTuple):
    """What modules do in a namespace, the group that may do it, and how that is known."""

    modules: str  # names, separated by blanks
    does: str
    namespace: str
    group: str
    basis: str


PRIVILEGES = (
    Privilege("vm", "Creates, configures, starts, stops and removes VMs", V2, HYPERV_ADMINISTRATORS, MEASURED),
    Privilege("vm", "Creates the guardian and the key protector of a virtual TPM", HGS, ADMINISTRATORS, LIKELY),
    Privilege(
        "vm_checkpoint vm_disk vm_dvd_drive vm_memory vm_nesting vm_network_adapter vm_processor",
        "Configures VMs, virtual hard disks and checkpoints",
        V2,
        HYPERV_ADMINISTRATORS,
        MEASURED,
    ),
    Privilege(
        "vm vm_disk vm_dvd_drive",
        "Looks for files, folders and volumes, and deletes disk files (with the permissions of the user on the folder)",
        CIMV2,
        EVERYONE,
        LIKELY,
    ),
    Privilege(
        "vm vm_disk",
        "Creates missing folders of new disks (in a remote shell, with the permissions of the user on the drive)",
        CIMV2,
        EVERYONE,
        LIKELY,
    ),
    Privilege(
        "host_image",
        "Reads and deletes files, and writes them by programs in a remote shell (with the permissions of the user on "
        "the folder)",
        CIMV2,
        EVERYONE,
        LIKELY,
    ),
    Privilege("host_image", "Stores the checksums of images in the registry", CIMV2, ADMINISTRATORS, LIKELY),
    Privilege("host_image", "Reads virtual hard disks and the media of VMs", V2, HYPERV_ADMINISTRATORS, MEASURED),
    Privilege("vm_keyboard", "Starts VMs, and types on their keyboards", V2, HYPERV_ADMINISTRATORS, LIKELY),
    Privilege("vm_screenshot", "Reads the pictures of screens", V2, HYPERV_ADMINISTRATORS, LIKELY),
    Privilege(
        "vm_guest_file",
        "Enables the guest service interface, and copies files into guests",
        V2,
        HYPERV_ADMINISTRATORS,
        LIKELY,
    ),
    Privilege("vm_guest_file", "Looks for the file", CIMV2, EVERYONE, LIKELY),
    Privilege("vm_guest_data", "Changes the key-value pairs of VMs", V2, HYPERV_ADMINISTRATORS, LIKELY),
    Privilege("vm", "Reads static mappings (`wait_for: winrm` and `ssh`)", STANDARD, EVERYONE, LIKELY),
    Privilege("seed_iso", "Looks for VMs that have an image in a DVD drive", V2, HYPERV_ADMINISTRATORS, MEASURED),
    Privilege(
        "host_experiment", "Creates and removes VMs, switches and disks of its own", V2, HYPERV_ADMINISTRATORS, LIKELY
    ),
    Privilege("vm_info preflight", "Reads VMs and guests", V2, HYPERV_ADMINISTRATORS, MEASURED),
    Privilege(
        "vm_info preflight",
        "Reads the VMs of a failover cluster (group `availability`)",
        CLUSTER,
        CLUSTER_USERS,
        LIKELY,
    ),
    Privilege("host", "Configures Hyper-V", V2, HYPERV_ADMINISTRATORS, LIKELY),
    Privilege(
        "host_info preflight",
        "Reads settings of Hyper-V, switches and their ports",
        V2,
        HYPERV_ADMINISTRATORS,
        MEASURED,
    ),
    Privilege("host_info preflight", "Reads Windows, its features, services and volumes", CIMV2, EVERYONE, LIKELY),
    Privilege("host_info preflight", "Reads adapters, addresses and NATs", STANDARD, EVERYONE, LIKELY),
    Privilege(
        "host_info preflight", "Reads virtualization-based security (group `security`)", DEVICE_GUARD, EVERYONE, LIKELY
    ),
    Privilege("host_info preflight", "Reads the boot configuration (group `boot`)", WMI, ADMINISTRATORS, DOCUMENTED),
    Privilege(
        "host_info preflight", "Reads the failover cluster (group `availability`)", CLUSTER, CLUSTER_USERS, LIKELY
    ),
    Privilege("virtual_switch", "Manages private and internal switches", V2, HYPERV_ADMINISTRATORS, MEASURED),
    Privilege("virtual_switch", "Manages external switches", V2, ADMINISTRATORS, LIKELY),
    Privilege("nat_network", "Creates and removes the internal switch", V2, HYPERV_ADMINISTRATORS, MEASURED),
    Privilege("nat_network", "Assigns and removes the address of the host", STANDARD, ADMINISTRATORS, LIKELY),
    Privilege("nat_mapping nat_network", "Creates NATs and static mappings", STANDARD, ADMINISTRATORS, MEASURED),
    Privilege(
        "container_engine guest_feature guest_file guest_info guest_reboot isolated_container seed_iso wsl "
        "wsl_distribution",
        "Reads Windows, and runs its programs through a remote shell",
        CIMV2,
        ADMINISTRATORS,
        LIKELY,
    ),
    Privilege(
        "wsl_distribution",
        "Runs wsl.exe in a scheduled task (option `scheduled_task`)",
        TASK_SCHEDULER,
        ADMINISTRATORS,
        LIKELY,
    ),
    Privilege("guest_info", "Reads physical disks (group `disks`)", STORAGE, ADMINISTRATORS, LIKELY),
    Privilege("guest_service", "Starts, stops and configures services", CIMV2, ADMINISTRATORS, LIKELY),
    Privilege(
        "guest_computer_name", "Reads and changes the name of Windows, and restarts it", CIMV2, ADMINISTRATORS, LIKELY
    ),
    Privilege("guest_network", "Changes addresses, gateways and DNS servers", CIMV2, ADMINISTRATORS, LIKELY),
    Privilege("guest_network", "Renames network adapters, and disables DHCP", STANDARD, ADMINISTRATORS, LIKELY),
    Privilege("nat_mapping nat_network", "Removes NATs and static mappings", STANDARD, ADMINISTRATORS, LIKELY),
)

_ADMINISTRATOR = (
    "The user must be an administrator of the host; the group 'Hyper-V Administrators' is not enough in the "
    "namespace {}"
)
_MEMBER = "The user must be an administrator of the host, or in its 'Hyper-V Administrators' group"
_CONNECTS = (
    "The user must be an administrator of the host, or in its groups 'Remote Management Users' and 'Hyper-V "
    "Administrators'"
)
_NAMESPACE = (
    "The user must be an administrator of the host, or have the rights Enable, Execute Methods and Remote Enable on "
    "the namespace {} (wmimgmt.msc)"
)
_REMEDIES = {
    V2: _MEMBER,
    STANDARD: _ADMINISTRATOR,
    HGS: _ADMINISTRATOR,
    WMI: _ADMINISTRATOR,
    CLUSTER: "The user needs access to the failover cluster (Grant-ClusterAccess)",
}


def remedy(resource: str, by_service: bool = False) -> str:
    """The way out for a user whom a namespace refuses, from the URI of a class; ``by_service``: perhaps WinRM refuses.

    The shell of a program has no namespace.
    """
    namespace = resource.partition("/wmi/")[2].rpartition("/")[0]
    text = next((text for name, text in _REMEDIES.items() if name.lower() == namespace.lower()), _NAMESPACE)
    if not namespace or (by_service and text is not _ADMINISTRATOR):
        return _CONNECTS
    return text.format(namespace)
