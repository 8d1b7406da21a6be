# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Support rules of nested virtualization, whatever runs in the VMs."""

from __future__ import annotations

from typing import Any, NamedTuple

from ..._task.units import format_size
from ..platform import AZURE, EDITIONS, HOME_EDITIONS, HYPER_V
from ..rule import (
    ALWAYS_INFO,
    ALWAYS_WARN,
    COMMON,
    GUEST,
    HOST,
    INFO,
    INFO_WARN,
    UNKNOWN,
    VM,
    WARN_FAIL,
    Facts,
    Observed,
    Request,
    Rule,
    Violation,
    at,
    at_least,
    counted,
    requires,
    violations,
)

_LEARN = "https://learn.microsoft.com/windows-server/virtualization/hyper-v"
NESTED = f"{_LEARN}/nested-virtualization"
ENABLE = f"{_LEARN}/enable-nested-virtualization"
_ON_WINDOWS = "https://learn.microsoft.com/virtualization/hyper-v-on-windows"
_REQUIREMENTS = f"{_ON_WINDOWS}/reference/hyper-v-requirements"
_TLFS = f"{_ON_WINDOWS}/tlfs/nested-virtualization"
_SCRIPT = (
    "https://github.com/MicrosoftDocs/Virtualization-Documentation/blob/main/hyperv-tools/Nested/"
    "Get-NestedVirtStatus.ps1"
)
_BOOT = "https://learn.microsoft.com/windows/wsl/troubleshooting"
_CONTAINERS = "https://learn.microsoft.com/virtualization/windowscontainers/deploy-containers/system-requirements"
_CERTIFICATES = (
    "https://support.microsoft.com/topic/secure-boot-certificate-updates-guidance-for-it-professionals-and-"
    "organizations-e2b43f9f-b424-42df-bc6a-8476db65ab2f"
)
_DELEGATION = f"{_LEARN}/plan/plan-hyper-v-security-in-windows-server"

GB = 1 << 30
_POWERED = ("running", "paused")
_VIRTUALIZATION = "root/virtualization/v2"
_SERVER_2022 = 20348
_MOST_OLD_GUEST = 225  # virtual processors of Windows Server 2019 and earlier


class Need(NamedTuple):
    """The minimum host build and VM configuration version for a processor vendor."""

    build: int
    version: tuple[int, int]


# First host builds that can nest; Windows 11 (22000) lies above Server 2022 (20348).
NEEDS = {
    "GenuineIntel": Need(14393, (8, 0)),
    "AuthenticAMD": Need(_SERVER_2022, (9, 3)),
}


def version_tuple(version: str | None) -> tuple[int, int]:
    """``9.3`` -> (9, 3): configuration versions compare by number, not as text ("10.0" is above "9.3")."""
    major, _dot, minor = (version or "0").partition(".")
    return int(major), int(minor or 0)


# ---- checks of the host ----


def _processor(facts: Facts, _request: Request) -> Observed:
    vendor = at(facts, "host.processor.vendor")
    if at(facts, "host.processor") is None:
        return UNKNOWN
    return None if vendor in NEEDS else vendor or "an unknown processor"


def _build(facts: Facts, _request: Request) -> Observed:
    vendor, build = at(facts, "host.processor.vendor"), at(facts, "host.os.build")
    need = NEEDS.get(vendor)
    if need is None or build is None:
        return UNKNOWN
    return f"build {build} with {vendor}" if build < need.build else None


def _extensions(facts: Facts, _request: Request) -> Observed:
    flags = at(facts, "host.processor.virtualization") or {"trusted": False}
    if not flags["trusted"]:  # a running hypervisor hides them
        return UNKNOWN
    return None if all(flags.values()) else "a processor without them"


def _running(facts: Facts, _request: Request) -> Observed:
    if at(facts, "host.service.state") == "stopped":
        return "a host whose management service (vmms) is stopped"
    if "hyperv" in facts["host"] and facts["host"]["hyperv"] is None:
        return "a host without Hyper-V, or whose management service doesn't run"
    present = at(facts, "host.hypervisor_present")
    if present is None:
        return UNKNOWN
    return None if present else "a host whose hypervisor doesn't run"


