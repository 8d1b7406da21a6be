"""XML that Windows hosts sent, as data to compare with; names and GUIDs replaced by those who recorded it.

Windows 11 Pro 10.0.26220 (ja-JP), recorded in 2026: r4sd/go-wsman, */testdata/recorded_*.xml, get_response_*.xml,
invoke_response_*.xml. Windows Server 2012: zenoss/txwinrm, test data. Windows Server 2012 R2: microsoft/omi tests.
Windows Server 2008 R2: WinRb/WinRM, spec/stubs/responses/soap_fault_v2.xml.
"""

from __future__ import annotations

WMI = "http://schemas.microsoft.com/wbem/wsman/1/wmi/root/virtualization/v2"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
CIM = "http://schemas.dmtf.org/wbem/wscim/1/common"


def _instance(name: str, body: str) -> str:
    return (
        f'<p:{name} xmlns:xsi="{XSI}" xmlns:p="{WMI}/{name}" xmlns:cim="{CIM}" xsi:type="p:{name}_Type">'
        f"{body}</p:{name}>"
    )


VM_OFF = _instance(
    "Msvm_ComputerSystem",
    '<p:Caption>仮想マシン</p:Caption><p:CommunicationStatus xsi:nil="true"/>'
    "<p:CreationClassName>Msvm_ComputerSystem</p:CreationClassName>"
    '<p:Description>Microsoft Virtual Machine</p:Description><p:DetailedStatus xsi:nil="true"/>'
    "<p:ElementName>scrubbed-9</p:ElementName><p:EnabledDefault>3</p:EnabledDefault>"
    "<p:EnabledState>3</p:EnabledState><p:EnhancedSessionModeState>3</p:EnhancedSessionModeState>"
    "<p:FailedOverReplicationType>0</p:FailedOverReplicationType><p:HealthState>5</p:HealthState>"
    '<p:HwThreadsPerCoreRealized xsi:nil="true"/>'
    "<p:InstallDate><cim:Datetime>2026-10-08T15:15:36.68424Z</cim:Datetime></p:InstallDate>"
    '<p:InstanceID xsi:nil="true"/><p:LastApplicationConsistentReplicationTime>'
    "<cim:Datetime>1601-01-01T00:00:00Z</cim:Datetime></p:LastApplicationConsistentReplicationTime>"
    "<p:LastReplicationTime><cim:Datetime>1601-01-01T00:00:00Z</cim:Datetime></p:LastReplicationTime>"
    '<p:LastReplicationType>0</p:LastReplicationType><p:LastSuccessfulBackupTime xsi:nil="true"/>'
    '<p:ManagementVtlImageFileName xsi:nil="true"/><p:ManagementVtlImageVersion xsi:nil="true"/>'
    '<p:Name>00000000-0000-4000-8000-000000000012</p:Name><p:NameFormat xsi:nil="true"/>'
    "<p:NumberOfNumaNodes>1</p:NumberOfNumaNodes><p:OnTimeInMilliseconds>0</p:OnTimeInMilliseconds>"
    '<p:OperatingStatus xsi:nil="true"/><p:OperationalStatus>2</p:OperationalStatus>'
    '<p:OtherEnabledState xsi:nil="true"/><p:PrimaryOwnerContact xsi:nil="true"/>'
    '<p:PrimaryOwnerName xsi:nil="true"/><p:PrimaryStatus xsi:nil="true"/><p:ProcessID xsi:nil="true"/>'
    "<p:ReplicationHealth>0</p:ReplicationHealth><p:ReplicationMode>0</p:ReplicationMode>"
    "<p:ReplicationState>0</p:ReplicationState><p:RequestedState>5</p:RequestedState>"
    "<p:ResetCapability>1</p:ResetCapability><p:Status>OK</p:Status>"
    "<p:StatusDescriptions>正常稼働中</p:StatusDescriptions><p:TimeOfLastConfigurationChange>"
    "<cim:Datetime>2026-10-08T15:15:36.842286Z</cim:Datetime></p:TimeOfLastConfigurationChange>"
    "<p:TimeOfLastStateChange><cim:Datetime>1601-01-01T00:00:00Z</cim:Datetime></p:TimeOfLastStateChange>"
    '<p:TransitioningToState xsi:nil="true"/>',
)

_NIL = ' xsi:nil="true"/>'


