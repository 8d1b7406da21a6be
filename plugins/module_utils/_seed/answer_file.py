# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answer files of Windows Setup: from options to XML, and what is wrong with the XML of others.

Setup drops elements in another order than its schema's without a word. The order is alphabetical in the component that
installs Windows (Microsoft-Windows-Setup), and documented for others; `render` writes both.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from ipaddress import IPv4Interface, IPv6Interface
from typing import Any, NamedTuple
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from .._task.errors import Invalid
from .._task.given import check_distinct
from .._task.ip import parse_any_interface
from . import network, rules

# Setup looks for both names on a disc: the first one while it installs Windows, either one at the first boot.
NAMES = ("Autounattend.xml", "Unattend.xml")
NAMESPACE = "urn:schemas-microsoft-com:unattend"
_STATE = "http://schemas.microsoft.com/WMIConfig/2002/State"
_NOT_IN_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

USER_OPTIONS: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "password": {"type": "str", "required": True, "no_log": True},
    "administrator": {"type": "bool", "default": True},
}
INSTALL_OPTIONS: dict[str, Any] = {
    "image_name": {"type": "str"},
    "image_index": {"type": "int"},
    "disk": {"type": "int", "default": 0},
    "firmware": {"type": "str", "choices": ["uefi", "bios"], "default": "uefi"},
}
OPTIONS: dict[str, Any] = {
    "computer_name": {"type": "str", "required": True},
    "administrator_password": {"type": "str", "no_log": True},
    "users": {"type": "list", "elements": "dict", "options": USER_OPTIONS},
    "password_policy": {"type": "str", "choices": list(rules.POLICIES), "default": "windows", "no_log": False},
    "network_adapters": {"type": "list", "elements": "dict", "options": network.OPTIONS},
    "time_zone": {"type": "str"},
    "locale": {"type": "str"},
    "keyboard": {"type": "str"},
    "product_key": {"type": "str", "no_log": True},
    "winrm": {"type": "bool", "default": True},
    "commands": {"type": "list", "elements": "str"},
    "install": {
        "type": "dict",
        "options": INSTALL_OPTIONS,
        "mutually_exclusive": [("image_name", "image_index")],
        "required_one_of": [("image_name", "image_index")],
    },
    "architecture": {"type": "str", "choices": ["amd64", "arm64"], "default": "amd64"},
}

# Networks without an answering gateway are public, in which WinRM is closed to other subnets: let Windows treat them
# as private. The key is that of the policy "Network List Manager: unidentified networks".
_UNIDENTIFIED_IS_PRIVATE = (
    r'reg.exe add "HKLM\SOFTWARE\Policies\Microsoft\Windows NT\CurrentVersion\NetworkList\Signatures'
    r'\010103000F0000F0010000000F0000F0C967A3643C3AD745950DA7859209176EF5B87C875FA20DF21951640E807D7C24"'
    r" /v Category /t REG_DWORD /d 1 /f"
)
_WINRM = (
    _UNIDENTIFIED_IS_PRIVATE,
    "cmd.exe /c winrm quickconfig -q -force",
    'netsh.exe advfirewall firewall add rule name="WinRM HTTP" dir=in action=allow protocol=TCP localport=5985 '
    "profile=any",
)
# Local administrators other than the built-in one get the rights of one over the network only with it.
_FULL_TOKEN = (
    r"reg.exe add HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Policies\System"
    r" /v LocalAccountTokenFilterPolicy /t REG_DWORD /d 1 /f"
)
_HIDDEN_PAGES = ("EULAPage", "LocalAccountScreen", "OEMRegistrationScreen", "OnlineAccountScreens")
_RECOMMENDED_LATER = "3"  # OOBE.ProtectYourPC
# MB of the partitions that Windows needs beside its own on a GPT disk (Microsoft Learn, "UEFI/GPT-based hard drive
# partitions").
_EFI, _MSR = "260", "16"


class Node(NamedTuple):
    """An element: its text or children; ``added`` to a list, ``key`` of an entry in a list of texts."""

    name: str
    content: str | Sequence[Node]
    added: bool = False
    key: int = 0


# ---- from options ----


def render(options: Mapping[str, Any]) -> bytes:
    """The answer file that the options describe. Raises Invalid for what Windows Setup would refuse."""
    _check(options)
    passes = {
        "windowsPE": _installation(options),
        "specialize": _specialize(options),
        "oobeSystem": _first_logon(options),
    }
    lines = ['<?xml version="1.0" encoding="utf-8"?>', f'<unattend xmlns="{NAMESPACE}" xmlns:wcm="{_STATE}">']
    for name, components in passes.items():
        if components:
            lines.append(f'  <settings pass="{name}">')
            for component, nodes in components.items():
                lines += _component(component, nodes, options["architecture"])
            lines.append("  </settings>")
    return "\r\n".join([*lines, "</unattend>", ""]).encode()


