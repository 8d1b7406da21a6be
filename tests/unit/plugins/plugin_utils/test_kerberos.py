# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kerberos tickets: when kinit runs, what it gets, and where its cache is."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible import constants

from ansible_collections.nested.hyperv.plugins.module_utils._wsman.client import ConnectionOptions
from ansible_collections.nested.hyperv.plugins.module_utils._wsman.faults import AuthenticationFailed
from ansible_collections.nested.hyperv.plugins.plugin_utils import _kerberos

from .test_connection import PASSWORD
from .test_connection import options as without_ticket

Kinit = Callable[..., str]


def options(kind: str, **variables: Any) -> ConnectionOptions:
    """The options, and the ticket that the first connection would get."""
    found = without_ticket(kind, **variables)
    if found.ticket is not None:
        found.ticket()
    return found


@pytest.fixture
def kinit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kinit:
    """A kinit that notes what it is given, and ends as told; the path of its script."""
    monkeypatch.setenv("KRB5CCNAME", "FILE:/tmp/the-user's-own")
    monkeypatch.setenv("KRB5_TRACE", "/tmp/trace")
    monkeypatch.setenv("KRB5_CONFIG", "/tmp/krb5.conf")
    monkeypatch.setattr(constants, "DEFAULT_LOCAL_TMP", str(tmp_path / "run"))
    (tmp_path / "run").mkdir()
    monkeypatch.setattr(_kerberos, "_refusals", {})

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
    assert seen["KRB5CCNAME"].startswith(os.environ["KRB5CCNAME"])
    assert os.environ["KRB5CCNAME"] != "FILE:/tmp/the-user's-own"
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
    seen = dict(line.split("=", 1) for line in (tmp_path / "env").read_text().splitlines())
    assert (seen["KRB5_CONFIG"], seen["KRB5_TRACE"]) == ("/tmp/krb5.conf", "/tmp/trace")
    assert seen["KRB5CCNAME"] != "FILE:/tmp/the-user's-own"


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
    with pytest.raises(AuthenticationFailed) as caught:
        options(
            "winrm",
            ansible_user="ops@EXAMPLE.COM",
            ansible_password=PASSWORD,
            ansible_winrm_kinit_cmd=kinit(ending),
        )
    assert words in str(caught.value)
    assert PASSWORD not in str(caught.value)


def test_no_kinit() -> None:
    with pytest.raises(AuthenticationFailed, match="can't run '/nowhere/kinit'") as caught:
        options(
            "winrm",
            ansible_user="ops@EXAMPLE.COM",
            ansible_password=PASSWORD,
            ansible_winrm_kinit_cmd="/nowhere/kinit",
        )
    assert PASSWORD not in str(caught.value)


def test_options_alone_run_no_kinit(kinit: Kinit, tmp_path: Path) -> None:
    """The password goes to kinit with the first request, once it is known that Kerberos can work."""
    without_ticket("winrm", ansible_user="ops@EXAMPLE.COM", ansible_password=PASSWORD, ansible_winrm_kinit_cmd=kinit())
    assert not (tmp_path / "arguments").exists()


def test_the_cache_goes_with_the_run(kinit: Kinit, tmp_path: Path) -> None:
    """Workers end without cleaning up; Ansible removes this directory, and nobody else may read the cache."""
    variables = {"ansible_user": "ops@EXAMPLE.COM", "ansible_password": PASSWORD, "ansible_winrm_kinit_cmd": kinit()}
    options("winrm", **variables)
    (cache,) = (tmp_path / "run").iterdir()
    assert os.environ["KRB5CCNAME"] == f"FILE:{cache}"
    assert cache.stat().st_mode & 0o077 == 0
    with pytest.raises(AuthenticationFailed):
        options("winrm", **(variables | {"ansible_winrm_kinit_cmd": kinit("exit 1"), "ansible_password": "other"}))
    assert list((tmp_path / "run").iterdir()) == [cache]


def test_other_workers_use_the_ticket_while_it_is_fresh(kinit: Kinit, tmp_path: Path) -> None:
    variables = {
        "ansible_user": "ops@EXAMPLE.COM",
        "ansible_winrm_kinit_cmd": kinit(f"echo called >> {tmp_path}/calls"),
    }
    for _worker in range(3):
        options("winrm", ansible_password=PASSWORD, **variables)
    assert (tmp_path / "calls").read_text() == "called\n"
    options("winrm", ansible_password="another", **variables)
    assert (tmp_path / "calls").read_text() == "called\n" * 2
    for cache in (tmp_path / "run").iterdir():
        os.utime(cache, (0, 0))
    options("winrm", ansible_password=PASSWORD, **variables)
    assert (tmp_path / "calls").read_text() == "called\n" * 3


def test_one_attempt_with_a_wrong_password(kinit: Kinit, tmp_path: Path) -> None:
    variables = {
        "ansible_user": "ops@EXAMPLE.COM",
        "ansible_password": PASSWORD,
        "ansible_winrm_kinit_cmd": kinit(f"echo called >> {tmp_path}/calls; echo 'Password incorrect' >&2; exit 1"),
    }
    for _item in range(5):
        with pytest.raises(AuthenticationFailed, match="Password incorrect"):
            options("winrm", **variables)
    assert (tmp_path / "calls").read_text() == "called\n"
