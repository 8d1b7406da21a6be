"""sc.exe: query, qc, start, stop, create, config and delete a service (sc /?)."""

from __future__ import annotations

from ..software import (
    AUTO,
    DISABLED_SERVICE,
    MANUAL,
    MARKED_FOR_DELETE,
    RUNNING,
    STOPPED,
    Service,
)
from .process import Context

ACCESS_DENIED, USAGE = 5, 1639
# SERVICE_STATUS.dwCurrentState
STATES = {STOPPED: (1, "STOPPED"), "Start Pending": (2, "START_PENDING"), "Stop Pending": (3, "STOP_PENDING")}
STATES[RUNNING] = (4, "RUNNING")
# QUERY_SERVICE_CONFIG.dwStartType, with the words of create and config.
STARTS = {AUTO: (2, "AUTO_START"), MANUAL: (3, "DEMAND_START"), DISABLED_SERVICE: (4, "DISABLED")}
WORDS = {"auto": AUTO, "delayed-auto": AUTO, "demand": MANUAL, "disabled": DISABLED_SERVICE}
FUNCTIONS = {"start": "StartService", "stop": "ControlService", "delete": "DeleteService"}
VERBS = ("query", "qc", "start", "stop", "create", "config", "delete")


def main(context: Context) -> int:
    words = context.arguments
    verb, name = (words[0].lower(), words[1]) if len(words) > 1 else ("", "")
    if verb not in VERBS:
        return USAGE
    software = context.machine.software
    service = software.find_service(name)
    denied = verb not in ("query", "qc") and context.user and not context.user.administrator
    if denied and verb == "create":
        return _failed(context, "OpenSCManager", ACCESS_DENIED)
    if verb == "create":
        return _create(context, name, _options(words[2:]))
    if service is None:
        return _failed(context, "EnumQueryServicesStatus:OpenService" if verb == "query" else "OpenService", 1060)
    if denied:
        return _failed(context, "OpenService", ACCESS_DENIED)
    if verb == "query":
        _show(context, service)
        return 0
    if verb == "qc":
        return _configuration(context, service)
    if verb == "config":
        return _config(context, service, _options(words[2:]))
    act = {"start": software.start_service, "stop": software.stop_service, "delete": software.delete_service}[verb]
    if code := act(name):
        return _failed(context, FUNCTIONS[verb], code)
    if verb == "delete":
        context.out("[SC] DeleteService SUCCESS\r\n")
    else:
        _show(context, service)
    return 0


def _options(words: tuple[str, ...]) -> dict[str, str] | None:
    """`name= value` in two words; None where the blank is missing."""
    names = words[::2]
    if len(words) % 2 or not all(name.endswith("=") for name in names):
        return None
    return {name[:-1].lower(): value for name, value in zip(names, words[1::2], strict=True)}


def _create(context: Context, name: str, options: dict[str, str] | None) -> int:
    if not options or "binpath" not in options or options.get("start", "demand") not in WORDS:
        return USAGE
    start = WORDS[options.get("start", "demand")]
    account = options.get("obj", "LocalSystem")
    display = options.get("displayname", name)
    service = Service(name, display, options["binpath"], start, STOPPED, STOPPED, account)
    if code := context.machine.software.create_service(service):
        return _failed(context, "CreateService", code)
    context.out("[SC] CreateService SUCCESS\r\n")
    return 0


def _config(context: Context, service: Service, options: dict[str, str] | None) -> int:
    if not options or options.get("start", "auto") not in WORDS:
        return USAGE
    if service.deleted:
        return _failed(context, "ChangeServiceConfig", MARKED_FOR_DELETE)
    service.start = WORDS[options["start"]] if "start" in options else service.start
    service.path = options.get("binpath", service.path)
    service.display = options.get("displayname", service.display)
    service.account = options.get("obj", service.account)
    context.out("[SC] ChangeServiceConfig SUCCESS\r\n")
    return 0


def _failed(context: Context, function: str, code: int) -> int:
    context.out(f"[SC] {function} FAILED {code}:\r\n\r\n{context.machine.text(f'win32_{code}')}\r\n\r\n")
    return code


def _type(service: Service) -> str:
    return "20  WIN32_SHARE_PROCESS" if "svchost" in service.path.lower() else "10  WIN32_OWN_PROCESS"


def _show(context: Context, service: Service) -> None:
    number, state = STATES[service.state]
    controls = "STOPPABLE, NOT_PAUSABLE, ACCEPTS_SHUTDOWN" if service.state == RUNNING else ""
    code, own = (service.exit_code, service.specific_code) if service.state == STOPPED else (0, 0)
    lines = (
        "",
        f"SERVICE_NAME: {service.name} ",
        f"        TYPE               : {_type(service)}  ",
        f"        STATE              : {number}  {state} ",
        f"                                ({controls or 'NOT_STOPPABLE, NOT_PAUSABLE, IGNORES_SHUTDOWN'})",
        f"        WIN32_EXIT_CODE    : {code}  (0x{code:x})",
        f"        SERVICE_EXIT_CODE  : {own}  (0x{own:x})",
        "        CHECKPOINT         : 0x0",
        "        WAIT_HINT          : 0x0",
    )
    context.out("".join(f"{line}\r\n" for line in lines))


def _configuration(context: Context, service: Service) -> int:
    number, start = STARTS[service.start]
    lines = (
        "[SC] QueryServiceConfig SUCCESS",
        "",
        f"SERVICE_NAME: {service.name}",
        f"        TYPE               : {_type(service)} ",
        f"        START_TYPE         : {number}   {start}",
        "        ERROR_CONTROL      : 1   NORMAL",
        f"        BINARY_PATH_NAME   : {service.path}",
        "        LOAD_ORDER_GROUP   : ",
        "        TAG                : 0",
        f"        DISPLAY_NAME       : {service.display}",
        "        DEPENDENCIES       : ",
        f"        SERVICE_START_NAME : {service.account}",
    )
    context.out("".join(f"{line}\r\n" for line in lines))
    return 0
