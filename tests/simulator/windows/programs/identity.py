"""hostname.exe and whoami.exe."""

from __future__ import annotations

import zlib

from .process import Context

ADMINISTRATOR_RID = 500


def hostname(context: Context) -> int:
    context.out(f"{context.machine.name}\r\n")
    return 0


def whoami(context: Context) -> int:
    name = context.user.name if context.user else "system"
    account = rf"{context.machine.name}\{name}".lower()
    words = [argument.lower() for argument in context.arguments]
    if "/user" not in words:
        context.out(f"{account}\r\n")
        return 0
    if "/nh" not in words:
        context.out('"User Name","SID"\r\n')
    context.out(f'"{account}","{security_id(context.machine.name, name)}"\r\n')
    return 0


def security_id(machine: str, user: str) -> str:
    """The SID of a local account: the same in every run, 500 for the built-in administrator."""
    rid = ADMINISTRATOR_RID if user.lower() == "administrator" else 1001 + zlib.crc32(user.lower().encode()) % 9000
    domain = "-".join(str(zlib.crc32(f"{machine.lower()}/{part}".encode())) for part in range(3))
    return f"S-1-5-21-{domain}-{rid}"
