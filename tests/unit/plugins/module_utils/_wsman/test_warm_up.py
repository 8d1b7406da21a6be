# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What Ansible's parent process prepares. A failure here costs time, never a task."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest

from ansible_collections.nested.hyperv.plugins.module_utils._wsman import tls, warm_up


def test_the_rehearsal_is_complete():
    """Fails if a library no longer calls what the canned connection stands in for."""
    assert warm_up.rehearse() == [{"Name": "name", "__CLASS": "Class"}] * 3


def test_the_rehearsal_stays_in_the_process(monkeypatch):
    def refuse(*_arguments):
        raise AssertionError("a connection")

    for name in ("connect", "connect_ex", "bind", "listen"):
        monkeypatch.setattr(socket.socket, name, refuse)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert warm_up.rehearse()


def test_a_worker_compiles_and_imports_nothing_more(simulated, checkout):
    """Runs in a process of its own, in which nothing but the preparation has run."""
    host = simulated()
    script = f"""
import re, sys
from ansible_collections.nested.hyperv.plugins.module_utils._wsman import client, warm_up
options = client.ConnectionOptions({host.endpoint.url!r}, "ntlm", "administrator", "Passw0rd!", proxy=None)
warm_up.warm_up()
compiler = re.sre_compile if sys.version_info < (3, 11) else re._compiler
modules, compiled, original = set(sys.modules), [], compiler.compile
compiler.compile = lambda pattern, flags=0: compiled.append(pattern) or original(pattern, flags)
client.connect(options).identify()
print(sorted(set(sys.modules) - modules), compiled)
"""
    environment = os.environ | {"PYTHONPATH": str(checkout / ".build")}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == ("[] []", "")


@pytest.mark.parametrize("failing", [(tls, "prepare"), (warm_up, "rehearse")])
def test_errors_are_ignored(monkeypatch, failing):
    done = []

    def fail():
        done.append(failing)
        raise OSError("no")

    monkeypatch.setattr(*failing, fail)
    warm_up.warm_up()
    assert done == [failing]
