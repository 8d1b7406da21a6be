"""SOAP faults in the words and numbers of WinRM.

Numbers, texts and SOAP subcodes are those of wsmerror.h (Windows SDK); the layout of the detail is that of faults
captured from Windows Server 2012 R2 (microsoft/omi tests, WinRb specs).
"""

from __future__ import annotations

from typing import NamedTuple

from ..cim import errors
from ..cim.errors import CimError

_ADDRESSING = "http://schemas.xmlsoap.org/ws/2004/08/addressing/fault"
_WSMAN = "http://schemas.dmtf.org/wbem/wsman/1/wsman/fault"
_ENUMERATION = "http://schemas.xmlsoap.org/ws/2004/09/enumeration/fault"
_TRANSFER = "http://schemas.xmlsoap.org/ws/2004/09/transfer/fault"
_DETAIL = "http://schemas.dmtf.org/wbem/wsman/1/wsman/faultDetail/"
_FAULT_NS = "http://schemas.microsoft.com/wbem/wsman/1/wsmanfault"


class Kind(NamedTuple):
    code: str
    subcode: str
    action: str
    number: int
    text: str
    detail: str = ""
    plugin: bool = False  # it comes from the plug-in of the command shell


_REQUEST = "The WS-Management service cannot process the request"
_NOT_FOUND = f"{_REQUEST}. The service cannot find the resource identified by the resource URI and selectors. "
_HELP_URIS = 'Use the following command to get more information in how to construct a resource URI: "winrm help uris". '
_INTERNAL = Kind("s:Receiver", "w:InternalError", _WSMAN, 0, "")

