"""The documentation as users read it: its language, the PowerShell parameters, the texts that modules share."""

from __future__ import annotations

import re
import tokenize
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from ansible.plugins.loader import fragment_loader
from ansible.utils.plugin_docs import get_docstring

ROOT = Path(__file__).resolve().parents[3]
MODULES = sorted(path.stem for path in (ROOT / "plugins/modules").glob("[a-z]*.py"))
BLOCK = re.compile(r'^(?:DOCUMENTATION|EXAMPLES|RETURN) = r"""\n(.*?)^"""', re.MULTILINE | re.DOTALL)

# Whole files whose language is checked.
TEXTS = (
    "*.md",
    ".github/**/*.*",
    "docs/*.md",
    "docs/docsite/**/*.*",
    "docs/sphinx/*.rst",
    "galaxy.yml",
    "meta/*.yml",
    "changelogs/fragments/*.yml",
    "playbooks/**/*.yml",
    "roles/*/README.md",
    "plugins/doc_fragments/*.py",
    "plugins/filter/*.py",
    "plugins/inventory/*.py",
    "extensions/molecule/**/*.yml",
    "extensions/molecule/**/*.py",
    "tests/demo/*.sh",
    "tests/demo/*/*.yml",
)

# Idioms that are vague or unusual in reference documentation -> plain wording.
IDIOMS = {
    r"\b(tells?|told)\b": "return, report",
    r"\banew\b": "recreate",
    r"\b(looks?|looking) after\b": "manage, configure",
    r"\b(gives?|given|giving) (way|out)\b": "replace; assign",
    r"\b(is|are|was|were)(n't| not)? there\b": "exists, does not exist",
    r"\bthere (is|are|was|were)(n't| not| no)?\b": "a sentence with the object as its subject",
    r"\bwhere\b": "if, when, in which",
    r"\bwhat\b(?! is nested virtualization\?| has changed \(or would)": "the name of the object instead of a clause",
    r"\bfit to\b": "prepare … to",
    r"\bmakes\b": "create, configure",
    r"\bmade (of|from|by|anew|smaller|larger)\b": "created",
    r"\b(puts?|putting)\b": "insert, assign, add",
    r"\bstands? (on|in)\b": "is based on, has as its parent",
    r"\b(off|it|them) hard\b": "without a guest shutdown",
    r"\bways? out\b": "solution",
    r"\bof use\b": "used",
    r"\b(all|nothing|nobody|somebody) else\b": "the object",
    r"\b(them|it) all\b": "the object",
    r"\bleft in peace\b": "not changed",
    r"\bleave\w* alone\b|\bleft alone\b": "not changed",
    r"\btake\w* (away|it that|back)\b": "remove, assume",
    r"\bcomes? (of|to nothing)\b": "takes effect",
    r"\w+n't\b": "the full form",
}

