"""Docker's engine on a machine: the service that dockerd.exe registers, and what runs in it."""

from __future__ import annotations

import hashlib
import json
import ntpath
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ...machine.files import FileError, check_keys
from ..events import APPLICATION, ERROR, INFORMATION, SYSTEM
from ..programs.command_line import join, split
from ..software import AUTO, RUNNING, START_PENDING, STOP_PENDING, STOPPED, Service
from . import archives, configuration
from .api import DOWN, READY, STARTING, DaemonError, number
from .configuration import Configuration, Invalid
from .containers import (
    EXITED,
    HYPERV,
    PROCESS,
    RESTARTING,
    STOPPED_CODE,
    Container,
    Inside,
    NotStarted,
)
from .containers import RUNNING as CONTAINER_RUNNING
from .images import Image, Images, manifest, parse, registry

if TYPE_CHECKING:
    from ...machine.accounts import User
    from ...machine.machine import Machine

KEYS = {"version", "directory", "registered", "state", "config", "images", "containers", "registry", "reachable"}
KEYS |= {"seconds", "first_start_fails", "recovery"}
# Seconds: until the service runs, then until its API answers; to stop; of a pull; until a container runs, by isolation.
SECONDS = {"service": 1.0, "start": 5.0, "stop": 1.0, "pull": 30.0, "hyperv": 5.0, "process": 1.0}
CONTAINER_KEYS = {"name", "image", "isolation", "state", "command", "memory", "cpus", "labels", "env", "ports", "binds"}
CONTAINER_KEYS |= {"restart", "entrypoint"}

# winerror.h
FILE_NOT_FOUND, TIMED_OUT, CANNOT_ACCEPT, NOT_STARTED, SERVICE_SPECIFIC = 2, 1053, 1061, 1062, 1066
RECOVERY_SECONDS, RECOVERIES = 15.0, 2
OWNER = "service docker"  # of open files
# Builds that dockerd starts on (moby 1b3fef5333), and those that run an image of an older one by process isolation.
OLDEST_BUILD, OLD_OLDEST_BUILD, FORWARD_COMPATIBLE = 17763, 14393, 20348
LONG_TERM = (14393, 17763, 20348, 26100)  # builds of the Windows Server LTSC releases
HNS_FAILURE = (
    "failed to start daemon: Error initializing network controller: error creating default network: "
    "failed during hnsCallRawResponse: hnsCall failed in Win32: {Application Error}\r\n"
    "The exception %s (0x%08lx) occurred in the application at location 0x%08lx. (0x23e)"
)


