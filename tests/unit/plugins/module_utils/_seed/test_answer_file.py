# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answer files: from options to XML, in the order of the schema, and what is refused before the first boot."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jinja2
import pytest

from ansible_collections.nested.hyperv.plugins.module_utils._seed import answer_file
from ansible_collections.nested.hyperv.plugins.module_utils._task.errors import Invalid

PASSWORD = "Correct-Horse-7"
ADAPTER: dict[str, Any] = {
    "name": None,
    "mac_address": None,
    "address": "192.168.100.11/24",
    "gateway": "192.168.100.1",
    "dns_servers": ["192.168.100.1", "9.9.9.9"],
}
USER = {"name": "ansible", "password": PASSWORD, "administrator": True}
INSTALL = {"image_name": "Windows Server 2025 SERVERSTANDARD", "image_index": None, "disk": 0, "firmware": "uefi"}
# Parents whose children have another order than the alphabet in Microsoft's own examples.
DOCUMENTED = {"Interface", "LocalAccount", "AdministratorPassword", "Password"}


def options(**given: Any) -> dict[str, Any]:
    """The options of the section windows as Ansible completes them."""
    defaults = {name: option.get("default") for name, option in answer_file.OPTIONS.items()}
    return {**defaults, "computer_name": "lab01", "administrator_password": PASSWORD, **given}


EVERYTHING = options(
    users=[USER, {**USER, "name": "guest1", "administrator": False}],
    network_adapters=[
        ADAPTER,
        {**ADAPTER, "mac_address": "00155d010203", "address": "fd00::5/64", "gateway": "fd00::1"},
    ],
    time_zone="W. Europe Standard Time",
    locale="de-DE",
    keyboard="0407:00000407",
    product_key="AAAAA-BBBBB-CCCCC-DDDDD-EEEEE",
    commands=['cmd.exe /c echo "<&>"'],
    install=INSTALL,
)


def tree(content: bytes) -> ElementTree.Element:
    """The file without its namespace."""
    return ElementTree.fromstring(re.sub(rb' xmlns="[^"]+"', b"", content, count=1))


def texts(content: bytes, name: str) -> list[str]:
    return [element.text or "" for element in tree(content).iter(name)]


def test_the_least_answers_on_winrm() -> None:
    content = answer_file.render(options())
    assert texts(content, "ComputerName") == ["lab01"]
    commands = texts(content, "Path")
    assert [command.partition(" ")[0] for command in commands] == ["reg.exe", "cmd.exe", "netsh.exe"]
    assert "/c winrm quickconfig -q -force" in commands[1]
    assert "profile=any" in commands[2]
    assert [settings.get("pass") for settings in tree(content).iter("settings")] == ["specialize", "oobeSystem"]
    assert "Path" not in answer_file.render(options(winrm=False)).decode()


def test_passwords_are_as_windows_hides_them() -> None:
    content = answer_file.render(options(users=[USER]))
    values = [base64.b64decode(value).decode("utf-16-le") for value in texts(content, "Value")]
    assert values == [f"{PASSWORD}AdministratorPassword", f"{PASSWORD}Password"]
    assert set(texts(content, "PlainText")) == {"false"}
    assert PASSWORD.encode() not in content
    assert any("LocalAccountTokenFilterPolicy" in command for command in texts(content, "Path"))


def test_addresses_are_in_the_order_that_windows_reads() -> None:
    content = answer_file.render(EVERYTHING)
    first, second, *_of_dns = [[child.tag for child in interface] for interface in tree(content).iter("Interface")]
    assert first == ["Ipv4Settings", "Identifier", "UnicastIpAddresses", "Routes"]
    assert second == ["Ipv6Settings", "Identifier", "UnicastIpAddresses", "Routes"]
    assert texts(content, "Identifier")[0] == "Ethernet"
    assert "00-15-5D-01-02-03" in texts(content, "Identifier")
    assert texts(content, "NextHopAddress") == ["192.168.100.1", "fd00::1"]
    assert texts(content, "Prefix") == ["0.0.0.0/0", "::/0"]


SIX = {**ADAPTER, "name": "ethernet", "address": "fd00::5/64", "gateway": "fe80::1", "dns_servers": ["fd00::53"]}


