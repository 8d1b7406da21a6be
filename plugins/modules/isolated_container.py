# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: isolated_container
short_description: Manage Windows containers with Hyper-V isolation
version_added: 1.0.0
description:
  - Creates, starts, stops and removes a container of the Docker Engine on a Windows guest, by default with Hyper-V
    isolation, in which each container runs in a small VM of its own. The target is the guest itself.
  - Before a container is created or started, the module checks that the features are enabled, that the hypervisor of
    the guest has started, and that the Windows in the image is not newer than the guest. Docker reports all of these
    with sentences that do not name the cause.
  - If an option differs from the container, the container is recreated, and the diff shows the options. Settings of
    omitted options are kept. The new container is created first and takes the name of the old one after it has started.
    If it does not start, the old one is started again. Files in the old container are lost unless they are in
    O(volumes).
  - Returns the evidence of the isolation in RV(verification).
options:
  name:
    description: Name of the container.
    type: str
    required: true
  state:
    description:
      - V(started) creates the container if it does not exist, and starts it. V(stopped) creates it as well, and stops
        it if it runs. V(absent) stops and removes it; its image and named volumes are kept.
    type: str
    choices: [started, stopped, absent]
    default: started
  image:
    description:
      - Name of the image with its tag, such as V(mcr.microsoft.com/windows/nanoserver:ltsc2022). Required unless
        O(state=absent).
      - With Hyper-V isolation, the Windows in the image must be as old as that of the guest, or older.
      - The container is recreated if the name belongs to another image by now. Newer images of the same name in a
        registry are not looked for.
    type: str
  pull:
    description: Whether a missing image is pulled from its registry, unless O(source) is set.
    type: bool
    default: true
  source:
    description:
      - File of C(docker save) that contains the image, as a full path on the guest, or as a URL (https or http) that
        the guest can reach. Used if the image is missing.
      - Messages and progress lines contain a URL without its query, such as the signature of a SAS URL.
    type: str
  checksum:
    description:
      - Checksum of O(source), such as C(sha256:) and 64 hexadecimal digits; C(sha384:) and C(sha512:) also work.
      - If the checksum differs, nothing is loaded, and a downloaded file is removed.
    type: str
  isolation:
    description:
      - Isolation of the container. V(process) containers share the kernel of the guest, as ordinary Windows containers
        do. Corresponds to C(docker create --isolation).
    type: str
    choices: [hyperv, process]
    default: hyperv
  memory:
    description:
      - Most memory of the container, such as V(2GB). Containers with Hyper-V isolation have 1 GB if the option is
        omitted. Corresponds to C(docker create --memory).
    type: str
  cpus:
    description: Number of processors of the container, such as V(2). Corresponds to C(docker create --cpus).
    type: float
  ports:
    description:
      - Ports of the guest that lead to ports of the container, such as V(8080:80), V(127.0.0.1:8080:80) or
        V(8053:53/udp). The list is complete. Ports are not changed if the option is omitted. Corresponds to
        C(docker create --publish).
    type: list
    elements: str
  volumes:
    description:
      - Folders of the guest, or names of volumes, that the container sees as folders of its own, such as
        C(C:\data:C:\data) or C(logs:C:\logs:ro). The list is complete. Folders of the guest must exist. Corresponds to
        C(docker create --volume).
    type: list
    elements: str
  environment:
    description:
      - Environment variables of the container besides those of the image. The list is complete. Corresponds to
        C(docker create --env).
      - The values are never returned, and are not part of a command line on the guest, with the exception of variables
        that Windows or C(docker.exe) use themselves, such as C(PATH) and C(DOCKER_HOST).
    type: dict
  command:
    description:
      - Program that the container runs, and its arguments. It should not end by itself. Defaults to that of the image.
    type: list
    elements: str
  entrypoint:
    description:
      - Program to which O(command) is passed, instead of that of the image. Corresponds to
        C(docker create --entrypoint).
    type: str
  restart_policy:
    description:
      - Whether the engine starts the container again after it has ended, or after the engine itself has started.
        Containers have V(never) if the option is omitted when they are created. Corresponds to
        C(docker create --restart).
    type: str
    choices: [never, always, on_failure, unless_stopped]
  labels:
    description:
      - Labels of the container besides those of the image. The list is complete. Corresponds to
        C(docker create --label).
    type: dict
  network:
    description:
      - Network of the container. Containers are in the network C(nat) if the option is omitted when they are created.
        Corresponds to C(docker create --network).
    type: str
  pull_timeout:
    description: Number of seconds to pull or load the image.
    type: int
    default: 3600
  download_timeout:
    description: Number of seconds for the download of O(source), and for the calculation of its checksum.
    type: int
    default: 1800
  start_timeout:
    description:
      - Number of seconds to create the container, to start it, and for a program in it that verifies it. The first
        start of a container in a nested VM may take some minutes.
    type: int
    default: 300
  stop_timeout:
    description: Number of seconds that the container may take to stop by itself before it is ended.
    type: int
    default: 60
