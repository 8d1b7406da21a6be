"""A small Windows machine with a provider of its own: the protocol's tests need no Hyper-V behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ansible_collections.nested.hyperv.tests.simulator.cim.errors import ALREADY_EXISTS, CimError
from ansible_collections.nested.hyperv.tests.simulator.cim.repository import Association, Repository
from ansible_collections.nested.hyperv.tests.simulator.cim.schema import STANDARD, load
from ansible_collections.nested.hyperv.tests.simulator.cim.values import Instance
from ansible_collections.nested.hyperv.tests.simulator.machine import machine as machine_module
from ansible_collections.nested.hyperv.tests.simulator.machine.accounts import User
from ansible_collections.nested.hyperv.tests.simulator.machine.clock import Clock
from ansible_collections.nested.hyperv.tests.simulator.machine.files import Files
from ansible_collections.nested.hyperv.tests.simulator.machine.jobs import Jobs
from ansible_collections.nested.hyperv.tests.simulator.machine.machine import Machine
from ansible_collections.nested.hyperv.tests.simulator.machine.service import Call, Service
from ansible_collections.nested.hyperv.tests.simulator.wire.certificates import (
    fingerprint,
    make_certificate,
    tls_context,
)
from ansible_collections.nested.hyperv.tests.simulator.wire.config import Settings
from ansible_collections.nested.hyperv.tests.simulator.wire.faultrules import FaultRules
from ansible_collections.nested.hyperv.tests.simulator.wire.log import RequestLog
from ansible_collections.nested.hyperv.tests.simulator.wire.server import Endpoint
from ansible_collections.nested.hyperv.tests.simulator.wire.wsman import WinRm

from .talk import vm_id

VSMS = "Msvm_VirtualSystemManagementService"


class Provider(Service):
    """The only service of the machine: some CIM methods, and WS-Transfer writes of a class of root/StandardCimv2."""

    CLASSES = ("Msvm_ComputerSystem", VSMS, "MSFT_NetNat", "StdRegProv")

    def __init__(self) -> None:
        self.calls: list[Call] = []

    def request_state_change(self, call: Call) -> tuple[int, dict[str, Any]]:
        self.calls.append(call)
        return 4096, {"Job": call.machine.repository.row("Msvm_MemorySettingData", **memory_keys(0)).reference()}

    def get_summary_information(self, call: Call) -> tuple[int, dict[str, Any]]:
        self.calls.append(call)
        new = call.machine.repository.new
        return 0, {"SummaryInformation": [new("Msvm_SummaryInformation", {"ElementName": "vm0"})]}

    def modify_resource_settings(self, call: Call) -> int:
        self.calls.append(call)
        return 0

    def destroy_system(self, call: Call) -> int:
        self.calls.append(call)
        return 0

    def get_dword_value(self, call: Call) -> tuple[int, dict[str, Any]]:
        self.calls.append(call)
        return 0, {"uValue": 7}

    def create_instance(self, machine: Machine, cls: Any, values: dict[str, Any], user: User | None) -> Any:
        if machine.repository.row("MSFT_NetNat", STANDARD, InstanceID=values["Name"]):
            raise CimError(ALREADY_EXISTS, parameter_info=values["Name"])
        return machine.repository.add("MSFT_NetNat", {"InstanceID": values["Name"], **values}, STANDARD).reference()

    def put_instance(self, machine: Machine, row: Instance, values: dict[str, Any], user: User | None) -> Instance:
        row.update(values)
        return row

    def delete_instance(self, machine: Machine, row: Instance, user: User | None) -> None:
        machine.repository.remove(row)


def memory_keys(number: int) -> dict[str, str]:
    return {"InstanceID": f"Microsoft:{vm_id(number)}\\4764334d-e001-4176-82ee-5594ec9b530e"}


def add_vms(machine: Machine, count: int, start: int = 0) -> None:
    for number in range(start, start + count):
        machine.repository.add(
            "Msvm_ComputerSystem",
            {
                "CreationClassName": "Msvm_ComputerSystem",
                "Name": vm_id(number),
                "ElementName": f"vm{number}",
                "EnabledState": 3,
                "OperationalStatus": [2],
            },
        )
        machine.repository.add("Msvm_MemorySettingData", memory_keys(number) | {"VirtualQuantity": 1024 + number})


class PlainMachine(Machine):
    """The machine's own protocol, without the state of a Hyper-V host behind it."""

    hyperv = True
    provider_runs = True

    def __post_init__(self) -> None:
        self.os = {"build": 20348, "revision": 1}
        self.options = {"without_rights": "empty"}
        self.locale = "en-US"
        self.files = Files(self.clock)
        self.schema = load(20348)
        self.repository = Repository(self.schema)
        self.jobs = Jobs(self)


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Provider:
    provider = Provider()
    serves = {name.lower() for name in provider.CLASSES}
    monkeypatch.setattr(machine_module, "_services_of", lambda cls: (provider,) if cls.ancestry & serves else ())
    return provider


@pytest.fixture
def machine(provider: Provider) -> Machine:
    """HV01 with five VMs; `vm0`'s system and memory are associated."""
    machine = PlainMachine("HV01", Clock(), {"hyperv": True})
    machine.users = {
        user.name.lower(): user
        for user in (
            User("Administrator", "p:ss wörd"),
            User("operator", "x", ("Remote Management Users", "Hyper-V Administrators")),
            User("remote", "x", ("Remote Management Users",)),
            User("nobody", "x", ("Users",)),
        )
    }
    add_vms(machine, 5)
    machine.repository.add(
        VSMS,
        {
            "CreationClassName": VSMS,
            "Name": "vmms",
            "SystemCreationClassName": "Msvm_ComputerSystem",
            "SystemName": "HV01",
        },
    )
    rows = machine.repository.row
    machine.repository.associate(
        Association(
            "Msvm_SettingsDefineState",
            ("ManagedElement", "SettingData"),
            lambda: [
                (
                    rows("Msvm_ComputerSystem", CreationClassName="Msvm_ComputerSystem", Name=vm_id(0)),
                    rows("Msvm_MemorySettingData", **memory_keys(0)),
                )
            ],
        )
    )
    return machine


@pytest.fixture
def rules() -> FaultRules:
    return FaultRules(sleep=lambda seconds: None)


@pytest.fixture
def serve(machine: Machine, rules: FaultRules, tmp_path: Any) -> Iterator[Callable[..., Endpoint]]:
    """Start an endpoint of the machine; keyword arguments are settings of its WinRM service."""
    started: list[Endpoint] = []

    def start(
        *, tls: bool = False, client_certificate: Any = None, host: str = "127.0.0.1", **settings: Any
    ) -> Endpoint:
        settings = {"allow_unencrypted": True} | settings
        context = None
        certificates = {}
        if tls:
            trusted = [client_certificate] if client_certificate else []
            context = tls_context(make_certificate(tmp_path, "hv01"), trusted)
            certificates = {fingerprint(path): "Administrator" for path in trusted}
        service = WinRm(machine, Settings.of(settings), rules)
        endpoint = Endpoint(
            machine, service, RequestLog(), host=host, context=context, client_certificates=certificates
        )
        endpoint.start()
        started.append(endpoint)
        return endpoint

    yield start
    for endpoint in started:
        endpoint.close()
