"""The Task Scheduler of a machine: tasks as their XML describes them ([MS-TSCH] 2.5), and the programs they run."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from ..cim.errors import CimError
from ..machine.files import check_keys

if TYPE_CHECKING:
    from ..machine.accounts import User
    from ..machine.machine import Machine
    from .programs.process import Process

_SCHEMA = "{http://schemas.microsoft.com/windows/2004/02/mit/task}"
# Task Scheduler error and success constants (Microsoft Learn).
NO_NODE, WRONG_NAMESPACE, WRONG_VALUE, MISSING_NODE = 0x80041316, 0x80041317, 0x80041318, 0x80041319
MALFORMED, NOT_RUNNING = 0x8004131A, 0x8004130B
IS_RUNNING, HAS_NOT_RUN, TERMINATED = 0x41301, 0x41303, 0x41306
READY, QUEUED, RUNNING = 3, 2, 4  # TASK_STATE
DENIED, NOT_FOUND, EXISTS, NO_ACCOUNT = 0x80070005, 0x80070002, 0x800700B7, 0x80070534
NOT_LOGGED_ON = 0x800704DD
ENDED_WITH_WINDOWS = 0x40010004  # DBG_TERMINATE_PROCESS (WIN-80)
_DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?")
_TEXTS = {
    MALFORMED: "The task XML is malformed.",
    MISSING_NODE: "The task XML is missing a required element or attribute.",
    NO_NODE: "The task XML contains an unexpected node.",
    NOT_RUNNING: "There is no running instance of the task.",
    WRONG_NAMESPACE: "The task XML contains an element or attribute from an unexpected namespace.",
    WRONG_VALUE: "The task XML contains a value which is incorrectly formatted or out of range.",
}
_KNOWN = {"RegistrationInfo", "Triggers", "Principals", "Settings", "Data", "Actions"}
_LOGONS = {"S4U", "Password", "InteractiveToken", "InteractiveTokenOrPassword"}


@dataclass(eq=False)
class Task:
    """A registered task. `result` is that of its last run, if the program has not said one itself."""

    name: str
    path: str
    xml: str
    user: User
    logon: str
    line: str
    directory: str
    limit: float
    description: str
    result: int = HAS_NOT_RUN
    last_run: datetime | None = None
    queued: bool = False
    process: Process | None = None

    @property
    def state(self) -> int:
        running = self.process is not None and self.process.running
        return RUNNING if running else QUEUED if self.queued else READY

    @property
    def last_result(self) -> int:
        if self.process is None:
            return self.result
        if self.process.running:
            return IS_RUNNING
        return self.result if self.process.exit_code is None else self.process.exit_code


class Scheduler:
    """`scheduler` of the machine's model: see model/README.md."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        spec = machine.spec.get("scheduler") or {}
        check_keys(spec, {"seconds", "result"}, "scheduler")
        self.seconds = float(spec.get("seconds", 1.0))
        self.fails_with = int(spec.get("result", 0))
        self.tasks: dict[tuple[str, str], Task] = {}

    def find(self, path: str | None, name: str | None) -> Task | None:
        return self.tasks.get(((path or "\\").lower(), (name or "").lower()))

    def need(self, path: str | None, name: str | None) -> Task:
        """The task, or the error of one that isn't there ([MS-TSCH] 3.2.5.4; Get-ScheduledTaskInfo shows it)."""
        found = self.find(path, name)
        if found is None:
            raise self._refused(NOT_FOUND)
        return found

    def register(
        self, path: str | None, name: str | None, xml: str | None, *, force: bool, caller: User | None
    ) -> Task:
        """Register a task from its XML (SchRpcRegisterTask)."""
        task = self._parse(name or "", path or "\\", xml or "")
        if caller is not None and not caller.administrator:
            raise self._refused(DENIED)
        old = self.find(path, name)
        if old and not force:
            raise self._refused(EXISTS)
        if old:  # a program that runs goes on, and the definition is new
            task.process, task.result, task.last_run = old.process, old.result, old.last_run
        self.tasks[task.path.lower(), task.name.lower()] = task
        return task

    def start(self, task: Task) -> None:
        """Run a task on demand. One that runs already does not run twice (IgnoreNew, the default)."""
        if task.state == READY:
            task.queued, boot = True, self.machine.boots
            self.machine.clock.after(self.seconds, lambda: self._launch(task, boot))

    def stop(self, task: Task) -> None:
        if task.state == READY:
            raise CimError(NOT_RUNNING, _TEXTS[NOT_RUNNING])
        task.queued = False
        self._end(task, task.process)

    def delete(self, task: Task) -> None:
        """Remove a task; a program that runs goes on (WIN-80)."""
        del self.tasks[task.path.lower(), task.name.lower()]

    def _launch(self, task: Task, boot: int) -> None:
        if not task.queued:
            return
        task.queued = False
        if boot != self.machine.boots or self.find(task.path, task.name) is not task:
            return
        from . import programs
        from .programs.process import BATCH

        task.last_run, task.process = self.machine.clock.now(), None
        if self.fails_with or task.logon != "S4U":
            task.result = self.fails_with or NOT_LOGGED_ON
            return
        try:
            task.process = programs.start(
                self.machine,
                task.line,
                user=task.user,
                directory=task.directory,
                encoding=programs.code_page(self.machine, None),
                direct=True,
                logon=BATCH,
            )
        except FileNotFoundError:
            task.result = NOT_FOUND
            return
        task.result = ENDED_WITH_WINDOWS
        process = task.process
        if task.limit:
            self.machine.clock.after(task.limit, lambda: self._end(task, process))

    def _end(self, task: Task, process: Process | None) -> None:
        if process is not None and process.running:
            task.result = TERMINATED
            process.kill()

    # --- XML

    def _parse(self, name: str, path: str, xml: str) -> Task:
        try:
            root = ElementTree.fromstring(re.sub(r"^\s*<\?xml[^>]*\?>", "", xml))
        except ElementTree.ParseError as error:
            raise CimError(MALFORMED, _TEXTS[MALFORMED]) from error
        for element in root.iter():
            if not element.tag.startswith(_SCHEMA):
                raise CimError(WRONG_NAMESPACE, _TEXTS[WRONG_NAMESPACE])
        if root.tag != f"{_SCHEMA}Task" or any(child.tag.removeprefix(_SCHEMA) not in _KNOWN for child in root):
            raise CimError(NO_NODE, _TEXTS[NO_NODE])

        def text(where: str, default: str | None = None) -> str:
            found = root.findtext("/".join(f"{_SCHEMA}{part}" for part in where.split("/")), default)
            if found is None:
                raise CimError(MISSING_NODE, _TEXTS[MISSING_NODE])
            return found

        logon = text("Principals/Principal/LogonType", "InteractiveToken")
        limit = _DURATION.fullmatch(text("Settings/ExecutionTimeLimit", "P3D"))
        if not name or logon not in _LOGONS or limit is None:
            raise CimError(WRONG_VALUE, _TEXTS[WRONG_VALUE])
        days, hours, minutes, seconds = (int(part or 0) for part in limit.groups())
        command = text("Actions/Exec/Command")
        return Task(
            name,
            path,
            xml,
            self._account(text("Principals/Principal/UserId")),
            logon,
            f'"{command}" {text("Actions/Exec/Arguments", "")}'.rstrip(),
            text("Actions/Exec/WorkingDirectory", ""),
            ((days * 24 + hours) * 60 + minutes) * 60 + seconds,
            text("RegistrationInfo/Description", ""),
        )

    def _account(self, given: str) -> User:
        """An account by its name, or by its SID."""
        from .programs.identity import security_id

        named = self.machine.find_user(given)
        by_sid = (user for user in self.machine.users.values() if security_id(self.machine.name, user.name) == given)
        found = named or next(by_sid, None)
        if found is None:
            raise self._refused(NO_ACCOUNT)
        return found

    def _refused(self, code: int) -> CimError:
        key = "message_1332" if code == NO_ACCOUNT else f"system_{code:08x}"
        return CimError(code, self.machine.text(key))
