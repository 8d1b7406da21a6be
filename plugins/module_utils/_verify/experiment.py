# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an experiment is, and what became of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from .._task.session import Target
from .._wsman.faults import ConnectionFailed, Fault, HostError, WSManError
from .bench import Bench, NotSettled, machine, power

HELD, NOT_HELD, NOT_SETTLED = "held", "not held", "not settled"
Exchange = dict[str, str]  # request and answer


class Experiment(NamedTuple):
    """An entry of ASSUMPTIONS.md, what is done, what the entry expects of it, and the function that observes it.

    `state` is the state of the throw-away VM that it needs; experiments without one come first.
    """

    id: str
    action: str
    expected: Mapping[str, Any]
    observe: Callable[[Bench], Mapping[str, Any]]
    state: int = 0


class Entry(NamedTuple):
    """What became of an experiment, with the exchanges that show it."""

    id: str
    verdict: str
    action: str = ""
    reason: str = ""
    expected: Mapping[str, Any] | None = None
    observed: Mapping[str, Any] | None = None
    exchanges: tuple[Exchange, ...] = ()


def perform(bench: Bench, experiments: Iterable[Experiment]) -> Iterator[Entry]:
    """Perform experiments one after the other. After the connection is lost, nothing more is settled."""
    lost = ""
    for experiment in sorted(experiments, key=lambda each: each.state and (3, 2, 6).index(each.state) + 1):
        if lost:
            yield Entry(experiment.id, NOT_SETTLED, experiment.action, lost)
            continue
        entry, error = _perform(bench, experiment)
        if isinstance(error, WSManError) and not isinstance(error, Fault):
            lost = f"{experiment.id} lost the connection" if isinstance(error, ConnectionFailed) else entry.reason
        yield entry


def _perform(bench: Bench, experiment: Experiment) -> tuple[Entry, Exception | None]:
    exchanges: list[Exchange] = []
    recording = replace(bench, host=recorded(bench.host, exchanges))
    verdict, reason, observed, error = NOT_SETTLED, "", None, None
    try:
        if experiment.state:
            power(recording, machine(recording), experiment.state)
        observed = dict(experiment.observe(recording))
        verdict = HELD if observed == experiment.expected else NOT_HELD
    except HostError as failure:
        reason, error = failure.message, failure
    except NotSettled as failure:
        reason, error = str(failure), failure
    except (ArithmeticError, AttributeError, LookupError, StopIteration, TypeError, ValueError) as failure:
        # An answer of another form than any known host gives is a finding, too, and the evidence has it.
        reason, error = f"the experiment cannot read the answer: {failure!r}", failure
    entry = Entry(
        experiment.id, verdict, experiment.action, reason, dict(experiment.expected), observed, tuple(exchanges)
    )
    return entry, error


def recorded(host: Target, exchanges: list[Exchange]) -> Target:
    """The same host, whose exchanges are kept."""

    def record(request: bytes, answer: bytes | str) -> None:
        exchanges.append({"request": _text(request), "answer": _text(answer)})

    return replace(host, client=host.client.recorded(record))


def _text(message: bytes | str) -> str:
    if isinstance(message, str):
        return message
    encoding = "utf-16" if message[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    return message.decode(encoding, "replace")
