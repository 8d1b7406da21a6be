"""Embedded instances: CIM-XML (DSP0201 INSTANCE) as text in [EmbeddedInstance] string parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree
from xml.sax.saxutils import escape, quoteattr

from .values import CimClass, Instance, from_text, to_text


class EmbeddedError(ValueError):
    """A text that is not a valid embedded instance; `code` is the return code of the provider."""

    def __init__(self, code: int, message: str):
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class EmbeddedProperty:
    name: str
    type: str
    array: bool
    value: str | list[str] | None


@dataclass(frozen=True, slots=True)
class Embedded:
    """An embedded instance as it was sent, before the class is looked up."""

    class_name: str
    properties: tuple[EmbeddedProperty, ...]

    def text(self, name: str) -> str | None:
        value = next((p.value for p in self.properties if p.name.lower() == name.lower()), None)
        return value if isinstance(value, str) else None


FAILED, INVALID_PARAMETER, WRONG_TYPE = 32768, 32773, 32776


def parse_embedded(text: str, *, sent: bool = True) -> Embedded:
    """Parse `<INSTANCE CLASSNAME=…>` as a client has `sent` it, or as the host itself writes it.

    Inside the text a real host refuses the entity `&amp;` (32768) and `&lt;` (32773) and accepts `&#38;` and `&#60;`
    (captured from a Windows 11 host with CDATA; see ASSUMPTIONS HV-04).
    """
    if sent and "&amp;" in text:
        raise EmbeddedError(FAILED, "the entity &amp; in an embedded instance")
    if sent and "&lt;" in text:
        raise EmbeddedError(INVALID_PARAMETER, "the entity &lt; in an embedded instance")
    try:
        root = ElementTree.fromstring(text.strip().encode())
    except ElementTree.ParseError as error:
        raise EmbeddedError(INVALID_PARAMETER, f"not XML: {error}") from error
    if root.tag != "INSTANCE" or not root.get("CLASSNAME"):
        raise EmbeddedError(INVALID_PARAMETER, f"<{root.tag}> is not an INSTANCE")
    return Embedded(
        root.get("CLASSNAME", ""), tuple(_embedded_property(node) for node in root if node.tag != "QUALIFIER")
    )


def _embedded_property(node: ElementTree.Element) -> EmbeddedProperty:
    name, type_name = node.get("NAME", ""), node.get("TYPE", "")
    if node.tag == "PROPERTY.ARRAY":
        array = node.find("VALUE.ARRAY")
        items = None if array is None else [item.text or "" for item in array.findall("VALUE")]
        return EmbeddedProperty(name, type_name, True, items)
    if node.tag == "PROPERTY":
        value = node.find("VALUE")
        return EmbeddedProperty(name, type_name, False, None if value is None else value.text or "")
    if node.tag == "PROPERTY.REFERENCE":
        return EmbeddedProperty(name, "ref", False, "".join(node.itertext()).strip() or None)
    raise EmbeddedError(INVALID_PARAMETER, f"<{node.tag}> in an INSTANCE")


def typed_values(embedded: Embedded, cls: CimClass) -> dict[str, Any]:
    """Values to change, typed by the class; a property without VALUE means "not changed" and is left out.

    Wrong TYPE, and datetimes in ISO form, fail with 32768 on a real host; a scalar instead of an array with
    32773 (captured from a Windows 11 host). Unknown properties and other integer types: ASSUMPTIONS HV-03, HV-05.
    """
    values: dict[str, Any] = {}
    for sent in embedded.properties:
        known = cls.find_property(sent.name)
        if known is None:
            raise EmbeddedError(INVALID_PARAMETER, f"{cls.name} has no property {sent.name}")
        if sent.value is None:
            continue
        if known.array != sent.array:
            raise EmbeddedError(INVALID_PARAMETER, f"{known.name}: {'array' if known.array else 'scalar'} expected")
        type_name = "string" if known.type in ("ref", "instance") else known.type
        if sent.type.lower() != type_name and known.type != "ref":
            raise EmbeddedError(FAILED, f"{known.name} is {type_name}, not {sent.type or 'untyped'}")
        try:
            if isinstance(sent.value, list):
                values[known.name] = [from_text(type_name, item) for item in sent.value]
            else:
                values[known.name] = from_text(type_name, sent.value)
        except ValueError as error:
            code = FAILED if type_name == "datetime" else INVALID_PARAMETER
            raise EmbeddedError(code, f"{known.name}: {error}") from error
    return values


PROPAGATED = ' PROPAGATED="true"'


def embedded_text(instance: Instance) -> str:
    """The CIM-XML text of an instance as Windows writes it: NULL is a PROPERTY without VALUE.

    What was never set on the instance is PROPAGATED from its class (Microsoft Learn, "Getting the virtual machine DNS
    name", and the texts of templates in openstack/os-win).
    """
    parts = [f"<INSTANCE CLASSNAME={quoteattr(instance.cls.name)}>"]
    for name, value in instance.items():
        prop = instance.cls.properties[name]
        own = name in instance.live or instance.values.get(name) is not None
        type_name = "string" if prop.type in ("ref", "instance") else prop.type
        head = f'NAME={quoteattr(name)}{"" if own else PROPAGATED} TYPE="{type_name}"'
        if prop.array:
            items = "" if value is None else "".join(f"<VALUE>{escape(to_text(item))}</VALUE>" for item in value)
            body = "" if value is None else f"<VALUE.ARRAY>{items}</VALUE.ARRAY>"
            parts.append(f"<PROPERTY.ARRAY {head}>{body}</PROPERTY.ARRAY>")
        else:
            body = "" if value is None else f"<VALUE>{escape(to_text(value))}</VALUE>"
            parts.append(f"<PROPERTY {head}>{body}</PROPERTY>")
    return "".join(parts) + "</INSTANCE>"
