"""Programs of Windows: how their command lines are read, and what those of the simulator do."""

from __future__ import annotations

import io
import tarfile
from typing import Any

import pytest

from ansible_collections.nested.hyperv.tests.simulator.machine.accounts import User
from ansible_collections.nested.hyperv.tests.simulator.machine.machine import Machine
from ansible_collections.nested.hyperv.tests.simulator.windows import programs
from ansible_collections.nested.hyperv.tests.simulator.windows.programs import SYSTEM, Program
from ansible_collections.nested.hyperv.tests.simulator.windows.programs.command_line import split
from ansible_collections.nested.hyperv.tests.simulator.windows.programs.process import Context, Process

from ..hosts import host

VMP = "VirtualMachinePlatform"
USER = User("bob", groups=("Remote Management Users",))


def start(machine: Machine, line: str, **options: Any) -> Process:
    return programs.start(machine, line, **{"user": machine.find_user("administrator"), **options})


def run(machine: Machine, line: str, stdin: bytes = b"", **options: Any) -> tuple[int | None, str, str]:
    """Exit code, standard output and standard error of a program that doesn't wait for long."""
    process = start(machine, line, **options)
    process.write(stdin, end=True)
    return process.exit_code, text(process), text(process, "stderr")


def text(process: Process, stream: str = "stdout") -> str:
    return b"".join(data for name, data in process.context.output if name == stream).decode()


@pytest.fixture
def machine() -> Machine:
    return host(hyperv=False)


@pytest.fixture
def arguments(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """Arguments that the program `args` was started with."""
    seen: list[tuple[str, ...]] = []

    def args(context: Context) -> int:
        seen.append(context.arguments)
        return 0

    for path in (f"{SYSTEM}args.exe", r"c:\program files\x\args.exe"):
        monkeypatch.setitem(programs.PROGRAMS, path, Program(args))
    return seen


# --- command lines


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("x", ["x"]),
        ("x  a\tb ", ["x", "a", "b"]),
        (r'"C:\Program Files\x.exe" a', [r"C:\Program Files\x.exe", "a"]),
        (r'x "a b" c\d "e\" f', ["x", "a b", r"c\d", 'e" f']),
        (r'x "a\\" b\\\\c', ["x", "a\\", r"b\\\\c"]),
        (r'x "a\\\"b" ""', ["x", r"a\"b", ""]),
        ('x "a""b" c"d e"f', ["x", 'a"b', "cd ef"]),
        ('x "a b', ["x", "a b"]),
    ],
)
def test_command_lines_are_split_as_windows_does(line, expected):
    assert split(line) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("args a b", ("a", "b")),
        ("ARGS.EXE a", ("a",)),
        (r"C:\Windows\System32\args.exe a", ("a",)),
        ('args "a & b" ^& c^^d', ("a & b", "&", "c^d")),
        ('args %COMPUTERNAME% %NOPE% "%OS%"', ("HV01", "%NOPE%", "Windows_NT")),
        ('args ^"a b^"', ("a b",)),
        ('"args a"', ("a",)),
        ('"args" "a b"', None),
        (r'"C:\Program Files\x\args.exe"', ()),
        (r'"C:\Program Files\x\args.exe" a', ("a",)),
        (r'"C:\Program Files\x\args.exe" "a"', None),
        (r'""C:\Program Files\x\args.exe" "a b""', ("a b",)),
        (r'call "C:\Program Files\x\args.exe" "a"', ("a",)),
    ],
)
def test_cmd_reads_the_line_before_the_program_does(machine, arguments, line, expected):
    """None: cmd.exe takes the first and the last quote away, and nothing of that name is left."""
    machine.files.create(r"C:\Program Files\x\args.exe", folders=True)
    code, _out, error = run(machine, line)
    if expected is None:
        assert (code, arguments) == (1, [])
        assert "is not recognized" in error
    else:
        assert (code, arguments) == (0, [expected]), error


def test_cmd_runs_several_commands_of_a_line(machine):
    assert run(machine, "exit 3 & hostname") == (3, "", "")
    assert run(machine, "nonsense || echo no && hostname")[:2] == (0, "no \r\nHV01\r\n")
    assert run(machine, "nonsense && echo no")[0] == 1
    assert run(machine, "exit -1")[0] == 0xFFFFFFFF
    assert run(machine, "cmd /c exit 5")[0] == 5


