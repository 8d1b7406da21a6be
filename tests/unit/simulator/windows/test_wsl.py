"""wsl.exe: recorded output byte by byte (guest-samples S07 to S21), its command line, state, time and languages."""

from __future__ import annotations

from typing import Any

import pytest
from winrm.protocol import Protocol

from ansible_collections.nested.hyperv.tests import simulator
from ansible_collections.nested.hyperv.tests.simulator.machine.accounts import User
from ansible_collections.nested.hyperv.tests.simulator.machine.machine import Machine
from ansible_collections.nested.hyperv.tests.simulator.windows import programs
from ansible_collections.nested.hyperv.tests.simulator.windows.programs import wsl
from ansible_collections.nested.hyperv.tests.simulator.windows.programs.identity import security_id
from ansible_collections.nested.hyperv.tests.simulator.windows.programs.process import Process
from ansible_collections.nested.hyperv.tests.simulator.windows.wsl.registrations import Registrations, hive

from ..hosts import host

EXE = r'"C:\Program Files\WSL\wsl.exe"'
STUB = r"C:\Windows\System32\wsl.exe"
FAILED = 0xFFFFFFFF
VMP = "VirtualMachinePlatform"
WSL1 = "Microsoft-Windows-Subsystem-Linux"
DONE = "The operation completed successfully. \r\n"
ROOTFS = r"C:\w\rootfs.tar.gz"
FILES: list[dict[str, Any]] = [
    {"path": ROOTFS, "content": {"rootfs": {"users": ["bob"]}}},
    {"path": r"C:\w\ubuntu.wsl", "content": {"rootfs": {"name": "Ubuntu-24.04", "users": ["bob"]}}},
    {"path": r"C:\w\disk.vhdx", "content": {"vhdx": {}}},
    {"path": r"C:\w\blank.vhdx", "size": "10GB"},
    {"path": r"C:\w\hosts", "content": "127.0.0.1 localhost"},
    {"path": r"C:\w\empty.tar", "content": ""},
]


def machine(*distributions: str | dict[str, Any], **spec: Any) -> Machine:
    """A server that has been restarted with what WSL needs, and these distributions of the administrator."""
    named = [{"name": one} if isinstance(one, str) else one for one in distributions]
    keys = {"version": "2.7.14.0", "distributions": named, **spec.pop("wsl", {})}
    given = {"os": "server2025", "features": {VMP: "enabled"}, "files": FILES, "wsl": keys, **spec}
    return host(hyperv=False, **{name: value for name, value in given.items() if value is not None})


def start(on: Machine, line: str, *, user: User | None = None, system: bool = False, **environment: str) -> Process:
    """Without cmd.exe: the command line is what the program sees."""
    person = None if system else user or on.find_user("administrator")
    return programs.start(on, line, user=person, environment={"WSL_UTF8": "1", **environment}, direct=True)


def output(process: Process, stream: str = "stdout") -> bytes:
    return b"".join(data for name, data in process.context.output if name == stream)


def run(on: Machine, arguments: str, stdin: bytes = b"", **options: Any) -> tuple[int | None, str]:
    """Exit code and standard output, with WSL_UTF8."""
    process = start(on, f"{EXE} {arguments}", **options)
    process.write(stdin, end=True)
    return process.exit_code, output(process).decode()


def keys(on: Machine, user: str = "administrator") -> Registrations:
    return Registrations(on.software.registry, security_id(on.name, user))


def values(on: Machine, name: str) -> dict[str, Any]:
    found = keys(on).find(name, unfinished=True)
    return {} if found is None else {value.name: value.data for value in on.software.registry.values(found.key)}


def error(text: str, path: str) -> tuple[int, str]:
    return FAILED, f"{text}\r\nError code: Wsl/{path}\r\n"


# --- what was recorded

S07 = (
    "WSL version: 2.7.3.0\r\nKernel version: 6.6.114.1-1\r\nWSLg version: 1.0.73\r\nMSRDC version: 1.2.6676\r\n"
    "Direct3D version: 1.611.1-81528511\r\nDXCore version: 10.0.26100.1-240331-1435.ge-release\r\n"
    "Windows version: 10.0.26200.8390\r\n"
)


