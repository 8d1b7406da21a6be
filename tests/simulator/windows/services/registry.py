"""StdRegProv: the registry over CIM (StdRegProv docs)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ...machine.service import Service
from ..registry import BINARY, DWORD, EXPAND_STRING, MULTI_STRING, QWORD, STRING

if TYPE_CHECKING:
    from ...machine.service import Call

HIVES = {0x80000000: "HKCR", 0x80000001: "HKCU", 0x80000002: "HKLM", 0x80000003: "HKU", 0x80000005: "HKCC"}
DONE, NOT_FOUND, ACCESS_DENIED, INVALID_PARAMETER = 0, 2, 5, 87
READING = 0x1 | 0x8 | 0x10 | 0x20000  # KEY_QUERY_VALUE, KEY_ENUMERATE_SUB_KEYS, KEY_NOTIFY, READ_CONTROL
TYPE_MISMATCH = 0x80041005  # WBEM_E_TYPE_MISMATCH

Answer = int | tuple[int, dict[str, Any]]
Method = Callable[[Service, "Call"], Answer]


def _path(call: Call) -> str:
    """Path of the key; hDefKey defaults to HKLM."""
    hive = HIVES.get(call["hDefKey"] if call["hDefKey"] is not None else 0x80000002, "")
    return "\\".join(part for part in (hive, call["sSubKeyName"]) if part)


def _denied(call: Call) -> bool:
    return call.user is not None and not call.user.administrator


def _reader(type_: int, output: str) -> Method:
    def read(_self: Service, call: Call) -> Answer:
        value = call.machine.software.registry.read(_path(call), call["sValueName"] or "")
        if value is None:
            return NOT_FOUND
        if value.type != type_:
            return TYPE_MISMATCH
        return DONE, {output: list(value.data) if type_ == BINARY else value.data}

    return read


def _writer(type_: int, parameter: str) -> Method:
    def write(_self: Service, call: Call) -> Answer:
        registry, data = call.machine.software.registry, call[parameter]
        if _denied(call):
            return ACCESS_DENIED
        if _path(call) not in registry:
            return NOT_FOUND
        registry.write(_path(call), call["sValueName"] or "", bytes(data) if type_ == BINARY else data, type_)
        return DONE

    return write


class RegistryProvider(Service):
    CLASSES = ("StdRegProv",)

    get_string_value, set_string_value = _reader(STRING, "sValue"), _writer(STRING, "sValue")
    get_expanded_string_value = _reader(EXPAND_STRING, "sValue")
    set_expanded_string_value = _writer(EXPAND_STRING, "sValue")
    get_multi_string_value, set_multi_string_value = _reader(MULTI_STRING, "sValue"), _writer(MULTI_STRING, "sValue")
    get_dword_value, set_dword_value = _reader(DWORD, "uValue"), _writer(DWORD, "uValue")
    get_qword_value, set_qword_value = _reader(QWORD, "uValue"), _writer(QWORD, "uValue")
    get_binary_value, set_binary_value = _reader(BINARY, "uValue"), _writer(BINARY, "uValue")

    def check_access(self, call: Call) -> Answer:
        """Which rights are granted (WIN-06): administrators have all, other users read."""
        if _path(call) not in call.machine.software.registry:
            return NOT_FOUND, {"bGranted": False}
        writes = (3 if call["uRequired"] is None else call["uRequired"]) & ~READING
        granted = not (writes and _denied(call))
        return (DONE if granted else ACCESS_DENIED), {"bGranted": granted}

    def enum_key(self, call: Call) -> Answer:
        registry, path = call.machine.software.registry, _path(call)
        return (DONE, {"sNames": registry.children(path) or None}) if path in registry else NOT_FOUND

    def enum_values(self, call: Call) -> Answer:
        registry, path = call.machine.software.registry, _path(call)
        if path not in registry:
            return NOT_FOUND
        values = list(registry.values(path))
        return DONE, {
            "sNames": [value.name for value in values] or None,
            "Types": [value.type for value in values] or None,
        }

    def create_key(self, call: Call) -> Answer:
        if _denied(call):
            return ACCESS_DENIED
        call.machine.software.registry.create(_path(call))
        return DONE

    def delete_key(self, call: Call) -> Answer:
        registry, path = call.machine.software.registry, _path(call)
        if path not in registry:
            return NOT_FOUND
        if _denied(call) or registry.children(path):
            return ACCESS_DENIED
        registry.delete(path)
        return DONE

    def delete_value(self, call: Call) -> Answer:
        registry, path = call.machine.software.registry, _path(call)
        if registry.read(path, call["sValueName"] or "") is None:
            return NOT_FOUND
        if _denied(call):
            return ACCESS_DENIED
        registry.delete_value(path, call["sValueName"] or "")
        return DONE
