# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading Hyper-V hosts: many at a time, each within its time, and from the cache as long as that is fresh."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from threading import Condition
from typing import Any, NamedTuple

from ...module_utils._hyperv.network import nat
from ...module_utils._hyperv.vm import facts, overview
from ...module_utils._run import plain_password, sentence
from ...module_utils._task.session import Target
from ...module_utils._wsman.client import ConnectionOptions, connect
from ...module_utils._wsman.faults import AuthenticationFailed, Fault, HostError, InvalidClass, OperationTimeout
from .places import Host

_FORMAT = 1  # of a part in the cache
MOST_REJECTIONS = 3  # of the same user and password
_TICKETS = "KRB5CCNAME"


class Needs(NamedTuple):
    """What an inventory is built from, besides the VMs: what guests report, and the mappings of NATs."""

    guest_details: bool = False
    mappings: bool = False


class Part(NamedTuple):
    """What was read from one host, ready for the cache; ``read`` is the time in seconds since 1970."""

    endpoint: str
    read: float
    needs: Needs
    vms: list[dict[str, Any]]
    mappings: list[dict[str, Any]]

    def as_dict(self) -> dict[str, Any]:
        """The part as JSON can have it."""
        return {**self._asdict(), "needs": self.needs._asdict(), "format": _FORMAT}

    @classmethod
    def of(cls, stored: Any) -> Part | None:
        """A part from the cache; None if it has another form, such as that of another version of this collection."""
        if not _has_form(stored, _FORM) or stored["format"] != _FORMAT:
            return None
        needs = Needs(**{name: stored["needs"][name] for name in Needs._fields})
        return cls(**{name: stored[name] for name in cls._fields if name != "needs"}, needs=needs)

    def is_about(self, host: Host) -> bool:
        """Whether this was read from the host, at its present address."""
        return self.endpoint == host.options.name

    def serves(self, needs: Needs) -> bool:
        """Whether this has all that is needed."""
        return all(have or not need for have, need in zip(self.needs, needs, strict=True))

    def is_fresh(self, now: float, lifetime: float) -> bool:
        """Whether this is not older than the lifetime in seconds, 0 for no limit; a time in the future is unknown."""
        return not lifetime or 0 <= now - self.read <= lifetime


# The types of a part in the cache, as far as the inventory depends on them; a list has the type of its elements.
_FORM: Mapping[str, Any] = {
    "format": int,
    "endpoint": str,
    "read": (int, float),
    "needs": dict.fromkeys(Needs._fields, bool),
    "vms": [
        {
            "id": str,
            "name": str,
            "state": str,
            **dict.fromkeys(("uptime", "generation", "version", "notes", "processors", "nesting"), object),
            "memory": Mapping,
            "network_adapters": [
                {"id": str, "name": str, "mac_address": object, "switch": (str, type(None)), "ip_addresses": [str]}
            ],
            "guest": {"os": (str, type(None))},
        }
    ],
    "mappings": [
        {
            "protocol": str,
            "external_address": str,
            "external_port": int,
            "internal_address": str,
            "internal_port": int,
        }
    ],
}


def _has_form(value: Any, form: Any) -> bool:
    """Whether a value has this form: a type, types, a list with the form of its elements, or a mapping of forms."""
    if isinstance(form, Mapping):
        return isinstance(value, Mapping) and all(
            name in value and _has_form(value[name], inner) for name, inner in form.items()
        )
    if isinstance(form, list):
        return isinstance(value, list) and all(_has_form(entry, form[0]) for entry in value)
    return isinstance(value, form)


class Failure(NamedTuple):
    """Why a host could not be read; ``foreign`` is a Windows without Hyper-V."""

    text: str
    foreign: bool = False


def read(host: Host, needs: Needs, timeout: float, now: float, warn: Callable[[str], None]) -> Part:
    """The VMs of a host. Raises HostError, also if this takes longer than ``timeout`` seconds."""
    client = connect(_within(host.options, timeout))
    client = client.tolerant(lambda row: warn(f"{host.name}: {facts.UNREADABLE.format(row)}"))
    client.until = time.monotonic() + timeout
    try:
        return _read(Target(host.name, client, warn=warn), host, needs, now)
    except HostError as error:
        late = time.monotonic() >= client.until and not isinstance(error, Fault)
        if late or (isinstance(error, OperationTimeout) and timeout <= host.options.operation_timeout):
            error.message = f"the host did not answer all requests within {timeout:g} s; see 'host_timeout'"
        else:
            error.message = sentence(error, client.answered)
        raise
    finally:
        client.close()


