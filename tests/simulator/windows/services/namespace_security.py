"""Which rights a user has in a namespace (__SystemSecurity; WIN-07)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...machine.service import Service

if TYPE_CHECKING:
    from ...machine.service import Call

# WMI security constants; the default permissions of a namespace (Microsoft Learn, "Access to WMI namespaces").
ADMINISTRATORS = 0x6003F  # all
AUTHENTICATED = 0x1 | 0x2 | 0x10  # enable, execute methods, write to providers


class NamespaceSecurity(Service):
    CLASSES = ("__SystemSecurity",)

    def get_caller_access_rights(self, call: Call) -> tuple[int, dict[str, Any]]:
        everything = call.user is None or call.user.administrator
        return 0, {"rights": ADMINISTRATORS if everything else AUTHENTICATED}
