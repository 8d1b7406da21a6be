# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: guest_info
short_description: Gather facts about Windows, its features and software for virtualization
version_added: 1.0.0
description:
  - Returns operating system, optional features, pending restarts with their reasons, services, WSL with the
    distributions of the user, the Docker Engine with its images and containers, and virtualization software of other
    vendors.
  - Facts that the user may not read are null, and a warning names the right that they require. Most of them require an
    administrator, such as the features, which C(dism.exe) shows to no other user.
  - Works on any Windows, usually in the guest of a VM. The module M(nested.hyperv.host_info) returns facts about
    Hyper-V.
options:
  include:
    description:
      - Groups of facts to return. Fewer groups are faster.
      - V(system) contains the operating system with its build and revision, and its last start. V(features) contains
        all optional features, which takes one run of C(dism.exe). V(reboot) contains whether Windows waits for a
        restart, with the reasons. V(services) contains all services. V(wsl) contains the package of WSL and the
        distributions of the user, from the registry. V(containers) contains the Docker Engine, its images and
        containers, which takes a few runs of C(docker.exe) if the engine runs. V(hypervisors) contains virtualization
        software of other vendors.
      - V(disks) contains the physical disks, and V(time) the time source. These two groups are not in the default.
    type: list
    elements: str
    choices: [system, features, reboot, services, wsl, containers, hypervisors, disks, time]
    default: [system, features, reboot, services, wsl, containers, hypervisors]
extends_documentation_fragment:
  - nested.hyperv._guest
  - nested.hyperv._module.info
seealso:
  - module: nested.hyperv.host_info
  - module: nested.hyperv.guest_feature
  - module: nested.hyperv.guest_service
  - module: nested.hyperv.wsl
  - module: nested.hyperv.container_engine
author:
  - nested.hyperv contributors (@nested-hyperv)
"""

EXAMPLES = r"""
- name: Gather all facts about Windows
  nested.hyperv.guest_info:
  register: windows

- name: Gather the pending restart and the features only
  nested.hyperv.guest_info:
    include: [reboot, features]
  register: servicing
