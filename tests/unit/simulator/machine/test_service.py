"""Base classes of services and settings: only known hooks."""

from __future__ import annotations

import pytest

from ansible_collections.nested.hyperv.tests.simulator.cim.schema import method_names
from ansible_collections.nested.hyperv.tests.simulator.hyperv import settings
from ansible_collections.nested.hyperv.tests.simulator.machine import machine
from ansible_collections.nested.hyperv.tests.simulator.machine.service import Part, Service, snake_case


@pytest.mark.parametrize(
    ("base", "name"),
    [
        (settings.Setting, "check_modfy"),
        (settings.Setting, "instal"),
        (settings.Setting, "create_instance"),
        (Service, "instal_vm"),
        (Service, "delete_instances"),
        (Service, "request_state_chage"),
        (Service, "get_summary_information"),
    ],
)
def test_a_misspelt_hook_fails_when_the_class_is_created(base: type[Part], name: str) -> None:
    with pytest.raises(TypeError, match=f"Wrong: no hook is named {name}"):
        type("Wrong", (base,), {"CLASSES": ("Msvm_ComputerSystem",), name: lambda *_arguments: None})


@pytest.mark.parametrize(
    ("base", "name"),
    [
        (settings.Setting, "check_modify"),
        (settings.Setting, "install"),
        (Service, "delete_instance"),
        (Service, "request_state_change"),
        (Service, "_help"),
    ],
)
def test_hooks_of_the_base_and_methods_of_the_classes_are_accepted(base: type[Part], name: str) -> None:
    type("Right", (base,), {"CLASSES": ("Msvm_ComputerSystem",), name: lambda *_arguments: None})


def test_every_method_of_the_virtual_disk_service_is_a_hook_in_snake_case() -> None:
    names = set(map(snake_case, method_names(["Msvm_ImageManagementService"])))
    assert {"create_virtual_hard_disk", "get_vhd_set_information"} <= names


def test_each_file_of_settings_and_services_is_found() -> None:
    found = {type(part).__name__ for part in machine.parts()}
    assert {"Memory", "Storage", "ManagementService", "TcpIp", "Nat"} <= found
    assert [type(kind).__name__ for kind in settings.kinds()][:3] == ["System", "Memory", "Processor"]
