"""Commands of wsl.exe that install: distributions from files, components of Windows, WSL itself."""

from __future__ import annotations

import ntpath

from ...machine.files import FileError, HostFile
from ..wsl import package
from ..wsl.errors import FILES, Failed
from ..wsl.registrations import hive
from . import dism
from .process import Context, Steps, run
from .wsl import FAILURE, Client, options, version_number

_NAME = r"[a-zA-Z0-9._-]{1,256}"
_DISKS = (".vhd", ".vhdx")
REMEMBERED = "InstallStatus"


def _valid(name: str) -> str:
    import re

    if name and not re.fullmatch(_NAME, name):
        raise Failed("E_INVALIDARG", say="wsl_invalid_name", words=(name,))
    return name


def _open(client: Client, path: str) -> HostFile:
    """The file that the client opens; failures are its own, not the service's."""
    try:
        return client.context.machine.files.need(client.absolute(path))
    except FileError as error:
        raise Failed(FILES[error.hresult]) from error


def import_(client: Client, line: str) -> Steps:
    positional, given = options(line, {"--version": True, "--vhd": False}, {})
    if len(positional) > 3:
        raise Failed("E_INVALIDARG", say="wsl_invalid_argument", words=(positional[3], "wsl.exe"))
    version = version_number(given["--version"]) if "--version" in given else 0
    if len(positional) < 3:
        raise Failed("E_INVALIDARG")
    name, source = positional[0], positional[2]
    folder = client.absolute(positional[1])
    created = _make_one_folder(client, folder)
    try:
        if source == "-":
            content: bytes | HostFile = yield from client.context.read_all()
        else:
            if "--vhd" not in given and ntpath.splitext(source)[1].lower() in _DISKS:
                client.say("wsl_pass_vhd")
                raise _Told
            file = _open(client, source)
            content = file if "--vhd" in given else file.content
        yield from _register(client, name, folder, content, version, oobe=False)
    except (Failed, _Told) as failure:
        files = client.context.machine.files
        if created and files.has_folder(folder) and files.is_empty(folder):
            files.delete_folder(folder)
        if isinstance(failure, _Told):
            return FAILURE
        raise
    return client.succeed()


class _Told(Exception):
    """The reason has been printed."""


def _make_one_folder(client: Client, folder: str) -> bool:
    """CreateDirectory makes the last level alone."""
    files = client.context.machine.files
    if files.has_folder(folder):
        return False
    if not files.has_folder(ntpath.dirname(folder)):
        raise Failed("ERROR_PATH_NOT_FOUND")
    files.make_folder(folder)
    return True


def _register(client: Client, name: str, folder: str, source: bytes | HostFile, version: int, *, oobe: bool) -> Steps:
    """The installed distribution."""
    session = yield from client.connect()
    version = version or client.registrations.default_version
    running = session.vm
    try:
        _valid(name)
        if version == 1 and isinstance(source, HostFile):
            raise Failed("WSL_E_WSL2_NEEDED")
        if version == 1 and not client.wsl.has_wsl1:
            raise Failed("WSL_E_WSL1_NOT_SUPPORTED")
        if isinstance(source, HostFile) and ntpath.splitext(source.path)[1].lower() not in _DISKS:
            raise Failed("WSL_E_IMPORT_FAILED", say="wsl_extensions", words=_DISKS)
        work = client.wsl.register(session, name, folder, source, version=version, config=client.config, oobe=oobe)
    except Failed as failure:
        raise _within_register(failure) from failure
    if session.vm and not running:
        for key in client.wsl.warnings(session):
            client.warn(key)
    if work.seconds:
        yield work.seconds
    client.context.err(work.stderr.encode())
    if work.error:
        raise _within_register(work.error) from work.error
    return work.result


def _within_register(failure: Failed) -> Failed:
    """HCS_E_SERVICE_NOT_AVAILABLE is recorded with a shorter path (WIN-23)."""
    if failure.code == "HCS_E_SERVICE_NOT_AVAILABLE":
        return failure.within("Service")
    return failure.within("Service", "RegisterDistro")


def import_in_place(client: Client, line: str) -> Steps:
    positional, _given = options(line, {}, {})
    if len(positional) != 2:
        raise Failed("WSL_E_INVALID_USAGE")
    name, path = positional[0], client.absolute(positional[1])
    session = yield from client.connect()
    try:
        _valid(name)
        if ntpath.splitext(path)[1].lower() not in _DISKS:
            raise Failed("E_INVALIDARG")
        work = client.wsl.register_in_place(session, name, path, config=client.config)
    except Failed as failure:
        raise _within_register(failure) from failure
    if work.seconds:
        yield work.seconds
    return client.succeed()


