# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The flows of the fault matrix: tasks of every module, and the playbooks, on a host that has a bit of everything."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ansible_collections.nested.hyperv.tests.harness import containers
from ansible_collections.nested.hyperv.tests.harness.lab import Lab
from ansible_collections.nested.hyperv.tests.harness.plays import run_playbook
from ansible_collections.nested.hyperv.tests.simulator.machine.contents import octets
from ansible_collections.nested.hyperv.tests.simulator.windows.docker.archives import engine_zip, image_tar


class Flow(NamedTuple):
    """A task (`module`) or playbook with its options or variables, on HOST.

    `nat`: on a host that has a NAT. `guest`: on GUEST_MACHINE with this instead.
    """

    name: str
    runs: str
    args: Mapping[str, Any]
    nat: bool = False
    guest: Mapping[str, Any] | None = None

    @property
    def is_playbook(self) -> bool:
        return self.name.startswith("playbook ")

    @property
    def model(self) -> Mapping[str, Any]:
        if self.guest is not None:
            return {"hosts": [{**GUEST_MACHINE, **self.guest}]}
        return {"hosts": [{**HOST, **(NAT if self.nat else {})}]}

    def run(self, lab: Lab) -> dict[str, Any]:
        """The result of the task; of a playbook, its results as one."""
        return run_playbook(lab, self.runs, self.args) if self.is_playbook else lab.run(self.runs, **self.args)


IMAGE = "sha256:5eb717bc248fa0f52b64a256b909f0d7842ea09360eea1be388ddc71688744a0"  # of a disk of 40 GB
SMALL_IMAGE = Path(__file__).resolve().parents[1] / "unit/contract/files/seed.iso"
CHECKPOINTS = [{"name": "clean", "children": [{"name": "later", "current": True}]}]
GUEST = {"shutdown_seconds": 2, "boot_seconds": 1}
HOST: dict[str, Any] = {
    "name": "hv01",
    "memory": "256GB",
    "network_adapters": [
        {"name": "Ethernet", "addresses": ["192.0.2.10/24"], "gateway": "192.0.2.1"},
        {"name": "Ethernet 2"},
        {"name": "Ethernet 3"},
        {"name": "Ethernet 4"},
    ],
    "switches": [
        {"name": "LAN", "type": "external", "adapters": ["Ethernet"]},
        {"name": "Lab", "type": "internal", "addresses": ["10.9.8.1/24"]},
        {"name": "Team", "type": "external", "adapters": ["Ethernet 3", "Ethernet 4"]},
        {"name": "Old", "type": "private"},
    ],
    "folders": [r"C:\Training"],
    "web": {"https://files.example.com/base.vhdx": {"content": {"disk": {"size": "40GB"}}, "seconds": 20}},
    "files": [
        {"path": r"C:\ISO\setup.iso", "size": "5GB"},
        {"path": r"C:\ISO\drivers.iso", "size": "1GB"},
        {"path": r"C:\VMs\spare.vhdx", "size": "10GB"},
        {"path": r"C:\Images\base.vhdx", "size": "40GB"},
        {"path": r"C:\Images\golden.vhdx", "content": {"disk": {"size": "30GB"}}},
        {"path": r"C:\Images\new.vhdx", "content": {"disk": {"size": "40GB"}}},
        {"path": r"C:\Seeds\old.iso", "content": "no image"},
    ],
    "vms": [
        {
            "name": "web01",
            "version": "9.0",
            "state": "running",
            "processors": 2,
            "memory": {"startup": "2GB", "dynamic": True, "minimum": "1GB", "maximum": "4GB"},
            "adapters": [{"name": "LAN", "switch": "LAN"}],
            "disks": [{"path": r"C:\VMs\web.vhdx", "size": "40GB"}, {"path": r"C:\VMs\data.vhdx", "size": "10GB"}],
            "dvd_drives": [{"path": r"C:\ISO\setup.iso", "location": 5}],
            "guest": GUEST,
        },
        {
            "name": "lab01",
            "memory": "2GB",
            "adapters": [{"name": "LAN", "switch": "LAN"}],
            "disks": [{"path": r"C:\VMs\lab.vhdx", "size": "40GB"}],
            "checkpoints": CHECKPOINTS,
            "guest": GUEST,
        },
        {
            "name": "srv01",
            "state": "running",
            "memory": "2GB",
            "adapters": [{"name": "LAN", "switch": "Lab"}],
            "disks": [{"path": r"C:\VMs\srv01\srv01.vhdx", "size": "40GB"}],
            "checkpoints": CHECKPOINTS,
            "guest": GUEST,
        },
        {
            "name": "nested01",
            "state": "running",
            "nested": True,
            "memory": "4GB",
            "adapters": [{"name": "LAN", "switch": "LAN", "mac_spoofing": True}],
            "guest": GUEST,
        },
        {"name": "saved01", "state": "saved", "adapters": [{"name": "LAN", "switch": "Old"}]},
    ],
}
ADAPTERS: dict[str, Any] = {
    "network_adapters": [
        {"name": "Ethernet", "mac": "02-15-5D-00-00-01", "addresses": ["192.168.44.50/24"], "dhcp": True},
        {"name": "Ethernet 2", "mac": "02-15-5D-00-00-02", "addresses": [], "dhcp": True},
    ]
}
SEED = {"computer_name": "new01", "administrator_password": "Correct-Horse-7"}
SSH = {"external_port": 2222, "internal_address": "10.9.8.10", "internal_port": 22}
WEB = {"external_port": 8080, "internal_address": "10.9.8.11", "internal_port": 80}
NAT = {
    "nats": [
        {
            "name": "Lab",
            "prefix": "10.9.8.0/24",
            "mappings": [
                {"protocol": "tcp", **SSH},
                {"protocol": "tcp", **WEB},
            ],
        }
    ]
}
CYCLE = {"allow_power_cycle": True}

