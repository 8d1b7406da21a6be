r"""Msvm_SecuritySettingData: virtual TPM, shielding and state encryption of a VM, and its key protector."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...machine.files import check_keys
from ...machine.jobs import FAILED, INVALID_PARAMETER, INVALID_STATE, NOT_SUPPORTED, Refused
from ..states import OFF
from . import Setting

if TYPE_CHECKING:
    from ...cim.values import Instance
    from ..vm import Vm

SECURITY = "Msvm_SecuritySettingData"
DEVICE = "A2B8B2E5-4E5B-4C0C-8A0E-6C0F9E2B7D31"  # the real GUID is unknown: ASSUMPTIONS VM-08
DEFAULTS = {
    "TpmEnabled": False,
    "KsdEnabled": False,
    "ShieldingRequested": False,
    "EncryptStateAndVmMigrationTraffic": False,
    "DataProtectionRequested": False,
    "VirtualizationBasedSecurityOptOut": False,
    "BindToHostTpm": False,
}
NO_PROTECTOR = b"\0\0\0\0"
UNREADABLE = 0xC000A002  # seen when the key protector of a used virtual TPM was replaced
SINCE = (8, 0)  # configuration version (Windows Server 2016)


@dataclass
class Tpm:
    """`sealed_with`: the protector the virtual TPM's state was written with at the first start; empty before."""

    protector: bytes = NO_PROTECTOR
    previous: bytes = NO_PROTECTOR
    sealed_with: bytes = b""


class Security(Setting):
    CLASSES = (SECURITY,)

    def install_vm(self, vm: Vm, spec: dict[str, Any]) -> None:
        if vm.version < SINCE:
            return
        wanted = spec.get("security") or {}
        check_keys(wanted, {"tpm", "key_protector"}, f"{vm.name}: security")
        tpm = bool(wanted.get("tpm"))
        vm.machine.repository.add(
            SECURITY, {"InstanceID": f"Microsoft:{vm.id}\\{DEVICE}", **DEFAULTS, "TpmEnabled": tpm}, owner=vm.id
        )
        if tpm or wanted.get("key_protector"):
            vm.tpm.protector = f"KP:model:{vm.id}".encode()


def row_of(vm: Vm) -> Instance | None:
    return next(iter(vm.rows(SECURITY)), None)


def check(vm: Vm, values: dict[str, Any]) -> None:
    """Only while the VM is off; a virtual TPM needs generation 2 and a key protector (Enable-VMTPM docs)."""
    if not values:
        return
    if vm.busy or vm.state != OFF:
        raise vm.refusal("error_state", INVALID_STATE)
    if vm.generation == 1 and set(values) - {"KsdEnabled", "EncryptStateAndVmMigrationTraffic"}:
        raise Refused(NOT_SUPPORTED)
    if vm.generation == 2 and values.get("KsdEnabled"):
        raise Refused(NOT_SUPPORTED)  # the key storage drive is generation 1's (Add-VMKeyStorageDrive docs)
    needs_protector = ("TpmEnabled", "KsdEnabled", "EncryptStateAndVmMigrationTraffic", "ShieldingRequested")
    if any(values.get(name) for name in needs_protector) and vm.tpm.protector == NO_PROTECTOR:
        raise vm.refusal("error_no_protector", FAILED, in_job=True)
    if set(values) - set(DEFAULTS):
        raise Refused(INVALID_PARAMETER)


def why_not_start(vm: Vm) -> Refused | None:
    """A virtual TPM opens only with the key protector its state was written with; the first start writes it."""
    row = row_of(vm)
    if row is None or not row["TpmEnabled"]:
        return None
    if vm.tpm.sealed_with not in (b"", vm.tpm.protector):
        return vm.refusal("error_tpm", FAILED, hresult=UNREADABLE)
    vm.tpm.sealed_with = vm.tpm.protector
    return None


def locked(vm: Vm) -> bool:
    """True once the virtual TPM has been used; the secure boot template is fixed from then on."""
    return bool(vm.tpm.sealed_with)