# Cmdlet -> parameters that options name, from the reference of the modules Hyper-V, NetNat, NetTCPIP, DnsClient, Dism,
# Microsoft.PowerShell.Management, .Core and .LocalAccounts (Windows Server 2022); Wait-VM from Get-Help.
CMDLETS: Mapping[str, str] = {
    "Add-LocalGroupMember": "Member",
    "Add-NetNatStaticMapping": "ExternalIPAddress ExternalPort InternalIPAddress InternalPort NatName Protocol",
    "Add-VMDvdDrive": "ControllerLocation ControllerNumber",
    "Add-VMHardDiskDrive": "ControllerLocation ControllerNumber ControllerType Path",
    "Add-VMNetworkAdapter": "IsLegacy Name",
    "Get-NetIPAddress": "",
    "Get-NetNat": "",
    "Get-NetNatStaticMapping": "",
    "Get-Service": "",
    "Get-VM": "",
    "Get-VMBios": "",
    "Get-VMDvdDrive": "",
    "Get-VMFirmware": "",
    "Get-VMHardDiskDrive": "",
    "Get-VMHost": "",
    "Get-VMHostSupportedVersion": "",
    "Get-VMIntegrationService": "",
    "Get-VMMemory": "",
    "Get-VMNetworkAdapter": "",
    "Get-VMNetworkAdapterVlan": "",
    "Get-VMProcessor": "",
    "Get-VMReplication": "",
    "Get-VMSecurity": "",
    "Get-VMSnapshot": "",
    "Get-VMSwitch": "",
    "Get-VMSwitchTeam": "",
    "Get-Volume": "",
    "Get-WindowsOptionalFeature": "",
    "Remove-NetIPAddress": "",
    "Remove-NetNat": "",
    "Remove-VMDvdDrive": "",
    "Remove-VMHardDiskDrive": "",
    "Remove-VMNetworkAdapter": "",
    "Remove-VMSwitch": "",
    "Resume-VM": "",
    "Checkpoint-VM": "SnapshotName",
    "Connect-VMNetworkAdapter": "SwitchName",
    "Copy-Item": "Path ToSession",
    "Copy-VMFile": "CreateFullPath DestinationPath Force SourcePath",
    "Disable-VMIntegrationService": "Name",
    "Disable-WindowsOptionalFeature": "FeatureName",
    "Disable-VMTPM": "",
    "Disconnect-VMNetworkAdapter": "",
    "Enable-VMIntegrationService": "Name",
    "Enable-VMTPM": "",
    "Expand-Archive": "Path",
    "Enable-WindowsOptionalFeature": "All FeatureName LimitAccess Source",
    "Get-Content": "Raw",
    "Get-FileHash": "Algorithm",
    "Get-NetAdapter": "",
    "Enable-PSRemoting": "SkipNetworkProfileCheck",
    "New-LocalUser": "Name Password",
    "New-NetIPAddress": "DefaultGateway InterfaceAlias IPAddress PrefixLength",
    "New-NetNat": "InternalIPInterfaceAddressPrefix Name",
    "Convert-VHD": "Path VHDType",
    "Optimize-VHD": "Path",
    "New-VHD": "BlockSizeBytes Differencing Dynamic Fixed ParentPath Path SizeBytes",
    "New-VM": "Generation Path Version",
    "New-VMSwitch": "AllowManagementOS EnableEmbeddedTeaming EnableIov MinimumBandwidthMode Name NetAdapterName Notes "
    "SwitchType",
    "Remove-NetNatStaticMapping": "",
    "Register-ScheduledTask": "Xml",
    "Remove-VM": "",
    "Remove-VMSavedState": "",
    "Remove-VMSnapshot": "IncludeAllChildSnapshots",
    "Rename-Computer": "NewName",
    "Rename-NetAdapter": "NewName",
    "Rename-VMNetworkAdapter": "NewName",
    "Rename-VMSwitch": "NewName",
    "Resize-VHD": "SizeBytes",
    "Restart-Computer": "Timeout",
    "Restart-Service": "",
    "Restart-VM": "",
    "Rename-VMSnapshot": "NewName",
    "Restore-VMSnapshot": "",
    "Save-VM": "",
    "Set-Content": "Value",
    "Set-DnsClientServerAddress": "ServerAddresses",
    "Set-NetIPInterface": "Dhcp",
    "Set-LocalUser": "Password",
    "Set-Service": "Name StartupType Status",
    "Set-TimeZone": "Name",
    "Set-VM": "AutomaticCheckpointsEnabled AutomaticStartAction AutomaticStartDelay AutomaticStopAction CheckpointType"
    " Notes",
    "Set-VMBios": "StartupOrder",
    "Set-VMDvdDrive": "Path",
    "Set-VMFirmware": "BootOrder EnableSecureBoot SecureBootTemplate",
    "Set-VMHost": "EnableEnhancedSessionMode MacAddressMaximum MacAddressMinimum NumaSpanningEnabled"
    " VirtualHardDiskPath VirtualMachinePath",
    "Set-VMKeyProtector": "NewLocalKeyProtector",
    "Set-VMMemory": "Buffer DynamicMemoryEnabled MaximumBytes MinimumBytes Priority StartupBytes",
    "Set-VMNetworkAdapter": "AllowTeaming DeviceNaming DhcpGuard DynamicMacAddress MacAddressSpoofing MaximumBandwidth"
    " MinimumBandwidthAbsolute MinimumBandwidthWeight RouterGuard StaticMacAddress",
    "Set-VMNetworkAdapterVlan": "Access AllowedVlanIdList NativeVlanId Trunk Untagged VlanId",
    "Set-VMProcessor": "CompatibilityForMigrationEnabled Count ExposeVirtualizationExtensions HwThreadCountPerCore"
    " Maximum RelativeWeight Reserve",
    "Set-VMSwitch": "AllowManagementOS NetAdapterName Notes SwitchType",
    "Set-VMSwitchTeam": "NetAdapterName",
    "Rename-VM": "NewName",
    "Start-VM": "",
    "Stop-VM": "TurnOff",
    "Suspend-VM": "",
    "Update-VMVersion": "Force",
    "Wait-VM": "For Timeout",
}
CMDLET = re.compile(r"C\(([A-Z]\w+-[A-Z]\w+)(?: -(\w+))?\)")

