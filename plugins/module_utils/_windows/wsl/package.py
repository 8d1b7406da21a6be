# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The MSI package of WSL: what of it is installed, installing and removing it."""

from __future__ import annotations

import ntpath
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

from ..._task.answer import insist
from ..._task.errors import Invalid, MethodFailed, Refused
from ..._task.session import Target
from ..._task.step import Step
from .. import file, installer, registry, source
from ..foreseen import change, name_of, recall
from ..source import Source

UPGRADE_CODE = "{6D5B792B-1EDC-4DE9-8EAD-201B820F8E82}"  # microsoft/WSL, package.wix.in
NAME = name_of("package", UPGRADE_CODE)
_KEY = r"SOFTWARE\Microsoft\Windows\CurrentVersion\Lxss\MSI"
_FOLDER = "C:\\Program Files\\WSL\\"
# Without the Store package, which the MSI would install by PowerShell on some builds, and not at all on others. The
# package is complete without it; only the commands in System32 then lead nowhere.
_PROPERTIES = {"SKIPMSIX": "1"}
_VERSION = re.compile(r"\d+(\.\d+){1,3}")
_IN_NAME = re.compile(r"wsl[._-](\d+(?:\.\d+){1,3})\.(?:x64|arm64)\.msi", re.IGNORECASE)


def fetch(target: Target) -> dict[str, Any] | None:
    """The installed package: version, product code and folder; None without it."""

    def read() -> dict[str, Any] | None:
        version = registry.text(target, _KEY, "Version")
        if version is None:
            return None
        return {
            "version": version,
            "product_code": registry.text(target, _KEY, "ProductCode"),
            "location": registry.text(target, _KEY, "InstallLocation") or _FOLDER,
        }

    return recall(target, NAME, read)


def fetch_program(target: Target) -> str:
    """The full path of the package's wsl.exe; the one in System32 is only a stub. Raises Refused."""

    def ask() -> str:
        found = fetch(target)
        if found is None:
            raise Refused("WSL is not installed for all users (MSI package); install it first (module wsl)")
        return ntpath.join(found["location"], "wsl.exe")

    return target.once("wsl.exe", ask)


# ---- the wanted package ----


class Wanted(NamedTuple):
    """The package that a task describes, the version that is to be installed at least, and time-outs in seconds."""

    source: Source | None
    version: str | None
    download_timeout: float
    install_timeout: float

    @property
    def expected(self) -> str | None:
        """The version that the package installs, as far as that is known before."""
        known = _version_in(self.source.name) if self.source else None
        return known and ".".join(map(str, _numbers(known)))


def parse(params: Mapping[str, Any]) -> Wanted:
    """The wanted package of a task. Raises Invalid."""
    origin = source.parse(params["source"], params["checksum"]) if params["source"] else None
    if origin is None and params["checksum"]:
        raise Invalid("needs 'source', whose checksum it is", option="checksum")
    if origin and not origin.name.lower().endswith(".msi"):
        raise Invalid(f"'{origin.shown}' is not a package for Windows Installer (.msi)", option="source")
    inside = origin and _version_in(origin.name)
    version = _parse_version(params["version"]) if params["version"] else inside
    if inside and version and is_older(inside, version):
        raise Invalid(f"'{origin.name}' is older than the required version {version}", option="source")
    return Wanted(origin, version or None, params["download_timeout"], params["install_timeout"])


def _version_in(file_name: str) -> str | None:
    found = _IN_NAME.fullmatch(file_name)
    return found[1] if found else None


def _parse_version(text: str) -> str:
    if not _VERSION.fullmatch(text.strip()):
        raise Invalid(f"'{text}' is not a version, such as 2.7.14", option="version")
    return text.strip()


def is_older(version: str, wanted: str) -> bool:
    """Whether a version is older than another one; parts that are left out are 0."""
    return _numbers(version) < _numbers(wanted)


