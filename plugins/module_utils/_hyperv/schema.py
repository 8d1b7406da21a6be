# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The CIM classes and properties that this collection reads and writes, typed as in the host's own schema.

Only the listed properties are requested: every query projects its columns, so that pages hold more rows.
"""

from __future__ import annotations

from .._windows.schema import CIMV2
from .._wsman.cim import CimClass, declare

V2 = "root/virtualization/v2"
STANDARD = "root/StandardCimv2"
DEVICE_GUARD_NAMESPACE = "root/Microsoft/Windows/DeviceGuard"
HGS = "root/Microsoft/Windows/Hgs"
WMI = "root/wmi"
CLUSTER = "root/MSCluster"


COMPUTER_SYSTEM = declare(
    V2,
    "Msvm_ComputerSystem",
    "CreationClassName Name",
    string="CreationClassName Name ElementName",
    uint16="EnabledState ReplicationMode",
    uint16_array="OperationalStatus",
    uint64="OnTimeInMilliseconds",
    datetime="InstallDate",
)
# Settings of VMs, of checkpoints and of the host's templates. Older hosts lack some properties: a query names its
# columns, or asks for all.
VM_SETTINGS = declare(
    V2,
    "Msvm_VirtualSystemSettingData",
    "InstanceID",
    string="InstanceID ElementName VirtualSystemIdentifier VirtualSystemType VirtualSystemSubType Version Parent "
    "ConfigurationDataRoot SnapshotDataRoot SuspendDataRoot SwapFileDataRoot LogDataRoot GuestStateDataRoot "
    "SecureBootTemplateId",
    string_array="Notes BootSourceOrder",
    uint16="AutomaticStartupAction AutomaticShutdownAction UserSnapshotType",
    uint16_array="BootOrder",
    datetime="AutomaticStartupActionDelay CreationTime",
    boolean="AutomaticSnapshotsEnabled IsAutomaticSnapshot IsSaved SecureBootEnabled VirtualNumaEnabled",
)
PROCESSOR = declare(
    V2,
    "Msvm_ProcessorSettingData",
    "InstanceID",
    string="InstanceID",
    uint64="VirtualQuantity Reservation Limit HwThreadsPerCore",
    uint32="Weight",
    boolean="LimitProcessorFeatures ExposeVirtualizationExtensions",
)
MEMORY = declare(
    V2,
    "Msvm_MemorySettingData",
    "InstanceID",
    string="InstanceID",
    uint64="VirtualQuantity Reservation Limit",
    boolean="DynamicMemoryEnabled",
    uint32="TargetMemoryBuffer Weight",
)
SYNTHETIC_ADAPTER = declare(
    V2,
    "Msvm_SyntheticEthernetPortSettingData",
    "InstanceID",
    string="InstanceID ElementName Address ResourceSubType",
    boolean="StaticMacAddress DeviceNamingEnabled",
    uint16="ResourceType",
    string_array="VirtualSystemIdentifiers",
)
LEGACY_ADAPTER = declare(
    V2,
    "Msvm_EmulatedEthernetPortSettingData",
    "InstanceID",
    string="InstanceID ElementName Address ResourceSubType",
    boolean="StaticMacAddress",
    uint16="ResourceType",
)
CONNECTION = declare(
    V2,
    "Msvm_EthernetPortAllocationSettingData",
    "InstanceID",
    string="InstanceID ElementName Address Parent ResourceSubType LastKnownSwitchName",
    string_array="HostResource",
    uint16="EnabledState ResourceType",
)
PORT_SECURITY = declare(
    V2,
    "Msvm_EthernetSwitchPortSecuritySettingData",
    "InstanceID",
    string="InstanceID",
    boolean="AllowMacSpoofing AllowTeaming EnableDhcpGuard EnableRouterGuard",
)
PORT_VLAN = declare(
    V2,
    "Msvm_EthernetSwitchPortVlanSettingData",
    "InstanceID",
    string="InstanceID",
    uint32="OperationMode",
    uint16="AccessVlanId NativeVlanId",
    uint16_array="TrunkVlanIdArray",
)
PORT_BANDWIDTH = declare(
    V2,
    "Msvm_EthernetSwitchPortBandwidthSettingData",
    "InstanceID",
    string="InstanceID",
    uint64="Weight Reservation Limit",
)
GUEST_NETWORK = declare(
    V2, "Msvm_GuestNetworkAdapterConfiguration", "InstanceID", string="InstanceID", string_array="IPAddresses"
)
SWITCH = declare(
    V2, "Msvm_VirtualEthernetSwitch", "CreationClassName Name", string="CreationClassName Name ElementName"
)
SWITCH_SETTINGS = declare(
    V2,
    "Msvm_VirtualEthernetSwitchSettingData",
    "InstanceID",
    string="InstanceID ElementName",
    string_array="Notes",
    boolean="TeamingEnabled IOVPreferred",
    uint32="BandwidthReservationMode",
    datetime="CreationTime",
)
SWITCH_SERVICE = declare(
    V2,
    "Msvm_VirtualEthernetSwitchManagementService",
    "CreationClassName Name SystemCreationClassName SystemName",
    string="CreationClassName Name",
)
EXTERNAL_PORT = declare(
    V2,
    "Msvm_ExternalEthernetPort",
    "CreationClassName DeviceID SystemCreationClassName SystemName",
    string="CreationClassName DeviceID SystemCreationClassName SystemName ElementName PermanentAddress",
    boolean="IsBound",
)
INTERNAL_PORT = declare(
    V2,
    "Msvm_InternalEthernetPort",
    "CreationClassName DeviceID SystemCreationClassName SystemName",
    string="DeviceID ElementName PermanentAddress",
)
SUMMARY = declare(
    V2,
    "Msvm_SummaryInformation",
    "InstanceID",
    string="Name ElementName Notes Version VirtualSystemSubType GuestOperatingSystem",
    uint64="MemoryUsage UpTime",
    sint32="MemoryAvailable",
    uint16="EnabledState Heartbeat",
)
KVP = declare(
    V2,
    "Msvm_KvpExchangeComponent",
    "CreationClassName DeviceID SystemCreationClassName SystemName",
    string="SystemName",
    string_array="GuestIntrinsicExchangeItems GuestExchangeItems",
)
KVP_ITEM = declare(V2, "Msvm_KvpExchangeDataItem", "", string="Name Data", uint16="Source")
# The pairs of the host, which are part of the settings of the integration service.
KVP_SETTINGS = declare(
    V2,
    "Msvm_KvpExchangeComponentSettingData",
    "InstanceID",
    string="InstanceID",
    uint16="EnabledState",
    string_array="HostExchangeItems HostOnlyItems",
)
SHUTDOWN = declare(
    V2,
    "Msvm_ShutdownComponent",
    "CreationClassName DeviceID SystemCreationClassName SystemName",
    string="CreationClassName DeviceID SystemCreationClassName SystemName",
    uint16_array="OperationalStatus",
)
JOB = declare(
    V2,
    "Msvm_ConcreteJob",
    "InstanceID",
    string="InstanceID ErrorDescription ErrorSummaryDescription ElementName",
    uint16="JobState PercentComplete ErrorCode",
)
DISK_JOB = declare(V2, "Msvm_StorageJob", "InstanceID", string="InstanceID", uint16="JobState JobType")
# The common superclass of the jobs of VMs, switches and disks.
ANY_JOB = declare(V2, "CIM_ConcreteJob", "InstanceID", string="InstanceID", uint16="JobState")
VM_SERVICE = declare(
    V2,
    "Msvm_VirtualSystemManagementService",
    "CreationClassName Name SystemCreationClassName SystemName",
    string="CreationClassName Name",
)
CPU = declare(
    CIMV2,
    "Win32_Processor",
    "DeviceID",
    string="DeviceID Name Manufacturer",
    uint32="NumberOfCores NumberOfLogicalProcessors",
    boolean="VMMonitorModeExtensions SecondLevelAddressTranslationExtensions VirtualizationFirmwareEnabled",
)
COMPUTER = declare(
    CIMV2,
    "Win32_ComputerSystem",
    "Name",
    string="Name DNSHostName Domain Manufacturer Model",
    boolean="HypervisorPresent PartOfDomain",
    uint64="TotalPhysicalMemory",
)
ENCLOSURE = declare(CIMV2, "Win32_SystemEnclosure", "Tag", string="Tag SMBIOSAssetTag")
OPTIONAL_FEATURE = declare(CIMV2, "Win32_OptionalFeature", "Name", string="Name", uint32="InstallState")
DEVICE_GUARD = declare(
    DEVICE_GUARD_NAMESPACE,
    "Win32_DeviceGuard",
    "InstanceIdentifier",
    uint32="VirtualizationBasedSecurityStatus",
    uint32_array="AvailableSecurityProperties SecurityServicesRunning",
)
HOST_SETTINGS = declare(
    V2,
    "Msvm_VirtualSystemManagementServiceSettingData",
    "InstanceID",
    string="InstanceID DefaultExternalDataRoot DefaultVirtualHardDiskPath MinimumMacAddress MaximumMacAddress",
    boolean="NumaSpanningEnabled EnhancedSessionModeEnabled",
)
MIGRATION_SETTINGS = declare(
    V2,
    "Msvm_VirtualSystemMigrationServiceSettingData",
    "InstanceID",
    string="InstanceID",
    boolean="EnableVirtualSystemMigration",
)
VM_CAPABILITIES = declare(V2, "Msvm_VirtualSystemManagementCapabilities", "InstanceID", string="InstanceID")
NET_ADAPTER = declare(
    STANDARD,
    "MSFT_NetAdapter",
    "CreationClassName DeviceID SystemCreationClassName SystemName",
    string="DeviceID Name InterfaceDescription PermanentAddress",
    uint32="InterfaceIndex MediaConnectState",
    uint64="Speed",
    boolean="HardwareInterface",
)
NET_ADDRESS = declare(
    STANDARD,
    "MSFT_NetIPAddress",
    "CreationClassName Name SystemCreationClassName SystemName",
    string="CreationClassName Name SystemCreationClassName SystemName IPAddress InterfaceAlias",
    uint32="InterfaceIndex",
    uint16="AddressFamily PrefixOrigin",
    uint8="PrefixLength",
)
NET_ROUTE = declare(
    STANDARD,
    "MSFT_NetRoute",
    "InstanceID",
    string="InstanceID DestinationPrefix NextHop InterfaceAlias",
    uint32="InterfaceIndex",
    uint16="AddressFamily",
)
NET_NAT = declare(
    STANDARD,
    "MSFT_NetNat",
    "InstanceID",
    string="InstanceID Name InternalIPInterfaceAddressPrefix ExternalIPInterfaceAddressPrefix",
)
NET_NAT_MAPPING = declare(
    STANDARD,
    "MSFT_NetNatStaticMapping",
    "InstanceID",
    string="InstanceID NatName ExternalIPAddress InternalIPAddress",
    uint32="Protocol",
    uint16="ExternalPort InternalPort",
)
BOOT_SOURCE = declare(
    V2, "Msvm_BootSourceSettingData", "InstanceID", string="InstanceID BootSourceDescription", uint32="BootSourceType"
)
RESOURCE = declare(
    V2,
    "Msvm_ResourceAllocationSettingData",
    "InstanceID",
    string="InstanceID Parent Address AddressOnParent ResourceSubType",
    uint16="ResourceType",
    string_array="HostResource",
)
MEDIUM = declare(
    V2,
    "Msvm_StorageAllocationSettingData",
    "InstanceID",
    string="InstanceID Parent ResourceSubType",
    uint16="ResourceType",
    string_array="HostResource",
)
IMAGE_SERVICE = declare(
    V2,
    "Msvm_ImageManagementService",
    "CreationClassName Name SystemCreationClassName SystemName",
    string="CreationClassName Name",
)
DISK_SETTINGS = declare(
    V2,
    "Msvm_VirtualHardDiskSettingData",
    "InstanceID",
    uint16="Type Format",
    string="Path ParentPath VirtualDiskId",
    uint64="MaxInternalSize",
    uint32="BlockSize LogicalSectorSize",
)
DISK_STATE = declare(V2, "Msvm_VirtualHardDiskState", "", uint64="FileSize MinInternalSize", boolean="InUse")
VOLUME = declare(CIMV2, "Win32_Volume", "DeviceID", string="DeviceID Name DriveLetter", uint64="Capacity FreeSpace")
CHECKPOINT_SERVICE = declare(
    V2,
    "Msvm_VirtualSystemSnapshotService",
    "CreationClassName Name SystemCreationClassName SystemName",
    string="CreationClassName Name",
)
CHECKPOINT_SETTINGS = declare(V2, "Msvm_VirtualSystemSnapshotSettingData", "InstanceID", uint8="ConsistencyLevel")
AFFECTED_BY_JOB = declare(
    V2,
    "Msvm_AffectedJobElement",
    "AffectedElement AffectingElement",
    ref="AffectedElement AffectingElement",
    uint16_array="ElementEffects",
)
SECURITY = declare(V2, "Msvm_SecuritySettingData", "InstanceID", string="InstanceID", boolean="TpmEnabled")
SECURITY_SERVICE = declare(
    V2,
    "Msvm_SecurityService",
    "CreationClassName Name SystemCreationClassName SystemName",
    string="CreationClassName Name",
)
GUARDIAN = declare(
    HGS,
    "MSFT_HgsGuardian",
    "Name",
    uint8_array="EncryptionCertificate SigningCertificate",
    string="EncryptionCertificateSignature EncryptionCertificateSignatureAlgorithm Name",
    uint32="GuardianMetadataVersion",
    boolean="HasPrivateSigningKey",
)
KEY_PROTECTOR = declare(HGS, "MSFT_HgsKeyProtector", "", uint8_array="RawData")
HEARTBEAT = declare(
    V2,
    "Msvm_HeartbeatComponent",
    "CreationClassName DeviceID SystemCreationClassName SystemName",
    string="SystemName",
    uint16_array="OperationalStatus",
)
KEYBOARD = declare(
    V2,
    "Msvm_Keyboard",
    "CreationClassName DeviceID SystemCreationClassName SystemName",
    string="CreationClassName DeviceID SystemCreationClassName SystemName",
)
VIDEO_HEAD = declare(
    V2,
    "Msvm_VideoHead",
    "CreationClassName DeviceID SystemCreationClassName SystemName",
    string="SystemName",
    uint16="EnabledState",
    uint32="CurrentHorizontalResolution CurrentVerticalResolution",
)
GUEST_FILE_SERVICE = declare(
    V2,
    "Msvm_GuestFileService",
    "CreationClassName Name SystemCreationClassName SystemName",
    string="CreationClassName Name SystemCreationClassName SystemName",
)
COPY_TO_GUEST = declare(
    V2,
    "Msvm_CopyFileToGuestSettingData",
    "",
    string="SourcePath DestinationPath",
    boolean="OverwriteExisting CreateFullPath",
)
# The boot configuration data; an element holds one of the values, which depends on its type.
BOOT_OBJECT = declare(WMI, "BcdObject", "Id StoreFilePath", string="Id StoreFilePath")
BOOT_ELEMENT = declare(WMI, "BcdElement", "", uint32="Type", uint64="Integer", string="String")
CLUSTER_NAME = declare(CLUSTER, "MSCluster_Cluster", "Name", string="Name")
# The private properties of a resource depend on its type; those of a virtual machine are its VmID and more.
CLUSTER_RESOURCE = declare(CLUSTER, "MSCluster_Resource", "Name", string="Name Type", instance="PrivateProperties")
# Integration services by stable names; the classes identify them, because their display names are localized.
INTEGRATION_SERVICES = {
    name: declare(V2, f"Msvm_{component}ComponentSettingData", "InstanceID", string="InstanceID", uint16="EnabledState")
    for name, component in (
        ("guest_service_interface", "GuestServiceInterface"),
        ("heartbeat", "Heartbeat"),
        ("key_value_pair_exchange", "KvpExchange"),
        ("shutdown", "Shutdown"),
        ("time_synchronization", "TimeSync"),
        ("vss", "Vss"),
    )
}
# Every class above by its name, for instances that name their class.
BY_NAME = {cls.name: cls for cls in (*vars().values(), *INTEGRATION_SERVICES.values()) if isinstance(cls, CimClass)}
