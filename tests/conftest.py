"""What the tests find around them: this checkout as the collection, and nothing of the user's own settings."""

from __future__ import annotations

import importlib
import os
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[1]
pytest_plugins = ["ansible_collections.nested.hyperv.tests.harness.fixtures"]

# Set before anything of Ansible is imported, and inherited by the programs that tests start.
os.environ |= {
    "ANSIBLE_COLLECTIONS_PATH": str(CHECKOUT / ".build"),
    "ANSIBLE_CONFIG": str(CHECKOUT / "tests" / "ansible.cfg"),
    "NO_PROXY": "127.0.0.1,::1,localhost",
}
for name in ("ANSIBLE_INVENTORY", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR"):
    os.environ.pop(name, None)
for name in [name for name in os.environ if name.startswith("NESTED_HYPERV_")]:
    del os.environ[name]

# From here on ansible_collections is imported as Ansible does it, so that tests may load plugins by name.
plugin_loader = importlib.import_module("ansible.plugins.loader")
plugin_loader.init_plugin_loader()


@pytest.fixture(scope="session", autouse=True)
def _ansible_home(tmp_path_factory: pytest.TempPathFactory) -> None:
    os.environ["ANSIBLE_HOME"] = str(tmp_path_factory.mktemp("ansible"))


@pytest.fixture(scope="session")
def checkout() -> Path:
    """The root of the collection's checkout."""
    return CHECKOUT