def with_2_7_3() -> Machine:
    content = {"msi": {"version": "2.7.3.0", "kernel": "6.6.114.1-1", "wslg": "1.0.73"}}
    os = {"product": "windows11", "build": 26200, "revision": 8390}
    on = machine(os=os, wsl={"version": ""}, files=[{"path": r"C:\w\wsl.msi", "content": content}])
    msi = programs.start(on, r"msiexec /i C:\w\wsl.msi /qn SKIPMSIX=1", user=on.find_user("administrator"))
    assert msi.exit_code == 0
    return on


def test_s07_versions():
    assert run(with_2_7_3(), "--version") == (0, S07)


def test_s08_without_wsl_utf8_text_is_utf_16_without_a_mark():
    octets = output(start(with_2_7_3(), f"{EXE} --version", WSL_UTF8=""))
    assert octets[:10] == bytes.fromhex("570053004C0020007600")
    assert octets == S07.encode("utf-16-le")
    assert octets[-4:] == bytes.fromhex("0D000A00")
    assert output(start(with_2_7_3(), f"{EXE} --version", WSL_UTF8="true")) == octets, "only 1 counts"


def test_s09_list():
    assert run(machine("Ubuntu-24.04-Base"), "-l -v") == (
        0,
        "  NAME                 STATE           VERSION\r\n* Ubuntu-24.04-Base    Stopped         2\r\n",
    )


def test_s10_list_without_distributions():
    text = (
        "Windows Subsystem for Linux has no installed distributions.\r\n"
        "You can resolve this by installing a distribution with the instructions below:\r\n\r\n"
        "Use 'wsl.exe --list --online' to list available distributions\r\n"
        "and 'wsl.exe --install <Distro>' to install.\r\n"
    )
    assert run(machine(), "-l -v") == (FAILED, text)
    assert run(machine(), "--list") == (FAILED, text)
    assert run(machine(), "-l -q") == (0, "")
    assert run(machine(), "-l --running") == (FAILED, "There are no running distributions.\r\n")
    assert run(machine(), "-l --running -q") == (0, "")


def test_s11_commands_that_succeed():
    on = machine()
    assert run(on, rf"--import demo C:\demo {ROOTFS}") == (0, DONE)
    assert run(on, "--terminate demo") == (0, DONE)
    assert run(on, "--unregister demo") == (0, DONE)


S12 = (
    "WSL2 is unable to start since virtualization is not enabled on this machine.\r\n"
    'Please ensure the "Virtual Machine Platform" optional component is enabled and virtualization is turned on in '
    "your computer's firmware settings.\r\n\r\n"
    'Enable "Virtual Machine Platform" by running: wsl.exe --install --no-distribution\r\n\r\n'
    "For information please visit https://aka.ms/enablevirtualization"
)


def guest(*, nested: bool, **spec: Any) -> Machine:
    """A VM that runs, with WSL."""
    inner = {
        "os": "server2025",
        "hyperv": False,
        "features": {VMP: "enabled"},
        "files": FILES,
        "wsl": {"version": "2.7.14.0", "distributions": [{"name": "old"}]},
        **spec,
    }
    outer = host({"name": "lab01", "nested": nested, "state": "running", "memory": "8GB", "guest": {"machine": inner}})
    return outer.vm("lab01").guest.machine


def test_s12_extensions_are_not_exposed():
    on = guest(nested=False)
    path = "Service/RegisterDistro/CreateVm/HCS/HCS_E_HYPERV_NOT_INSTALLED"
    assert run(on, rf"--import demo C:\demo {ROOTFS}") == error(S12, path)
    assert not on.files.has_folder(r"C:\demo")
    assert values(on, "demo") == {}
    path = "Service/CreateInstance/CreateVm/HCS/HCS_E_HYPERV_NOT_INSTALLED"
    assert run(on, "-d old -u root --exec /usr/bin/uname -r") == error(S12, path)
    on = guest(nested=True)
    assert run(on, rf"--import demo C:\demo {ROOTFS}") == (0, DONE)


def test_the_hypervisor_must_have_started():
    on = guest(nested=True, boot={"hypervisor_launch": "off"})
    assert run(on, rf"--import demo C:\demo {ROOTFS}")[1].endswith("/HCS_E_HYPERV_NOT_INSTALLED\r\n")
    on = guest(nested=True, features={VMP: "enable-pending", "Containers": "enabled"})
    assert run(on, rf"--import demo C:\demo {ROOTFS}")[1].endswith("/HCS_E_HYPERV_NOT_INSTALLED\r\n")