def test_a_line_for_cmd_has_a_longest_length(machine):
    assert run(machine, "echo " + "x" * 8186)[0] == 0
    assert run(machine, "echo " + "x" * 8187) == (1, "", "The command line is too long.\r\n")


def test_a_program_of_a_folder_is_there_while_its_file_is(machine, arguments):
    assert run(machine, r"x\args", directory=r"C:\Program Files")[0] == 1
    machine.files.create(r"C:\Program Files\x\args.exe", folders=True)
    assert run(machine, r"x\args", directory=r"C:\Program Files")[0] == 0
    assert run(machine, "args", environment={"PATH": r"C:\nope;C:\Program Files\x"})[0] == 0
    assert len(arguments) == 2


def test_the_version_of_windows():
    machine = host(os={"product": "server2022", "revision": 2582})
    assert run(machine, "ver") == (0, "\r\nMicrosoft Windows [Version 10.0.20348.2582]\r\n", "")


# --- who and where


def test_identity(machine):
    assert run(machine, "HOSTNAME.EXE") == (0, "HV01\r\n", "")
    assert run(machine, "whoami")[1] == "hv01\\administrator\r\n"
    code, out, _error = run(machine, "whoami /user /fo csv /nh")
    name, _separator, sid = out.strip().partition(",")
    assert (code, name) == (0, '"hv01\\administrator"')
    assert sid.startswith('"S-1-5-21-')
    assert sid.endswith('-500"')
    assert run(machine, "whoami /user /fo csv /nh", user=USER)[1] != out


# --- dism


def dism(machine: Machine, line: str, **options: Any) -> tuple[int | None, str]:
    code, out, error = run(machine, f"dism.exe /English /Online /NoRestart {line}", **options)
    assert error == "", "dism writes its errors to standard output"
    return code, out


def states(machine: Machine, *names: str) -> list[str]:
    return [machine.software.features[name.lower()].state for name in names]


def test_dism_needs_an_administrator(machine):
    code, out, _error = run(machine, "dism /English /?", user=USER)
    assert (code, len(out)) == (740, 122), "as recorded on build 26200"


def test_dism_shows_a_feature():
    machine = host(hyperv=False, os={"product": "windows11", "build": 26100, "revision": 2033})
    dism(machine, f"/Enable-Feature /FeatureName:{VMP}")
    assert dism(machine, f"/Get-FeatureInfo /FeatureName:{VMP.lower()}") == (
        0,
        "\r\nDeployment Image Servicing and Management tool\r\nVersion: 10.0.26100.1\r\n\r\n"
        "Image Version: 10.0.26100.2033\r\n\r\nFeature Information:\r\n\r\nFeature Name : VirtualMachinePlatform\r\n"
        "Display Name : Virtual Machine Platform\r\nDescription : Enables platform support for virtual machines\r\n"
        "Restart Required : Possible\r\nState : Enable Pending\r\n\r\nCustom Properties:\r\n\r\n"
        "(No custom properties found)\r\n\r\nThe operation completed successfully.\r\n",
    )


def test_dism_enables_several_features_at_once(machine):
    code, out = dism(machine, f"/Enable-Feature /FeatureName:{VMP} /FeatureName:Containers /All")
    assert code == 3010
    assert "Enabling feature(s)\r\n[==                         3.8%                           ]\r\n" in out
    assert "[==========================100.0%==========================]\r\nThe operation completed" in out
    assert states(machine, VMP, "Containers") == ["enable-pending"] * 2
    assert machine.software.restart_pending


def test_dism_does_nothing_for_what_is_enabled(machine):
    assert dism(machine, "/Enable-Feature /FeatureName:NetFx4")[0] == 0
    assert dism(machine, "/Enable-Feature /FeatureName:TelnetClient")[0] == 0, "needs no restart"
    assert states(machine, "NetFx4", "TelnetClient") == ["enabled"] * 2
    assert not machine.software.restart_pending
    assert dism(machine, "/Disable-Feature /FeatureName:TelnetClient")[0] == 0
    assert states(machine, "TelnetClient") == ["disabled"]


