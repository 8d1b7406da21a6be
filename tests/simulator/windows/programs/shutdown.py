"""shutdown.exe: /r, /s and /a, with /t (shutdown /?)."""

from __future__ import annotations

from .process import Context

DEFAULT_SECONDS = 30
ACCESS_DENIED, USAGE = 5, 1
TEXTS = {
    5: "Access is denied.",
    1115: "A system shutdown is in progress.",
    1116: "Unable to abort the system shutdown because no shutdown was in progress.",
    1190: "A system shutdown has already been scheduled.",
}


def main(context: Context) -> int:
    words = [argument.lower().replace("-", "/", 1) for argument in context.arguments]
    restart = context.machine.restart
    if context.user and not context.user.administrator:
        code = ACCESS_DENIED
    elif "/a" in words:
        code = restart.abort()
    elif "/r" in words or "/s" in words:
        seconds = words[words.index("/t") + 1] if "/t" in words[:-1] else str(DEFAULT_SECONDS)
        if not seconds.isdigit():
            return USAGE
        code = restart.schedule(int(seconds), restart="/r" in words)
    else:
        return USAGE
    if code:
        context.err(f"{TEXTS[code]}({code})\r\n")
    return code