@pytest.mark.parametrize("adapters", [[ADAPTER, SIX], [{**SIX, "name": "Ethernet"}, {**ADAPTER, "name": "ETHERNET"}]])
def test_an_adapter_with_both_versions_is_one_interface(adapters: list[dict[str, Any]]) -> None:
    content = answer_file.render(options(network_adapters=adapters))
    interface, dns = tree(content).iter("Interface")
    order = ["Ipv4Settings", "Ipv6Settings", "Identifier", "UnicastIpAddresses", "Routes"]
    assert [child.tag for child in interface] == order
    key = f"{{{answer_file._STATE}}}keyValue"
    found = [(address.get(key), address.text) for address in interface.iter("IpAddress")]
    assert found == [("1", "192.168.100.11/24"), ("2", "fd00::5/64")]
    routes = [[child.text for child in route] for route in interface.iter("Route")]
    assert routes == [["1", "192.168.100.1", "0.0.0.0/0"], ["2", "fe80::1", "::/0"]]
    assert texts(content, "Identifier").count("Ethernet") == 2
    servers = [server for adapter in adapters for server in adapter["dns_servers"]]
    assert [server.text for server in dns.iter("IpAddress")] == servers
    assert answer_file.check(content, "unattend") == []


def test_a_dns_server_of_both_entries_is_asked_once() -> None:
    six = {**SIX, "dns_servers": ["9.9.9.9", "fd00::53"]}
    _interface, dns = tree(answer_file.render(options(network_adapters=[ADAPTER, six]))).iter("Interface")
    assert [server.text for server in dns.iter("IpAddress")] == ["192.168.100.1", "9.9.9.9", "fd00::53"]


@pytest.mark.parametrize("given", [options(), EVERYTHING, options(install={**INSTALL, "firmware": "bios"})])
def test_every_file_passes_its_own_check(given: dict[str, Any]) -> None:
    content = answer_file.render(given)
    assert answer_file.check(content, "unattend") == []
    for element in tree(content).iter():
        children = [child.tag for child in element]
        if element.tag not in DOCUMENTED | {"unattend", "settings"}:
            assert children == sorted(children), element.tag


def test_windows_is_installed_on_the_partition_after_those_of_the_firmware() -> None:
    content = answer_file.render(EVERYTHING)
    assert texts(content, "Type") == ["EFI", "MSR", "Primary"]
    assert texts(content, "PartitionID") == ["1", "3", "3"]
    assert texts(content, "Key") == ["/IMAGE/NAME", "AAAAA-BBBBB-CCCCC-DDDDD-EEEEE"]
    old = answer_file.render(options(install={**INSTALL, "image_name": None, "image_index": 2, "firmware": "bios"}))
    assert texts(old, "Type") == ["Primary"]
    assert texts(old, "PartitionID") == ["1", "1"]
    assert "2" in texts(old, "Value")


