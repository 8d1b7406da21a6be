# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report in Chromium: it works with pointer, keyboard and screen reader, on a phone and on paper, and is alone.

Needs Chromium and axe-core (`make report`), whose places are in CHROMIUM and AXE.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from ansible_collections.nested.hyperv.plugins.filter.survey_data import survey_data
from ansible_collections.nested.hyperv.plugins.filter.survey_html import survey_html
from ansible_collections.nested.hyperv.tests.harness import surveys

HOSTILE = "</script><script>document.title='stolen'</script><img src=x onerror=\"document.title='stolen'\">"
DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 360, "height": 740}
# Media features that change what is on the page.
LOOKS: dict[str, dict[str, Any]] = {
    "light": {"viewport": DESKTOP, "color_scheme": "light"},
    "dark": {"viewport": DESKTOP, "color_scheme": "dark"},
    "phone": {"viewport": PHONE, "color_scheme": "light", "is_mobile": True, "has_touch": True},
    "dark phone": {"viewport": PHONE, "color_scheme": "dark"},
}


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=os.environ["CHROMIUM"], args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def axe() -> str:
    return Path(os.environ["AXE"]).read_text()


@pytest.fixture
def show(browser: Browser, tmp_path: Path) -> Iterator[Callable[..., Page]]:
    """Open the report of these hosts; at the end, the page has requested nothing and complained of nothing."""
    requests: list[str] = []
    complaints: list[str] = []
    contexts = []
    report = tmp_path / "report.html"

    def show(rows: list[surveys.Row] | None = None, fragment: str = "", **options: Any) -> Page:
        report.write_text(survey_html(survey_data(rows or surveys.estate(), created="2026-11-26T09:30:00Z")))
        context = browser.new_context(**{"viewport": DESKTOP, **options})
        contexts.append(context)
        page = context.new_page()
        page.on("request", lambda request: requests.append(request.url))
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(report.as_uri() + fragment)
        return page

    yield show
    for context in contexts:
        context.close()
    assert {url.partition("#")[0] for url in requests} == {report.as_uri()}
    assert complaints == []


def rows(page: Page, table: str) -> Locator:
    """The first cells of the visible rows of a table, to be expected: the browser may still be drawing them."""
    return page.locator(f".{table} tbody tr:visible td:first-child")


def test_everything_is_shown(show: Callable[..., Page]) -> None:
    page = show()
    expect(rows(page, "hosts")).to_have_count(9)
    expect(rows(page, "vm-rows")).to_have_count(29)
    expect(page.locator("#count")).to_have_text("9 of 9 hosts, 29 of 29 VMs")
    expect(page.locator("#cards > details")).to_have_count(7)  # two hosts are in VMs of another
    deepest = page.locator(".host .vm .inner .vm .inner .vm", has_text="container-host")
    expect(deepest.locator(".level")).to_have_text("L3")
    expect(page.locator(".hosts tr", has_text="hv05")).to_contain_text("timed out after 30 s")


def test_filters(show: Callable[..., Page]) -> None:
    page = show()
    page.get_by_label("Filter").fill("student03")
    expect(rows(page, "hosts")).to_have_text(["hv02.example.com"])
    expect(rows(page, "vm-rows")).to_have_text(["student03"])
    expect(page.locator("#cards > details:visible")).to_have_count(1)
    expect(page.locator(".findings tbody tr:visible")).to_have_count(1)
    page.get_by_label("Filter").fill("no such thing")
    expect(page.locator("#count")).to_have_text("0 of 9 hosts, 0 of 29 VMs")
    page.get_by_label("Filter").fill("")

    controls = page.locator(".controls")
    controls.get_by_role("button", name="not surveyed").click()
    expect(rows(page, "hosts")).to_have_text(["hv05.example.com"])
    controls.get_by_role("button", name="not supported").click()
    expect(rows(page, "hosts")).to_have_count(5)
    controls.get_by_role("button", name="not surveyed").click()
    controls.get_by_role("button", name="nesting").click()
    expect(rows(page, "hosts").filter(has_text="esx-win")).to_have_count(0)
    expect(rows(page, "vm-rows")).to_have_text(["student03", "lab09"])


def test_an_inner_host_is_found_in_the_picture_of_the_outer_one(show: Callable[..., Page]) -> None:
    page = show()
    page.get_by_label("Filter").fill("container-host")
    expect(rows(page, "hosts")).to_have_text(["node01.example.com"])
    expect(page.locator("#cards > details:visible h3")).to_contain_text("hv01.example.com")


def test_tables_sort(show: Callable[..., Page]) -> None:
    page = show()
    hosts = page.locator(".hosts")
    memory = hosts.get_by_role("button", name="Memory")
    memory.click()
    memory.click()
    expect(rows(page, "hosts").first).to_have_text("hv02.example.com")  # 512 GB, a number and not a text
    heading = hosts.get_by_role("columnheader", name="Memory")
    expect(heading).to_have_attribute("aria-sort", "descending")
    hosts.get_by_role("button", name="Host").click()
    expect(rows(page, "hosts")).to_have_text(sorted(rows(page, "hosts").all_inner_texts()))
    expect(heading).not_to_have_attribute("aria-sort", "descending")

    page.locator(".vm-rows").get_by_role("button", name="Memory").click()
    expect(rows(page, "vm-rows").first).to_have_text("tiny")
    page.locator(".findings").get_by_role("button", name="Found on").click()
    expect(page.locator(".findings tbody tr").last).to_contain_text("nested-production")


