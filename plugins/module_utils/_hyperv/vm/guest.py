# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for the guest of a VM: its heartbeat, or an address that others can reach it by."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..._task.errors import Invalid
from ..._task.session import Target
from ..._task.wait import wait_until
from ..._wsman import cim
from ..schema import GUEST_NETWORK, HEARTBEAT
from .find import RUNNING, VM
from .power import RESTARTED

_OK = 2  # OperationalStatus


def query_heartbeat(host: Target, vm: VM) -> dict[str, Any] | None:
    """An empty result once the guest's heartbeat service answers, None before."""
    where = f"SystemName = {cim.quote(vm.id)}"
    rows = host.client.query(HEARTBEAT, columns=("SystemName", "OperationalStatus"), where=where)
    return {} if rows and _OK in rows[0]["OperationalStatus"][:1] else None


def query_addresses(host: Target, vm: VM) -> dict[str, Any] | None:
    """The guest's addresses once it reports any besides link-local ones, None before."""
    where = f"InstanceID LIKE {cim.like_prefix('Microsoft:GuestNetwork' + chr(92) + vm.id)}"
    rows = host.client.query(GUEST_NETWORK, columns=("InstanceID", "IPAddresses"), where=where)
    addresses = [address for row in rows for address in row["IPAddresses"] if not _link_local(address)]
    return {"ip_addresses": addresses} if addresses else None


def _link_local(address: str) -> bool:
    return address.lower().startswith(("169.254.", "fe80:"))


CONDITIONS: Mapping[str, Callable[[Target, VM], dict[str, Any] | None]] = {
    "heartbeat": query_heartbeat,
    "ip_address": query_addresses,
}

OPTIONS: dict[str, Any] = {
    "wait_for": {"type": "str", "choices": list(CONDITIONS)},
    "wait_timeout": {"type": "int", "default": 300},
}
_STATES = (RUNNING, RESTARTED)


def check(params: Mapping[str, Any]) -> None:
    """Raise Invalid if the options wait for a VM that the task doesn't run."""
    if params["wait_for"] and params["state"] not in _STATES:
        raise Invalid(
            f"with 'state: {params['state']}' the task has nothing to wait for; waiting requires 'state: running' or "
            "'state: restarted'. Add one of them, or leave it out",
            option="wait_for",
        )


def waiting(host: Target, vm: VM, params: Mapping[str, Any]) -> Callable[[], dict[str, Any]] | None:
    """The wait that the options ask for, if any. What a guest reports can't be foreseen, so check mode doesn't wait."""
    if not params["wait_for"] or host.foresees:
        return None
    return lambda: wait(host, vm, params["wait_for"], params["wait_timeout"])


def wait(host: Target, vm: VM, condition: str, timeout: float) -> dict[str, Any]:
    """The answer to a condition once it holds. Raises Refused after ``timeout`` seconds."""
    result: dict[str, Any] = {}

    def reached() -> bool:
        answer = CONDITIONS[condition](host, vm)
        result.update(answer or {})
        return answer is not None

    wait_until(
        host,
        reached,
        timeout,
        f"see the {condition.replace('_', ' ')} of {vm}",
        "See that its guest boots and has integration services, or raise 'wait_timeout'",
    )
    return result
