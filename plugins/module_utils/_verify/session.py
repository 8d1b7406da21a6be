# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A session with a host: all experiments, on throw-away objects that are gone in the end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

from .._hyperv.schema import COMPUTER, COMPUTER_SYSTEM, SWITCH
from .._task.errors import Invalid, Refused
from .._task.session import Target
from .._windows.schema import OPERATING_SYSTEM
from .._wsman.faults import HostError
from . import network, protocol, settings, storage, throwaway, windows
from .bench import Bench
from .experiment import NOT_SETTLED, Entry, Experiment, perform
from .reasons import REASONS
from .scrub import everywhere, is_address, scrubber

EXPERIMENTS: tuple[Experiment, ...] = (
    *protocol.EXPERIMENTS,
    *windows.EXPERIMENTS,
    *settings.EXPERIMENTS,
    *network.EXPERIMENTS,
    *storage.EXPERIMENTS,
)


def chosen(names: Sequence[str] | None) -> list[Experiment]:
    """The experiments of these entries, all by default. Raises Invalid."""
    known = {experiment.id for experiment in EXPERIMENTS}
    for name in names or ():
        if name in REASONS:
            raise Invalid(f"nothing settles {name}: {REASONS[name]}", option="experiments")
        if name not in known:
            text = f"'{name}' is no entry of ASSUMPTIONS.md; an entry is named like {min(known)}"
            raise Invalid(text, option="experiments")
    return [experiment for experiment in EXPERIMENTS if names is None or experiment.id in names]


def check_free(host: Target, prefix: str, folder: str) -> None:
    """Raise Refused if there is anything with the prefix, which a run would remove in the end."""
    found = throwaway.find(host, prefix, folder)
    if any(found):
        raise Refused(
            f"the host has objects whose names begin with '{prefix}': {found}. If a run has left them, remove them "
            "with 'mode: clean' (verify_hosts_cleanup=true for the playbook), or choose another prefix",
            option="prefix",
            found=found._asdict(),
        )


def run(host: Target, prefix: str, folder: str, experiments: Sequence[Experiment]) -> list[dict[str, Any]]:
    """The scrubbed entries of the experiments, performed on throw-away objects that are removed whatever happens."""
    scrub = _scrubber(host, prefix)
    entries: list[Entry] = []
    try:
        for entry in perform(Bench(host, prefix, folder), experiments):
            host.report(f"{entry.id}: {entry.verdict}")
            entries.append(entry)
    finally:
        throwaway.sweep(host, prefix, folder)

    def scrubbed(text: str) -> str:
        """With the same names in every report, so that a replay finds them."""
        return scrub(text.replace(prefix, throwaway.PREFIX))

    return [everywhere(entry._asdict(), scrubbed) for entry in entries]


def unsettled() -> list[dict[str, Any]]:
    """The entries that no experiment settles, with the reasons."""
    return [Entry(name, NOT_SETTLED, reason=reason)._asdict() for name, reason in REASONS.items()]


def describe(host: Target) -> dict[str, Any]:
    """What a report says of the host: its build of Windows, and the stack of WS-Management."""
    (windows_row,) = host.client.query(OPERATING_SYSTEM, columns=("Name", "Caption", "Version", "BuildNumber"))
    product = host.client.identify().get("ProductVersion", "")
    return {"os": windows_row["Caption"], "version": windows_row["Version"], "stack": product}


def _scrubber(host: Target, prefix: str) -> Callable[[str], str]:
    """The scrubber for what identifies this host and what others have on it."""
    columns = ("Name", "DNSHostName", "Domain", "PartOfDomain")
    (computer,) = host.client.query(COMPUTER, columns=columns)
    hosts = [computer["Name"], computer["DNSHostName"], urlsplit(host.client.to).hostname or "", host.name]
    hosts = [name for name in hosts if not is_address(name or "")]  # which are replaced as such
    domains = []
    if computer["PartOfDomain"] and computer["Domain"]:
        hosts.append(f"{computer['DNSHostName']}.{computer['Domain']}")
        domains = [computer["Domain"], computer["Domain"].partition(".")[0]]
    names = []
    for cls in (COMPUTER_SYSTEM, SWITCH):
        try:
            names += [row["ElementName"] or "" for row in host.client.query(cls, columns=("Name", "ElementName"))]
        except HostError:
            continue  # nothing of it will be in an answer, either
    return scrubber(hosts, domains, [name for name in names if not name.lower().startswith(prefix.lower())])
