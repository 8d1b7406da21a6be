# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What lets the hypervisor start with the host: its boot configuration, and the service of Hyper-V."""

from __future__ import annotations

from typing import Any

from ..._task.session import Target
from ..._windows.schema import SERVICE
from ..._wsman.faults import BadAnswer, Fault
from ..schema import BOOT_ELEMENT, BOOT_OBJECT

# The entry that Windows was started from, in the system's own store (BCD reference: BcdStore.OpenObject, OpenStore).
_CURRENT = {"Id": "{fa926493-6f1c-4193-a414-58f0b2456d1e}", "StoreFilePath": ""}
# BcdOSLoaderElementTypes: hypervisorlaunchtype and hypervisorloadoptions.
_LAUNCH_TYPE, _LOAD_OPTIONS = 0x250000F0, 0x22000117
_LAUNCHES = {0: "off", 1: "auto"}
_NO_NESTING = "OFFERNESTEDVIRT=FALSE"


def fetch_boot(host: Target) -> dict[str, Any] | None:
    """What the boot configuration says about the hypervisor; None if it can't be read, as by users without rights."""
    returns = {"ReturnValue": "boolean", "Elements": [BOOT_ELEMENT]}
    try:
        answer = host.client.invoke(BOOT_OBJECT, "EnumerateElements", _CURRENT, returns=returns, reads=True)
    except (Fault, BadAnswer):
        return None
    if not answer["ReturnValue"]:
        return None
    elements = {row["Type"]: row for row in answer["Elements"]}
    launch, options = elements.get(_LAUNCH_TYPE), elements.get(_LOAD_OPTIONS)
    return {
        "hypervisor_launch": _LAUNCHES.get(launch["Integer"]) if launch else None,
        "nested_offered": _NO_NESTING not in (options["String"] or "").upper().replace(" ", "") if options else True,
    }


def fetch_service(host: Target) -> dict[str, str | None] | None:
    """State and start mode of Hyper-V's management service, None if the user may not see them."""
    try:
        rows = host.client.query(SERVICE, columns=("Name", "State", "StartMode"), where="Name = 'vmms'")
    except Fault:
        return None
    row = rows[0] if rows else {"State": None, "StartMode": None}
    return {name: _word(row[column]) for name, column in (("state", "State"), ("start_mode", "StartMode"))}


def _word(text: str | None) -> str | None:
    """``Start Pending`` -> start_pending; these texts are the same in every language (Win32_Service)."""
    return text.lower().replace(" ", "_") if text else None
