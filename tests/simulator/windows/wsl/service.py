"""WSLService: its sessions, one for each user, with a virtual machine and the distributions that run in it."""

from __future__ import annotations

import ntpath
from collections.abc import Callable
from configparser import ConfigParser
from configparser import Error as ConfigError
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ...machine import disks
from ...machine.contents import VHDX, octets
from ...machine.files import FileError, HostFile, amount, check_keys
from ..software import RUNNING, STOPPED, Service
from . import package
from .errors import FILES, Failed
from .linux import Linux, NotAnArchive, unpack
from .registrations import INSTALLED, Distribution, Registrations

if TYPE_CHECKING:
    from ...machine.machine import Machine

KEYS = {"version", "store", "distributions", "disks", "seconds", "logon_type_denied", "network_logon"}
DISTRIBUTION_KEYS = {"name", "user", "location", "version", "rootfs", "default_user", "running"}
SECONDS = {"start": 0.0, "import": 0.0}
SIZE = "1TB"
# The code of a virtual machine that does not start for a caller from the network (WIN-81); other codes of the model are
# those of the first call.
NOBODY = "0x8007023f"
POLICIES = r"HKLM\SOFTWARE\Policies\WSL"
# Seconds that an idle distribution, and an idle virtual machine, go on (WslCoreConfig.h).
IDLE = {("general", "instanceidletimeout"): 15.0, ("wsl2", "vmidletimeout"): 60.0}


@dataclass(eq=False)
class Instance:
    """A distribution that runs; `uid` is that of its default user, as /etc/wsl.conf says when it starts."""

    uid: int | None
    busy: int = 0
    turn: object = None


@dataclass(eq=False)
class Session:
    """What runs of a user; it ends with Windows and with the service. `config` is .wslconfig as read by its VM, `run`
    the service and how often it has been started; None while it doesn't run.
    """

    sid: str
    boot: int
    run: tuple[Service, int] | None
    vm: bool = False
    config: dict[str, dict[str, str]] = field(default_factory=dict)
    instances: dict[str, Instance] = field(default_factory=dict)
    turn: object = None
    network: bool = False  # its last caller has a network logon


@dataclass(eq=False)
class Work:
    """Something that the service does, also without its client; it takes some seconds."""

    seconds: float
    error: Failed | None = None
    stderr: str = ""
    result: Distribution | None = None