# The guests: Windows in a VM, as the tasks see it, whose changes take time.
GUEST_MACHINE: dict[str, Any] = {
    "name": "hv01",
    "os": "server2022",
    "hyperv": False,
    "restart": {"closing": 3, "boot": 60},
    "servicing": {"seconds": 20, "after_restart": 45},
}
FILES = {
    "files": [{"path": r"C:\app\old.txt", "content": "old"}],
    "folders": [r"C:\empty"],
}
SERVICES = {
    "services": {
        "Slow": {"path": r"C:\slow.exe", "seconds": 20},
        "Idle": {"path": r"C:\idle.exe", "start": "Manual", "state": "Stopped", "seconds": 5},
    }
}
WSL_MSI, WSL_NEXT = r"C:\install\wsl.2.7.14.0.x64.msi", r"C:\install\wsl.2.9.4.0.x64.msi"
WSL_URL = "https://files.example.com/wsl.2.7.14.0.x64.msi"
ROOTFS, ROOTFS_URL = r"C:\install\rootfs.tar.gz", "https://files.example.com/rootfs.tar.gz"
LINUX_FILE: dict[str, Any] = {"rootfs": {"users": ["bob"]}}
WSL_FEATURES = ["Microsoft-Windows-Subsystem-Linux", "VirtualMachinePlatform"]
WSL_GUEST: dict[str, Any] = {
    "files": [
        {"path": WSL_MSI, "content": {"msi": {}}},
        {"path": WSL_NEXT, "content": {"msi": {"version": "2.9.4.0"}}},
        {"path": ROOTFS, "content": LINUX_FILE},
    ],
    "web": {
        WSL_URL: {"content": {"msi": {}}, "seconds": 60},
        ROOTFS_URL: {"content": LINUX_FILE, "seconds": 60},
    },
}
WSL_READY = {**WSL_GUEST, "features": dict.fromkeys(WSL_FEATURES, "enabled")}
WSL: dict[str, Any] = {"version": "2.7.14.0", "seconds": {"start": 8, "import": 30}}
WSL_INSTALLED = {**WSL_READY, "wsl": WSL}
NETWORK_LOGON = {**WSL_READY, "wsl": {**WSL, "network_logon": "E_ACCESSDENIED"}}
UBUNTU = {**WSL_READY, "wsl": {**WSL, "distributions": [{"name": "Ubuntu", **LINUX_FILE}]}}
ENGINE_GUEST: dict[str, Any] = {
    "hyperv": True,
    "features": {"Containers": "enabled"},
    "files": [
        {"path": containers.ZIP, "content": engine_zip(containers.VERSION)},
        {"path": containers.NEXT_ZIP, "content": engine_zip(containers.NEXT)},
        {"path": containers.SAVED, "content": image_tar("10.0.20348.5386", containers.NANO)},
    ],
    "web": {containers.URL: {"content": engine_zip(containers.VERSION), "seconds": 60}},
}
ENGINE = {**ENGINE_GUEST, "docker": containers.ENGINE}
WEB_SERVER: dict[str, Any] = {"name": "web", "image": containers.NANO, "command": containers.PING}
ENGINE_WITH_IMAGE = {**ENGINE_GUEST, "docker": {**containers.ENGINE, "images": [containers.NANO]}}
RUNS: dict[str, Any] = {**WEB_SERVER, "isolation": "hyperv", "state": "running"}
WITH_CONTAINER = {**ENGINE_GUEST, "docker": {**ENGINE_WITH_IMAGE["docker"], "containers": [RUNS]}}
WITH_STOPPED = {**ENGINE_GUEST, "docker": {**ENGINE_WITH_IMAGE["docker"], "containers": [{**RUNS, "state": "created"}]}}


