"""Settings of the WinRM service (`winrm get winrm/config`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True)
class Settings:
    """Limits and switches of the WinRM service, with the defaults of Windows (Win32 "Installation and Configuration
    for Windows Remote Management"); times in seconds.
    """

    max_envelope_kb: int = 500
    # One page of an enumeration: 150 KB of UTF-16, the size of every full page captured from Windows Server 2012,
    # though its client asked for 512,000.
    page_characters: int = 76_800
    max_timeout: float = 60.0
    max_batch_items: int = 32_000
    max_operations_per_user: int = 1_500
    max_shells_per_user: int = 30
    enumeration_timeout: float = 60.0
    shell_idle_timeout: float = 7_200.0
    # The service's default; a host prepared for Ansible over plain Basic has it on.
    allow_unencrypted: bool = False
    basic: bool = True
    negotiate: bool = True
    certificate: bool = True
    credssp: bool = False
    # No setting of Windows: whether WINRS_SKIP_CMD_SHELL is obeyed, or ignored as MS-WSMV note 117 says (PROTO-21).
    skip_cmd_shell: bool = False
    # No settings of Windows, since no source says it of WinRM (PROTO-09): how an [OctetString] comes ("base64" in one
    # element, "prefixed" with its length of four octets, or as "elements"), and other uint8[] in both directions.
    octet_strings: str = "base64"
    byte_arrays: str = "elements"
    # No setting of Windows: a class that real hosts have and the simulator lacks is a failure of its own (501).
    strict: bool = False

    @classmethod
    def of(cls, values: Mapping[str, Any] | None) -> Settings:
        """From the `winrm` part of a model file; ValueError names unknown settings."""
        unknown = set(values or {}) - {field.name for field in fields(cls)}
        if unknown:
            raise ValueError(f"unknown winrm settings: {', '.join(sorted(unknown))}")
        return cls(**(values or {}))