def _check(options: Mapping[str, Any]) -> None:
    rules.check_computer_name(options["computer_name"])
    policy, users = options["password_policy"], options["users"] or ()
    if options["administrator_password"] is None and not users:
        raise Invalid(
            "is required without 'users': Windows asks for a password on its console otherwise, and never answers",
            option="administrator_password",
        )
    if options["administrator_password"] is not None:
        rules.check_password(options["administrator_password"], "Administrator", policy, "administrator_password")
    for user in users:
        rules.check_user_name(user["name"], options["computer_name"], "users.name")
        rules.check_password(user["password"], user["name"], policy, "users.password")
    check_distinct((user["name"] for user in users), "users.name")
    if options["time_zone"] and "/" in options["time_zone"]:
        raise Invalid(
            f"'{options['time_zone']}' is not a time zone of Windows; use its own names, such as UTC or W. Europe "
            "Standard Time (tzutil.exe /l lists them)",
            option="time_zone",
        )
    for option, check_form in _FORMS.items():
        if options[option]:
            check_form(options[option], option)
    for command in options["commands"] or ():
        rules.check_command(command, rules.MOST_COMMAND, "commands")
    network.check(options["network_adapters"] or ())
    _check_texts(options)


_FORMS: Mapping[str, Callable[[str, str], None]] = {
    "locale": rules.check_locale,
    "keyboard": rules.check_keyboard,
    "product_key": rules.check_product_key,
}


