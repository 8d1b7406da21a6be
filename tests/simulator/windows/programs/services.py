"""sc.exe: query, start and stop a service (sc /?)."""

from __future__ import annotations

from ..software import ALREADY_RUNNING, NO_SUCH_SERVICE, NOT_STARTED, RUNNING, SERVICE_DISABLED, STOPPED, Service
from .process import Context

ACCESS_DENIED, USAGE = 5, 1639
# SERVICE_STATUS.dwCurrentState
STATES = {STOPPED: (1, "STOPPED"), "Start Pending": (2, "START_PENDING"), "Stop Pending": (3, "STOP_PENDING")}
STATES[RUNNING] = (4, "RUNNING")
TEXTS = {
    ACCESS_DENIED: "Access is denied.",
    NO_SUCH_SERVICE: "The specified service does not exist as an installed service.",
    ALREADY_RUNNING: "An instance of the service is already running.",
    NOT_STARTED: "The service has not been started.",
    SERVICE_DISABLED: "The service cannot be started, either because it is disabled or because it has no enabled "
    "devices associated with it.",
}


def main(context: Context) -> int:
    words = context.arguments
    verb, name = (words[0].lower(), words[1]) if len(words) > 1 else ("", "")
    software = context.machine.software
    service = software.find_service(name)
    if verb not in ("query", "start", "stop"):
        return USAGE
    if service is None:
        return _failed(context, "EnumQueryServicesStatus:OpenService" if verb == "query" else "OpenService", 1060)
    if verb != "query":
        if context.user and not context.user.administrator:
            return _failed(context, "OpenService", ACCESS_DENIED)
        code = software.start_service(name) if verb == "start" else software.stop_service(name)
        if code:
            return _failed(context, "StartService" if verb == "start" else "ControlService", code)
    _show(context, service)
    return 0


def _failed(context: Context, function: str, code: int) -> int:
    context.out(f"[SC] {function} FAILED {code}:\r\n\r\n{TEXTS[code]}\r\n\r\n")
    return code


def _show(context: Context, service: Service) -> None:
    number, state = STATES[service.state]
    shared = "svchost" in service.path.lower()
    controls = "STOPPABLE, NOT_PAUSABLE, ACCEPTS_SHUTDOWN" if service.state == RUNNING else ""
    lines = (
        "",
        f"SERVICE_NAME: {service.name} ",
        f"        TYPE               : {'20  WIN32_SHARE_PROCESS' if shared else '10  WIN32_OWN_PROCESS'}  ",
        f"        STATE              : {number}  {state} ",
        f"                                ({controls or 'NOT_STOPPABLE, NOT_PAUSABLE, IGNORES_SHUTDOWN'})",
        f"        WIN32_EXIT_CODE    : {'1077  (0x435)' if service.state == STOPPED else '0  (0x0)'}",
        "        SERVICE_EXIT_CODE  : 0  (0x0)",
        "        CHECKPOINT         : 0x0",
        "        WAIT_HINT          : 0x0",
    )
    context.out("".join(f"{line}\r\n" for line in lines))
