"""A simulated Hyper-V host, with its guests, that speaks WS-Management.

In a test: `with simulator.start("small") as sim: …`; alone: `python -m tests.simulator --help`.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from . import model as models
from .cim.schema import STANDARD
from .machine.accounts import User
from .machine.clock import Clock
from .machine.machine import Machine
from .wire.certificates import fingerprint, make_certificate, tls_context
from .wire.config import Settings
from .wire.faultrules import FaultRules, Rule
from .wire.log import RequestLog
from .wire.server import Endpoint
from .wire.ssh import SshListener
from .wire.wsman import WinRm

if TYPE_CHECKING:
    from .hyperv.vm import Vm

SSH_PORT, WINRM_PORT, WINRMS_PORT = 22, 5985, 5986

__all__ = ["Address", "Machine", "Rule", "Simulation", "User", "start"]


@dataclass(frozen=True)
class Address:
    """The endpoints of a machine and an account for them; `certificate` is the PEM file for clients to trust."""

    name: str
    http: str
    https: str
    user: str
    password: str
    certificate: str
    depth: int = 0


class Simulation:
    """Running endpoints of all machines of a model. `machines`, `endpoints`: by name; `faults`: add(Rule(...)).

    `ssh` are the listeners of guests with sshd, by id of their VM; each greets while its guest runs.
    """

    def __init__(
        self,
        model: str | Path | Mapping[str, Any],
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        log: Path | None = None,
        directory: Path | None = None,
        strict: bool = False,
    ) -> None:
        self.strict, self._host = strict, host
        document = models.read(model)
        self.clock = Clock()
        try:
            self.machines = models.by_name(models.build(document, self.clock))
            self.faults = FaultRules(_rules(document))
            for name, machine in self.machines.items():
                with models.place(f"{name}.winrm"):
                    Settings.of(machine.spec["winrm"])
        except models.ModelError as error:
            if isinstance(model, Mapping):
                raise
            raise models.ModelError(f"{models.locate(model)}: {error}") from error
        last = port + 2 * len(self.machines) - 1
        if port and not 0 < port <= last <= 65535:
            count = len(self.machines)
            raise ValueError(f"port {port}: the model needs {2 * count} ports, so 1 to {65536 - 2 * count} are allowed")
        self.log = RequestLog(log)
        self.endpoints: dict[str, Address] = {}
        self.ssh: dict[str, SshListener] = {}
        self._temporary = directory is None
        self.directory = directory or Path(tempfile.mkdtemp(prefix="hyperv-simulator-"))
        self._listeners: dict[str, tuple[Endpoint, Endpoint]] = {}
        try:
            for number, (name, machine) in enumerate(self.machines.items()):
                self._open(name, machine, *((port + 2 * number, port + 2 * number + 1) if port else (0, 0)))
            self.clock.start()
        except BaseException:
            self.close()
            raise

    def _open(self, name: str, machine: Machine, port: int, secure_port: int) -> None:
        host = self._host
        service = WinRm(machine, Settings.of({"strict": self.strict, **machine.spec["winrm"]}), self.faults)
        addresses = {"127.0.0.1", "::1", host} - {"localhost"}
        certificate = make_certificate(self.directory, name.replace("/", "_"), addresses)
        trusted = {Path(user["certificate"]): user["name"] for user in machine.spec["users"] if user.get("certificate")}
        http = Endpoint(machine, service, self.log, host=host, port=port)
        https = Endpoint(
            machine,
            service,
            self.log,
            host=host,
            port=secure_port,
            context=tls_context(certificate, trusted),
            client_certificates={fingerprint(path): user for path, user in trusted.items()},
        )
        self._listeners[name] = (http, https)
        for endpoint in (http, https):
            endpoint.start()  # reserves the port even if the machine is off
        first = next(iter(machine.users.values()), User(""))
        self.endpoints[name] = Address(
            name, http.url, https.url, first.name, first.password, str(_public_part(certificate)), machine.depth
        )
        machine.watchers.append(lambda changed: self._follow(name, changed))
        machine.newcomers.append(self._add)
        self._follow(name, machine)

    def _add(self, machine: Machine) -> None:
        """A guest that has been installed since the start, or installed again."""
        name = next(
            (key for key, known in self.machines.items() if known.inside and known.inside is machine.inside), ""
        )
        for endpoint in self._listeners.pop(name, ()):
            endpoint.close()
        if not name:
            name = machine.name if machine.name not in self.machines else f"{machine.host.name}/{machine.name}"
        self.machines[name] = machine
        assert machine.inside is not None
        self._open(name, machine, _mapped_port(machine.inside, WINRM_PORT), _mapped_port(machine.inside, WINRMS_PORT))

    def _follow(self, name: str, machine: Machine) -> None:
        """A machine listens only while it runs, and so does sshd in its guests."""
        for vm in tuple(machine.vms.values()):
            if not vm.guest.ssh:
                continue
            if vm.id not in self.ssh:
                self.ssh[vm.id] = SshListener()
                self.ssh[vm.id].port = _mapped_port(vm, SSH_PORT)
            listener = self.ssh[vm.id]
            if vm.guest.reachable and machine.running:
                listener.start()
            else:
                listener.stop()
        for endpoint in self._listeners.get(name, ()):
            if machine.running:
                endpoint.start()
            else:
                endpoint.stop()

    def advance(self, seconds: float) -> None:
        """Advance the clock: jobs end, guests boot, finished jobs are removed."""
        self.clock.advance(seconds)

    def as_dict(self) -> dict[str, dict[str, Any]]:
        return {name: asdict(address) for name, address in self.endpoints.items()}

    def close(self) -> None:
        self.clock.stop()
        for machine in self.machines.values():
            machine.watchers.clear()
        for pair in self._listeners.values():
            for endpoint in pair:
                endpoint.close()
        for listener in self.ssh.values():
            listener.close()
        self.log.close()
        if self._temporary:
            shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self) -> Simulation:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _rules(document: Mapping[str, Any]) -> Iterator[Rule]:
    for index, rule in enumerate(models.entries(document.get("faults"), "faults")):
        with models.place(f"faults[{index}]"):
            yield Rule.of(rule)


def _mapped_port(vm: Vm, port: int) -> int:
    """The port of the host that a static mapping leads from to a guest, which listens there; 0 without one."""
    addresses = {address for adapter in vm.addresses.values() for address in adapter}
    rows = vm.machine.repository.rows("MSFT_NetNatStaticMapping", STANDARD)
    ports = [
        row["ExternalPort"]
        for row in rows
        if (row["InternalIPAddress"], row["InternalPort"]) in {(address, port) for address in addresses}
    ]
    return next(iter(ports), 0)


def _public_part(pem: Path) -> Path:
    """The certificate without the key that precedes it."""
    _separator, begin, rest = pem.read_text("ascii").partition("-----BEGIN CERTIFICATE-----")
    path = pem.with_suffix(".crt")
    path.write_text(begin + rest, "ascii")
    return path


def start(model: str | Path | Mapping[str, Any] = "small", **options: Any) -> Simulation:
    """Start the machines of a model (a mapping, a file, or a name in model/). Use as a context manager."""
    return Simulation(model, **options)
