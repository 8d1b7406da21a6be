# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for the guest of a VM: its heartbeat, an address that others can reach it by, or a service that answers."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ..._task.errors import Invalid, Refused, within
from ..._task.greeting import SERVICES
from ..._task.ip import parse_host
from ..._task.session import Target
from ..._task.wait import reached_within
from ..._wsman import cim
from ..schema import GUEST_NETWORK, HEARTBEAT
from . import reach
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


class Wait(NamedTuple):
    """What the options wait for; ``seen`` is what the last look has found instead, for messages."""

    host: Target
    vm: VM
    params: Mapping[str, Any]
    seen: list[str]


def _ask_service(wait: Wait) -> dict[str, Any] | None:
    """Where the service of the guest answers the control node, None before.

    Without ``wait_address``, the addresses are asked that the guest reports.
    """
    service = SERVICES[wait.params["wait_for"]]
    address = wait.params["wait_address"]
    known = [parse_host(address)] if address else (query_addresses(wait.host, wait.vm) or {}).get("ip_addresses", [])
    place = reach.answers(service, reach.places(wait.host, service, known, wait.params["wait_port"]), wait.seen)
    if place is not None:
        return {"ip_addresses": known, "reached_at": reach.described(place)}
    if not known:
        wait.seen.append("the guest reports no address yet (wait_address sets one)")
    return None


CONDITIONS: Mapping[str, Callable[[Wait], dict[str, Any] | None]] = {
    "heartbeat": lambda wait: query_heartbeat(wait.host, wait.vm),
    "ip_address": lambda wait: query_addresses(wait.host, wait.vm),
    **dict.fromkeys(SERVICES, _ask_service),
}
_WAY_OUT = "See that its guest boots and has integration services, or raise 'wait_timeout'"
_WAY_OUT_OF_SERVICES = (
    "See that its guest boots (vm_screenshot), that the service runs and its firewall lets it through, or raise "
    "'wait_timeout'. A guest that a seed should have configured may have ignored it: an image that is not generalized "
    "ignores it, and one that was sealed with 'sysprep /unattend:' keeps its own answer file, which outranks the seed"
)

OPTIONS: dict[str, Any] = {
    "wait_for": {"type": "str", "choices": list(CONDITIONS)},
    "wait_address": {"type": "str"},
    "wait_port": {"type": "int"},
    "wait_timeout": {"type": "int", "default": 300},
}
_STATES = (RUNNING, RESTARTED)


def check(params: Mapping[str, Any]) -> None:
    """Raise Invalid if the options wait for a VM that the task doesn't run, or name an impossible address."""
    if params["wait_for"] and params["state"] not in _STATES:
        raise Invalid(
            f"with 'state: {params['state']}' the task has nothing to wait for; waiting requires 'state: running' or "
            "'state: restarted'. Add one of them, or leave it out",
            option="wait_for",
        )
    for option in ("wait_address", "wait_port"):
        if params[option] is not None and params["wait_for"] not in SERVICES:
            raise Invalid(f"requires 'wait_for: {' or '.join(SERVICES)}'; leave it out", option=option)
    if params["wait_address"]:
        with within("wait_address"):
            parse_host(params["wait_address"])
    if params["wait_port"] is not None and not 1 <= params["wait_port"] <= 65535:
        raise Invalid(f"{params['wait_port']} is not a port; choose a number from 1 to 65535", option="wait_port")


def waiting(host: Target, vm: VM, params: Mapping[str, Any]) -> Callable[[], dict[str, Any]] | None:
    """The wait that the options ask for, if any. What a guest reports can't be foreseen, so check mode doesn't wait."""
    if not params["wait_for"] or host.foresees:
        return None
    return lambda: _wait(Wait(host, vm, params, []))


def _wait(wait: Wait) -> dict[str, Any]:
    """The answer to the condition once it holds. Raises Refused after the time-out."""
    condition, timeout, began = wait.params["wait_for"], wait.params["wait_timeout"], time.monotonic()
    service = SERVICES.get(condition)
    what = (
        f"see {service.name} of {wait.vm} answer" if service else f"see the {condition.replace('_', ' ')} of {wait.vm}"
    )
    result: dict[str, Any] = {}

    def reached() -> bool:
        answer = CONDITIONS[condition](wait)
        result.update(answer or {})
        return answer is not None

    def progress() -> str:
        return "; ".join([f"{time.monotonic() - began:.0f} s of at most {timeout:.0f} s", *wait.seen])

    if reached_within(wait.host, reached, timeout, what, progress):
        return result
    seen = f" Last seen: {'; '.join(wait.seen)}." if wait.seen else ""
    way_out = _WAY_OUT_OF_SERVICES if service else _WAY_OUT
    raise Refused(f"gave up after {timeout:.0f} s to {what}.{seen} {way_out}", timeout=timeout)
