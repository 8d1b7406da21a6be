"""Host Guardian client (root/Microsoft/Windows/Hgs): guardians and key protectors, static methods of CDXML classes.

The namespace comes with the feature HostGuardianServiceClient; `hgs: false` in the model removes it. The bytes of a
protector are the simulator's own: clients do not interpret them.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from ...cim.errors import WindowsError
from ...cim.values import Instance
from ...machine.service import Service

if TYPE_CHECKING:
    from ...machine.machine import Machine
    from ...machine.service import Call

NAMESPACE = "root/Microsoft/Windows/Hgs"
GUARDIAN, PROTECTOR, CLIENT = "MSFT_HgsGuardian", "MSFT_HgsKeyProtector", "MSFT_HgsClientConfiguration"
Answer = tuple[int, dict[str, Any]]
MAGIC = b"SIMKP1\0"
NOT_FOUND, BAD_PARAMETER, EXISTS = 2, 87, 183  # Win32 system errors
LOCAL_MODE = 2


class HostGuardian(Service):
    CLASSES = (GUARDIAN, PROTECTOR, CLIENT)

    def install(self, machine: Machine) -> None:
        for name in machine.spec.get("guardians") or ():
            _new_guardian(machine, str(name))

    # --- MSFT_HgsGuardian

    def new_by_generate_certificates(self, call: Call) -> Answer:
        """New-HgsGuardian -Name … -GenerateCertificates; a name in use is an error."""
        if not call["Name"] or not call["GenerateCertificates"]:
            raise _refuse(call, BAD_PARAMETER)
        if call.machine.repository.row(GUARDIAN, NAMESPACE, Name=call["Name"]) is not None:
            raise _refuse(call, EXISTS)
        return 0, {"cmdletOutput": _new_guardian(call.machine, call["Name"]).copy()}

    def remove(self, call: Call) -> Answer:
        row = call.machine.repository.row(GUARDIAN, NAMESPACE, Name=call["Name"]) if call["Name"] else None
        if row is None:
            raise _refuse(call, NOT_FOUND)
        call.machine.repository.remove(row)
        return 0, {}

    # --- MSFT_HgsKeyProtector

    def new_by_guardians(self, call: Call) -> Answer:
        """New-HgsKeyProtector -Owner … [-Guardian …] -AllowUntrustedRoot; self-signed guardians need the switch."""
        owner = _guardian(call, call["Owner"])
        guardians = [_guardian(call, given) for given in call["Guardian"] or ()]
        if not call["AllowUntrustedRoot"]:
            raise WindowsError(0x0109, call.machine.text("error_untrusted_root"))
        if not owner["HasPrivateSigningKey"]:
            raise _refuse(call, BAD_PARAMETER)
        stamp = call.machine.clock.now().timestamp()
        return 0, {"cmdletOutput": _protector(call.machine, owner, guardians, stamp)}

    def convert_to_by_raw_bytes(self, call: Call) -> Answer:
        """ConvertTo-HgsKeyProtector: the protector that some bytes are."""
        raw = bytes(call["Bytes"] or ())
        if not raw.startswith(MAGIC):
            raise _refuse(call, 13)
        content = json.JSONDecoder().raw_decode(raw[len(MAGIC) :].decode("utf-8", "replace"))[0]
        find = call.machine.repository.row
        stranger = {"Name": content["owner"], "HasPrivateSigningKey": False}
        owner = find(GUARDIAN, NAMESPACE, Name=content["owner"]) or call.machine.repository.new(
            GUARDIAN, stranger, NAMESPACE
        )
        guardians = [row for name in content["guardians"] if (row := find(GUARDIAN, NAMESPACE, Name=name)) is not None]
        values = {
            "Owner": owner.copy(),
            "Guardians": [guardian.copy() for guardian in guardians] or None,
            "RawData": list(raw),
        }
        return 0, {"cmdletOutput": Instance(call.machine.repository.cls(PROTECTOR, NAMESPACE), values)}

    # --- MSFT_HgsClientConfiguration

    def get(self, call: Call) -> Answer:
        """A host without attestation: local mode, not guarded."""
        return 0, {
            "cmdletOutput": call.machine.repository.new(
                CLIENT, {"IsHostGuarded": False, "Mode": LOCAL_MODE, "AttestationStatus": 0}, NAMESPACE
            )
        }


def _new_guardian(machine: Machine, name: str) -> Instance:
    """Self-signed certificates of its own: different on every host and for every guardian."""
    seed = f"{machine.name}/{name}/{machine.clock.now().timestamp()}".encode()
    return machine.repository.add(
        GUARDIAN,
        {
            "Name": name,
            "HasPrivateSigningKey": True,
            "GuardianMetadataVersion": 1,
            "SigningCertificate": list(hashlib.sha512(b"signing" + seed).digest()),
            "EncryptionCertificate": list(hashlib.sha512(b"encryption" + seed).digest()),
            "EncryptionCertificateSignature": hashlib.sha256(seed).hexdigest().upper(),
            "EncryptionCertificateSignatureAlgorithm": "sha256RSA",
        },
        NAMESPACE,
    )


def _refuse(call: Call, code: int) -> WindowsError:
    return WindowsError(code, call.machine.text(f"system_{0x80070000 | code:08x}"))


def _guardian(call: Call, given: Any) -> Instance:
    """The stored guardian that an embedded instance names."""
    name = given.get("Name") if isinstance(given, Instance) else None
    row = call.machine.repository.row(GUARDIAN, NAMESPACE, Name=name) if name else None
    if row is None:
        raise _refuse(call, NOT_FOUND if name else BAD_PARAMETER)
    return row


def _protector(machine: Machine, owner: Instance, guardians: list[Instance], stamp: float) -> Instance:
    content = {"owner": owner["Name"], "guardians": [guardian["Name"] for guardian in guardians], "made": stamp}
    raw = MAGIC + json.dumps(content, ensure_ascii=False).encode()
    raw += hashlib.sha512(raw + bytes(owner["SigningCertificate"] or ())).digest() * 16  # keys, wrapped: about 1 KB
    return Instance(
        machine.repository.cls(PROTECTOR, NAMESPACE),
        {"Owner": owner.copy(), "Guardians": [guardian.copy() for guardian in guardians] or None, "RawData": list(raw)},
    )
