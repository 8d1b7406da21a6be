"""Work that a host does for a method call: at once (ReturnValue 0) or in a job (4096) with a life of its own."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from ..cim.embedded import embedded_text
from ..cim.schema import HYPERV
from ..cim.values import NEVER, Instance, Reference

if TYPE_CHECKING:
    from ..hyperv.vm import Vm
    from .machine import Machine
    from .service import Call

COMPLETED_AT_ONCE, JOB_STARTED = 0, 4096
NEW, RUNNING, COMPLETED, TERMINATED, EXCEPTION = 2, 4, 7, 8, 10
TIME_BEFORE_REMOVAL = timedelta(minutes=5)  # captured from a Windows 11 host
# Constant properties of a job (captured of a Msvm_StorageJob; their class is the same for both kinds).
JOB_VALUES = {
    "DeleteOnCompletion": False,
    "JobRunTimes": 1,
    "LocalOrUtcTime": 2,
    "Notify": "",
    "OtherRecoveryAction": "",
    "Priority": 0,
    "RecoveryAction": 2,
}

# Return codes of the Hyper-V WMI provider v2 (Msvm_VirtualSystemManagementService docs).
FAILED, ACCESS_DENIED, NOT_SUPPORTED, TIMEOUT = 32768, 32769, 32770, 32772
INVALID_PARAMETER, IN_USE, INVALID_STATE, WRONG_TYPE, NO_MEMORY = 32773, 32774, 32775, 32776, 32778
FILE_MISSING, CHAIN_CYCLE = 32779, 32787  # Msvm_ImageManagementService docs
NOT_READY, MACHINE_LOCKED, IN_PROGRESS = 32780, 32781, 32782


@dataclass(frozen=True)
class Kind:
    """A kind of work. `when` is a real host's answer: "now", "job", or "running" (a job only while the VM runs)."""

    job_type: int
    text: str
    when: str = "job"
    job_class: str = "Msvm_ConcreteJob"


STORAGE_JOB = "Msvm_StorageJob"

# JobType: Msvm_ConcreteJob docs, resume 21 as in microsoft/wmi. `when` without a capture: ASSUMPTIONS HV-01.
KINDS = {
    "define": Kind(1, "job_define", "now"),
    "modify_system": Kind(2, "job_modify_system", "now"),
    "upgrade": Kind(2, "job_upgrade"),
    "destroy": Kind(3, "job_destroy"),
    "start": Kind(12, "job_start"),
    "power_off": Kind(13, "job_power_off"),
    "save": Kind(14, "job_save"),
    "restore": Kind(15, "job_restore"),
    "shutdown": Kind(16, "job_shutdown"),
    "pause": Kind(20, "job_pause"),
    "resume": Kind(21, "job_resume"),
    "reset": Kind(28, "job_reset"),
    "reboot": Kind(29, "job_reboot"),
    "add_resources": Kind(30, "job_add_resources", "running"),
    "modify_resources": Kind(31, "job_modify_resources", "running"),
    "remove_resources": Kind(32, "job_remove_resources", "running"),
    "add_features": Kind(30, "job_add_resources", "now"),
    "modify_features": Kind(31, "job_modify_resources", "now"),
    "remove_features": Kind(32, "job_remove_resources", "now"),
    "service_settings": Kind(2, "job_modify_system", "now"),
    "snapshot": Kind(70, "job_snapshot"),
    "apply_snapshot": Kind(71, "job_apply_snapshot"),
    "delete_snapshot": Kind(72, "job_delete_snapshot"),
    "clear_state": Kind(73, "job_clear_state"),
    "merge": Kind(50, "job_merge"),
    "security": Kind(2, "job_modify_system"),
    # Ethernet switches: a private one is created at once, any is deleted in a job (captured); the rest: NET-01.
    "define_switch": Kind(130, "job_define_switch", "now"),
    "define_external": Kind(130, "job_define_switch"),
    "modify_switch": Kind(131, "job_modify_switch", "now"),
    "destroy_switch": Kind(132, "job_destroy_switch"),
    "add_switch_ports": Kind(133, "job_modify_switch"),
    "modify_switch_ports": Kind(134, "job_modify_switch"),
    "remove_switch_ports": Kind(135, "job_modify_switch"),
    "kvp": Kind(2, "job_modify_system"),
    "copy_to_guest": Kind(0, "job_copy_to_guest", "job", "Msvm_CopyFileToGuestJob"),
    # JobType: Msvm_StorageJob docs. Creating and resizing always answer with a job (captured from a Windows 11 host).
    "create_disk": Kind(1, "job_create_disk", "job", STORAGE_JOB),
    "create_floppy": Kind(2, "job_create_disk", "job", STORAGE_JOB),
    "compact_disk": Kind(3, "job_compact_disk", "job", STORAGE_JOB),
    "resize_disk": Kind(4, "job_resize_disk", "job", STORAGE_JOB),
    "merge_disk": Kind(5, "job_merge", "job", STORAGE_JOB),
    "convert_disk": Kind(6, "job_convert_disk", "job", STORAGE_JOB),
    "mount_disk": Kind(7, "job_mount_disk", "job", STORAGE_JOB),
    "set_disk": Kind(0, "job_set_disk", "job", STORAGE_JOB),
    "validate_disk": Kind(9, "job_validate_disk", "job", STORAGE_JOB),
}