def test_s13_vmcompute_is_missing():
    text = "The operation could not be started because a required feature is not installed. "
    on = machine(features={})
    assert run(on, rf"--import demo C:\demo {ROOTFS}") == error(text, "Service/CreateVm/HCS_E_SERVICE_NOT_AVAILABLE")
    assert S12 in run(on, "--status")[1]


def test_s14_the_component_is_missing():
    on = machine(os={"product": "server2022", "revision": 2582}, wsl={"version": "2.2.4.0"})
    expected = error(
        "This application requires the Windows Subsystem for Linux Optional Component.\r\n"
        "Install it by running: wsl.exe --install --no-distribution\r\n"
        "The system may need to be restarted so the changes can take effect.",
        "WSL_E_WSL_OPTIONAL_COMPONENT_REQUIRED",
    )
    for line in ("--status", "-l -v", rf"--import demo C:\demo {ROOTFS}", "--shutdown"):
        assert run(on, line) == expected, line
    assert run(on, "--version")[0] == 0, "it needs no service"


def test_s15_the_name_is_in_use():
    on = machine("demo")
    assert run(on, rf"--import DEMO C:\demo {ROOTFS}") == error(
        "A distribution with the supplied name already exists. Use --name to choose a different name.",
        "Service/RegisterDistro/ERROR_ALREADY_EXISTS",
    )


def test_s16_the_folder_is_in_use_or_has_a_disk():
    on = machine({"name": "demo", "location": r"C:\d"})
    path = "Service/RegisterDistro/ERROR_FILE_EXISTS"
    used = error("The supplied install location is already in use.", path)
    assert run(on, rf"--import other c:\D {ROOTFS}") == used
    left = machine(files=[*FILES, {"path": r"C:\d\ext4.vhdx"}])
    assert run(left, rf"--import demo C:\d {ROOTFS}") == error(
        "Failed to create disk 'C:\\d\\ext4.vhdx': The file exists. ", path
    )
    assert left.files.get(r"C:\d\ext4.vhdx"), "it is left where it was"
    assert values(left, "demo") == {}


def test_s17_what_is_not_there():
    on = machine()
    missing = error("There is no distribution with the supplied name.", "Service/WSL_E_DISTRO_NOT_FOUND")
    for line in ("-d nope --exec true", "--terminate nope", "--unregister nope", "-s nope", "--set-version nope 2"):
        assert run(on, line) == missing, line
    assert run(on, "--manage nope --set-default-user root") == missing
    text = "The system cannot find the file specified. "
    assert run(on, r"--import a C:\b C:\c") == error(text, "ERROR_FILE_NOT_FOUND")
    assert not on.files.has_folder(r"C:\b"), "the folder goes again"


def test_s18_a_logon_type_is_not_granted():
    on = machine("demo", wsl={"logon_type_denied": True})
    text = "Logon failure: the user has not been granted the requested logon type at this computer. "
    path = "Service/RegisterDistro/CreateVm/HCS/0x80070569"
    assert run(on, rf"--install --from-file {ROOTFS} --name x --location C:\x --no-launch")[1].endswith(
        error(text, path)[1]
    )
    assert run(on, "-d demo --exec true") == error(text, "Service/CreateInstance/CreateVm/HCS/0x80070569")


def test_s19_local_system_is_refused():
    text = "Running WSL as local system is not supported."
    assert run(machine(), "-l -q", system=True) == error(text, "WSL_E_LOCAL_SYSTEM_NOT_SUPPORTED")


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        ({"os": {"product": "windows10", "revision": 4473}}, "The file cannot be accessed by the system."),
        ({"wsl": {"version": "", "store": True}}, "The file cannot be accessed by the system."),
        ({"wsl": {"version": "", "store": True}, "locale": "de-DE"}, "Das System kann auf die Datei nicht zugreifen."),
    ],
)
def test_s20_the_store_version_from_the_session_of_services(spec, text):
    process = start(machine(**spec), f"{STUB} --version")
    assert (process.exit_code, output(process)) == (1, f"{text}\r\n".encode("utf-16-le"))


