# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook survey_hosts: what it writes, whom it asks, and what it refuses before it asks anybody."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from ansible_collections.nested.hyperv.plugins.module_utils._hyperv.host import facts as host_facts
from ansible_collections.nested.hyperv.plugins.module_utils._hyperv.vm import facts as vm_facts
from ansible_collections.nested.hyperv.tests import simulator
from ansible_collections.nested.hyperv.tests.harness.playbooks import Playbooks
from ansible_collections.nested.hyperv.tests.harness.task import variables

pytestmark = pytest.mark.playbook

SURVEY = "nested.hyperv.survey_hosts"
HOSTILE = "</script><b onclick=alert(1)>'\"&"
MODEL: dict[str, Any] = {
    "hosts": [
        {
            "name": "hv01",
            "memory": "256GB",
            "switches": [{"name": "Lab", "type": "internal", "addresses": ["192.168.100.1/24"]}],
            "vms": [
                {
                    "name": "lab01",
                    "state": "running",
                    "nested": True,
                    "memory": "64GB",
                    "adapters": [{"name": "LAN", "switch": "Lab", "mac_spoofing": True}],
                    "guest": {"machine": {"vms": [{"name": "inner01"}, {"name": "inner02"}]}},
                },
                {"name": HOSTILE},
            ],
        },
        {"name": "hv02", "hyperv": False},
    ]
}


def hosts_of(sim: simulator.Simulation) -> dict[str, Any]:
    return {
        "away": variables(sim, "hv02", ansible_host="no-such-host.invalid"),
        **{name: variables(sim, name) for name in ("hv01", "hv02", "lab01")},
    }


def test_all_hosts_are_in_the_files(sim: simulator.Simulation, playbook: Playbooks, tmp_path: Path) -> None:
    hosts = hosts_of(sim)
    ended = playbook(SURVEY, hosts=hosts)
    assert ended.code == 0, ended.text
    assert not ended.writes
    assert [ended.recap(host)["changed"] for host in hosts] == [0, 0, 0, 0]

    survey = json.loads((tmp_path / "nesting-survey.json").read_text())
    assert list(survey) == ["schema", "created", "purpose", "scenario", "hosts"]
    away, hv01, hv02, lab01 = survey["hosts"]
    assert away["reachable"] is False
    assert "cannot be resolved" in away["error"]
    assert {vm["name"] for vm in hv01["vms"]} == {"lab01", HOSTILE}
    assert hv01["error"] is None
    assert hv02["vms"] == []
    assert "hyperv-not-running" in {finding["id"] for finding in hv02["findings"]}

    assert lab01["parent"] == {"host": "hv01", "vm": "lab01"}
    assert [vm["name"] for vm in lab01["vms"]] == ["inner01", "inner02"]

    page = (tmp_path / "nesting-survey.html").read_text()
    assert HOSTILE not in page
    assert page.count("</script>") == 2
    suites = ElementTree.parse(tmp_path / "nesting-survey.junit.xml").getroot()
    assert [suite.get("name") for suite in suites] == ["away", "hv01", "hv02", "lab01"]
    assert [suite.get("errors") for suite in suites] == ["1", "0", "0", "0"]
    assert {path.name for path in tmp_path.glob("*nesting*")} == {
        f"nesting-survey.{extension}" for extension in ("html", "json", "junit.xml")
    }


def test_a_second_survey_differs_in_its_time_only(playbook: Playbooks, tmp_path: Path) -> None:
    texts = []
    for _survey in range(2):
        ended = playbook(SURVEY, variables={"survey_hosts_purpose": "evaluation"})
        assert ended.code == 0, ended.text
        texts.append(json.loads((tmp_path / "nesting-survey.json").read_text()))
    assert [text.pop("created")[-1] for text in texts] == ["Z", "Z"]
    assert texts[0] == texts[1]
    assert json.dumps(texts[0]) == json.dumps(texts[1])


def test_no_host_is_asked_twice_for_the_same(playbook: Playbooks) -> None:
    tasks = [
        {"nested.hyperv.host_info": {"include": list(host_facts.GROUPS + host_facts.MORE_GROUPS)}},
        {"nested.hyperv.vm_info": {"include": list(vm_facts.GROUPS + vm_facts.MORE_GROUPS)}},
    ]
    once = playbook({"tasks": tasks})
    surveyed = playbook(SURVEY)
    assert len(surveyed.requests) <= len(once.requests)


def test_check_mode_surveys_and_writes_nothing(playbook: Playbooks, tmp_path: Path) -> None:
    ended = playbook(SURVEY, "--check")
    assert ended.code == 0, ended.text
    assert ended.requests
    assert not list(tmp_path.glob("*nesting*"))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"survey_hosts_report": "missing/report.html"}, "in a folder that does not exist"),
        ({"survey_hosts_report": "/proc/report.html"}, "cannot be written"),
        ({"survey_hosts_report": "folder.html"}, "must not be a folder"),
        ({"survey_hosts_report": "report.pdf"}, "must be the path of a file that ends in .html"),
        ({"survey_hosts_report": ".html"}, "must be the path of a file that ends in .html"),
        ({"survey_hosts_purpose": "prodution"}, "did you mean production?"),
        ({"survey_hosts_ignore": [{"rule": "nested-azur", "reason": "x"}]}, "nested-azure"),
        ({"survey_hosts_ignore": [{"rule": "nested-azure"}]}, "reason"),
    ],
    ids=lambda value: "-".join(str(part) for part in value.values())[:20] if isinstance(value, dict) else "",
)
def test_refused_before_any_host_is_asked(
    playbook: Playbooks, tmp_path: Path, values: dict[str, Any], words: str
) -> None:
    (tmp_path / "folder.html").mkdir()
    ended = playbook(SURVEY, *(["--check"] if "/proc" in str(values) else []), variables=values)
    assert ended.code == 2, ended.text
    assert words in " ".join(ended.text.split())
    assert not ended.requests
    assert not list(tmp_path.glob(".nesting*"))