def _properties(texts: dict[str, str | None]) -> str:
    """Scalars in the order of the capture; None is NULL."""
    return "".join(f"<p:{n}{_NIL}" if text is None else f"<p:{n}>{text}</p:{n}>" for n, text in texts.items())


_NEVER = "<cim:Datetime>1601-01-01T00:00:00Z</cim:Datetime>"
_CHANGED = "<cim:Datetime>2026-07-29T14:10:59.467886Z</cim:Datetime>"
VM_RUNNING = _instance(
    "Msvm_ComputerSystem",
    _properties(
        {
            "Caption": "仮想マシン",
            "CommunicationStatus": None,
            "CreationClassName": "Msvm_ComputerSystem",
            "Description": "Microsoft Virtual Machine",
            "DetailedStatus": None,
            "ElementName": "scrubbed-3",
            "EnabledDefault": "2",
            "EnabledState": "2",
            "EnhancedSessionModeState": "6",
            "FailedOverReplicationType": "0",
            "HealthState": "5",
            "HwThreadsPerCoreRealized": "2",
            "InstallDate": "<cim:Datetime>2025-12-17T09:55:22.702341Z</cim:Datetime>",
            "InstanceID": None,
            "LastApplicationConsistentReplicationTime": _NEVER,
            "LastReplicationTime": _NEVER,
            "LastReplicationType": "0",
            "LastSuccessfulBackupTime": None,
            "ManagementVtlImageFileName": None,
            "ManagementVtlImageVersion": None,
            "Name": "00000000-0000-4000-8000-00000000000a",
            "NameFormat": None,
            "NumberOfNumaNodes": "1",
            "OnTimeInMilliseconds": "6138294371",
            "OperatingStatus": None,
            "OperationalStatus": "2",
            "OtherEnabledState": None,
            "PrimaryOwnerContact": None,
            "PrimaryOwnerName": None,
            "PrimaryStatus": None,
            "ProcessID": "9624",
            "ReplicationHealth": "0",
            "ReplicationMode": "0",
            "ReplicationState": "0",
            "RequestedState": "5",
            "ResetCapability": "1",
            "Status": "OK",
            "StatusDescriptions": "正常稼働中",
            "TimeOfLastConfigurationChange": _CHANGED,
            "TimeOfLastStateChange": _CHANGED,
            "TransitioningToState": None,
        }
    ),
)

HOST = _instance(
    "Msvm_ComputerSystem",
    _properties(
        {
            "Caption": "ホスト コンピューター システム",
            "CommunicationStatus": None,
            "CreationClassName": "Msvm_ComputerSystem",
            "Description": "Microsoft ホスト コンピューター システム",
            "DetailedStatus": None,
            "ElementName": "scrubbed-1",
            "EnabledDefault": "2",
            "EnabledState": "2",
            "EnhancedSessionModeState": None,
            "FailedOverReplicationType": None,
            "HealthState": "5",
            "HwThreadsPerCoreRealized": None,
            "InstallDate": None,
            "InstanceID": None,
            "LastApplicationConsistentReplicationTime": None,
            "LastReplicationTime": None,
            "LastReplicationType": None,
            "LastSuccessfulBackupTime": None,
            "ManagementVtlImageFileName": None,
            "ManagementVtlImageVersion": None,
            "Name": "scrubbed-1",
            "NameFormat": None,
            "NumberOfNumaNodes": "1",
            "OnTimeInMilliseconds": None,
            "OperatingStatus": None,
            "OperationalStatus": "2",
            "OtherEnabledState": None,
            "PrimaryOwnerContact": None,
            "PrimaryOwnerName": None,
            "PrimaryStatus": None,
            "ProcessID": None,
            "ReplicationHealth": None,
            "ReplicationMode": None,
            "ReplicationState": None,
            "RequestedState": "12",
            "ResetCapability": "1",
            "Status": "OK",
            "StatusDescriptions": "OK",
            "TimeOfLastConfigurationChange": None,
            "TimeOfLastStateChange": None,
            "TransitioningToState": None,
        }
    ),
)

