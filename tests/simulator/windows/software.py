"""What is installed on a Windows machine, and what of it a restart will change. Programs and CIM classes share it."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from ..cim.schema import read_yaml
from ..machine.files import check_keys
from .registry import EXPAND_STRING, Registry

if TYPE_CHECKING:
    from ..machine.machine import Machine

# States of an optional feature as a model file writes them. An absent feature has lost its payload.
ENABLED, DISABLED, ABSENT = "enabled", "disabled", "absent"
ENABLE_PENDING, DISABLE_PENDING = "enable-pending", "disable-pending"
STATES = (ENABLED, DISABLED, ABSENT, ENABLE_PENDING, DISABLE_PENDING)
ROLE = "Microsoft-Hyper-V"
# Features with which the hypervisor starts (Microsoft Learn, "Hyper-V architecture", "Windows Hypervisor Platform").
WITH_HYPERVISOR = (ROLE, "VirtualMachinePlatform", "HypervisorPlatform")

# Win32_Service.State and .StartMode docs.
RUNNING, STOPPED, START_PENDING, STOP_PENDING = "Running", "Stopped", "Start Pending", "Stop Pending"
AUTO, MANUAL, DISABLED_SERVICE = "Auto", "Manual", "Disabled"
# winerror.h
SERVICE_DISABLED, ALREADY_RUNNING, NO_SUCH_SERVICE, NOT_STARTED = 1058, 1056, 1060, 1062
MARKED_FOR_DELETE, SERVICE_EXISTS, NEVER_STARTED = 1072, 1073, 1077

_CURRENT = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion"
_CONTROL = r"HKLM\SYSTEM\CurrentControlSet\Control"
_SERVICES = r"HKLM\SYSTEM\CurrentControlSet\Services"
_PROFILES = r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\ProfileList"
UNINSTALL = rf"{_CURRENT}\Uninstall"
# Signs of a pending restart (keys, as Ansible's setup module and others look for them).
SERVICING_PENDING = rf"{_CURRENT}\Component Based Servicing\RebootPending"
UPDATE_PENDING = rf"{_CURRENT}\WindowsUpdate\Auto Update\RebootRequired"
ACTIVE_NAME, NEXT_NAME = rf"{_CONTROL}\ComputerName\ActiveComputerName", rf"{_CONTROL}\ComputerName\ComputerName"
RENAMES = (rf"{_CONTROL}\Session Manager", "PendingFileRenameOperations")

SERVICING_KEYS = {"seconds", "after_restart", "fails"}
SERVICE_KEYS = {"display", "path", "start", "state", "account", "seconds"}
PACKAGE_KEYS = {"name", "version", "code", "publisher"}


@dataclass
class Feature:
    """An optional feature. `active` is what runs since the last restart, `state` what servicing says of it."""

    name: str
    state: str
    active: bool
    parent: str = ""
    restart: bool = True
    display: str = ""
    description: str = ""

    @property
    def wanted(self) -> bool:
        return self.state in (ENABLED, ENABLE_PENDING)


@dataclass(eq=False)
class Service:
    """A service; `triggered` is its state after a start of Windows if it starts manually: some have a trigger.

    `seconds` is the time that it takes to start or stop.
    """

    name: str
    display: str
    path: str
    start: str
    state: str
    triggered: str
    account: str = "LocalSystem"
    seconds: float = 0.0
    exit_code: int = NEVER_STARTED  # of its last run
    specific_code: int = 0
    deleted: bool = False  # marked: it goes when it has stopped
    runs: int = 0  # how often it was started by hand

    @property
    def at_boot(self) -> str:
        return {AUTO: RUNNING, DISABLED_SERVICE: STOPPED}.get(self.start, self.triggered)


class Daemon(Protocol):
    """A program behind services that decides itself how they start and stop."""

    def serves(self, service: Service) -> bool: ...

    def start(self, service: Service) -> int:
        """Begin to start: 0 or the Windows error."""

    def stop(self, service: Service) -> int:
        """Begin to stop: 0 or the Windows error."""

    def ended(self) -> None:
        """Windows ends."""


class Package(NamedTuple):
    """A product of Windows Installer."""

    code: str
    name: str
    version: str
    publisher: str


class Software:
    """`spec` of the machine gives `features`, `services`, `packages`, `registry`, `pending_restart` and `servicing`."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        spec = machine.spec
        self._works_until = 0.0
        self.servicing = {"seconds": 0.0, "after_restart": 0.0, "fails": [], **(spec.get("servicing") or {})}
        check_keys(self.servicing, SERVICING_KEYS, "servicing")
        self.registry = Registry(_default_keys(machine), spec.get("registry") or {})
        self.volatile: set[str] = set()  # keys that end with Windows
        self._add_folders()
        self.features = {feature.name.lower(): feature for feature in self._model_features()}
        for package in spec.get("packages") or ():
            check_keys(package, PACKAGE_KEYS, "packages")
            code = f"{{{str(uuid.uuid5(uuid.NAMESPACE_OID, package['name'])).upper()}}}"
            self.add_package(Package(**{"code": code, "version": "1.0", "publisher": "", **package}))
        self.daemons: list[Daemon] = []
        self.services = {service.name.lower(): service for service in self._model_services()}
        self._of_model = frozenset(self.services)
        self._update_services()
        if spec.get("pending_restart"):
            self.registry.create(UPDATE_PENDING)
        if spec.get("pending_restart") or self._changes_pending:
            self.registry.create(SERVICING_PENDING)

    def _add_folders(self) -> None:
        """Folders of Windows, and of the users, who have logged on before, with their keys in ProfileList (Microsoft
        Learn, "Repair a corrupted user profile in Windows")."""
        from .programs.identity import security_id

        self.machine.files.make_folder(r"C:\Windows\Temp")
        for user in self.machine.users.values():
            key = rf"{_PROFILES}\{security_id(self.machine.name, user.name)}"
            self.registry.write(key, "ProfileImagePath", rf"C:\Users\{user.name}", EXPAND_STRING)
            self.registry.create(rf"HKU\{security_id(self.machine.name, user.name)}\Software")
            self.machine.files.make_folder(rf"C:\Users\{user.name}\AppData\Local")

    # --- features

    def work(self, seconds: float) -> None:
        """Let servicing be at work for some seconds, in a process of its own (TiWorker.exe)."""
        self._works_until = max(self._works_until, self.machine.clock.seconds() + seconds)

    @property
    def works(self) -> bool:
        return self.machine.clock.seconds() < self._works_until

    @property
    def hyperv(self) -> bool:
        """The Hyper-V role is active."""
        return self.is_active(ROLE)

    @property
    def starts_hypervisor(self) -> bool:
        """A feature is active that the hypervisor starts for."""
        return any(self.is_active(name) for name in WITH_HYPERVISOR)

    def is_active(self, name: str) -> bool:
        """A feature is enabled, and Windows has started since."""
        feature = self.find_feature(name)
        return feature is not None and feature.active

    def find_feature(self, name: str) -> Feature | None:
        return self.features.get(name.lower())

    def family(self, feature: Feature) -> list[Feature]:
        """A feature and all below it."""
        children = [child for child in self.features.values() if child.parent.lower() == feature.name.lower()]
        return [feature, *(member for child in children for member in self.family(child))]

    def ancestors(self, feature: Feature) -> list[Feature]:
        """The features above a feature, the nearest first."""
        parent = self.find_feature(feature.parent)
        return [parent, *self.ancestors(parent)] if parent else []

    def change_features(self, features: Iterable[Feature], *, enable: bool) -> None:
        """Enable or disable features: at once, or at the next restart for those that need one."""
        for feature in features:
            if feature.wanted is enable:
                continue
            if not feature.restart or feature.active is enable:
                # Also a change that is taken back before the restart.
                feature.state, feature.active = ENABLED if enable else DISABLED, enable
            else:
                feature.state = ENABLE_PENDING if enable else DISABLE_PENDING
                self.registry.create(SERVICING_PENDING)
        self._update_services()

    @property
    def _changes_pending(self) -> bool:
        return any(feature.active is not feature.wanted for feature in self.features.values())

    @property
    def restart_pending(self) -> bool:
        return SERVICING_PENDING in self.registry

    @property
    def computer_name(self) -> str:
        """The active name, in the case in which it was given."""
        value = self.registry.read(ACTIVE_NAME, "ComputerName")
        machine = self.machine.name
        return machine if value is None or value.data.lower() == machine.lower() else value.data

    def rename(self, name: str) -> None:
        """Give the computer another name with its next start."""
        self.registry.write(NEXT_NAME, "ComputerName", name.upper())

    def started(self) -> None:
        """Windows has started again: what was pending becomes active, and its services start as configured."""
        if name := self.registry.read(NEXT_NAME, "ComputerName"):
            self.registry.write(ACTIVE_NAME, "ComputerName", name.data)
        fails = {name.lower() for name in self.servicing["fails"]}
        for name, feature in self.features.items():
            if name in fails and feature.state == ENABLE_PENDING:
                feature.state = DISABLED
            feature.active = feature.wanted
        if seconds := self.servicing["after_restart"]:
            self.work(seconds)
            self.machine.clock.after(seconds, self._finish)
        else:
            self._finish()
        self.registry.delete_value(*RENAMES)
        for key in self.volatile:
            self.registry.delete(key)
        self.volatile.clear()
        self._update_services()
        self.forget_deleted(everything=True)
        for service in self.services.values():
            service.state, service.exit_code = service.at_boot, NEVER_STARTED
            if service.state == RUNNING and (daemon := self._daemon(service)):
                service.state = STOPPED
                daemon.start(service)

    def _finish(self) -> None:
        """Servicing is done with what was pending before the restart."""
        for feature in self.features.values():
            if feature.active is feature.wanted and feature.state != ABSENT:
                feature.state = ENABLED if feature.active else DISABLED
        if not self._changes_pending:
            self.registry.delete(SERVICING_PENDING)
        self.registry.delete(UPDATE_PENDING)

    def _model_features(self) -> Iterator[Feature]:
        spec = self.machine.spec
        given = {name.lower(): state for name, state in (spec.get("features") or {}).items()}
        known = parts(self.machine, "features")
        check_keys(given, {name.lower() for name in known}, "features")
        for state in given.values():
            if state not in STATES:
                raise ValueError(f"features: {state} is not one of {', '.join(STATES)}")
        for name, part in known.items():
            role = bool(part.get("hyperv") and spec["hyperv"]) or bool(part.get("cluster") and spec["cluster"])
            state = ENABLED if role else part.get("default", DISABLED)
            if name != ROLE or given.get(name.lower()) in (ENABLE_PENDING, DISABLE_PENDING):
                state = given.get(name.lower(), state)
            yield Feature(
                name,
                state,
                state in (ENABLED, DISABLE_PENDING),
                part.get("parent", ""),
                part.get("restart", True),
                part.get("display", name),
                part.get("description", part.get("display", name)),
            )

    # --- services

    def find_service(self, name: str) -> Service | None:
        return self.services.get(name.lower())

    def start_service(self, name: str) -> int:
        """0 or the Windows error; the service may be "Start Pending" for a while."""
        service = self.find_service(name)
        if service is None:
            return NO_SUCH_SERVICE
        if service.start == DISABLED_SERVICE:
            return SERVICE_DISABLED
        if service.state != STOPPED:
            return ALREADY_RUNNING
        if service.deleted:
            return MARKED_FOR_DELETE
        if daemon := self._daemon(service):
            return daemon.start(service)
        service.runs += 1
        self._turn(service, START_PENDING, RUNNING)
        return 0

    def stop_service(self, name: str) -> int:
        service = self.find_service(name)
        if service is None:
            return NO_SUCH_SERVICE
        if daemon := self._daemon(service):
            return daemon.stop(service)
        if service.state != RUNNING:
            return NOT_STARTED
        self._turn(service, STOP_PENDING, STOPPED)
        return 0

    def create_service(self, service: Service) -> int:
        known = self.find_service(service.name)
        if known is not None:
            return MARKED_FOR_DELETE if known.deleted else SERVICE_EXISTS
        self.services[service.name.lower()] = service
        return 0

    def delete_service(self, name: str) -> int:
        """Delete it, or mark it for that while it runs (DeleteService docs)."""
        service = self.find_service(name)
        if service is None:
            return NO_SUCH_SERVICE
        if service.deleted:
            return MARKED_FOR_DELETE
        service.deleted = True
        self.forget_deleted()
        return 0

    def forget_deleted(self, *, everything: bool = False) -> None:
        """Remove the services that were marked, if they have stopped."""
        for key, service in tuple(self.services.items()):
            if service.deleted and (everything or service.state == STOPPED):
                del self.services[key]

    def _daemon(self, service: Service) -> Daemon | None:
        return next((daemon for daemon in self.daemons if daemon.serves(service)), None)

    def _turn(self, service: Service, meanwhile: str, then: str) -> None:
        service.state = meanwhile if service.seconds else then
        service.exit_code = 0

        def arrive() -> None:
            if service.state == meanwhile:
                service.state = then
                self.forget_deleted()

        if service.seconds:
            self.machine.clock.after(service.seconds, arrive)
        else:
            self.forget_deleted()

    def _model_services(self) -> Iterator[Service]:
        """Services that the model adds or changes."""
        known = {name.lower(): (name, part) for name, part in parts(self.machine, "services").items()}
        for name, given in (self.machine.spec.get("services") or {}).items():
            change = {"state": given} if isinstance(given, str) else given
            check_keys(change, SERVICE_KEYS, f"services.{name}")
            known_name, part = known.get(name.lower(), (name, {}))
            yield _service(known_name, {**part, **change})
        if self.machine.spec["cluster"] and "clussvc" not in map(str.lower, self.machine.spec.get("services") or {}):
            yield _service("ClusSvc", {**known["clussvc"][1], "start": AUTO, "state": RUNNING})

    def _update_services(self) -> None:
        """Add the services of active features, remove those of features that are not active."""
        for name, part in parts(self.machine, "services").items():
            if name.lower() in self._of_model:
                continue
            needed = [self.find_feature(feature) for feature in part.get("features", ())]
            active = not needed or any(feature and feature.active for feature in needed)
            if active and (self.machine.inside or not part.get("inside")):
                self.services.setdefault(name.lower(), _service(name, part))
            else:
                self.services.pop(name.lower(), None)

    # --- packages

    def packages(self) -> list[Package]:
        """Products of Windows Installer, as their uninstall keys list them."""
        read = self.registry.data
        return [
            Package(
                code, *(read(rf"{UNINSTALL}\{code}", name) for name in ("DisplayName", "DisplayVersion", "Publisher"))
            )
            for code in self.registry.children(UNINSTALL)
        ]

    def add_package(self, package: Package) -> None:
        key = rf"{UNINSTALL}\{package.code}"
        self.registry.write(key, "DisplayName", package.name)
        self.registry.write(key, "DisplayVersion", package.version)
        self.registry.write(key, "Publisher", package.publisher)
        self.registry.write(key, "WindowsInstaller", 1)

    def remove_package(self, code: str) -> None:
        self.registry.delete(rf"{UNINSTALL}\{code}")


