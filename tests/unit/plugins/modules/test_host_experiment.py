# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""host_experiment: the assumptions hold in the simulator, and don't where it is turned; nothing stays on the host."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.nested.hyperv.plugins.module_utils._verify import reasons, session
from ansible_collections.nested.hyperv.tests.harness import changes, collection, replay
from ansible_collections.nested.hyperv.tests.harness.lab import Lab, open_lab
from ansible_collections.nested.hyperv.tests.simulator import Rule

ASSUMPTIONS = Path(__file__).resolve().parents[3] / "simulator" / "ASSUMPTIONS.md"
PREFIX = "nested-hyperv-verify-"
USERS = [
    {"name": "administrator", "password": "Passw0rd!"},
    {"name": "reader", "password": "Re4der!!", "groups": ["Remote Management Users"]},
]
HOST: dict[str, Any] = {
    "name": "hv01",
    "domain": "corp.example.com",
    "users": USERS,
    "drives": [{"letter": "C", "size": "2TB"}],
    "network_adapters": [{"addresses": ["10.20.30.40/24"], "gateway": "10.20.30.1"}],
    "switches": [{"name": "Payroll", "type": "external", "adapters": ["Ethernet"]}],
    "vms": [
        {
            "name": "ledger",
            "state": "running",
            "disks": [{}],
            "adapters": [{"switch": "Payroll", "mac": "00-15-5D-12-34-56", "addresses": ["10.20.30.41"]}],
        }
    ],
}
MODEL = {"hosts": [HOST]}


def model(**changed: Any) -> dict[str, Any]:
    return {"hosts": [{**HOST, **changed}]}


def state(lab: Lab) -> dict[str, Any]:
    """What is on the host, without the folder that Hyper-V creates for the files of VMs."""
    return {path: row for path, row in lab.state().items() if not path.endswith("Virtual Machines")}


@pytest.fixture(scope="module")
def result() -> Iterator[dict[str, Any]]:
    """What a run of all experiments returns, after which the host is as before."""
    with open_lab(MODEL) as lab:
        before = state(lab)
        found = lab.succeeds("host_experiment", mode="run")
        assert changes.difference(before, state(lab)) == {}
        yield found


def verdicts(result: Mapping[str, Any]) -> dict[str, str]:
    return {entry["id"]: entry["verdict"] for entry in result["entries"]}


def test_each_assumption_has_an_experiment_or_a_reason() -> None:
    names = re.findall(r"^## ([A-Z]+-\d\d)", ASSUMPTIONS.read_text("utf-8"), re.MULTILINE)
    experiments = [experiment.id for experiment in session.EXPERIMENTS]
    assert sorted([*experiments, *reasons.REASONS]) == sorted(names)


def test_what_needs_no_experiment_says_so_in_both_places() -> None:
    sections = re.split(r"^## ", ASSUMPTIONS.read_text("utf-8"), flags=re.MULTILINE)[1:]
    without = {section.split()[0] for section in sections if "**Experiment:** none needed" in section}
    assert without == {name for name, reason in reasons.REASONS.items() if "no experiment is needed" in reason}


def test_all_experiments_hold_in_the_simulator(result: Mapping[str, Any]) -> None:
    wrong = {
        entry["id"]: (entry["verdict"], entry["reason"], entry["expected"], entry["observed"])
        for entry in result["entries"]
        if entry["id"] not in reasons.REASONS and entry["verdict"] != "held"
    }
    assert wrong == {}
    assert result["found"] == {"vms": [], "switches": [], "files": []}
    assert result["host"]["version"] == "10.0.20348"


def test_every_experiment_has_evidence(result: Mapping[str, Any]) -> None:
    experiments = [entry for entry in result["entries"] if entry["id"] not in reasons.REASONS]
    assert [entry["id"] for entry in experiments if not entry["exchanges"]] == []
    for entry in experiments:
        for exchange in entry["exchanges"]:
            assert exchange["request"].startswith("<s:Envelope")
            assert "Envelope" in exchange["answer"]