_INSTALL = {
    "--distribution": True,
    "--no-launch": False,
    "--web-download": False,
    "--no-distribution": False,
    "--enable-wsl1": False,
    "--from-file": True,
    "--name": True,
    "--location": True,
    "--legacy": False,
    "--version": True,
    "--vhd-size": True,
    "--fixed-vhd": False,
    "--prerelease": False,
}
_SHORT = {"-d": "--distribution", "-n": "--no-launch", "-f": "--from-file", "-l": "--location"}


def install(client: Client, line: str) -> Steps:
    positional, given = options(line, _INSTALL, _SHORT)
    distribution = given.get("--distribution") or (positional[0] if positional else "")
    version = version_number(given["--version"]) if "--version" in given else 0
    if distribution and "--no-distribution" in given:
        raise Failed("E_INVALIDARG", say="wsl_not_together", words=("--no-distribution", "--distribution"))
    if "--fixed-vhd" in given and "--vhd-size" not in given:
        raise Failed("E_INVALIDARG", say="wsl_not_without", words=("--fixed-vhd", "--vhd-size"))
    if "--from-file" in given:
        if distribution:
            raise Failed("E_INVALIDARG", say="wsl_not_together", words=("--from-file", "--distribution"))
        return (yield from _from_file(client, given, version))
    restart = yield from _components(client, enable_wsl1="--enable-wsl1" in given)
    if restart:
        client.say("message_3010")
    elif "--no-distribution" in given:
        client.say("message_0")
    else:
        raise Failed("WININET_E_NAME_NOT_RESOLVED", "InstallDistro")
    return 0


def _from_file(client: Client, given: dict[str, str], version: int) -> Steps:
    source = given["--from-file"]
    if source == "-":
        content, source = (yield from client.context.read_all()), "<stdin>"
    else:
        content = _open(client, source).content
    client.say("wsl_installing", source)
    name = given.get("--name", "")
    profile = client.context.variable("LOCALAPPDATA") or rf"{client.context.variable('USERPROFILE')}\AppData\Local"
    folder = given.get("--location") or rf"{profile}\wsl\{name or ntpath.basename(source)}"
    one = yield from _register(client, name, client.absolute(folder), content, version, oobe=True)
    client.say("wsl_installed", one.name)
    if "--no-launch" in given:
        return 0
    client.say("wsl_launching", one.name)
    from .wsl import Launch, _launch

    return (yield from _launch(client, Launch(guid=one.guid), "", exec_mode=False))


def _components(client: Client, *, enable_wsl1: bool) -> Steps:
    """Enable the optional components that are missing; whether Windows has to restart (WslInstall.cpp)."""
    machine = client.context.machine
    software = machine.software
    missing = []
    if (enable_wsl1 or machine.os["build"] < 22000) and not client.wsl.has_wsl1:
        missing.append("Microsoft-Windows-Subsystem-Linux")
    if not client.wsl.feature("VirtualMachinePlatform"):
        missing.append("VirtualMachinePlatform")
    key = rf"{hive(client.sid)}\{REMEMBERED}"
    before = [name for name in str(software.registry.data(key, "") or "").split(",") if name]
    new = [name for name in missing if name not in before]
    if new and client.context.user and not client.context.user.administrator:
        client.say("message_740")
        raise Failed("ERROR_CANCELLED")  # nobody can answer the prompt in the session of services
    for name in new:
        client.say("wsl_installing_component", name)
        arguments = ("/Online", "/NoRestart", "/enable-feature", f"/featurename:{name}")
        line = " ".join((r"C:\Windows\system32\dism.exe", *arguments))
        code = yield from run(dism.main, client.context.child(line, arguments))
        if code not in (0, dism.RESTART_REQUIRED):
            raise Failed("WSL_E_INSTALL_COMPONENT_FAILED", say="wsl_component_failed", words=(name, code))
    if new:
        software.registry.write(key, "", ",".join((*before, *new)))
        software.volatile.add(key)
    return bool(missing)


def update(client: Client, line: str) -> Steps:
    """It asks GitHub, which a simulated machine can't reach."""
    yield from ()
    options(line, {"--pre-release": False, "--web-download": False, "--confirm": False, "--prompt": False}, {})
    client.say("wsl_checking")
    raise Failed("WININET_E_NAME_NOT_RESOLVED", "UpdatePackage")


def uninstall(client: Client, line: str) -> Steps:
    words = line.split()
    if len(words) > 1:
        client.say("wsl_uninstall_arguments", "--uninstall", "--unregister")
        return FAILURE
    context: Context = client.context
    installer = context.machine.installer
    yield installer.later(lambda: package.remove(context.machine))
    code = installer.settings["exit_code"]
    if code == dism.RESTART_REQUIRED:
        client.say("message_3010")
    return int(code)