class Engine:
    """The daemon of a machine; `docker` of the model describes what is installed at the start."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        spec = machine.spec.get("docker") or {}
        check_keys(spec, KEYS, "docker")
        self.seconds = {**SECONDS, **(spec.get("seconds") or {})}
        check_keys(self.seconds, set(SECONDS), "docker.seconds")
        self.registry = registry(spec.get("registry") or {})
        self.reachable = bool(spec.get("reachable", True))
        self.recovery = bool(spec.get("recovery", False))
        self.start_failures = int(spec.get("first_start_fails", 0))
        self.state = DOWN
        self.version = ""
        self.configuration = Configuration(configuration.ROOT, "", {})
        self._stores: dict[str, tuple[Images, list[Container]]] = {}
        self._open(configuration.ROOT)
        self._recoveries = 0
        self._run = object()
        self._pids = iter(range(20_000, 10**9, 4))
        self._count = 0
        if spec:
            self._install(spec)

    def _install(self, spec: Mapping[str, Any]) -> None:
        """The state that a model describes."""
        version = str(spec.get("version", "29.6.2"))
        directory = str(spec.get("directory", r"C:\Program Files\Docker"))
        files = self.machine.files
        if "version" in spec:
            for program in ("docker", "dockerd"):
                files.write(ntpath.join(directory, f"{program}.exe"), archives.executable(program, version))
        if "config" in spec:
            path = ntpath.join(configuration.ROOT, "config", "daemon.json")
            files.write(path, json.dumps(spec["config"], indent=2).encode())
            self._open(spec["config"].get("data-root", configuration.ROOT))
        for given in spec.get("images") or ():
            self._model_image(given)
        for given in spec.get("containers") or ():
            check_keys(given, CONTAINER_KEYS, "docker.containers")
            self.containers.append(self._model_container(given))
        if "version" in spec and spec.get("registered", True):
            service = self.register("docker", ntpath.join(directory, "dockerd.exe"), [])
            service.state = spec.get("state", RUNNING)
            if service.state == RUNNING:
                self.version = version
                self.configuration = configuration.load(files, {}, self.machine.text)
                self.state = READY
                self._hold(ntpath.join(directory, "dockerd.exe"))
        for container, given in zip(self.containers, spec.get("containers") or (), strict=True):
            if given.get("state", CONTAINER_RUNNING) == CONTAINER_RUNNING and self.state == READY:
                self._run_program(container)

    def _model_image(self, given: Any) -> Image:
        """A name that a registry knows, or {name, os_version, …}."""
        if isinstance(given, str):
            reference = parse(given)
            entry = self.registry.get(reference.full)
            if entry is None:
                raise ValueError(f"docker.images: no registry has {given}")
            found = entry.manifests[0]
        else:
            reference = parse(given["name"])
            found = manifest(given["name"], {key: value for key, value in given.items() if key != "name"})
        image = self.images.add(found.configuration, found.size)
        self.images.tag(image, reference.familiar)
        image.digests.append(f"{reference.repository}@{found.digest}")
        return image

    def _model_container(self, given: Mapping[str, Any]) -> Container:
        image = self.images.find(given["image"]) or self._model_image(given["image"])
        return self.new_container(
            image,
            given["image"],
            name=given.get("name", ""),
            isolation=given.get("isolation", HYPERV),
            entrypoint=list(given.get("entrypoint") or image.config.get("Entrypoint") or ()),
            command=list(given.get("command") or ("ping", "-t", "localhost")),
            memory=int(given.get("memory", 0)),
            nano_cpus=int(float(given.get("cpus", 0)) * 10**9),
            labels=dict(given.get("labels") or {}),
            environment=list(given.get("env") or ()),
            binds=list(given.get("binds") or ()),
            ports=[tuple(port) for port in given.get("ports") or ()],
            restart=given.get("restart", "no"),
        )

    # --- the service

    def register(self, name: str, path: str, arguments: list[str]) -> Service:
        """What --register-service does."""
        service = Service(name, "Docker Engine", join([path, "--run-service", *arguments]), AUTO, STOPPED, STOPPED)
        self.machine.software.services[name.lower()] = service
        return service

    def serves(self, service: Service) -> bool:
        """A service whose program is a simulated dockerd, or one that is gone."""
        words = split(service.path)
        return "--run-service" in words and ntpath.basename(words[0]).lower() == "dockerd.exe"

    def start(self, service: Service) -> int:
        """Begin to start: 0, or the error of StartService."""
        words = split(service.path)
        try:
            program = archives.program_of(self.machine.files.read(words[0]))
        except (FileError, ValueError):
            program = None
        if program is None:
            return FILE_NOT_FOUND
        version = program[1]
        flags, error = {}, ""
        try:
            flags = configuration.parse_flags(words[1:])
            loaded = configuration.load(self.machine.files, flags, self.machine.text)
        except Invalid as invalid:
            loaded, error = Configuration(configuration.ROOT, "", {}), str(invalid)
        if error and number(version) >= (28,):
            # The configuration is read before the program is a service: Windows only sees it end (WIN-32).
            service.state, service.exit_code = STOPPED, TIMED_OUT
            self._service_manager(7000, service, TIMED_OUT)
            return TIMED_OUT
        run = self._run = object()
        self._hold(words[0])
        service.state, service.exit_code, service.specific_code = START_PENDING, 0, 0
        self.version, self.configuration = version, loaded
        self._after(self.seconds["service"], run, lambda: self._begin(service, run, error))
        return 0

    def _open(self, root: str) -> None:
        """Take the images and containers of a data root."""
        self.images, self.containers = self._stores.setdefault(root.lower(), (Images(), []))

    def _hold(self, path: str) -> None:
        """Windows lets nobody write to the file of a program that runs."""
        self.machine.files.hold(OWNER, self.machine.files.need(path), write=False)

    def _begin(self, service: Service, run: object, error: str) -> None:
        """The program is a service now: it checks the system and opens its pipe before it says that it runs."""
        if not error and (missing := self.requirements(self.version)):
            error = missing if number(self.version) < (29, 2) else f"system requirements not met: {missing}"
        if error:
            return self._fail(service, error)
        for group in self.configuration.groups:
            if not self.machine.groups.known(group) and not self.machine.find_user(group):
                sentence = f"failed to load listeners: lookup account {group}: not found"
                return self._fail(service, sentence)
        service.state, self.state = RUNNING, STARTING
        self._open(self.configuration.root)
        self._after(self.seconds["start"], run, lambda: self._arrive(service))
        return None

    def _arrive(self, service: Service) -> None:
        """The daemon itself is up, or fails."""
        isolation = self.configuration.isolation
        if isolation not in (None, HYPERV, PROCESS):
            return self._fail(
                service,
                "failed to start daemon: error setting default isolation mode: "
                f"invalid exec-opt value for 'isolation':'{isolation}'",
            )
        if self.start_failures > 0:
            self.start_failures -= 1
            return self._fail(service, HNS_FAILURE)
        self.state = READY
        self._recoveries = 0
        self._log(INFORMATION, f"Windows default isolation mode: {self.default_isolation}")
        self._log(INFORMATION, "Daemon has completed initialization")
        self._log(INFORMATION, "API listen on //./pipe/docker_engine")
        for container in self.containers:
            wanted = container.restart_name == "always" or (
                container.restart_name == "unless-stopped" and not container.stopped_by_user
            )
            if wanted and not container.running:
                self._try_again(container)
        return None

    def _fail(self, service: Service, error: str) -> None:
        """The daemon gives up: exit code 1 of the service's own, the reason in the event log (S26)."""
        self.state = DOWN
        self._run = object()
        self.machine.files.release(OWNER)
        service.state, service.exit_code, service.specific_code = STOPPED, SERVICE_SPECIFIC, 1
        if number(self.version) >= (29, 3):
            self._log(ERROR, "Stopping service", f"error={error}")
        else:
            self._log(ERROR, error)
        self._service_manager(7024, service, 1)
        self.machine.software.forget_deleted()
        if self.recovery and self._recoveries < RECOVERIES:
            self._recoveries += 1
            self._after(RECOVERY_SECONDS, self._run, lambda: service.state == STOPPED and self.start(service))

    def stop(self, service: Service) -> int:
        """Begin to stop: 0, or the error of ControlService."""
        if service.state == START_PENDING:
            return CANNOT_ACCEPT
        if service.state != RUNNING:
            return NOT_STARTED
        self._stop_containers()
        self.state = DOWN
        service.state = STOP_PENDING
        run = self._run = object()

        def stopped() -> None:
            self.machine.files.release(OWNER)
            service.state, service.exit_code, service.specific_code = STOPPED, 0, 0
            self.machine.software.forget_deleted()

        self._after(self.seconds["stop"], run, stopped)
        return 0

    def ended(self) -> None:
        """Windows ends, and the daemon with it."""
        self._stop_containers()
        self.machine.files.release(OWNER)
        self.state, self._run, self._recoveries = DOWN, object(), 0

    def _after(self, seconds: float, run: object, event: Any) -> None:
        """An event of one run of the daemon."""
        self.machine.clock.after(seconds, lambda: event() if self._run is run else None)

    def requirements(self, version: str) -> str:
        """What dockerd of this version misses of the system; empty if it has everything."""
        oldest = OLDEST_BUILD if number(version) >= (23,) else OLD_OLDEST_BUILD
        if self.machine.os["build"] < oldest:
            sentence = "this version of Windows does not support the docker daemon"
            return f"{sentence} (Windows build {oldest} or higher is required)"
        software = self.machine.software
        if not software.find_service("vmcompute"):
            return "failed to load vmcompute.dll, ensure that the Containers feature is installed"
        if not software.find_service("hns"):
            sentence = "a required service is not installed, ensure the Containers feature is installed"
            return f"{sentence}: failed to open service hns: {self.machine.text('win32_1060')}"
        return ""

    @property
    def default_isolation(self) -> str:
        """Client editions default to hyperv."""
        return self.configuration.isolation or (HYPERV if self.machine.os["product_type"] == 1 else PROCESS)

    def may_connect(self, user: User | None) -> bool:
        """Administrators, LocalSystem and the groups of the configuration may open the pipe."""
        return user is None or user.administrator or user.member(*self.configuration.groups)

    def _log(self, kind: int, message: str, extra: str = "") -> None:
        """An event of the daemon; `extra` is its second string (event_messages.mc of moby)."""
        strings = (message, extra) if extra else (message,)
        text = f"{message} [{extra}]" if extra else message
        self.machine.events.write(APPLICATION, "docker", kind, 11 if extra else 1, text, strings)

    def _service_manager(self, code: int, service: Service, error: int) -> None:
        sentence = (
            f"The {service.display} service failed to start due to the following error: \r\n"
            "The service did not respond to the start or control request in a timely fashion."
            if code == 7000
            else f"The {service.display} service terminated with the following service-specific error: \r\n"
            "Incorrect function."
        )
        strings = (service.display, f"%%{error}")
        self.machine.events.write(SYSTEM, "Service Control Manager", ERROR, 0xC0000000 | code, sentence, strings)

    # --- containers

    def new_container(self, image: Image, image_name: str, *, name: str = "", **values: Any) -> Container:
        """Create a container; DaemonError if its name is taken."""
        self._count += 1
        seed = f"{self.machine.name} {self._count} {image.id}"
        identifier = hashlib.sha256(seed.encode()).hexdigest()
        name = name or f"quiet_morse{self._count}"
        if other := next((one for one in self.containers if one.name == name), None):
            raise DaemonError(
                f'Conflict. The container name "/{name}" is already in use by container "{other.id}". You have to '
                "remove (or rename) that container to be able to reuse that name."
            )
        values.setdefault("hostname", identifier[:12])
        return Container(identifier, name, image, image_name, self.machine.clock.now(), **values)

    def find_container(self, text: str) -> Container:
        """By name, id, or the beginning of an id."""
        name = text.removeprefix("/")
        for match in (
            lambda one: one.name == name or one.id == name,
            lambda one: bool(name) and one.id.startswith(name),
        ):
            if hits := [one for one in self.containers if match(one)]:
                return hits[0]
        raise DaemonError(f"No such container: {text}", not_found=True)

    def why_not_start(self, container: Container) -> str:
        """The sentence of HCS if this machine can't run the container (guest-facts 5.4, S22, S23)."""
        host, image = self.machine.os["build"], container.image.build
        if container.isolation == HYPERV:
            if not self.machine.hypervisor_running:
                return _no_hypervisor(self.version, host, container.id, self.machine.text("hcs_required_feature"))
            matches = image <= host
        elif host < FORWARD_COMPATIBLE:
            matches = image == host
        else:
            previous = max(build for build in LONG_TERM if build < host)
            matches = previous <= image <= host
        return "" if matches else _mismatch(self.version, container.id, self.machine.text("hcs_other_system"))

    def start_container(self, container: Container) -> None:
        """Start it now; NotStarted with the daemon's sentence, which the container keeps as its error."""
        if container.running:
            return
        try:
            if sentence := self.why_not_start(container):
                raise NotStarted(sentence)
            self._run_program(container)
        except NotStarted as refused:
            container.error, container.exit_code = str(refused), refused.code
            if container.auto_remove:
                self.remove(container)
            raise
        container.stopped_by_user = False

    def _run_program(self, container: Container) -> None:
        container.inside = Inside(container, self.machine.clock)
        process = container.inside.start(
            container, container.line, ended=lambda code: self._program_ended(container, process, code)
        )
        container.process = process
        container.pid = next(self._pids)
        container.status, container.error, container.exit_code = CONTAINER_RUNNING, "", 0
        container.started, container.finished = self.machine.clock.now(), None
        # A program writes to the container's log, whatever it was started for.
        process.context.output.extend(container.log)
        container.log = process.context.output
        process.start()

    def _program_ended(self, container: Container, process: Any, code: int) -> None:
        """The program of a container has ended by itself; its restart policy decides."""
        if container.process is not process:
            return
        self._exited(container, code)
        name, limit = container.restart_name, container.restart_limit
        again = name in ("always", "unless-stopped") or (
            name == "on-failure" and code and (not limit or container.restarts < limit)
        )
        if again:
            container.status = RESTARTING
            delay = min(60.0, 0.1 * 2**container.restarts)
            container.restarts += 1
            self.machine.clock.after(
                delay, lambda: self._try_again(container) if container.status == RESTARTING else None
            )
        elif container.auto_remove:
            self.remove(container)

    def _try_again(self, container: Container) -> None:
        container.status = EXITED
        try:
            if self.state == READY and container in self.containers:
                self.start_container(container)
        except NotStarted:
            return

    def _exited(self, container: Container, code: int) -> None:
        container.status, container.exit_code, container.pid = EXITED, code, 0
        container.finished, container.process = self.machine.clock.now(), None

    def stop_container(self, container: Container, *, by_user: bool = True, code: int = STOPPED_CODE) -> None:
        process = container.process
        container.stopped_by_user = container.stopped_by_user or by_user
        if container.status == RESTARTING:
            container.status = EXITED
        if not container.running:
            return
        self._exited(container, code)
        if process:
            process.kill()
        if container.auto_remove:
            self.remove(container)

    def remove(self, container: Container) -> None:
        if container in self.containers:
            self.containers.remove(container)

    def _stop_containers(self) -> None:
        for container in tuple(self.containers):
            self.stop_container(container, by_user=False)

    def processes(self) -> Iterator[tuple[int, str, str]]:
        """Number, name and command line of what containers have on the machine: hyperv only its VM (5.6)."""
        for container in self.containers:
            if not container.running:
                continue
            if container.isolation == HYPERV:
                yield container.pid + 1, "vmwp.exe", rf"C:\Windows\System32\vmwp.exe {_vm_id(container)}"
                yield container.pid + 2, f"vmmem{container.id[:8]}", ""
            else:
                yield container.pid + 1, "CExecSvc.exe", r"C:\Windows\System32\CExecSvc.exe"
                yield container.pid + 2, "wininit.exe", "wininit.exe"
                yield container.pid, _image_name(container.line[0]), join(container.line)


