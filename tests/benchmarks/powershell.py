"""PowerShell tasks that do what ours do, and a host's answers to them; none of it is run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ..simulator.windows.programs import SYSTEM, Program

if TYPE_CHECKING:
    from ..simulator import Machine
    from ..simulator.windows.programs.process import Context, Steps

NESTING = """\
$ErrorActionPreference = 'Stop'
$Ansible.Changed = $false
$vm = Get-VM -Name lab01
$processor = Get-VMProcessor -VM $vm
if (-not $processor.ExposeVirtualizationExtensions) {
    if ($vm.State -ne 'Off') { throw "VM $($vm.Name) must be off" }
    if (-not $Ansible.CheckMode) { Set-VMProcessor -VM $vm -ExposeVirtualizationExtensions $true }
    $Ansible.Changed = $true
}
$Ansible.Result = @{ id = $vm.Id.Guid; name = $vm.Name }
"""
MEMORY = """\
$ErrorActionPreference = 'Stop'
$Ansible.Changed = $false
$vm = Get-VM -Name lab01
$memory = Get-VMMemory -VM $vm
if ($memory.Priority -ne PRIORITY) {
    if (-not $Ansible.CheckMode) { Set-VMMemory -VM $vm -Priority PRIORITY }
    $Ansible.Changed = $true
}
$Ansible.Result = @{ id = $vm.Id.Guid; name = $vm.Name }
"""
INFO = """\
$ErrorActionPreference = 'Stop'
$Ansible.Changed = $false
$Ansible.Result = @(Get-VM -Name NAMES | ForEach-Object {
    $processor = Get-VMProcessor -VM $_
    $memory = Get-VMMemory -VM $_
    $kvp = Get-CimInstance -Namespace root/virtualization/v2 -ClassName Msvm_KvpExchangeComponent `
        -Filter "SystemName = '$($_.Id)'"
    $guest = @{}
    foreach ($item in $kvp.GuestIntrinsicExchangeItems) {
        $properties = ([xml]$item).INSTANCE.PROPERTY
        $guest[($properties | Where-Object NAME -EQ Name).VALUE] = ($properties | Where-Object NAME -EQ Data).VALUE
    }
    @{
        id = $_.Id.Guid; name = $_.Name; state = "$($_.State)"; generation = $_.Generation; version = $_.Version
        notes = $_.Notes; uptime = [int]$_.Uptime.TotalSeconds
        nesting = $processor.ExposeVirtualizationExtensions
        processor = @{ count = $processor.Count; reserve = $processor.Reserve; limit = $processor.Maximum
            weight = $processor.RelativeWeight; threads_per_core = $processor.HwThreadCountPerCore
            migration_compatibility = $processor.CompatibilityForMigrationEnabled }
        memory = @{ dynamic = $memory.DynamicMemoryEnabled; startup = $memory.Startup; minimum = $memory.Minimum
            maximum = $memory.Maximum; buffer = $memory.Buffer; priority = $memory.Priority
            assigned = $_.MemoryAssigned; demand = $_.MemoryDemand }
        network_adapters = @(Get-VMNetworkAdapter -VM $_ | ForEach-Object {
            @{ id = $_.Id; name = $_.Name; switch = $_.SwitchName; mac_address = $_.MacAddress
                mac_spoofing = "$($_.MacAddressSpoofing)"; teaming = "$($_.AllowTeaming)"
                vlan = (Get-VMNetworkAdapterVlan -VMNetworkAdapter $_).AccessVlanId
                ip_addresses = @($_.IPAddresses) }
        })
        guest = @{ heartbeat = "$($_.Heartbeat)"; os = $guest.OSName; os_version = $guest.OSVersion
            computer_name = $guest.FullyQualifiedDomainName }
    }
})
"""

# The same without what guests tell, as inventories of many VMs ask.
_KVP = INFO[INFO.index("    $kvp =") : INFO.index("    @{\n        id")]
_GUEST = INFO[INFO.index("        guest = @{") : INFO.index("    }\n})")]
INVENTORY = INFO.replace(_KVP, "").replace(_GUEST, "").replace("NAMES", "'*'")
HOST = """\
$ErrorActionPreference = 'Stop'
$Ansible.Changed = $false
$os = Get-CimInstance -ClassName Win32_OperatingSystem
$computer = Get-CimInstance -ClassName Win32_ComputerSystem
$processors = @(Get-CimInstance -ClassName Win32_Processor)
$guard = Get-CimInstance -Namespace root/Microsoft/Windows/DeviceGuard -ClassName Win32_DeviceGuard
$hyperv = Get-VMHost
$Ansible.Result = @{
    name = $computer.Name; build = $os.BuildNumber; edition = $os.Caption; sku = $os.OperatingSystemSKU
    processors = @{ vendor = $processors[0].Manufacturer; model = $processors[0].Name
        logical = ($processors | Measure-Object NumberOfLogicalProcessors -Sum).Sum }
    memory = @{ total = $computer.TotalPhysicalMemory; free = $os.FreePhysicalMemory * 1KB }
    hypervisor_present = $computer.HypervisorPresent; manufacturer = $computer.Manufacturer; model = $computer.Model
    vbs = $guard.VirtualizationBasedSecurityStatus
    hyperv = @{ vm_path = $hyperv.VirtualMachinePath; disk_path = $hyperv.VirtualHardDiskPath
        numa_spanning = $hyperv.NumaSpanningEnabled; enhanced_session_mode = $hyperv.EnableEnhancedSessionMode
        vm_versions = @((Get-VMHostSupportedVersion).Version | ForEach-Object { "$_" }) }
    switches = @(Get-VMSwitch | ForEach-Object {
        @{ id = $_.Id.Guid; name = $_.Name; type = "$($_.SwitchType)"
            adapters = @($_.NetAdapterInterfaceDescriptions) } })
    nats = @(Get-NetNat | ForEach-Object { @{ name = $_.Name; prefix = $_.InternalIPInterfaceAddressPrefix } })
    adapters = @(Get-NetAdapter -Physical | ForEach-Object {
        @{ name = $_.Name; description = $_.InterfaceDescription; mac_address = $_.MacAddress } })
    features = @(Get-CimInstance -ClassName Win32_OptionalFeature -Filter "Name LIKE 'Microsoft-Hyper-V%'" |
        ForEach-Object { @{ name = $_.Name; state = $_.InstallState } })
}
"""


def program(context: Context) -> Steps:
    """powershell.exe: what win_powershell's module prints; which script came is read from the module's arguments."""
    machine = context.machine
    script = (yield from context.read_all()).decode(errors="replace")
    everything = "Get-VM -Name '*'" in script
    result: Any = {"id": machine.vm("lab01").id, "name": "lab01"}
    if everything or "Get-VM -Name 'lab01'" in script:
        result = [_facts(vm) for vm in machine.vms.values() if everything or vm.name == "lab01"]
        if "$guest" not in script:
            result = [{name: value for name, value in facts.items() if name != "guest"} for facts in result]
    elif "Get-VMHost" in script:
        result = _host(machine)
    answer = {
        "changed": "Set-VMMemory" in script,
        "result": result,
        "output": [],
        "host_out": "",
        "host_err": "",
        "error": [],
        "warning": [],
        "verbose": [],
        "debug": [],
        "information": [],
    }
    context.out(json.dumps(answer, separators=(",", ":")) + "\r\n")
    return 0


def _facts(vm: Any) -> dict[str, Any]:
    memory = vm.memory
    return {
        "id": vm.id,
        "name": vm.name,
        "state": "Running" if vm.running else "Off",
        "generation": vm.generation,
        "version": vm.system["Version"],
        "notes": "",
        "uptime": int(vm.uptime.total_seconds()),
        "nesting": vm.processor["ExposeVirtualizationExtensions"],
        "processor": {
            "count": vm.processor["VirtualQuantity"],
            "reserve": 0,
            "limit": 100,
            "weight": 100,
            "threads_per_core": 0,
            "migration_compatibility": False,
        },
        "memory": {
            "dynamic": memory["DynamicMemoryEnabled"],
            "startup": memory["VirtualQuantity"] << 20,
            "minimum": memory["Reservation"] << 20,
            "maximum": memory["Limit"] << 20,
            "buffer": memory["TargetMemoryBuffer"],
            "priority": memory["Weight"] // 100,
            "assigned": vm.guest.memory_assigned() << 20 if vm.running else 0,
            "demand": vm.guest.demand() << 20 if vm.running else 0,
        },
        "network_adapters": [
            {
                "id": row["InstanceID"],
                "name": row["ElementName"],
                "switch": "Lab",
                "mac_address": row["Address"],
                "mac_spoofing": "Off",
                "teaming": "Off",
                "vlan": 0,
                "ip_addresses": vm.guest.addresses(row["InstanceID"]),
            }
            for row in vm.rows("Msvm_SyntheticEthernetPortSettingData")
        ],
        "guest": {
            "heartbeat": "OkApplicationsHealthy",
            "os": vm.guest.os_name(),
            "os_version": vm.guest.spec["os"]["version"],
            "computer_name": vm.name,
        },
    }


def _host(machine: Machine) -> dict[str, Any]:
    """About as much as the script would tell of a host with one switch."""
    versions = ["8.0", "9.0", "10.0"]
    return {
        "name": machine.name,
        "build": "20348",
        "edition": "Microsoft Windows Server 2022 Datacenter",
        "sku": 8,
        "processors": {"vendor": "GenuineIntel", "model": "Intel(R) Xeon(R) Gold 6330 CPU @ 2.00GHz", "logical": 64},
        "memory": {"total": 1 << 43, "free": 1 << 42},
        "hypervisor_present": True,
        "manufacturer": "Contoso",
        "model": "Rack Server 2000",
        "vbs": 0,
        "hyperv": {"vm_path": r"C:\VMs", "disk_path": r"C:\VMs", "numa_spanning": True, "vm_versions": versions},
        "switches": [{"name": "Lab", "type": "Internal", "adapters": []}],
        "nats": [],
        "adapters": [{"name": "Ethernet", "description": "Intel(R) Ethernet Controller", "mac_address": "00-00-5E-00"}],
        "features": [{"name": "Microsoft-Hyper-V", "state": 1}],
    }


PROGRAMS = {rf"{SYSTEM}windowspowershell\v1.0\powershell.exe": Program(program)}