KINDS: dict[str, Kind] = {
    "DestinationUnreachable": Kind(
        "s:Sender", "a:DestinationUnreachable", _ADDRESSING, 0x80338000, _NOT_FOUND, "InvalidResourceURI"
    ),
    "InvalidAction": Kind(
        "s:Sender", "a:ActionNotSupported", _ADDRESSING, 0x80338001,
        f"{_REQUEST}. The WS-Addressing action URI is invalid. Check the documentation for information on how to "
        "construct an action URI. ",
    ),
    "InvalidResourceUri": Kind(
        "s:Sender", "a:DestinationUnreachable", _ADDRESSING, 0x8033803B,
        f"{_REQUEST}. The resource URI is missing or it has an incorrect format. Check the documentation or use the "
        'following command for information on how to construct a resource URI: "winrm help uris". ',
        "InvalidResourceURI",
    ),
    "VersionMismatch": Kind(
        "s:VersionMismatch", "", _ADDRESSING, 0x8033800D,
        "The WS-Management service does not support the SOAP version specified in the request. ",
    ),
    "InvalidMessageInformationHeader": Kind(
        "s:Sender", "a:InvalidMessageInformationHeader", _ADDRESSING, 0x8033800F,
        f"{_REQUEST}. The request contains one or more invalid SOAP headers. ",
    ),
    "MustUnderstand": Kind(
        "s:MustUnderstand", "", _ADDRESSING, 0x80338010,
        "The WS-Management service cannot process a SOAP header in the request that is marked as mustUnderstand by the "
        "client. This could be caused by the use of a version of the protocol which is not supported, or may be an "
        "incompatibility between the client and server implementations. ",
    ),
    "MessageInformationHeaderRequired": Kind(
        "s:Sender", "a:MessageInformationHeaderRequired", _ADDRESSING, 0x80338011,
        f"{_REQUEST}. The request does not have all the expected SOAP headers. ",
    ),
    "InvalidRepresentation": Kind(
        "s:Sender", "x:InvalidRepresentation", _TRANSFER, 0x80338015,
        "The WS-Management service cannot identify the format of the object passed to a Put or Create method. The "
        "input XML may not be appropriate for the resource or uses the wrong schema for the resource. Change the input "
        "XML in the request. ",
    ),
    "FilterDialectRequestedUnavailable": Kind(
        "s:Sender", "n:FilterDialectRequestedUnavailable", _ENUMERATION, 0x80338019,
        "The filter dialect (the type associated with the filter) was not supported for this resource. Change the "
        "filter dialect or remove it from the request and try the request again. ",
    ),
    "CannotProcessFilter": Kind(
        "s:Sender", "n:CannotProcessFilter", _ENUMERATION, 0x8033801A,
        "The data source could not process the filter. The filter might be missing or it might be invalid. Change the "
        "filter and try the request again. ",
    ),
    "WqlNeedsStar": Kind(
        "s:Sender", "n:CannotProcessFilter", _ENUMERATION, 0x803380FB,
        "The WinRM client cannot process the request. The resource URI for an enumeration operation with WQL filter "
        "must not contain keys and the class name must be '*' (star). "
        f"{_HELP_URIS}",
    ),
    "NoSingleton": Kind(
        "s:Sender", "a:DestinationUnreachable", _ADDRESSING, 0x803380FA,  # the subcode is ASSUMPTIONS PROTO-14
        "The WinRM client cannot process the request. The resource URI is not valid: it does not contain keys, but the "
        "class selected is not a singleton. To access an instance which is not a singleton, keys must be provided. "
        f"{_HELP_URIS}",
        "InvalidResourceURI",
    ),
    "InvalidEnumerationContext": Kind(
        "s:Receiver", "n:InvalidEnumerationContext", _ENUMERATION, 0x8033801B,
        "The WS-Enumeration context in the enumeration is not valid. Enumeration may have been completed or canceled. "
        "You cannot use this enumeration context anymore. Start a new enumeration. ",
    ),
    "InvalidBody": Kind(
        "s:Sender", "w:SchemaValidationError", _WSMAN, 0x80338027,
        f"{_REQUEST} because the request packet does not have a valid SOAP body. ",
    ),
    "TimedOut": Kind(
        "s:Receiver", "w:TimedOut", _WSMAN, 0x80338029,
        "The WS-Management service cannot complete the operation within the time specified in OperationTimeout.  ",
    ),
    "ActionMismatch": Kind(
        "s:Sender", "w:ActionMismatch", _WSMAN, 0x80338031,
        f"{_REQUEST} because the WS-Addressing Action URI in the request is not compatible with the resource. ",
    ),
    "AlreadyExists": Kind(
        "s:Sender", "w:AlreadyExists", _WSMAN, 0x80338033,
        "The WS-Management service cannot create the resource because it already exists. ",
    ),
    "SchemaValidationError": Kind(
        "s:Sender", "w:SchemaValidationError", _WSMAN, 0x80338041,
        "The SOAP XML in the message does not match the corresponding XML schema definition. Change the XML and "
        "retry. ",
    ),
    "InvalidXml": Kind(
        "s:Sender", "w:SchemaValidationError", _WSMAN, 0x80338043,
        f"{_REQUEST} because the XML is invalid. ",
    ),
    "MaxEnvelopeSizeExceeded": Kind(
        "s:Sender", "w:EncodingLimit", _WSMAN, 0x80338048,
        "The response that the WS-Management service computed exceeds the maximum envelope size in the request. ",
        "MaxEnvelopeSize",
    ),
    "ServiceEnvelopeLimit": Kind(
        "s:Sender", "w:EncodingLimit", _WSMAN, 0x80338049,
        "The response that the WS-Management service computed exceed the internal limit for envelope size. ",
        "ServiceEnvelopeLimit",
    ),
    "MinimumEnvelopeLimit": Kind(
        "s:Sender", "w:EncodingLimit", _WSMAN, 0x8033807E,
        f"{_REQUEST} because the envelope size in the request is too small. ", "MinimumEnvelopeLimit",
    ),
    "InvalidSelectors": Kind(
        "s:Sender", "w:InvalidSelectors", _WSMAN, 0x8033805B,
        f"{_REQUEST} because the request contained invalid selectors for the resource. ", "UnexpectedSelectors",
    ),
    "DuplicateSelectors": Kind(
        "s:Sender", "w:InvalidSelectors", _WSMAN, 0x8033805F,
        f"{_REQUEST} because the request contains duplicate selectors. ", "DuplicateSelectors",
    ),
    "AddressingMode": Kind(
        "s:Sender", "w:UnsupportedFeature", _WSMAN, 0x80338076,
        "The WS-Management service does not support the addressing mode. ", "AddressingMode",
    ),
    "FragmentTransfer": Kind(
        "s:Sender", "w:UnsupportedFeature", _WSMAN, 0x80338077,
        "The WS-Management service does not support fragment transfer. ", "FragmentLevelAccess",
    ),
    "InvalidTimeout": Kind(
        "s:Sender", "w:InvalidParameter", _WSMAN, 0x80338081,
        f"{_REQUEST} because the timeout header in the request is invalid. ", "InvalidTimeout",
    ),
    "EnumerationMode": Kind(
        "s:Sender", "w:UnsupportedFeature", _WSMAN, 0x80338086,
        "The WS-Management service does not support the specified enumeration mode. ", "EnumerationMode",
    ),
    "LocaleMustUnderstand": Kind(
        "s:Sender", "w:UnsupportedFeature", _WSMAN, 0x80338087,
        "The WS-Management service cannot guarantee that all data is returned in the requested locale as some data "
        "sources may not be able to comply. Resend the remote request with locale as a hint (the SOAP header should "
        'have mustUnderstand="false") ',
        "Locale",
    ),
    "AccessDenied": Kind("s:Sender", "w:AccessDenied", _WSMAN, 5, "Access is denied. "),
    "MaxOperations": _INTERNAL._replace(
        number=0x803381A6,
        text=f"{_REQUEST}. The maximum number of concurrent operations for this user has been exceeded. Close existing "
        "operations for this user, or raise the quota for this user. ",
    ),
    "MaxShells": _INTERNAL._replace(
        number=0x803381A5,
        text=f"{_REQUEST}. The maximum number of concurrent shells for this user has been exceeded. Close existing "
        "shells or raise the quota for this user. ",
    ),
    "MethodNotImplemented": Kind(
        "s:Sender", "w:UnsupportedFeature", _WSMAN, 0x80338102,
        f"{_REQUEST}. The WMI service or the WMI provider cannot perform the requested operation. ",
    ),
    "NamespaceMismatch": _INTERNAL._replace(
        number=1359,  # ERROR_INTERNAL_ERROR; the number is ASSUMPTIONS PROTO-02, the words were seen by microsoft/omi
        text=f"{_REQUEST}. The resource URI and __cimnamespace selector attempted to use different namespaces. Try "
        "removing the __cimnamespace selector or using a DMTF resource URI. If a non-DMTF resource URI is used with a "
        "__cimnamespace selector, the namespaces must match. ",
    ),
    "Concurrency": Kind(
        "s:Sender", "w:Concurrency", _WSMAN, 0x80338032,
        "The WS-Management service cannot complete the WS-Addressing Action URI in the request because the resource "
        "was already in use. ",
    ),
    "ShellParameter": Kind(
        "s:Sender", "w:InvalidParameter", _WSMAN, 87, "The parameter is incorrect. ", "InvalidValue", plugin=True
    ),
    "NoProgram": _INTERNAL._replace(
        number=0x80070002, text="The system cannot find the file specified. ", plugin=True
    ),
    "BrokenPipe": _INTERNAL._replace(number=109, text="The pipe has been ended. ", plugin=True),
    "OperationAborted": _INTERNAL._replace(
        number=995,
        text="The I/O operation has been aborted because of either a thread exit or an application request. ",
    ),
    "InternalError": _INTERNAL._replace(
        number=0x80338083,
        text=f"{_REQUEST}. The data source failed to return results for the request. ",
    ),
}  # fmt: skip


