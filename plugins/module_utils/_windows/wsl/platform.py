# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What WSL 2 needs of Windows, and whether this Windows and this user can have it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple, Protocol

from ..._task.errors import Refused, Rule
from ..._task.session import Target
from .. import feature, hypervisor, identity, program, registry, software
from . import package

VIRTUAL_MACHINES, LINUX = "VirtualMachinePlatform", "Microsoft-Windows-Subsystem-Linux"
_WINDOWS_11 = 22000
_POLICIES = r"SOFTWARE\Policies\WSL"


class Lack(Protocol):
    """A support rule that this Windows violates (`_policy.rule.Violation`)."""

    @property
    def rule(self) -> Rule: ...

    def sentence(self) -> str:
        """The rule, and what violates it."""


Lacks = Callable[..., Iterable[Lack]]  # from build and revision


class Windows(NamedTuple):
    """Build and revision (UBR) of the target; the revision is None if it is hidden."""

    build: int
    revision: int | None

    @property
    def features(self) -> tuple[str, ...]:
        """The features of WSL 2."""
        return (VIRTUAL_MACHINES,) if self.build >= _WINDOWS_11 else (LINUX, VIRTUAL_MACHINES)


def fetch(target: Target) -> Windows:
    """The Windows of the target."""
    revision = target.once("revision", lambda: software.fetch_revision(target))
    return Windows(program.build(target), revision)


def check(target: Target, lacks: Lacks) -> Windows:
    """The Windows of the target. Raises Refused if WSL 2 can't work on it, or not for this user."""
    windows = fetch(target)
    broken = list(lacks(windows.build, windows.revision))
    if broken:
        raise Refused(
            f"WSL 2 can't run on {target.name}: {'; '.join(lack.sentence() for lack in broken)}",
            **broken[0].rule.details(),
        )
    if identity.fetch_sid(target) == identity.LOCAL_SYSTEM:
        raise Refused(
            f"the user of the connection to {target.name} is LocalSystem, for which WSL does not run. Connect with an "
            "account of an administrator (ansible_user)"
        )
    if registry.number(target, _POLICIES, "AllowWSL") == 0:
        raise Refused(
            f"a policy forbids WSL on {target.name}: AllowWSL is 0 in HKLM\\{_POLICIES} ('Allow the Windows Subsystem "
            "for Linux'). Have it changed by those who manage the policies of this computer"
        )
    return windows


def check_ready(target: Target, lacks: Lacks) -> None:
    """Raise Refused if no distribution can run on this Windows, as far as it can be known before."""
    windows = check(target, lacks)
    package.fetch_program(target)
    check_features(target, windows)
    failure = hypervisor.launch_failure(target)
    if failure and not target.foreseen.get("boot"):
        raise Refused(
            f"WSL 2 can't run on {target.name}: its hypervisor did not start ({failure}). Expose virtualization "
            "extensions to the VM on its Hyper-V host while the VM is off (module vm_nesting)"
        )


def check_features(target: Target, windows: Windows) -> None:
    """Raise Refused if a feature of WSL 2 is not enabled, or waits for a restart."""
    states = feature.fetch_named(target, windows.features)
    waiting = [name for name, state in states.items() if state == feature.ENABLE_PENDING]
    missing = [name for name, state in states.items() if state not in (feature.ENABLED, feature.ENABLE_PENDING)]
    if missing:
        raise Refused(
            f"WSL 2 needs {_listed(missing)}, not enabled on {target.name}. Enable the features and restart Windows "
            "(module wsl with 'allow_reboot: true')",
            features=states,
        )
    if waiting:
        raise Refused(
            f"WSL 2 needs {_listed(waiting)}, enabled when {target.name} restarts. Restart it first (module "
            "guest_reboot)",
            features=states,
            reboot_required=True,
        )


def _listed(names: list[str]) -> str:
    return f"the feature{'s' if len(names) > 1 else ''} {', '.join(names)}"
