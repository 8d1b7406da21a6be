"""icacls.exe: show and change access control lists (icacls /?)."""

from __future__ import annotations

import ntpath
import re
from collections.abc import Callable

from ..acls import Entry, name_of, sid_of
from .process import Context

NO_ACCOUNT, BAD_PARAMETER, ACCESS_DENIED = 1332, 87, 5
_RIGHTS = re.compile(r"((?:\((?:OI|CI|IO|NP)\))*)(?:\(([A-Z,]+)\)|([A-Z]+))", re.IGNORECASE)
_SWITCHES = ("/t", "/c", "/l", "/q")
_INHERITANCE = re.compile(r"/inheritance(?:level)?:([edr])", re.IGNORECASE)


class Failed(Exception):
    """A Windows error, and what it is about."""

    def __init__(self, code: int, about: str) -> None:
        super().__init__(about)
        self.code, self.about = code, about


def main(context: Context) -> int:
    words = list(context.arguments)
    if not words or words[0].startswith("/"):
        return BAD_PARAMETER
    path = ntpath.normpath(ntpath.join(context.directory, words.pop(0)))
    quiet = "/q" in map(str.lower, words)
    try:
        paths = _paths(context, path, everything="/t" in map(str.lower, words))
        changes = _changes(context, [word for word in words if word.lower() not in _SWITCHES])
        if changes and context.user and not context.user.administrator:
            raise Failed(ACCESS_DENIED, path)
    except Failed as failure:
        context.err(f"{failure.about}: {context.machine.text(f'message_{failure.code}')}\r\n")
        if failure.code != BAD_PARAMETER:
            _sum_up(context, 0, 1)
        return failure.code
    for one in paths:
        if not changes:
            _show(context, one)
        for change in changes:
            change(one)
        if changes and not quiet:
            context.out(context.machine.text("icacls_processed", path=one) + "\r\n")
    _sum_up(context, len(paths), 0)
    return 0


def _paths(context: Context, path: str, *, everything: bool) -> list[str]:
    files = context.machine.files
    if not files.has_folder(path) and files.get(path) is None:
        raise Failed(2 if files.has_folder(ntpath.dirname(path)) else 3, path)
    below = [one for one in files.folders() if one.lower().startswith(path.lower() + "\\")] if everything else []
    return [path, *below, *(file.path for file in (files.within(path) if everything else ()))]


def _sum_up(context: Context, done: int, failed: int) -> None:
    context.out(context.machine.text("icacls_summary", done=done, failed=failed) + "\r\n")


def _show(context: Context, path: str) -> None:
    lines = [
        f"{name_of(context.machine, entry.sid)}:{'(I)' if entry.inherited else ''}{'(DENY)' if entry.denied else ''}"
        + entry.rights
        for entry in context.machine.acls.read(path)
    ]
    indent = " " * (len(path) + 1)
    context.out(f"{path} " + f"\r\n{indent}".join(lines) + "\r\n\r\n")


def _changes(context: Context, words: list[str]) -> list[Callable[[str], None]]:
    """What to do with each file."""
    changes: list[Callable[[str], None]] = []
    while words:
        word = words.pop(0)
        lower = word.lower()
        values: list[str] = []
        if found := _INHERITANCE.fullmatch(lower):
            changes.append(_inheritance(context, found[1]))
            continue
        while words and not words[0].startswith("/"):
            values.append(words.pop(0))
        if lower == "/reset":
            changes.append(context.machine.acls.reset)
        elif lower == "/setowner" and values:
            _sid(context, values[0])
        elif lower in ("/grant", "/grant:r", "/deny") and values:
            changes += [_grant(context, value, replace=lower == "/grant:r", deny=lower == "/deny") for value in values]
        elif lower in ("/remove", "/remove:g", "/remove:d") and values:
            changes += [_remove(context, value) for value in values]
        else:
            raise Failed(BAD_PARAMETER, word)
    return changes


def _sid(context: Context, account: str) -> str:
    sid = sid_of(context.machine, account)
    if sid is None:
        raise Failed(NO_ACCOUNT, account)
    return sid


def _grant(context: Context, value: str, *, replace: bool, deny: bool) -> Callable[[str], None]:
    account, _separator, given = value.rpartition(":")
    found = _RIGHTS.fullmatch(given)
    if not account or not found:
        raise Failed(BAD_PARAMETER, value)
    sid, acls = _sid(context, account), context.machine.acls
    rights = f"{found[1].upper()}({(found[2] or found[3]).upper()})"

    def change(path: str) -> None:
        entries = acls.read(path)
        if replace:
            entries = [one for one in entries if one.sid != sid or one.inherited or one.denied]
        new = Entry(sid, rights, denied=deny)
        acls.write(path, entries if new in entries else [new, *entries])

    return change


def _remove(context: Context, account: str) -> Callable[[str], None]:
    sid, acls = _sid(context, account), context.machine.acls
    return lambda path: acls.write(path, [one for one in acls.read(path) if one.sid != sid or one.inherited])


def _inheritance(context: Context, letter: str) -> Callable[[str], None]:
    """e: with what is inherited, d: with copies of it, r: without it."""
    acls = context.machine.acls

    def change(path: str) -> None:
        explicit = [one for one in acls.read(path) if not one.inherited]
        if letter == "e":
            acls.write(path, [*explicit, *acls.inherited(path)])
        elif letter == "d":
            acls.write(path, [one._replace(inherited=False) for one in acls.read(path)])
        else:
            acls.write(path, explicit)

    return change