def _read(target: Target, host: Host, needs: Needs, now: float) -> Part:
    vms = overview.fetch(target, needs.guest_details)
    mappings = []
    if needs.mappings:
        with suppress(Fault):  # no NAT, or one that the host hides from the user
            mappings = nat.mapping_options(nat.mapping_of(row) for row in nat.query_mappings(target))
    return Part(host.options.name, now, needs, vms, mappings)


def _within(options: ConnectionOptions, timeout: float) -> ConnectionOptions:
    """The same options; no request waits longer than the whole host may take."""
    operation = max(1.0, min(options.operation_timeout, timeout))
    return replace(
        options,
        connection_timeout=min(options.connection_timeout, timeout),
        operation_timeout=operation,
        read_timeout=max(operation + 1, min(options.read_timeout, timeout)),
        alternatives=tuple(_within(other, timeout) for other in options.alternatives),
    )


def read_all(
    hosts: Iterable[Host], needs: Needs, forks: int, timeout: float, now: float, warn: Callable[[str], None]
) -> dict[str, Part | Failure]:
    """Parts of the hosts by key, or why they could not be read; so many hosts at a time."""
    hosts = list(hosts)
    results: dict[str, Part | Failure] = {}
    warnings: list[str] = []

    credentials = _Credentials()

    def attempt(host: Host) -> Part | Failure:
        if not credentials.begin(host.options):
            return Failure(f"not asked, since {MOST_REJECTIONS} hosts have rejected the same user and password")
        if text := plain_password(host.options):
            warnings.append(f"{host.name}: {text}")
        rejected = accepted = False
        try:
            part = read(host, needs, timeout, now, warnings.append)
            accepted = True
            return part
        except HostError as error:
            rejected = isinstance(error, AuthenticationFailed)
            return Failure(error.message.rstrip("."), isinstance(error, InvalidClass))
        finally:
            credentials.end(host.options, accepted, rejected)

    with _own_tickets():
        for batch in _by_ticket(hosts):
            with ThreadPoolExecutor(max_workers=max(1, min(forks, len(batch)))) as pool:
                results |= zip((host.key for host in batch), pool.map(attempt, batch), strict=True)
    for text in sorted(warnings):
        warn(text)
    return results


class _Credentials:
    """Users and passwords that hosts have accepted or rejected.

    Each attempt counts towards the lockout of a domain account. So a wrong password goes to few hosts instead of all:
    until a host has accepted it, no more hosts are asked at the same time than may reject it.
    """

    def __init__(self) -> None:
        self._changed = Condition()
        self._accepted: set[tuple[str, str]] = set()
        self._rejections: Counter[tuple[str, str]] = Counter()
        self._pending: Counter[tuple[str, str]] = Counter()  # rejections, and attempts that have not ended

    def begin(self, options: ConnectionOptions) -> bool:
        """Wait for the turn of a host; False if hosts enough have rejected its user and password."""
        known = (options.user, options.password)
        with self._changed:
            while options.password and known not in self._accepted and self._pending[known] >= MOST_REJECTIONS:
                if self._rejections[known] >= MOST_REJECTIONS:
                    return False
                self._changed.wait()
            self._pending[known] += 1
        return True

    def end(self, options: ConnectionOptions, accepted: bool, rejected: bool) -> None:
        known = (options.user, options.password)
        with self._changed:
            if accepted:
                self._accepted.add(known)
            if rejected:
                self._rejections[known] += 1
            else:
                self._pending[known] -= 1
            self._changed.notify_all()


def _by_ticket(hosts: list[Host]) -> Iterator[list[Host]]:
    """Hosts that can be read at the same time: libraries take the Kerberos ticket that the environment names."""
    batches: dict[Any, list[Host]] = {}
    for host in hosts:
        tickets = [options.ticket for options in (host.options, *host.options.alternatives) if options.ticket]
        identity = (host.options.user, host.options.password) if tickets else None
        batches.setdefault(identity, []).append(host)
    for batch in batches.values():
        options = batch[0].options
        for ticket in [known.ticket for known in (options, *options.alternatives) if known.ticket]:
            with suppress(HostError):  # the same error for each host of the batch, which reports it
                ticket()
        yield batch


@contextmanager
def _own_tickets() -> Iterator[None]:
    """Restore the Kerberos tickets of the user afterwards."""
    before = os.environ.get(_TICKETS)
    try:
        yield
    finally:
        os.environ.pop(_TICKETS, None)
        if before is not None:
            os.environ[_TICKETS] = before