def _depth(facts: Facts, request: Request) -> Observed:
    """Levels of nesting: those above the host, and the one of its VMs if these nest."""
    level, platform = at(facts, "host.level"), at(facts, "host.machine.platform")
    if at(facts, "host.machine") is None and level is None:
        return UNKNOWN
    if platform in (HYPER_V, AZURE):
        level = max(level or 1, 1)
    elif (level or 0) < 2:
        return None
    if level + request.nests < 2:
        return None
    deep = f", at level {level}" if level > 1 else ""
    return f"a host that is a Hyper-V VM itself{deep}"


def _platform(fits: Any, found: str) -> Any:
    """A check of the platform that the host is a VM of; a physical host has none."""

    def check(facts: Facts, _request: Request) -> Observed:
        if at(facts, "host.machine") is None:
            return UNKNOWN
        platform = at(facts, "host.machine.platform")
        return found.format(platform) if platform is not None and fits(platform) else None

    return check


def _rights(facts: Facts, _request: Request) -> Observed:
    if at(facts, "host.rights") is None:
        return UNKNOWN
    space = (at(facts, "host.rights.namespaces") or {}).get(_VIRTUALIZATION) or {}
    if space.get("methods") is False:
        return f"no right to execute methods in {_VIRTUALIZATION}"
    groups = [at(facts, f"host.rights.{name}") for name in ("administrator", "hyperv_administrator")]
    if any(groups):
        return None
    return UNKNOWN if None in groups else "a user who belongs to neither group"


# ---- checks of a VM ----


def _version(facts: Facts, _request: Request) -> Observed:
    vendor, version = at(facts, "host.processor.vendor"), at(facts, "vm.version")
    need = NEEDS.get(vendor)
    if need is None or version is None:
        return UNKNOWN
    return f"version {version} with {vendor}" if version_tuple(version) < need.version else None


def _in_state(states: tuple[str, ...], exposed: bool) -> Any:
    """A check whether a VM is in one of the states while its extensions are (not) exposed."""

    def check(facts: Facts, _request: Request) -> Observed:
        state, extensions = at(facts, "vm.state"), at(facts, "vm.nesting.virtualization_extensions")
        if state is None or extensions is None:
            return UNKNOWN
        return f"a VM that is {state}" if state in states and extensions is exposed else None

    return check


def _memory_change(facts: Facts, request: Request) -> Observed:
    """A running VM that may run Hyper-V, and whose startup memory has to be increased."""
    startup = at(facts, "vm.memory.startup")
    powered = _in_state(_POWERED, True)(facts, request)
    if powered is UNKNOWN or startup is None:
        return UNKNOWN
    return f"{powered}, with {format_size(startup)}" if powered and startup < 4 * GB else None


def _dynamic(facts: Facts, _request: Request) -> Observed:
    dynamic = at(facts, "vm.memory.dynamic")
    if dynamic is None:
        return UNKNOWN
    return f"dynamic memory that starts with {format_size(at(facts, 'vm.memory.startup') or 0)}" if dynamic else None


def _host_memory(of: str, states: tuple[str, ...]) -> Any:
    """A check that the startup memory of a VM in these states (empty: any) fits the host's total or free memory."""

    def check(facts: Facts, _request: Request) -> Observed:
        startup, has, state = at(facts, "vm.memory.startup"), at(facts, f"host.memory.{of}"), at(facts, "vm.state")
        if startup is None or not has or state is None:
            return UNKNOWN
        if startup <= has or (states and state not in states):
            return None
        return f"{format_size(startup)} of startup memory, and {has >> 20} MB on the host"

    return check


def guest_build(facts: Facts) -> int | None:
    """The build of the guest's Windows, from the guest itself or as its integration services report it."""
    build = at(facts, "guest.os.build")
    if build is None:
        numbers = (at(facts, "vm.guest.os_version") or "").split(".")
        windows = "windows" in (at(facts, "vm.guest.os") or "").lower()
        build = int(numbers[2]) if windows and len(numbers) > 2 and numbers[2].isdigit() else None
    return build


