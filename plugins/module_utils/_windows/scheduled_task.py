# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running a native program in a scheduled task of the user, for what the network logon of a remote shell may not do.

The Task Scheduler logs the user on without a password (S4U): the program has the user's rights and profile, but reaches
no shares and no encrypted files. The task exists only while its program runs.
"""

from __future__ import annotations

import ntpath
from collections.abc import Callable, Mapping
from typing import Any
from xml.sax.saxutils import escape

from .._task.answer import Output, answer_of
from .._task.errors import MethodFailed, Refused, Unanswered
from .._task.journal import recording
from .._task.session import Target
from .._task.wait import reached_within
from .._wsman.faults import Fault, WSManError
from . import command_line, file, identity, program, source
from .schema import TASK, TASK_INFO, TASKS

FOLDER = "\\"
# Task Scheduler error and success constants: SCHED_S_TASK_RUNNING, _HAS_NOT_RUN and _QUEUED.
RUNNING, NOT_RUN, QUEUED = 0x41301, 0x41303, 0x41325
# The program was ended: by the Task Scheduler (SCHED_S_TASK_TERMINATED), with Windows, or by Ctrl+C.
_ENDED = {0x41306, 0x40010004, 0xC000013A}
_MISSING = {0x80070002, 0x80070490}
_NOT_STARTED = 0x80070000  # and an error of Windows, such as that of a logon type that the user does not have
_LOGON_TYPE = 0x80070569
_START_TIMEOUT = 60.0  # seconds in which the Task Scheduler starts a program
# The output of the program is written by cmd.exe: no AutoRun commands, and "!" is only text (cmd /?).
_CMD = "/d /e:on /v:off /s /c"
_XML = """<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
<RegistrationInfo><Description>{description}</Description></RegistrationInfo>
<Principals><Principal id="Author"><UserId>{user}</UserId><LogonType>S4U</LogonType>
<RunLevel>HighestAvailable</RunLevel></Principal></Principals>
<Settings><DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>
<StopIfGoingOnBatteries>false</StopIfGoingOnBatteries><ExecutionTimeLimit>PT{limit:.0f}S</ExecutionTimeLimit></Settings>
<Actions Context="Author"><Exec><Command>{command}</Command><Arguments>{arguments}</Arguments>
<WorkingDirectory>{directory}</WorkingDirectory></Exec></Actions>
</Task>"""
_DESCRIPTION = "Created by the Ansible collection nested.hyperv for one program, and removed when it has ended"


def run(target: Target, what: str, path: str, *arguments: str, timeout: float) -> program.Result:
    """Run a program as the user; both of its streams are the standard output of the result.

    It is started once, without input; the exit code is for the caller to judge. Raises Unanswered if nobody can say
    what became of it, also when it is stopped after ``timeout`` s. ``what`` completes "could not".
    """
    name = f"nested_hyperv_{identity.fetch_sid(target)}"
    directory = ntpath.join(identity.fetch_profile(target), "AppData", "Local")
    output = ntpath.join(directory, f"{name}.txt")

    def clear() -> None:
        _stop(target, name)
        _delete(target, name)
        file.remove(target, output)

    target.report(f"{what}: runs in the scheduled task '{name}'")
    with source.passing(target, f"create the scheduled task '{name}'", clear):
        with recording():
            _await_leftover(target, name, timeout)
            clear()  # of a task that could not do it
            _register(target, name, directory, _line(path, arguments, f"{name}.txt"), timeout)
            _start(target, name)
            code = _end(target, name, what, timeout)
        said = b"" if file.fetch_size(target, output) is None else file.read(target, output)
    return program.Result(said, b"", code)


def _line(path: str, arguments: tuple[str, ...], output: str) -> str:
    """The arguments of cmd.exe, which sees nothing but text in those of the program."""
    name = ntpath.basename(path)
    command_line.check_verbatim(name, arguments)
    line = command_line.for_cmd(f"{command_line.quote(path)} {command_line.join(arguments, name)}".rstrip())
    variables = "".join(f"set {key}={value}&&" for key, value in program.ENVIRONMENT.items())
    return f'{_CMD} "{variables}{line} >{output} 2>&1 <nul"'


def _await_leftover(target: Target, name: str, timeout: float) -> None:
    """Wait until the program of an earlier task, which could not remove it, has ended. Raises Refused."""
    if not reached_within(target, lambda: _result(target, name) not in (RUNNING, QUEUED), timeout, "end a task"):
        raise Refused(
            f"the scheduled task '{name}' of an earlier run still runs on {target.name}. Run the task again later, or "
            "stop it in the Task Scheduler"
        )


def _result(target: Target, name: str) -> int | None:
    """The result of the last run of a task, or that it runs; None if there is no such task."""
    try:
        answer = _invoke(target, "GetInfoByName", name, returns={"cmdletOutput": TASK_INFO}, reads=True)
    except Fault as fault:
        if _MISSING.intersection(fault.parts.codes):
            return None
        raise
    return int(answer["cmdletOutput"]["LastTaskResult"])


def _register(target: Target, name: str, directory: str, arguments: str, timeout: float) -> None:
    xml = _XML.format(
        description=escape(_DESCRIPTION),
        user=identity.fetch_sid(target),
        limit=timeout + _START_TIMEOUT,
        command=escape(program.system(target, "cmd.exe")),
        arguments=escape(arguments),
        directory=escape(directory),
    )
    _change(
        target,
        f"create the scheduled task '{name}'",
        lambda: _invoke(target, "RegisterByXml", name, {"Xml": xml}),
        lambda: _result(target, name) is not None,
    )


def _start(target: Target, name: str) -> None:
    _change(
        target,
        f"start the scheduled task '{name}'",
        lambda: _invoke(target, "StartByPath", name),
        lambda: _result(target, name) not in (NOT_RUN, None),
    )


def _end(target: Target, name: str, what: str, timeout: float) -> int:
    """The exit code of the program of a task, once it has ended. Raises Unanswered."""
    code: int | None = NOT_RUN

    def ended() -> bool:
        nonlocal code
        code = _result(target, name)
        return code not in (RUNNING, NOT_RUN, QUEUED)

    def started() -> bool:
        return ended() or code == RUNNING

    try:
        if not reached_within(target, started, _START_TIMEOUT, what):
            raise MethodFailed(
                f"could not {what}: the Task Scheduler has not started the scheduled task '{name}' for "
                f"{_START_TIMEOUT:.0f} s. Look at its service (Schedule) and its event log"
            )
        in_time = reached_within(target, ended, timeout, what)
    except WSManError as error:
        raise Unanswered(error.message, **error.details) from error
    if not in_time:
        raise Unanswered(f"it did not end within {timeout:.0f} s, so its scheduled task is stopped", timeout=timeout)
    if code is None or code in _ENDED:
        raise Unanswered(f"its scheduled task ended before its program did (result {code})")
    if code & 0xFFFF0000 == _NOT_STARTED:
        why = (
            "the user lacks the right 'Log on as a batch job' (SeBatchLogonRight), which a scheduled task needs"
            if code == _LOGON_TYPE
            else f"the Task Scheduler could not start cmd.exe for the user (0x{code:08x})"
        )
        raise MethodFailed(f"could not {what} on {target.name}: {why}", code=code)
    return code


def _stop(target: Target, name: str) -> None:
    """Stop the program of a task that is given up, as the end of a remote shell does."""
    if _result(target, name) not in (RUNNING, QUEUED):
        return

    def is_stopped() -> bool:
        return _result(target, name) not in (RUNNING, QUEUED)

    _change(target, f"stop the scheduled task '{name}'", lambda: _invoke(target, "StopByPath", name), is_stopped)
    reached_within(target, is_stopped, _START_TIMEOUT, f"stop the scheduled task '{name}'")


def _delete(target: Target, name: str) -> None:
    """Delete a task, if there is one."""
    if _result(target, name) is None:
        return
    keys = {"TaskName": name, "TaskPath": FOLDER}

    def write() -> Output:
        target.client.delete(TASK, keys)
        return {}

    _change(target, f"delete the scheduled task '{name}'", write, lambda: _result(target, name) is None)


def _change(target: Target, what: str, write: Callable[[], Output], is_done: Callable[[], bool]) -> Output:
    return answer_of(target, what, write, lambda: {} if is_done() else None)


def _invoke(
    target: Target,
    method: str,
    name: str,
    arguments: Mapping[str, Any] | None = None,
    returns: Mapping[str, Any] | None = None,
    *,
    reads: bool = False,
) -> Mapping[str, Any]:
    given = {"TaskName": name, "TaskPath": FOLDER, **(arguments or {})}
    answer = target.client.invoke(TASKS, method, arguments=given, returns=returns, reads=reads)
    code = answer["ReturnValue"]
    if code:
        raise MethodFailed(
            f"the Task Scheduler refused {method} for '{name}' (code {code})", method=method, return_value=code
        )
    return answer