def test_dism_enables_parents_only_when_told():
    machine = host(os="windows11", hyperv=False)
    code, out = dism(machine, "/Enable-Feature /FeatureName:Microsoft-Hyper-V-Hypervisor")
    assert (code, states(machine, "Microsoft-Hyper-V-Hypervisor")) == (50, ["disabled"])
    assert "Error: 50\r\n\r\nThe operation is complete but Microsoft-Hyper-V-Hypervisor feature was not enabled." in out
    assert "Microsoft-Hyper-V-All, Microsoft-Hyper-V" in out
    assert dism(machine, "/Enable-Feature /FeatureName:Microsoft-Hyper-V /All")[0] == 3010
    family = ("Microsoft-Hyper-V-All", "Microsoft-Hyper-V-Hypervisor", "Microsoft-Hyper-V-Management-PowerShell")
    assert states(machine, *family) == ["enable-pending", "enable-pending", "enabled"], "the last needs no restart"
    assert dism(machine, "/Disable-Feature /FeatureName:Microsoft-Hyper-V-All")[0] == 0, "taken back before the restart"
    assert states(machine, *family) == ["disabled"] * 3


@pytest.mark.parametrize(
    ("spec", "line", "code", "sentence"),
    [
        ({}, "/Enable-Feature /FeatureName:Nope", 0x800F080C, "Feature name Nope is unknown."),
        ({"features": {VMP: "absent"}}, f"/Enable-Feature /FeatureName:{VMP}", 0x800F081F, "source files"),
        ({"pending_restart": True}, f"/Enable-Feature /FeatureName:{VMP}", 0xC004000D, "Error: 0xc004000d"),
        ({}, "/Frobnicate", 87, "The frobnicate option is unknown."),
        ({}, "/Enable-Feature", 87, "Error: 87"),
        ({}, "", 87, "Error: 87"),
    ],
)
def test_dism_fails_with_the_code_that_it_prints(spec, line, code, sentence):
    machine = host(hyperv=False, **spec)
    result, out = dism(machine, line)
    assert result == code
    assert sentence in out
    assert out.endswith("The DISM log file can be found at C:\\Windows\\Logs\\DISM\\dism.log\r\n")


def test_dism_takes_its_time_and_goes_on_without_its_client():
    machine = host(hyperv=False, servicing={"seconds": 60})
    process = start(machine, f"dism /online /norestart /enable-feature /featurename:{VMP}")
    machine.clock.advance(20)
    assert process.running
    assert "25.0%" in text(process)
    assert "50.0%" not in text(process)
    process.kill()
    assert states(machine, VMP) == ["disabled"]
    machine.clock.advance(60)
    assert states(machine, VMP) == ["enable-pending"]


def test_dism_lists_features(machine):
    _code, out = dism(machine, "/Get-Features /Format:Table")
    rows = dict(line.split(" | ") for line in out.splitlines() if " | " in line)
    assert {name.strip(): state for name, state in rows.items()}["NetFx4"] == "Enabled"
    _code, out = dism(machine, "/Get-Features")
    assert "Feature Name : NetFx4\r\nState : Enabled\r\n" in out


def test_dism_says_nothing_and_restarts_when_it_is_quiet(machine):
    boots = machine.boots
    assert run(machine, f"dism /online /quiet /enable-feature /featurename:{VMP}") == (1641, "", "")
    machine.clock.advance(10)
    assert (machine.boots, states(machine, VMP)) == (boots + 1, ["enabled"])


# --- services


def test_sc_queries_starts_and_stops(machine):
    assert run(machine, "sc query W32Time")[1] == (
        "\r\nSERVICE_NAME: W32Time \r\n        TYPE               : 20  WIN32_SHARE_PROCESS  \r\n"
        "        STATE              : 4  RUNNING \r\n"
        "                                (STOPPABLE, NOT_PAUSABLE, ACCEPTS_SHUTDOWN)\r\n"
        "        WIN32_EXIT_CODE    : 0  (0x0)\r\n        SERVICE_EXIT_CODE  : 0  (0x0)\r\n"
        "        CHECKPOINT         : 0x0\r\n        WAIT_HINT          : 0x0\r\n"
    )
    assert [run(machine, f"sc.exe {verb} w32time")[0] for verb in ("start", "stop", "stop", "start")] == [
        1056,
        0,
        1062,
        0,
    ]
    assert run(machine, "sc query nope") == (
        1060,
        "[SC] EnumQueryServicesStatus:OpenService FAILED 1060:\r\n\r\n"
        "The specified service does not exist as an installed service.\r\n\r\n",
        "",
    )
    assert "[SC] OpenService FAILED 1060:" in run(machine, "sc start nope")[1]
    assert run(machine, "sc stop w32time", user=USER)[0] == 5


