# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Support rules of Hyper-V isolated containers in a VM."""

from __future__ import annotations

from ..platform import EDITIONS, HOME_EDITIONS
from ..rule import ALWAYS_INFO, GUEST, HOST, UNKNOWN, Facts, Observed, Request, Rule, at, at_least, counted, requires
from .nesting import NESTED, guest_build
from .wsl import missing_features

_REQUIREMENTS = "https://learn.microsoft.com/virtualization/windowscontainers/deploy-containers/system-requirements"
_COMPATIBILITY = "https://learn.microsoft.com/virtualization/windowscontainers/deploy-containers/version-compatibility"
_ENGINE = "https://github.com/moby/moby/blob/v28.0.0/daemon/daemon_windows.go"

_CONTAINERS = frozenset({"isolated_containers"})
_FIRST_BUILD = 17763
# Releases of the long-term channel, and the first build that runs containers of the one before it by process isolation
# (hcsshim: osversion/platform_compat_windows.go).
_LONG_TERM = (14393, 17763, 20348, 26100)
_FORWARD_COMPATIBLE = 20348


def _build(facts: Facts, _request: Request) -> Observed:
    build = guest_build(facts)
    if build is None:
        return UNKNOWN
    return f"a guest of build {build}" if build < _FIRST_BUILD else None


def _image(facts: Facts, _request: Request) -> Observed:
    """An image that this Windows can't run; the newest that it can is its own by both kinds of isolation."""
    image, host, isolation = at(facts, "image.build"), guest_build(facts), at(facts, "image.isolation")
    if image is None or host is None:
        return UNKNOWN
    oldest = 0
    if isolation == "process":
        forward = host >= _FORWARD_COMPATIBLE
        oldest = max((build for build in _LONG_TERM if build < host), default=host) if forward else host
    return None if oldest <= image <= host else f"an image of build {image} in a guest of build {host}"


GUEST_BUILD, GUEST_EDITION, *_MORE = RULES = (
    Rule(
        "containers-guest-build",
        checks="The Windows of the guest is supported by current container engines",
        message="Docker Engine 23 and later need Windows Server 2019 or Windows 10 1809 (build 17763) or later",
        remedy="Upgrade Windows in the guest",
        source=_ENGINE,
        check=_build,
        reads=("guest.os", "vm.guest"),
        scenarios=_CONTAINERS,
        refs=("P30",),
    ),
    Rule(
        "containers-guest-edition",
        checks="The Windows edition of the guest has the features of containers",
        message="Hyper-V isolated containers need Windows Pro, Enterprise, Education or Server, not a Home edition",
        remedy="Upgrade the edition of Windows in the guest",
        source=_REQUIREMENTS,
        check=requires("guest.os.sku", lambda sku: sku not in HOME_EDITIONS, lambda sku: EDITIONS[sku]),
        reads=("guest.os",),
        about=GUEST,
        scenarios=_CONTAINERS,
        refs=("P04", "P30"),
    ),
    Rule(
        "containers-processors",
        checks="The VM has at least two virtual processors",
        message="a VM that runs Hyper-V isolated containers needs at least two virtual processors",
        remedy="Assign two or more virtual processors to the VM (vm_processor)",
        source=_REQUIREMENTS,
        check=at_least("vm.processor.count", 2, lambda count: counted(count, "virtual processor")),
        reads=("vm.processor",),
        scenarios=_CONTAINERS,
        refs=("P18",),
    ),
    Rule(
        "containers-features",
        checks="The Windows features of isolated containers are enabled in the guest",
        message="Hyper-V isolated containers need the features Containers and Microsoft-Hyper-V",
        remedy="Enable both features in the guest and restart it once",
        source=_REQUIREMENTS,
        check=lambda facts, _request: missing_features(facts, ("Containers", "Microsoft-Hyper-V")),
        reads=("guest.features",),
        about=GUEST,
        scenarios=_CONTAINERS,
        severity=ALWAYS_INFO,
        refs=("P32",),
    ),
    Rule(
        "containers-overhead",
        checks="The scenario is not isolated containers",
        message="isolated containers in a VM are supported; two layers of virtualization cost start time, storage, "
        "network and processor performance",
        remedy="Allow more time for the first start of a container, and size the VM for its overhead",
        source=NESTED,
        check=lambda _facts, request: request.scenario if request.scenario == "isolated_containers" else None,
        reads=(),
        about=HOST,
        scenarios=_CONTAINERS,
        severity=ALWAYS_INFO,
        refs=("R19",),
    ),
)

# What the modules for containers enforce in a guest.
ENGINE_RULES = (GUEST_BUILD, GUEST_EDITION)
CONTAINER_RULES = (
    *(rule for rule in _MORE if rule.id == "containers-features"),
    Rule(
        "containers-hypervisor",
        checks="The hypervisor of the guest has started with Windows",
        message="containers with Hyper-V isolation need a running hypervisor in the guest",
        remedy="Turn the VM off, expose virtualization extensions to it on its Hyper-V host (vm_nesting), and start it",
        source=NESTED,
        check=requires(
            "guest.launch_failure", lambda reason: False, lambda reason: f"the event '{reason.rstrip('.')}'"
        ),
        reads=("guest.launch_failure",),
        about=GUEST,
        scenarios=_CONTAINERS,
    ),
    Rule(
        "containers-image-build",
        checks="The Windows in the image of a container is not newer than that of the guest",
        message="a container runs on the build of its image or a later one, with process isolation only from the "
        "release before it",
        remedy="Choose an image of the guest's build, or upgrade Windows in the guest",
        source=_COMPATIBILITY,
        check=_image,
        reads=("image.build", "guest.os"),
        about=GUEST,
        scenarios=_CONTAINERS,
    ),
)
