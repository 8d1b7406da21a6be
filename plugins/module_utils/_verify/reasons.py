# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The entries of ASSUMPTIONS.md that no experiment here settles, by the reason why not."""

from __future__ import annotations

_BY_REASON = {
    "It is about HTTP and authentication below the messages that are recorded; a trace of the network shows it.": (
        "PROTO-15 PROTO-22"
    ),
    "It would send messages or credentials without protection, or wrong credentials, which can lock the account.": (
        "PROTO-16 PROTO-17"
    ),
    "It needs further accounts with fewer rights; run the playbook again as such a user, and read the messages.": (
        "PROTO-18 HV-20 WIN-10"
    ),
    "It runs several programs in a shell on the host, which this playbook avoids.": (
        "PROTO-23 PROTO-24 PROTO-25 PROTO-26 PROTO-27 WIN-14"
    ),
    "The states last too short a time to be read from a distance.": "HV-06",
    "It needs a host of a certain age or processor, and a VM of an old configuration version.": "HV-09",
    "It compares hosts of several builds: run the playbook on each of them, and compare their evidence.": "HV-19",
    "It needs a guest with an operating system in a VM.": (
        "HV-14 HV-22 VM-12 VM-15 VM-16 VM-18 VM-21 VM-24 VM-33 VM-34 VM-38 VM-39 WIN-26 WIN-45 WIN-46 WIN-47"
    ),
    "It stops or restarts a service of the host.": "HV-26 VM-27",
    "It changes settings of the host.": "HV-28",
    "It changes the network of the host, which may interrupt the connection.": (
        "NET-02 NET-05 NET-07 NET-11 NET-12 NET-15"
    ),
    "It needs a VM of another hypervisor.": "NET-14",
    "It adds a certificate and a guardian to the host.": "VM-11",
    "It mounts an image on the host, or needs one that is larger than a throw-away disk.": "VM-14 VM-23 VM-30",
    "It needs a VM that was created long ago and is imported.": "VM-32",
    "It changes features, services, accounts or the name of Windows, restarts it, or installs software.": (
        "WIN-01 WIN-02 WIN-03 WIN-04 WIN-11 WIN-22 WIN-60 WIN-61 WIN-62 WIN-80"
    ),
    "It is about programs in Windows, whose output does not travel as CIM.": "WIN-13 WIN-25 WIN-40 WIN-41 WIN-82",
    "Its evidence would be names of groups and messages of event logs, which cannot be scrubbed reliably.": "WIN-12",
    "It needs the Windows Subsystem for Linux.": "WIN-20 WIN-21 WIN-23 WIN-24 WIN-81",
    "It needs the Docker Engine and containers.": "WIN-30 WIN-31 WIN-32 WIN-34 WIN-35 WIN-36 WIN-37 WIN-38 WIN-39",
    "The entry says that no experiment is needed.": "WIN-05 WIN-33",
}
REASONS = {name: reason for reason, names in _BY_REASON.items() for name in names.split()}