class Fault(Exception):
    """A request that ends in a SOAP fault.

    `cim` is the failure of the provider behind it, `message` what the detail says in place of the reason's text.
    """

    def __init__(self, kind: Kind, *, cim: CimError | None = None, namespace: str = "", message: str = "") -> None:
        super().__init__(kind.text or str(cim))
        self.kind = kind
        self.cim = cim
        self.namespace = namespace
        self.message = message or kind.text
        self.relates_to = ""


def fault(name: str, cim: CimError | None = None, namespace: str = "", message: str = "") -> Fault:
    """A fault of KINDS; with the failure of the provider that caused it, where one did."""
    return Fault(KINDS[name], cim=cim, namespace=namespace, message=message)


def not_modelled(cim: errors.NotModelled) -> Fault:
    """The simulator's own failure, which no host gives: what a client does then is not tested by it."""
    text = f"The simulator does not model {cim.class_name}, a class that real hosts have; add it to data/classes.yml. "
    return Fault(_INTERNAL._replace(number=0x80004001, text=text))  # E_NOTIMPL


# What WinRM's WMI plug-in makes of a failed WMI call; every other code comes as w:InternalError with its own number.
_BY_STATUS = {
    errors.NOT_FOUND: "DestinationUnreachable",
    errors.INVALID_CLASS: "DestinationUnreachable",
    errors.INVALID_NAMESPACE: "DestinationUnreachable",
    errors.ACCESS_DENIED: "AccessDenied",
    errors.ALREADY_EXISTS: "AlreadyExists",
    errors.METHOD_NOT_IMPLEMENTED: "MethodNotImplemented",
    errors.PROVIDER_NOT_CAPABLE: "MethodNotImplemented",
    errors.NOT_SUPPORTED: "MethodNotImplemented",
}