def test_s21_install_enables_what_is_missing():
    on = machine(os={"product": "windows11", "build": 22631, "revision": 2861}, features={})
    process = start(on, f"{EXE} --install --no-distribution")
    expected = (
        "Installing Windows optional component: VirtualMachinePlatform\r\n"
        "\r\nDeployment Image Servicing and Management tool\r\nVersion: 10.0.22631.1\r\n\r\n"
        "Image Version: 10.0.22631.2861\r\n\r\nEnabling feature(s)\r\n"
        "[==========================100.0%==========================]\r\n"
        "The operation completed successfully.\r\n"
        "The requested operation is successful. Changes will not be effective until the system is rebooted. \r\n"
    )
    shown = [line for line in output(process).decode().splitlines(keepends=True) if "[=" not in line or "100.0" in line]
    assert (process.exit_code, "".join(shown)) == (0, expected)
    assert on.software.find_feature(VMP).state == "enable-pending"
    text = "The requested operation is successful. Changes will not be effective until the system is rebooted. \r\n"
    assert run(on, "--install --no-distribution") == (0, text), "it remembers what it has enabled"
    programs.start(on, "shutdown /r /t 0", user=on.find_user("administrator"))
    on.clock.advance(60)
    assert run(on, "--install --no-distribution") == (0, DONE)


def test_s21_dism_writes_in_its_own_encoding():
    on = machine(features={})
    octets = output(start(on, f"{EXE} --install --no-distribution", WSL_UTF8=""))
    assert "Installing Windows optional component: VirtualMachinePlatform\r\n".encode("utf-16-le") in octets
    assert b"Enabling feature(s)\r\n" in octets


def test_s27_the_kernel():
    on = machine("demo")
    process = start(on, f"{EXE} -d demo -u root --exec /usr/bin/uname -r", WSL_UTF8="")
    assert (process.exit_code, output(process)) == (0, b"6.18.33.2-microsoft-standard-WSL2\n"), "as Linux wrote it"


# --- which wsl.exe


def test_the_stub_leads_to_the_package_where_windows_can():
    on = machine(os={"product": "windows10", "revision": 4474}, features={VMP: "enabled", WSL1: "enabled"})
    assert output(start(on, f"{STUB} --version")) == run(on, "--version")[1].encode()


@pytest.mark.parametrize(
    ("os", "code", "word"),
    [("server2025", 1, "is not installed"), ("windows10", FAILED, "Usage: wsl.exe")],
)
def test_the_stub_without_a_package_ignores_wsl_utf8(os, code, word):
    process = start(machine(os=os, wsl={"version": ""}), f"{STUB} --version")
    assert process.exit_code == code
    assert word in output(process).decode("utf-16-le")


def test_without_the_package_there_is_no_other_wsl():
    assert programs.find(machine(wsl={"version": ""}), EXE.strip('"')) is None
    assert programs.find(machine(), EXE.strip('"')) is wsl.main


# --- the command line


def test_quotes_mean_nothing_before_the_command():
    on = machine("demo")
    assert run(on, '"-d" demo')[0] == 127, "a command of Linux"
    assert run(on, '-d "demo" --exec true')[1].endswith("Wsl/Service/WSL_E_DISTRO_NOT_FOUND\r\n")
    process = start(on, r"C:\Program Files\WSL\wsl.exe --version")
    assert process.exit_code == 127
    assert b"not found" in output(process, "stderr"), r"the command Files\WSL\wsl.exe of Linux"


def test_the_words_of_import_are_read_as_windows_does():
    on = machine(files=[{"path": r"C:\my files\rootfs.tar", "content": {"rootfs": {"compress": False}}}])
    assert run(on, r'--import demo "C:\my demo" "C:\my files\rootfs.tar" --version 2') == (0, DONE)
    assert values(on, "demo")["BasePath"] == r"C:\my demo"


