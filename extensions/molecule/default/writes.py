"""Display the requests that may have changed something: writes.py LOG FIRST (number of the first line of the log)."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from ansible_collections.nested.hyperv.tests.harness import changes
from ansible_collections.nested.hyperv.tests.simulator.wire.log import Entry


def main(log: Path, first: int) -> None:
    entries = (Entry(**json.loads(line)) for line in log.read_text("utf-8").splitlines()[first:])
    print(*changes.writes(entry for entry in entries if not entry.authentication), sep="\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