def test_the_evidence_identifies_nobody(result: Mapping[str, Any]) -> None:
    text = json.dumps(result["entries"]).lower()
    secrets = ("hv01", "corp.example.com", "administrator", "passw0rd", "10.20.30.", "ledger", "payroll")
    assert [secret for secret in (*secrets, "00155d123456") if secret in text] == []
    guids = set(re.findall(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", text))
    assert {guid for guid in guids if not guid.startswith("00000000-0000-")} == set()


def test_a_report_can_be_replayed(result: Mapping[str, Any]) -> None:
    assert replay.differences(result["entries"]) == {}


def test_a_replay_finds_what_a_client_reads_otherwise(result: Mapping[str, Any]) -> None:
    entries = json.loads(json.dumps(result["entries"]).replace("<p:ReturnValue>32773<", "<p:ReturnValue>32775<"))
    assert "HV-12" in replay.differences(entries)


# An assumption, and a simulator in which it doesn't hold: changes of the host of the model, or faults.
TURNED: Mapping[str, Mapping[str, Any]] = {
    "PROTO-03": {"winrm": {"page_characters": 30_000}},
    "PROTO-09": {"winrm": {"byte_arrays": "base64"}},
    "PROTO-21": {"winrm": {"skip_cmd_shell": True}},
    "HV-01": {"jobs": {"mode": "async"}},
    "HV-12": {"jobs": {"mode": "async"}},
    "NET-01": {"jobs": {"mode": "async"}},
    "VM-35": {"pairs_while_off": False},
}


@pytest.mark.parametrize("name", TURNED)
def test_an_assumption_that_does_not_hold_is_reported_with_evidence(name: str) -> None:
    with open_lab(model(**TURNED[name])) as lab:
        before = state(lab)
        found = lab.succeeds("host_experiment", mode="run", experiments=[name])
        (entry,) = found["entries"]
        assert entry["verdict"] == "not held", entry["reason"]
        assert entry["observed"] != entry["expected"]
        assert entry["exchanges"]
        assert changes.difference(before, state(lab)) == {}
        assert replay.differences(found["entries"]) == {}


def test_all_experiments_on_a_host_that_answers_with_jobs_leave_nothing() -> None:
    with open_lab(model(jobs={"mode": "async", "delay": 1})) as lab:
        before = state(lab)
        found = lab.succeeds("host_experiment", mode="run")
        assert {"held", "not held", "not settled"} == set(verdicts(found).values())
        assert changes.difference(before, state(lab)) == {}


FAILURES = [
    Rule(do="fail_job", method="RequestStateChange", times=0, text="There is not enough memory."),
    Rule(do="fault", method="AddResourceSettings", times=0),
    Rule(do="fail_job", method="CreateVirtualHardDisk", times=0, text="The disk is full."),
    Rule(do="drop", method="AddFeatureSettings", times=1),
    Rule(do="lose", method="DefineSystem", at=3),
]


@pytest.mark.parametrize("rule", FAILURES, ids=lambda rule: f"{rule.do} {rule.method}")
def test_nothing_is_left_if_something_fails(rule: Rule) -> None:
    with open_lab(MODEL) as lab:
        before = state(lab)
        lab.sim.faults.add(rule)
        found = lab.succeeds("host_experiment", mode="run")
        experiments = {name: verdict for name, verdict in verdicts(found).items() if name not in reasons.REASONS}
        assert "not settled" in experiments.values()
        assert changes.difference(before, state(lab)) == {}


class Killed(BaseException):
    """The end of a worker."""


def test_an_interruption_midway_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_bench: Any) -> Any:
        raise Killed

    (named,) = (each for each in session.EXPERIMENTS if each.id == "VM-22")
    monkeypatch.setattr(session, "EXPERIMENTS", (*session.EXPERIMENTS[:-3], named._replace(observe=interrupted)))
    with open_lab(MODEL) as lab:
        before = state(lab)
        with pytest.raises(Killed):
            lab.run("host_experiment", mode="run")
        assert changes.difference(before, state(lab)) == {}


def test_what_a_lost_host_leaves_is_named_and_cleaned_later() -> None:
    with open_lab(MODEL) as lab:
        lab.sim.faults.add(Rule(do="drop", method="DestroySystem", times=0))
        failed = lab.fails(
            "host_experiment", "remain on the host", f"VM '{PREFIX}vm2'", mode="run", experiments=["HV-03"]
        )
        assert failed["left"]["vms"] == [f"{PREFIX}vm2"]
    with open_lab(MODEL) as lab:
        before = state(lab)
        lab.succeeds("vm", name=f"{PREFIX}vm2", state="running", disks=[])
        lab.succeeds("virtual_switch", name=f"{PREFIX}switch", type="private")
        lab.succeeds("vm_disk", path=rf"C:\ProgramData\Microsoft\Windows\Virtual Hard Disks\{PREFIX}x.vhdx", size="1GB")
        words = ("prefix: ", f"VM '{PREFIX}vm2'", f"virtual switch '{PREFIX}switch'", "verify_hosts_cleanup=true")
        refused = lab.refuses("host_experiment", *words, mode="run")
        assert len(refused["found"]["files"]) == 1
        assert lab.succeeds("host_experiment", mode="find")["found"]["vms"] == [f"{PREFIX}vm2"]
        foreseen = lab.run("host_experiment", mode="clean", check=True)
        assert (foreseen["changed"], lab.writes) == (True, [])
        cleaned = lab.succeeds("host_experiment", mode="clean")
        assert cleaned == foreseen
        assert changes.difference(before, state(lab)) == {}
        assert lab.leaves_alone("host_experiment", mode="clean")["found"]["vms"] == []


def test_objects_of_others_are_not_touched() -> None:
    vms = [{"name": "nested-hyperv-verify"}, {"name": "my-nested-hyperv-verify-vm"}, {"name": "nested_hyperv_verify-"}]
    with open_lab(model(vms=vms)) as lab:
        before = state(lab)
        assert lab.leaves_alone("host_experiment", mode="clean")["found"]["vms"] == []
        lab.succeeds("host_experiment", mode="run", experiments=["HV-03", "NET-01", "VM-03"])
        assert changes.difference(before, state(lab)) == {}


def test_a_user_without_rights_is_refused_before_anything() -> None:
    with open_lab(MODEL) as lab:
        for mode in ("find", "run", "clean"):
            lab.by("reader").refuses("host_experiment", "Hyper-V Administrators", mode=mode)


def test_check_mode_performs_nothing() -> None:
    with open_lab(MODEL) as lab:
        found = lab.run("host_experiment", check=True, mode="run")
        assert (found["changed"], found["entries"], lab.writes) == (True, [], [])


@pytest.mark.parametrize("prefix", ["", "x", "lab", "web-", "nested-hyperv-verify", "nested hyperv-", "n%sted-hyperv-"])
def test_a_prefix_that_others_may_use_is_refused(shared_lab: Lab, prefix: str) -> None:
    shared_lab.fails("host_experiment", "prefix", mode="find", prefix=prefix)


def test_unknown_and_unsettled_experiments_are_refused(shared_lab: Lab) -> None:
    shared_lab.refuses("host_experiment", "experiments: ", "'HV-99' is no entry", mode="run", experiments=["HV-99"])
    shared_lab.refuses(
        "host_experiment", "nothing settles HV-28", "settings of the host", mode="run", experiments=["HV-28"]
    )


def test_the_documentation_and_the_spec_agree() -> None:
    module = import_module(f"{collection.PACKAGE}.{collection.EXPERIMENTS}")
    documented = collection.documentation(collection.EXPERIMENTS, "DOCUMENTATION")["options"]
    assert {*documented, "job_timeout"} == set(module.SPEC["argument_spec"])
    assert module.SPEC["argument_spec"]["prefix"]["default"] == PREFIX


def test_the_examples_run() -> None:
    with open_lab(MODEL) as lab:
        for task in collection.documentation(collection.EXPERIMENTS, "EXAMPLES"):
            lab.succeeds("host_experiment", **task["nested.hyperv.host_experiment"])
