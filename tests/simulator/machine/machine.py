"""A Windows machine, host or guest: what WS-Management can do with it, whoever asks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from ..cim import errors
from ..cim.errors import CimError
from ..cim.repository import Repository
from ..cim.schema import CLUSTER, HYPERV, load, on_real_hosts
from ..cim.values import CimClass, Instance, Reference, fits, normal_namespace
from ..hyperv import services as hyperv_services
from ..hyperv import settings
from ..hyperv.mac_addresses import MacAddresses
from ..windows import services as windows_services
from ..windows.acls import Acls
from ..windows.docker.engine import Engine
from ..windows.events import ERROR, INFORMATION, SYSTEM, EventLog
from ..windows.groups import Groups
from ..windows.installer import Installer
from ..windows.restart import Restart
from ..windows.software import RUNNING as SERVICE_RUNNING
from ..windows.software import Software
from ..windows.tasks import Scheduler
from ..windows.web import Web
from ..windows.wsl.service import Wsl
from .accounts import User
from .disks import load_files
from .jobs import Jobs
from .network import Network
from .service import Call, Part, Service, parts_in, public_names, snake_case
from .texts import strings

if TYPE_CHECKING:
    from ..hyperv.vm import Vm
    from ..windows.programs.process import Process
    from .clock import Clock

HGS = "root/microsoft/windows/hgs"
HYPERVISOR = "Microsoft-Windows-Hyper-V-Hypervisor"  # source of events
OWN_MEMORY = 2048  # MB that Windows keeps for itself
VOLATILE = {"IsSaved", "SwapFilesInUse"}


@dataclass(eq=False)
class Machine:
    """State of a machine; `spec` is its part of the model file, checked and completed by model.py."""

    name: str
    clock: Clock
    spec: dict[str, Any]
    inside: Vm | None = None  # the VM it is the guest of
    users: dict[str, User] = field(default_factory=dict)
    vms: dict[str, Vm] = field(default_factory=dict)
    watchers: list[Callable[[Machine], None]] = field(default_factory=list)
    newcomers: list[Callable[[Machine], None]] = field(default_factory=list)  # called with a guest that is installed
    processes: list[Process] = field(default_factory=list)  # those that run
    up: bool = True  # Windows runs
    boots: int = 0

    def __post_init__(self) -> None:
        self.os: dict[str, Any] = self.spec["os"]
        self.options: dict[str, Any] = self.spec["options"]
        self.locale: str = self.spec["locale"]
        self.cpu: dict[str, Any] = self.spec["cpu"]
        self.memory_total: int = self.spec["memory"]
        self.created = self.booted_at = self.clock.now()
        self.schema = load(int(self.os["build"]))
        self.repository = Repository(self.schema)
        self.jobs = Jobs(self)
        self.files = load_files(self.clock, self.spec)
        self.macs = MacAddresses(self)
        self.software = Software(self)
        self.events = EventLog(self.clock)
        self.groups = Groups(self)
        self.restart = Restart(self)
        self.installer = Installer(self)
        self.wsl = Wsl(self)
        self.scheduler = Scheduler(self)
        self.web = Web(self)
        self.acls = Acls(self.files)
        self.unplugged = False
        self.closed = False  # WinRM does not run, or its firewall lets nobody in
        self._running_vms: set[str] = set()
        self.network = Network(self)
        for part in parts():
            part.install(self)
        self.docker = Engine(self)
        self.software.daemons.append(self.docker)

    # --- facts

    @property
    def host(self) -> Machine | None:
        """The machine this one is a VM of."""
        return self.inside.machine if self.inside else None

    @property
    def depth(self) -> int:
        """0 for a model's host, 1 for a machine that is a VM of it, and so on."""
        return 0 if self.inside is None else self.inside.machine.depth + 1

    @property
    def hyperv(self) -> bool:
        """The Hyper-V role is there: only then does the namespace root/virtualization/v2 exist."""
        return self.software.hyperv

    @property
    def virtualization(self) -> bool:
        """The processor's virtualization extensions are there for this machine to use."""
        if self.inside is None:
            return bool(self.cpu["virtualization"])
        return bool(self.inside.processor["ExposeVirtualizationExtensions"])

    @property
    def hypervisor_running(self) -> bool:
        """Its own hypervisor runs, if the boot entry lets it; in a VM only when the extensions were exposed at boot."""
        launched = self.software.starts_hypervisor and self.spec["boot"].get("hypervisor_launch") != "off"
        return launched and (self.inside is None or self.inside.guest.hypervisor_running)

    @property
    def logical_processors(self) -> int:
        return self.cpu["logical_processors"]

    @property
    def memory_free(self) -> int:
        """MB that VMs can still have."""
        used = sum(vm.guest.memory_assigned() for vm in self.vms.values() if vm.powered)
        return self.memory_total - OWN_MEMORY - used

    def switch_path(self, name: str) -> str:
        """WMI path of a switch by its name, as it stands in HostResource."""
        for row in self.repository.rows("Msvm_VirtualEthernetSwitch"):
            if row["ElementName"].lower() == name.lower():
                return row.reference().path(self.name)
        raise KeyError(f"{self.name} has no switch {name}")

    def vm(self, name: str) -> Vm:
        """A VM by its name or id, for tests; KeyError unless there is exactly one."""
        hits = [vm for vm in self.vms.values() if name.lower() in (vm.name.lower(), vm.id.lower())]
        if len(hits) != 1:
            raise KeyError(f"{len(hits)} VMs are named {name}")
        return hits[0]

    def vm_of(self, row: Instance | None, *, checkpoints: bool = False) -> Vm | None:
        """The VM that a row belongs to: its own row, a device, settings, the system settings of a checkpoint.

        With `checkpoints` also the VM of any other row of a checkpoint.
        """
        if row is None:
            return None
        if row.cls.name == "Msvm_ComputerSystem":
            return self.vms.get(str(row["Name"]).upper())
        if row.cls.name == "Msvm_VirtualSystemSettingData":
            return self.vms.get(str(row["VirtualSystemIdentifier"] or "").upper())
        if row.cls.is_a("CIM_LogicalDevice"):
            return self.vms.get(str(row["SystemName"]).upper())
        owner = settings.owner_id(row["InstanceID"]) if "InstanceID" in row else ""
        if checkpoints and owner not in self.vms:
            return next((vm for vm in self.vms.values() if owner in vm.checkpoints), None)
        return self.vms.get(owner)

    def dump(self) -> dict[str, dict[str, Any]]:
        """All setting data by object path, without what changes by itself and without the templates."""
        with self.clock.lock:
            self.clock.settle()
            classes = [cls for cls in self.schema.classes(HYPERV) if cls.is_a("CIM_SettingData") and not cls.abstract]
            return {
                row.reference().path(): {
                    name: value for name, value in row.items() if value is not None and name not in VOLATILE
                }
                for cls in classes
                for row in self.repository.rows(cls.name, HYPERV, deep=False)
                if not str(row["InstanceID"]).startswith("Microsoft:Definition")
            }

    @property
    def running(self) -> bool:
        """It can be reached over the network: a host while it is up, a guest after its boot."""
        return not (self.unplugged or self.closed) and (self.up if self.inside is None else self.inside.guest.reachable)

    def unplug(self, seconds: float) -> None:
        """Take the machine off the network for some seconds."""
        with self.turn():
            self.unplugged = True
            self.clock.after(seconds, self._plug)
            self.changed()

    def _plug(self) -> None:
        self.unplugged = False
        self.changed()

    def changed(self) -> None:
        """Tell those who watch (the server) that `running` may have changed."""
        for watcher in self.watchers:
            watcher(self)

    def stopped(self, *, graceful: bool) -> None:
        """Windows ends: programs with it, and VMs, which are saved if it could shut down, else just lose power."""
        self.up = False
        self.restart.ended()
        for process in tuple(self.processes):
            process.kill()
        for daemon in self.software.daemons:
            daemon.ended()
        self._running_vms = {vm.id for vm in self.vms.values() if vm.powered}
        for vm in self.vms.values():
            vm.host_stopped(graceful=graceful)

    def started(self) -> None:
        """Windows runs, again or for the first time."""
        if not self.up:
            self.software.started()
        self.up, self.boots, self.booted_at = True, self.boots + 1, self.clock.now()
        self._log_hypervisor()
        for vm in self.vms.values():
            vm.host_started(was_running=vm.id in self._running_vms)
        self.changed()

    def _log_hypervisor(self) -> None:
        """Windows with a hypervisor has started: whether that did is in the event log (WIN-26)."""
        if not self.software.starts_hypervisor or self.spec["boot"].get("hypervisor_launch") == "off":
            return
        if self.hypervisor_running:
            self.events.write(SYSTEM, HYPERVISOR, INFORMATION, 1, "Hypervisor successfully started.")
        else:
            reason = "Either VMX not present or not enabled in BIOS."
            self.events.write(SYSTEM, HYPERVISOR, ERROR, 41, f"Hypervisor launch failed; {reason}")

    def text(self, key: str, **words: Any) -> str:
        """A text of Windows in this machine's language; English where the table has no other."""
        table = strings()
        template = table.get(self.locale, {}).get(key) or table["en-US"][key]
        return template.format(**words) if words else template

    def system_text(self, hresult: int) -> str:
        """A system error with its code, as Hyper-V quotes it: "The file exists. (0x80070050)"."""
        return f"{self.text(f'system_{hresult:08x}')} (0x{hresult:08X})"

    def find_user(self, name: str) -> User | None:
        r"""An account by its name; `HOST\name` and `name@host` are understood."""
        bare = name.rsplit("\\", 1)[-1].split("@", 1)[0]
        return self.users.get(bare.lower())

    # --- what the protocol asks for

    def has_namespace(self, namespace: str) -> bool:
        known = namespace.replace("\\", "/").strip("/").lower()
        if known == HGS and not (self.hyperv and self.spec.get("hgs", True)):
            return False  # comes with the feature HostGuardianServiceClient
        if known == CLUSTER.lower():
            return self.software.is_active("FailoverCluster-FullServer")
        return known in self.schema.namespaces and (self.hyperv or known != HYPERV)

    def find_class(self, namespace: str, name: str) -> CimClass:
        """The class, or CimError INVALID_NAMESPACE / INVALID_CLASS."""
        if not self.has_namespace(namespace):
            raise CimError(errors.INVALID_NAMESPACE, parameter_info=namespace)
        cls = self.schema.find(namespace, name)
        if cls is None and on_real_hosts(namespace, name):
            raise errors.NotModelled(f"{self.schema.namespaces[normal_namespace(namespace)]}:{name}")
        if cls is None or not self.has_class(cls):
            raise CimError(errors.INVALID_CLASS, parameter_info=name)
        return cls

    def has_class(self, cls: CimClass) -> bool:
        """WinNAT comes with Hyper-V and containers; without, New-NetNat fails with 0x80041010, invalid class."""
        return not cls.name.startswith("MSFT_NetNat") or self.hyperv or bool(self.spec.get("winnat"))

    def may_read(self, cls: CimClass, user: User | None) -> bool:
        """Hyper-V's provider shows its objects to Hyper-V Administrators and Administrators only."""
        return user is None or user.hyperv or cls.namespace != HYPERV or cls.name.startswith("__")

    @property
    def provider_runs(self) -> bool:
        """Hyper-V's provider lives in its management service; VMs don't (HV-26)."""
        service = self.software.find_service("vmms")
        return service is None or service.state == SERVICE_RUNNING

    def instances(self, cls: CimClass, user: User | None = None) -> Iterator[Instance]:
        with self.turn():
            self._check_read(cls, user)
            return iter(list(self.repository.instances(cls)) if self.may_read(cls, user) else ())

    def get(self, cls: CimClass, keys: Mapping[str, Any], user: User | None = None) -> Instance:
        with self.turn():
            self._check_read(cls, user)
            if not self.may_read(cls, user):
                raise CimError(errors.NOT_FOUND, operation="GetObject", parameter_info=_path(cls, keys))
            return self.repository.get(cls, keys)

    def references(self, reference: Reference, user: User | None = None, **conditions: str | None) -> list[Instance]:
        """REFERENCES OF; conditions: result_class, role."""
        with self.turn():
            cls = self.find_class(reference.namespace, reference.class_name)
            self._check_read(cls, user)
            return self.repository.references(reference, **conditions) if self.may_read(cls, user) else []

    def associators(self, reference: Reference, user: User | None = None, **conditions: str | None) -> list[Instance]:
        """ASSOCIATORS OF; conditions: assoc_class, result_class, role, result_role."""
        with self.turn():
            cls = self.find_class(reference.namespace, reference.class_name)
            self._check_read(cls, user)
            return self.repository.associators(reference, **conditions) if self.may_read(cls, user) else []

    def invoke(
        self,
        cls: CimClass,
        keys: Mapping[str, Any] | None,
        method: str,
        parameters: Mapping[str, Any] | None = None,
        user: User | None = None,
    ) -> tuple[int, dict[str, Any]]:
        """Call a method. Returns its ReturnValue and every output of the signature, None where there is no value.

        Some of the keys are enough where they name one object: hosts take CreationClassName alone for a service and
        Name alone for RequestStateChange (captured from a Windows 11 host).
        """
        with self.turn():
            signature = cls.find_method(method)
            if signature is None:
                raise CimError(errors.INVALID_METHOD, operation="ExecMethod", parameter_info=f"{cls.name}::{method}")
            self._check_provider(cls)
            if not self.may_read(cls, user):
                raise CimError(errors.ACCESS_DENIED, operation="ExecMethod", parameter_info=_path(cls, keys or {}))
            row = None if signature.static else self._target(cls, keys)
            typed: dict[str, Any] = {}
            for name, value in (parameters or {}).items():
                known = signature.input(name)
                if known is None or not fits(known, value):
                    raise CimError(errors.INVALID_METHOD_PARAMETERS, operation="ExecMethod", parameter_info=name)
                typed[known.name] = value
            function = _handler(row.cls if row is not None else cls, snake_case(signature.name))
            if function is None:
                raise CimError(errors.METHOD_NOT_IMPLEMENTED, operation="ExecMethod", parameter_info=signature.name)
            answer = function(Call(self, cls, signature.name, row, typed, user))
            code, outputs = answer if isinstance(answer, tuple) else (answer, {})
            return code, {prop.name: outputs.get(prop.name) for prop in signature.outputs}

    def create(self, cls: CimClass, values: Mapping[str, Any], user: User | None = None) -> Reference:
        with self.turn():
            return self._transfer(cls, "create_instance", user)(self, cls, dict(values), user)

    def put(
        self, cls: CimClass, keys: Mapping[str, Any], values: Mapping[str, Any], user: User | None = None
    ) -> Instance:
        """`values` are the properties that were sent; what wasn't sent stays."""
        with self.turn():
            row = self._target(cls, keys)
            return self._transfer(cls, "put_instance", user)(self, row, dict(values), user).copy()

    def delete(self, cls: CimClass, keys: Mapping[str, Any], user: User | None = None) -> None:
        with self.turn():
            row = self._target(cls, keys)
            self._transfer(cls, "delete_instance", user)(self, row, user)

    # --- inside

    def turn(self) -> Any:
        """One request at a time over the whole simulation, after all that was due before it."""
        self.clock.settle()
        return self.clock.lock

    def _check_provider(self, cls: CimClass) -> None:
        if cls.namespace == HYPERV and not cls.name.startswith("__") and not self.provider_runs:
            raise CimError(errors.PROVIDER_LOAD_FAILURE, parameter_info=cls.name)

    def _check_read(self, cls: CimClass, user: User | None) -> None:
        self._check_provider(cls)
        if not self.may_read(cls, user) and self.options["without_rights"] == "denied":
            raise CimError(errors.ACCESS_DENIED, parameter_info=cls.name)

    def _target(self, cls: CimClass, keys: Mapping[str, Any] | None) -> Instance:
        if not keys and cls.keys and not cls.singleton:
            # Seen on a Windows 11 host: this from the management service, InternalError from switch and image service.
            management = cls.name == "Msvm_VirtualSystemManagementService"
            status = errors.INVALID_METHOD_PARAMETERS if management else errors.FAILED
            raise CimError(status, operation="ExecMethod", parameter_info=cls.name)
        row = self.repository.find(Reference(cls.namespace, cls.name, dict(keys or {})), partial=True)
        if row is None:
            raise CimError(errors.NOT_FOUND, operation="GetObject", parameter_info=_path(cls, keys or {}))
        return row

    def _transfer(self, cls: CimClass, name: str, user: User | None) -> Callable[..., Any]:
        if not self.may_read(cls, user) or (user is not None and not user.administrator):
            raise CimError(errors.ACCESS_DENIED, parameter_info=cls.name)
        handler = _handler(cls, name)
        if handler is None:
            # Hyper-V's provider implements Modify* methods, no WS-Transfer writes.
            raise CimError(errors.PROVIDER_NOT_CAPABLE, parameter_info=cls.name)
        return handler


def _path(cls: CimClass, keys: Mapping[str, Any]) -> str:
    return Reference(cls.namespace, cls.name, dict(keys)).path()


@cache
def services() -> tuple[Service, ...]:
    return tuple(part for _name, part in parts_in(hyperv_services, windows_services) if isinstance(part, Service))


def parts() -> tuple[Part, ...]:
    """The settings of VMs and the services, in the order of their installation."""
    return (*settings.kinds(), *services())


@cache
def _services_of(cls: CimClass) -> tuple[Service, ...]:
    """The services of a class, those of the nearest class first; several may share a class and its methods."""
    names = (cls.name, *cls.superclasses)
    return tuple(service for name in names for service in services() if name in service.CLASSES)


def _handler(cls: CimClass, name: str) -> Callable[..., Any] | None:
    """The function of that name in the first service of the class that defines it."""
    return next((getattr(service, name) for service in _services_of(cls) if name in public_names(type(service))), None)


def all_machines(machines: Iterable[Machine]) -> Iterator[Machine]:
    """The machines and, at any depth, the machines of their guests."""
    for machine in machines:
        yield machine
        yield from all_machines(vm.guest.machine for vm in machine.vms.values() if vm.guest.machine)