def sha256(content: Any) -> str:
    return f"sha256:{hashlib.sha256(octets(content)).hexdigest()}"


NEW_DISK = {"path": r"C:\VMs\new.vhdx", "size": "40GB"}

FLOWS = (
    Flow("vm create", "vm", {
        "name": "new01", "notes": "new", "processor": {"count": 2}, "memory": {"startup": "1GB", "dynamic": False},
        "disks": [NEW_DISK], "dvd_drives": [{"path": r"C:\ISO\setup.iso"}], "nesting": {"state": "enabled"},
        "network_adapters": [{"name": "LAN", "switch": "LAN", "vlan": {"mode": "access", "id": 5}}],
    }),
    Flow("vm create and start", "vm", {
        "name": "new01", "state": "running", "memory": {"startup": "1GB", "dynamic": False}, "disks": [NEW_DISK],
        "tpm": True, "network_adapters": [{"name": "LAN", "switch": "LAN"}],
    }),
    Flow("vm change, off", "vm", {
        "name": "lab01", "notes": "new", "processor": {"count": 4}, "memory": {"startup": "4GB"},
        "integration_services": {"vss": False}, "automatic_start": {"action": "nothing"}, "tpm": True,
    }),
    Flow("vm change with power cycle", "vm", {
        "name": "web01", "notes": "new", "processor": {"count": 4}, "memory": {"startup": "4GB", "dynamic": False},
        "checkpoints": {"type": "standard"}, **CYCLE,
    }),
    Flow("vm change, saved", "vm", {
        "name": "saved01", "processor": {"count": 4}, "discard_saved_state": True, "allow_power_cycle": True,
    }),
    Flow("vm upgrade with power cycle", "vm", {
        "name": "web01", "version": "latest", "upgrade_version": True, **CYCLE,
    }),
    Flow("vm start", "vm", {"name": "lab01", "state": "running", "wait_for": "heartbeat"}),
    Flow("vm shut down", "vm", {"name": "web01", "state": "off"}),
    Flow("vm turn off", "vm", {"name": "web01", "state": "off", "force_off": True}),
    Flow("vm save", "vm", {"name": "web01", "state": "saved"}),
    Flow("vm pause", "vm", {"name": "web01", "state": "paused"}),
    Flow("vm restart", "vm", {"name": "web01", "state": "restarted"}),
    Flow("vm remove", "vm", {"name": "web01", "state": "absent", "delete_disks": True}),
    Flow("vm remove with checkpoints", "vm", {
        "name": "lab01", "state": "absent", "delete_disks": True, "remove_checkpoints": True,
    }),
    Flow("vm_memory with power cycle", "vm_memory", {"name": "web01", "dynamic": False, "startup": "4GB", **CYCLE}),
    Flow("vm_memory, running", "vm_memory", {"name": "web01", "maximum": "8GB", "priority": 80}),
    Flow("vm_processor with power cycle", "vm_processor", {"name": "web01", "count": 4, **CYCLE}),
    Flow("vm_nesting with power cycle", "vm_nesting", {
        "name": "web01", "mac_spoofing": True, "static_memory": True, "minimum_startup_memory": "4GB", **CYCLE,
    }),
    Flow("vm_nesting disable", "vm_nesting", {"name": "nested01", "state": "disabled", "mac_spoofing": False, **CYCLE}),
    Flow("host_image download", "host_image", {
        "path": r"C:\New\images\base.vhdx", "source": "https://files.example.com/base.vhdx", "checksum": IMAGE,
    }),
    Flow("host_image send", "host_image", {"path": r"C:\ISO\seed.iso", "src": str(SMALL_IMAGE)}),
    Flow("host_image replace by a copy", "host_image", {
        "path": r"C:\Images\golden.vhdx", "source": r"C:\Images\new.vhdx", "checksum": IMAGE, "force": True,
    }),
    Flow("host_image remove", "host_image", {"path": r"C:\Images\golden.vhdx", "state": "absent"}),
    Flow("vm_disk create", "vm_disk", {"path": r"C:\VMs\other.vhdx", "size": "10GB"}),
    Flow("vm_disk create in a new folder", "vm_disk", {"path": r"C:\New\lab 1\other.vhdx", "size": "10GB"}),
    Flow("vm_disk create and attach", "vm_disk", {"vm": "web01", "path": r"C:\VMs\logs.vhdx", "size": "10GB"}),
    Flow("vm_disk attach with controller", "vm_disk", {
        "vm": "web01", "path": r"C:\VMs\spare.vhdx", "controller_number": 1, **CYCLE,
    }),
    Flow("vm_disk copy", "vm_disk", {"path": r"C:\VMs\copy.vhdx", "source": r"C:\VMs\spare.vhdx", "size": "20GB"}),
    Flow("vm_disk convert", "vm_disk", {
        "path": r"C:\VMs\spare.vhd", "source": r"C:\VMs\spare.vhdx", "type": "fixed",
    }),
    Flow("vm_disk expand", "vm_disk", {"path": r"C:\VMs\spare.vhdx", "size": "20GB"}),
    Flow("vm_disk detach", "vm_disk", {"vm": "web01", "path": r"C:\VMs\data.vhdx", "state": "absent"}),
    Flow("vm_disk remove", "vm_disk", {
        "vm": "web01", "path": r"C:\VMs\data.vhdx", "state": "absent", "delete_file": True,
    }),
    Flow("vm_dvd_drive create", "vm_dvd_drive", {"vm": "lab01", "path": r"C:\ISO\setup.iso"}),
    Flow("vm_dvd_drive change", "vm_dvd_drive", {"vm": "web01", "path": r"C:\ISO\drivers.iso"}),
    Flow("vm_dvd_drive remove", "vm_dvd_drive", {
        "vm": "web01", "path": r"C:\ISO\setup.iso", "state": "absent", **CYCLE,
    }),
    Flow("vm_keyboard start and repeat", "vm_keyboard", {
        "vm": "lab01", "start": True, "keys": ["enter"], "repeat": {"every": 1, "for": 2},
    }),
    Flow("vm_keyboard text", "vm_keyboard", {"vm": "web01", "text": "dir\n", "keys": ["ctrl+c"]}),
    Flow("vm_screenshot", "vm_screenshot", {"vm": "web01"}),
    Flow("vm_guest_file", "vm_guest_file", {
        "vm": "web01", "src": r"C:\ISO\drivers.iso", "dest": r"C:\drivers.iso", "enable_service": True,
    }),
    Flow("vm_guest_file overwrite", "vm_guest_file", {
        "vm": "web01", "src": r"C:\ISO\drivers.iso", "dest": r"C:\new\drivers.iso", "enable_service": True,
        "overwrite": True, "create_parents": True,
    }),
    Flow("vm_guest_data", "vm_guest_data", {"vm": "web01", "data": {"role": "web", "seats": 20}}),
    Flow("seed_iso create", "seed_iso", {"path": r"C:\Seeds\new.iso", "windows": SEED}),
    Flow("seed_iso replace", "seed_iso", {"path": r"C:\Seeds\old.iso", "windows": SEED}),
    Flow("seed_iso delete", "seed_iso", {"path": r"C:\Seeds\old.iso", "state": "absent"}),
    Flow("vm_checkpoint create", "vm_checkpoint", {"vm": "web01", "name": "before"}),
    Flow("vm_checkpoint rename", "vm_checkpoint", {"vm": "lab01", "name": "clean", "new_name": "installed"}),
    Flow("vm_checkpoint apply", "vm_checkpoint", {"vm": "srv01", "name": "clean", "state": "applied", **CYCLE}),
    Flow("vm_checkpoint delete", "vm_checkpoint", {"vm": "lab01", "name": "clean", "state": "absent"}),
    Flow("vm_checkpoint delete tree", "vm_checkpoint", {
        "vm": "lab01", "name": "clean", "state": "absent", "include_children": True,
    }),
    Flow("vm_network_adapter create", "vm_network_adapter", {
        "vm": "lab01", "name": "Guests", "switch": "Lab", "mac_spoofing": True, "vlan": {"mode": "access", "id": 7},
    }),
    Flow("vm_network_adapter change", "vm_network_adapter", {
        "vm": "web01", "name": "LAN", "switch": "Lab", "mac_spoofing": True, "bandwidth": {"maximum": "1Gbps"},
    }),
    Flow("vm_network_adapter with power cycle", "vm_network_adapter", {
        "vm": "web01", "name": "LAN", "mac_address": "02-15-5D-01-02-03", **CYCLE,
    }),
    Flow("vm_network_adapter remove", "vm_network_adapter", {
        "vm": "web01", "name": "LAN", "state": "absent", **CYCLE,
    }),
    Flow("virtual_switch create internal", "virtual_switch", {"name": "New", "type": "internal", "notes": "new"}),
    Flow("virtual_switch create external", "virtual_switch", {"name": "New", "net_adapters": ["Ethernet 2"]}),
    Flow("virtual_switch change type", "virtual_switch", {"name": "Old", "type": "internal", "notes": "new"}),
    Flow("virtual_switch change external", "virtual_switch", {
        "name": "LAN", "net_adapters": ["Ethernet 2"], "notes": "new",
    }),
    Flow("virtual_switch change team", "virtual_switch", {
        "name": "Team", "net_adapters": ["Ethernet 2", "Ethernet 3"],
    }),
    Flow("virtual_switch remove", "virtual_switch", {"name": "Lab", "state": "absent", "force": True}),
    Flow("nat_network create", "nat_network", {
        "name": "Lab", "switch": "New", "manage_switch": True, "address": "192.168.100.1/24",
        "static_mappings": [{**SSH, "internal_address": "192.168.100.10"}],
    }),
    Flow("nat_network change mappings", "nat_network", {
        "name": "Lab", "switch": "Lab", "address": "10.9.8.1/24",
        "static_mappings": [{**SSH, "internal_address": "10.9.8.20"}, {**WEB, "external_port": 8081}],
    }, nat=True),
    Flow("nat_network change address", "nat_network", {
        "name": "Lab", "switch": "Lab", "address": "10.9.8.254/24",
    }, nat=True),
    Flow("nat_network remove", "nat_network", {
        "name": "Lab", "switch": "Lab", "manage_switch": True, "force": True, "state": "absent",
    }, nat=True),
    Flow("nat_mapping create", "nat_mapping", {
        "nat": "Lab", "external_port": 55985, "internal_address": "10.9.8.12", "internal_port": 5985,
    }, nat=True),
    Flow("nat_mapping change", "nat_mapping", {"nat": "Lab", **SSH, "internal_address": "10.9.8.12"}, nat=True),
    Flow("nat_mapping remove", "nat_mapping", {"nat": "Lab", "external_port": 2222, "state": "absent"}, nat=True),
    Flow("host change", "host", {
        "vm_path": r"C:\VMs", "mac_range": ["00:15:5D:0A:01:00", "00:15:5D:0A:01:FF"], "numa_spanning": False,
    }),
    Flow("guest_feature enable", "guest_feature", {"name": WSL_FEATURES}, guest={}),
    Flow("guest_feature enable with reboot", "guest_feature", {"name": ["Containers"], "allow_reboot": True}, guest={}),
    Flow("guest_feature disable with reboot", "guest_feature", {
        "name": ["Containers"], "state": "absent", "allow_reboot": True,
    }, guest={"features": {"Containers": "enabled"}}),
    Flow("guest_reboot", "guest_reboot", {"only_if_required": True}, guest={
        "features": {"Containers": "enable-pending"},
    }),
    Flow("guest_computer_name with reboot", "guest_computer_name", {"name": "node1", "allow_reboot": True}, guest={}),
    Flow("guest_network static", "guest_network", {
        "adapters": [{
            "mac_address": "02-15-5D-00-00-01", "name": "NIC1", "address": "192.168.44.201/24",
            "gateway": "192.168.44.1", "dns_servers": ["192.168.1.254"],
        }, {"mac_address": "02-15-5D-00-00-02", "name": "NIC2", "dhcp": False}],
    }, guest=ADAPTERS),
    Flow("guest_file create", "guest_file", {"path": r"C:\new\a b\new.txt", "content": "new"}, guest=FILES),
    Flow("guest_file change", "guest_file", {
        "path": r"C:\app\old.txt", "content": "new", "fetch": True,
    }, guest=FILES),
    Flow("guest_file delete", "guest_file", {"path": r"C:\app\old.txt", "state": "absent"}, guest=FILES),
    Flow("guest_file create folder", "guest_file", {"path": r"C:\a\b", "state": "directory"}, guest=FILES),
    Flow("guest_file delete folder", "guest_file", {"path": r"C:\empty", "state": "absent"}, guest=FILES),
    Flow("guest_service start", "guest_service", {
        "name": "Idle", "state": "started", "start_mode": "auto",
    }, guest=SERVICES),
    Flow("guest_service stop", "guest_service", {
        "name": "Slow", "state": "stopped", "start_mode": "disabled",
    }, guest=SERVICES),
    Flow("wsl install", "wsl", {"source": WSL_URL, "checksum": sha256({"msi": {}})}, guest=WSL_READY),
    Flow("wsl install with features", "wsl", {"source": WSL_MSI, "allow_reboot": True}, guest=WSL_GUEST),
    Flow("wsl upgrade", "wsl", {
        "source": WSL_NEXT, "version": "2.9.4", "config": {"wsl2": {"memory": "4GB"}},
    }, guest=WSL_INSTALLED),
    Flow("wsl remove", "wsl", {"state": "absent"}, guest=WSL_INSTALLED),
    Flow("wsl_distribution import", "wsl_distribution", {
        "name": "build", "source": ROOTFS_URL, "checksum": sha256(LINUX_FILE), "location": r"C:\wsl\build",
        "verify": True,
    }, guest=WSL_INSTALLED),
    Flow("wsl_distribution change", "wsl_distribution", {
        "name": "Ubuntu", "default_user": "bob", "default": True,
    }, guest=UBUNTU),
    Flow("wsl_distribution import in a scheduled task", "wsl_distribution", {
        "name": "dev", "source": ROOTFS, "location": r"C:\wsl data\dev", "verify": True, "scheduled_task": True,
    }, guest=NETWORK_LOGON),
    Flow("wsl_distribution remove", "wsl_distribution", {"name": "Ubuntu", "state": "absent"}, guest=UBUNTU),
    Flow("container_engine install", "container_engine", {
        "source": containers.URL, "checksum": sha256(engine_zip(containers.VERSION)),
    }, guest=ENGINE_GUEST),
    Flow("container_engine install with features", "container_engine", {
        "source": containers.ZIP, "allow_reboot": True,
    }, guest={**ENGINE_GUEST, "hyperv": False, "features": {}}),
    Flow("container_engine configure", "container_engine", {"config": {"debug": True}}, guest=ENGINE),
    Flow("container_engine upgrade", "container_engine", {
        "source": containers.NEXT_ZIP, "version": containers.NEXT,
    }, guest=ENGINE),
    Flow("container_engine remove", "container_engine", {
        "state": "absent", "remove_data": True,
    }, guest=WITH_CONTAINER),
    Flow("isolated_container create", "isolated_container", {**WEB_SERVER, "source": containers.SAVED}, guest=ENGINE),
    Flow("isolated_container recreate", "isolated_container", {**WEB_SERVER, "memory": "2GB"}, guest=WITH_CONTAINER),
    Flow("isolated_container stop", "isolated_container", {**WEB_SERVER, "state": "stopped"}, guest=WITH_CONTAINER),
    Flow("isolated_container start", "isolated_container", WEB_SERVER, guest=WITH_STOPPED),
    Flow("isolated_container remove", "isolated_container", {"name": "web", "state": "absent"}, guest=WITH_CONTAINER),
    Flow("vm_info", "vm_info", {}),
    Flow("host_info", "host_info", {}),
    Flow("preflight", "preflight", {"vm": "nested01", "scenario": "azure_stack_hci", "report_only": True}),
    Flow("playbook enable_nesting", "enable_nesting", {
        "enable_nesting_vms": ["web01"], "enable_nesting_allow_power_cycle": True,
    }),
    Flow("playbook create_nested_lab", "create_nested_lab", {
        "create_nested_lab_vms": [{"name": "node01", "memory": "8GB", "iso": r"C:\ISO\setup.iso"}],
        "create_nested_lab_state": "running",
    }),
    Flow("playbook create_nested_lab, absent", "create_nested_lab", {
        "create_nested_lab_vms": [{"name": "srv01"}], "create_nested_lab_state": "absent",
        "create_nested_lab_nat": "Lab", "create_nested_lab_switch": "Lab",
    }, nat=True),
    Flow("playbook create_training_lab", "create_training_lab", {
        "create_training_lab_count": 1, "create_training_lab_parent": r"C:\Images\base.vhdx",
        "create_training_lab_path": r"C:\Training", "create_training_lab_switch": "Lab",
    }),
    Flow("playbook gate_nesting", "gate_nesting", {
        "gate_nesting_vms": ["nested01"], "report_probe": {"path": "report"},
        "gate_nesting_declared": {
            "switches": [{"name": "Lab", "type": "internal"}],
            "nats": [{"name": "Lab", "switch": "Lab", "address": "10.9.8.1/24"}],
            "vms": [{"name": "nested01", "processor": {"count": 2}}],
        },
    }, nat=True),
    Flow("playbook survey_hosts", "survey_hosts", {"report_probe": {"path": "report"}}),
    Flow("playbook reset_lab", "reset_lab", {"reset_lab_vms": ["srv01"], "reset_lab_checkpoint": "clean"}),
)  # fmt: skip
BY_NAME = {flow.name: flow for flow in FLOWS}
