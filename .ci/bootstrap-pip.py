"""Lay pip's bootstrap script where ansible-test looks for it, so that the package index is all it has to reach.

It would download the script from a host of its own; what comes with Python does as well.
"""

from __future__ import annotations

import re
from pathlib import Path

import ansible_test

BOOTSTRAP = "import ensurepip\n\nensurepip.bootstrap(default_pip=True)\n"

source = Path(ansible_test.__file__).parent / "_internal" / "python_requirements.py"
for version in re.findall(r"\bpip='([\d.]+)'", source.read_text()):
    script = Path.home() / ".ansible" / "test" / "cache" / f"get_pip_{version.replace('.', '_')}.py"
    # The real one has megabytes; anything short stands in for it.
    if not script.exists() or script.stat().st_size < 10_000:
        script.parent.mkdir(parents=True, exist_ok=True)
        script.write_text(BOOTSTRAP)