@pytest.mark.parametrize(
    ("line", "out"),
    [
        ("-d demo -u bob -- echo -n $USER", "bob"),
        ("-d demo -u bob --exec echo -n $USER", "$USER"),
        ('-d demo -- echo -n "a""b"', "ab"),
        ('-d demo --exec echo -n "a""b"', 'a"b'),
        ("-d demo whoami", "root\n"),
        ("~ -d demo id -un", "root\n"),
        ("--cd / -d demo --exec /bin/echo x", "x\n"),
        (r'-d demo -u root --exec /bin/sh -c "printf %s abc > /etc/x && cat /etc/x"', "abc"),
    ],
)
def test_with_and_without_a_shell(line, out):
    assert run(machine({"name": "demo", "rootfs": {"users": ["bob"]}}), line) == (0, out)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("--frobnicate", "Invalid command line argument: --frobnicate\r\nPlease use 'wsl.exe --help' to get"),
        ("-d", "Argument --distribution is missing a required parameter.\r\n"),
        ("--terminate", "Argument --terminate is missing a required parameter.\r\n"),
        ("--help", "Copyright (c) Microsoft Corporation."),
        ("--list --frobnicate", "Invalid command line argument: --frobnicate\r\n"),
        ("--import demo", "The parameter is incorrect. \r\nError code: Wsl/E_INVALIDARG\r\n"),
        (
            r"--import d\o C:\d C:\w\rootfs.tar.gz",
            'Invalid distribution name: "d\\o".\r\nError code: Wsl/Service/',
        ),
        (
            r"--import demo C:\x\y C:\w\rootfs.tar.gz",
            "The system cannot find the path specified. \r\nError code: Wsl/E",
        ),
        (r"--import demo C:\d C:\w\disk.vhdx", "This looks like a VHD file. Use --vhd to import a VHD instead of a"),
        (
            r"--import demo C:\d C:\w\rootfs.tar.gz --version 3",
            "The version number could not be parsed. \r\nError code",
        ),
        (r"--import demo C:\d C:\w\rootfs.tar.gz --version 1", "WSL1 is not supported with your current machine conf"),
        ("--set-default-version 1", "WSL1 is not supported with your current machine configuration.\r\n"),
        (
            "--install --no-distribution -d x",
            "Arguments --no-distribution and --distribution can't be specified at sam",
        ),
        (
            "--install --from-file C:\\w\\hosts --fixed-vhd",
            "Argument --fixed-vhd requires the --vhd-size argument.\r\n",
        ),
        (
            "--uninstall now",
            "--uninstall does not take any arguments. To unregister a distribution, use --unregister ins",
        ),
        ("--update", "Checking for updates.\r\n"),
        ("true", "Windows Subsystem for Linux has no installed distributions."),
    ],
)
def test_mistakes(line, expected):
    code, out = run(machine(), line)
    assert code == FAILED
    assert out.startswith(expected)


# --- distributions


def test_what_an_import_leaves():
    on = machine()
    assert run(on, rf"--import demo C:\demo {ROOTFS} --version 2") == (0, DONE)
    assert values(on, "demo") == {
        "State": 1,
        "Version": 2,
        "BasePath": r"C:\demo",
        "Flags": 15,
        "DefaultUid": 0,
        "RunOOBE": 0,
        "DistributionName": "demo",
        "Modern": 1,
    }
    assert on.files.get(r"C:\demo\ext4.vhdx").disk.size == 1 << 40
    assert keys(on).default.name == "demo"
    assert run(on, rf"--import second C:\second {ROOTFS}") == (0, DONE)
    assert run(on, "-l -q")[1] == "demo\r\nsecond\r\n"
    assert run(on, "-s second") == (0, DONE)
    assert run(on, "-l") == (0, "Windows Subsystem for Linux Distributions:\r\nsecond (Default)\r\ndemo\r\n")
    assert run(on, "--unregister second") == (0, DONE)
    assert keys(on).default.name == "demo"
    assert on.files.get(r"C:\second\ext4.vhdx") is None


@pytest.mark.parametrize(
    ("source", "text", "code", "stderr"),
    [
        (
            r"C:\w\hosts",
            "Importing the distribution failed.",
            "WSL_E_IMPORT_FAILED",
            b"bsdtar: Error opening archive: Unrecognized archive format\n",
        ),
        (r"C:\w\empty.tar", "The imported file is not a valid Linux distribution.", "WSL_E_NOT_A_LINUX_DISTRO", b""),
    ],
)
def test_what_is_no_linux_leaves_nothing(source, text, code, stderr):
    on = machine()
    process = start(on, rf"{EXE} --import demo C:\demo {source}")
    expected = error(text, f"Service/RegisterDistro/{code}")
    assert (process.exit_code, output(process).decode(), output(process, "stderr")) == (*expected, stderr)
    assert (values(on, "demo"), on.files.has_folder(r"C:\demo")) == ({}, False)


def test_install_from_a_file():
    on = machine()
    assert run(on, r"--install --from-file C:\w\ubuntu.wsl --location C:\a\b --no-launch") == (
        0,
        "Installing: C:\\w\\ubuntu.wsl\r\n"
        "Distribution successfully installed. It can be launched via 'wsl.exe -d Ubuntu-24.04'\r\n",
    )
    found = values(on, "Ubuntu-24.04")
    assert (found["BasePath"], found["RunOOBE"], found["Flags"]) == (r"C:\a\b", 1, 15)
    _code, out = run(on, rf"--install --from-file {ROOTFS} --location C:\c --no-launch")
    assert out.endswith("Error code: Wsl/Service/RegisterDistro/WSL_E_DISTRIBUTION_NAME_NEEDED\r\n")
    assert run(on, rf"--install --from-file {ROOTFS} --location C:\c --name demo --no-launch")[0] == 0