def _numbers(version: str) -> tuple[int, ...]:
    parts = [int(part) for part in re.findall(r"\d+", version)][:4]
    return (*parts, *[0] * (4 - len(parts)))


# ---- installing and removing ----


def plan(
    target: Target, installed: Mapping[str, Any] | None, wanted: Wanted, restarts: list[str], hint: Callable[[], str]
) -> list[Step]:
    """The step that installs or upgrades the package; what it does appends to ``restarts`` if it needs one.

    ``hint`` is a sentence about this Windows for a failure that Windows Installer does not explain.
    """
    before = installed["version"] if installed else None
    if before and not (wanted.version and is_older(before, wanted.version)):
        return []
    if wanted.source is None:
        lack = f"has WSL {before}, older than {wanted.version}" if before else "does not have WSL (the MSI package)"
        raise Refused(
            f"is required: {target.name} {lack}. Set the path or URL of wsl.<version>.x64.msi", option="source"
        )
    source.check(target, wanted.source, wanted.download_timeout)
    if before:
        target.warn(f"{target.name}: the upgrade of WSL stops the distributions that run")
    expected = wanted.expected
    what = f"{'upgrade' if before else 'install'} WSL from {wanted.source.shown}"
    after = {"version": expected, "product_code": None, "location": installed["location"] if installed else _FOLDER}

    def write() -> None:
        _install(target, wanted, what, restarts, hint)

    step = Step(what, {"package": before}, {"package": expected or "unknown"}, _changing(target, write, after))
    return [step._replace(needs_off=("source",))]


def _changing(target: Target, write: Callable[[], object], after: Mapping[str, Any] | None) -> Callable[[], None]:
    return lambda: change(target, write, {NAME: after})


def _install(target: Target, wanted: Wanted, what: str, restarts: list[str], hint: Callable[[], str]) -> None:
    before = fetch(target)

    def is_done() -> bool:
        now = fetch(target)
        return now is not None and now != before and not (wanted.version and is_older(now["version"], wanted.version))

    log = log_path(target)
    with source.local(target, wanted.source, wanted.download_timeout) as path:
        target.report(what)
        try:
            reboot = installer.install(
                target, what, path, _PROPERTIES, is_done=is_done, log=log, timeout=wanted.install_timeout
            )
        except MethodFailed as error:
            if error.details.get("code") == installer.FAILED:
                error.message = f"{error.message}. {hint()}".rstrip(". ")
            raise
    insist(lambda: file.remove(target, log))
    found = fetch(target)
    if found is None or (wanted.version and is_older(found["version"], wanted.version)):
        has = f"WSL {found['version']}" if found else "no WSL"
        raise MethodFailed(
            f"Windows Installer reported success, but {target.name} has {has}; '{wanted.source.shown}' is not the "
            "package of WSL, or of another version than its name says",
            option="source",
        )
    if reboot:
        restarts.append("WSL")


def plan_removal(
    target: Target, installed: Mapping[str, Any] | None, timeout: float, restarts: list[str]
) -> list[Step]:
    """The step that removes the package, by its product code."""
    if installed is None:
        return []
    what = f"remove WSL {installed['version'] or ''}".rstrip()

    def write() -> None:
        code, log = installed["product_code"], log_path(target)
        if not code:
            raise MethodFailed(f"could not {what}: the registry has no product code of it (HKLM\\{_KEY})")
        gone = partial(_is_gone, target)
        if installer.remove(target, what, code, _PROPERTIES, is_done=gone, log=log, timeout=timeout):
            restarts.append("WSL")
        insist(lambda: file.remove(target, log))

    step = Step(what, {"package": installed["version"]}, {"package": None}, _changing(target, write, None))
    return [step._replace(needs_off=("state",))]


def _is_gone(target: Target) -> bool:
    return fetch(target) is None


def log_path(target: Target) -> str:
    """Where Windows Installer writes its log; it stays there if the installation fails."""
    return source.temporary(target, "wsl.log")
