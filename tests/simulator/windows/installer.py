"""Windows Installer: packages that are installed and removed one at a time, by a service that clients only wait for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..machine.files import check_keys
from . import software
from .wsl import package as wsl

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..machine.machine import Machine

DEFAULTS = {"seconds": 0.0, "busy": 0.0, "forbidden": False, "exit_code": 0}
# winerror.h and msi.h: ERROR_INSTALL_*, ERROR_UNKNOWN_PRODUCT, ERROR_PRODUCT_VERSION
FAILED, UNKNOWN_PRODUCT, BUSY, NOT_OPENED, INVALID, FORBIDDEN = 1603, 1605, 1618, 1619, 1620, 1625
WRONG_PLATFORM, OTHER_VERSION = 1633, 1638
POWERSHELL = (
    r"C:\Windows\system32\WindowsPowerShell\v1.0\powershell.exe -ExecutionPolicy Bypass -NoProfile -NonInteractive "
    r'-Command Add-AppxProvisionedPackage -Online -PackagePath "C:\Windows\Installer\wsl.msix" -SkipLicense'
)


class Installer:
    """`installer` of the machine's model: seconds that an installation takes, seconds from the start in which another
    one runs, whether a policy forbids installations, and the code that successful ones end with (3010: restart).

    `children` are the command lines of the programs that packages have started.
    """

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        given = machine.spec.get("installer") or {}
        check_keys(given, set(DEFAULTS), "installer")
        self.settings = {**DEFAULTS, **given}
        self.children: list[str] = []
        self._busy_until = machine.clock.seconds() + float(self.settings["busy"])

    @property
    def busy(self) -> bool:
        return self.machine.clock.seconds() < self._busy_until

    def install(self, package: dict[str, str], properties: dict[str, str]) -> tuple[int, str]:
        """The code and the sentence of what is wrong before anything is changed."""
        if self.settings["forbidden"]:
            return FORBIDDEN, "This installation is forbidden by system policy. Contact your system administrator."
        if self.busy:
            return BUSY, ""
        if package["platform"] != "x64":
            return WRONG_PLATFORM, "This installation package is not supported by this processor type."
        same = next((one for one in self.machine.software.packages() if one.code == package["code"]), None)
        if same and same.version != package["version"]:
            return OTHER_VERSION, "Another version of this product is already installed."
        if wsl.is_wsl(package):
            return self._check_wsl(properties)
        return 0, ""

    def _check_wsl(self, properties: dict[str, str]) -> tuple[int, str]:
        """WSL's own actions (microsoft/WSL, wslinstall/DllMain.cpp; WIN-22)."""
        os = self.machine.os
        if os["build"] < wsl.FIRST_BUILD and properties.get("SKIPVALIDATION") != "1":
            text = self.machine.text("wsl_old_windows")
            where = f"[Unexpected build number: {os['build']}]"
            return FAILED, text.format(f"10.0.{os['build']}.{os['revision']}", where)
        if properties.get("SKIPMSIX") == "1":
            return 0, ""
        if os["product_type"] != 1 and os.get("installation") != "core":
            self.children.append(POWERSHELL)
        elif os["product_type"] == 1 and not wsl.runs_directly(self.machine):
            return FAILED, "Failed to install the MSIX package (error: Access is denied. )."
        return 0, ""

    def later(self, change: Callable[[], None]) -> float:
        """Change the machine once the installation is done, whether or not a client waits; the seconds until then."""
        seconds = float(self.settings["seconds"])
        self._busy_until = self.machine.clock.seconds() + seconds
        if seconds:
            boot = self.machine.boots
            self.machine.clock.after(seconds, lambda: change() if self.machine.boots == boot else None)
        else:
            change()
        return seconds

    def put(self, package: dict[str, str]) -> None:
        if wsl.is_wsl(package):
            wsl.install(self.machine, package)
            return
        self.machine.software.add_package(
            software.Package(package["code"], package["product"], package["version"], package["publisher"])
        )

    def take(self, code: str) -> None:
        if self.machine.software.registry.data(wsl.KEY, "ProductCode") == code:
            wsl.remove(self.machine)
        else:
            self.machine.software.remove_package(code)
