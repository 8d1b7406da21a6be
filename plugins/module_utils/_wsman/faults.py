# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one family of exceptions that the layers below the bridge raise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class HostError(Exception):
    """A sentence for people (`message`) and facts for tools (`details`)."""

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.details: dict[str, Any] = {
            name: value for name, value in details.items() if value not in (None, "", (), {})
        }


class WSManError(HostError):
    """Talking to the host failed."""


class ConnectionFailed(WSManError):
    """No HTTP answer: name resolution, refusal, reset, proxy.

    `sent` is false when the host can't have seen the request.
    """

    def __init__(self, message: str, *, sent: bool = True, **details: Any) -> None:
        super().__init__(message, **details)
        self.sent = sent


class CertificateInvalid(ConnectionFailed):
    """TLS refused the host's certificate; nothing was sent."""


class AuthenticationFailed(WSManError):
    """HTTP 401 or 403, or the authentication library gave up."""


class NotWSMan(WSManError):
    """Something answered, but not in WS-Management."""


class HostBusy(WSManError):
    """HTTP 503 or 429: the service takes no request right now; it has not run this one."""


class RequestTooLarge(WSManError):
    """HTTP 413: larger than the service's MaxEnvelopeSizekb, refused before SOAP (MS-WSMV 3.1.4.1)."""


class OperationTimeout(WSManError):
    """No answer in time; whether the operation ran is unknown."""


class FaultParts(NamedTuple):
    """What a SOAP fault says, before it is judged."""

    code: str = ""
    subcode: str = ""
    reason: str = ""
    wsman_code: int | None = None
    codes: tuple[int, ...] = ()
    wmi_status: int | None = None
    cim_status: int | None = None
    provider_message: str = ""
    fault_detail: str = ""
    extended: Mapping[str, str | None] = {}


class Fault(WSManError):
    """A SOAP fault: the host understood HTTP and answered that it can't or won't.

    `codes` are all numbers of nested f:WSManFault elements and MSFT_WmiError, outermost first; `wmi_status` is the
    WBEM_E_* number among them, `extended` the content of __ExtendedStatus or MSFT_WmiError.
    """

    meaning = "the host refused the request"

    def __init__(self, parts: FaultParts, *, resource: str = "", action: str = "") -> None:
        self.code = parts.code
        self.subcode = parts.subcode
        self.reason = parts.reason
        self.wsman_code = parts.wsman_code
        self.codes = parts.codes
        self.wmi_status = parts.wmi_status
        self.cim_status = parts.cim_status
        self.provider_message = parts.provider_message
        self.extended = dict(parts.extended)
        self.parts = parts
        self.resource = resource
        self.action = action
        class_name, operation = resource.rpartition("/")[2], action.rpartition("/")[2]
        number = parts.wmi_status or parts.wsman_code
        what = " ".join(word for word in (operation, class_name) if word)
        said = (parts.provider_message or parts.reason).strip().rstrip(".")
        text = f"{what}: {self.meaning}" if what else self.meaning
        if said:
            text += f": {said}"
        if number is not None:
            text += f" (code {number:#x})" if number > 0xFFFF else f" (code {number})"
        super().__init__(
            text,
            **{"class": class_name},
            operation=operation,
            resource_uri=resource,
            code=number,
            codes=list(parts.codes),
            fault_code=parts.code,
            subcode=parts.subcode,
            wmi_status=parts.wmi_status,
            cim_status=parts.cim_status,
            reason=parts.reason.strip(),
            provider_message=parts.provider_message,
            extended=self.extended,
        )


class NotFound(Fault):
    """a:DestinationUnreachable, WBEM_E_NOT_FOUND."""

    meaning = "the host has no such object"


class AccessDenied(Fault):
    """Windows error 5, WBEM_E_ACCESS_DENIED: authenticated, but without rights."""

    meaning = "the user is not allowed to do this"


class InvalidClass(Fault):
    """WBEM_E_INVALID_CLASS, or nothing found behind a URI without selectors."""

    meaning = "the host does not know this class"


class InvalidNamespace(InvalidClass):
    """WBEM_E_INVALID_NAMESPACE: no class of this namespace exists either."""

    meaning = "the host does not have this CIM namespace"


class InvalidSelectors(Fault):
    meaning = "the keys do not fit the class"


class SchemaInvalid(Fault):
    meaning = "the host does not accept these arguments"


class InvalidMethod(Fault):
    """WBEM_E_INVALID_METHOD, WBEM_E_METHOD_NOT_IMPLEMENTED."""

    meaning = "the class has no such method"