def _processors_of_old_guest(facts: Facts, _request: Request) -> Observed:
    count, build = at(facts, "vm.processor.count"), guest_build(facts)
    if count is None or (build is None and count > _MOST_OLD_GUEST):
        return UNKNOWN
    if count <= _MOST_OLD_GUEST or (build or 0) >= _SERVER_2022:
        return None
    return f"{count} virtual processors with a guest of build {build}"


def adapters(facts: Facts) -> list[bool] | None:
    """Whether each adapter of the VM may spoof MAC addresses."""
    rows = at(facts, "vm.nesting.adapters")
    return None if rows is None else [bool(row["mac_spoofing"]) for row in rows]


def _no_spoofing(facts: Facts, _request: Request) -> Observed:
    spoofing = adapters(facts)
    if spoofing is None:
        return UNKNOWN
    if not spoofing or any(spoofing) or at(facts, "host.machine.platform") == AZURE or at(facts, "guest.network.nats"):
        return None
    return "MAC address spoofing is off on every adapter"


def _mixed_spoofing(facts: Facts, _request: Request) -> Observed:
    spoofing = adapters(facts)
    if spoofing is None:
        return UNKNOWN
    if len(set(spoofing)) < 2:
        return None
    names = [row["name"] for row in at(facts, "vm.nesting.adapters") if not row["mac_spoofing"]]
    return f"MAC address spoofing is off on {', '.join(names)} and on on the others"


def _running_with_checkpoints(facts: Facts, request: Request) -> Observed:
    checkpoints = at(facts, "vm.checkpoints")
    powered = _in_state(_POWERED, True)(facts, request)
    if powered is UNKNOWN or checkpoints is None:
        return UNKNOWN
    return f"{powered}, with {counted(len(checkpoints), 'checkpoint')}" if powered and checkpoints else None


def _moving(facts: Facts, _request: Request) -> Observed:
    migration, replication = at(facts, "host.live_migration.enabled"), at(facts, "vm.replication.enabled")
    if migration or replication:
        return " and ".join(
            text for known, text in ((migration, "live migration"), (replication, "replication")) if known
        )
    return UNKNOWN if migration is None else None


def _clustering(facts: Facts, _request: Request) -> Observed:
    """Failover clustering of, in or below the VM; a physical cluster whose VMs are not clustered is none of it."""
    of_vm, in_guest = at(facts, "vm.clustered"), at(facts, "guest.cluster.member")
    below = at(facts, "host.cluster.member") if (at(facts, "host.level") or 0) > 0 else False
    for known, text in (
        (of_vm, "a VM that is a role of a failover cluster"),
        (in_guest, "a guest that is a node of a failover cluster"),
        (below, "a host that is a VM and a node of a failover cluster"),
    ):
        if known:
            return text
    return UNKNOWN if None in (of_vm, below) else None


def _certificates(facts: Facts, _request: Request) -> Observed:
    secure_boot, recent = at(facts, "vm.firmware.secure_boot"), at(facts, "vm.firmware.certificates_2023")
    if secure_boot is None or (secure_boot and recent is None):
        return UNKNOWN
    return (
        "a VM that may have been created before its host had these certificates" if secure_boot and not recent else None
    )


def _third_party(facts: Facts, _request: Request) -> Observed:
    services = at(facts, "guest.software.third_party")
    if services is None:
        return UNKNOWN
    return f"the services {', '.join(services)}" if services else None


# ---- rules ----

