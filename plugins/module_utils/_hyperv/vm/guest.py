# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for a guest: its sign of life, or an address of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..._task.errors import Invalid
from ..._task.session import Host
from ..._wsman import cim
from ..schema import GUEST_NETWORK, HEARTBEAT
from . import power
from .find import VM

_OK = 2  # OperationalStatus


def heartbeat(host: Host, vm: VM) -> dict[str, Any] | None:
    """An empty result once the guest's heartbeat service answers."""
    where = f"SystemName = {cim.quote(vm.id)}"
    rows = host.client.query(HEARTBEAT, columns=("SystemName", "OperationalStatus"), where=where)
    return {} if rows and _OK in rows[0]["OperationalStatus"][:1] else None


def ip_address(host: Host, vm: VM) -> dict[str, Any] | None:
    """The guest's addresses, once it tells any that others can reach it by."""
    where = f"InstanceID LIKE {cim.like_prefix('Microsoft:GuestNetwork' + chr(92) + vm.id)}"
    rows = host.client.query(GUEST_NETWORK, columns=("InstanceID", "IPAddresses"), where=where)
    addresses = [address for row in rows for address in row["IPAddresses"] if not _link_local(address)]
    return {"ip_addresses": addresses} if addresses else None


def _link_local(address: str) -> bool:
    return address.lower().startswith(("169.254.", "fe80:"))


CONDITIONS: Mapping[str, Callable[[Host, VM], dict[str, Any] | None]] = {
    "heartbeat": heartbeat,
    "ip_address": ip_address,
}


OPTIONS: dict[str, Any] = {
    "wait_for": {"type": "str", "choices": list(CONDITIONS)},
    "wait_timeout": {"type": "int", "default": 300},
}
_STATES = ("running", "restarted")


def check(params: Mapping[str, Any]) -> None:
    """Raise Invalid where the options wait for a VM that the task doesn't run."""
    if params["wait_for"] and params["state"] not in _STATES:
        raise Invalid(
            f"wait_for: with 'state: {params['state']}' there is nothing to wait for; leave it out, or add "
            "'state: running'"
        )


def for_it(host: Host, vm: VM, params: Mapping[str, Any]) -> Callable[[], dict[str, Any]] | None:
    """The waiting that the options ask for, if any."""
    if not params["wait_for"]:
        return None
    return lambda: until(host, vm, params["wait_for"], params["wait_timeout"])


def until(host: Host, vm: VM, condition: str, timeout: float) -> dict[str, Any]:
    """What the condition tells once it holds. Raises Refused after ``timeout`` seconds."""
    told: dict[str, Any] = {}

    def reached() -> bool:
        answer = CONDITIONS[condition](host, vm)
        told.update(answer or {})
        return answer is not None

    power.wait_until(
        host,
        reached,
        timeout,
        f"see the {condition.replace('_', ' ')} of {vm}",
        "See that its guest boots and has integration services, or raise 'wait_timeout'",
    )
    return told