class InvalidParameter(Fault):
    """WBEM_E_INVALID_PARAMETER, WBEM_E_INVALID_METHOD_PARAMETERS."""

    meaning = "the host does not accept a parameter"


class NotSupported(Fault):
    meaning = "the host does not support this"


class FilterRefused(Fault):
    """n:CannotProcessFilter: bad WQL, or WQL with a class URI."""

    meaning = "the host refused the query"


class ContextExpired(Fault):
    """n:InvalidEnumerationContext: Pull after EnumerationTimeoutms, 60 s by default."""

    meaning = "the host forgot the enumeration"


class QuotaExceeded(Fault):
    """Concurrent operations of the user or of the service; the request was not run."""

    meaning = "the host is at a quota of WS-Management"


class AlreadyExists(Fault):
    meaning = "the object exists already"


class EncodingLimit(Fault):
    meaning = "the answer does not fit the envelope size of the host"


class OperationTimedOut(Fault, OperationTimeout):
    """w:TimedOut: the host gave up waiting for its provider."""

    meaning = "the operation did not end in time"


class _Rule(NamedTuple):
    fault: type[Fault]
    codes: frozenset[int] = frozenset()
    subcodes: frozenset[str] = frozenset()
    cim_statuses: frozenset[int] = frozenset()


def _rule(
    fault: type[Fault], codes: tuple[int, ...] = (), subcodes: tuple[str, ...] = (), cim: tuple[int, ...] = ()
) -> _Rule:
    return _Rule(fault, frozenset(codes), frozenset(subcodes), frozenset(cim))


# ERROR_WSMAN_QUOTA_* (wsmerror.h): shells, operations, user, system, shell users, and the plugin's own.
_QUOTAS = (0x803381A5, 0x803381A6, 0x803381A7, 0x803381A8, 0x803381AB, *range(0x803381E4, 0x803381EB))

# WBEM_E_*: WMI error constants; 0x8033xxxx: ERROR_WSMAN_* of MS-WSMV 2.2.4.43; CIM status codes: DSP0223.
# Precise numbers of the provider come before the wide categories of WS-Management around them.
_RULES = (
    _rule(InvalidNamespace, codes=(0x8004100E,), cim=(3,)),
    _rule(InvalidClass, codes=(0x80041010,), cim=(5,)),
    _rule(AccessDenied, codes=(5, 0x80041003, 0x80070005), cim=(2,)),
    _rule(AlreadyExists, codes=(0x80041019,), cim=(11,)),
    _rule(QuotaExceeded, codes=_QUOTAS, cim=(27,)),
    _rule(InvalidMethod, codes=(0x8004102E, 0x80041055), cim=(16, 17)),
    _rule(InvalidParameter, codes=(0x80041008, 0x8004102F), cim=(4,)),
    _rule(NotSupported, codes=(0x8004100C,), cim=(7,)),
    _rule(FilterRefused, codes=(0x80041017,), cim=(15,)),
    _rule(NotFound, codes=(0x80041002,), cim=(6,)),
    _rule(InvalidSelectors, codes=(0x8033805B,), subcodes=("InvalidSelectors",)),
    _rule(SchemaInvalid, codes=(0x80338041,), subcodes=("SchemaValidationError",)),
    _rule(ContextExpired, codes=(0x8033801B,), subcodes=("InvalidEnumerationContext",)),
    _rule(OperationTimedOut, codes=(0x80338029,), subcodes=("TimedOut",)),
    _rule(FilterRefused, codes=(0x8033801A,), subcodes=("CannotProcessFilter",)),
    _rule(NotFound, codes=(0x80338000,), subcodes=("DestinationUnreachable",)),
    _rule(AccessDenied, subcodes=("AccessDenied",)),
    _rule(QuotaExceeded, subcodes=("QuotaLimit",)),
    _rule(AlreadyExists, subcodes=("AlreadyExists",)),
    _rule(EncodingLimit, subcodes=("EncodingLimit",)),
    _rule(NotSupported, subcodes=("UnsupportedFeature", "ActionNotSupported")),
)


def judge(parts: FaultParts, *, resource: str = "", action: str = "") -> Fault:
    """The fault as the most precise exception that its numbers and subcode allow."""
    subcode = parts.subcode.rpartition(":")[2]
    for rule in _RULES:
        if rule.codes.intersection(parts.codes) or subcode in rule.subcodes or parts.cim_status in rule.cim_statuses:
            return rule.fault(parts, resource=resource, action=action)
    return Fault(parts, resource=resource, action=action)