"""

RETURN = r"""
guest:
  description: Facts about Windows.
  returned: success
  type: dict
  contains:
    os:
      description:
        - Operating system. C(revision) is the update revision of the build (UBR), C(type) is C(workstation), C(server)
          or C(domain_controller), C(sku) is the number of the edition. In group V(system).
      type: dict
      sample:
        name: Microsoft Windows Server 2022 Datacenter
        version: 10.0.20348
        build: 20348
        revision: 2582
        type: server
        sku: 8
    booted:
      description: Time of the last start of Windows, in UTC. In group V(system).
      type: str
      sample: "2026-11-20T06:12:44+00:00"
    features:
      description: Optional features, by name. In group V(features). Corresponds to C(Get-WindowsOptionalFeature).
      type: list
      elements: dict
      contains:
        name:
          description: Name of the feature.
          type: str
          sample: Containers
        state:
          description:
            - State of the feature, C(enabled), C(disabled), C(absent) (disabled and without files), C(staged) or
              C(partial), and C(enable_pending) or C(disable_pending) before a restart.
          type: str
          sample: enabled
    reboot_required:
      description: Whether Windows waits for a restart. In group V(reboot).
      type: bool
      sample: true
    reboot_reasons:
      description:
        - Reasons for which Windows waits for a restart, as M(nested.hyperv.guest_reboot) returns them. In group
          V(reboot).
      type: list
      elements: str
      sample: [component_servicing, file_renames]
    services:
      description: Services, by name. In group V(services). Corresponds to C(Get-Service).
      type: list
      elements: dict
      contains:
        name:
          description: Name of the service.
          type: str
          sample: vmcompute
        state:
          description: State of the service, such as C(running) or C(stopped).
          type: str
          sample: running
        start_mode:
          description: Start mode of the service, C(auto), C(manual) or C(disabled), C(boot) or C(system) for drivers.
          type: str
          sample: manual
        path:
          description: Command line of the service.
          type: str
          sample: C:\Windows\system32\vmcompute.exe
        account:
          description: Account of the service.
          type: str
          sample: LocalSystem
    wsl:
      description: Package of WSL for all users (MSI). Null if it is not installed. In group V(wsl).
      type: dict
      sample: {version: 2.7.14.0, path: C:\Program Files\WSL}
    distributions:
      description:
        - Distributions that the user has registered, by name. C(version) is V(1) or V(2), and C(path) is the folder of
          its files. Null if the registry of the user is not loaded. In group V(wsl).
      type: list
      elements: dict
      sample:
        - name: Ubuntu
          version: 2
          path: C:\WSL\Ubuntu
          is_default: true
    engine:
      description: Docker Engine. Null if its service does not exist. In group V(containers).
      type: dict
      contains:
        version:
          description: Version of its programs.
          type: str
          sample: 29.8.2
        path:
          description: Folder of its programs.
          type: str
          sample: C:\Program Files\Docker
        state:
          description: State of its service, such as C(running) or C(stopped).
          type: str
          sample: running
        start_mode:
          description: Start mode of its service, C(auto), C(manual) or C(disabled).
          type: str
          sample: auto
        answers:
          description: Whether the engine answers its client.
          type: bool
          sample: true
    images:
      description: Images of the engine, one entry per name. Null if the engine does not answer. In group V(containers).
      type: list
      elements: dict
      contains:
        name:
          description: Name of the image with its tag, or its ID if it has none.
          type: str
          sample: mcr.microsoft.com/windows/nanoserver:ltsc2022
        id:
          description: ID of the image.
          type: str
          sample: sha256:6dee7e1651ad6230748c5ce35b4ea3840a44fbd064067d97fca066827efe0556
        os_version:
          description: Version of Windows of the image.
          type: str
          sample: 10.0.20348.5386
        size:
          description: Size in bytes.
          type: int
          sample: 298458624
    containers:
      description: Containers of the engine, by name. Null if the engine does not answer. In group V(containers).
      type: list
      elements: dict
      contains:
        name:
          description: Name of the container.
          type: str
          sample: web
        id:
          description: ID of the container.
          type: str
          sample: 6dee7e1651ad6230748c5ce35b4ea3840a44fbd064067d97fca066827efe0556
        state:
          description: State of the container, such as C(running), C(created) or C(exited).
          type: str
          sample: running
        image:
          description: Name of its image.
          type: str
          sample: mcr.microsoft.com/windows/nanoserver:ltsc2022
        isolation:
          description: Isolation of the container, C(hyperv) or C(process).
          type: str
          sample: hyperv
    other_hypervisors:
      description:
        - Services of virtualization software of other vendors, which may not work together with Hyper-V. In group
          V(hypervisors).
      type: list
      elements: str
      sample: [VBoxSDS]
    disks:
      description:
        - Physical disks, by number. C(can_pool) is whether a storage pool, such as that of Storage Spaces Direct, can
          use the disk. In group V(disks).
      type: list
      elements: dict
      sample:
        - {number: "0", name: Msft Virtual Disk, size: 136365211648, can_pool: false}
        - {number: "1", name: Msft Virtual Disk, size: 1099511627776, can_pool: true}
    time:
      description:
        - Time source of the service W32Time. C(type) is C(NTP), C(NT5DS) (the domain), C(AllSync) or C(NoSync), null if
          unknown, and C(servers) are the NTP servers. In group V(time).
      type: dict
      sample: {type: NTP, servers: [time.windows.com]}
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._run import sentence
from ..module_utils._standalone import run_alone
from ..module_utils._task.session import Target, Task
from ..module_utils._windows import facts

SPEC: dict[str, Any] = {
    "argument_spec": {
        "include": {
            "type": "list",
            "elements": "str",
            "choices": list(facts.GROUPS),
            "default": ["system", "features", "reboot", "services", "wsl", "containers", "hypervisors"],
        },
    },
    "supports_check_mode": True,
}


def run(target: Target, task: Task) -> dict[str, Any]:
    return {"changed": False, "guest": facts.fetch(target, task.params["include"], sentence)}


def main() -> None:
    run_alone(AnsibleModule(**SPEC), run)


if __name__ == "__main__":
    main()
