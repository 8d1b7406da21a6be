"""Who may turn a VM off, and with which words it is refused."""

from __future__ import annotations

import pytest

from ansible_collections.nested.hyperv.plugins.module_utils._hyperv.vm.find import PAUSED, RUNNING, SAVED, VM
from ansible_collections.nested.hyperv.plugins.module_utils._hyperv.vm.power import Permission, check_may_turn_off
from ansible_collections.nested.hyperv.plugins.module_utils._policy.rules import MEMORY_WHILE_NESTED
from ansible_collections.nested.hyperv.plugins.module_utils._task.errors import Refused

ID = "5B6E1B0C-7A0E-4F8B-9C55-0D2A5F6F1A11"


@pytest.mark.parametrize(
    ("state", "permission"),
    [
        (RUNNING, Permission(allow_power_cycle=True)),
        (RUNNING, Permission(allow_power_cycle=True, force_off=True)),
        (PAUSED, Permission(allow_power_cycle=True, force_off=True)),
        (SAVED, Permission(discard_saved_state=True)),
        ("busy", Permission(allow_power_cycle=True, force_off=True)),
    ],
)
def test_allowed(state: str, permission: Permission) -> None:
    check_may_turn_off(VM(ID, "web01", state), ["dynamic"], permission)


@pytest.mark.parametrize(
    ("state", "permission", "words"),
    [
        (RUNNING, Permission(), ("is running", "needs it off", "'allow_power_cycle: true'")),
        (RUNNING, Permission(force_off=True), ("is running", "'allow_power_cycle: true'")),
        (RUNNING, Permission(discard_saved_state=True), ("is running", "'allow_power_cycle: true'")),
        (PAUSED, Permission(), ("is paused", "'allow_power_cycle: true'")),
        (PAUSED, Permission(allow_power_cycle=True), ("is paused", "can't shut down", "'force_off: true'")),
        (SAVED, Permission(allow_power_cycle=True, force_off=True), ("is saved", "'discard_saved_state: true'")),
    ],
)
def test_refused_with_the_way_out(state: str, permission: Permission, words: tuple[str, ...]) -> None:
    with pytest.raises(Refused) as caught:
        check_may_turn_off(VM(ID, "web01", state), ["dynamic", "startup"], permission)
    message = caught.value.message
    assert all(word in message for word in ("VM 'web01'", "dynamic, startup", *words)), message
    assert caught.value.details == {
        "vm": "web01",
        "state": state,
        "power_cycle_required": True,
        "options": ["dynamic", "startup"],
    }


def test_a_rule_behind_it_is_named_with_its_source() -> None:
    with pytest.raises(Refused) as caught:
        check_may_turn_off(VM(ID, "web01", RUNNING), ["startup"], Permission(), MEMORY_WHILE_NESTED)
    assert MEMORY_WHILE_NESTED.text in caught.value.message
    assert MEMORY_WHILE_NESTED.id in caught.value.message
    assert caught.value.details["rule"] == "nested-memory-off"
    assert caught.value.details["source"].startswith("https://learn.microsoft.com/")


def test_permission_takes_its_options_from_the_task() -> None:
    params = {"name": "web01", "allow_power_cycle": True, "shutdown_timeout": 5}
    assert Permission.of(params) == Permission(allow_power_cycle=True, shutdown_timeout=5)
    assert Permission.of({}) == Permission(False, False, 300, False)