SWITCH = _instance(
    "Msvm_VirtualEthernetSwitch",
    _properties(
        {
            "Caption": "仮想スイッチ",
            "CommunicationStatus": None,
            "CreationClassName": "Msvm_VirtualEthernetSwitch",
            "Dedicated": "38",
            "Description": "Microsoft 仮想スイッチ",
            "DetailedStatus": None,
            "ElementName": "scrubbed-5",
            "EnabledDefault": "2",
            "EnabledState": "5",
            "HealthState": "5",
            "IdentifyingDescriptions": "仮想スイッチ拡張ミニポート アダプター ID",
            "InstallDate": None,
            "InstanceID": None,
            "MaxIOVOffloads": "0",
            "MaxVMQOffloads": "0",
            "Name": "00000000-0000-4000-8000-000000000007",
            "NameFormat": None,
            "OperatingStatus": None,
            "OperationalStatus": "2",
            "OtherEnabledState": None,
            "OtherIdentifyingInfo": "{00000000-0000-4000-8000-000000000008}",
            "PrimaryOwnerContact": None,
            "PrimaryOwnerName": None,
            "PrimaryStatus": None,
            "RequestedState": "12",
            "ResetCapability": "5",
            "Status": "OK",
            "StatusDescriptions": "OK",
            "TimeOfLastStateChange": None,
            "TransitioningToState": None,
        }
    ),
)

EXTERNAL_PORT = _instance(
    "Msvm_ExternalEthernetPort",
    _properties(
        {
            "ActiveMaximumTransmissionUnit": "1500",
            "AutoSense": "true",
            "Availability": None,
            "Caption": "イーサネット ポート",
            "CommunicationStatus": None,
            "CreationClassName": "Msvm_ExternalEthernetPort",
            "Description": "Microsoft 外部イーサネット ポート",
            "DetailedStatus": None,
            "DeviceID": "Microsoft:{00000000-0000-4000-8000-000000000007}",
            "ElementName": "Intel(R) Ethernet Connection (2) I218-LM",
            "EnabledDefault": "2",
            "EnabledState": "2",
            "ErrorCleared": None,
            "ErrorDescription": None,
            "FullDuplex": "true",
            "HealthState": "5",
            "InstallDate": None,
            "InstanceID": None,
            "IsBound": "true",
            "LastErrorCode": None,
            "LinkTechnology": "2",
            "MaxDataSize": "1500",
            "MaxQuiesceTime": None,
            "MaxSpeed": "1000000000",
            "Name": "Intel(R) Ethernet Connection (2) I218-LM",
            "OperatingStatus": None,
            "OperationalStatus": "2",
            "OtherEnabledState": None,
            "OtherLinkTechnology": None,
            "OtherNetworkPortType": None,
            "OtherPortType": None,
            "PermanentAddress": "00155D000001",
            "PortNumber": "0",
            "PortType": "53",
            "PowerManagementSupported": None,
            "PowerOnHours": None,
            "PrimaryStatus": None,
            "RequestedSpeed": "1000000000",
            "RequestedState": "12",
            "Speed": "1000000000",
            "Status": "OK",
            "StatusDescriptions": "OK",
            "StatusInfo": None,
            "SupportedMaximumTransmissionUnit": "1500",
            "SystemCreationClassName": "Msvm_ComputerSystem",
            "SystemName": "scrubbed-1",
            "TimeOfLastStateChange": None,
            "TotalPowerOnHours": None,
            "TransitioningToState": None,
            "UsageRestriction": "4",
        }
    ),
)

