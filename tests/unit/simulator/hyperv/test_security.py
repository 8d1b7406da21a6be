"""Virtual TPMs: key protectors of guardians, and the rules of the security service."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.nested.hyperv.tests.simulator.cim.errors import CimError
from ansible_collections.nested.hyperv.tests.simulator.cim.values import Instance
from ansible_collections.nested.hyperv.tests.simulator.hyperv.settings import security
from ansible_collections.nested.hyperv.tests.simulator.machine.machine import Machine

from ..hosts import FAILED, INVALID_PARAMETER, INVALID_STATE, JOB, OK, call, embedded, host, outcome, power, rows
from ..machines import SECURITY, system

HGS = "root/Microsoft/Windows/Hgs"
GUARDIAN, PROTECTOR = "MSFT_HgsGuardian", "MSFT_HgsKeyProtector"
NOT_SUPPORTED = 32770


def hgs(machine: Machine, class_name: str, method: str, **parameters: Any) -> Instance:
    code, outputs = machine.invoke(machine.find_class(HGS, class_name), None, method, parameters)
    assert code == OK
    return outputs["cmdletOutput"]


def protector(machine: Machine, name: str = "UntrustedGuardian") -> list[int]:
    existing = [row for row in rows(machine, GUARDIAN, HGS) if row["Name"] == name]
    owner = existing[0] if existing else None
    if owner is None:
        owner = hgs(machine, GUARDIAN, "NewByGenerateCertificates", Name=name, GenerateCertificates=True)
    return hgs(machine, PROTECTOR, "NewByGuardians", Owner=owner, AllowUntrustedRoot=True)["RawData"]


def target(machine: Machine, vm: str = "vm0", **values: Any) -> str:
    row = security.row_of(machine.vm(vm))
    assert row is not None
    return embedded(security.SECURITY, InstanceID=row["InstanceID"], **values)


def modify(machine: Machine, **values: Any) -> tuple[int, str]:
    answer = call(machine, SECURITY, "ModifySecuritySettings", SecuritySettingData=target(machine, **values))
    return outcome(machine, answer)


def set_protector(machine: Machine, raw: list[int]) -> tuple[int, str]:
    answer = call(machine, SECURITY, "SetKeyProtector", SecuritySettingData=target(machine), KeyProtector=raw)
    return outcome(machine, answer)


def get_protector(machine: Machine) -> list[int]:
    return call(machine, SECURITY, "GetKeyProtector", SecuritySettingData=target(machine))[1]["KeyProtector"]


def start(machine: Machine) -> int:
    assert power(machine, "vm0", 2) == JOB
    machine.clock.advance(1)
    return machine.vm("vm0").state


def test_from_no_guardian_to_a_vm_that_starts_with_its_tpm() -> None:
    machine = host({})
    assert get_protector(machine) == [0, 0, 0, 0]
    raw = protector(machine)
    assert len(raw) > 1000
    assert set_protector(machine, raw)[0] == OK
    assert get_protector(machine) == raw
    assert modify(machine, TpmEnabled=True)[0] == OK
    assert security.row_of(machine.vm("vm0"))["TpmEnabled"] is True
    assert start(machine) == 2


def test_a_tpm_without_a_key_protector_is_refused() -> None:
    machine = host({})
    code, text = modify(machine, TpmEnabled=True)
    assert (code, "key protector" in text) == (FAILED, True)
    assert security.row_of(machine.vm("vm0"))["TpmEnabled"] is False


@pytest.mark.parametrize("power_state", ["running", "saved", "paused"])
def test_only_while_the_vm_is_off(power_state: str) -> None:
    machine = host({"state": power_state, "security": {"key_protector": True}})
    assert modify(machine, TpmEnabled=True)[0] == INVALID_STATE
    assert set_protector(machine, protector(machine))[0] == INVALID_STATE


def test_generation_1_has_no_tpm() -> None:
    machine = host({"generation": 1})
    set_protector(machine, protector(machine))
    assert modify(machine, TpmEnabled=True)[0] == NOT_SUPPORTED


def test_old_versions_have_no_security_settings() -> None:
    machine = host({"version": "5.0"}, os="server2019")
    assert security.row_of(machine.vm("vm0")) is None


def test_a_new_protector_makes_a_used_tpm_unreadable_and_the_old_one_heals_it() -> None:
    machine = host({"security": {"tpm": True}})
    before = get_protector(machine)
    assert start(machine) == 2
    power(machine, "vm0", 3)
    machine.clock.advance(1)
    set_protector(machine, protector(machine))
    assert start(machine) == 3
    assert set_protector(machine, before)[0] == OK
    assert start(machine) == 2


def test_secure_boot_is_locked_once_the_tpm_was_used() -> None:
    machine = host({"security": {"tpm": True}})
    vm = machine.vm("vm0")
    other = "272E7447-90A4-4563-A4B9-8E4AB00526CE"
    assert system(machine, vm.system, SecureBootTemplateId=other)[0] == OK
    start(machine)
    power(machine, "vm0", 3)
    machine.clock.advance(1)
    assert system(machine, vm.system, SecureBootEnabled=False)[0] == FAILED


def test_an_instance_that_names_no_vm() -> None:
    machine = host({})
    text = embedded(security.SECURITY, InstanceID="Microsoft:nope", TpmEnabled=True)
    assert call(machine, SECURITY, "ModifySecuritySettings", SecuritySettingData=text)[0] == INVALID_PARAMETER
    assert call(machine, SECURITY, "GetKeyProtector", SecuritySettingData=text)[0] == INVALID_PARAMETER


# --- guardians


def test_a_guardian_has_one_name_and_stays() -> None:
    machine = host({})
    protector(machine)
    with pytest.raises(CimError) as caught:
        hgs(machine, GUARDIAN, "NewByGenerateCertificates", Name="UntrustedGuardian", GenerateCertificates=True)
    assert caught.value.status == 0x800700B7
    (row,) = rows(machine, GUARDIAN, HGS)
    assert row["HasPrivateSigningKey"] is True


def test_self_signed_guardians_need_allow_untrusted_root() -> None:
    machine = host({}, guardians=["UntrustedGuardian"])
    (owner,) = rows(machine, GUARDIAN, HGS)
    with pytest.raises(CimError):
        hgs(machine, PROTECTOR, "NewByGuardians", Owner=owner)
    assert hgs(machine, PROTECTOR, "NewByGuardians", Owner=owner, AllowUntrustedRoot=True)["Owner"]["Name"]


def test_an_owner_that_does_not_exist() -> None:
    machine = host({})
    stranger = Instance(machine.find_class(HGS, GUARDIAN), {"Name": "nobody"})
    with pytest.raises(CimError) as caught:
        hgs(machine, PROTECTOR, "NewByGuardians", Owner=stranger, AllowUntrustedRoot=True)
    assert caught.value.status == 0x80070002


def test_the_bytes_of_a_protector_name_its_owner() -> None:
    machine = host({}, guardians=["mine"])
    raw = protector(machine, "mine")
    assert hgs(machine, PROTECTOR, "ConvertToByRawBytes", Bytes=raw)["Owner"]["Name"] == "mine"
    with pytest.raises(CimError):
        hgs(machine, PROTECTOR, "ConvertToByRawBytes", Bytes=[1, 2, 3])


@pytest.mark.parametrize("spec", [{"hgs": False}, {"hyperv": False}])
def test_hosts_without_the_client_have_no_namespace(spec: dict[str, Any]) -> None:
    with pytest.raises(CimError):
        host(**spec).find_class(HGS, GUARDIAN)
