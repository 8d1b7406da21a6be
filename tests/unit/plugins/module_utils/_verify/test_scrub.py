# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Scrubbed messages: what identifies somebody is replaced, and values keep their meaning."""

from __future__ import annotations

import pytest

from ansible_collections.nested.hyperv.plugins.module_utils._verify.scrub import scrubber


@pytest.mark.parametrize(
    ("text", "gone"),
    [
        ("the address 10.20.30.40.", "10.20.30"),
        ("the prefix 10.20.30.0/24, and more", "10.20.30"),
        ("from fd12:3456::/64 on", "fd12"),
        ("http://10.20.30.40:5985/wsman", "10.20.30"),
        ("<a>::ffff:10.20.30.40</a>", "10.20.30"),
        ("<a>fe80::215:5dff:fe12:3456%12</a>", "12:3456"),
    ],
)
def test_an_address_in_a_text_is_replaced(text: str, gone: str) -> None:
    assert gone not in scrubber((), (), ())(text)


@pytest.mark.parametrize("text", ["at 10:20:30", "00:00:01.500", "version 10.0.20348", "std::map", "1.2.3.4.5.6"])
def test_other_numbers_stay(text: str) -> None:
    assert scrubber((), (), ())(text) == text


@pytest.mark.parametrize(("name", "written"), [("Q", "Q"), ("R&D", "R&amp;D"), ("web01", "WEB01"), ("7", "7")])
def test_a_name_is_replaced_whatever_it_is(name: str, written: str) -> None:
    scrub = scrubber((), (), [name])
    assert scrub(f"<p:ElementName>{written}</p:ElementName>") == "<p:ElementName>name-1</p:ElementName>"


def test_a_name_that_looks_like_a_value_leaves_values_alone() -> None:
    scrub = scrubber((), (), ["7", "true"])
    assert scrub("<p:Number>7</p:Number><p:On>true</p:On>") == "<p:Number>7</p:Number><p:On>true</p:On>"


def test_a_host_of_one_letter_is_replaced_as_a_whole_text_only() -> None:
    scrub = scrubber(["C"], (), ())
    assert scrub(r"<a>C</a><b>C:\x</b>") == r"<a>host-1</a><b>C:\x</b>"
