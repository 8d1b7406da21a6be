"""hostname.exe and whoami.exe."""

from __future__ import annotations

import zlib

from .process import NETWORK, Context

ADMINISTRATOR_RID = 500
# whoami /?
WHOAMI = ("/user", "/groups", "/fo", "csv", "list", "table", "/nh")


def hostname(context: Context) -> int:
    context.out(f"{context.machine.name}\r\n")
    return 0


def whoami(context: Context) -> int:
    name = context.user.name if context.user else "system"
    account = rf"{context.machine.name}\{name}".lower()
    words = [argument.lower() for argument in context.arguments]
    unknown = next((word for word in words if word not in WHOAMI), None)
    if unknown:
        context.err(f"ERROR: Invalid argument/option - '{unknown}'.\r\nType \"WHOAMI /?\" for usage.\r\n")
        return 1
    if "/groups" in words:
        return _groups(context, "/nh" in words)
    if "/user" not in words:
        context.out(f"{account}\r\n")
        return 0
    if "/nh" not in words:
        context.out('"User Name","SID"\r\n')
    context.out(f'"{account}","{security_id(context.machine.name, name)}"\r\n')
    return 0


def _groups(context: Context, headless: bool) -> int:
    """High integrity for administrators, and the group of the kind of logon."""
    administrator = context.user is None or context.user.administrator
    level = ("High Mandatory Level", "S-1-16-12288") if administrator else ("Medium Mandatory Level", "S-1-16-8192")
    network = context.logon == NETWORK
    rows = [
        ("Everyone", "Well-known group", "S-1-1-0"),
        *([("BUILTIN\\Administrators", "Alias", "S-1-5-32-544")] if administrator else []),
        (
            "NT AUTHORITY\\NETWORK" if network else "NT AUTHORITY\\BATCH",
            "Well-known group",
            f"S-1-5-{2 if network else 3}",
        ),
        (f"Mandatory Label\\{level[0]}", "Label", level[1]),
    ]
    if not headless:
        context.out('"Group Name","Type","SID","Attributes"\r\n')
    context.out("".join(f'"{name}","{kind}","{sid}",""\r\n' for name, kind, sid in rows))
    return 0


def security_id(machine: str, user: str) -> str:
    """The SID of a local account: the same in every run, 500 for the built-in administrator."""
    rid = ADMINISTRATOR_RID if user.lower() == "administrator" else 1001 + zlib.crc32(user.lower().encode()) % 9000
    domain = "-".join(str(zlib.crc32(f"{machine.lower()}/{part}".encode())) for part in range(3))
    return f"S-1-5-21-{domain}-{rid}"
