# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Failover clusters, live migration and replication: whether VMs move, and who owns their settings."""

from __future__ import annotations

from typing import Any

from ..._task.session import Target
from ..._windows.schema import SERVICE
from ..._wsman.faults import Fault, InvalidNamespace
from ..schema import CLUSTER_NAME, CLUSTER_RESOURCE, MIGRATION_SETTINGS

_VIRTUAL_MACHINE = "Type = 'Virtual Machine'"  # the name of a resource type is the same in every language


def fetch_cluster(host: Target) -> dict[str, Any] | None:
    """Whether the host is a node of a failover cluster, and the cluster's name; None if unknown.

    The namespace of clusters comes with the feature. A host that has the feature, but joined no cluster, has the
    cluster service disabled.
    """
    try:
        rows = host.client.query(CLUSTER_NAME, columns=("Name",))
    except InvalidNamespace:
        return {"member": False, "name": None}
    except Fault:
        rows = []
    if rows:
        return {"member": True, "name": rows[0]["Name"]}
    try:
        services = host.client.query(SERVICE, columns=("Name", "StartMode"), where="Name = 'ClusSvc'")
    except Fault:
        services = []
    if not services:
        return None
    return {"member": services[0]["StartMode"] != "Disabled", "name": None}


def fetch_live_migration(host: Target) -> dict[str, Any] | None:
    """Whether VMs may be moved to and from the host while they run; None without Hyper-V."""
    try:
        rows = host.client.query(MIGRATION_SETTINGS, columns=("InstanceID", "EnableVirtualSystemMigration"))
    except Fault:
        return None
    return {"enabled": rows[0]["EnableVirtualSystemMigration"]} if rows else None


def query_clustered(host: Target) -> set[str] | None:
    """The ids of all VMs that are roles of the host's cluster, on whichever node; None if unknown."""
    try:
        rows = host.client.query(CLUSTER_RESOURCE, where=_VIRTUAL_MACHINE)
    except InvalidNamespace:
        return set()
    except Fault:
        return None
    ids = {(row["PrivateProperties"] or {}).get("VmID") for row in rows}
    return None if None in ids else {id.strip("{}").upper() for id in ids}
