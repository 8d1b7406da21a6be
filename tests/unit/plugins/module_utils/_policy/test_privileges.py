"""The rights that modules need: complete, documented, and with a way out for each namespace."""

from __future__ import annotations

import pytest

from ansible_collections.nested.hyperv.plugins.module_utils._hyperv import schema
from ansible_collections.nested.hyperv.plugins.module_utils._hyperv.host.rights import NAMESPACES
from ansible_collections.nested.hyperv.plugins.module_utils._policy.privileges import BASES, PRIVILEGES, remedy
from ansible_collections.nested.hyperv.plugins.module_utils._windows import schema as windows
from ansible_collections.nested.hyperv.plugins.module_utils._wsman.cim import CimClass
from ansible_collections.nested.hyperv.tests.harness import collection, privileges


@pytest.mark.parametrize("module", collection.modules())
def test_every_module_has_its_privileges(module: str) -> None:
    assert privileges.rows_of(module)


def test_every_row_is_about_namespaces_that_the_modules_use() -> None:
    used = {cls.namespace for home in (schema, windows) for cls in vars(home).values() if isinstance(cls, CimClass)}
    assert {row.namespace for row in PRIVILEGES} == used
    assert set(NAMESPACES) <= used
    assert {row.basis for row in PRIVILEGES} == set(BASES)


@pytest.mark.parametrize("namespace", sorted({row.namespace for row in PRIVILEGES}))
def test_each_namespace_has_a_way_out(namespace: str) -> None:
    text = remedy(f"http://schemas.microsoft.com/wbem/wsman/1/wmi/{namespace}/*")
    assert text.startswith("The user ")
    groups = {row.group for row in PRIVILEGES if row.namespace == namespace and row.basis != "likely"}
    assert ("is not enough" in text) is (groups == {"Administrators"} or namespace.endswith("Hgs"))


def test_the_documentation_is_generated_from_the_data() -> None:
    assert privileges.DOCUMENT.read_text("utf-8") == privileges.document(), "run make rules"