def _image_name(path: str) -> str:
    name = ntpath.basename(path)
    return name if ntpath.splitext(name)[1] else f"{name}.exe"


def _vm_id(container: Container) -> str:
    text = container.id[:32].upper()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def _no_hypervisor(version: str, build: int, identifier: str, missing: str) -> str:
    engine = number(version)
    absent = "No hypervisor is present on this system."
    if engine < (18, 9):
        return (
            f"container {identifier} encountered an error during CreateContainer: failure in a Windows system call: "
            f'{absent} (0xc0351000) extra info: {{"SystemType":"Container","Name":"{identifier}","HvPartition":true}}'
        )
    if build < OLDEST_BUILD:
        return (
            f"CreateComputeSystem {identifier}: {absent}\n[Event Detail: Cannot start Hyper-V Container "
            f"'{identifier}' since the hypervisor is not running in the host. "
            "Provider: 17103e3f-3c6e-4677-bb17-3b267eb5be57 EventID: 12001]"
        )
    return f"{_hcs(engine)}::CreateComputeSystem {identifier}: {missing}"


def _mismatch(version: str, identifier: str, sentence: str) -> str:
    engine = number(version)
    if engine < (18, 9):
        return (
            f"container {identifier} encountered an error during CreateContainer: failure in a Windows system call: "
            "The operating system of the container does not match the operating system of the host. (0xc0370101)"
        )
    return f"{_hcs(engine)}::CreateComputeSystem {identifier}: {sentence}"


def _hcs(engine: tuple[int, ...]) -> str:
    return "hcs" if engine >= (23,) else "hcsshim"
