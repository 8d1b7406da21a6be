# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Messages without what identifies a host or a person; what is replaced is replaced everywhere by the same."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable
from typing import Any

from .._hyperv.network.switch import DEFAULT_SWITCH

_GUID = r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
_MAC = r"(?<![0-9A-Fa-f-])00155[Dd][0-9A-Fa-f]{6}(?![0-9A-Fa-f-])|\b(?:[0-9A-Fa-f]{2}[-:]){5}[0-9A-Fa-f]{2}\b"
_MAC += r"|(?<=Address>)[0-9A-Fa-f]{12}(?=<)"
_SID = r"S-1-5-21(?:-\d+){3,4}"
_IPV4 = r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.])"
_IPV6 = r"(?<![\w:.])[0-9A-Fa-f:]*:[0-9A-Fa-f:]*:[0-9A-Fa-f:]+(?![\w:])"
_FOUND = re.compile(f"(?P<guid>{_GUID})|(?P<mac>{_MAC})|(?P<sid>{_SID})|(?P<ipv4>{_IPV4})|(?P<ipv6>{_IPV6})")
_TEXT = re.compile(r"""(?<=>)[^<>]+(?=<)|(?<=\sMachine=")[^"]+""")
# Elements that hold names of people and machines, or numbers of licences.
_PERSONAL = "Owner|OwningUser|UserName|RegisteredUser|PrimaryOwnerName|Organization|SerialNumber|CSName|PSComputerName"
_OF_PEOPLE = re.compile(rf"(<(?:\w+:)?(?:{_PERSONAL})>)[^<]+(?=<)")
_ACCOUNT = re.compile(r"(host-\d+|domain-\d+)\\+[^\\<&\s]+")
_NEW = {
    "guid": "00000000-0000-4000-8000-{:012d}",
    "mac": "00155D{:06d}",
    "sid": "S-1-5-21-1-2-3-{}",
    "ipv4": "192.0.2.{}",
    "ipv6": "2001:db8::{:x}",
}
# What is the same on every host says nothing about this one, and gives messages their meaning.
_SAME_EVERYWHERE = re.compile(rf"{DEFAULT_SWITCH}|0{{8}}-0{{4}}-.{{22}}|0+|127\.\d.*|0\.0\.0\.0|::1?", re.IGNORECASE)


def scrubber(hosts: Iterable[str], domains: Iterable[str], names: Iterable[str]) -> Callable[[str], str]:
    """A function from a message to the same without names of hosts and domains, ids and addresses.

    `names` are those of objects of other people, which are replaced if they are the whole text of an element.
    """
    words = _numbered(hosts, "host") | _numbered(domains, "domain")
    pattern = "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))
    in_text = re.compile(rf"(?<![\w-])(?:{pattern})(?![\w-])", re.IGNORECASE) if words else None
    whole = _numbered(names, "name")
    known: dict[tuple[str, str], str] = {}

    def replace(match: re.Match[str]) -> str:
        kind, text = match.lastgroup or "", match[0]
        if _SAME_EVERYWHERE.fullmatch(text) or (kind.startswith("ip") and not is_address(text)):
            return text
        key = kind, re.sub(r"[-:]", "", text).lower() if kind == "mac" else text.lower()
        if key not in known:
            number = 1 + sum(found == kind for found, _text in known)
            known[key] = _NEW[kind].format(number)
        return known[key]

    def rename(match: re.Match[str]) -> str:
        text = match[0]
        if text.strip().lower() in whole:
            return whole[text.strip().lower()]
        text = in_text.sub(lambda word: words[word[0].lower()], text) if in_text else text
        return _ACCOUNT.sub(r"\1\\user", text)

    def scrub(message: str) -> str:
        is_xml = message.lstrip().startswith("<")
        message = _OF_PEOPLE.sub(r"\1removed", message)
        message = _TEXT.sub(rename, message) if is_xml else rename(re.fullmatch(r"[\s\S]*", message))
        return _FOUND.sub(replace, message)

    return scrub


def everywhere(value: Any, scrub: Callable[[str], str]) -> Any:
    """A value of JSON with all of its texts scrubbed, except for names of keys."""
    if isinstance(value, str):
        return scrub(value)
    if isinstance(value, dict):
        return {key: everywhere(inner, scrub) for key, inner in value.items()}
    return [everywhere(inner, scrub) for inner in value] if isinstance(value, list | tuple) else value


def _numbered(words: Iterable[str], kind: str) -> dict[str, str]:
    distinct = dict.fromkeys(word.strip().lower() for word in words if word and len(word.strip()) > 1)
    return {word: f"{kind}-{number}" for number, word in enumerate(distinct, 1)}


def is_address(text: str) -> bool:
    """Whether a text is an IP address."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
