# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""XML that is refused, whatever its encoding and wherever it is."""

from __future__ import annotations

import pytest

from ansible_collections.nested.hyperv.plugins.module_utils._wsman import cim, document, envelope
from ansible_collections.nested.hyperv.plugins.module_utils._wsman.faults import LONGEST_TEXT, BadAnswer, HostError

TYPES = ['<!DOCTYPE a [<!ENTITY b "c">]>', '<!DOCTYPE a SYSTEM "file:///etc/passwd">', "<!DOCTYPE a>"]
PROLOGS = ["", "<!-- " + "x" * 5000 + " -->", "<?x y?>\n" * 3]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "latin-1", "cp1252"])
@pytest.mark.parametrize("prolog", PROLOGS)
@pytest.mark.parametrize("declaration", TYPES)
def test_no_document_type(declaration, prolog, encoding):
    name = encoding.removesuffix("-sig").partition("-le")[0].partition("-be")[0]
    text = f'<?xml version="1.0" encoding="{name}"?>{prolog}{declaration}<a/>'
    mark = "\ufeff" if encoding in ("utf-16-le", "utf-16-be") else ""
    with pytest.raises(BadAnswer, match="document type"):
        document.parse((mark + text).encode(encoding), "x")
    assert document.parse((mark + text.replace(declaration, "")).encode(encoding), "x").tag == "a"


@pytest.mark.parametrize("declaration", TYPES)
def test_no_document_type_in_an_embedded_instance(declaration):
    with pytest.raises(BadAnswer, match="embedded instance that is not CIM-XML: it has a document type"):
        cim.from_embedded(f'{declaration}<INSTANCE CLASSNAME="X"/>')


def test_no_document_type_in_an_answer():
    with pytest.raises(BadAnswer, match="not a WS-Management message: it has a document type"):
        envelope.parse_response(f'<!-- {"x" * 3000} --><!DOCTYPE a><s:Envelope xmlns:s="{envelope.SOAP}"/>')


def test_depth():
    deep = document.MAX_DEPTH
    assert document.parse("<a>" * deep + "</a>" * deep, "x").tag == "a"
    with pytest.raises(BadAnswer, match="nested deeper than"):
        document.parse("<a>" * (deep + 1) + "</a>" * (deep + 1), "x")
    with pytest.raises(BadAnswer, match="nested deeper than"):
        document.parse("<a>" * 50_000 + "</a>" * 50_000, "x")


def test_size():
    with pytest.raises(BadAnswer, match="larger than"):
        document.parse("<a>" + " " * document.MAX_OCTETS + "</a>", "x")


def test_what_an_error_quotes_is_bounded():
    error = HostError("x" * 100_000, text="y" * 100_000, items=["z" * 100_000] * 1000, parts={"a": "b" * 100_000})
    assert len(error.message) <= LONGEST_TEXT + 1
    assert len(error.details["text"]) <= LONGEST_TEXT + 1
    assert len(error.details["items"]) <= 100
    assert len(error.details["parts"]["a"]) <= LONGEST_TEXT + 1
