# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task needs on the target for a while: removed whatever happens, and a change only if it stays."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from unittest import mock

import pytest

from ansible_collections.nested.hyperv.plugins.module_utils._task.errors import MethodFailed
from ansible_collections.nested.hyperv.plugins.module_utils._task.journal import Writes, recording, wrote
from ansible_collections.nested.hyperv.plugins.module_utils._task.session import Target
from ansible_collections.nested.hyperv.plugins.module_utils._windows import source
from ansible_collections.nested.hyperv.plugins.module_utils._wsman.client import Client
from ansible_collections.nested.hyperv.plugins.module_utils._wsman.faults import (
    AccessDenied,
    ConnectionFailed,
    FaultParts,
    HostBusy,
    HostError,
)

DENIED = AccessDenied(FaultParts(reason="Access is denied."))
BROKEN = ConnectionFailed("refused", sent=False)


class Guest:
    """A guest with one file, whose deletion ends so; the last outcome repeats."""

    def __init__(self, *outcomes: HostError | None) -> None:
        self.outcomes, self.tries, self.warnings, self.exists = outcomes, 0, [], False
        self.target = Target("guest01", Client(unreachable), warn=self.warnings.append)

    def create(self) -> None:
        with recording():
            wrote("create C:\\x.zip")
        self.exists = True

    def delete(self) -> None:
        error = self.outcomes[min(self.tries, len(self.outcomes) - 1)]
        self.tries += 1
        if error:
            raise error
        wrote("delete C:\\x.zip")
        self.exists = False

    def use(self, work: Callable[[], object]) -> Writes:
        """What is recorded of work with the file."""
        with recording() as writes:
            try:
                with source.passing(self.target, "download C:\\x.zip", self.delete):
                    self.create()
                    work()
            except ValueError:
                wrote("failed")
        return writes


def unreachable(_request: bytes) -> bytes:
    raise AssertionError("nothing here may send a request")


def install() -> None:
    wrote("install it")


def fail() -> None:
    raise ValueError


def find_nothing_to_do() -> None:
    pass


@pytest.fixture(autouse=True)
def _clock() -> Iterator[None]:
    now = 0.0

    def sleep(seconds: float) -> None:
        nonlocal now
        now += max(0.001, seconds)

    def monotonic() -> float:
        return now

    with mock.patch("time.sleep", sleep), mock.patch("time.monotonic", monotonic):
        yield


@pytest.mark.parametrize(("work", "done"), [(find_nothing_to_do, []), (install, ["install it"]), (fail, ["failed"])])
@pytest.mark.parametrize("outcomes", [(None,), (HostBusy("busy"), BROKEN, None), (MethodFailed("not done"), None)])
def test_what_is_removed_again_is_no_change(
    work: Callable[[], None], done: list[str], outcomes: tuple[HostError | None, ...]
) -> None:
    guest = Guest(*outcomes)
    assert guest.use(work) == Writes(done, [])
    assert (guest.exists, guest.tries, guest.warnings) == (False, len(outcomes), [])


@pytest.mark.parametrize(
    ("work", "done"),
    [
        (find_nothing_to_do, ["download C:\\x.zip"]),
        (install, ["install it", "download C:\\x.zip"]),
        (fail, ["download C:\\x.zip", "failed"]),
    ],
)
@pytest.mark.parametrize("error", [DENIED, BROKEN, MethodFailed("in use", return_value=10)])
def test_what_stays_is_a_change_with_a_warning(work: Callable[[], None], done: list[str], error: HostError) -> None:
    guest = Guest(error)
    assert guest.use(work) == Writes(done, [])
    (warning,) = guest.warnings
    assert warning.startswith("guest01: ")
    assert "download C:\\x.zip" in warning
    assert error.message in warning