def test_import_from_standard_input_and_of_disks():
    on = machine()
    rootfs = on.files.read(ROOTFS)
    assert run(on, r"--import piped C:\piped -", rootfs) == (0, DONE)
    assert run(on, r"--import copy C:\copy C:\w\disk.vhdx --vhd") == (0, DONE)
    assert values(on, "copy")["VhdFileName"] == "disk.vhdx"
    assert on.files.get(r"C:\copy\disk.vhdx")
    assert run(on, r"--import-in-place place C:\w\disk.vhdx") == (0, DONE)
    assert (values(on, "place")["BasePath"], values(on, "place")["VhdFileName"]) == (r"C:\w", "disk.vhdx")
    for name in ("piped", "copy", "place"):
        assert run(on, f"-d {name} --exec id -u") == (0, "0\n")
    text = "The imported file is not a valid Linux distribution."
    on = machine()
    assert run(on, r"--import-in-place place C:\w\blank.vhdx") == error(
        text, "Service/RegisterDistro/WSL_E_NOT_A_LINUX_DISTRO"
    )
    assert on.files.get(r"C:\w\blank.vhdx"), "the disk stays"
    on = machine(wsl={"disks": [r"C:\w\blank.vhdx"]})
    assert run(on, r"--import-in-place place C:\w\blank.vhdx") == (0, DONE)


def test_distributions_belong_to_a_user():
    on = machine("demo", {"name": "other", "user": "bob"}, users=[{"name": "administrator"}, {"name": "bob"}])
    assert run(on, "-l -q")[1] == "demo\r\n"
    assert run(on, "-l -q", user=on.find_user("bob"))[1] == "other\r\n"
    assert security_id(on.name, "bob") in hive(security_id(on.name, "bob"))


def test_default_users():
    on = machine({"name": "demo", "rootfs": {"users": ["bob"]}})
    assert run(on, "-d demo --exec id -u") == (0, "0\n")
    assert run(on, "--manage demo --set-default-user bob") == (0, DONE)
    assert values(on, "demo")["DefaultUid"] == 1000
    assert run(on, "-d demo --exec whoami") == (0, "bob\n")
    process = start(on, f"{EXE} --manage demo --set-default-user joe")
    assert (process.exit_code, output(process)) == (1, b"")
    assert output(process, "stderr").decode() == "id: \u2018joe\u2019: no such user\n"
    assert run(on, "-d demo -u joe --exec id") == error("User not found.", "WSL_E_USER_NOT_FOUND")


def test_wsl_conf_is_read_when_a_distribution_starts():
    on = machine({"name": "demo", "rootfs": {"users": ["bob"]}})
    conf = b"[user]\ndefault=bob\n"
    assert run(on, "-d demo -u root --exec /usr/bin/tee /etc/wsl.conf", conf) == (0, conf.decode())
    assert run(on, "-d demo --exec whoami") == (0, "root\n")
    assert run(on, "--terminate demo") == (0, DONE)
    assert run(on, "-d demo --exec whoami") == (0, "bob\n")
    assert run(on, r'-d demo -u root --exec /bin/sh -c "cat > /etc/wsl.conf"', b"") == (0, "")
    on.clock.advance(16)
    assert run(on, "-l -v")[1].splitlines()[1].split() == ["*", "demo", "Stopped", "2"], "it was idle"
    assert run(on, "-d demo --exec whoami") == (0, "root\n")


def test_standard_input_is_read_up_to_its_end():
    on = machine("demo")
    process = start(on, f"{EXE} -d demo --exec cat")
    process.write(b"abc", end=False)
    assert process.running
    assert run(on, "-l --running -q")[1] == "demo\r\n"
    process.write(b"def", end=True)
    assert (process.exit_code, output(process)) == (0, b"abcdef")


