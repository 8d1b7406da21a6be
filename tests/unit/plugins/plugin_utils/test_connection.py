"""The variables of an ordinary Windows inventory, through Ansible's own connection plugins, to our options."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible.playbook.play_context import PlayContext
from ansible.plugins.loader import connection_loader

from ansible_collections.nested.hyperv.plugins.module_utils._wsman.client import ConnectionOptions
from ansible_collections.nested.hyperv.plugins.plugin_utils._connection import connection_options

PASSWORD = "s3cr3t&$(rm)"


def options(kind: str, **variables: Any) -> ConnectionOptions:
    """Our options for a host with these variables, which reach the plugin as TaskExecutor hands them over."""
    plugin = connection_loader.get(kind, PlayContext())
    declared = {entry["name"] for option in plugin.option_definitions.values() for entry in option.get("vars", [])}
    extras = {name: value for name, value in variables.items() if name not in declared}
    given = {"ansible_host": "hv01", "ansible_user": "ops", **variables}
    plugin.set_options(var_options={**given, "_extras": extras} if plugin.allow_extras else given)
    return connection_options(kind, plugin.get_option)


@pytest.mark.parametrize(
    ("kind", "variables", "endpoint"),
    [
        ("winrm", {}, "https://hv01:5986/wsman"),
        ("winrm", {"ansible_port": 5985}, "http://hv01:5985/wsman"),
        ("winrm", {"ansible_port": "5985"}, "http://hv01:5985/wsman"),
        ("winrm", {"ansible_winrm_scheme": "http", "ansible_port": 8080}, "http://hv01:8080/wsman"),
        ("winrm", {"ansible_port": 443, "ansible_winrm_path": "/proxy/wsman"}, "https://hv01:443/proxy/wsman"),
        ("winrm", {"ansible_host": "fe80::1"}, "https://[fe80::1]:5986/wsman"),
        ("winrm", {"ansible_host": "fe80::1%eth0"}, "https://[fe80::1%25eth0]:5986/wsman"),
        ("psrp", {}, "https://hv01:5986/wsman"),
        ("psrp", {"ansible_port": 5985}, "http://hv01:5985/wsman"),
        ("psrp", {"ansible_psrp_protocol": "http"}, "http://hv01:5985/wsman"),
        ("psrp", {"ansible_psrp_protocol": "https", "ansible_port": 5985}, "https://hv01:5985/wsman"),
        ("psrp", {"ansible_host": "::1", "ansible_psrp_path": "a/b"}, "https://[::1]:5986/a/b"),
    ],
)
def test_endpoint(kind: str, variables: dict[str, Any], endpoint: str) -> None:
    assert options(kind, **variables).endpoint == endpoint


@pytest.mark.parametrize(
    ("kind", "variables", "transport"),
    [
        ("winrm", {}, "basic"),
        ("winrm", {"ansible_port": 5985}, "basic"),
        ("winrm", {"ansible_user": "ops@EXAMPLE.COM"}, "kerberos"),
        ("winrm", {"ansible_user": "ops@EXAMPLE.COM", "ansible_winrm_transport": "ntlm"}, "ntlm"),
        ("winrm", {"ansible_winrm_transport": ["credssp", "ntlm"]}, "credssp"),
        ("winrm", {"ansible_winrm_transport": "plaintext"}, "basic"),
        ("winrm", {"ansible_winrm_transport": "ssl"}, "basic"),
        ("winrm", {"ansible_winrm_transport": "ssl", "ansible_winrm_cert_pem": "/c.pem"}, "certificate"),
        ("winrm", {"ansible_winrm_transport": "certificate"}, "certificate"),
        ("psrp", {}, "negotiate"),
        ("psrp", {"ansible_psrp_auth": "basic"}, "basic"),
        ("psrp", {"ansible_psrp_auth": "credssp"}, "credssp"),
        ("psrp", {"ansible_psrp_auth": "certificate"}, "certificate"),
    ],
)
def test_transport(kind: str, variables: dict[str, Any], transport: str) -> None:
    assert options(kind, **variables).transport == transport


@pytest.mark.parametrize("variable", ["ansible_password", "ansible_winrm_pass", "ansible_winrm_password"])
@pytest.mark.parametrize("kind", ["winrm", "psrp"])
def test_credentials(kind: str, variable: str) -> None:
    found = options(kind, ansible_user="EXAMPLE\\ops", **{variable: PASSWORD})
    assert (found.user, found.password) == ("EXAMPLE\\ops", PASSWORD)
    assert PASSWORD not in repr(found)


@pytest.mark.parametrize(
    ("variable", "value", "field", "expected"),
    [
        ("ansible_winrm_server_cert_validation", "ignore", "server_cert_validation", "ignore"),
        ("ansible_winrm_ca_trust_path", "/ca.pem", "ca_trust_path", "/ca.pem"),
        ("ansible_winrm_cert_pem", "/c.pem", "certificate_pem", "/c.pem"),
        ("ansible_winrm_cert_key_pem", "/k.pem", "certificate_key_pem", "/k.pem"),
        ("ansible_winrm_message_encryption", "never", "message_encryption", "never"),
        ("ansible_winrm_proxy", "http://proxy:3128", "proxy", "http://proxy:3128"),
        ("ansible_winrm_proxy", None, "proxy", None),
        ("ansible_winrm_service", "WSMAN", "kerberos_service", "WSMAN"),
        ("ansible_winrm_kerberos_delegation", "yes", "kerberos_delegation", True),
        (
            "ansible_winrm_kerberos_hostname_override",
            "hv01.example.com",
            "kerberos_hostname_override",
            "hv01.example.com",
        ),
        ("ansible_winrm_credssp_disable_tlsv1_2", True, "credssp_disable_tlsv1_2", True),
        ("ansible_winrm_send_cbt", "false", "send_cbt", False),
        ("ansible_winrm_operation_timeout_sec", "40", "operation_timeout", 40.0),
        ("ansible_winrm_read_timeout_sec", 90, "read_timeout", 90.0),
        ("ansible_winrm_connection_timeout", 120, "operation_timeout", 120.0),
        ("ansible_winrm_connection_timeout", 120, "read_timeout", 130.0),
    ],
)
def test_winrm_extras(variable: str, value: Any, field: str, expected: Any) -> None:
    assert getattr(options("winrm", **{variable: value}), field) == expected


@pytest.mark.parametrize(
    ("variable", "value", "field", "expected"),
    [
        ("ansible_psrp_cert_validation", "ignore", "server_cert_validation", "ignore"),
        ("ansible_psrp_ca_cert", "/ca.pem", "ca_trust_path", "/ca.pem"),
        ("ansible_psrp_certificate_pem", "/c.pem", "certificate_pem", "/c.pem"),
        ("ansible_psrp_certificate_key_pem", "/k.pem", "certificate_key_pem", "/k.pem"),
        ("ansible_psrp_message_encryption", "always", "message_encryption", "always"),
        ("ansible_psrp_proxy", "http://proxy:3128", "proxy", "http://proxy:3128"),
        ("ansible_psrp_ignore_proxy", True, "proxy", None),
        ("ansible_psrp_negotiate_service", "HTTP", "kerberos_service", "HTTP"),
        ("ansible_psrp_negotiate_delegate", True, "kerberos_delegation", True),
        ("ansible_psrp_negotiate_hostname_override", "hv.example.com", "kerberos_hostname_override", "hv.example.com"),
        ("ansible_psrp_credssp_disable_tlsv1_2", True, "credssp_disable_tlsv1_2", True),
        ("ansible_psrp_negotiate_send_cbt", False, "send_cbt", False),
        ("ansible_psrp_connection_timeout", 5, "connection_timeout", 5.0),
        ("ansible_psrp_operation_timeout", 40, "operation_timeout", 40.0),
        ("ansible_psrp_operation_timeout", 40, "read_timeout", 50.0),
        ("ansible_psrp_read_timeout", 90, "read_timeout", 90.0),
    ],
)
def test_psrp_options(variable: str, value: Any, field: str, expected: Any) -> None:
    assert getattr(options("psrp", **{variable: value}), field) == expected


@pytest.mark.parametrize("kind", ["winrm", "psrp"])
def test_certificates_are_validated_unless_the_inventory_says_otherwise(kind: str) -> None:
    found = options(kind)
    assert found.server_cert_validation == "validate"
    assert found.read_timeout > found.operation_timeout


@pytest.mark.parametrize("kind", ["local", "ssh", "httpapi"])
def test_another_kind_of_connection(kind: str) -> None:
    with pytest.raises(AnsibleError) as caught:
        connection_options(kind, {}.__getitem__)
    assert f"the connection is '{kind}'" in caught.value.message
    assert "'ansible_connection: winrm' or 'psrp'" in caught.value.message


Kinit = Callable[..., str]


@pytest.fixture
def kinit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kinit:
    """A kinit that notes what it is given, and ends as told; the path of its script."""
    monkeypatch.setenv("KRB5CCNAME", "FILE:/tmp/the-user's-own")
    monkeypatch.setenv("KRB5_TRACE", "/tmp/trace")

    def script(ending: str = "exit 0") -> str:
        path = tmp_path / "kinit"
        path.write_text(f"#!/bin/sh\ncd {tmp_path}\nprintf '%s\\n' \"$@\" >arguments\ncat >input\nenv >env\n{ending}\n")
        path.chmod(0o755)
        return str(path)

    return script


def test_kinit_gets_the_password_and_a_cache_of_its_own(kinit: Kinit, tmp_path: Path) -> None:
    found = options(
        "winrm",
        ansible_user="ops@EXAMPLE.COM",
        ansible_password=PASSWORD,
        ansible_winrm_kinit_cmd=kinit(),
        ansible_winrm_kerberos_delegation=True,
        ansible_winrm_kinit_env_vars=["KRB5_TRACE", "NOT_SET"],
    )
    assert found.transport == "kerberos"
    assert (tmp_path / "arguments").read_text().split() == ["-f", "ops@EXAMPLE.COM"]
    assert (tmp_path / "input").read_text() == PASSWORD + "\n"
    seen = dict(line.split("=", 1) for line in (tmp_path / "env").read_text().splitlines())
    assert seen["KRB5CCNAME"] == os.environ["KRB5CCNAME"] != "FILE:/tmp/the-user's-own"
    assert seen["KRB5_TRACE"] == "/tmp/trace"
    assert seen.keys() - {"PWD", "SHLVL", "_", "OLDPWD"} == {"PATH", "KRB5CCNAME", "KRB5_TRACE"}


def test_kinit_arguments_replace_the_default_ones(kinit: Kinit, tmp_path: Path) -> None:
    options(
        "winrm",
        ansible_user="ops@EXAMPLE.COM",
        ansible_password=PASSWORD,
        ansible_winrm_kinit_cmd=kinit(),
        ansible_winrm_kerberos_delegation=True,
        ansible_winrm_kinit_args="-l '1 h'",
    )
    assert (tmp_path / "arguments").read_text().splitlines() == ["-l", "1 h", "ops@EXAMPLE.COM"]


@pytest.mark.parametrize(
    "variables",
    [
        {"ansible_user": "ops@EXAMPLE.COM"},
        {"ansible_user": "ops@EXAMPLE.COM", "ansible_password": PASSWORD, "ansible_winrm_kinit_mode": "manual"},
        {"ansible_user": "ops@EXAMPLE.COM", "ansible_password": PASSWORD, "ansible_winrm_transport": "ntlm"},
    ],
)
def test_tickets_at_hand_are_used_as_they_are(kinit: Kinit, tmp_path: Path, variables: dict[str, Any]) -> None:
    options("winrm", ansible_winrm_kinit_cmd=kinit(), **variables)
    assert not (tmp_path / "arguments").exists()
    assert os.environ["KRB5CCNAME"] == "FILE:/tmp/the-user's-own"


def test_psrp_with_kerberos_and_a_password(kinit: Kinit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{Path(kinit()).parent}:{os.environ['PATH']}")
    found = options(
        "psrp",
        ansible_user="ops@EXAMPLE.COM",
        ansible_password=PASSWORD,
        ansible_psrp_auth="kerberos",
        ansible_psrp_negotiate_delegate=True,
    )
    assert found.transport == "kerberos"
    assert (tmp_path / "arguments").read_text().split() == ["-f", "ops@EXAMPLE.COM"]


def test_one_ticket_serves_all_tasks_of_a_loop(kinit: Kinit, tmp_path: Path) -> None:
    command = kinit(f"echo called >> {tmp_path}/calls")
    variables = {
        "ansible_password": PASSWORD,
        "ansible_winrm_kinit_cmd": command,
        "ansible_winrm_transport": "kerberos",
    }
    caches = set()
    for user in ("one@EXAMPLE.COM", "two@EXAMPLE.COM", "one@EXAMPLE.COM"):
        options("winrm", ansible_user=user, **variables)
        caches.add((user, os.environ["KRB5CCNAME"]))
    assert (tmp_path / "calls").read_text().count("called") == 2
    assert len(caches) == 2


@pytest.mark.parametrize(
    ("ending", "words"),
    [
        ('echo "kinit: Password incorrect ($(cat $(dirname $0)/input))" >&2; exit 1', "Password incorrect (<redacted>"),
        ("exit 3", "no Kerberos ticket for ops@EXAMPLE.COM: '"),
    ],
)
def test_a_failing_kinit_never_shows_the_password(kinit: Kinit, ending: str, words: str) -> None:
    with pytest.raises(AnsibleConnectionFailure) as caught:
        options(
            "winrm",
            ansible_user="ops@EXAMPLE.COM",
            ansible_password=PASSWORD,
            ansible_winrm_kinit_cmd=kinit(ending),
        )
    assert words in str(caught.value)
    assert PASSWORD not in str(caught.value)


def test_no_kinit() -> None:
    with pytest.raises(AnsibleConnectionFailure, match="can't run '/nowhere/kinit'") as caught:
        options(
            "winrm",
            ansible_user="ops@EXAMPLE.COM",
            ansible_password=PASSWORD,
            ansible_winrm_kinit_cmd="/nowhere/kinit",
        )
    assert PASSWORD not in str(caught.value)
