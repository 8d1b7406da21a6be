# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Python packages of the control node: the versions that are needed, and how to install them."""

from __future__ import annotations

import platform
import re
import shlex
import sys
from importlib import metadata

# The oldest versions that work (meta/ee-requirements.txt). Debian 12 has pywinrm 0.3.0.
MINIMUM = {"pywinrm": "0.5", "requests_ntlm": "1.2"}


def outdated(package: str) -> str | None:
    """The version of a package that is installed and older than needed."""
    try:
        version = metadata.version(package)
    except metadata.PackageNotFoundError:
        return None  # missing, or installed in a way that leaves no metadata: the import decides
    return version if _numbers(version) < _numbers(MINIMUM[package]) else None


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)]


def installation(package: str, extra: str = "") -> str:
    """How to install a package, and into which Python: the one that runs Ansible, not a host's."""
    requirement = package + (f"[{extra}]" if extra else "") + f">={MINIMUM[package]}"
    return (
        f"Install it for the Python that runs Ansible ({sys.executable}, version {platform.python_version()}): "
        f"{shlex.quote(sys.executable)} -m pip install '{requirement}'"
    )
