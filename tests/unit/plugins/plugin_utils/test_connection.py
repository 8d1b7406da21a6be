"""The variables of an ordinary Windows inventory, through Ansible's own connection plugins, to our options."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleError
from ansible.playbook.play_context import PlayContext
from ansible.plugins.loader import connection_loader

from ansible_collections.nested.hyperv.plugins.module_utils._wsman.client import ConnectionOptions
from ansible_collections.nested.hyperv.plugins.plugin_utils._connection import connection_options

PASSWORD = "s3cr3t&$(rm)"
FILE = __file__  # of which only its existence matters here
WINRM_CERTIFICATE = {"ansible_winrm_cert_pem": FILE, "ansible_winrm_cert_key_pem": FILE}
PSRP_CERTIFICATE = {"ansible_psrp_certificate_pem": FILE, "ansible_psrp_certificate_key_pem": FILE}


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
        ("winrm", {"ansible_winrm_transport": "ssl", **WINRM_CERTIFICATE}, "certificate"),
        ("winrm", {"ansible_winrm_transport": "certificate", **WINRM_CERTIFICATE}, "certificate"),
        ("psrp", {}, "negotiate"),
        ("psrp", {"ansible_psrp_auth": "basic"}, "basic"),
        ("psrp", {"ansible_psrp_auth": "credssp"}, "credssp"),
        ("psrp", {"ansible_psrp_auth": "certificate", **PSRP_CERTIFICATE}, "certificate"),
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
        ("ansible_winrm_ca_trust_path", FILE, "ca_trust_path", FILE),
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
        ("ansible_psrp_ca_cert", FILE, "ca_trust_path", FILE),
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


def test_client_certificates_of_winrm() -> None:
    found = options("winrm", **WINRM_CERTIFICATE)
    assert (found.transport, found.certificate_pem, found.certificate_key_pem) == ("certificate", FILE, FILE)


@pytest.mark.parametrize(
    ("chosen", "transports"),
    [
        (["kerberos", "ntlm"], ["kerberos", "ntlm"]),
        (["ssl", "ntlm", "plaintext"], ["basic", "ntlm"]),
        (["credssp"], ["credssp"]),
    ],
)
def test_all_listed_transports_are_tried(chosen: list[str], transports: list[str]) -> None:
    found = options("winrm", ansible_winrm_transport=chosen, ansible_password=PASSWORD)
    assert [found.transport, *(other.transport for other in found.alternatives)] == transports
    assert [bool(entry.ticket) for entry in (found, *found.alternatives)] == [
        transport == "kerberos" for transport in transports
    ]


@pytest.mark.parametrize(
    ("kind", "variables", "variable"),
    [
        ("winrm", {"ansible_host": "hv01:5985"}, "ansible_host"),
        ("psrp", {"ansible_host": "hv01:5985"}, "ansible_host"),
        ("winrm", {"ansible_host": "http://hv01"}, "ansible_host"),
        ("winrm", {"ansible_host": "hv01/wsman"}, "ansible_host"),
        ("winrm", {"ansible_host": "hv 01"}, "ansible_host"),
        ("winrm", {"ansible_winrm_ca_trust_path": "/no/ca.pem"}, "ansible_winrm_ca_trust_path"),
        ("psrp", {"ansible_psrp_ca_cert": "/no/ca.pem"}, "ansible_psrp_ca_cert"),
        ("winrm", {"ansible_winrm_message_encryption": "sometimes"}, "ansible_winrm_message_encryption"),
        ("winrm", {"ansible_winrm_server_cert_validation": "maybe"}, "ansible_winrm_server_cert_validation"),
        ("winrm", {"ansible_winrm_operation_timeout_sec": "long"}, "ansible_winrm_operation_timeout_sec"),
        ("winrm", {"ansible_winrm_read_timeout_sec": "long"}, "ansible_winrm_read_timeout_sec"),
        ("winrm", {"ansible_winrm_read_timeout_sec": "nan"}, "ansible_winrm_read_timeout_sec"),
        ("winrm", {"ansible_winrm_read_timeout_sec": 60}, "ansible_winrm_read_timeout_sec"),
        ("winrm", {"ansible_winrm_operation_timeout_sec": 0}, "ansible_winrm_operation_timeout_sec"),
        ("winrm", {"ansible_winrm_kerberos_delegation": "perhaps"}, "ansible_winrm_kerberos_delegation"),
        ("winrm", {"ansible_winrm_transport": "smoke"}, "ansible_winrm_transport"),
        ("winrm", {"ansible_winrm_transport": ["ntlm", "smoke"]}, "ansible_winrm_transport"),
        ("winrm", {"ansible_winrm_transport": "certificate"}, "ansible_winrm_cert_pem"),
        (
            "winrm",
            {"ansible_winrm_transport": "certificate", **WINRM_CERTIFICATE, "ansible_winrm_cert_key_pem": "/no/k"},
            "ansible_winrm_cert_key_pem",
        ),
        ("psrp", {"ansible_psrp_auth": "certificate"}, "ansible_psrp_certificate_pem"),
        ("psrp", {"ansible_psrp_operation_timeout": 0}, "ansible_psrp_operation_timeout"),
    ],
)
def test_a_value_that_cannot_work_is_named_with_its_variable(
    kind: str, variables: dict[str, Any], variable: str
) -> None:
    with pytest.raises(AnsibleError) as caught:
        options(kind, ansible_password=PASSWORD, **variables)
    assert caught.value.message.startswith(f"{variable} is ")
    assert PASSWORD not in caught.value.message


def test_the_port_belongs_into_a_variable_of_its_own() -> None:
    with pytest.raises(AnsibleError, match="write the port of host 'hv01' as ansible_port: 5985"):
        options("winrm", ansible_host="hv01:5985")


def test_a_ca_that_is_not_needed_need_not_exist() -> None:
    options("winrm", ansible_winrm_ca_trust_path="/no/ca.pem", ansible_winrm_server_cert_validation="ignore")
    options("winrm", ansible_winrm_ca_trust_path="/no/ca.pem", ansible_port=5985)
    options("winrm", ansible_winrm_ca_trust_path="legacy_requests")