MEMORY_WHILE_NESTED = Rule(
    "nested-memory-off",
    checks="A running VM with virtualization extensions does not need more startup memory",
    message="while Hyper-V runs inside a VM, the VM must be turned off to change its memory",
    remedy="Turn the VM off to change its memory, or let vm_nesting or vm_memory do it with allow_power_cycle",
    source=NESTED,
    check=_memory_change,
    reads=("vm.memory", "vm.nesting", "vm.state"),
    scenarios=COMMON,
    refs=("R04", "R06", "R07", "R08", "P39"),
)
DYNAMIC_MEMORY_WHILE_NESTED = Rule(
    "nested-dynamic-memory",
    checks="The VM has static memory",
    message="while Hyper-V runs inside a VM, its memory doesn't fluctuate even if dynamic memory is enabled",
    remedy="Use static memory (vm_nesting with static_memory), and choose startup memory that is enough",
    source=NESTED,
    check=_dynamic,
    reads=("vm.memory",),
    scenarios=COMMON,
    severity=ALWAYS_WARN,
    refs=("R05", "R06", "P16"),
)
HOST_TOO_OLD = Rule(
    "nested-host-build",
    checks="The Windows of the host is recent enough for its processor",
    message="nested virtualization needs a host of Windows Server 2016 or Windows 10 (build 14393) or later on Intel "
    "processors, of Windows Server 2022 (build 20348) or Windows 11 (build 22000) or later on AMD processors",
    remedy="Upgrade Windows on the host, or use another host",
    source=ENABLE,
    check=_build,
    reads=("host.os", "host.processor"),
    about=HOST,
    refs=("P01", "P03"),
)
VM_VERSION_TOO_OLD = Rule(
    "nested-vm-version",
    checks="The configuration version of the VM is recent enough for the processor of the host",
    message="nested virtualization needs VM configuration version 8.0 or later on Intel processors, "
    "9.3 or later on AMD processors",
    remedy="Upgrade the configuration version (vm with 'upgrade_version: true'); this can't be undone",
    source=ENABLE,
    check=_version,
    reads=("host.processor", "vm.version"),
    refs=("P14",),
)
PROCESSOR_UNSUPPORTED = Rule(
    "nested-processor",
    checks="The host has an Intel or AMD processor",
    message="nested virtualization needs an Intel processor with VT-x and EPT, or an AMD EPYC or Ryzen processor or "
    "later",
    remedy="Use a host with such a processor",
    source=ENABLE,
    check=_processor,
    reads=("host.processor",),
    about=HOST,
    refs=("P02",),
)

