# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ports that stay a machine's own while it is off."""

from __future__ import annotations

import socket


def reserve(host: str, port: int) -> socket.socket:
    """A socket that is bound to a port, any free one for 0, and never listens.

    Connections are refused, the system gives the port to nobody else, and a listener with SO_REUSEADDR can have it.
    """
    reserved = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        reserved.bind((host, port))
    except OSError:
        reserved.close()
        raise
    return reserved
