"""The sshd of a guest, as far as its greeting (RFC 4253 4.2)."""

from __future__ import annotations

import contextlib
import socket
import threading

from .reservation import reserve

BANNER = b"SSH-2.0-OpenSSH_9.6p1 Ubuntu-3ubuntu13.5\r\n"


class SshListener:
    """A port that greets while it is started. It can be restarted on the same port."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.host, self.port = host, 0
        self._reserved: socket.socket | None = None
        self._socket: socket.socket | None = None

    def start(self) -> None:
        if self._socket is not None:
            return
        if self._reserved is None:
            self._reserved = reserve(self.host, self.port)
            self.port = self._reserved.getsockname()[1]
        self._socket = socket.create_server((self.host, self.port))
        threading.Thread(target=self._serve, args=(self._socket,), name=f"ssh-{self.port}", daemon=True).start()

    def stop(self) -> None:
        listening, self._socket = self._socket, None
        if listening is not None:
            with contextlib.suppress(OSError):
                listening.shutdown(socket.SHUT_RDWR)  # wakes accept()
            listening.close()

    def close(self) -> None:
        """Stop for good."""
        self.stop()
        if self._reserved is not None:
            self._reserved.close()

    def _serve(self, listening: socket.socket) -> None:
        with contextlib.suppress(OSError):  # it was stopped
            while True:
                client, _address = listening.accept()
                with client, contextlib.suppress(OSError):
                    client.sendall(BANNER)
                    client.settimeout(1)
                    client.recv(256)  # so that the greeting isn't lost with a reset
