# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""XML that a host sends, bounded in size and depth. The only place that parses it."""

from __future__ import annotations

import contextlib
from typing import Any, NoReturn
from xml.etree import ElementTree
from xml.etree.ElementTree import Element
from xml.parsers import expat

from .faults import BadAnswer, quoted

# A picture of 1920 x 1080 in base64, the largest answer that a request asks for. Others are of 512,000 octets at most.
MAX_OCTETS = 6_000_000
# A selector that is a reference, in a reference, in an item of a page, is 15 deep; the readers recurse.
MAX_DEPTH = 64


def parse(data: bytes | str, what: str) -> Element:
    """The root element. Raises BadAnswer, whose sentence begins with `what`."""
    try:
        if len(data) > MAX_OCTETS:
            raise ValueError(f"it is larger than {MAX_OCTETS} octets")
        _refuse_document_type(data)
        root = ElementTree.fromstring(data)
        _check_depth(root)
    except (ElementTree.ParseError, expat.ExpatError, ValueError, LookupError) as error:
        raise BadAnswer(f"{what}: {quoted(str(error))[1:-1]}.") from error
    return root


class _Root(Exception):
    """The parser has arrived at the root element, before which a document type would be."""


def _refuse_document_type(data: bytes | str) -> None:
    """Raise ValueError for a document type, which SOAP 1.2 forbids (part 1, 5) and entities need."""
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = _document_type
    parser.StartElementHandler = _root
    with contextlib.suppress(_Root):
        parser.Parse(data, True)


def _document_type(*_declaration: Any) -> NoReturn:
    raise ValueError("it has a document type")


def _root(*_element: Any) -> NoReturn:
    raise _Root


def _check_depth(root: Element) -> None:
    level = [root]
    for _depth in range(MAX_DEPTH):
        level = [child for element in level for child in element]
        if not level:
            return
    raise ValueError(f"its elements are nested deeper than {MAX_DEPTH}")
