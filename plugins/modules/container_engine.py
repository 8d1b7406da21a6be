# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: container_engine
short_description: Install and configure the Docker Engine on Windows for Hyper-V isolated containers
version_added: 1.0.0
description:
  - Installs Docker Engine on a Windows guest from the zip file of Docker, configures it so that containers run with
    Hyper-V isolation by default, and starts its service. The target is the guest itself, an ordinary Windows host of
    the inventory.
  - Enables the features C(Containers) and, unless O(isolation=process), C(Microsoft-Hyper-V) if they are missing. The
    service is registered after Windows has restarted with them. Until then, the module only creates the group and
    installs the programs, and RV(reboot_required) is V(true).
  - Before a running engine is stopped, the file is downloaded, its checksum and version are checked, and the new
    programs validate the configuration (C(dockerd --validate)). If an upgrade fails afterwards, the engine is started
    again.
  - Requires Windows Server 2019, Windows 10 1809 (build 17763) or later, not a Home edition.
options:
  state:
    description:
      - V(present) installs, configures, upgrades and starts the engine as required.
      - V(absent) stops the engine, removes its service and the programs in O(path). The group and the features are
        kept; without O(remove_data), images, containers and the configuration file as well.
    type: str
    choices: [present, absent]
    default: present
  source:
    description:
      - Zip file of Docker Engine, as a full path on the guest, or as a URL (https or http) that the guest can reach.
        Docker publishes it as U(https://download.docker.com/win/static/stable/x86_64/). The guest downloads a URL with
        C(curl.exe).
      - Messages and progress lines contain a URL without its query, such as the signature of a SAS URL.
      - Required if the engine is not installed, or has another version than O(version). Otherwise, it is not read.
    type: str
  checksum:
    description:
      - Checksum of O(source), such as C(sha256:) and 64 hexadecimal digits; C(sha384:) and C(sha512:) also work.
      - If the checksum differs, nothing is installed, and a downloaded file is removed. Docker does not publish
        checksums, so calculate it from a file that you trust.
    type: str
  version:
    description:
      - Version of the engine, such as V(29.8.2). An engine with another version, older or newer, is replaced.
      - Defaults to the version in the name of O(source), such as C(docker-29.8.2.zip). If the name contains none, any
        installed version is accepted.
    type: str
  path:
    description:
      - Folder of C(docker.exe) and C(dockerd.exe) on the guest. The task is refused if the service C(docker) runs an
        engine in another folder.
    type: str
    default: C:\Program Files\Docker
  config:
    description:
      - Keys of C(daemon.json) with their values, such as C(data-root), C(registry-mirrors) or C(dns). Other keys of the
        file are kept. A key with the value null is removed.
      - The file is C(C:\ProgramData\docker\config\daemon.json), unless flags of the service name another one. The task
        is refused if the file is not valid JSON, or if a flag of the service sets a key that the file is to have.
      - A changed file restarts the engine, which stops its containers.
    type: dict
  isolation:
    description:
      - Default isolation of containers, a value of C(exec-opts) in C(daemon.json). V(default) leaves the choice to the
        engine, which is V(process) on Windows Server and V(hyperv) on Windows 10 and 11.
    type: str
    choices: [hyperv, process, default]
    default: hyperv
  group:
    description:
      - Group whose members may use the engine, besides administrators. A missing local group is created, because the
        engine does not start without it. A group of a domain (C(DOMAIN\name)) must exist.
    type: str
    default: docker-users
  remove_data:
    description:
      - With O(state=absent), whether to remove all containers, images and volumes, and the folder of the data with the
        configuration file. The engine itself removes the images first, if it runs. Otherwise, Windows may refuse to
        delete their layers.
    type: bool
    default: false
  download_timeout:
    description: Number of seconds for the download of O(source), and for the calculation of its checksum.
    type: int
    default: 1800
  feature_timeout:
    description: Number of seconds for C(dism.exe) to enable the features.
    type: int
    default: 1800
  start_timeout:
    description:
      - Number of seconds until the engine must answer after its service has started. If its service ends instead, it is
        started up to three times; the first start after the features were enabled often fails.
    type: int
    default: 120
extends_documentation_fragment:
  - nested.hyperv._guest
  - nested.hyperv._guest.reboot
notes:
  - Containers that run when the engine is restarted, upgraded or removed are stopped, and RV(stopped_containers) lists
    them. The engine starts those with a suitable restart policy again.
seealso:
  - module: nested.hyperv.isolated_container
  - module: nested.hyperv.guest_feature
  - module: nested.hyperv.vm_nesting
  - name: Install Docker Engine from binaries
    description: The zip files of Docker for Windows.
    link: https://docs.docker.com/engine/install/binaries/
  - name: dockerd
    description: Keys of daemon.json.
    link: https://docs.docker.com/reference/cli/dockerd/
author:
  - nested.hyperv contributors (@nested-hyperv)
"""

EXAMPLES = r"""
- name: Install Docker Engine from a file on the guest, with one restart of Windows if required
  nested.hyperv.container_engine:
    source: C:\Install\docker-29.6.2.zip
    checksum: sha256:04eed21ca4db5851f2ab19c06f0bd6f41554b04e11415aa9b869851f52191bc9
    allow_reboot: true

- name: Set a registry mirror
  nested.hyperv.container_engine:
    config:
      registry-mirrors: [https://mirror.example.com]

- name: Remove the engine, and keep images and containers
  nested.hyperv.container_engine:
    state: absent
"""

RETURN = r"""
engine:
  description: Engine after the task, or predicted engine in check mode. Null with O(state=absent).
  returned: success
  type: dict
  contains:
    version:
      description: Version of the installed programs. Null in check mode if the name of O(source) contains none.
      type: str
      sample: 29.6.2
    path:
      description: Folder of the programs.
      type: str
      sample: C:\Program Files\Docker
    service:
      description: State of the service C(docker). Null if it is not registered yet.
      type: str
      sample: running
    config_file:
      description: Path of the configuration file.
      type: str
      sample: C:\ProgramData\docker\config\daemon.json
    isolation:
      description: Default isolation of containers that the configuration file sets.
      type: str
      sample: hyperv
    group:
      description: Group whose members may use the engine.
      type: str
      sample: docker-users
reboot_required:
  description: Whether Windows must be restarted for the changes to take effect.
  returned: success, or when the task is refused because of a pending restart
  type: bool
  sample: false
rebooted:
  description: Whether the task restarted Windows. Always C(false) in check mode.
  returned: success, or when the task fails on its way
  type: bool
  sample: true
stopped_containers:
  description: Names of the containers that ran when the engine was stopped, or that would be stopped.
  returned: success
  type: list
  elements: str
  sample: [web]
flags:
  description: Flags of the service C(docker) that set the same keys as the configuration file.
  returned: when the task is refused because of such flags
  type: list
  elements: str
  sample: [data-root]
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
  sample: [create the local group 'docker-users']
uncertain:
  description:
    - Descriptions of writes that the host may have carried out, because their answer was lost or did not come in time.
  returned: when the task fails and the outcome of a write is unknown
  type: list
  elements: str
  sample: [register the service docker]
rule:
  description: ID of the support rule that the task violates.
  returned: when the task is refused because of a support rule
  type: str
  sample: containers-guest-build
source:
  description: Source of the rule in Microsoft's documentation.
  returned: when the task is refused because of a support rule
  type: str
  sample: https://learn.microsoft.com/virtualization/windowscontainers/deploy-containers/system-requirements
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._policy.evaluate import enforce
from ..module_utils._policy.rules.containers import ENGINE_RULES
from ..module_utils._standalone import run_alone
from ..module_utils._task.ensure import ensure
from ..module_utils._task.session import Target, Task
from ..module_utils._task.step import Plan
from ..module_utils._windows import reboot
from ..module_utils._windows.docker import engine, engine_plan

SPEC: dict[str, Any] = {
    "argument_spec": {**engine.OPTIONS, **reboot.OPTIONS},
    "supports_check_mode": True,
}
MAY_BE_EMPTY = ("config",)


def run(target: Target, task: Task) -> dict[str, Any]:
    wanted = engine.parse(task.params)
    if task.params["state"] == "absent":
        return remove(target, task, wanted)
    enforce(ENGINE_RULES, {"guest": engine.fetch_windows(target)}, target.name)
    now = engine.fetch(target, wanted)
    states = engine_plan.features_of(target, now, wanted.isolation)
    cycle = engine_plan.cycle(target, task.params, states)
    ready = engine_plan.is_ready(states) or task.params["allow_reboot"]
    changes = engine_plan.compare(now, wanted, ready)
    stopped = engine_plan.containers_to_stop(target, now, wanted, changes.interrupt)
    features = engine_plan.plan_features(target, states, task.params)
    steps = engine_plan.plan(target, now, wanted, changes, task.params)

    def outcome() -> dict[str, Any]:
        after = engine.fetch(target, wanted) if features or steps else now
        return {"engine": engine.describe(after, wanted), "reboot_required": not ready}

    result = ensure(Plan(features, after=steps, outcome=outcome), task.check_mode, cycle)
    return {**result, "stopped_containers": stopped}


def remove(target: Target, task: Task, wanted: engine.Wanted) -> dict[str, Any]:
    now = engine.fetch(target, wanted, to_remove=True)
    steps = engine_plan.plan_removal(target, now, wanted, task.params["remove_data"])
    stopped = engine_plan.containers_to_stop(target, now, wanted, bool(steps))
    result = ensure(Plan(steps), task.check_mode)
    return {**result, "engine": None, "reboot_required": False, "rebooted": False, "stopped_containers": stopped}


def main() -> None:
    run_alone(AnsibleModule(**SPEC), run)


if __name__ == "__main__":
    main()
