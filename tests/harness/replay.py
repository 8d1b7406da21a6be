# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reports of verify_hosts once more, without the host: the recorded answers in their order.

PYTHONPATH=.build .venv/bin/python -m ansible_collections.nested.hyperv.tests.harness.replay verify-hosts-hv01.json
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

from ansible_collections.nested.hyperv.plugins.module_utils._task.session import Target
from ansible_collections.nested.hyperv.plugins.module_utils._verify import session, throwaway
from ansible_collections.nested.hyperv.plugins.module_utils._verify.bench import Bench
from ansible_collections.nested.hyperv.plugins.module_utils._verify.experiment import perform
from ansible_collections.nested.hyperv.plugins.module_utils._wsman.client import Client
from ansible_collections.nested.hyperv.plugins.module_utils._wsman.faults import HostError

_MESSAGE_ID = re.compile(r"(<\w+:MessageID[^>]*>)([^<]*)")
_RELATES_TO = re.compile(r"(<\w+:RelatesTo[^>]*>)([^<]*)")


def differences(entries: Sequence[Mapping[str, Any]], folder: str = "") -> dict[str, tuple[Any, Any]]:
    """Experiments that observe something else in the recorded answers than the report says: (report, replay)."""
    performed = [entry for entry in entries if entry["exchanges"]]
    answers = iter([exchange["answer"] for entry in performed for exchange in entry["exchanges"]])
    client = Client(lambda request: _next(answers, request.decode()), sleep=lambda _seconds: None)
    bench = Bench(Target("host-1", client), throwaway.PREFIX, folder or r"C:\Disks")
    names = {entry["id"] for entry in performed}
    experiments = [experiment for experiment in session.EXPERIMENTS if experiment.id in names]
    with mock.patch("time.sleep"):
        replayed = {entry.id: entry for entry in perform(bench, experiments)}
    return {
        entry["id"]: (entry["observed"], observed or replayed[entry["id"]].reason)
        for entry in performed
        if entry["observed"] != (observed := _plain(replayed[entry["id"]].observed))
    }


def _plain(value: Any) -> Any:
    """A value as JSON brings it back."""
    return json.loads(json.dumps(value))


def _next(answers: Iterator[str], request: str) -> str:
    """The next recorded answer, as if it were to this request."""
    answer = next(answers, None)
    if answer is None:
        raise HostError("the report has no more answers")
    asked = _MESSAGE_ID.search(request)
    return _RELATES_TO.sub(lambda found: found[1] + asked[2], answer) if asked else answer


def main() -> int:
    """Print the differences of each report; 1 if there is any."""
    found = {path: differences(json.loads(Path(path).read_text("utf-8"))["entries"]) for path in sys.argv[1:]}
    for path, each in found.items():
        for name, (reported, replayed) in each.items():
            print(f"{path}: {name}: the report says {reported}, the replay {replayed}")
    return int(any(found.values()))


if __name__ == "__main__":
    sys.exit(main())