extends_documentation_fragment:
  - nested.hyperv._guest
notes:
  - Whether virtualization extensions are exposed to a guest is not visible in the guest itself. The service C(vmms)
    runs without them, Windows reports a hypervisor in every VM, and the processor shows no extensions under a
    hypervisor. The module therefore looks for the event 41 of Microsoft-Windows-Hyper-V-Hypervisor in the event log
    C(System), which Windows writes when its own hypervisor does not start.
  - Registries that require a password cannot be used by C(docker login) in a remote session, because Windows stores no
    credentials there. Use O(source), or a configuration file of the user with C(auths).
seealso:
  - module: nested.hyperv.container_engine
  - module: nested.hyperv.vm_nesting
  - name: Windows container version compatibility
    description: Images and the versions of Windows that run them.
    link: https://learn.microsoft.com/virtualization/windowscontainers/deploy-containers/version-compatibility
  - name: Isolation modes
    description: Hyper-V and process isolation of containers.
    link: https://learn.microsoft.com/virtualization/windowscontainers/manage-containers/hyperv-container
author:
  - nested.hyperv contributors (@nested-hyperv)
"""

EXAMPLES = r"""
- name: Run a web server with Hyper-V isolation
  nested.hyperv.isolated_container:
    name: web
    image: mcr.microsoft.com/windows/servercore:ltsc2022
    command: [ping, -t, localhost]
    memory: 2GB
    cpus: 2
    ports: ["8080:80"]
    restart_policy: unless_stopped

- name: Pass a password to the container
  nested.hyperv.isolated_container:
    name: web
    image: mcr.microsoft.com/windows/servercore:ltsc2022
    environment:
      DB_PASSWORD: "{{ db_password }}"

- name: Stop the container
  nested.hyperv.isolated_container:
    name: web
    image: mcr.microsoft.com/windows/servercore:ltsc2022
    state: stopped

- name: Create a container from an image in a file, without a registry
  nested.hyperv.isolated_container:
    name: tools
    image: mcr.microsoft.com/windows/nanoserver:ltsc2022
    source: C:\Install\nanoserver.tar
    command: [ping, -t, localhost]

- name: Remove the container
  nested.hyperv.isolated_container:
    name: web
    state: absent
"""

RETURN = r"""
id:
  description: ID of the container. Not returned in check mode if the container does not exist yet.
  returned: when the container exists
  type: str
  sample: 6dee7e1651ad6230748c5ce35b4ea3840a44fbd064067d97fca066827efe0556
container:
  description: Container after the task, or predicted container in check mode. Null with O(state=absent).
  returned: success
  type: dict
  contains:
    name:
      description: Name of the container.
      type: str
      sample: web
    state:
      description: C(started) if the container runs, otherwise C(stopped).
      type: str
      sample: started
    image:
      description: Name of its image.
      type: str
      sample: mcr.microsoft.com/windows/servercore:ltsc2022
    isolation:
      description: Isolation of the container, from C(HostConfig.Isolation).
      type: str
      sample: hyperv
