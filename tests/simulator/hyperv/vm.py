"""A virtual machine of a host: its power states, its settings rows, its guest."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from ..cim.embedded import parse_embedded
from ..cim.schema import HYPERV
from ..cim.values import NEVER, Instance, Reference
from ..machine.jobs import FAILED, INVALID_PARAMETER, INVALID_STATE, NO_MEMORY, TIMEOUT, Job, Plan, Refused
from . import checkpoints
from .checkpoints import Checkpoint
from .console import Keyboard, Screen
from .guest import COMPONENTS, Guest
from .settings import adapter, security, storage
from .states import OFF, OLD_VALUES, PAUSED, RUNNING, SAVED, TRANSITIONS

if TYPE_CHECKING:
    from ..machine.machine import Machine

_pids = iter(range(4000, 10**9, 4))


class Vm:
    """`system`, `memory`, `processor` are rows of the repository; change them through the settings services."""

    system: Instance
    memory: Instance
    processor: Instance

    def __init__(self, machine: Machine, vm_id: str, guest: dict[str, Any], created: datetime | None = None) -> None:
        self.machine = machine
        self.id = vm_id.upper()
        self.guest = Guest(self, guest)
        self.keyboard, self.screen = Keyboard(self), Screen(self)
        self.state = OFF
        self.transition: int | None = None
        self.job: Job | None = None
        self.pid: int | None = None
        self.created = created or machine.clock.now()
        self.changed = self.created
        self.state_changed: datetime = NEVER
        self.on_since: datetime | None = None
        self.on_before = timedelta()
        self.addresses: dict[str, list[str]] = {}
        self.boot_files: dict[str, str] = {}
        self.checkpoints: dict[str, Checkpoint] = {}
        self.last_applied = ""
        self.unmerged: set[str] = set()
        self.tpm = security.Tpm()
        self.clustered = False  # a role of the host's failover cluster
        self.when_off: list[Callable[[], None]] = []
        machine.vms[self.id] = self

    def __repr__(self) -> str:
        return f"<Vm {self.name} {self.id}>"

    # --- facts

    @property
    def name(self) -> str:
        return self.system["ElementName"]

    @property
    def enabled_state(self) -> int:
        return self.transition or self.state

    @property
    def running(self) -> bool:
        return self.state == RUNNING

    @property
    def paused(self) -> bool:
        return self.state == PAUSED

    @property
    def powered(self) -> bool:
        """Running or paused: the VM has a worker process."""
        return self.state in (RUNNING, PAUSED)

    @property
    def busy(self) -> bool:
        """A transition or an exclusive job (checkpoint, delete) is under way: other changes get 32775."""
        return self.transition is not None or self.job is not None

    @property
    def generation(self) -> int:
        return int(self.system["VirtualSystemSubType"][-1])

    @property
    def version(self) -> tuple[int, int]:
        """Configuration version, to compare: (9, 3)."""
        major, _separator, minor = self.system["Version"].partition(".")
        return int(major), int(minor or 0)

    @property
    def reference(self) -> Reference:
        return Reference(HYPERV, "Msvm_ComputerSystem", {"CreationClassName": "Msvm_ComputerSystem", "Name": self.id})

    @property
    def uptime(self) -> timedelta:
        now = self.machine.clock.since(self.on_since) if self.on_since else timedelta()
        return self.on_before + now

    def rows(self, class_name: str) -> list[Instance]:
        return self.machine.repository.owned(self.id, class_name)

    def component_enabled(self, name: str) -> bool:
        row = self.machine.repository.row(
            f"Msvm_{name}ComponentSettingData", InstanceID=f"Microsoft:{self.id}\\{COMPONENTS[name]}"
        )
        return row is not None and row["EnabledState"] == 2

    def pairs(self, source: int) -> dict[str, str]:
        """Key-value pairs of the host: those for the guest (source 0), or those that only the host sees (4)."""
        (row,) = self.rows("Msvm_KvpExchangeComponentSettingData")
        texts = row.values.get("HostOnlyItems" if source else "HostExchangeItems") or ()
        items = (parse_embedded(text, sent=False) for text in texts)
        return {item.text("Name") or "": item.text("Data") or "" for item in items}

    def refusal(self, key: str, code: int, *, in_job: bool = False, hresult: int = 0, **words: Any) -> Refused:
        """A refusal with a text of the host: "'web01' failed to … (Virtual machine ID …)"."""
        return Refused(code, self.machine.text(key, vm=self.name, id=self.id, **words), in_job=in_job, hresult=hresult)

    def check_free(self) -> None:
        """Raise 32775 while another operation is under way."""
        if self.busy:
            raise self.refusal("error_state", INVALID_STATE)

    # --- power

    def plan_transition(self, wanted: int) -> Plan:
        """The plan for RequestStateChange; Refused with 32775 from a wrong state."""
        if wanted not in TRANSITIONS and wanted not in OLD_VALUES:
            raise Refused(INVALID_PARAMETER)
        step = TRANSITIONS.get(wanted, {}).get(self.state)
        if self.busy or step is None:
            raise self.refusal("error_state", INVALID_STATE)
        kind, meanwhile, then = step
        if kind == "shutdown":
            return self._plan_shutdown()
        arrive: Callable[[], None] = {
            "start": self._start,
            "restore": self._restore,
            "reboot": self._reset,
            "reset": self._reset,
        }.get(kind, lambda: self._arrive(then))

        def meanwhile_in(state: int | None) -> Callable[[], None]:
            def enter() -> None:
                self.transition = state

            return enter

        def work() -> None:
            self.transition = None
            arrive()

        return Plan(work=work, vm=self, begin=meanwhile_in(meanwhile), cancelled=meanwhile_in(None), exclusive=True)

    def _plan_shutdown(self) -> Plan:
        """Value 4 asks the guest through integration services; the job lasts as long as the guest takes (HV-22)."""
        if not self.guest.component("Shutdown"):
            raise self.refusal("error_state", INVALID_STATE)
        timeout = float(self.machine.options["shutdown_timeout"])

        def run(job: Job) -> None:
            def failed(code: int) -> None:
                job.fail(code, self.machine.text("error_shutdown", vm=self.name, id=self.id))

            if code := self.guest.shutdown(force=False):
                failed(code)
                return
            self.when_off.append(job.finish)
            self.machine.clock.after(timeout, lambda: failed(TIMEOUT))

        return Plan(vm=self, own_time=run)

    def _start(self) -> None:
        reason = self._why_not_start()
        if reason:
            raise reason
        checkpoints.before_start(self)
        self.on_before = timedelta()
        self._arrive(RUNNING)
        self.guest.power_on()

    def _why_not_start(self) -> Refused | None:
        if not self.machine.hypervisor_running:
            return self.refusal("error_no_hypervisor", FAILED)
        if self.processor["VirtualQuantity"] > self.machine.logical_processors:
            return self.refusal("error_processors", FAILED)
        if self.memory["VirtualQuantity"] > self.machine.memory_free:
            return self.refusal("error_memory", NO_MEMORY, amount=self.memory["VirtualQuantity"])
        return security.why_not_start(self) or storage.open_media(self)

    def _restore(self) -> None:
        reason = self._why_not_start()
        if reason:
            raise reason
        self._arrive(RUNNING)
        self.guest.power_on()

    def _reset(self) -> None:
        self.guest.power_off()
        self.on_before, self.on_since = timedelta(), self.machine.clock.now()
        self.guest.power_on()

    def _arrive(self, state: int) -> None:
        """Enter a state; updates uptime, worker process and guest."""
        if state == self.state:
            return
        if self.state == RUNNING:
            self.on_before, self.on_since = self.uptime, None
        if self.powered and state in (OFF, SAVED):
            self.guest.power_off()
            self.keyboard.without_power()
            self.machine.files.release(self.id)
            self.pid = None
        if state in (RUNNING, PAUSED) and self.pid is None:
            self.pid = next(_pids)
            adapter.assign_macs(self)
        if state == RUNNING:
            self.on_since = self.machine.clock.now()
        if state == OFF:
            self.on_before = timedelta()
        before, self.state = self.state, state
        self.state_changed = self.machine.clock.now()
        if state == OFF:
            checkpoints.after_stop(self)
            waiting, self.when_off = self.when_off, []
            for tell in waiting:
                tell()
        if self.guest.machine and PAUSED in (before, state):
            self.guest.machine.changed()

    def guest_stopped(self, *, reboot: bool) -> None:
        """The guest has shut itself down, or restarts."""
        if reboot:
            self.guest.power_off(graceful=True)
            self.guest.power_on()
        else:
            self.guest.power_off(graceful=True)
            self._arrive(OFF)

    def host_stopped(self, *, graceful: bool) -> None:
        """The host shuts down: AutomaticShutdownAction 2 turn off, 3 save, 4 shut down; a crash leaves it off."""
        self.transition, self.job = None, None
        if self.powered:
            self._arrive(SAVED if graceful and self.system["AutomaticShutdownAction"] == 3 else OFF)

    def host_started(self, *, was_running: bool) -> None:
        """AutomaticStartupAction 3: restart if it ran before, 4: always."""
        action = self.system["AutomaticStartupAction"]
        if self.state in (OFF, SAVED) and (action == 4 or (action == 3 and was_running)) and not self._why_not_start():
            self._arrive(RUNNING)
            self.guest.power_on()

    def set_state(self, state: int) -> None:
        """Set a state without any checks, for the model and for tests."""
        if state == SAVED and self.state == OFF:
            self.state, self.state_changed = SAVED, self.machine.clock.now()
            return
        if state in (RUNNING, PAUSED) and not self.powered:
            if refused := storage.open_media(self):
                raise refused
            self._arrive(RUNNING)
            self.guest.power_on()
        self._arrive(state)
