# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/privileges.md, generated from the data of the privileges (make rules)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ansible_collections.nested.hyperv.plugins.module_utils._policy.privileges import PRIVILEGES, Privilege, remedy

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "privileges.md"

_HEAD = """\
# Privileges

The rights that each module needs on the host. The page is generated from `plugins/module_utils/_policy/privileges.py`
(`make rules`).

- To connect, a user must be a member of Administrators, or of Remote Management Users. Membership in Hyper-V
  Administrators alone does not permit a connection.
- A user who is not an administrator needs the rights Enable, Execute Methods and Remote Enable on the namespaces below
  (`wmimgmt.msc`, or a group policy). Providers check further rights, which the tables list.
- A local administrator whose token is filtered (User Account Control for remote connections) is not an administrator
  with effect.

The last column says how a row is known:

- `documented`: by Microsoft.
- `measured`: by the authors of
  [terraform-provider-hyperv](https://github.com/windsorcli/terraform-provider-hyperv) on Windows Server 2022, through
  PowerShell, which uses the same CIM providers.
- `likely`: a conclusion from similar rights, not measured. In particular, whether members of Hyper-V Administrators may
  assign addresses of the host and create external switches is not known.

`nat_network` determines the rights of the user before it creates or removes a NAT or a static mapping, with one request
(the method `CheckAccess` of `StdRegProv` for a registry key that only administrators can write; nothing is written).
If the user is not an administrator, it refuses the task in check mode and for real before it changes anything. If the
host does not answer the request, the task continues. Rights that are only likely are not checked beforehand.

`host_info` with `include: [rights]` returns the rights of the user.

## By module
"""


def document() -> str:
    """The whole page."""
    return "\n".join([_HEAD, *_modules(), "", "## By namespace\n", *_namespaces(), ""])


def _modules() -> Iterator[str]:
    yield "| Module | Action | Namespace | Group | Known |"
    yield "|---|---|---|---|---|"
    for module in modules():
        for row in rows_of(module):
            yield f"| `{module}` | {row.does} | `{row.namespace}` | {row.group} | {row.basis} |"


def modules() -> list[str]:
    """The modules in the data."""
    return sorted({name for row in PRIVILEGES for name in row.modules.split()})


def rows_of(module: str) -> list[Privilege]:
    """The privileges of a module, in the order of the data."""
    return [row for row in PRIVILEGES if module in row.modules.split()]


def _namespaces() -> Iterator[str]:
    yield "| Namespace | If access is denied |"
    yield "|---|---|"
    for name in sorted({row.namespace for row in PRIVILEGES}, key=str.lower):
        yield f"| `{name}` | {remedy(f'http://schemas.microsoft.com/wbem/wsman/1/wmi/{name}/Class')} |"


if __name__ == "__main__":
    DOCUMENT.write_text(document(), "utf-8")