def test_the_keyboard_reaches_everything(show: Callable[..., Page]) -> None:
    page = show()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the findings")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#findings")).to_be_focused()
    page.get_by_role("button", name="Severity").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("columnheader", name="Severity")).to_have_attribute("aria-sort", "ascending")
    summary = page.locator("#cards > details").first
    summary.locator("> summary").focus()
    page.keyboard.press("Space")
    expect(summary).not_to_have_attribute("open", "")


def test_links_open_what_they_lead_to(show: Callable[..., Page]) -> None:
    page = show(surveys.many(30, 4))
    card = page.locator("#cards > details").nth(17)
    expect(card).not_to_have_attribute("open", "")
    page.locator(".hosts").get_by_role("link", name="hv017").click()
    expect(card).to_have_attribute("open", "")
    expect(card.locator("h3")).to_be_in_viewport()
    page.get_by_role("button", name="Collapse all").click()
    expect(page.locator("#cards > details[open]")).to_have_count(0)
    page.get_by_role("button", name="Expand all").click()
    expect(page.locator("#cards > details[open]")).to_have_count(30)


def test_many_vms_are_shown_in_parts(show: Callable[..., Page]) -> None:
    page = show(surveys.many(30, 10))
    expect(rows(page, "vm-rows")).to_have_count(100)
    page.get_by_role("button", name="Show 100 more of 300").click()
    expect(rows(page, "vm-rows")).to_have_count(200)
    page.get_by_label("Filter").fill("vm029-0")  # filters see all of them
    expect(rows(page, "vm-rows")).to_have_count(10)


def test_names_are_text(show: Callable[..., Page]) -> None:
    facts = surveys.host("h", switches=[{"name": HOSTILE, "type": HOSTILE, "host_adapter": None}])
    machine = surveys.vm(HOSTILE, switch=HOSTILE, nests=True, version="5.0", notes=HOSTILE)
    page = show([surveys.row(HOSTILE, facts, machine), surveys.unreachable("gone", HOSTILE)])
    assert page.title() == "Nested virtualization survey: 2 hosts"
    assert page.locator("img").count() == 0
    expect(rows(page, "vm-rows")).to_have_text([HOSTILE])
    expect(rows(page, "hosts").filter(has_text=HOSTILE)).to_have_count(1)


@pytest.mark.parametrize("look", LOOKS)
def test_axe_finds_nothing(show: Callable[..., Page], axe: str, look: str) -> None:
    page = show(**LOOKS[look])
    page.evaluate("document.querySelectorAll('details').forEach((details) => { details.open = true; })")
    page.evaluate(axe)  # as an expression: the policy of the page forbids further scripts
    result = page.evaluate("axe.run({resultTypes: ['violations']})")
    found = {
        row["id"]: (row["impact"], [node["html"][:120] for node in row["nodes"][:3]]) for row in result["violations"]
    }
    assert found == {}


@pytest.mark.parametrize("look", [name for name in LOOKS if "phone" in name])
@pytest.mark.parametrize("hostile", [False, True], ids=["estate", "long names"])
def test_a_phone_does_not_scroll_sideways(show: Callable[..., Page], look: str, hostile: bool) -> None:
    long = "n" * 120
    facts = surveys.host("h", switches=[{"name": long, "type": "private", "host_adapter": None}])
    page = show(
        [surveys.row(long, facts, surveys.vm(long, switch=long, nests=True))] if hostile else None, **LOOKS[look]
    )
    page.evaluate("document.querySelectorAll('details').forEach((details) => { details.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize(
    ("width", "media"), [(1280, "screen"), (1056, "screen"), (880, "screen"), (690, "print")], ids=str
)
def test_no_screen_and_no_paper_is_too_narrow(show: Callable[..., Page], width: int, media: Any) -> None:
    long = "n" * 120
    rows = [*surveys.estate(), surveys.row(long, surveys.host("h"), surveys.vm(long, switch=long, nests=True))]
    page = show(rows, viewport={"width": width, "height": 900})
    page.emulate_media(media=media)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_light_and_dark_differ(show: Callable[..., Page]) -> None:
    color = "getComputedStyle(document.body).backgroundColor"
    colors = {look: show(**LOOKS[look]).evaluate(color) for look in ("light", "dark")}
    brightness = {look: sum(map(int, re.findall(r"\d+", text)[:3])) for look, text in colors.items()}
    assert brightness["light"] > 600
    assert brightness["dark"] < 150


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_paper_has_everything_and_no_buttons(show: Callable[..., Page], scripts: bool) -> None:
    page = show(surveys.many(30, 3), java_script_enabled=scripts, color_scheme="dark")
    page.emulate_media(media="print")
    assert page.pdf(format="A4").count(b"/Type /Page\n") >= 4  # closed pictures are printed, too
    expect(page.locator(".controls")).to_be_hidden()
    background = page.locator("body").evaluate("(body) => getComputedStyle(body).backgroundColor") if scripts else None
    assert background in (None, "rgb(255, 255, 255)")
    expect(page.locator("text=vm029-02").first).to_be_visible()


def test_without_scripts_it_can_be_read(show: Callable[..., Page]) -> None:
    page = show(java_script_enabled=False)
    expect(page.locator(".controls")).to_be_hidden()
    expect(page.locator(".vm", has_text="container-host").last).to_be_visible()
    expect(page.locator("#no-script")).to_contain_text("requires scripts")
    expect(rows(page, "hosts")).to_have_count(9)
