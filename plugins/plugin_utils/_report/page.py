# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of a survey: one HTML page that requests nothing from anywhere."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from . import picture, words
from .picture import Estate, badge, join

FEW = 24  # up to so many hosts, their pictures are open at first
_STYLE, _SCRIPT = (Path(__file__).with_name(name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
_PAGE = Markup("""\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="nested.hyperv.survey_hosts">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<a class="skip" href="#findings">Skip to the findings</a>
<header class="top">
<h1>Nested virtualization survey</h1>
<p class="about">{about}</p>
{summary}
</header>
<main>
{controls}
<section aria-labelledby="findings"><h2 id="findings" tabindex="-1">Findings</h2>
{findings}</section>
<section aria-labelledby="hosts"><h2 id="hosts" tabindex="-1">Hosts</h2>
{hosts}</section>
<section aria-labelledby="levels"><h2 id="levels" tabindex="-1">Levels</h2>
{legend}
<div id="cards">
{cards}</div></section>
<section aria-labelledby="vms" id="vm-section"><h2 id="vms" tabindex="-1">Virtual machines</h2>
<p id="no-script">This table requires scripts. The levels above contain the same VMs.</p>
<div class="scroll" id="vm-table"></div></section>
</main>
<footer><p>Created by nested.hyperv.survey_hosts. Files with the same name contain the same data as <code>.json</code>
and <code>.junit.xml</code>.</p></footer>
<script type="application/json" id="data">{data}</script>
<script>{script}</script>
</body>
</html>
""")


def render(survey: Mapping[str, Any]) -> str:
    """The HTML of a survey."""
    estate = picture.estate(survey["hosts"])
    vms = sum(len(host["vms"]) for host in estate.hosts)
    about = words.listed(
        [
            f"for {survey['purpose']}",
            words.number(len(estate.hosts), "host"),
            words.number(vms, "VM"),
            survey.get("created") and f"created {words.time(survey['created'])}",
        ]
    )
    outermost = estate.outermost()
    page = _PAGE.format(
        policy=_policy(),
        title=f"Nested virtualization survey: {words.number(len(estate.hosts), 'host')}",
        style=Markup(_STYLE),
        about=about,
        summary=_summary(estate),
        controls=_controls(),
        findings=_findings(estate),
        hosts=_hosts(estate),
        legend=_legend(estate),
        cards=join(picture.card(number, estate, len(outermost) <= FEW) for number in outermost),
        data=Markup(embed(_data(estate))),
        script=Markup(_SCRIPT),
    )
    return words.printable(page)


def _policy() -> str:
    """A Content-Security-Policy that permits this style and script, and nothing from anywhere."""
    style, script = (base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (_STYLE, _SCRIPT))
    return (
        f"default-src 'none'; style-src 'sha256-{style}'; script-src 'sha256-{script}'; base-uri 'none'; "
        "form-action 'none'"
    )


def embed(value: Any) -> str:
    """JSON that can't end a script element, or begin a comment in it."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


# ---- summary ----


def _summary(estate: Estate) -> Markup:
    """How many hosts have each status, as a bar and in words; and how many VMs nest."""
    statuses = [words.status_of_host(host) for host in estate.hosts]
    total, bars, rows, at = max(len(statuses), 1), [], [], 0.0
    for status, text in words.STATUSES.items():
        count = statuses.count(status)
        width = 1000 * count / total
        if count:
            bars.append(Markup('<rect class="{}" x="{:.1f}" width="{:.1f}" height="10"/>').format(status, at, width))
        at += width
        rows.append(
            Markup('<li class="{0}"><a href="#hosts" data-status="{0}"><b>{1}</b> {2}</a></li>').format(
                status, count, text
            )
        )
    vms = [vm for host in estate.hosts for vm in host["vms"]]
    deepest = max(
        (level + 1 for host, level in zip(estate.hosts, estate.levels, strict=True) if host["vms"]), default=0
    )
    facts = [
        (len(vms), "VM" if len(vms) == 1 else "VMs"),
        (sum(vm["state"] == "running" for vm in vms), "running"),
        (sum(words.nests(vm) for vm in vms), "with nesting"),
        (f"L{deepest}", "deepest level"),
    ]
    return Markup(
        '<svg class="bar" viewBox="0 0 1000 10" preserveAspectRatio="none" aria-hidden="true">{}</svg>'
        '<ul class="tiles" aria-label="Hosts by status">{}</ul>'
        '<ul class="tiles minor" aria-label="Virtual machines">{}</ul>'
    ).format(join(bars), join(rows), join(Markup("<li><span><b>{}</b> {}</span></li>").format(*fact) for fact in facts))


def _controls() -> Markup:
    buttons = join(
        Markup('<button type="button" class="{0}" data-status="{0}" aria-pressed="false">{1}</button>').format(
            status, text
        )
        for status, text in words.STATUSES.items()
    )
    return Markup(
        '<div class="controls" role="search" hidden>'
        '<label for="text">Filter</label>'
        '<input type="search" id="text" placeholder="host, VM, switch, rule" autocomplete="off" spellcheck="false">'
        '<div role="group" aria-label="Status">{}'
        '<button type="button" class="nesting" id="nesting" aria-pressed="false">nesting</button></div>'
        '<button type="button" class="plain" id="toggle">Collapse all</button>'
        '<p id="count" role="status"></p></div>'
    ).format(buttons)


def _legend(estate: Estate) -> Markup:
    deepest = max((level + 1 for level in estate.levels), default=0)
    names = ("physical host", "VM", "VM in a VM")
    marks = (
        Markup("<li>{}<span>{}</span></li>").format(
            picture._level_mark(level), names[level] if level < len(names) else f"level {level}"
        )
        for level in range(deepest + 1)
    )
    return Markup(
        '<ul class="legend">{}<li><span class="chip nesting">nesting</span><span>virtualization extensions exposed'
        "</span></li></ul>"
    ).format(join(marks))


# ---- tables ----


def _head(columns: Sequence[str]) -> Markup:
    """The headings, which a script turns into buttons that sort."""
    cells = join(Markup('<th scope="col" role="columnheader">{}</th>').format(column) for column in columns)
    return Markup('<thead role="rowgroup"><tr role="row">{}</tr></thead>').format(cells)


def _cell(label: str, content: str, key: str | int | None = None) -> Markup:
    """A cell with its heading for narrow screens, and the value to sort by if that isn't its text."""
    return Markup('<td role="cell" data-l="{}"{}>{}</td>').format(
        label, "" if key is None else Markup(' data-k="{}"').format(key), content
    )


FINDINGS = ("Severity", "Rule", "Found on", "What to do")
HOSTS = ("Host", "Status", "Findings", "Level", "System", "Processor", "Memory", "VMs", "Nesting")


def _findings(estate: Estate) -> Markup:
    """Each violated rule once, with the hosts and VMs that violate it."""
    rules: dict[tuple[int, str, bool], list[tuple[int, Mapping[str, Any]]]] = {}
    for number, host in enumerate(estate.hosts):
        for finding in host["findings"]:
            key = (words.SEVERITIES.index(finding["severity"]), finding["id"], finding["ignored"] is not None)
            rules.setdefault(key, []).append((number, finding))
    if not rules:
        return Markup('<p class="none">No rule is violated.</p>')
    anchored: set[str] = set()
    rows = []
    for (_order, rule, ignored), found in sorted(rules.items()):
        rows.append(_finding(rule, ignored, found, estate, anchor=rule not in anchored))
        anchored.add(rule)
    return Markup(
        '<table class="cards findings" role="table" aria-labelledby="findings">{}<tbody role="rowgroup">{}</tbody>'
        "</table>"
    ).format(_head(FINDINGS), join(rows))


def _finding(
    rule: str, ignored: bool, found: list[tuple[int, Mapping[str, Any]]], estate: Estate, anchor: bool
) -> Markup:
    first = found[0][1]
    hosts = len({number for number, _finding in found})
    vms = sum(finding["vm"] is not None for _number, finding in found)
    places = join(
        Markup("<li><a href=#h{}><bdi>{}</bdi></a>{}: {}{}</li>").format(
            number,
            estate.hosts[number]["name"],
            "" if finding["vm"] is None else Markup(" › <bdi>{}</bdi>").format(finding["vm"]),
            finding["observed"] or "",
            f" (ignored: {finding['ignored']})" if ignored else "",
        )
        for number, finding in found
    )
    what = words.number(hosts, "host") + (f", {words.number(vms, 'VM')}" if vms else "")
    return Markup('<tr role="row" class="s-{}"{}>{}</tr>\n').format(
        first["severity"],
        Markup(' id="r-{}"').format(rule) if anchor else "",
        join(
            [
                _cell(
                    FINDINGS[0],
                    badge(first["severity"], first["severity"]) + (badge("ignored", "ignored") if ignored else ""),
                    words.SEVERITIES.index(first["severity"]) + 3 * ignored,
                ),
                _cell(FINDINGS[1], Markup("<b>{}</b> {}").format(rule, _sentence(first["message"])), rule),
                _cell(
                    FINDINGS[2],
                    Markup("<details{}><summary>{}</summary><ul>{}</ul></details>").format(
                        Markup(" open") if len(found) <= 3 else "", what, places
                    ),
                    len(found),
                ),
                _cell(
                    FINDINGS[3],
                    Markup('{} <a rel="noreferrer" href="{}">Source<span class="sr"> of {}</span></a>').format(
                        _sentence(first["remedy"]), first["source"], rule
                    )
                    if first["source"].startswith("https://")
                    else _sentence(first["remedy"]),
                ),
            ]
        ),
    )


def _sentence(text: str) -> str:
    text = text.strip()
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".") if text else ""


def _hosts(estate: Estate) -> Markup:
    rows = join(_host(number, host, estate.levels[number]) for number, host in enumerate(estate.hosts))
    return Markup(
        '<table class="cards hosts" role="table" aria-labelledby="hosts">{}<tbody role="rowgroup">{}</tbody></table>'
    ).format(_head(HOSTS), rows)


def _host(number: int, host: Mapping[str, Any], level: int) -> Markup:
    facts, status = host["host"], words.status_of_host(host)
    name = Markup('<a href="#h{}"><bdi>{}</bdi></a>').format(number, host["name"])
    cells = [
        _cell(HOSTS[0], name, host["name"]),
        _cell(HOSTS[1], badge(status), list(words.STATUSES).index(status)),
    ]
    if facts is None:
        reason = Markup('<td role="cell" colspan="{}" class="error">{}</td>').format(
            len(HOSTS) - 2, host["error"] or "No task ran on this host."
        )
        return Markup('<tr role="row" class="s-{}" data-h="{}">{}</tr>\n').format(
            status, number, join([*cells, reason])
        )
    severities = [finding["severity"] for finding in host["findings"] if finding["ignored"] is None]
    weight = sum(10 ** (6 - 3 * words.SEVERITIES.index(severity)) for severity in severities)
    total = (facts.get("memory") or {}).get("total")
    nested = sum(words.nests(vm) for vm in host["vms"])
    cells += [
        _cell(HOSTS[2], picture.counts(host["findings"]) or "none", weight),
        _cell(HOSTS[3], f"L{level}", level),
        _cell(HOSTS[4], words.system(facts)),
        _cell(HOSTS[5], words.processor(facts)),
        _cell(HOSTS[6], words.size(total), total or 0),
        _cell(HOSTS[7], str(len(host["vms"])), len(host["vms"])),
        _cell(HOSTS[8], str(nested), nested),
    ]
    return Markup('<tr role="row" class="s-{}" data-h="{}">{}</tr>\n').format(status, number, join(cells))


# ---- data for the script ----


def _data(estate: Estate) -> dict[str, Any]:
    """The rows of the table of VMs, and the words by which hosts are found."""
    vms = []
    for number, host in enumerate(estate.hosts):
        findings: dict[str, list[Mapping[str, Any]]] = {}
        for finding in host["findings"]:
            findings.setdefault(finding["vm"] or "", []).append(finding)
        for vm in host["vms"]:
            memory = vm.get("memory") or {}
            own = findings.get(vm["name"], [])
            vms.append(
                [
                    number,
                    vm["name"],
                    list(words.STATUSES).index(words.status(own)),
                    vm["state"],
                    int(words.nests(vm)),
                    estate.levels[number] + 1,
                    (vm.get("processor") or {}).get("count") or 0,
                    memory.get("startup") or 0,
                    words.memory(vm),
                    ", ".join(words.networks(vm)),
                    vm.get("version") or "",
                    " ".join(sorted({finding["id"] for finding in own if finding["ignored"] is None})),
                ]
            )
    return {
        "statuses": words.STATUSES,
        "hosts": [words.printable(host["name"]) for host in estate.hosts],
        "vms": [[words.printable(value) if isinstance(value, str) else value for value in vm] for vm in vms],
    }