class Refused(Exception):
    """A refusal. `code` is the ReturnValue or, with `in_job`, the ErrorCode of a job.

    `text` is the ErrorDescription, already in the host's language; `hresult` the JobCompletionStatusCode.
    """

    def __init__(self, code: int, text: str = "", *, in_job: bool = False, hresult: int = 0) -> None:
        super().__init__(text)
        self.code, self.text, self.in_job, self.hresult = code, text, in_job, hresult


@dataclass
class Plan:
    """The work of an accepted call. `work` runs at the end of the job; it may still raise Refused.

    `begin` runs when a job starts and `cancelled` when it is terminated. `own_time` gets the job instead of a timer and
    ends it itself (job.finish(), job.fail()). `outputs` are known at once, also when a job was started. `affected` and,
    once the job is done, `created` go to Msvm_AffectedJobElement. While an `exclusive` job runs, other changes of
    its VM get 32775. `shows` are properties of the job itself.
    """

    work: Callable[[], None] = lambda: None
    outputs: dict[str, Any] = field(default_factory=dict)
    vm: Vm | None = None
    affected: list[Reference] = field(default_factory=list)
    created: list[Reference] = field(default_factory=list)
    begin: Callable[[], None] = lambda: None
    cancelled: Callable[[], None] = lambda: None
    own_time: Callable[[Job], None] | None = None
    exclusive: bool = False
    shows: dict[str, Any] = field(default_factory=dict)


def how(kind: Kind, plan: Plan | Refused, mode: str) -> str:
    """How the host answers a call: "refuse", "now" or "job". `mode` is the model's jobs.mode: real, sync or async."""
    if isinstance(plan, Refused):
        return "job" if plan.in_job or mode == "async" else "refuse"
    if mode == "async" or plan.own_time is not None:
        return "job"
    powered = plan.vm is not None and plan.vm.powered
    return "job" if mode == "real" and (kind.when == "job" or (kind.when == "running" and powered)) else "now"