def _check_texts(value: Any, option: str = "") -> None:
    """Raise Invalid for a text with characters that XML doesn't have."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            _check_texts(inner, f"{option}.{name}".lstrip("."))
    elif isinstance(value, list):
        for inner in value:
            _check_texts(inner, option)
    elif isinstance(value, str) and _NOT_IN_XML.search(value):
        raise Invalid("contains a control character, which an answer file can't hold", option=option)


Components = Mapping[str, Sequence[Node]]


def _installation(options: Mapping[str, Any]) -> Components:
    """The pass windowsPE, in which Setup partitions the disk and installs Windows."""
    install = options["install"]
    if not install:
        return {}
    locale = options["locale"] or "en-US"
    kind, value = ("NAME", install["image_name"]) if install["image_name"] else ("INDEX", str(install["image_index"]))
    created, modified, partition = _partitions(install["firmware"])
    disk = Node("DiskID", str(install["disk"]))
    key = [Node("Key", options["product_key"])] if options["product_key"] else []
    return {
        "Microsoft-Windows-International-Core-WinPE": [
            Node("InputLocale", options["keyboard"] or locale),
            Node("SetupUILanguage", [Node("UILanguage", locale)]),
            *(Node(name, locale) for name in ("SystemLocale", "UILanguage", "UserLocale")),
        ],
        "Microsoft-Windows-Setup": [
            Node(
                "DiskConfiguration",
                [
                    Node(
                        "Disk",
                        [
                            Node("CreatePartitions", created),
                            disk,
                            Node("ModifyPartitions", modified),
                            Node("WillWipeDisk", "true"),
                        ],
                        added=True,
                    )
                ],
            ),
            Node(
                "ImageInstall",
                [
                    Node(
                        "OSImage",
                        [
                            Node(
                                "InstallFrom",
                                [Node("MetaData", [Node("Key", f"/IMAGE/{kind}"), Node("Value", value)], added=True)],
                            ),
                            Node("InstallTo", [disk, Node("PartitionID", str(partition))]),
                        ],
                    )
                ],
            ),
            Node(
                "UserData",
                [Node("AcceptEula", "true"), Node("ProductKey", [*key, Node("WillShowUI", "OnError")])],
            ),
        ],
    }


def _partitions(firmware: str) -> tuple[list[Node], list[Node], int]:
    """Partitions to create and to format, and the number of the one of Windows."""
    rest = [Node("Extend", "true")]
    windows = [Node("Format", "NTFS"), Node("Label", "Windows"), Node("Letter", "C")]
    if firmware == "bios":
        created = [("Primary", rest)]
        modified = [(1, [Node("Active", "true"), *windows])]
    else:
        created = [("EFI", [_EFI]), ("MSR", [_MSR]), ("Primary", rest)]
        modified = [(1, [Node("Format", "FAT32"), Node("Label", "System")]), (3, windows)]
    return (
        [
            Node("CreatePartition", [*_size(size, order), Node("Type", kind)], added=True)
            for order, (kind, size) in enumerate(created, 1)
        ],
        [
            Node(
                "ModifyPartition",
                [*settings, Node("Order", str(order)), Node("PartitionID", str(number))],
                added=True,
            )
            for order, (number, settings) in enumerate(modified, 1)
        ],
        len(created),
    )


def _size(size: Sequence[Any], order: int) -> list[Node]:
    number = Node("Order", str(order))
    return [size[0], number] if isinstance(size[0], Node) else [number, Node("Size", size[0])]


def _specialize(options: Mapping[str, Any]) -> Components:
    """The pass specialize, in which a generalized Windows becomes one of its own; commands run as SYSTEM."""
    commands = [*(_WINRM if options["winrm"] else ())]
    if options["winrm"] and any(user["administrator"] for user in options["users"] or ()):
        commands.append(_FULL_TOKEN)
    commands += options["commands"] or ()
    shell = {
        "ComputerName": options["computer_name"],
        "ProductKey": options["product_key"],
        "TimeZone": options["time_zone"],
    }
    components: dict[str, Sequence[Node]] = {
        "Microsoft-Windows-Shell-Setup": [Node(name, value) for name, value in shell.items() if value],
    }
    if commands:
        components["Microsoft-Windows-Deployment"] = [
            Node(
                "RunSynchronous",
                [
                    Node("RunSynchronousCommand", [Node("Order", str(order)), Node("Path", command)], added=True)
                    for order, command in enumerate(commands, 1)
                ],
            )
        ]
    adapters = network.by_identifier(options["network_adapters"] or ())
    if adapters:
        interfaces = [_interface(name, entries) for name, entries in adapters.items()]
        components["Microsoft-Windows-TCPIP"] = [Node("Interfaces", interfaces)]
    servers = {
        name: list(dict.fromkeys(server for entry in entries for server in entry["dns_servers"] or ()))
        for name, entries in adapters.items()
    }
    if resolvers := [_resolver(name, addresses) for name, addresses in servers.items() if addresses]:
        components["Microsoft-Windows-DNS-Client"] = [Node("Interfaces", resolvers)]
    return components


def _interface(identifier: str, entries: Sequence[Mapping[str, Any]]) -> Node:
    """An adapter with a static address of one IP version or both, in the order that Microsoft documents for it."""
    addressed = sorted(((parse_any_interface(entry["address"]), entry) for entry in entries), key=_version)
    versions = [address.version for address, _entry in addressed]
    gateways = [(address.version, entry["gateway"]) for address, entry in addressed if entry["gateway"]]
    routes = [_route(number, version, gateway) for number, (version, gateway) in enumerate(gateways, 1)]
    return Node(
        "Interface",
        [
            *(Node(f"Ipv{version}Settings", [Node("DhcpEnabled", "false")]) for version in versions),
            Node("Identifier", identifier),
            Node("UnicastIpAddresses", _addresses(str(address) for address, _entry in addressed)),
            *([Node("Routes", routes)] if routes else []),
        ],
        added=True,
    )


def _version(addressed: tuple[IPv4Interface | IPv6Interface, Mapping[str, Any]]) -> int:
    return addressed[0].version


def _route(number: int, version: int, gateway: str) -> Node:
    prefix = "0.0.0.0/0" if version == 4 else "::/0"
    parts = [Node("Identifier", str(number)), Node("NextHopAddress", gateway), Node("Prefix", prefix)]
    return Node("Route", parts, added=True)


def _resolver(identifier: str, servers: Iterable[str]) -> Node:
    return Node("Interface", [Node("Identifier", identifier), Node("DNSServerSearchOrder", _addresses(servers))], True)


def _addresses(addresses: Iterable[str]) -> list[Node]:
    return [Node("IpAddress", address, added=True, key=key) for key, address in enumerate(addresses, 1)]


def _first_logon(options: Mapping[str, Any]) -> Components:
    """The pass oobeSystem, which asks for everything that is missing on the console."""
    components: dict[str, Sequence[Node]] = {}
    locale = options["locale"]
    if locale or options["keyboard"]:
        settings = {"InputLocale": options["keyboard"] or locale}
        settings |= dict.fromkeys(("SystemLocale", "UILanguage", "UserLocale"), locale)
        components["Microsoft-Windows-International-Core"] = [
            Node(name, value) for name, value in settings.items() if value
        ]
    pages = [Node(f"Hide{page}", "true") for page in _HIDDEN_PAGES]
    oobe = [*pages, Node("HideWirelessSetupInOOBE", "true"), Node("ProtectYourPC", _RECOMMENDED_LATER)]
    accounts = []
    if options["administrator_password"] is not None:
        accounts.append(_password("AdministratorPassword", options["administrator_password"]))
    if options["users"]:
        accounts.append(Node("LocalAccounts", [_account(user) for user in options["users"]]))
    shell = [Node("OOBE", oobe)]
    if options["time_zone"]:
        shell.append(Node("TimeZone", options["time_zone"]))
    components["Microsoft-Windows-Shell-Setup"] = [*shell, Node("UserAccounts", accounts)]
    return components


def _account(user: Mapping[str, Any]) -> Node:
    group = "Administrators" if user["administrator"] else "Users"
    content = [_password("Password", user["password"]), Node("Group", group), Node("Name", user["name"])]
    return Node("LocalAccount", content, added=True)


def _password(name: str, password: str) -> Node:
    """A password as Windows System Image Manager hides it; everybody can read it."""
    hidden = base64.b64encode(f"{password}{name}".encode("utf-16-le")).decode()
    return Node(name, [Node("Value", hidden), Node("PlainText", "false")])


def _component(name: str, nodes: Iterable[Node], architecture: str) -> list[str]:
    identity = 'publicKeyToken="31bf3856ad364e35" language="neutral" versionScope="nonSxS"'
    lines = [f'    <component name="{name}" processorArchitecture="{architecture}" {identity}>']
    for node in nodes:
        lines += _lines(node, " " * 6)
    return [*lines, "    </component>"]


def _lines(node: Node, indent: str) -> list[str]:
    attributes = ' wcm:action="add"' if node.added else ""
    attributes += f' wcm:keyValue="{node.key}"' if node.key else ""
    if isinstance(node.content, str):
        return [f"{indent}<{node.name}{attributes}>{escape(node.content)}</{node.name}>"]
    inner = [line for child in node.content for line in _lines(child, f"{indent}  ")]
    return [f"{indent}<{node.name}{attributes}>", *inner, f"{indent}</{node.name}>"]


# ---- of others ----

# Microsoft Learn, Microsoft-Windows-TCPIP: "must be added in the following order".
_ORDER_OF_INTERFACE = ("Ipv4Settings", "Ipv6Settings", "Identifier", "UnicastIpAddresses", "Routes")
_ALPHABETICAL = ("Microsoft-Windows-Setup", "Microsoft-Windows-International-Core-WinPE")


def check(content: bytes, option: str) -> list[str]:
    """Warnings about an answer file. Raises Invalid for one that Windows Setup doesn't read, or would refuse."""
    try:
        root = ElementTree.fromstring(content)
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise Invalid(
            f"is not well-formed XML, so that Windows Setup ignores it, or parts of it: {error}", option=option
        ) from error
    if root.tag != f"{{{NAMESPACE}}}unattend":
        raise Invalid(f'is not an answer file: its root must be <unattend xmlns="{NAMESPACE}">', option=option)
    warnings = []
    for component in root.iter(f"{{{NAMESPACE}}}component"):
        name = component.get("name", "")
        for element in component.iter():
            children = [_local(child) for child in element]
            if name == "Microsoft-Windows-TCPIP" and _local(element) == "Interface":
                _check_interface(children, option)
            if name in _ALPHABETICAL and children != sorted(children):
                warnings.append(
                    f"{option}: the elements in {_local(element)} ({name}) are not in alphabetical order "
                    f"({', '.join(dict.fromkeys(children))}). Some versions of Windows Setup ignore such elements"
                )
            if _local(element) == "ComputerName" and (element.text or "").strip() not in ("", "*"):
                rules.check_computer_name((element.text or "").strip(), option)
            if most := rules.MOST_OF_COMMANDS.get((name, _local(element))):
                rules.check_command((element.text or "").strip(), most, option)
    return list(dict.fromkeys(warnings))


def _check_interface(children: Sequence[str], option: str) -> None:
    known = [child for child in children if child in _ORDER_OF_INTERFACE]
    if known != sorted(known, key=_ORDER_OF_INTERFACE.index):
        raise Invalid(
            f"the elements of Interface in Microsoft-Windows-TCPIP are in the order {', '.join(known)}; Windows Setup "
            f"reads them only in this one: {', '.join(_ORDER_OF_INTERFACE)}",
            option=option,
        )


def _local(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""
