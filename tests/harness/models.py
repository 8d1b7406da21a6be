# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Models that the tests of several modules share."""

from __future__ import annotations

from typing import Any

# Four physical adapters, a switch of each type and two of one name, VMs that are off, running and saved.
NETWORK_HOST: dict[str, Any] = {
    "hosts": [
        {
            "name": "hv01",
            "os": "server2022",
            "network_adapters": [
                {"name": "Ethernet", "addresses": ["192.0.2.10/24"], "gateway": "192.0.2.1"},
                {"name": "Ethernet 2", "description": "Broadcom 57414"},
                {"name": "Ethernet 3", "description": "Mellanox ConnectX-5", "addresses": ["198.51.100.10/24"]},
                {"name": "Ethernet 4", "description": "Mellanox ConnectX-5 #2"},
            ],
            "switches": [
                {
                    "name": "External",
                    "type": "external",
                    "adapters": ["Ethernet"],
                    "notes": "to the office",
                    "bandwidth_mode": 1,
                },
                {"name": "Internal", "type": "internal", "addresses": ["10.9.8.1/24"]},
                {"name": "Private", "type": "private"},
                {"name": "Twin", "type": "private", "id": "11111111-0000-0000-0000-000000000001"},
                {"name": "TWIN", "type": "private", "id": "11111111-0000-0000-0000-000000000002"},
            ],
            "vms": [
                {
                    "name": "lab01",
                    "adapters": [
                        {"name": "LAN", "switch": "External", "mac_spoofing": False, "vlan": 20},
                        {"name": "Loose", "connection": False},
                        {"name": "Twin", "switch": "Private"},
                        {"name": "TWIN", "switch": "Private"},
                    ],
                },
                {"name": "web01", "state": "running", "adapters": [{"name": "LAN", "switch": "External"}]},
                {
                    "name": "old01",
                    "state": "running",
                    "generation": 1,
                    "adapters": [{"name": "LAN", "switch": "Internal"}, {"name": "Legacy", "legacy": True}],
                },
                {"name": "saved01", "state": "saved", "adapters": [{"name": "LAN", "switch": "Internal"}]},
            ],
        }
    ]
}