@dataclass(eq=False)
class Job:
    machine: Machine
    kind: Kind
    name: str
    plan: Plan
    owner: str
    delay: float
    id: str = field(default_factory=lambda: str(uuid.uuid4()).upper())
    state: int = NEW
    error: int = 0
    error_text: str = ""
    hresult: int = 0

    def __post_init__(self) -> None:
        self.started = self.changed = self.machine.clock.now()
        self.ended = None

    @property
    def reference(self) -> Reference:
        return Reference(HYPERV, self.kind.job_class, {"InstanceID": self.id})

    @property
    def done(self) -> bool:
        return self.state >= COMPLETED

    @property
    def share(self) -> float:
        """Share of the work that is done, 0..1."""
        if self.state == COMPLETED:
            return 1.0
        elapsed = ((self.ended or self.machine.clock.now()) - self.started).total_seconds()
        return min(0.99, elapsed / self.delay) if self.delay > 0 else 0.0

    @property
    def state_now(self) -> int:
        """Running almost at once (captured: after 15 ms of a second); the end is set by finish() and fail()."""
        if self.done:
            return self.state
        return NEW if self.share < 0.01 else RUNNING

    def complete(self) -> None:
        """Do the work, then end as it went."""
        if self.done:
            return
        try:
            self.plan.work()
        except Refused as refused:
            self.fail(refused.code, refused.text, refused.hresult)
        else:
            self.finish()

    def finish(self) -> None:
        self._end(COMPLETED)

    def fail(self, code: int, text: str = "", hresult: int = 0) -> None:
        if not self.done:
            self.hresult = hresult
            self.error, self.error_text = code, text or self.machine.text("error_generic", code=code)
            self._end(EXCEPTION)

    def cancel(self) -> None:
        if not self.done:
            self.plan.cancelled()
            self._end(TERMINATED)

    def _end(self, state: int) -> None:
        if self.done:
            return
        self.state = state
        self.ended = self.changed = self.machine.clock.now()
        if self.plan.exclusive and self.plan.vm is not None:
            self.plan.vm.job = None
        self.machine.clock.after(TIME_BEFORE_REMOVAL.total_seconds(), self._forget)

    def _forget(self) -> None:
        self.machine.jobs.running.pop(self.id, None)


