# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Surveys without a browser: what they contain, in which order, and that nothing in them becomes markup."""

from __future__ import annotations

import copy
import json
import random
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.nested.hyperv.plugins.filter.survey_data import survey_data
from ansible_collections.nested.hyperv.plugins.filter.survey_html import survey_html
from ansible_collections.nested.hyperv.plugins.filter.survey_junit import survey_junit
from ansible_collections.nested.hyperv.plugins.module_utils._policy import evaluate
from ansible_collections.nested.hyperv.plugins.plugin_utils._report import page, words
from ansible_collections.nested.hyperv.tests.harness import surveys

CREATED = "2026-11-26T09:30:00Z"
HOSTILE = (
    "</script><script>alert(1)</script>",
    "<!--<script>",
    "]]>",
    "&lt;b&gt; & \" ' `",
    "{{ 1 + 1 }} {braces} %s",
    "\u202egnp.exe",
    "\x00\x07\x1b[31m\ud800\ufffe",
    "\u2028\u2029",
    "ü – 日本語 😀",
    "x" * 300,
    "javascript:alert(1)",
    "  ",
)


def estate() -> dict[str, Any]:
    return survey_data(surveys.estate(), created=CREATED)


def by_name(survey: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {host["name"]: host for host in survey["hosts"]}


def hostile(value: Any, choose: random.Random) -> Any:
    """The value with texts from anywhere in place of each of its own, apart from those that are no text for people."""
    if isinstance(value, dict):
        return {
            key: item if key in ("severity", "state", "platform") else hostile(item, choose)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [hostile(item, choose) for item in value]
    return f"{choose.choice(HOSTILE)} {value}" if isinstance(value, str) else value


class Markup(HTMLParser):
    """The tags and the attributes of a page, and the text of its scripts."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.links: set[str] = set()
        self.comments: list[str] = []
        self.scripts: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {name for name, _value in attrs}
        self.links |= {value or "" for name, value in attrs if name in ("href", "src")}
        if tag == "script":
            self.scripts.append("")

    def handle_comment(self, data: str) -> None:
        self.comments.append(data)

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1] == "script":
            self.scripts[-1] += data


# ---- the data ----


def test_hosts_that_are_vms_of_others_are_found() -> None:
    parents = {name: host["parent"] for name, host in by_name(estate()).items() if host["parent"]}
    assert parents == {
        "lab01.example.com": {"host": "hv01.example.com", "vm": "lab01"},
        "node01.example.com": {"host": "lab01.example.com", "vm": "node01"},
    }


def inner(**facts: Any) -> surveys.Row:
    return surveys.row("inner", surveys.host("inner", platform="hyper-v", **facts))


@pytest.mark.parametrize(
    ("guests", "expected"),
    [
        ([{"guest": {"computer_name": "INNER.example.com"}}], "vm0"),
        ([{"guest": {"computer_name": "inner"}}], "vm0"),
        ([{"guest": {"computer_name": "inner.elsewhere.net"}}], None),
        ([{"guest": {"computer_name": "inner"}, "state": "off"}], None),
        ([{"guest": {"computer_name": "inner"}}] * 2, None),
        ([{"mac": "02:00:00:00:00:01"}, {"guest": {"computer_name": "inner"}}], "vm0"),
        ([{"mac": "02:00:00:00:00:01"}] * 2, None),
        ([{"mac": "02:00:00:00:00:01"}, {"mac": "02:00:00:00:00:01", "guest": {"computer_name": "inner"}}], "vm1"),
        ([{"mac": None}], None),
    ],
    ids=["domain", "name", "another domain", "off", "two names", "MAC first", "two MACs", "both", "nothing"],
)
def test_a_parent_is_a_running_vm_that_fits_alone(guests: list[dict[str, Any]], expected: str | None) -> None:
    outer = surveys.row(
        "outer", surveys.host("outer"), *(surveys.vm(f"vm{n}", **guest) for n, guest in enumerate(guests))
    )
    parent = by_name(survey_data([outer, inner(mac="02:00:00:00:00:01")]))["inner"]["parent"]
    assert parent == (expected and {"host": "outer", "vm": expected})


def test_machines_that_would_contain_each_other_do_not() -> None:
    rows = [
        surveys.row(
            name,
            surveys.host(name, platform="hyper-v"),
            surveys.vm("vm", guest={"computer_name": other}),
        )
        for name, other in (("a", "b"), ("b", "c"), ("c", "a"), ("d", "x"))
    ]
    survey = survey_data(rows)
    for host in survey["hosts"]:
        seen = []
        while host["parent"]:
            assert host["name"] not in seen
            seen.append(host["name"])
            host = by_name(survey)[host["parent"]["host"]]
    survey_html(survey)


def test_the_order_of_the_input_does_not_matter() -> None:
    rows = surveys.estate()
    expected = json.dumps(survey_data(rows))
    choose = random.Random(3)
    for _round in range(5):
        choose.shuffle(rows)
        for _name, _host, listed in rows:
            if "vms" in listed:
                choose.shuffle(listed["vms"])
                listed["vms"] = [dict(reversed(vm.items())) for vm in listed["vms"]]
        assert json.dumps(survey_data(rows)) == expected
    assert survey_html(survey_data(rows)) == survey_html(json.loads(expected))


def test_what_changes_by_itself_is_left_out() -> None:
    rows = surveys.estate()
    before = survey_data(copy.deepcopy(rows))
    for _name, found, listed in rows:
        if "host" in found:
            found["host"]["memory"]["free"] -= 1
            found["host"]["os"]["booted"] = "2026-11-26T00:00:00+00:00"
            for vm in listed["vms"]:
                vm["uptime"] += 60
                vm["memory"] |= {"assigned": 1, "demand": 2}
    assert survey_data(rows) == before


def test_findings_are_those_of_the_rules() -> None:
    name, found, listed = surveys.estate()[3]
    host = by_name(survey_data([(name, found, listed)]))[name]
    assert host["findings"] == evaluate.survey(found["host"], listed["vms"], "production").findings
    assert list(host["findings"][0]) == ["id", "severity", "vm", "message", "observed", "remedy", "source", "ignored"]


def test_an_ignored_rule_keeps_its_reason_and_does_not_count() -> None:
    ignore = [{"rule": "nested-foreign-hypervisor", "reason": "a test lab"}]
    host = by_name(survey_data(surveys.estate(), "evaluation", ignore))["esx-win"]
    assert [finding["ignored"] for finding in host["findings"] if finding["id"] == ignore[0]["rule"]] == ["a test lab"]
    assert words.status_of_host(host) == "ok"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"purpose": "evalution"}, "did you mean evaluation"),
        ({"ignore": [{"rule": "nested-dept", "reason": "x"}]}, "nested-depth"),
        ({"ignore": [{"rule": "nested-azure", "reason": " "}]}, "reason"),
        ({"ignore": [{"reason": "x"}]}, "requires rule"),
        ({"ignore": [{"rule": "nested-azure", "reason": "x", "host": "y"}]}, "supports the keys"),
        ({"ignore": {"nested-azure": "x"}}, "must be a list of rules, such as .*nested-azure"),
        ({"ignore": [{"rule": "nested-depth", "reason": "x"}]}, r"^ignore\.rule: nested-depth can't be ignored"),
    ],
)
def test_bad_arguments(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(AnsibleFilterError, match=message):
        survey_data([], **arguments)


@pytest.mark.parametrize("value", [["hv01"], [("hv01", {})], "hv01"])
def test_what_is_no_list_of_hosts(value: Any) -> None:
    with pytest.raises(AnsibleFilterError, match="requires a list of hosts"):
        survey_data(value)


@pytest.mark.parametrize("convert", [survey_html, survey_junit])
@pytest.mark.parametrize("value", [None, [], {}, {"schema": 2, "hosts": []}])
def test_what_is_no_survey(convert: Any, value: Any) -> None:
    with pytest.raises(AnsibleFilterError, match="requires a survey"):
        convert(value)


@pytest.mark.parametrize(
    ("results", "error", "reachable"),
    [
        (({"unreachable": True, "msg": "no route"}, {"unreachable": True, "msg": "again"}), "no route", False),
        (({"failed": True, "msg": "access denied"}, {"skipped": True}), "access denied", True),
        (({"host": surveys.host("h")}, {"failed": True, "msg": "no VMs"}), "no VMs", True),
        (({"host": surveys.host("h")}, {"unreachable": True, "msg": "gone"}), "gone", False),
        ((None, None), None, False),
    ],
    ids=["unreachable", "refused", "half", "lost", "never asked"],
)
def test_hosts_that_fail_are_in_the_survey(results: Any, error: str | None, reachable: bool) -> None:
    survey = survey_data([("h", *results), *surveys.estate()])
    host = by_name(survey)["h"]
    assert (host["error"], host["reachable"]) == (error, reachable)
    assert words.status_of_host(host) == "unreachable"
    assert (error or "No task ran") in survey_html(survey)
    suite = ElementTree.fromstring(survey_junit(survey)).find("testsuite[@name='h']")
    assert suite is not None
    assert suite.get("errors") == "1"


def test_the_documented_schema_has_the_keys_of_the_survey(checkout: Path) -> None:
    text = (checkout / "docs" / "survey.md").read_text()
    survey = estate()
    keys = {*survey, *survey["hosts"][0], *survey["hosts"][0]["findings"][0]}
    assert {key for key in keys if f"`{key}`" not in text} == set()
    assert json.loads(re.findall(r"```json\n(.*?)```", text, re.DOTALL)[0])["schema"] == survey["schema"]


# ---- HTML ----


def test_names_never_become_markup() -> None:
    plain = Markup(survey_html(estate()))
    for seed in range(8):
        survey = hostile(estate(), random.Random(seed))
        for host in survey["hosts"]:
            host["parent"] = None
        text = survey_html(survey)
        text.encode()  # no half of a character
        found = Markup(text)
        assert set(found.tags) <= set(plain.tags)
        assert found.attributes <= plain.attributes
        assert found.tags.count("script") == 2
        assert not found.comments
        assert not [link for link in found.links if not link.startswith(("#", "https://"))]
        assert not re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f]", text)
        data = json.loads(found.scripts[0])
        assert [words.printable(host["name"]) for host in survey["hosts"]] == data["hosts"]
        assert found.scripts[1] == plain.scripts[1]


def test_embedded_data_can_not_leave_its_element() -> None:
    for text in HOSTILE:
        embedded = page.embed({text: text})
        assert not set("<>&") & set(embedded)
        assert json.loads(embedded) == {text: text}


def test_everything_is_in_the_page_without_scripts() -> None:
    survey = estate()
    text = survey_html(survey)
    static = text[: text.index('<script type="application/json"')]
    for host in survey["hosts"]:
        assert host["name"] in static
        for vm in host["vms"]:
            assert f"<bdi>{vm['name']}</bdi>" in static
        for finding in host["findings"]:
            assert finding["id"] in static
    assert "L3" in static
    assert not re.search(r"""(?:src|href|action)=["']?(?!["'#]|https://)|url\(|@import""", static)


def test_the_policy_of_the_page_permits_its_own_style_and_script_only() -> None:
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', survey_html(estate()))
    assert policy.startswith("default-src &#39;none&#39;")
    assert "unsafe" not in policy
    assert "http" not in policy


def test_no_host_and_no_vm() -> None:
    for rows in ([], [surveys.row("empty", surveys.host("empty"))]):
        survey = survey_data(rows)
        assert "<table" in survey_html(survey)
        ElementTree.fromstring(survey_junit(survey))


def test_a_large_estate_is_small() -> None:
    assert len(survey_html(survey_data(surveys.many())).encode()) < 5_000_000


# ---- JUnit ----

# Children and attributes of each element, as Jenkins' schema junit-10.xsd permits them; True: required.
JUNIT: dict[str, tuple[set[str], dict[str, bool]]] = {
    "testsuites": ({"testsuite"}, {"name": False, "tests": False, "failures": False, "errors": False}),
    "testsuite": (
        {"testcase"},
        {"name": True, "tests": True, "failures": True, "errors": True, "skipped": False, "time": False},
    ),
    "testcase": (
        {"failure", "error", "skipped", "system-out"},
        {"name": True, "classname": False, "time": False},
    ),
    **{name: (set(), {"type": False, "message": False}) for name in ("failure", "error", "skipped")},
    "system-out": (set(), {}),
}


def faults(element: ElementTree.Element) -> Iterator[str]:
    children, attributes = JUNIT[element.tag]
    for child in element:
        if child.tag not in children:
            yield f"{child.tag} in {element.tag}"
        else:
            yield from faults(child)
    yield from (f"{name} of {element.tag}" for name in element.attrib if name not in attributes)
    yield from (
        f"no {name} of {element.tag}" for name, must in attributes.items() if must and name not in element.attrib
    )


@pytest.mark.parametrize("seed", [None, *range(4)])
def test_junit_is_valid_and_counts_right(seed: int | None) -> None:
    survey = estate() if seed is None else hostile(estate(), random.Random(seed))
    root = ElementTree.fromstring(survey_junit(survey).encode())
    assert root.tag == "testsuites"
    assert list(faults(root)) == []
    assert len(root) == len(survey["hosts"])
    for suite, host in zip(root, survey["hosts"], strict=True):
        expected = sum(finding["severity"] == "fail" for finding in host["findings"])
        assert int(suite.attrib["failures"]) == len(suite.findall("testcase/failure")) == expected
        assert int(suite.attrib["tests"]) == len(suite)
        assert int(suite.attrib["errors"]) == len(suite.findall("testcase/error"))
        names = [case.attrib["name"] for case in suite]
        assert len(names) == len(set(names))
    for key in ("tests", "failures", "errors"):
        assert int(root.attrib[key]) == sum(int(suite.attrib[key]) for suite in root)


def test_junit_names_rule_object_and_remedy() -> None:
    survey = survey_data(surveys.estate(), ignore=[{"rule": "nested-vm-version", "reason": "next week"}])
    root = ElementTree.fromstring(survey_junit(survey))
    skipped = root.find("testsuite[@name='hv02.example.com']/testcase[@name='student03: nested-vm-version']/skipped")
    assert skipped is not None
    assert skipped.get("message") == "ignored: next week"
    failed = root.find("testsuite[@name='esx-win']/testcase[@name='host: nested-foreign-hypervisor']/failure")
    assert failed is not None
    assert failed.get("type") == "nested-foreign-hypervisor"
    assert "Remedy: " in (failed.text or "")
    assert root.find("testsuite[@name='hv02.example.com']/testcase[@name='student03: supported']") is not None