def from_cim(error: CimError, namespace: str = "", query: bool = False) -> Fault:
    """The fault of a failed WMI call; in a query, class, namespace and syntax are the filter's mistakes."""
    if query and error.status in (
        errors.INVALID_CLASS, errors.INVALID_NAMESPACE, errors.INVALID_QUERY, errors.INVALID_QUERY_TYPE,
        errors.INVALID_OBJECT_PATH, errors.INVALID_PROPERTY,
    ):  # fmt: skip
        return fault("CannotProcessFilter", error, namespace)
    if name := _BY_STATUS.get(error.status):
        return fault(name, error, namespace)
    # The words of Windows Server 2012 and later, seen with 0x80041001, 0x80041033 and other codes.
    text = f"{_REQUEST}. The WMI service or the WMI provider returned an unknown error: HRESULT 0x{error.status:08x} "
    kind = _INTERNAL._replace(number=error.status, text=text)
    return Fault(kind, cim=error, namespace=namespace)


def fault_body(problem: Fault, locale: str, address: str, machine: str) -> str:
    """The s:Fault element; `address` is the name the client used for the machine."""
    kind = problem.kind
    subcode = f"<s:Subcode><s:Value>{kind.subcode}</s:Value></s:Subcode>" if kind.subcode else ""
    detail = f"<w:FaultDetail>{_DETAIL}{kind.detail}</w:FaultDetail>" if kind.detail else ""
    if problem.cim and problem.namespace.lower().startswith("root/standardcimv2"):
        detail += _wmi_error(problem.cim, kind)
    else:
        detail += _wsman_fault(problem, address, machine)
    return (
        f"<s:Fault><s:Code><s:Value>{kind.code}</s:Value>{subcode}</s:Code>"
        f'<s:Reason><s:Text xml:lang="{locale}">{_escape(kind.text)}</s:Text></s:Reason>'
        f"<s:Detail>{detail}</s:Detail></s:Fault>"
    )


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")


def _wsman_fault(problem: Fault, address: str, machine: str) -> str:
    kind, cim = problem.kind, problem.cim
    head = f'<f:WSManFault xmlns:f="{_FAULT_NS}" Code="{kind.number}" Machine="{_escape(address)}"><f:Message>'
    if kind.plugin:
        plugin = 'provider="Shell cmd plugin" path="%systemroot%\\system32\\winrscmd.dll"'
        text = f"<f:ProviderFault {plugin}>{_escape(problem.message)}</f:ProviderFault>"
        return f"{head}{text}</f:Message></f:WSManFault>"
    if cim is None:
        return f"{head}{_escape(problem.message)}</f:Message></f:WSManFault>"
    # The inner fault repeats the number of the outer one (both captures do); the code of WMI itself shows only where
    # the service has no number of its own for it. See ASSUMPTIONS PROTO-01.
    unknown_class = cim.status == errors.INVALID_CLASS and kind is KINDS["CannotProcessFilter"]
    text = "The specified class does not exist in the given namespace. " if unknown_class else kind.text
    return (
        f'{head}<f:ProviderFault provider="WMI Provider" path="C:\\Windows\\system32\\WsmWmiPl.dll">'
        f'<f:WSManFault xmlns:f="{_FAULT_NS}" Code="{kind.number}" Machine="{_escape(machine)}">'
        f"<f:Message>{_escape(text)}</f:Message></f:WSManFault>"
        f"<f:ExtendedError>{_extended_status(cim, problem.namespace)}</f:ExtendedError></f:ProviderFault></f:Message>"
        "</f:WSManFault>"
    )