verification:
  description:
    - Evidence of the isolation of a container that runs. Null if it does not run, and in check mode if the task or an
      earlier task of the check would create or start it.
  returned: success
  type: dict
  contains:
    windows_version:
      description: Version of Windows that the command C(ver) returns in the container. Null if the command fails.
      type: str
      sample: 10.0.20348.2582
    image_version:
      description: Version of Windows of the image.
      type: str
      sample: 10.0.20348.2582
    worker_process:
      description: Whether a worker process of a VM (C(vmwp.exe)) runs on the guest.
      type: bool
      sample: true
    process_on_guest:
      description: Whether the process of the container is a process of the guest, as with process isolation.
      type: bool
      sample: false
reason:
  description: Reason for the failure, from the event log or the configuration file.
  returned: when the reason is known
  type: str
  sample: "failed to load vmcompute.dll, ensure that the Containers feature is installed"
program:
  description: The program that failed.
  returned: when a program failed
  type: str
  sample: dism.exe
code:
  description: Exit code of the program.
  returned: when a program failed
  type: int
  sample: 740
said:
  description: The last sentences of the program, in the language of the target.
  returned: when a program failed
  type: str
  sample: Elevated permissions are required to run DISM.
completed:
  description: Descriptions of the steps that were completed before the failure.
  returned: when a later step failed
  type: list
  elements: str
  sample: [pull the image 'mcr.microsoft.com/windows/servercore:ltsc2022']
uncertain:
  description:
    - Descriptions of writes that the host may have carried out, because their answer was lost or did not come in time.
  returned: when the task fails and the outcome of a write is unknown
  type: list
  elements: str
  sample: [create the container 'web']
rule:
  description: ID of the support rule that the task violates.
  returned: when the task is refused because of a support rule
  type: str
  sample: containers-image-build
source:
  description: Source of the rule in Microsoft's documentation.
  returned: when the task is refused because of a support rule
  type: str
  sample: https://learn.microsoft.com/virtualization/windowscontainers/deploy-containers/version-compatibility
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._policy.evaluate import enforce
from ..module_utils._policy.rules.containers import CONTAINER_RULES
from ..module_utils._standalone import run_alone
from ..module_utils._task.ensure import ensure
from ..module_utils._task.errors import Refused
from ..module_utils._task.session import Target, Task
from ..module_utils._task.step import Plan
from ..module_utils._windows.docker import client, container, engine

# The options to look at if a rule is violated.
_OPTIONS = {rule.id: "image" if rule.id == "containers-image-build" else "isolation" for rule in CONTAINER_RULES}
SPEC: dict[str, Any] = {
    "argument_spec": container.OPTIONS,
    "required_if": [("state", "started", ("image",)), ("state", "stopped", ("image",))],
    "supports_check_mode": True,
}
MAY_BE_EMPTY = ("environment", "labels")


def run(target: Target, task: Task) -> dict[str, Any]:
    wanted = container.parse(task.params)
    folder = engine.folder_of(target)
    if folder is None:
        return without_engine(target, wanted)
    docker = client.docker_of(folder)
    found = container.find(target, docker, wanted)
    steps = container.plan(
        target, docker, found, wanted, lambda facts: enforce(CONTAINER_RULES, facts, target.name, _OPTIONS)
    )

    def outcome() -> dict[str, Any]:
        after = container.fetch(target, docker, wanted.name) if steps else found.container
        return container.result(target, docker, after, wanted)

    return ensure(Plan(steps, outcome=outcome), task.check_mode)


def without_engine(target: Target, wanted: container.Wanted) -> dict[str, Any]:
    """A target without an engine has no containers."""
    if wanted.state != "absent":
        raise Refused(f"{target.name} has no service docker. Install a Docker Engine first (container_engine)")
    return {**ensure(Plan(), check_mode=True), "container": None, "verification": None}


def main() -> None:
    run_alone(AnsibleModule(**SPEC), run)


if __name__ == "__main__":
    main()
