"""dockerd.exe: its version, the check of its configuration, and its service (moby's daemon/command)."""

from __future__ import annotations

from ..docker import archives, configuration
from ..docker.api import number
from ..docker.configuration import Invalid
from .docker.client import program_file
from .process import Context

COMMITS = {"29.6.2": "ee4ae8e"}
FAILED = 1


def main(context: Context) -> int:
    path, version = program_file(context)
    try:
        flags = configuration.parse_flags(context.arguments)
    except Invalid as error:
        return _failed(context, f"{error}\nSee 'dockerd --help'.")
    if flags.get("version"):
        context.out(f"Docker version {version}, build {commit(version)}\n")
        return 0
    try:
        configuration.load(context.machine.files, flags, context.machine.text)
    except Invalid as error:
        return _failed(context, str(error))
    missing = context.machine.docker.requirements(version)
    if flags.get("validate"):
        if missing and number(version) >= (29, 3):
            return _failed(context, f"system requirements not met: {missing}")
        context.err("configuration OK\n")
        return 0
    name, text = str(flags.get("service-name", "docker")), context.machine.text
    if flags.get("register-service") and flags.get("unregister-service"):
        return _failed(context, "--register-service and --unregister-service cannot be used together")
    if not (flags.get("register-service") or flags.get("unregister-service")):
        if flags.get("run-service"):
            return _failed(context, "The service process could not connect to the service controller.")
        raise NotImplementedError("the simulator's dockerd.exe runs as a service only")
    if context.user and not context.user.administrator:
        return _failed(context, text("win32_5"))
    software = context.machine.software
    service = software.find_service(name)
    if flags.get("unregister-service"):
        if service is None:
            return _failed(context, text("win32_1060"))
        code = software.delete_service(name)
        return _failed(context, text(f"win32_{code}")) if code else 0
    if service is not None:
        return _failed(context, text("win32_1072" if service.deleted else "win32_1073"))
    own = ("--register-service", "--unregister-service")
    context.machine.docker.register(name, path, [word for word in context.arguments if word not in own])
    if missing and number(version) >= (29, 3):
        sentence = f"Windows service registration was successful but system requirements were not met: {missing}"
        time = context.machine.clock.now().strftime("%Y-%m-%dT%H:%M:%S.%f000Z")
        context.out(f'time="{time}" level=warning msg="{sentence}"\n')
    return 0


def commit(version: str) -> str:
    """The commit that a version names itself by; made up for versions whose is not known."""
    return COMMITS.get(version) or archives.hashlib.sha256(version.encode()).hexdigest()[:7]


def _failed(context: Context, sentence: str) -> int:
    context.err(f"{sentence}\n")
    return FAILED
