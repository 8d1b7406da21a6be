# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Predictions of the settings of the host."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..schema import HOST_SETTINGS, VM_SERVICE
from .client import Call, Shadow, embedded


def modify_service_settings(shadow: Shadow, call: Call) -> Mapping[str, Any]:
    values = embedded(call.arguments["SettingData"])
    shadow.overlay.set(HOST_SETTINGS, values, values)
    return {}


METHODS = {(VM_SERVICE.name, "ModifyServiceSettings"): modify_service_settings}
