# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files on the control node that a module writes."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from pathlib import Path

from .errors import Invalid, Refused

_PRIVATE = 0o600


def checksum(path: str, option: str) -> str | None:
    """SHA-256 of a file; None without one. Raises Invalid for a folder, Refused if it can't be read."""
    file = Path(path)
    if file.is_dir() or path.endswith(os.sep):
        raise Invalid(f"'{path}' is a folder on the control node; add the name of the file", option=option, path=path)
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _refused(path, option, error) from error


def write(path: str, content: bytes, option: str) -> None:
    """Write a file that its owner alone can read, completely or not at all, with its folders. Raises Refused."""
    file = Path(path)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
        try:
            with os.fdopen(handle, "wb") as part:
                part.write(content)
            Path(name).chmod(_PRIVATE)
            Path(name).replace(file)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(name).unlink()
            raise
    except OSError as error:
        raise _refused(path, option, error) from error


def _refused(path: str, option: str, error: OSError) -> Refused:
    reason = error.strerror or str(error)
    return Refused(
        f"'{path}' can't be used on the control node: {reason}. Choose another path", option=option, path=path
    )