# Options without a PowerShell parameter -> the reason. Sections are described by their options.
WITHOUT_CMDLET = {
    **dict.fromkeys(("name", "id", "vm", "vm_id", "switch", "adapters", "path"), "identifies an object"),
    **dict.fromkeys(
        ("allow_power_cycle", "discard_saved_state", "shutdown_timeout", "job_timeout"), "is about the task"
    ),
    **dict.fromkeys(("label", "unattend", "meta_data", "user_data", "network_config", "vendor_data"), "of a seed"),
    **dict.fromkeys(("content", "src"), "of a file in a seed"),
    **dict.fromkeys(("image_name", "image_index", "disk", "firmware", "architecture"), "of Windows Setup"),
    **dict.fromkeys(("locale", "keyboard", "product_key", "commands"), "of Windows Setup"),
    "password_policy": "is about the task",
    **dict.fromkeys(("mode", "prefix", "folder", "experiments"), "of experiments"),
    **dict.fromkeys(("allow_reboot", "feature_timeout", "only_if_required", "service_timeout"), "is about the task"),
    **dict.fromkeys(("hypervisor_in_guest", "manage_switch", "network", "include"), "is about the task"),
    **dict.fromkeys(("scenario", "purpose", "strict", "ignore", "report_only", "guest_facts"), "is about the task"),
    **dict.fromkeys(("transfer_timeout", "member", "proxy"), "is about the task"),
    **dict.fromkeys(("profile", "nodes", "vm_facts"), "is about the task"),
    **dict.fromkeys(("text", "layout", "keys", "scancodes", "ctrl_alt_del", "repeat"), "no cmdlet types"),
    **dict.fromkeys(("data", "remove", "host_only"), "no cmdlet changes pairs"),
    **dict.fromkeys(("dest", "width", "height"), "no cmdlet saves pictures"),
    **dict.fromkeys(("wait_address", "wait_port"), "no cmdlet waits for a service"),
    **dict.fromkeys(("force", "delete_file", "delete_disks", "remove_checkpoints"), "permits a removal"),
    "state": "several cmdlets, or none that the option adds to the others",
    "static_mappings": "its suboptions",
    "integration_services": "named by the section",
    "type": "of a checkpoint: PowerShell sets the type of the VM only",
}

# Return values that differ between modules although they have one name: (module, key) -> the object.
DIFFERENT_RETURNS = {
    ("virtual_switch", "id"): "a switch",
    ("virtual_switch", "name"): "a switch",
    ("vm_network_adapter", "id"): "an adapter",
    ("vm_network_adapter", "name"): "an adapter",
    ("virtual_switch", "vms"): "names of VMs",
    ("guest_computer_name", "name"): "a computer",
    ("guest_file", "path"): "of a file",
    ("host_image", "path"): "of an image",
    ("seed_iso", "path"): "of an image",
    ("vm_disk", "drive"): "of a disk",
    ("vm", "id"): "a VM that may not exist yet",
    ("isolated_container", "id"): "a container",
    ("host_experiment", "host"): "of a report",
}


