# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The CIM classes and properties of Windows itself that this collection reads and writes."""

from __future__ import annotations

from .._wsman.cim import declare

CIMV2 = "root/cimv2"
OPERATING_SYSTEM = declare(
    CIMV2,
    "Win32_OperatingSystem",
    "Name",
    string="Name Caption Version BuildNumber SystemDirectory",
    uint32="ProductType OperatingSystemSKU",
    uint64="TotalVisibleMemorySize FreePhysicalMemory",
    datetime="LastBootUpTime LocalDateTime",
)
SERVICE = declare(
    CIMV2,
    "Win32_Service",
    "Name",
    string="Name DisplayName State StartMode PathName StartName",
    uint32="ExitCode ServiceSpecificExitCode",
)
PROCESS = declare(CIMV2, "Win32_Process", "Handle", string="Name", uint32="ProcessId")
REGISTRY = declare(CIMV2, "StdRegProv", "")
DATA_FILE = declare(
    CIMV2,
    "CIM_DataFile",
    "Name",
    string="Name Drive Path",
    boolean="Writeable Compressed Encrypted",
    uint64="FileSize",
    datetime="LastModified",
)
FOLDER = declare(CIMV2, "Win32_Directory", "Name", string="Name Drive Path", boolean="Compressed Encrypted")
LOGICAL_DISK = declare(CIMV2, "Win32_LogicalDisk", "DeviceID", string="DeviceID")
EVENT = declare(
    CIMV2,
    "Win32_NTLogEvent",
    "Logfile RecordNumber",
    string="Logfile SourceName Message",
    string_array="InsertionStrings",
    uint8="EventType",
    uint16="EventCode",
    uint32="RecordNumber",
    datetime="TimeGenerated",
)
STANDARD = "root/StandardCimv2"
COMPUTER_SYSTEM = declare(CIMV2, "Win32_ComputerSystem", "Name", string="Name DNSHostName", boolean="PartOfDomain")
NETWORK_CONFIGURATION = declare(
    CIMV2,
    "Win32_NetworkAdapterConfiguration",
    "Index",
    string="MACAddress",
    string_array="IPAddress IPSubnet DefaultIPGateway DNSServerSearchOrder",
    uint32="Index InterfaceIndex",
    boolean="DHCPEnabled IPEnabled",
)
NET_ADAPTER = declare(
    STANDARD,
    "MSFT_NetAdapter",
    "CreationClassName DeviceID SystemCreationClassName SystemName",
    string="CreationClassName DeviceID SystemCreationClassName SystemName Name PermanentAddress",
    uint32="InterfaceIndex",
    boolean="HardwareInterface",
)
NET_INTERFACE = declare(
    STANDARD,
    "MSFT_NetIPInterface",
    "CreationClassName Name SystemCreationClassName SystemName",
    string="CreationClassName Name SystemCreationClassName SystemName",
    uint32="InterfaceIndex",
    uint16="AddressFamily",
    uint8="Dhcp Store",
)
PHYSICAL_DISK = declare(
    "root/Microsoft/Windows/Storage",
    "MSFT_PhysicalDisk",
    "ObjectId",
    string="ObjectId DeviceId FriendlyName",
    uint64="Size",
    boolean="CanPool",
)
GROUP = declare(CIMV2, "Win32_Group", "Domain Name", string="Domain Name", boolean="LocalAccount")
TASK_SCHEDULER = "root/Microsoft/Windows/TaskScheduler"
TASKS = declare(TASK_SCHEDULER, "PS_ScheduledTask", "")  # static methods
TASK = declare(TASK_SCHEDULER, "MSFT_ScheduledTask", "TaskName TaskPath", string="TaskName TaskPath")
TASK_INFO = declare(TASK_SCHEDULER, "MSFT_TaskDynamicInfo", "", uint32="LastTaskResult")
