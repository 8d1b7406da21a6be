"""Power states of a VM, and the changes that RequestStateChange can ask for."""

from __future__ import annotations

# CIM_EnabledLogicalElement.EnabledState as real v2 hosts give it (captured: 2, 3, 6, 9; the others: HV-06).
RUNNING, OFF, SHUTTING_DOWN, SAVED, PAUSED, STARTING = 2, 3, 4, 6, 9, 10
SAVING, PAUSING, RESUMING = 32773, 32776, 32777

STATE_NAMES = {"running": RUNNING, "off": OFF, "saved": SAVED, "paused": PAUSED}

# RequestedState of RequestStateChange (Msvm_ComputerSystem docs).
ENABLED, DISABLED, SHUT_DOWN, OFFLINE, QUIESCE, REBOOT, RESET = 2, 3, 4, 6, 9, 10, 11
# Values of the V1 provider: a v2 host answers 32775 (captured from a Windows 11 host).
OLD_VALUES = (32768, 32769)

# RequestedState → {state it is allowed from: (kind of job, state meanwhile, state afterwards)}.
# Msvm_ComputerSystem.RequestStateChange docs; 2, 3, 4, 6, 9 seen working on a Windows 11 host. Reboot and reset
# (10, 11) by the docs. Off from saved discards the saved state: ASSUMPTIONS HV-07.
TRANSITIONS: dict[int, dict[int, tuple[str, int, int]]] = {
    ENABLED: {
        OFF: ("start", STARTING, RUNNING),
        SAVED: ("restore", STARTING, RUNNING),
        PAUSED: ("resume", RESUMING, RUNNING),
    },
    DISABLED: {
        RUNNING: ("power_off", SHUTTING_DOWN, OFF),
        PAUSED: ("power_off", SHUTTING_DOWN, OFF),
        SAVED: ("power_off", SHUTTING_DOWN, OFF),
    },
    SHUT_DOWN: {RUNNING: ("shutdown", RUNNING, OFF)},
    OFFLINE: {RUNNING: ("save", SAVING, SAVED), PAUSED: ("save", SAVING, SAVED)},
    QUIESCE: {RUNNING: ("pause", PAUSING, PAUSED)},
    REBOOT: {RUNNING: ("reboot", RUNNING, RUNNING)},
    RESET: {RUNNING: ("reset", RUNNING, RUNNING)},
}


def job_kind(requested: int, state: int) -> str:
    """The kind of job that a request starts; for a request that is refused anyway "start"."""
    return TRANSITIONS.get(requested, {}).get(state, ("start",))[0]