class Wsl:
    """`wsl` of the machine's model: see model/README.md."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        spec = machine.spec.get("wsl") or {}
        check_keys(spec, KEYS, "wsl")
        self.store = bool(spec.get("store"))
        self.logon_type_denied = bool(spec.get("logon_type_denied"))
        self.network_logon = str(spec.get("network_logon") or "")
        self.seconds = {**SECONDS, **(spec.get("seconds") or {})}
        check_keys(self.seconds, set(SECONDS), "wsl.seconds")
        self._linux: dict[HostFile, Linux] = {}
        self._sessions: dict[str, Session] = {}
        if spec.get("version"):
            package.install(machine, package.default_package(str(spec["version"])))
        for path in spec.get("disks") or ():
            self._linux[machine.files.need(path)] = unpack(octets({"rootfs": {}}))
        for one in spec.get("distributions") or ():
            self._add(one)

    def _add(self, spec: dict[str, Any]) -> None:
        """A distribution of the model."""
        from ..programs.identity import security_id

        check_keys(spec, DISTRIBUTION_KEYS, "wsl.distributions")
        name = spec["name"]
        user = spec.get("user") or next(iter(self.machine.users.values())).name
        folder = spec.get("location") or rf"C:\Users\{user}\AppData\Local\wsl\{name}"
        sid = security_id(self.machine.name, user)
        registrations = Registrations(self.machine.software.registry, sid)
        one = registrations.add(name, folder, version=spec.get("version", 2))
        self._create_disk(one, unpack(octets({"rootfs": spec.get("rootfs") or {}})))
        registrations.finish(one)
        uid = self.linux(one).users().get(spec.get("default_user") or "root", 0)
        one.write(DefaultUid=uid)
        if spec.get("running"):
            self.start(local_system=False)
            self.session(sid).vm = True
            self.session(sid).instances[one.guid] = Instance(None)

    # --- what must be there

    def feature(self, name: str) -> bool:
        return self.machine.software.is_active(name)

    @property
    def has_wsl1(self) -> bool:
        return self.feature("Microsoft-Windows-Subsystem-Linux")

    def check_windows(self) -> None:
        """Before Windows 11 the component and an update must be there (svccomm.cpp; WIN-21)."""
        build, revision = self.machine.os["build"], self.machine.os["revision"]
        if build >= 22000:
            return
        if not self.has_wsl1:
            raise Failed("WSL_E_WSL_OPTIONAL_COMPONENT_REQUIRED")
        if revision < FIRST_REVISIONS.get(build, 0):
            what = "winserver2022" if build >= 20348 else "win10"
            version = f"10.0.{build}.{revision}"
            raise Failed("WSL_E_OS_NOT_SUPPORTED", words=(version, f"https://aka.ms/store-wsl-kb-{what}"))

    def start(self, *, local_system: bool) -> bool:
        """Activate the service for a caller; False while it isn't installed."""
        software = self.machine.software
        service = software.find_service(package.SERVICE)
        if service is None:
            return False
        if service.state == STOPPED and software.start_service(service.name):
            raise Failed("ERROR_SERVICE_DISABLED")
        if local_system:
            raise Failed("WSL_E_LOCAL_SYSTEM_NOT_SUPPORTED")
        if software.registry.data(POLICIES, "AllowWSL") == 0:
            raise Failed("ERROR_ACCESS_DISABLED_BY_POLICY")
        return True

    def session(self, sid: str) -> Session:
        """The session of a user, a new one if the last ended with Windows or with the service."""
        service = self.machine.software.find_service(package.SERVICE)
        run = (service, service.runs) if service and service.state == RUNNING else None
        found = self._sessions.get(sid)
        if found is None or (found.boot, found.run) != (self.machine.boots, run):
            found = self._sessions[sid] = Session(sid, self.machine.boots, run)
        return found

    def registrations(self, sid: str) -> Registrations:
        return Registrations(self.machine.software.registry, sid)

    def need(self, sid: str, name: str, *, unfinished: bool = False) -> Distribution:
        found = self.registrations(sid).find(name, unfinished=unfinished)
        if found is None:
            raise Failed("WSL_E_DISTRO_NOT_FOUND", "Service")
        return found

    # --- virtual machines and instances

    def start_vm(self, session: Session, *, config: str) -> float:
        """Start the virtual machine of a session unless it runs; the seconds that it takes."""
        if session.vm:
            return 0.0
        if self.machine.software.find_service("vmcompute") is None:
            raise Failed("HCS_E_SERVICE_NOT_AVAILABLE", "CreateVm")
        if self.logon_type_denied:
            raise Failed("0x80070569", "CreateVm", "HCS")
        if not (self.machine.hypervisor_running and self.machine.virtualization):
            raise Failed("HCS_E_HYPERV_NOT_INSTALLED", "CreateVm", "HCS")
        if session.network and self.network_logon == NOBODY:
            raise Failed(NOBODY, "CreateVm")
        session.vm, session.config = True, _read_config(self.machine, config)
        return float(self.seconds["start"])

    def warnings(self, session: Session) -> list[str]:
        """Keys of the sentences that wsl.exe shows when the virtual machine of a session has started."""
        windows_11 = self.machine.os["build"] >= 22000
        wanted = session.config.get("wsl2", {}).get("nestedvirtualization", str(windows_11).lower())
        nested = wanted == "true" and not windows_11
        return [
            *(["wsl_no_nesting"] if nested else []),
            *(["wsl_no_networking"] if not self.feature("VirtualMachinePlatform") else []),
        ]

    def instance(self, session: Session, distribution: Distribution) -> Instance:
        """The running instance of a distribution; it is started if need be."""
        found = session.instances.get(distribution.guid)
        if found is None:
            name = self.linux(distribution).configuration("/etc/wsl.conf").get("user", {}).get("default", "")
            found = Instance(self.linux(distribution).users().get(name))
            session.instances[distribution.guid] = found
        return found

    def idle(self, session: Session, guid: str) -> None:
        """A program of an instance has ended: after a while the instance does, and then the virtual machine."""
        instance = session.instances.get(guid)
        if instance is None or instance.busy:
            return

        def stop() -> None:
            if instance.turn is turn and session.instances.get(guid) is instance:
                del session.instances[guid]
                self._idle_vm(session)

        turn = instance.turn = object()
        self._after(session, ("general", "instanceidletimeout"), stop)

    def _idle_vm(self, session: Session) -> None:
        def stop() -> None:
            if session.turn is turn and not session.instances:
                session.vm = False

        turn = session.turn = object()
        self._after(session, ("wsl2", "vmidletimeout"), stop)

    def _after(self, session: Session, setting: tuple[str, str], action: Callable[[], None]) -> None:
        given = session.config.get(setting[0], {}).get(setting[1], "")
        milliseconds = int(given) if given.lstrip("-").isdigit() else IDLE[setting] * 1000
        if milliseconds >= 0:
            self.machine.clock.after(milliseconds / 1000, action)

    def terminate(self, session: Session, distribution: Distribution) -> None:
        session.instances.pop(distribution.guid, None)

    def shutdown(self, session: Session) -> None:
        session.vm, session.config = False, {}
        session.instances.clear()

    # --- disks

    def linux(self, distribution: Distribution) -> Linux:
        """What is on the disk of a distribution."""
        found = self._on_disk(distribution.disk)
        if found is None:
            raise self._not_attached(distribution.disk, 2).within("Service", "CreateInstance")
        return found

    def _on_disk(self, path: str) -> Linux | None:
        """None if there is no such file; an empty Linux if nothing is on it."""
        file = self.machine.files.get(path)
        if file is None:
            return None
        if file not in self._linux:
            self._linux[file] = unpack(file.content) if file.content.startswith(VHDX) else Linux()
        return self._linux[file]

    def _create_disk(self, distribution: Distribution, linux: Linux | None = None) -> None:
        files = self.machine.files
        files.make_folder(distribution.folder)
        try:
            format_ = disks.FORMATS[ntpath.splitext(distribution.disk)[1].lstrip(".").lower()]
            file = disks.create(files, distribution.disk, disks.Disk(format_, disks.DYNAMIC, amount(SIZE)))
        except FileError as error:
            number = error.hresult & 0xFFFF
            words = (distribution.disk, self.machine.text(f"message_{number}") + " ")
            raise Failed(FILES[error.hresult], say="wsl_no_disk", words=words) from error
        self._linux[file] = linux or Linux()

    def _delete_disk(self, distribution: Distribution) -> None:
        """Delete the disk, and its folder if nothing else is in it (LxssUserSession.cpp, _DeleteDistribution)."""
        files = self.machine.files
        file = files.get(distribution.disk)
        if file is not None:
            self._linux.pop(file, None)
            files.delete(file.path)
        if files.has_folder(distribution.folder) and files.is_empty(distribution.folder):
            files.delete_folder(distribution.folder)

    # --- registering

    def check_free(self, sid: str, name: str, folder: str) -> None:
        """Neither name nor folder may belong to a distribution."""
        for one in self.registrations(sid):
            if name and one.name.lower() == name.lower():
                raise Failed("ERROR_ALREADY_EXISTS" if one.state == INSTALLED else "E_ILLEGAL_STATE_CHANGE")
            if folder and ntpath.normpath(one.folder).lower() == ntpath.normpath(folder).lower():
                raise Failed("ERROR_FILE_EXISTS", say="wsl_path_in_use")

    def register(
        self,
        session: Session,
        name: str,
        folder: str,
        source: bytes | HostFile,
        *,
        version: int,
        config: str,
        oobe: bool,
    ) -> Work:
        """Register a distribution from an archive, or from a disk, whose file is `source`; the work of the service."""
        registrations = self.registrations(session.sid)
        self.check_free(session.sid, name, folder)
        self.machine.files.make_folder(folder)
        disk = source.name if isinstance(source, HostFile) else ""
        new = registrations.add(name, folder, version=version, oobe=oobe, **({"disk": disk} if disk else {}))
        try:
            self._create_disk(new)
        except Failed:
            registrations.remove(new)
            raise
        content = source.content if isinstance(source, HostFile) else source
        linux = self._on_disk(source.path) if isinstance(source, HostFile) and not content else None
        try:
            seconds = 0.0 if disk or version == 1 else self.start_vm(session, config=config)
        except Failed:
            self._drop(registrations, new)
            raise
        work = Work(seconds + float(self.seconds["import"]))

        def finish() -> None:
            if self.session(session.sid) is not session:
                return  # Windows or the service ended meanwhile: the distribution stays as it is
            try:
                work.result = self._fill(session.sid, new, linux or unpack(content))
                registrations.finish(new)
            except NotAnArchive:
                work.stderr = "bsdtar: Error opening archive: Unrecognized archive format\n"
                work.error = Failed("WSL_E_IMPORT_FAILED")
            except Failed as error:
                work.error = error
            if work.error:
                self._drop(registrations, new)
            if session.vm and not session.instances:
                self._idle_vm(session)

        self._do(work, finish)
        return work

    def _fill(self, sid: str, new: Distribution, linux: Linux) -> Distribution:
        if not linux.valid:
            raise Failed("WSL_E_NOT_A_LINUX_DISTRO")
        if not new.name:
            if not linux.default_name:
                raise Failed("WSL_E_DISTRIBUTION_NAME_NEEDED")
            self.check_free(sid, linux.default_name, "")
            new.write(DistributionName=linux.default_name)
        self._linux[self.machine.files.need(new.disk)] = linux
        return new

    def _drop(self, registrations: Registrations, new: Distribution) -> None:
        self._delete_disk(new)
        registrations.remove(new)

    def register_in_place(self, session: Session, name: str, path: str, *, config: str) -> Work:
        """Register a distribution on a disk that is there; without success the disk stays."""
        registrations = self.registrations(session.sid)
        folder, disk = ntpath.split(path)
        self.check_free(session.sid, name, folder)
        new = registrations.add(name, folder, version=2, disk=disk)
        try:
            seconds = self.start_vm(session, config=config)
            linux = self._on_disk(path)
            if linux is None:
                words = (rf"\\?\{path}", self.machine.text("message_2") + " ")
                raise Failed("ERROR_FILE_NOT_FOUND", "MountDisk", "HCS", say="wsl_not_attached", words=words)
            if self.machine.files.need(path).in_use:
                words = (rf"\\?\{path}", self.machine.text("message_32") + " ")
                raise Failed("ERROR_SHARING_VIOLATION", "MountDisk", "HCS", say="wsl_not_attached", words=words)
            if not linux.valid:
                raise Failed("WSL_E_NOT_A_LINUX_DISTRO")
        except Failed:
            registrations.remove(new)
            raise
        registrations.finish(new)
        self._idle_vm(session)
        return Work(seconds, result=new)

    def unregister(self, session: Session, distribution: Distribution) -> None:
        self.terminate(session, distribution)
        self._delete_disk(distribution)
        self.registrations(session.sid).remove(distribution)

    def _do(self, work: Work, finish: Callable[[], None]) -> None:
        if work.seconds:
            self.machine.clock.after(work.seconds, finish)
        else:
            finish()


# First revisions that know the packaged WSL (WIN-21).
FIRST_REVISIONS = {19041: 2311, 19042: 2311, 19043: 2311, 19044: 2311, 19045: 2311, 20348: 1311}


def _read_config(machine: Machine, path: str) -> dict[str, dict[str, str]]:
    """Settings by section and name, in lower case; empty if there is no such file."""
    file = machine.files.get(path)
    parser = ConfigParser(strict=False, interpolation=None, allow_no_value=True)
    try:
        parser.read_string((file.content if file else b"").decode("utf-8-sig", "replace"))
    except ConfigError:
        return {}
    return {
        name.lower(): {key: (value or "").strip().lower() for key, value in parser[name].items()}
        for name in parser.sections()
    }