def test_sc_shows_a_service_that_is_still_starting():
    machine = host(
        services={"slow": {"start": "Manual", "state": "Stopped", "seconds": 30}, "off": {"start": "Disabled"}}
    )
    assert run(machine, "sc start slow")[0] == 0
    assert "2  START_PENDING" in run(machine, "sc query slow")[1]
    machine.clock.advance(30)
    assert "4  RUNNING" in run(machine, "sc query slow")[1]
    assert run(machine, "sc start off")[0] == 1058


# --- shutdown


def test_shutdown_is_scheduled_once_and_can_be_aborted(machine):
    boots = machine.boots
    assert run(machine, "shutdown /a")[0] == 1116
    assert run(machine, "shutdown.exe /r /t 60 /f /d p:2:4") == (0, "", "")
    assert run(machine, "shutdown /r /t 0") == (1190, "", "A system shutdown has already been scheduled.(1190)\r\n")
    assert run(machine, "shutdown /a")[0] == 0
    machine.clock.advance(100)
    assert machine.boots == boots
    assert run(machine, "shutdown /r /t 0", user=USER)[0] == 5


def test_shutdown_restarts_after_a_moment_in_which_it_still_answers():
    machine = host(restart={"closing": 5, "boot": 30})
    booted, boots = machine.booted_at, machine.boots
    assert run(machine, "shutdown /r /t 10")[0] == 0
    machine.clock.advance(12)
    assert machine.running
    assert run(machine, "shutdown /r /t 0") == (1115, "", "A system shutdown is in progress.(1115)\r\n")
    machine.clock.advance(5)
    assert not machine.running
    machine.clock.advance(30)
    assert machine.running
    assert (machine.boots, machine.booted_at > booted) == (boots + 1, True)


# --- files


def archive(**files: bytes) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(f"lab/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return target.getvalue()


def test_tar_reads_files_from_its_input_and_certutil_hashes_them(machine):
    machine.files.make_folder(r"C:\data")
    assert run(machine, r"tar.exe -x -f - -C C:\data", archive(a=b"one", b=b"two")) == (0, "", "")
    assert machine.files.read(r"C:\data\lab\a") == b"one"
    assert run(machine, r"certutil -hashfile lab\b SHA256", directory=r"C:\data") == (
        0,
        "SHA256 hash of lab\\b:\r\n3fc4ccfe745870e2c0d99f71f30ff0656c8dedd41cc1d7d3d376b0dbe685e2f3\r\n"
        "CertUtil: -hashfile command completed successfully.\r\n",
        "",
    )
    process = start(machine, r"tar -cf - -C C:\data lab\a")
    with tarfile.open(fileobj=io.BytesIO(b"".join(data for _stream, data in process.context.output))) as tar:
        assert tar.extractfile("lab/a").read() == b"one"


def test_a_model_gives_the_content_of_files():
    machine = host(files=[{"path": r"C:\x\a.txt", "content": "abc"}, {"path": r"C:\x\big.iso", "size": "5GB"}])
    assert (
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        in run(machine, r"certutil -hashfile C:\x\a.txt SHA256")[1]
    )
    with pytest.raises(ValueError, match="no content"):
        machine.files.read(r"C:\x\big.iso")
    machine.files.write(r"c:\X\A.txt", b"longer")
    assert machine.files.need(r"C:\x\a.txt").size == 6


@pytest.mark.parametrize(
    ("line", "stdin", "code"),
    [
        (r"tar -xf - -C C:\nope", b"", 1),
        (r"tar -xf - -C C:\data", b"no archive", 1),
        (r"tar -cf - -C C:\data nope", b"", 1),
        (r"certutil -hashfile C:\nope SHA256", b"", 0x80070002),
        (r"certutil -hashfile C:\no\pe SHA256", b"", 0x80070003),
        (r"certutil -hashfile C:\nope SHA3", b"", 0x80070057),
    ],
)
def test_files_that_cannot_be_read(machine, line, stdin, code):
    machine.files.make_folder(r"C:\data")
    assert run(machine, line, stdin)[0] == code


def test_tar_came_with_a_later_windows():
    assert run(host(os="server2016"), "tar -cf - x")[0] == 1
