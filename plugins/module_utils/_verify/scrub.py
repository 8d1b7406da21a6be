# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Messages without what identifies a host or a person; what is replaced is replaced everywhere by the same."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any
from xml.sax.saxutils import unescape

from .._hyperv.network.switch import DEFAULT_SWITCH
from .addresses import Addresses, parse

_GUID = r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
_MAC = r"(?<![0-9A-Fa-f-])00155[Dd][0-9A-Fa-f]{6}(?![0-9A-Fa-f-])|\b(?:[0-9A-Fa-f]{2}[-:]){5}[0-9A-Fa-f]{2}\b"
_MAC += r"|(?<=Address>)[0-9A-Fa-f]{12}(?=<)"
_SID = r"S-1-5-21(?:-\d+){3,4}"
_IPV4 = r"\d{1,3}(?:\.\d{1,3}){3}"
_IPV6 = rf"(?:[0-9A-Fa-f]{{0,4}}:){{2,8}}(?:{_IPV4}|[0-9A-Fa-f]{{0,4}})(?:%\w+)?"
_IP = rf"(?<![\w.])(?:{_IPV4}(?!\w|\.\w)|(?<!:){_IPV6}(?![\w:]|\.\w))(?:/\d{{1,3}}(?!\w))?"
_FOUND = re.compile(f"(?P<guid>{_GUID})|(?P<mac>{_MAC})|(?P<sid>{_SID})|(?P<ip>{_IP})")
_TEXT = re.compile(r"""(?<=>)[^<>]+(?=<)|(?<=\sMachine=")[^"]+""")
# Elements that hold names, in which a name that looks like a value is known to be one.
_OF_NAMES = re.compile(r"(<(?:\w+:)?\w*Name(?:\s[^<>]*)?>)([^<>]+)(?=<)")
_LIKE_VALUES = re.compile(r"[\d.]+|true|false|null", re.IGNORECASE)
# Elements that hold names of people and machines, or numbers of licences.
_PERSONAL = "Owner|OwningUser|UserName|RegisteredUser|PrimaryOwnerName|Organization|SerialNumber|CSName|PSComputerName"
_OF_PEOPLE = re.compile(rf"(<(?:\w+:)?(?:{_PERSONAL})>)[^<]+(?=<)")
_ACCOUNT = re.compile(r"(host-\d+|domain-\d+)\\+[^\\<&\s]+")
_NEW = {
    "guid": "00000000-0000-4000-8000-{:012d}",
    "mac": "00155D{:06d}",
    "sid": "S-1-5-21-1-2-3-{}",
}
# What is the same on every host says nothing about this one, and gives messages their meaning.
_SAME_EVERYWHERE = re.compile(rf"{DEFAULT_SWITCH}|0{{8}}-0{{4}}-.{{22}}|0+", re.IGNORECASE)


def identifiers(networks: Iterable[str] = ()) -> Callable[[str], str]:
    """A function from a text to the same with other GUIDs, MAC addresses, SIDs and IP addresses.

    `networks` are addresses with prefix lengths that texts will contain, known before the first of them.
    """
    known: dict[tuple[str, str], str] = {}
    addresses = Addresses(networks)

    def replace(match: re.Match[str]) -> str:
        kind, text = match.lastgroup or "", match[0]
        if kind == "ip":
            return addresses.replace(text) or text
        if _SAME_EVERYWHERE.fullmatch(text):
            return text
        key = kind, re.sub(r"[-:]", "", text).lower() if kind == "mac" else text.lower()
        if key not in known:
            number = 1 + sum(found == kind for found, _text in known)
            known[key] = _NEW[kind].format(number)
        return known[key]

    return lambda text: _FOUND.sub(replace, text)


def scrubber(hosts: Iterable[str], domains: Iterable[str], names: Iterable[str]) -> Callable[[str], str]:
    """A function from a message to the same without names of hosts and domains, ids and addresses.

    `names` are those of objects of other people, which are replaced if they are the whole text of an element. So are
    names of hosts and domains of one letter, which texts contain with other meanings.
    """
    words = _numbered(hosts, "host") | _numbered(domains, "domain")
    whole = {**_numbered(names, "name"), **{word: new for word, new in words.items() if len(word) == 1}}
    words = {word: new for word, new in words.items() if len(word) > 1}
    pattern = "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))
    in_text = re.compile(rf"(?<![\w-])(?:{pattern})(?![\w-])", re.IGNORECASE) if words else None
    replace = identifiers()

    def rename(match: re.Match[str]) -> str:
        text = match[0]
        word = _word(text)
        if word in whole and not _LIKE_VALUES.fullmatch(word):
            return whole[word]
        text = in_text.sub(lambda found: words[found[0].lower()], text) if in_text else text
        return _ACCOUNT.sub(r"\1\\user", text)

    def rename_named(match: re.Match[str]) -> str:
        return match[1] + whole.get(_word(match[2]), match[2])

    def scrub(message: str) -> str:
        is_xml = message.lstrip().startswith("<")
        message = _OF_PEOPLE.sub(r"\1removed", message)
        message = _OF_NAMES.sub(rename_named, message)
        message = _TEXT.sub(rename, message) if is_xml else rename(re.fullmatch(r"[\s\S]*", message))
        return replace(message)

    return scrub


def everywhere(value: Any, scrub: Callable[[str], str]) -> Any:
    """A value of JSON with all of its texts scrubbed, except for names of keys."""
    if isinstance(value, str):
        return scrub(value)
    if isinstance(value, dict):
        return {key: everywhere(inner, scrub) for key, inner in value.items()}
    return [everywhere(inner, scrub) for inner in value] if isinstance(value, list | tuple) else value


def _word(text: str) -> str:
    """A text of XML as names are compared."""
    return unescape(text).strip().lower()


def _numbered(words: Iterable[str], kind: str) -> dict[str, str]:
    distinct = dict.fromkeys(word.strip().lower() for word in words if word and word.strip())
    return {word: f"{kind}-{number}" for number, word in enumerate(distinct, 1)}


def is_address(text: str) -> bool:
    """Whether a text is an IP address."""
    parsed = parse(text)
    return parsed is not None and parsed[2] is None