def test_versions_of_distributions():
    on = machine("demo", {"name": "one", "version": 1}, features={VMP: "enabled", WSL1: "enabled"})
    text = "The distribution is already the requested version."
    info = "For information on key differences with WSL 2 please visit https://aka.ms/wsl2\r\n"
    code, out = error(text, "Service/WSL_E_VM_MODE_INVALID_STATE")
    assert run(on, "--set-version demo 2") == (code, info + out)
    assert [values(on, name)["Flags"] & 8 for name in ("demo", "one")] == [8, 0]
    assert run(on, "-d one --exec uname -r") == (0, "4.4.0-26100-Microsoft\n")
    assert run(on, "--set-version one 2") == (0, info + DONE)
    assert run(on, "-d one --exec uname -r") == (0, "6.18.33.2-microsoft-standard-WSL2\n")
    assert values(on, "one")["Flags"] == 15
    assert run(on, "--set-default-version 2") == (0, info + DONE)
    assert on.software.registry.data(keys(on).key, "DefaultVersion") == 2
    assert run(on, "--status")[1] == "Default Distribution: demo\r\nDefault Version: 2\r\n"


# --- time


def test_an_import_takes_time_and_goes_on_without_its_client():
    on = machine(wsl={"seconds": {"start": 5, "import": 60}})
    process = start(on, rf"{EXE} --import demo C:\demo {ROOTFS}")
    on.clock.advance(60)
    assert process.running
    assert "Installing" in run(on, "-l -v")[1]
    assert run(on, "-l -q") == (0, "")
    text = "An install, uninstall, or conversion is in progress for this distribution."
    again = error(text, "Service/RegisterDistro/E_ILLEGAL_STATE_CHANGE")
    assert run(on, rf"--import demo C:\other {ROOTFS}") == again
    process.kill()
    on.clock.advance(10)
    assert run(on, "-l -q") == (0, "demo\r\n")


def test_a_restart_during_an_import_leaves_half_of_it():
    on = machine(wsl={"seconds": {"import": 60}})
    start(on, rf"{EXE} --import demo C:\demo {ROOTFS}")
    programs.start(on, "shutdown /r /t 0", user=on.find_user("administrator"))
    on.clock.advance(120)
    assert values(on, "demo")["State"] == 3
    assert on.files.get(r"C:\demo\ext4.vhdx")
    assert run(on, rf"--import demo C:\demo {ROOTFS}")[1].endswith("/E_ILLEGAL_STATE_CHANGE\r\n")
    assert run(on, "--unregister demo") == (0, DONE)
    start(on, rf"{EXE} --import demo C:\demo {ROOTFS}")
    on.clock.advance(61)
    assert values(on, "demo")["State"] == 1


def test_what_runs_ends_with_windows_with_the_service_and_when_it_is_idle():
    on = machine("demo", {"name": "second", "running": True}, wsl={"seconds": {"start": 3}})
    assert run(on, "-l --running -q")[1] == "second\r\n"
    run(on, "--shutdown")
    assert run(on, "-l --running -q")[1] == ""
    process = start(on, f"{EXE} -d demo --exec true")
    assert process.running
    on.clock.advance(3)
    assert process.exit_code == 0
    assert run(on, "-l --running -q")[1] == "demo\r\n"
    for line in ("sc stop WSLService", "sc start WSLService"):
        programs.start(on, line, user=on.find_user("administrator"))
    assert run(on, "-l --running -q")[1] == ""


def test_what_runs_ends_with_another_version_of_wsl():
    on = machine("demo", files=[{"path": r"C:\w\new.msi", "content": {"msi": {"version": "2.7.15.0"}}}])
    assert run(on, "-d demo --exec true") == (0, "")
    assert run(on, "-l --running -q")[1] == "demo\r\n"
    msi = r"msiexec /i C:\w\new.msi /qn /norestart SKIPMSIX=1"
    assert programs.start(on, msi, user=on.find_user("administrator")).exit_code == 0
    assert run(on, "-l --running -q") == (0, "")
    assert run(on, "--version")[1].startswith("WSL version: 2.7.15.0\r\n")


def test_a_folder_may_be_an_extended_path():
    on = machine({"name": "demo", "location": r"\\?\C:\d"})
    assert values(on, "demo")["BasePath"] == r"\\?\C:\d"
    assert run(on, "-d demo --exec id -u") == (0, "0\n")
    assert run(on, rf"--import other C:\d {ROOTFS}")[1].startswith("The supplied install location is already in use.")


