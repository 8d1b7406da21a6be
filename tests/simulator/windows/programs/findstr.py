"""findstr.exe: lines of standard input that match an expression (findstr /?); the simulator knows ^, which all do."""

from __future__ import annotations

from .process import Context, Steps

LONGEST = 8191  # octets of a line (Microsoft, "findstr")
NOTHING_FOUND, ERROR = 1, 2


def main(context: Context) -> Steps:
    if context.arguments != ("^",):
        raise NotImplementedError(f"the simulator's findstr.exe knows ^ and standard input: {context.command_line}")
    lines = (yield from context.read_all()).splitlines(keepends=True)
    for number, line in enumerate(lines, 1):
        if len(line.rstrip(b"\r\n")) > LONGEST:
            context.err(f"FINDSTR: Line {number} is too long.\r\n")
            return ERROR
        context.out(line)
    return 0 if lines else NOTHING_FOUND
