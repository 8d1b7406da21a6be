"""net.exe localgroup: list, add, delete (net help localgroup)."""

from __future__ import annotations

from .process import Context

FAILED = 2  # net.exe ends with it, whatever the system error was
ACCESS_DENIED, NO_SUCH_GROUP = 5, 1376


def main(context: Context) -> int:
    words = [word for word in context.arguments if not word.startswith("/")]
    switches = {word.partition(":")[0].lower(): word.partition(":")[2] for word in context.arguments if word[:1] == "/"}
    if not words or words[0].lower() != "localgroup" or set(switches) - {"/add", "/delete", "/comment"}:
        raise NotImplementedError(f"the simulator's net.exe knows localgroup: {context.command_line}")
    groups, names = context.machine.groups, words[1:]
    changes = {"/add", "/delete"} & set(switches)
    if changes and context.user and not context.user.administrator:
        return _failed(context, ACCESS_DENIED)
    if not names:
        lines = "".join(f"*{name}\r\n" for name in groups)
        context.out(f"\r\nAliases for \\\\{context.machine.name.upper()}\r\n\r\n{'-' * 79}\r\n{lines}")
        return _done(context)
    if not changes:
        known = groups.known(names[0])
        if known is None:
            return _failed(context, NO_SUCH_GROUP)
        members = "".join(f"{name}\r\n" for name in groups.members(known))
        comment = groups.comments.get(known.lower(), "")
        context.out(f"Alias name     {known}\r\nComment        {comment}\r\n\r\nMembers\r\n\r\n{'-' * 79}\r\n{members}")
        return _done(context)
    for account in names[1:]:
        if code := groups.change_member(names[0], account, add="/add" in changes):
            return _failed(context, code)
    if len(names) == 1:
        add = "/add" in changes
        code = groups.add(names[0], switches.get("/comment", "").strip('"')) if add else groups.delete(names[0])
        if code:
            return _failed(context, code)
    return _done(context)


def _done(context: Context) -> int:
    context.out(f"{context.machine.text('net_done')}\r\n\r\n")
    return 0


def _failed(context: Context, code: int) -> int:
    text = context.machine.text
    context.err(f"{text('net_failed', code=code)}\r\n\r\n{text(f'win32_{code}')}\r\n\r\n")
    return FAILED