def test_wsl_waits_a_minute_for_its_service():
    on = machine()
    del on.software.services["wslservice"]
    process = start(on, f"{EXE} -l -q")
    on.clock.advance(59)
    assert process.running
    on.clock.advance(2)
    assert (process.exit_code, output(process).decode()) == error(
        "The specified service does not exist as an installed service. ", "ERROR_SERVICE_DOES_NOT_EXIST"
    )
    on = machine()
    on.software.find_service("WSLService").start = "Disabled"
    assert run(on, "-l -q")[1].endswith("Wsl/ERROR_SERVICE_DISABLED\r\n")


# --- policies, old Windows, settings, languages


def test_a_policy_forbids_wsl():
    on = machine(registry={r"HKLM\SOFTWARE\Policies\WSL": {"AllowWSL": 0}})
    text = "This program is blocked by group policy. For more information, contact your system administrator. "
    assert run(on, "-l -q") == error(text, "ERROR_ACCESS_DISABLED_BY_POLICY")


def test_windows_is_too_old():
    on = machine(os={"product": "windows10", "revision": 100}, features={VMP: "enabled", WSL1: "enabled"})
    code, out = run(on, "-l -q")
    assert (code, out.splitlines()[-1]) == (FAILED, "Error code: Wsl/WSL_E_OS_NOT_SUPPORTED")
    assert "Windows version 10.0.19045.100 does not support" in out
    assert "https://aka.ms/store-wsl-kb-win10" in out


def test_settings_are_those_of_the_calling_user_and_read_when_the_machine_starts():
    path = r"C:\Users\administrator\.wslconfig"
    files = [*FILES, {"path": path, "content": "[wsl2]\nnestedVirtualization=true\n"}]
    features = {VMP: "enabled", WSL1: "enabled"}
    on = machine("demo", os="windows10", files=files, features=features)
    process = start(on, f"{EXE} -d demo --exec true")
    assert output(process, "stderr") == b"wsl: Nested virtualization is not supported on this machine.\r\n"
    on.files.write(path, b"[wsl2]\nnestedVirtualization=false\n")
    session = on.wsl.session(security_id(on.name, "administrator"))
    assert session.config["wsl2"] == {"nestedvirtualization": "true"}
    run(on, "--shutdown")
    process = start(on, f"{EXE} -d demo --exec true")
    assert output(process, "stderr") == b""
    assert session.config["wsl2"] == {"nestedvirtualization": "false"}


def test_a_german_windows():
    on = machine(locale="de-DE")
    assert run(on, "--version")[1].startswith("WSL-Version: 2.7.14.0\r\nKernelversion: 6.18.33.2-2\r\n")
    assert run(on, r"--import a C:\b C:\c") == (
        FAILED,
        "Das System kann die angegebene Datei nicht finden. \r\nFehlercode: Wsl/ERROR_FILE_NOT_FOUND\r\n",
    )
    assert run(on, rf"--import demo C:\demo {ROOTFS}") == (0, "Der Vorgang wurde erfolgreich beendet. \r\n")
    assert run(on, "--terminate nope") == (
        FAILED,
        "Es ist keine Distribution mit dem angegebenen Namen vorhanden.\r\n"
        "Fehlercode: Wsl/Service/WSL_E_DISTRO_NOT_FOUND\r\n",
    )
    assert run(on, "-l -v")[1] == "  NAME    STATE           VERSION\r\n* demo    Stopped         2\r\n"


def test_wsl_is_uninstalled():
    on = machine("demo")
    assert run(on, "--uninstall") == (0, "")
    assert on.software.packages() == []
    assert values(on, "demo")["State"] == 1, "distributions stay"


def test_over_winrm_exit_codes_have_no_sign():
    spec = {"name": "HV01", "os": "server2025", "hyperv": False, "wsl": {"version": "2.7.14.0"}}
    with simulator.start({"hosts": [{**spec, "winrm": {"allow_unencrypted": True}}]}) as simulation:
        address = simulation.endpoints["HV01"]
        protocol = Protocol(address.http, transport="basic", username=address.user, password=address.password)
        shell = protocol.open_shell(codepage=65001, env_vars={"WSL_UTF8": "1"})
        options = {"console_mode_stdin": False, "skip_cmd_shell": True}
        command = protocol.run_command(shell, EXE, ["--terminate", "nope"], **options)
        out, err, code = protocol.get_command_output(shell, command)
    assert (code, err) == (FAILED, b"")
    assert out.decode().endswith("Error code: Wsl/Service/WSL_E_DISTRO_NOT_FOUND\r\n")