def _extended_status(cim: CimError, namespace: str) -> str:
    def text(name: str, value: str) -> str:
        return f"<p:{name}>{_escape(value)}</p:{name}>" if value else f'<p:{name} xsi:nil="true"/>'

    return (
        '<p:__ExtendedStatus xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
        f'xmlns:p="http://schemas.microsoft.com/wbem/wsman/1/wmi/{_escape(namespace)}/__ExtendedStatus" '
        'xmlns:cim="http://schemas.dmtf.org/wbem/wscim/1/common" xsi:type="p:__ExtendedStatus_Type">'
        f"{text('Description', '')}{text('Operation', cim.operation)}{text('ParameterInfo', cim.parameter_info)}"
        f"{text('ProviderName', cim.provider or 'WinMgmt')}{text('StatusCode', '')}</p:__ExtendedStatus>"
    )


# CIM status codes (DSP0223) of the WMI codes that an MI provider reports, with the error category of the MI client.
_CIM_STATUS = {
    errors.ACCESS_DENIED: (2, 18),
    errors.INVALID_NAMESPACE: (3, 7),
    errors.INVALID_PARAMETER: (4, 5),
    errors.INVALID_METHOD_PARAMETERS: (4, 5),
    errors.INVALID_CLASS: (5, 7),
    errors.NOT_FOUND: (6, 6),
    errors.NOT_SUPPORTED: (7, 13),
    errors.ALREADY_EXISTS: (11, 10),
    errors.INVALID_PROPERTY: (12, 5),
    errors.INVALID_QUERY: (15, 5),
    errors.INVALID_METHOD: (17, 5),
}


# System errors of the MSFT_Net* providers: CIM status and category as PowerShell shows them (87 InvalidArgument, 1168
# ObjectNotFound, 5010 and 32 NotSpecified, seen in reports of New-NetNat and New-NetIPAddress failures).
_WINDOWS_STATUS = {5: (2, 18), 87: (4, 5), 1168: (6, 13), 5010: (11, 0)}


def _wmi_error(cim: CimError, kind: Kind) -> str:
    """MSFT_WmiError, what MI providers (MSFT_Net*) answer with (shape: a fault captured by pywinrm)."""
    windows = isinstance(cim, errors.WindowsError)
    status, category = _WINDOWS_STATUS.get(cim.code, (1, 0)) if windows else _CIM_STATUS.get(cim.status, (1, 7))
    code, kind_of_code = (cim.code, "WIN32") if windows else (cim.status, "HRESULT")
    message_id = f"Windows System Error {code}" if windows else f"HRESULT 0x{code:08x}"

    def element(name: str, type_name: str, value: object | None) -> str:
        if value is None:
            return f'<p:{name} xsi:type="cim:{type_name}" xsi:nil="true"/>'
        return f'<p:{name} xsi:type="cim:{type_name}">{_escape(str(value))}</p:{name}>'

    # Kept in the order of the capture: alphabetical, the lower-case names last.
    values: tuple[tuple[str, str, object | None], ...] = (
        ("CIMStatusCode", "cimUnsignedInt", status),
        ("CIMStatusCodeDescription", "cimString", None),
        ("ErrorSource", "cimString", None),
        ("ErrorSourceFormat", "cimUnsignedShort", 0),
        ("ErrorType", "cimUnsignedShort", 0),
        ("Message", "cimString", cim.message),
        ("MessageID", "cimString", message_id),
        ("OtherErrorSourceFormat", "cimString", None),
        ("OtherErrorType", "cimString", None),
        ("OwningEntity", "cimString", None),
        ("PerceivedSeverity", "cimUnsignedShort", 0),
        ("ProbableCause", "cimUnsignedShort", 0),
        ("ProbableCauseDescription", "cimString", None),
        ("error_Category", "cimUnsignedInt", category),
        ("error_Code", "cimUnsignedInt", code),
        ("error_Type", "cimString", kind_of_code),
        ("error_WindowsErrorMessage", "cimString", cim.message),
    )
    return (
        '<p:MSFT_WmiError b:IsCIM_Error="true" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
        'xmlns:b="http://schemas.dmtf.org/wbem/wsman/1/cimbinding.xsd" '
        'xmlns:p="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/MSFT_WmiError" '
        'xmlns:cim="http://schemas.dmtf.org/wbem/wscim/1/common" xsi:type="p:MSFT_WmiError_Type">'
        + "".join(element(*value) for value in values)
        + "</p:MSFT_WmiError>"
    )
