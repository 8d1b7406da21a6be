# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way out of errors that come from the state of a Hyper-V host rather than from the task."""

from __future__ import annotations

from .._wsman.faults import Fault, HostError, InvalidClass

# WBEM_E_PROVIDER_FAILURE, _NOT_FOUND, _LOAD_FAILURE: WMI reaches no provider behind a class that exists.
_NO_PROVIDER = {0x80041004, 0x80041011, 0x80041013}


def explain(error: HostError) -> str:
    """The error's message in Hyper-V's terms; empty if Hyper-V has nothing to add to it."""
    message = error.message.rstrip(".")
    if isinstance(error, InvalidClass) and "virtualization" in error.resource.lower():
        return (
            "Hyper-V is not installed on this host, its management service (vmms) doesn't run, "
            f"or it is too old for this ({message})"
        )
    if has_no_provider(error) and "virtualization" in error.resource.lower():
        return (
            f"Hyper-V's management service (vmms) doesn't run on this host; start it and run the task again ({message})"
        )
    return ""


def has_no_provider(error: HostError) -> bool:
    """Whether the provider behind a class doesn't run, as Hyper-V's without its management service."""
    return isinstance(error, Fault) and bool(_NO_PROVIDER.intersection(error.codes))