STORAGE_JOB = _instance(
    "Msvm_StorageJob",
    '<p:Cancellable>true</p:Cancellable><p:Caption>仮想ハード ディスクの作成</p:Caption><p:Child xsi:nil="true"/>'
    '<p:CommunicationStatus xsi:nil="true"/><p:DeleteOnCompletion>false</p:DeleteOnCompletion>'
    '<p:Description>仮想ハード ディスクの作成中</p:Description><p:DetailedStatus xsi:nil="true"/>'
    "<p:ElapsedTime><cim:Interval>P0DT0H0M1.00417S</cim:Interval></p:ElapsedTime>"
    "<p:ElementName>仮想ハード ディスクの作成</p:ElementName><p:ErrorCode>0</p:ErrorCode>"
    "<p:ErrorDescription></p:ErrorDescription><p:ErrorSummaryDescription></p:ErrorSummaryDescription>"
    "<p:HealthState>5</p:HealthState><p:InstallDate><cim:Datetime>1601-01-01T00:00:00Z</cim:Datetime></p:InstallDate>"
    "<p:InstanceID>00000000-0000-4000-8000-000000000003</p:InstanceID>"
    "<p:JobCompletionStatusCode>0</p:JobCompletionStatusCode><p:JobRunTimes>1</p:JobRunTimes>"
    "<p:JobState>7</p:JobState><p:JobStatus>ジョブは完了しました</p:JobStatus><p:JobType>1</p:JobType>"
    "<p:LocalOrUtcTime>2</p:LocalOrUtcTime><p:Name>仮想ハード ディスクの作成</p:Name><p:Notify></p:Notify>"
    '<p:OperatingStatus xsi:nil="true"/><p:OperationalStatus>17</p:OperationalStatus>'
    "<p:OperationalStatus>2</p:OperationalStatus><p:OtherRecoveryAction></p:OtherRecoveryAction>"
    "<p:Owner>scrubbed-1\\scrubbed-8</p:Owner>"
    '<p:Parent xsi:nil="true"/><p:PercentComplete>100</p:PercentComplete><p:PrimaryStatus xsi:nil="true"/>'
    '<p:Priority>0</p:Priority><p:RecoveryAction>2</p:RecoveryAction><p:RunDay xsi:nil="true"/>'
    '<p:RunDayOfWeek xsi:nil="true"/><p:RunMonth xsi:nil="true"/><p:RunStartInterval xsi:nil="true"/>'
    "<p:ScheduledStartTime><cim:Datetime>2026-10-05T04:23:50Z</cim:Datetime></p:ScheduledStartTime>"
    "<p:StartTime><cim:Datetime>2026-10-05T04:23:50Z</cim:Datetime></p:StartTime><p:Status>OK</p:Status>"
    "<p:StatusDescriptions>ジョブは完了しました</p:StatusDescriptions>"
    "<p:StatusDescriptions>ジョブは正常に完了しました</p:StatusDescriptions>"
    "<p:TimeBeforeRemoval><cim:Interval>P0DT0H5M0S</cim:Interval></p:TimeBeforeRemoval>"
    "<p:TimeOfLastStateChange><cim:Datetime>2026-10-05T04:23:51Z</cim:Datetime></p:TimeOfLastStateChange>"
    "<p:TimeSubmitted><cim:Datetime>2026-10-05T04:23:50Z</cim:Datetime></p:TimeSubmitted>"
    '<p:UntilTime xsi:nil="true"/>',
)

# The same job a second before. Only these differ.
_RUNNING = (
    ("P0DT0H0M1.00417S", "P0DT0H0M0.014947S"),
    ("<p:JobState>7<", "<p:JobState>4<"),
    ("<p:JobStatus>ジョブは完了しました<", "<p:JobStatus>ジョブは実行中です<"),
    ("<p:OperationalStatus>17</p:OperationalStatus>", ""),
    ("<p:PercentComplete>100<", "<p:PercentComplete>0<"),
    ("<p:StatusDescriptions>ジョブは完了しました</p:StatusDescriptions>", ""),
    ("<p:StatusDescriptions>ジョブは正常に完了しました<", "<p:StatusDescriptions>ジョブは実行中です<"),
    ("2026-10-05T04:23:51Z", "2026-10-05T04:23:50Z"),
)
STORAGE_JOB_RUNNING = STORAGE_JOB
for _old, _new in _RUNNING:
    STORAGE_JOB_RUNNING = STORAGE_JOB_RUNNING.replace(_old, _new)

_ADDRESSING = "http://schemas.xmlsoap.org/ws/2004/08/addressing"
_WSMAN = "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd"


def _reference(name: str, class_name: str, **keys: str) -> str:
    selectors = "".join(f'<w:Selector Name="{key}">{value}</w:Selector>' for key, value in keys.items())
    return (
        f'<p:{name} xmlns:a="{_ADDRESSING}" xmlns:w="{_WSMAN}"><a:Address>{_ADDRESSING}/role/anonymous</a:Address>'
        f"<a:ReferenceParameters><w:ResourceURI>{WMI}/{class_name}</w:ResourceURI><w:SelectorSet>{selectors}"
        f"</w:SelectorSet></a:ReferenceParameters></p:{name}>"
    )