def parts(machine: Machine, which: str) -> dict[str, dict[str, Any]]:
    """The features or services of data/windows_parts.yml that this build and kind of Windows has."""
    kind = "client" if machine.os["product_type"] == 1 else "server"
    return {
        name: part
        for name, part in read_yaml("windows_parts.yml")[which].items()
        if part.get("on", kind) == kind and machine.os["build"] >= part.get("since", 0)
    }


def _service(name: str, part: dict[str, Any]) -> Service:
    start = part.get("start", AUTO)
    state = part.get("state", RUNNING)
    return Service(
        name,
        part.get("display", name),
        part.get("path", rf"C:\Windows\system32\{name}.exe"),
        start,
        state,
        state,
        part.get("account", "LocalSystem"),
        float(part.get("seconds", 0)),
    )


def _installation(os: dict[str, Any]) -> str:
    if os["product_type"] == 1:
        return "Client"
    return "Server Core" if os.get("installation") == "core" else "Server"


def _default_keys(machine: Machine) -> dict[str, dict[str, Any]]:
    os = machine.os
    return {
        r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion": {
            "ProductName": os["caption"].removeprefix("Microsoft "),
            "CurrentBuildNumber": str(os["build"]),
            "UBR": os["revision"],
            "InstallationType": _installation(os),
        },
        ACTIVE_NAME: {"ComputerName": machine.name.upper()},
        NEXT_NAME: {"ComputerName": machine.name.upper()},
        rf"{_SERVICES}\Tcpip": {},
        # Microsoft Learn, "Windows Time service tools and settings": a member of a domain has NT5DS.
        rf"{_SERVICES}\W32Time\Parameters": {
            "Type": "NT5DS" if machine.spec["domain"] else "NTP",
            "NtpServer": "time.windows.com,0x8",
        },
        RENAMES[0]: {},
        UNINSTALL: {},
    }