@cache
def documentation(module: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Documentation (fragments included) and return values of a module, as ansible-doc reads them."""
    path = ROOT / f"plugins/modules/{module}.py"
    docs, _examples, returns, _meta = get_docstring(
        str(path), fragment_loader, collection_name="nested.hyperv", plugin_type="module"
    )
    return docs, returns


# Code whose comments, docstrings and messages are checked, and the idioms that these may use: short forms, and words
# that are names in code or precise in a technical sentence.
CODE = ("plugins/action/*.py", "plugins/plugin_utils/**/*.py", "plugins/module_utils/**/*.py", "plugins/modules/*.py")
FINE_IN_CODE = {
    r"\b(is|are|was|were)(n't| not)? there\b",
    r"\bthere (is|are|was|were)(n't| not| no)?\b",
    r"\bwhere\b",
    r"\bwhat\b(?! is nested virtualization\?| has changed \(or would)",
    r"\bmakes\b",
    r"\b(all|nothing|nobody|somebody) else\b",
    r"\b(puts?|putting)\b",  # WS-Transfer's operation
    r"\bways? out\b",
    r"\w+n't\b",
}


def code_texts() -> Iterator[tuple[str, str]]:
    """Path and each comment and string of the code, the documentation of the modules aside."""
    for path in sorted({path for pattern in CODE for path in ROOT.glob(pattern)}):
        with path.open("rb") as file:
            for token in tokenize.tokenize(file.readline):
                if token.type in (tokenize.COMMENT, tokenize.STRING) and not token.string.startswith('r"""'):
                    yield f"{path.relative_to(ROOT)}:{token.start[0]}", token.string


@pytest.mark.parametrize("idiom", sorted(set(IDIOMS) - FINE_IN_CODE))
def test_comments_and_messages_are_written_in_plain_english(idiom: str) -> None:
    hits = [f"{path}: {text}" for path, text in code_texts() if re.search(idiom, text, re.IGNORECASE)]
    assert not hits, f"better: {IDIOMS[idiom]}\n" + "\n".join(hits)


def texts() -> Iterator[tuple[str, str]]:
    """Path and text of everything whose language is checked."""
    messages = {ROOT / "docs/support_rules.md"}  # generated from messages, which are code
    for path in sorted({path for pattern in TEXTS for path in ROOT.glob(pattern) if path.is_file()} - messages):
        yield str(path.relative_to(ROOT)), path.read_text()
    for module in MODULES:
        path = ROOT / f"plugins/modules/{module}.py"
        yield str(path.relative_to(ROOT)), "\n".join(BLOCK.findall(path.read_text()))


@pytest.mark.parametrize("idiom", IDIOMS)
def test_documentation_is_written_in_plain_english(idiom: str) -> None:
    hits = [
        f"{path}: {line.strip()}"
        for path, text in texts()
        for line in text.splitlines()
        if re.search(idiom, line, re.IGNORECASE)
    ]
    assert not hits, f"better: {IDIOMS[idiom]}\n" + "\n".join(hits)


def walk(section: Mapping[str, Any], parts: str, path: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, entry in section.items():
        yield f"{path}{name}", entry
        yield from walk(entry.get(parts) or {}, parts, f"{path}{name}.")


def options(module: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every option of a module by its path, suboptions included."""
    yield from walk(documentation(module)[0]["options"], "suboptions")


def results(module: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every return value of a module by its path, the values in it included."""
    yield from walk(documentation(module)[1], "contains")


def description(entry: Mapping[str, Any]) -> str:
    text = entry["description"]
    return text if isinstance(text, str) else " ".join(text)


# Modules for programs that have no cmdlets; their options name the switches of the programs.
OF_PROGRAMS = {"container_engine", "isolated_container", "wsl", "wsl_distribution"}


@pytest.mark.parametrize("module", sorted(set(MODULES) - OF_PROGRAMS))
def test_each_setting_names_the_powershell_parameter(module: str) -> None:
    lacking = [
        path
        for path, option in options(module)
        if not CMDLET.search(description(option))
        and not option.get("suboptions")
        and path.rpartition(".")[2] not in WITHOUT_CMDLET
        and path.partition(".")[0] not in WITHOUT_CMDLET
    ]
    assert not lacking


def test_the_powershell_parameters_exist_and_all_are_used() -> None:
    named = {
        match.groups("")
        for module in MODULES
        for _path, option in options(module)
        for match in CMDLET.finditer(description(option))
    }
    named |= {
        match.groups("")
        for module in MODULES
        for _path, value in results(module)
        for match in CMDLET.finditer(description(value))
    } - {("Enable-VMMigration", "")}
    known = {(cmdlet, parameter) for cmdlet, names in CMDLETS.items() for parameter in names.split() or [""]}
    without_parameter = {(cmdlet, "") for cmdlet in CMDLETS}
    assert sorted(named - known - without_parameter) == []
    assert sorted(known - named) == []


def test_return_values_of_several_modules_have_one_text() -> None:
    texts: dict[str, dict[tuple[Any, ...], list[str]]] = {}
    for module in MODULES:
        for key, entry in documentation(module)[1].items():
            if (module, key) not in DIFFERENT_RETURNS:
                text = (description(entry), entry["returned"], entry["type"])
                texts.setdefault(key, {}).setdefault(text, []).append(module)
    assert {key: list(of_key.values()) for key, of_key in texts.items() if len(of_key) > 1} == {}
