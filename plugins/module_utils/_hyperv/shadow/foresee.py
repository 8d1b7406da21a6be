# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running a module on the shadow of a host."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from ..._task.session import Target, Task
from ..._wsman.faults import HostError
from . import checkpoint, guest_data, host_settings, network, parts, storage, vm
from .client import Method, Shadow
from .overlay import Overlay

# A method without a row can't be foreseen, which is a warning of the task that would call it.
METHODS: Mapping[tuple[str, str], Method] = {
    **vm.METHODS,
    **parts.METHODS,
    **checkpoint.METHODS,
    **storage.METHODS,
    **network.METHODS,
    **host_settings.METHODS,
    **guest_data.METHODS,
}

# Results that are ids of objects that a task creates.
_IDS = ("id", "checkpoint_id")


def foresee(
    run: Callable[[Target, Task], dict[str, Any]], host: Target, task: Task, overlay: Overlay | None
) -> dict[str, Any]:
    """The result of a module in check mode, whose changes become part of the overlay."""
    overlay = Overlay() if overlay is None else overlay
    shadow = Shadow(host.client, overlay, METHODS, lambda line: host.warn(f"{host.name}: {line}"))
    before = bool(overlay)
    try:
        result = run(replace(host, client=shadow, foresees=True, foreseen=overlay.windows), task)
    except HostError as error:
        error.message, error.details = without_ids([error.message, error.details], overlay.made_up)
        raise
    if before and shadow.used and "diff" not in result:
        host.warn(f"{host.name}: this includes what earlier tasks of this check would have changed")
    return without_ids(result, overlay.made_up)


def without_ids(value: Any, made_up: Iterable[str]) -> Any:
    """A result without the ids of objects that don't exist yet; texts that contain one have ``…`` in its place."""
    pattern = re.compile("|".join(map(re.escape, made_up)), re.IGNORECASE) if made_up else None

    def without(part: Any) -> Any:
        if isinstance(part, Mapping):
            return {name: without(inner) for name, inner in part.items() if not (name in _IDS and is_made_up(inner))}
        if isinstance(part, list):
            return [without(inner) for inner in part]
        return pattern.sub("…", part) if pattern and isinstance(part, str) else part

    def is_made_up(id: Any) -> bool:
        return id == "" or bool(pattern and isinstance(id, str) and pattern.search(id))

    return without(value)
