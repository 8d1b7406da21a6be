# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""TLS contexts, created once and handed to requests.

requests and urllib3 create a context for each connection and load CA certificates into it, even if nothing is
validated: 25 to 50 ms of CPU time in each task. A context that `prepare` created before Ansible forked costs nothing.
"""

from __future__ import annotations

import os
import ssl
from typing import Any, TypeAlias

from .adapter import Adapter

try:
    from requests.utils import DEFAULT_CA_BUNDLE_PATH
    from urllib3.util.ssl_ import create_urllib3_context
except ImportError:  # transport.py reports it
    pass

# As in requests: whether to validate, or the path of a file or folder of CA certificates to validate with.
Verify: TypeAlias = "bool | str"
ClientCertificate: TypeAlias = "tuple[str, str] | None"

_Key: TypeAlias = "tuple[str, int] | None"
_prepared: dict[_Key, ssl.SSLContext] = {}


def prepare() -> None:
    """Create the contexts for connections that don't name a CA of their own."""
    bundle = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
    for verify in (False, bundle or True):
        _prepared[_key(verify)] = _new_context(verify)


def context(verify: Verify, certificate: ClientCertificate = None) -> ssl.SSLContext:
    """The prepared context, or a new one. Raises OSError, which ssl.SSLError is, on a file that cannot be used."""
    if certificate is None and (prepared := _prepared.get(_key(verify))):
        return prepared
    created = _new_context(verify)
    if certificate is not None:
        created.load_cert_chain(*certificate, password=_no_password)
    return created


def _key(verify: Verify) -> _Key:
    """The identity of a set of CA certificates: path and modification time, None for no validation."""
    if not verify:
        return None
    path = _bundle(verify)
    return path, os.stat(path).st_mtime_ns


def _bundle(verify: Verify) -> str:
    path = DEFAULT_CA_BUNDLE_PATH if verify is True else str(verify)
    if not os.path.exists(path):
        raise OSError(f"Could not find a suitable TLS CA certificate bundle, invalid path: {path}")
    return path


def _new_context(verify: Verify) -> ssl.SSLContext:
    """A context with the settings of urllib3: TLS 1.2 or newer, host names checked if certificates are."""
    created = create_urllib3_context(cert_reqs=ssl.CERT_REQUIRED if verify else ssl.CERT_NONE)
    if verify:
        path = _bundle(verify)
        created.load_verify_locations(**{"capath" if os.path.isdir(path) else "cafile": path})
    return created


def _no_password() -> str:
    """Raise OSError for an encrypted key. Without a callback OpenSSL asks for the password on the terminal."""
    raise OSError("The private key of the client certificate is encrypted. Use a key without a password")


class TlsAdapter(Adapter):
    """Adapter of requests that connects with a given context, not by `verify` and `cert` of the session."""

    def __init__(self, verify: Verify, certificate: ClientCertificate = None) -> None:
        self._verify = verify
        self._context = context(verify, certificate)
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs, ssl_context=self._context)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        kwargs["ssl_context"] = self._context
        if proxy.lower().startswith("https:"):  # validated alike, without the client certificate
            kwargs["proxy_ssl_context"] = context(self._verify)
        return super().proxy_manager_for(proxy, **kwargs)

    def build_connection_pool_key_attributes(self, request: Any, verify: Any, cert: Any = None) -> tuple[Any, Any]:
        """Leave out the files, which urllib3 would load into the context for each connection."""
        host, _tls = super().build_connection_pool_key_attributes(request, verify, cert)
        return host, {"cert_reqs": self._context.verify_mode}

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Set no files, for the same reason."""
        conn.cert_reqs = self._context.verify_mode
