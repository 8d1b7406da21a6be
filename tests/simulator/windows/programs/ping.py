"""ping.exe: an answer each second, for ever with -t."""

from __future__ import annotations

from .process import Context, Steps

TIMES = 4


def main(context: Context) -> Steps:
    words = list(context.arguments)
    lowered = [word.lower() for word in words]
    times = int(words[lowered.index("-n") + 1]) if "-n" in lowered[:-1] else TIMES
    host = next((word for word in reversed(words) if word[:1] not in "-/" and not word.isdigit()), None)
    if host is None:
        return 1
    context.out(f"\r\nPinging {host} with 32 bytes of data:\r\n")
    count = 0
    while "-t" in lowered or count < times:
        context.out(f"Reply from {host}: bytes=32 time<1ms TTL=128\r\n")
        count += 1
        yield 1.0
    context.out(f"\r\nPing statistics for {host}:\r\n")
    context.out(f"    Packets: Sent = {count}, Received = {count}, Lost = 0 (0% loss),\r\n")
    return 0
