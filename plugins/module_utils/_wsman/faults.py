# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Exceptions of a host: transport failures and SOAP faults."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

# What an error quotes of a host is cut: a name inside of a sentence, any other text, and a list.
QUOTED = 100  # characters
LONGEST_TEXT = 4000  # characters
LONGEST_LIST = 100


def quoted(text: str) -> str:
    """A text of the host in quotes, for a sentence."""
    return repr(text if len(text) <= QUOTED else f"{text[:QUOTED]}…")


def _bounded(value: Any) -> Any:
    if isinstance(value, str):
        return value if len(value) <= LONGEST_TEXT else f"{value[:LONGEST_TEXT]}…"
    if isinstance(value, Mapping):
        return {name: _bounded(item) for name, item in list(value.items())[:LONGEST_LIST]}
    return [_bounded(item) for item in value[:LONGEST_LIST]] if isinstance(value, list) else value


class HostError(Exception):
    """The base of all exceptions below the modules: a sentence (`message`) and facts for the result (`details`)."""

    def __init__(self, message: str, **details: Any) -> None:
        message = _bounded(message)
        super().__init__(message)
        self.message = message
        self.details: dict[str, Any] = {
            name: _bounded(value) for name, value in details.items() if value not in (None, "", (), {})
        }


class WSManError(HostError):
    """A request did not succeed.

    `sent`: the host may have run it, and no usable answer says what became of it. `writes`: it may have changed
    something.
    """

    sent = False
    writes = False


class ConnectionFailed(WSManError):
    """No HTTP answer: name resolution, refusal, reset, proxy."""

    def __init__(self, message: str, *, sent: bool = True, **details: Any) -> None:
        super().__init__(message, **details)
        self.sent = sent


class CertificateInvalid(ConnectionFailed):
    """The host's certificate is not valid. Nothing was sent."""


class AuthenticationFailed(WSManError):
    """HTTP 401 or 403, or an error of the authentication library."""


class LibraryMissing(WSManError):
    """A Python package that the transport needs cannot be imported on the control node. Nothing was sent."""


class NotWSMan(WSManError):
    """The answer is not a message of WS-Management."""

    sent = True


class BadAnswer(NotWSMan):
    """An answer that cannot be trusted or understood: damaged, not sealed, too large, or to another request.

    Whether the host ran the request is unknown. Another answer to the same question may be good.
    """


class HostBusy(WSManError):
    """HTTP 503 or 429: the service accepts no requests at present. The request was not run."""


class RequestTooLarge(WSManError):
    """HTTP 413: larger than the service's MaxEnvelopeSizekb, refused before SOAP (MS-WSMV 3.1.4.1)."""


class OperationTimeout(WSManError):
    """No answer in time. Whether the operation ran is unknown."""

    sent = True


class ProgramTimeout(OperationTimeout):
    """A program was stopped because it took longer than its `timeout` (details, s); the host answers."""


class FaultParts(NamedTuple):
    """The content of a SOAP fault, before `judge` classifies it."""

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
    """A SOAP fault.

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
    """WBEM_E_INVALID_CLASS, or a:DestinationUnreachable for a URI without selectors."""

    meaning = "the host does not know this class"


class InvalidNamespace(InvalidClass):
    """WBEM_E_INVALID_NAMESPACE."""

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
    """n:CannotProcessFilter: invalid WQL, or WQL with the URI of a class."""

    meaning = "the host refused the query"


class ContextExpired(Fault):
    """n:InvalidEnumerationContext: Pull after EnumerationTimeoutms, 60 s by default."""

    meaning = "the host forgot the enumeration"


class QuotaExceeded(Fault):
    """A quota of the user or of the service. The request was not run."""

    meaning = "the host is at a quota of WS-Management"


class AlreadyExists(Fault):
    meaning = "the object exists already"


class EncodingLimit(Fault):
    """The operation may have run; its answer is larger than MaxEnvelopeSizekb of the host or of the request."""

    meaning = "the answer does not fit the envelope size of the host"
    sent = True


class OperationTimedOut(Fault, OperationTimeout):
    """w:TimedOut: the provider did not answer the WS-Management service in time."""

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
    """The most specific exception for the codes and the subcode of a fault."""
    subcode = parts.subcode.rpartition(":")[2]
    for rule in _RULES:
        if rule.codes.intersection(parts.codes) or subcode in rule.subcodes or parts.cim_status in rule.cim_statuses:
            return rule.fault(parts, resource=resource, action=action)
    return Fault(parts, resource=resource, action=action)


def may_have_run(error: HostError) -> bool:
    """Whether the host may have done what the request asked, although no usable answer came."""
    return isinstance(error, EncodingLimit) or (isinstance(error, WSManError) and error.sent)


def is_passing(error: HostError) -> bool:
    """Whether the same request may succeed a moment later."""
    if isinstance(error, CertificateInvalid):
        return False
    passing = (ConnectionFailed, HostBusy, OperationTimeout, QuotaExceeded, ContextExpired, NotWSMan)
    of_no_known_kind = isinstance(error, Fault) and not isinstance(error, tuple(Fault.__subclasses__()))
    return isinstance(error, passing) or of_no_known_kind or may_have_run(error)