@pytest.mark.parametrize(
    ("given", "option", "words"),
    [
        ({"computer_name": "sixteen-letters1"}, "computer_name", "1 to 15"),
        ({"computer_name": "12345"}, "computer_name", "not only digits"),
        ({"computer_name": "lab_01"}, "computer_name", "hyphens"),
        ({"computer_name": "lab-"}, "computer_name", "hyphens"),
        ({"administrator_password": None}, "administrator_password", "console"),
        ({"administrator_password": "Ab1-"}, "administrator_password", "6 to 127"),
        ({"administrator_password": "onlyletters"}, "administrator_password", "3 of these"),
        ({"administrator_password": "aB1-" * 40}, "administrator_password", "and has 160"),
        ({"administrator_password": "Administrator-1"}, "administrator_password", "name of the account"),
        (
            {"administrator_password": "Short-Pass-1x", "password_policy": "azure_stack_hci"},
            "administrator_password",
            "14 to 127",
        ),
        (
            {"administrator_password": "NoSpecialChars123", "password_policy": "azure_stack_hci"},
            "administrator_password",
            "and a special",
        ),
        ({"users": [{**USER, "password": "weak"}]}, "users.password", "6 to 127"),
        ({"users": [{**USER, "name": "a/b"}]}, "users.name", "local account"),
        ({"users": [USER, {**USER, "name": "ANSIBLE"}]}, "users.name", "twice"),
        ({"users": [{**USER, "name": "50%"}]}, "users.name", "local account"),
        ({"users": [{**USER, "name": "ops "}]}, "users.name", "no blank"),
        ({"users": [{**USER, "name": " ops"}]}, "users.name", "no blank"),
        ({"users": [{**USER, "name": "ops."}]}, "users.name", "no period"),
        ({"users": [{**USER, "name": "..."}]}, "users.name", "local account"),
        ({"users": [{**USER, "name": "none"}]}, "users.name", "reserves"),
        ({"users": [{**USER, "name": "ADMINISTRATOR"}]}, "users.name", "administrator_password"),
        ({"users": [{**USER, "name": "Guest"}]}, "users.name", "has already"),
        ({"users": [{**USER, "name": "WDAGUtilityAccount"}]}, "users.name", "has already"),
        ({"users": [{**USER, "name": "LAB01"}]}, "users.name", "name of the computer"),
        ({"locale": "en_US"}, "locale", "such as en-US"),
        ({"locale": "German"}, "locale", "such as en-US"),
        ({"keyboard": "de"}, "keyboard", "0407:00000407"),
        ({"keyboard": "0407:407"}, "keyboard", "0407:00000407"),
        ({"keyboard": "de-DE,en-US"}, "keyboard", "0407:00000407"),
        ({"product_key": "AAAAA-BBBBB-CCCCC-DDDDD"}, "product_key", "five groups"),
        ({"product_key": "AAAAABBBBBCCCCCDDDDDEEEEE"}, "product_key", "five groups"),
        ({"commands": ["reg.exe " + "x" * 252]}, "commands", "'reg.exe' has 260 characters"),
        ({"time_zone": "Europe/Berlin"}, "time_zone", "tzutil"),
        ({"network_adapters": [{**ADAPTER, "address": "192.168.100.11"}]}, "network_adapters.address", "prefix"),
        (
            {"network_adapters": [{**ADAPTER, "address": "192.168.100.255/24"}]},
            "network_adapters.address",
            "broadcast address",
        ),
        ({"network_adapters": [{**ADAPTER, "gateway": "10.0.0.1"}]}, "network_adapters.gateway", "192.168.100.0/24"),
        ({"network_adapters": [{**ADAPTER, "dns_servers": ["dns"]}]}, "network_adapters.dns_servers", "IP address"),
        ({"network_adapters": [{**ADAPTER, "mac_address": "0"}]}, "network_adapters.mac_address", "MAC address"),
        (
            {"network_adapters": [{**ADAPTER, "mac_address": "00155D010203", "name": "LAN"}]},
            "network_adapters.mac_address",
            "combined",
        ),
        ({"network_adapters": [ADAPTER, ADAPTER]}, "network_adapters", "two entries with an IPv4 address"),
        ({"network_adapters": [SIX, ADAPTER, SIX]}, "network_adapters", "two entries with an IPv6 address"),
        ({"commands": ["a\x07b"]}, "commands", "control character"),
    ],
)
def test_what_windows_would_refuse(given: dict[str, Any], option: str, words: str) -> None:
    with pytest.raises(Invalid, match=re.escape(words)) as refused:
        answer_file.render(options(**given))
    assert refused.value.option == option
    for password in re.findall(r"'(?:administrator_)?password': '([^']*)'", str(given)):
        assert password not in str(refused.value)


def test_what_windows_accepts() -> None:
    input_method = "0411:{03B5835F-F03C-411B-9CE2-AA23E1171E36}{A76C93D9-5523-4E90-AAFA-4DB112F9AC76}"
    for keyboard in ("de-DE", "0407:00000407", "en-US;0409:00010409", input_method):
        assert texts(answer_file.render(options(keyboard=keyboard)), "InputLocale") == [keyboard]
    for locale in ("en-US", "sr-Latn-RS", "ca-ES-valencia"):
        assert texts(answer_file.render(options(locale=locale)), "UserLocale") == [locale]
    longest = "x" * 259
    assert longest in texts(answer_file.render(options(commands=[longest], users=[USER])), "Path")


