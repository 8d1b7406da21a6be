# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The CIM classes and properties that this collection reads and writes, typed as in the host's own schema.

Only the listed properties are requested: every query projects its columns, so that pages hold more rows.
"""

from __future__ import annotations

from .._wsman.cim import CimClass

V2 = "root/virtualization/v2"
CIMV2 = "root/cimv2"
STANDARD = "root/StandardCimv2"
DEVICE_GUARD_NAMESPACE = "root/Microsoft/Windows/DeviceGuard"
HGS = "root/Microsoft/Windows/Hgs"
WMI = "root/wmi"
CLUSTER = "root/MSCluster"


def _class(namespace: str, name: str, keys: str, **names_by_type: str) -> CimClass:
    types = {
        property_name: type_name.replace("_array", "[]")
        for type_name, names in names_by_type.items()
        for property_name in names.split()
    }
    return CimClass(namespace, name, tuple(keys.split()), types)


COMPUTER_SYSTEM = _class(
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
VM_SETTINGS = _class(
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
PROCESSOR = _class(
    V2,
    "Msvm_ProcessorSettingData",
    "InstanceID",
    string="InstanceID",
    uint64="VirtualQuantity Reservation Limit HwThreadsPerCore",
    uint32="Weight",
    boolean="LimitProcessorFeatures ExposeVirtualizationExtensions",
)
MEMORY = _class(
    V2,
    "Msvm_MemorySettingData",
    "InstanceID",
    string="InstanceID",
    uint64="VirtualQuantity Reservation Limit",
    boolean="DynamicMemoryEnabled",
    uint32="TargetMemoryBuffer Weight",
)
SYNTHETIC_ADAPTER = _class(
    V2,
    "Msvm_SyntheticEthernetPortSettingData",
    "InstanceID",
    string="InstanceID ElementName Address ResourceSubType",
    boolean="StaticMacAddress DeviceNamingEnabled",
    uint16="ResourceType",
    string_array="VirtualSystemIdentifiers",
)
LEGACY_ADAPTER = _class(
    V2,
    "Msvm_EmulatedEthernetPortSettingData",
    "InstanceID",
    string="InstanceID ElementName Address ResourceSubType",
    boolean="StaticMacAddress",
    uint16="ResourceType",
)
CONNECTION = _class(
    V2,
    "Msvm_EthernetPortAllocationSettingData",
    "InstanceID",
    string="InstanceID ElementName Address Parent ResourceSubType LastKnownSwitchName",
    string_array="HostResource",
    uint16="EnabledState ResourceType",
)
PORT_SECURITY = _class(
    V2,
    "Msvm_EthernetSwitchPortSecuritySettingData",
    "InstanceID",
    string="InstanceID",
    boolean="AllowMacSpoofing AllowTeaming EnableDhcpGuard EnableRouterGuard",
)
PORT_VLAN = _class(
    V2,
    "Msvm_EthernetSwitchPortVlanSettingData",
    "InstanceID",
    string="InstanceID",
    uint32="OperationMode",
    uint16="AccessVlanId NativeVlanId",
    uint16_array="TrunkVlanIdArray",
)
PORT_BANDWIDTH = _class(
    V2,
    "Msvm_EthernetSwitchPortBandwidthSettingData",
    "InstanceID",
    string="InstanceID",
    uint64="Weight Reservation Limit",
)
GUEST_NETWORK = _class(
    V2, "Msvm_GuestNetworkAdapterConfiguration", "InstanceID", string="InstanceID", string_array="IPAddresses"
)
SWITCH = _class(V2, "Msvm_VirtualEthernetSwitch", "CreationClassName Name", string="CreationClassName Name ElementName")
SWITCH_SETTINGS = _class(
    V2,
    "Msvm_VirtualEthernetSwitchSettingData",
    "InstanceID",
    string="InstanceID ElementName",
    string_array="Notes",
    boolean="TeamingEnabled IOVPreferred",
    uint32="BandwidthReservationMode",
    datetime="CreationTime",
)
SWITCH_SERVICE = _class(
    V2,
    "Msvm_VirtualEthernetSwitchManagementService",
    "CreationClassName Name SystemCreationClassName SystemName",
    string="CreationClassName Name",
)
EXTERNAL_PORT = _class(
    V2,
    "Msvm_ExternalEthernetPort",
    "CreationClassName DeviceID SystemCreationClassName SystemName",
    string="CreationClassName DeviceID SystemCreationClassName SystemName ElementName PermanentAddress",
    boolean="IsBound",
)
INTERNAL_PORT = _class(
    V2,
    "Msvm_InternalEthernetPort",
    "CreationClassName DeviceID SystemCreationClassName SystemName",
    string="DeviceID ElementName PermanentAddress",
)
SUMMARY = _class(
    V2,
    "Msvm_SummaryInformation",
    "InstanceID",
    string="Name ElementName Notes Version VirtualSystemSubType GuestOperatingSystem",
    uint64="MemoryUsage UpTime",
    sint32="MemoryAvailable",
    uint16="EnabledState Heartbeat",
)
KVP = _class(
    V2,
    "Msvm_KvpExchangeComponent",
    "CreationClassName DeviceID SystemCreationClassName SystemName",
    string="SystemName",
    string_array="GuestIntrinsicExchangeItems",
)
KVP_ITEM = _class(V2, "Msvm_KvpExchangeDataItem", "", string="Name Data")
SHUTDOWN = _class(
    V2,
    "Msvm_ShutdownComponent",
    "CreationClassName DeviceID SystemCreationClassName SystemName",
    string="CreationClassName DeviceID SystemCreationClassName SystemName",
    uint16_array="OperationalStatus",
)
JOB = _class(
    V2,
    "Msvm_ConcreteJob",
    "InstanceID",
    string="InstanceID ErrorDescription ErrorSummaryDescription ElementName",
    uint16="JobState PercentComplete ErrorCode",
)
DISK_JOB = _class(V2, "Msvm_StorageJob", "InstanceID", string="InstanceID", uint16="JobState JobType")
# The common superclass of the jobs of VMs, switches and disks.
ANY_JOB = _class(V2, "CIM_ConcreteJob", "InstanceID", string="InstanceID", uint16="JobState")
VM_SERVICE = _class(
    V2,
    "Msvm_VirtualSystemManagementService",
    "CreationClassName Name SystemCreationClassName SystemName",
    string="CreationClassName Name",
)
OPERATING_SYSTEM = _class(
    CIMV2,
    "Win32_OperatingSystem",
    "Name",
    string="Name Caption Version BuildNumber",
    uint32="ProductType OperatingSystemSKU",
    uint64="TotalVisibleMemorySize FreePhysicalMemory",
    datetime="LastBootUpTime",
)
CPU = _class(
    CIMV2,
    "Win32_Processor",
    "DeviceID",
    string="DeviceID Name Manufacturer",
    uint32="NumberOfCores NumberOfLogicalProcessors",
    boolean="VMMonitorModeExtensions SecondLevelAddressTranslationExtensions VirtualizationFirmwareEnabled",
)
COMPUTER = _class(
    CIMV2,
    "Win32_ComputerSystem",
    "Name",
    string="Name DNSHostName Domain Manufacturer Model",
    boolean="HypervisorPresent PartOfDomain",
    uint64="TotalPhysicalMemory",
)
ENCLOSURE = _class(CIMV2, "Win32_SystemEnclosure", "Tag", string="Tag SMBIOSAssetTag")
OPTIONAL_FEATURE = _class(CIMV2, "Win32_OptionalFeature", "Name", string="Name", uint32="InstallState")
DEVICE_GUARD = _class(
    DEVICE_GUARD_NAMESPACE,
    "Win32_DeviceGuard",
    "InstanceIdentifier",
    uint32="VirtualizationBasedSecurityStatus",
    uint32_array="AvailableSecurityProperties SecurityServicesRunning",
)
HOST_SETTINGS = _class(
    V2,
    "Msvm_VirtualSystemManagementServiceSettingData",
    "InstanceID",
    string="InstanceID DefaultExternalDataRoot DefaultVirtualHardDiskPath MinimumMacAddress MaximumMacAddress",
    boolean="NumaSpanningEnabled EnhancedSessionModeEnabled",
)
MIGRATION_SETTINGS = _class(
    V2,
    "Msvm_VirtualSystemMigrationServiceSettingData",
    "InstanceID",
    string="InstanceID",
    boolean="EnableVirtualSystemMigration",
)
VM_CAPABILITIES = _class(V2, "Msvm_VirtualSystemManagementCapabilities", "InstanceID", string="InstanceID")
NET_ADAPTER = _class(
    STANDARD,
    "MSFT_NetAdapter",
    "CreationClassName DeviceID SystemCreationClassName SystemName",
    string="DeviceID Name InterfaceDescription PermanentAddress",
    uint32="InterfaceIndex MediaConnectState",
    uint64="Speed",
    boolean="HardwareInterface",
)
NET_ADDRESS = _class(
    STANDARD,
    "MSFT_NetIPAddress",
    "CreationClassName Name SystemCreationClassName SystemName",
    string="CreationClassName Name SystemCreationClassName SystemName IPAddress InterfaceAlias",
    uint32="InterfaceIndex",
    uint16="AddressFamily PrefixOrigin",
    uint8="PrefixLength",
)
NET_ROUTE = _class(
    STANDARD,
    "MSFT_NetRoute",
    "InstanceID",
    string="InstanceID DestinationPrefix NextHop InterfaceAlias",
    uint32="InterfaceIndex",
    uint16="AddressFamily",
)
NET_NAT = _class(
    STANDARD,
    "MSFT_NetNat",
    "InstanceID",
    string="InstanceID Name InternalIPInterfaceAddressPrefix ExternalIPInterfaceAddressPrefix",
)
NET_NAT_MAPPING = _class(
    STANDARD,
    "MSFT_NetNatStaticMapping",
    "InstanceID",
    string="InstanceID NatName ExternalIPAddress InternalIPAddress",
    uint32="Protocol",
    uint16="ExternalPort InternalPort",
)
BOOT_SOURCE = _class(
    V2, "Msvm_BootSourceSettingData", "InstanceID", string="InstanceID BootSourceDescription", uint32="BootSourceType"
)
RESOURCE = _class(
    V2,
    "Msvm_ResourceAllocationSettingData",
    "InstanceID",
    string="InstanceID Parent Address AddressOnParent ResourceSubType",
    uint16="ResourceType",
    string_array="HostResource",
)
MEDIUM = _class(
    V2,
    "Msvm_StorageAllocationSettingData",
    "InstanceID",
    string="InstanceID Parent ResourceSubType",
    uint16="ResourceType",
    string_array="HostResource",
)
IMAGE_SERVICE = _class(
    V2,
    "Msvm_ImageManagementService",
    "CreationClassName Name SystemCreationClassName SystemName",
    string="CreationClassName Name",
)
DISK_SETTINGS = _class(
    V2,
    "Msvm_VirtualHardDiskSettingData",
    "InstanceID",
    uint16="Type Format",
    string="Path ParentPath VirtualDiskId",
    uint64="MaxInternalSize",
    uint32="BlockSize LogicalSectorSize",
)
DISK_STATE = _class(V2, "Msvm_VirtualHardDiskState", "", uint64="FileSize MinInternalSize", boolean="InUse")
VOLUME = _class(CIMV2, "Win32_Volume", "DeviceID", string="DeviceID Name DriveLetter", uint64="Capacity FreeSpace")
DATA_FILE = _class(CIMV2, "CIM_DataFile", "Name", string="Name", boolean="Writeable")
FOLDER = _class(CIMV2, "Win32_Directory", "Name", string="Name")
CHECKPOINT_SERVICE = _class(
    V2,
    "Msvm_VirtualSystemSnapshotService",
    "CreationClassName Name SystemCreationClassName SystemName",
    string="CreationClassName Name",
)
CHECKPOINT_SETTINGS = _class(V2, "Msvm_VirtualSystemSnapshotSettingData", "InstanceID", uint8="ConsistencyLevel")
AFFECTED_BY_JOB = _class(
    V2,
    "Msvm_AffectedJobElement",
    "AffectedElement AffectingElement",
    ref="AffectedElement AffectingElement",
    uint16_array="ElementEffects",
)
SECURITY = _class(V2, "Msvm_SecuritySettingData", "InstanceID", string="InstanceID", boolean="TpmEnabled")
SECURITY_SERVICE = _class(
    V2,
    "Msvm_SecurityService",
    "CreationClassName Name SystemCreationClassName SystemName",
    string="CreationClassName Name",
)
GUARDIAN = _class(
    HGS,
    "MSFT_HgsGuardian",
    "Name",
    uint8_array="EncryptionCertificate SigningCertificate",
    string="EncryptionCertificateSignature EncryptionCertificateSignatureAlgorithm Name",
    uint32="GuardianMetadataVersion",
    boolean="HasPrivateSigningKey",
)
KEY_PROTECTOR = _class(HGS, "MSFT_HgsKeyProtector", "", uint8_array="RawData")
HEARTBEAT = _class(
    V2,
    "Msvm_HeartbeatComponent",
    "CreationClassName DeviceID SystemCreationClassName SystemName",
    string="SystemName",
    uint16_array="OperationalStatus",
)
SERVICE = _class(CIMV2, "Win32_Service", "Name", string="Name State StartMode")
REGISTRY = _class(CIMV2, "StdRegProv", "")
# The boot configuration data; an element holds one of the values, which depends on its type.
BOOT_OBJECT = _class(WMI, "BcdObject", "Id StoreFilePath", string="Id StoreFilePath")
BOOT_ELEMENT = _class(WMI, "BcdElement", "", uint32="Type", uint64="Integer", string="String")
CLUSTER_NAME = _class(CLUSTER, "MSCluster_Cluster", "Name", string="Name")
# The private properties of a resource depend on its type; those of a virtual machine are its VmID and more.
CLUSTER_RESOURCE = _class(CLUSTER, "MSCluster_Resource", "Name", string="Name Type", instance="PrivateProperties")
# Integration services by stable names; the classes identify them, because their display names are localized.
INTEGRATION_SERVICES = {
    name: _class(V2, f"Msvm_{component}ComponentSettingData", "InstanceID", string="InstanceID", uint16="EnabledState")
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