class Jobs:
    """The jobs of a machine. `intercept` functions (fault rules) see each job before it starts, fail or delay it."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.running: dict[str, Job] = {}
        self.intercept: list[Callable[[Machine, str, str], tuple[int, str] | float | None]] = []

    def perform(self, call: Call, kind: str, make_plan: Callable[[], Plan]) -> tuple[int, dict[str, Any]]:
        """Answer a method call: refuse it, do it at once, or start a job for it."""
        try:
            plan: Plan | Refused = make_plan()
        except Refused as refused:
            plan = refused
        answer = how(KINDS[kind], plan, self.machine.options["jobs"]["mode"])
        if isinstance(plan, Refused):
            if answer == "refuse":
                return plan.code, {}
            plan = Plan(work=_raiser(plan))
        fault = next((fate for rule in self.intercept if (fate := rule(self.machine, kind, call.method))), None)
        if isinstance(fault, tuple):
            answer, plan = "job", Plan(work=_raiser(Refused(*fault)), vm=plan.vm, affected=plan.affected)
        elif fault:
            answer = "job"
        if answer == "now":
            try:
                plan.work()
            except Refused as refused:
                return refused.code, {}
            return COMPLETED_AT_ONCE, plan.outputs
        late = fault if isinstance(fault, float) else 0.0
        job = self.start(kind, plan, call.user.name if call.user else "Administrator", late)
        return JOB_STARTED, {**plan.outputs, "Job": job.reference}

    def start(self, kind: str, plan: Plan, owner: str, late: float = 0.0) -> Job:
        """`late` are seconds that the job takes longer than the model says."""
        options = self.machine.options["jobs"]
        delay = float(options["delays"].get(kind, options["delay"])) + late
        owner = owner if "\\" in owner else f"{self.machine.name}\\{owner}"
        job = Job(self.machine, KINDS[kind], kind, plan, owner, delay)
        self.running[job.id] = job
        if plan.exclusive and plan.vm is not None:
            plan.vm.job = job
        plan.begin()
        if plan.own_time is not None and late:
            self.machine.clock.after(late, lambda: plan.own_time(job))
        elif plan.own_time is not None:
            plan.own_time(job)
        else:
            self.machine.clock.after(delay, job.complete)
        return job

    # --- as CIM instances

    def instances(self, class_name: str) -> Iterator[Instance]:
        for job in tuple(self.running.values()):
            if job.kind.job_class == class_name:
                yield self._instance(job)

    def instances_of(self, vm: Vm) -> list[Instance]:
        """Unfinished jobs of a VM."""
        return [self._instance(job) for job in tuple(self.running.values()) if job.plan.vm is vm and not job.done]

    def _instance(self, job: Job) -> Instance:
        text = self.machine.text
        state = job.state_now
        failed = state == EXCEPTION
        done = state >= COMPLETED
        # {2} and {17, 2} captured; 17 completed, 6 error for a failed job: ASSUMPTIONS HV-02.
        if not done:
            status, words = [2], ["job_running"]
        elif failed:
            status, words = [17, 6], ["job_failed", "job_exception"]
        else:
            status, words = [17, 2], ["job_completed", "job_successful"]
        caption = text(job.kind.text)
        # A storage job is called cancellable even when it is done (captured); of other jobs nothing is known.
        storage = {}
        if job.kind.job_class == STORAGE_JOB:
            storage = {"JobCompletionStatusCode": job.hresult, "Cancellable": True}
        typed = "JobType" in self.machine.repository.cls(job.kind.job_class).properties
        job_type = {"JobType": job.kind.job_type} if typed else {}
        return self.machine.repository.new(
            job.kind.job_class,
            {
                **JOB_VALUES,
                **job_type,
                "InstanceID": job.id,
                "Caption": caption,
                "ElementName": caption,
                "Name": caption,
                "Description": text(f"{job.kind.text}_progress"),
                "JobState": state,
                "JobStatus": text(words[0]),
                "StatusDescriptions": [text(word) for word in words],
                "OperationalStatus": status,
                "PercentComplete": int(job.share * 100),
                "ErrorCode": job.error,
                "ErrorDescription": job.error_text,
                "ErrorSummaryDescription": job.error_text.split(". ")[0],
                "HealthState": 5,
                "Status": "Error" if failed else "OK",
                "Owner": job.owner,
                "StartTime": job.started.replace(microsecond=0),
                "ScheduledStartTime": job.started.replace(microsecond=0),
                "TimeSubmitted": job.started.replace(microsecond=0),
                "TimeOfLastStateChange": job.changed.replace(microsecond=0),
                "ElapsedTime": (job.ended or self.machine.clock.now()) - job.started,
                "InstallDate": NEVER,
                "TimeBeforeRemoval": TIME_BEFORE_REMOVAL,
                "Cancellable": not done,
                **storage,
                **job.plan.shows,
            },
        )

    def affected(self) -> Iterator[tuple[Reference, Job, int]]:
        """(element, job, effect): the VM with effect 0 (unknown), created elements of a finished job with 5 (create).

        Captured from a Windows 11 host: one row while the job runs, the row with 5 only after its completion.
        """
        for job in tuple(self.running.values()):
            for reference in job.plan.affected or ([job.plan.vm.reference] if job.plan.vm else []):
                yield reference, job, 0
            for reference in job.plan.created if job.done else ():
                yield reference, job, 5

    def errors(self, job_id: str) -> Iterable[str]:
        """CIM-XML texts of Msvm_Error."""
        job = self.running.get(job_id.upper())
        if job is None or not job.error:
            return []
        error = self.machine.repository.new(
            "Msvm_Error",
            {"Message": job.error_text, "MessageID": f"{job.error}", "ErrorType": 4, "PerceivedSeverity": 6},
        )
        return [embedded_text(error)]


def _raiser(refused: Refused) -> Callable[[], None]:
    def work() -> None:
        raise refused

    return work
