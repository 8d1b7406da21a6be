"""A failover cluster as its provider shows it on a node (root/MSCluster; WIN-09)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...cim import errors
from ...cim.errors import CimError
from ...cim.schema import CLUSTER
from ...machine.service import Service
from ..software import RUNNING

if TYPE_CHECKING:
    from ...cim.values import Instance
    from ...machine.machine import Machine

ONLINE, OFFLINE = 2, 3  # MSCluster_Resource.State docs


class FailoverCluster(Service):
    def install(self, machine: Machine) -> None:
        machine.repository.provide("MSCluster_Cluster", lambda: _clusters(machine), CLUSTER)
        machine.repository.provide("MSCluster_Resource", lambda: _resources(machine), CLUSTER)


def _clusters(machine: Machine) -> Iterator[Instance]:
    _check_service(machine)
    yield machine.repository.new("MSCluster_Cluster", {"Name": machine.spec["cluster"]}, CLUSTER)


def _resources(machine: Machine) -> Iterator[Instance]:
    """Two resources for each VM that is a role: the VM and its configuration."""
    _check_service(machine)
    for vm in machine.vms.values():
        if vm.clustered:
            properties = machine.repository.new("MSCluster_Property", {"VmID": vm.id.lower()}, CLUSTER)
            for kind in ("Virtual Machine", "Virtual Machine Configuration"):
                values = {
                    "Name": f"{kind} {vm.name}",
                    "Type": kind,
                    "OwnerGroup": vm.name,
                    "OwnerNode": machine.name.upper(),
                    "State": ONLINE if vm.powered else OFFLINE,
                    "PrivateProperties": properties,
                }
                yield machine.repository.new("MSCluster_Resource", values, CLUSTER)


def _check_service(machine: Machine) -> None:
    """The provider asks the cluster service, which runs on nodes only."""
    service = machine.software.find_service("ClusSvc")
    if service is None or service.state != RUNNING:
        raise CimError(errors.FAILED, parameter_info="MSCluster_Cluster")
