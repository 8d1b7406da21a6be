"""reg.exe: query, add and delete (reg /?)."""

from __future__ import annotations

from ..registry import BINARY, DWORD, EXPAND_STRING, MULTI_STRING, QWORD, STRING, Registry, Value
from .identity import security_id
from .process import Context

FAILED = 1
_HIVES = {
    "hkey_local_machine": "HKLM",
    "hkey_users": "HKU",
    "hkey_current_user": "HKCU",
    "hkey_classes_root": "HKCR",
    "hkey_current_config": "HKCC",
}
_LONG = {short: long.upper() for long, short in _HIVES.items()}
_TYPES = {
    "REG_SZ": STRING,
    "REG_EXPAND_SZ": EXPAND_STRING,
    "REG_MULTI_SZ": MULTI_STRING,
    "REG_DWORD": DWORD,
    "REG_QWORD": QWORD,
    "REG_BINARY": BINARY,
}
_NAMES = {number: name for name, number in _TYPES.items()}
_WITH_VALUE = ("/v", "/t", "/d")


class Failed(Exception):
    """The key of the sentence."""


def main(context: Context) -> int:
    words = list(context.arguments)
    verb = words[0].lower() if words else ""
    try:
        if verb not in ("query", "add", "delete") or len(words) < 2:
            raise Failed("reg_syntax")
        options = _options(words[2:])
        if verb != "query" and context.user and not context.user.administrator:
            raise Failed("reg_denied")
        registry, key = context.machine.software.registry, _path(context, words[1])
        {"query": _query, "add": _add, "delete": _delete}[verb](context, registry, key, words[1], options)
    except Failed as failure:
        context.err(context.machine.text(str(failure), verb=verb.upper()) + "\r\n")
        return FAILED
    return 0


def _options(words: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    while words:
        word = words.pop(0).lower()
        if word in _WITH_VALUE:
            if not words:
                raise Failed("reg_syntax")
            found[word] = words.pop(0)
        elif word in ("/f", "/s", "/ve", "/va", "/reg:64", "/reg:32"):
            found[word] = ""
        else:
            raise Failed("reg_syntax")
    return found


def _path(context: Context, given: str) -> str:
    hive, _separator, rest = given.strip("\\").partition("\\")
    short = _HIVES.get(hive.lower(), hive.upper())
    if short not in _LONG:
        raise Failed("reg_key")
    if short == "HKCU":  # the settings of who asks
        sid = security_id(context.machine.name, context.user.name) if context.user else "S-1-5-18"
        short = f"HKU\\{sid}"
    return "\\".join(part for part in (short, rest) if part)


def _shown(given: str) -> str:
    hive, separator, rest = given.strip("\\").partition("\\")
    return _LONG.get(hive.upper(), hive.upper()) + separator + rest


def _query(context: Context, registry: Registry, key: str, given: str, options: dict[str, str]) -> None:
    if key not in registry:
        raise Failed("reg_missing")
    name = options.get("/v", "" if "/ve" in options else None)
    if name is not None:
        value = registry.read(key, name)
        if value is None:
            raise Failed("reg_missing")
        context.out(f"\r\n{_shown(given)}\r\n{_line(context, value)}\r\n")
        return
    _show(context, registry, key, _shown(given), everything="/s" in options)


def _show(context: Context, registry: Registry, key: str, shown: str, *, everything: bool) -> None:
    values = "".join(_line(context, value) for value in registry.values(key))
    if values:
        context.out(f"\r\n{shown}\r\n{values}\r\n")
    elif not everything:
        context.out("\r\n")
    for name in registry.children(key):
        if everything:
            _show(context, registry, rf"{key}\{name}", rf"{shown}\{name}", everything=True)
        else:
            context.out(rf"{shown}\{name}" + "\r\n")


def _line(context: Context, value: Value) -> str:
    name = value.name or context.machine.text("reg_default")
    return f"    {name}    {_NAMES[value.type]}    {_data(value)}\r\n"


def _data(value: Value) -> str:
    if value.type in (DWORD, QWORD):
        return f"0x{value.data:x}"
    if value.type == BINARY:
        return bytes(value.data).hex().upper()
    return "\\0".join(value.data) if value.type == MULTI_STRING else str(value.data)


def _add(context: Context, registry: Registry, key: str, given: str, options: dict[str, str]) -> None:
    registry.create(key)
    name = options.get("/v", "" if {"/ve", "/d"} & set(options) else None)
    if name is not None:
        if registry.read(key, name) is not None and "/f" not in options:
            raise NotImplementedError(f"the simulator's reg.exe asks nobody: {context.command_line}")
        type_ = options.get("/t", "REG_SZ").upper()
        if type_ not in _TYPES:
            raise Failed("reg_type")
        registry.write(key, name, _parse(type_, options.get("/d", "")), _TYPES[type_])
    context.out(context.machine.text("message_0") + "\r\n")


def _parse(type_: str, text: str) -> object:
    try:
        if type_ in ("REG_DWORD", "REG_QWORD"):
            return int(text or "0", 0)
        return bytes.fromhex(text) if type_ == "REG_BINARY" else text.split("\\0") if type_ == "REG_MULTI_SZ" else text
    except ValueError as error:
        raise Failed("reg_syntax") from error


def _delete(context: Context, registry: Registry, key: str, given: str, options: dict[str, str]) -> None:
    if "/f" not in options:
        raise NotImplementedError(f"the simulator's reg.exe asks nobody: {context.command_line}")
    if key not in registry:
        raise Failed("reg_missing")
    if "/v" in options or "/ve" in options:
        name = options.get("/v", "")
        if registry.read(key, name) is None:
            raise Failed("reg_missing")
        registry.delete_value(key, name)
    elif "/va" in options:
        for value in list(registry.values(key)):
            registry.delete_value(key, value.name)
    else:
        registry.delete(key)
    context.out(context.machine.text("message_0") + "\r\n")
