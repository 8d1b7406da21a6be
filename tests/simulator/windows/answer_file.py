"""Answer files as Windows Setup reads them (Microsoft Learn, "Windows Setup Automation Overview").

Elements out of order are dropped without a word (ASSUMPTIONS WIN-45): alphabetical, or as a documented example has it.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from xml.etree import ElementTree

WINDOWS_PE, SPECIALIZE, OOBE = "windowsPE", "specialize", "oobeSystem"
# At the first boot, in one folder; WinPE takes the second one only.
NAMES = ("unattend.xml", "autounattend.xml")
_NAMESPACE = "{urn:schemas-microsoft-com:unattend}"
_STATE = "{http://schemas.microsoft.com/WMIConfig/2002/State}"
# Children in the order of Microsoft's examples; their parents, with the component if other parents share the name.
_DOCUMENTED = {
    "Microsoft-Windows-TCPIP Interface": ("Ipv4Settings", "Ipv6Settings", "Identifier", "UnicastIpAddresses", "Routes"),
    "Microsoft-Windows-DNS-Client Interface": ("Identifier", "DNSDomain", "DNSServerSearchOrder"),
    "LocalAccount": ("Password", "Description", "DisplayName", "Group", "Name"),
    "AdministratorPassword": ("Value", "PlainText"),
    "Password": ("Value", "PlainText"),
}


class Unreadable(Exception):
    """Setup shows a message about the file and waits."""


@dataclass
class Adapter:
    """A network adapter by its identifier: connection name or MAC address."""

    identifier: str
    addresses: list[str] = field(default_factory=list)
    dhcp: bool = True
    gateways: list[str] = field(default_factory=list)


Component = ElementTree.Element


class AnswerFile:
    """The settings of a file, by configuration pass and component."""

    def __init__(self, content: bytes) -> None:
        try:
            root = ElementTree.fromstring(content)
        except (ElementTree.ParseError, ValueError, LookupError) as error:
            raise Unreadable(str(error)) from error
        self.passes: dict[str, dict[str, Component]] = {}
        for settings in root.iter(f"{_NAMESPACE}settings") if root.tag == f"{_NAMESPACE}unattend" else ():
            components = self.passes.setdefault(settings.get("pass") or "", {})
            for component in settings.iter(f"{_NAMESPACE}component"):
                name = component.get("name") or ""
                components[name] = component
                for element in component.iter():
                    _drop(name, element)

    def text(self, part: str, component: str, path: str) -> str | None:
        """A value by the names on the way to it; None without one."""
        found = self._find(part, component, path)
        return None if found is None else (found.text or "").strip()

    def list(self, part: str, component: str, path: str) -> list[Component]:
        element = self.passes.get(part, {}).get(component)
        return [] if element is None else element.findall(_qualified(path))

    def _find(self, part: str, component: str, path: str) -> Component | None:
        return next(iter(self.list(part, component, path)), None)

    def password(self, path: str, suffix: str) -> str | None:
        """A password of the pass oobeSystem; hidden ones are Base64 of UTF-16 with the name of their element behind."""
        found = self._find(OOBE, "Microsoft-Windows-Shell-Setup", path)
        return None if found is None else password_of(found, suffix)

    def commands(self) -> list[str]:
        """RunSynchronous of the pass specialize, in their order."""
        path = "RunSynchronous/RunSynchronousCommand"
        found = self.list(SPECIALIZE, "Microsoft-Windows-Deployment", path)
        ordered = sorted(found, key=lambda command: int(child_text(command, "Order") or 0))
        return [child_text(command, "Path") or "" for command in ordered]

    def adapters(self) -> Iterator[Adapter]:
        for interface in self.list(SPECIALIZE, "Microsoft-Windows-TCPIP", "Interfaces/Interface"):
            identifier = child_text(interface, "Identifier")
            if identifier:
                yield Adapter(
                    identifier,
                    [
                        (found.text or "").strip()
                        for found in interface.findall(_qualified("UnicastIpAddresses/IpAddress"))
                    ],
                    child_text(interface, "Ipv4Settings/DhcpEnabled") != "false",
                    [
                        child_text(route, "NextHopAddress") or ""
                        for route in interface.findall(_qualified("Routes/Route"))
                        if child_text(route, "Prefix") in ("0.0.0.0/0", "::/0")
                    ],
                )


def search(part: str, sources: Mapping[str, bytes] | list[tuple[str, bytes]]) -> AnswerFile | None:
    """The first file, in the order of the search, that has settings for a pass. Raises Unreadable."""
    for _place, content in sources.items() if isinstance(sources, Mapping) else sources:
        found = AnswerFile(content)
        if found.passes.get(part):
            return found
    return None


def child_text(element: Component, path: str) -> str | None:
    found = element.find(_qualified(path))
    return None if found is None else (found.text or "").strip()


def password_of(element: Component, suffix: str) -> str | None:
    value = child_text(element, "Value")
    if value is None or child_text(element, "PlainText") != "false":
        return value
    try:
        plain = base64.b64decode(value + "=" * (-len(value) % 4)).decode("utf-16-le")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return plain.removesuffix(suffix)


def _qualified(path: str) -> str:
    return "/".join(f"{_NAMESPACE}{name}" for name in path.split("/"))


def _drop(component: str, element: Component) -> None:
    """Remove the children that come after one that their schema has behind them."""
    parent = _name(element)
    order = _DOCUMENTED.get(f"{component} {parent}") or _DOCUMENTED.get(parent) or ()
    last: tuple[int, str] = (-1, "")
    for child in list(element):
        name = _name(child)
        place = (order.index(name), "") if name in order else (len(order), name)
        if place < last:
            element.remove(child)
        else:
            last = place


def _name(element: Component) -> str:
    return element.tag.removeprefix(_NAMESPACE) if isinstance(element.tag, str) else ""
