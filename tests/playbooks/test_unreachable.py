# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What Ansible makes of a host that cannot be talked to: the recap, the exit code, and how often it is asked."""

from __future__ import annotations

from ansible_collections.nested.hyperv.tests.harness import task

MODEL = {"hosts": [{"name": "hv01"}]}


def test_unreachable_hosts_end_their_play(playbook):
    play = {"tasks": [{"nested.hyperv.vm_info": {}}, {"ansible.builtin.debug": {"msg": "never"}}]}
    hosts = {"hv01": task.variables(playbook.sim, "hv01", ansible_host="no-such-host.invalid")}
    run = playbook(play, hosts=hosts)
    assert run.code == 4
    assert run.recap() | {"unreachable": 1, "failed": 0, "ok": 0} == run.recap()
    assert "cannot be resolved" in run.text


def test_an_unreachable_host_in_a_loop_ends_its_play(playbook):
    tasks = [
        {"nested.hyperv.vm_info": {}, "loop": [1, 2]},
        {"ansible.builtin.debug": {"msg": "it goes on"}},
    ]
    hosts = {"hv01": task.variables(playbook.sim, "hv01", ansible_host="no-such-host.invalid")}
    run = playbook({"tasks": tasks}, hosts=hosts)
    assert run.code in (2, 4), run.text  # before ansible-core 2.18, the item counts as failed
    assert "it goes on" not in run.text
    assert run.recap()["ok"] == 0


def test_ignored_and_asked_once(playbook):
    """A loop and `until` over a wrong password make one attempt each: accounts get locked."""
    tasks = [
        {"nested.hyperv.vm_info": {}, "ignore_unreachable": True, "register": "first"},
        {"ansible.builtin.assert": {"that": ["first.unreachable", "not first.changed", "'endpoint' in first"]}},
        {"nested.hyperv.vm_info": {}, "loop": [1, 2, 3, 4, 5], "ignore_unreachable": True},
        {
            "nested.hyperv.vm_info": {},
            "register": "info",
            "until": "info is success",
            "retries": 3,
            "delay": 0,
            "ignore_unreachable": True,
        },
    ]
    hosts = {"hv01": task.variables(playbook.sim, "hv01", ansible_password="wrong")}
    run = playbook({"tasks": tasks}, hosts=hosts)
    assert run.code == 0, run.text
    assert [entry.status for entry in playbook.sim.log] == [401] * 2 * 3  # each attempt of NTLM is two requests
