"""WMI failures of a simulated machine: raised by repository and providers, worded as faults by the protocol layer."""

from __future__ import annotations

# WbemErr.h (Win32 "WMI Error Constants"): the codes a provider or the WMI service answers with.
FAILED = 0x80041001
NOT_FOUND = 0x80041002
ACCESS_DENIED = 0x80041003
PROVIDER_FAILURE = 0x80041004
TYPE_MISMATCH = 0x80041005
OUT_OF_MEMORY = 0x80041006
INVALID_PARAMETER = 0x80041008
NOT_AVAILABLE = 0x80041009
CRITICAL_ERROR = 0x8004100A
NOT_SUPPORTED = 0x8004100C
INVALID_NAMESPACE = 0x8004100E
INVALID_OBJECT = 0x8004100F
INVALID_CLASS = 0x80041010
PROVIDER_NOT_FOUND = 0x80041011
PROVIDER_LOAD_FAILURE = 0x80041013
INVALID_QUERY = 0x80041017
INVALID_QUERY_TYPE = 0x80041018
ALREADY_EXISTS = 0x80041019
PROVIDER_NOT_CAPABLE = 0x80041024
CLASS_HAS_INSTANCES = 0x80041025
READ_ONLY = 0x8004102A
INVALID_METHOD = 0x8004102E
INVALID_METHOD_PARAMETERS = 0x8004102F
INVALID_PROPERTY = 0x80041031
CALL_CANCELLED = 0x80041032
SHUTTING_DOWN = 0x80041033
INVALID_OBJECT_PATH = 0x8004103A
METHOD_NOT_IMPLEMENTED = 0x80041055

# System texts of the codes above, as Windows words them in English.
MESSAGES = {
    FAILED: "Generic failure",
    NOT_FOUND: "Not found",
    ACCESS_DENIED: "Access denied",
    PROVIDER_FAILURE: "Provider failure",
    TYPE_MISMATCH: "Type mismatch",
    OUT_OF_MEMORY: "Out of memory",
    INVALID_PARAMETER: "Invalid parameter",
    NOT_AVAILABLE: "Not available",
    CRITICAL_ERROR: "Critical error",
    NOT_SUPPORTED: "Not supported",
    INVALID_NAMESPACE: "Invalid namespace",
    INVALID_OBJECT: "Invalid object",
    INVALID_CLASS: "Invalid class",
    PROVIDER_NOT_FOUND: "Provider not found",
    PROVIDER_LOAD_FAILURE: "Provider load failure",
    INVALID_QUERY: "Invalid query",
    INVALID_QUERY_TYPE: "Invalid query type",
    ALREADY_EXISTS: "Object or property already exists",
    PROVIDER_NOT_CAPABLE: "Provider is not capable of the attempted operation",
    CLASS_HAS_INSTANCES: "Class has instances",
    READ_ONLY: "Property is read-only",
    INVALID_METHOD: "Invalid method",
    INVALID_METHOD_PARAMETERS: "Invalid method Parameter(s)",
    INVALID_PROPERTY: "Invalid property",
    CALL_CANCELLED: "Call cancelled",
    SHUTTING_DOWN: "Shutting down",
    INVALID_OBJECT_PATH: "Invalid object path",
    METHOD_NOT_IMPLEMENTED: "This method is not implemented in any class",
}


class CimError(Exception):
    """A WMI operation failed; status is a WBEM_E_* code or an HRESULT, the rest feeds __ExtendedStatus."""

    def __init__(
        self, status: int, message: str = "", *, operation: str = "", parameter_info: str = "", provider: str = ""
    ) -> None:
        self.status = status
        self.message = message or MESSAGES.get(status, f"HRESULT 0x{status:08x}")
        self.operation = operation
        self.parameter_info = parameter_info
        self.provider = provider
        super().__init__(f"0x{status:08X} {self.message}")


class NotModelled(CimError):
    """A class that real hosts have and the simulator lacks: to clients an unknown class, in strict mode a failure."""

    def __init__(self, class_name: str) -> None:
        super().__init__(INVALID_CLASS, parameter_info=class_name)
        self.class_name = class_name


class WindowsError(CimError):
    """A Windows system error of an MI provider (MSFT_Net*): "Windows System Error 87" in PowerShell."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(0x80070000 | code, message)
        self.code = code
