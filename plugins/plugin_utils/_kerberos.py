# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kerberos tickets by kinit, in caches that go with the run of Ansible."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from ansible import constants

from ..module_utils._wsman.faults import AuthenticationFailed

# The tasks of a run share a ticket; after this time the next one asks for another.
FRESH = 300.0  # seconds

# Names of caches don't reveal the password. Created in Ansible's parent process, so that its workers agree on them.
_secret = os.urandom(32)
# What kinit said to these credentials; a second attempt would count towards the lockout of the account.
_refusals: dict[str, str] = {}


def get_ticket(command: Sequence[str], environment: Mapping[str, str], principal: str, password: str) -> None:
    """Get a ticket with kinit and point KRB5CCNAME to it. Raises AuthenticationFailed, never with the password.

    The caches are in the directory that Ansible removes at the end of a run: its workers end without cleaning up.
    """
    wanted = "\0".join((*command, principal, password)).encode(errors="surrogateescape")
    key = hmac.new(_secret, wanted, hashlib.sha256).hexdigest()[:32]
    if key in _refusals:
        raise AuthenticationFailed(_refusals[key])
    cache = Path(constants.DEFAULT_LOCAL_TMP) / f"nested_hyperv_krb5_{key}"
    if not _is_fresh(cache):
        new = cache.with_name(f"{cache.name}.{os.getpid()}")
        new.touch(0o600)
        try:
            _run_kinit([*command, principal], {**environment, "KRB5CCNAME": f"FILE:{new}"}, principal, password)
            new.replace(cache)
        except AuthenticationFailed as error:
            _refusals[key] = error.message
            raise
        finally:
            new.unlink(missing_ok=True)
    os.environ["KRB5CCNAME"] = f"FILE:{cache}"


def _is_fresh(cache: Path) -> bool:
    with contextlib.suppress(OSError):
        return time.time() - cache.stat().st_mtime < FRESH
    return False


def _run_kinit(command: list[str], environment: Mapping[str, str], principal: str, password: str) -> None:
    try:
        done = subprocess.run(
            command,
            input=password.encode() + b"\n",
            capture_output=True,
            env=environment,
            start_new_session=True,  # without a terminal kinit reads the password from standard input
            check=False,
        )
    except OSError as error:
        reason = f"can't run '{command[0]}': {error}"
        raise AuthenticationFailed(f"no Kerberos ticket for {principal}: {reason}") from error
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().replace(password or "\0", "<redacted>")
        said = said or f"'{command[0]}' ended with exit code {done.returncode}"
        raise AuthenticationFailed(f"no Kerberos ticket for {principal}: {said}")
