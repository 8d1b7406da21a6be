# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can go wrong on a Hyper-V host, as sentences with a way out; codes stay in ``details`` for tools."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from .._wsman.faults import HostError


class HyperVError(HostError):
    """Base of the errors that Hyper-V's own rules raise, as opposed to the wire's (WSManError)."""


class Missing(HyperVError):
    """No object of that name or id."""


class Ambiguous(HyperVError):
    """A name that several objects share; details list their ids."""


class Invalid(HyperVError):
    """A value that can't be: wrong unit, out of range, or in conflict with another value."""


class Refused(HyperVError):
    """A change that the rules of Hyper-V, or the missing permission of the user, forbid now."""


class MethodFailed(HyperVError):
    """A CIM method or its job ended with an error; details carry class, method, code and Hyper-V's own text."""


@contextmanager
def within(section: str) -> Iterator[None]:
    """What goes wrong inside with an option is told of this section's: ``size: …`` becomes ``disks.size: …``."""
    try:
        yield
    except (Missing, Ambiguous, Invalid, Refused) as error:
        if re.match(r"[a-z_.]+: ", error.message):
            error.message = f"{section}.{error.message}"
        raise