# The numbers are the recorder's placeholders for GUIDs; the two reference properties stood in this order.
AFFECTED_JOB_ELEMENT = _instance(
    "Msvm_AffectedJobElement",
    _reference("AffectedElement", "Msvm_VirtualSystemSettingData", InstanceID="Microsoft:GUID")
    + _reference("AffectingElement", "Msvm_ConcreteJob", InstanceID="00000000-0000-4000-8000-000000000003")
    + "<p:ElementEffects>5</p:ElementEffects>",
)

GUEST_ADAPTER = _instance(
    "Msvm_GuestNetworkAdapterConfiguration",
    "<p:DHCPEnabled>true</p:DHCPEnabled><p:InstanceID>Microsoft:GuestNetwork\\VMGUID\\NICGUID</p:InstanceID>"
    "<p:ProtocolIFType>0</p:ProtocolIFType>",
)

_SWITCH_SERVICE = "Msvm_VirtualEthernetSwitchManagementService"
DEFINE_SWITCH_ENVELOPE = (
    '<s:Envelope xml:lang="ja-JP" xmlns:s="http://www.w3.org/2003/05/soap-envelope" '
    f'xmlns:a="{_ADDRESSING}" xmlns:x="http://schemas.xmlsoap.org/ws/2004/09/transfer" '
    f'xmlns:w="{_WSMAN}" xmlns:p="http://schemas.microsoft.com/wbem/wsman/1/wsman.xsd"><s:Header>'
    f"<a:Action>{WMI}/{_SWITCH_SERVICE}/DefineSystemResponse</a:Action>"
    "<a:MessageID>uuid:00000000-0000-4000-8000-000000000012</a:MessageID>"
    f"<a:To>{_ADDRESSING}/role/anonymous</a:To>"
    "<a:RelatesTo>uuid:00000000-0000-4000-8000-000000000013</a:RelatesTo></s:Header><s:Body>"
    f'<p:DefineSystem_OUTPUT xmlns:xsi="{XSI}" xmlns:p="{WMI}/{_SWITCH_SERVICE}" xmlns:cim="{CIM}">'
    + _reference(
        "ResultingSystem",
        "Msvm_VirtualEthernetSwitch",
        CreationClassName="Msvm_VirtualEthernetSwitch",
        Name="00000000-0000-4000-8000-000000000014",
    )
    + '<p:Job xsi:nil="true"/><p:ReturnValue>0</p:ReturnValue></p:DefineSystem_OUTPUT></s:Body></s:Envelope>'
)

# soap_fault_v2.xml without the white space of its indentation: an unknown class in a query.
UNKNOWN_CLASS_FAULT = (
    "<s:Fault><s:Code><s:Value>s:Sender</s:Value><s:Subcode><s:Value>n:CannotProcessFilter</s:Value></s:Subcode>"
    '</s:Code><s:Reason><s:Text xml:lang="en-US">The data source could not process the filter. The filter might be '
    "missing or it might be invalid. Change the filter and try the request again. </s:Text></s:Reason><s:Detail>"
    '<f:WSManFault xmlns:f="http://schemas.microsoft.com/wbem/wsman/1/wsmanfault" Code="2150858778" '
    'Machine="localhost"><f:Message>'
    '<f:ProviderFault provider="WMI Provider" path="C:\\Windows\\system32\\WsmWmiPl.dll">'
    '<f:WSManFault xmlns:f="http://schemas.microsoft.com/wbem/wsman/1/wsmanfault" Code="2150858778" '
    'Machine="vagrant-2008R2"><f:Message>The specified class does not exist in the given namespace. </f:Message>'
    f'</f:WSManFault><f:ExtendedError><p:__ExtendedStatus xmlns:xsi="{XSI}" '
    'xmlns:p="http://schemas.microsoft.com/wbem/wsman/1/wmi/root/cimv2/__ExtendedStatus" '
    f'xmlns:cim="{CIM}" xsi:type="p:__ExtendedStatus_Type"><p:Description xsi:nil="true"/>'
    "<p:Operation>ExecQuery</p:Operation><p:ParameterInfo>Select * from Win32_Processa where name=&quot;sshd.exe&quot;"
    '</p:ParameterInfo><p:ProviderName>WinMgmt</p:ProviderName><p:StatusCode xsi:nil="true"/></p:__ExtendedStatus>'
    "</f:ExtendedError></f:ProviderFault></f:Message></f:WSManFault></s:Detail></s:Fault>"
)