def test_a_product_key_is_in_no_message() -> None:
    with pytest.raises(Invalid) as refused:
        answer_file.render(options(product_key="SECRE-TKEYX"))
    assert "SECRE" not in str(refused.value)


def test_a_command_is_in_a_message_without_its_arguments() -> None:
    with pytest.raises(Invalid) as refused:
        answer_file.render(options(commands=["net.exe user ops S3cret " + "/x " * 100]))
    assert "S3cret" not in str(refused.value)


def file_of(component: str, inner: str, name: str = "specialize") -> bytes:
    return (
        f'<unattend xmlns="{answer_file.NAMESPACE}"><settings pass="{name}"><component name="{component}">{inner}'
        "</component></settings></unattend>"
    ).encode()


def command_of(parent: str, name: str, length: int) -> str:
    return f"<{parent}><Order>1</Order><{name}>{'x' * length}</{name}></{parent}>"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"<unattend", "not well-formed"),
        (b"<!-- a -- b --><unattend/>", "not well-formed"),
        (b'<?xml version="1.0" encoding="utf-16"?><unattend/>', "not well-formed"),
        (b"<unattend/>", "root must be"),
        (
            file_of("Microsoft-Windows-TCPIP", "<Interface><Routes/><Identifier>Ethernet</Identifier></Interface>"),
            "in the order Routes, Identifier",
        ),
        (file_of("Microsoft-Windows-Shell-Setup", "<ComputerName>0123</ComputerName>"), "not only digits"),
        (file_of("Microsoft-Windows-Deployment", command_of("RunSynchronousCommand", "Path", 260)), "allows 259"),
        (file_of("Microsoft-Windows-Deployment", command_of("RunAsynchronousCommand", "Path", 260)), "allows 259"),
        (
            file_of("Microsoft-Windows-Shell-Setup", command_of("SynchronousCommand", "CommandLine", 1025)),
            "allows 1024",
        ),
        (
            file_of("Microsoft-Windows-Shell-Setup", command_of("AsynchronousCommand", "CommandLine", 1025)),
            "allows 1024",
        ),
    ],
)
def test_a_file_that_windows_would_not_read(content: bytes, words: str) -> None:
    with pytest.raises(Invalid, match=words) as refused:
        answer_file.check(content, "unattend")
    assert refused.value.option == "unattend"


def test_the_longest_commands_of_a_file() -> None:
    for component, inner in (
        ("Microsoft-Windows-Deployment", command_of("RunSynchronousCommand", "Path", 259)),
        ("Microsoft-Windows-Shell-Setup", command_of("SynchronousCommand", "CommandLine", 1024)),
        ("Microsoft-Windows-Setup", command_of("RunSynchronousCommand", "Path", 2000)),  # no documented limit
    ):
        assert answer_file.check(file_of(component, inner), "unattend") == []


def test_a_suspicious_order_is_a_warning() -> None:
    content = file_of("Microsoft-Windows-Setup", "<UserData><ProductKey/><AcceptEula/></UserData>", "windowsPE")
    (warning,) = answer_file.check(content, "unattend")
    assert "UserData (Microsoft-Windows-Setup)" in warning
    assert answer_file.check(file_of("Microsoft-Windows-Shell-Setup", "<ComputerName>*</ComputerName>"), "x") == []


def test_the_template_that_ships_is_a_sound_file() -> None:
    template = Path(__file__).resolve().parents[5] / "docs/unattend.xml.j2"
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=False, trim_blocks=True)  # as Ansible
    variables = {"computer_name": "lab01", "administrator_password": "a<b&c-D7"}
    for more in ({}, {"address": "192.168.100.11/24", "gateway": "192.168.100.1"}):
        content = environment.from_string(template.read_text()).render(**variables, **more).encode()
        assert answer_file.check(content, "unattend") == []
        assert texts(content, "ComputerName") == ["lab01"]
        assert "a<b&c-D7" in texts(content, "Value")
        assert ("192.168.100.11/24" in texts(content, "IpAddress")) is bool(more)