RULES = (
    PROCESSOR_UNSUPPORTED,
    HOST_TOO_OLD,
    VM_VERSION_TOO_OLD,
    MEMORY_WHILE_NESTED,
    DYNAMIC_MEMORY_WHILE_NESTED,
    Rule(
        "hyperv-processor",
        checks="The processor has the extensions that Hyper-V needs, as far as no running hypervisor hides them",
        message="Hyper-V needs a processor with VT-x or AMD-V and second level address translation, switched on in "
        "the firmware",
        remedy="Enable virtualization in the firmware of the host; on a host that is a VM, expose virtualization "
        "extensions to it",
        source=_REQUIREMENTS,
        check=_extensions,
        reads=("host.processor",),
        about=HOST,
        refs=("P02",),
    ),
    Rule(
        "hyperv-edition",
        checks="The Windows edition of the host has Hyper-V",
        message="Hyper-V comes with Windows Pro, Enterprise, Education and Server, not with Home editions",
        remedy="Upgrade the edition of Windows on the host",
        source=_REQUIREMENTS,
        check=requires("host.os.sku", lambda sku: sku not in HOME_EDITIONS, lambda sku: EDITIONS[sku]),
        reads=("host.os",),
        about=HOST,
        refs=("P04",),
    ),
    Rule(
        "hyperv-not-running",
        checks="Hyper-V is installed on the host, and its hypervisor and management service run",
        message="VMs, nested or not, need the Hyper-V role and a running hypervisor",
        remedy="Install the Hyper-V role, restart the host, and start the service vmms",
        source=ENABLE,
        check=_running,
        reads=("host.hyperv", "host.hypervisor_present", "host.service"),
        about=HOST,
        refs=("P05",),
    ),
    Rule(
        "hyperv-launch",
        checks="The boot configuration of the host starts the hypervisor",
        message="with hypervisorlaunchtype off, the host doesn't start its hypervisor",
        remedy="Run 'bcdedit /set hypervisorlaunchtype auto' on the host and restart it",
        source=_BOOT,
        check=requires("host.boot.hypervisor_launch", lambda launch: launch != "off", "hypervisorlaunchtype off"),
        reads=("host.boot",),
        about=HOST,
        refs=("P06",),
    ),
    Rule(
        "nested-not-offered",
        checks="The boot configuration of the host does not disable nested virtualization",
        message="with OFFERNESTEDVIRT=FALSE in hypervisorloadoptions, the hypervisor offers no nested virtualization",
        remedy="Remove OFFERNESTEDVIRT=FALSE from hypervisorloadoptions with bcdedit and restart the host",
        source=_SCRIPT,
        check=requires("host.boot.nested_offered", bool, "OFFERNESTEDVIRT=FALSE"),
        reads=("host.boot",),
        about=HOST,
        refs=("P06",),
    ),
    Rule(
        "hyperv-service-start",
        checks="The management service of Hyper-V starts with the host",
        message="if the service vmms doesn't start with the host, no VM can be managed or started after a restart",
        remedy="Set the start type of the service vmms to Automatic",
        source=_REQUIREMENTS,
        check=requires(
            "host.service.start_mode",
            lambda mode: mode.lower() in ("auto", "automatic"),
            lambda mode: f"start type {mode}",
        ),
        reads=("host.service",),
        about=HOST,
        severity=ALWAYS_WARN,
    ),
    Rule(
        "nested-depth",
        checks="The VMs that nest are VMs of a physical host",
        message="one level of nested virtualization is supported in production",
        remedy="Run the VMs on a physical Hyper-V host, or hide virtualization extensions from VMs of this host",
        source=NESTED,
        check=_depth,
        reads=("host.level", "host.machine"),
        about=HOST,
        severity=WARN_FAIL,
        final=True,
        refs=("R20", "P07"),
    ),
    Rule(
        "nested-foreign-hypervisor",
        checks="The host is no VM of another vendor's virtualization",
        message="Hyper-V on the virtualization of other vendors may run, but Microsoft neither tests nor supports it",
        remedy="Use a physical host or a Hyper-V VM, or ask the vendor of the virtualization for support",
        source=NESTED,
        check=_platform(lambda platform: platform not in (HYPER_V, AZURE), "a host that is a VM of {}"),
        reads=("host.machine",),
        about=HOST,
        severity=WARN_FAIL,
        refs=("R01", "R17", "P08"),
    ),
    Rule(
        "nested-azure",
        checks="The host is no Azure VM",
        message="nested virtualization in an Azure VM needs the security type Standard, and nested guests reach the "
        "network through NAT only",
        remedy="Check size and security type of the Azure VM, and connect nested guests through a NAT (nat_network)",
        source=ENABLE,
        check=_platform(lambda platform: platform == AZURE, "a host that is an Azure VM"),
        reads=("host.machine",),
        about=HOST,
        severity=ALWAYS_WARN,
        refs=("P09",),
    ),
    Rule(
        "hyperv-rights",
        checks="The user may change VMs",
        message="managing VMs needs membership in Administrators or Hyper-V Administrators of the host",
        remedy="Add the user to Hyper-V Administrators and Remote Management Users, and grant Remote Enable and "
        "Execute Methods on the namespace root/virtualization/v2",
        source=_DELEGATION,
        check=_rights,
        reads=("host.rights",),
        about=HOST,
    ),
    Rule(
        "host-security",
        checks="Virtualization-based security does not run on the host",
        message="the preview of nested virtualization (2015) excluded hosts with virtualization-based security; "
        "current versions document no such limit",
        remedy="Nothing to do; if nested virtualization fails on this host, try without virtualization-based security",
        source=_SCRIPT,
        check=requires(
            "host.security.virtualization_based_security",
            lambda state: state == "off",
            lambda state: f"virtualization-based security is {state}",
        ),
        reads=("host.security",),
        about=HOST,
        scenarios=COMMON,
        severity=ALWAYS_INFO,
        refs=("P29",),
    ),
    Rule(
        "nested-extensions",
        checks="Virtualization extensions are exposed to the VM",
        message="without virtualization extensions, no hypervisor runs inside a VM; by default they are hidden",
        remedy="Expose them while the VM is off (vm_nesting)",
        source=ENABLE,
        check=requires("vm.nesting.virtualization_extensions", bool, "virtualization extensions are hidden"),
        reads=("vm.nesting",),
        refs=("R02", "P15"),
    ),
    Rule(
        "nested-vm-off",
        checks="The VM is off if virtualization extensions have to be exposed",
        message="virtualization extensions can only be exposed while the VM is off",
        remedy="Turn the VM off, or let vm_nesting do it with allow_power_cycle",
        source=ENABLE,
        check=_in_state(_POWERED, False),
        reads=("vm.nesting", "vm.state"),
        refs=("P12",),
    ),
    Rule(
        "nested-vm-saved",
        checks="The VM has no saved state if virtualization extensions have to be exposed",
        message="a saved VM is not off, and virtualization extensions can only be exposed while the VM is off",
        remedy="Start the VM and shut it down, or let vm_nesting discard the saved state with discard_saved_state",
        source=_SCRIPT,
        check=_in_state(("saved",), False),
        reads=("vm.nesting", "vm.state"),
        refs=("P13",),
    ),
    Rule(
        "nested-minimum-memory",
        checks="The VM has enough startup memory",
        message="a VM that runs Hyper-V needs at least 4 GB of memory, which is its startup memory",
        remedy="Increase the startup memory to 4 GB or more (vm_nesting with minimum_startup_memory)",
        source=_CONTAINERS,
        check=at_least("vm.memory.startup", 4 * GB, lambda size: f"{format_size(size)} of startup memory"),
        reads=("vm.memory",),
        scenarios=COMMON,
        refs=("R05", "P17"),
    ),
    Rule(
        "nested-old-guest-processors",
        checks="A guest of Windows Server 2019 or earlier has at most 225 virtual processors",
        message="a VM with nested virtualization and a guest of Windows Server 2019 or earlier may have at most 225 "
        "virtual processors",
        remedy="Reduce the number of virtual processors (vm_processor), or upgrade the guest",
        source=ENABLE,
        check=_processors_of_old_guest,
        reads=("guest.os", "vm.guest", "vm.processor"),
        scenarios=COMMON,
        refs=("P18",),
    ),
    Rule(
        "host-memory",
        checks="The startup memory of the VM fits the memory of the host",
        message="a VM can't start with more startup memory than the host has",
        remedy="Reduce the startup memory, or use another host",
        source=NESTED,
        check=_host_memory("total", ()),
        reads=("host.memory", "vm.memory", "vm.state"),
        refs=("P19",),
    ),
    Rule(
        "host-free-memory",
        checks="The startup memory of a VM that is off fits the free memory of the host",
        message="a VM can only start if its startup memory is free on the host",
        remedy="Turn off other VMs, or reduce the startup memory",
        source=NESTED,
        check=_host_memory("free", ("off",)),
        reads=("host.memory", "vm.memory", "vm.state"),
        severity=ALWAYS_WARN,
        refs=("P19",),
    ),
    Rule(
        "nested-mac-spoofing-mixed",
        checks="MAC address spoofing is the same on all adapters of the VM",
        message="nested guests reach the network only through adapters with MAC address spoofing",
        remedy="Allow MAC address spoofing on all adapters, or connect nested guests to those that have it",
        source=ENABLE,
        check=_mixed_spoofing,
        reads=("vm.nesting",),
        scenarios=COMMON,
        severity=ALWAYS_WARN,
        refs=("P22",),
    ),
    Rule(
        "nested-mac-spoofing",
        checks="At least one adapter of the VM allows MAC address spoofing, or nested guests are behind a NAT",
        message="nested guests reach the network through MAC address spoofing on the VM, or a NAT inside the VM",
        remedy="Allow MAC address spoofing (vm_nesting with network mac_spoofing), or create a NAT inside the VM "
        "(nat_network) and ignore this rule",
        source=ENABLE,
        check=_no_spoofing,
        reads=("guest.network", "host.machine", "vm.nesting"),
        scenarios=frozenset({"nested_vms", "isolated_containers"}),
        severity=ALWAYS_WARN,
        refs=("P22",),
    ),
    Rule(
        "nested-checkpoints",
        checks="A running VM with virtualization extensions has no checkpoints",
        message="a checkpoint of a VM that runs Hyper-V may only be applied while the VM is off",
        remedy="Turn the VM off before a checkpoint is taken or applied",
        source=_SCRIPT,
        check=_running_with_checkpoints,
        reads=("vm.checkpoints", "vm.nesting", "vm.state"),
        scenarios=COMMON,
        severity=ALWAYS_WARN,
        refs=("R13", "P25"),
    ),
    Rule(
        "nested-live-migration",
        checks="The VM is neither replicated nor on a host with live migration",
        message="live migration, saving and replication of a VM in which a hypervisor runs are not documented as "
        "supported",
        remedy="Turn the VM off before it is moved, and exclude it from replication",
        source=_TLFS,
        check=_moving,
        reads=("host.live_migration", "vm.replication"),
        severity=ALWAYS_WARN,
        refs=("P28",),
    ),
    Rule(
        "nested-cluster",
        checks="Neither the VM, nor its guest, nor a host that is a VM belongs to a failover cluster",
        message="nested virtualization is not suitable for Windows Server Failover Clustering",
        remedy="Run clusters on physical hosts, and keep VMs that nest out of clusters",
        source=NESTED,
        check=_clustering,
        reads=("guest.cluster", "host.cluster", "host.level", "vm.clustered"),
        scenarios=COMMON,
        severity=WARN_FAIL,
        final=True,
        refs=("R11", "P26"),
    ),
    Rule(
        "vm-clustered",
        checks="The VM is no role of a failover cluster",
        message="the cluster owns the settings of a clustered VM, and may move it to another host",
        remedy="Change the VM on the node that owns it, and refresh its configuration in the cluster",
        source=NESTED,
        check=requires("vm.clustered", lambda clustered: not clustered, "a VM that is a role of a failover cluster"),
        reads=("vm.clustered",),
        about=VM,
        severity=ALWAYS_WARN,
        refs=("P26",),
    ),
    Rule(
        "vm-secure-boot-certificates",
        checks="A VM with secure boot was created after its host had the Secure Boot certificates of 2023",
        message="a VM keeps the Secure Boot variables with which it was created, and the certificates of 2011 in them "
        "expire in 2026",
        remedy="Check UEFICA2023Status in the registry of the guest, update host and guest, and let the guest install "
        "the certificates. Do not change the secure boot template of a VM with a TPM for it",
        source=_CERTIFICATES,
        check=_certificates,
        reads=("vm.firmware",),
        about=VM,
        severity=INFO_WARN,
    ),
    Rule(
        "nested-third-party",
        checks="The guest has no virtualization software of other vendors",
        message="applications other than Hyper-V that need virtualization extensions are not supported in a Hyper-V VM "
        "and are likely to fail",
        remedy="Remove the application, or ask its vendor for support",
        source=NESTED,
        check=_third_party,
        reads=("guest.software",),
        about=GUEST,
        severity=WARN_FAIL,
        refs=("R01", "R09", "R16", "P10"),
    ),
    Rule(
        "guest-pending-reboot",
        checks="Windows in the guest does not wait for a restart",
        message="Windows features can't be installed while a restart is pending",
        remedy="Restart the guest first",
        source="https://learn.microsoft.com/windows-hardware/manufacture/desktop/dism-operating-system-package-"
        "servicing-command-line-options",
        check=requires("guest.software.pending_reboot", lambda pending: not pending, "a restart is pending"),
        reads=("guest.software",),
        about=GUEST,
        severity=ALWAYS_WARN,
        refs=("P36",),
    ),
    Rule(
        "nested-production",
        checks="The purpose is not production",
        message="production use is supported, if the services in the VM are supported in a nested environment; "
        "performance-sensitive applications are not suitable",
        remedy="Evaluate the behaviour of the applications, and check the support statements of their vendors",
        source=NESTED,
        check=lambda _facts, request: "production" if request.purpose == "production" else None,
        reads=(),
        about=HOST,
        scenarios=COMMON,
        severity={"evaluation": None, "production": INFO},
        refs=("R10", "R11", "R12", "R15", "R21"),
    ),
)

_BEFORE_EXPOSING = (PROCESSOR_UNSUPPORTED, HOST_TOO_OLD, VM_VERSION_TOO_OLD)


def lacks(vendor: str, build: int, version: str | None = None) -> list[Violation]:
    """The rules of nesting that this processor vendor, host build and VM configuration version (if given) violate."""
    facts = {
        "host": {"processor": {"vendor": vendor}, "os": {"build": build}},
        "vm": None if version is None else {"version": version},
    }
    return violations(_BEFORE_EXPOSING, facts, Request("nested_vms"))[0]
