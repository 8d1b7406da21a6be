# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Distributions of a user, as WSL registers them: importing, configuring and removing them."""

from __future__ import annotations

import ntpath
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from ..._task.answer import Output, answer_of, insist
from ..._task.errors import Invalid, MethodFailed, Refused, Unforeseen
from ..._task.session import Target
from ..._task.step import Step
from .. import file, folder, identity, paths, registry, source
from ..foreseen import change, foretold, name_of, recall
from ..registry import HKU
from ..source import Source
from . import command, platform

OPTIONS: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "source": {"type": "str"},
    "checksum": {"type": "str"},
    "location": {"type": "str"},
    "in_place": {"type": "bool", "default": False},
    "default_user": {"type": "str"},
    "default": {"type": "bool", "default": False},
    "verify": {"type": "bool", "default": False},
    "scheduled_task": {"type": "bool", "default": False},
    "download_timeout": {"type": "int", "default": 1800},
    "import_timeout": {"type": "int", "default": 1800},
    "start_timeout": {"type": "int", "default": 300},
}

# WslService takes these names (LxssUserSession.cpp, s_ValidateDistroName); "Legacy" is its own. wsl.exe reads one that
# begins with a hyphen as an option.
_NAME = re.compile(r"(?!-)[A-Za-z0-9._-]{1,256}")
_RESERVED = "legacy"
# Names that the tools of common distributions accept. wsl.exe passes the name through a shell of Linux.
_USER = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,31}\$?")
_ARCHIVES = (".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".wsl")
_DISKS = (".vhdx", ".vhd")
_DISK = "ext4.vhdx"

_WSL_2 = 8  # of Flags (LXSS_DISTRO_FLAGS_VM_MODE); "Version" is the format of its file system
_FLAGS = 7  # without the value
INSTALLED = 1
# LxssDistributionState; each of these ends by itself.
_WORKING = {3: "is being imported", 4: "is being removed", 5: "is being converted", 6: "is being exported"}
_LXSS = r"Software\Microsoft\Windows\CurrentVersion\Lxss"
# The checksum of the source, a value of this collection beside those of WSL, which removes it with them.
_SOURCE = "NestedHypervSource"


class Distribution(NamedTuple):
    """A registered distribution. ``source`` is the checksum of what it was imported from, if that is known."""

    name: str
    id: str
    location: str
    disk: str
    version: int
    state: int = INSTALLED
    uid: int = 0
    source: str = ""


def key(sid: str, *names: str) -> str:
    """The registry key of a user's distributions, or of one of them."""
    return "\\".join((sid, _LXSS, *names))


# ---- reading ----


def fetch_names(target: Target) -> dict[str, str]:
    """The ids of the user's distributions by their names."""
    sid = identity.fetch_sid(target)
    ids = [name for name in registry.keys(target, key(sid), HKU) or () if name.startswith("{")]
    names = {id: registry.text(target, key(sid, id), "DistributionName", HKU) for id in ids}
    return {name: id for id, name in names.items() if name}


def fetch(target: Target, name: str) -> Distribution | None:
    """The distribution of a name, compared without case; None if the user has none."""

    def read() -> list[Any] | None:
        found = {known.lower(): (known, id) for known, id in fetch_names(target).items()}.get(name.lower())
        return None if found is None else list(_read(target, *found))

    known = recall(target, name_of("distribution", name), read)
    return None if known is None else Distribution(*known)


def _read(target: Target, name: str, id: str) -> Distribution:
    own = key(identity.fetch_sid(target), id)
    location = _plain(registry.text(target, own, "BasePath", HKU) or "")
    flags = registry.number(target, own, "Flags", HKU)
    return Distribution(
        name,
        id,
        location,
        ntpath.join(location, registry.text(target, own, "VhdFileName", HKU) or _DISK),
        2 if (_FLAGS if flags is None else flags) & _WSL_2 else 1,
        registry.number(target, own, "State", HKU) or 0,
        registry.number(target, own, "DefaultUid", HKU) or 0,
        registry.text(target, own, _SOURCE, HKU) or "",
    )


def _plain(path: str) -> str:
    """A path without the prefix with which WSL may write it."""
    return path.removeprefix("\\\\?\\").rstrip("\\")


def fetch_default(target: Target) -> str:
    """The name of the user's default distribution in lower case, empty without one."""

    def read() -> str:
        sid = identity.fetch_sid(target)
        id = registry.text(target, key(sid), "DefaultDistribution", HKU)
        return (registry.text(target, key(sid, id), "DistributionName", HKU) or "").lower() if id else ""

    return recall(target, "default_distribution", read)


def fetch_user(target: Target, name: str, timeout: float) -> str:
    """The default user of a distribution, from its registration or its /etc/wsl.conf; starts the distribution."""

    def read() -> str:
        what = f"find out the default user of distribution '{name}'"
        return _said(target, what, "-d", name, "--exec", "/usr/bin/id", "-un", timeout=timeout)

    return recall(target, name_of("default_user", name), read)


def fetch_kernel(target: Target, name: str, timeout: float) -> str | None:
    """The release of the Linux kernel under a distribution, which starts it; None if it exists only in this check."""
    if target.foresees and name_of("distribution", name) in target.foreseen:
        return None
    return _said(
        target,
        f"start distribution '{name}'",
        "-d",
        name,
        "-u",
        "root",
        "--exec",
        "/bin/uname",
        "-r",
        timeout=timeout,
    )


def _said(target: Target, what: str, *arguments: str, timeout: float) -> str:
    """The one line that a program in Linux writes. Raises MethodFailed if the program fails."""
    result = command.run(target, what, *arguments, reads=True, timeout=timeout)
    if result.code or not result.text.strip():
        raise command.ended(result, what)
    return result.text.split("\n")[-2 if result.text.endswith("\n") else -1].strip()


def verify(target: Target, found: Distribution | None, wanted: Wanted) -> str | None:
    """The kernel of a distribution that exists already, if it is to be verified; check mode fails as the real run."""
    if not wanted.verify or found is None or found.version != 2 or found.state != INSTALLED:
        return None
    return _proven_kernel(target, wanted)


def _proven_kernel(target: Target, wanted: Wanted) -> str | None:
    try:
        return fetch_kernel(target, wanted.name, wanted.start_timeout)
    except Unforeseen as error:
        text = f"{target.name}: {error.message}"
        target.once(("unforeseen", wanted.name), lambda: target.warn(text))
        return None


def outcome(target: Target, wanted: Wanted, kernel: str | None) -> dict[str, Any]:
    """The distribution and its kernel as results show them; the kernel is fetched unless it is known."""
    found = fetch(target, wanted.name)
    if found is None:
        raise MethodFailed(f"distribution '{wanted.name}' does not exist any more", option="name")
    return {
        "distribution": {
            "name": found.name,
            "location": found.location,
            "disk": found.disk,
            "wsl_version": found.version,
            "default": fetch_default(target) == found.name.lower(),
        },
        "kernel": kernel or (_proven_kernel(target, wanted) if wanted.verify else None),
        "reboot_required": False,
    }


def outcome_of_removal() -> dict[str, Any]:
    """The same keys for a distribution that does not exist."""
    return {"distribution": None, "kernel": None, "reboot_required": False}


# ---- the wanted distribution ----


class Wanted(NamedTuple):
    """A distribution as a task describes it; None and false for what it leaves out. Time-outs in seconds."""

    name: str
    source: Source | None
    location: str | None
    in_place: bool
    user: str | None
    default: bool
    verify: bool
    download_timeout: float
    import_timeout: float
    start_timeout: float

    @property
    def is_disk(self) -> bool:
        """Whether the source is a virtual disk."""
        return bool(self.source) and self.source.name.lower().endswith(_DISKS)


def parse(params: Mapping[str, Any]) -> Wanted:
    """The wanted distribution of a task. Raises Invalid."""
    name, user, location = params["name"], params["default_user"], params["location"]
    origin = source.parse(params["source"], params["checksum"]) if params["source"] else None
    if origin is None and params["checksum"]:
        raise Invalid("needs 'source', whose checksum it is", option="checksum")
    if not _NAME.fullmatch(name) or name.lower() == _RESERVED:
        raise Invalid(
            f"'{name}' is not a name for a distribution: letters, digits, dots, underscores and hyphens, no hyphen "
            "first, not 'Legacy'",
            option="name",
        )
    if not location and not params["in_place"]:
        paths.check_name(name, name, "name")  # which its folder has by default
    if user is not None and not _USER.fullmatch(user):
        raise Invalid(f"'{user}' is not the name of a user in Linux", option="default_user")
    if origin and not origin.name.lower().endswith((*_ARCHIVES, *_DISKS)):
        raise Invalid(
            f"'{origin.name}' is none of the files that WSL imports: {', '.join((*_ARCHIVES, *_DISKS))}",
            option="source",
        )
    wanted = Wanted(
        name,
        origin,
        file.check_path(location, "location") if location else None,
        params["in_place"],
        user,
        params["default"],
        params["verify"],
        params["download_timeout"],
        params["import_timeout"],
        params["start_timeout"],
    )
    if wanted.in_place:
        _check_in_place(wanted)
    return wanted


def _check_in_place(wanted: Wanted) -> None:
    if not wanted.is_disk or wanted.source is None or wanted.source.is_url:
        raise Invalid("requires a 'source' that is the path of a virtual disk (.vhdx)", option="in_place")
    folder = paths.parent_folder(wanted.source.location)
    if wanted.location and paths.key(wanted.location) != paths.key(folder):
        raise Invalid(f"is '{wanted.location}', but with 'in_place' the disk stays in '{folder}'", option="location")


# ---- planning ----


def check_usable(target: Target, found: Distribution, wanted: Wanted) -> None:
    """Raise Refused if the distribution that has the name is another one than the task describes, or is not ready."""
    if found.state != INSTALLED:
        doing = _WORKING.get(found.state, f"is in state {found.state}")
        raise Refused(
            f"distribution '{found.name}' {doing}. Run the task again later; if nothing works on it any more, remove "
            "it with 'state: absent'",
            option="name",
        )
    location = wanted.location or (
        paths.parent_folder(wanted.source.location) if wanted.in_place and wanted.source else None
    )
    if location and paths.key(location) != paths.key(found.location):
        raise Refused(
            f"distribution '{found.name}' exists in '{found.location}'. Omit 'location', choose another name, or "
            "remove the distribution with 'state: absent', which deletes its files",
            option="location",
        )
    wants = wanted.source.digest if wanted.source else ""
    if wants and found.source and len(wants) == len(found.source) and wants != found.source:
        raise Refused(
            f"distribution '{found.name}' was imported from another source, of the checksum {found.source}. Choose "
            "another name, or remove the distribution with 'state: absent', which deletes its files",
            option="source",
        )


def plan(target: Target, found: Distribution | None, wanted: Wanted, lacks: platform.Lacks) -> list[Step]:
    """The steps to the wanted distribution. Raises Refused, also if WSL 2 can't work here."""
    steps = []
    if found is None:
        platform.check_ready(target, lacks)
        steps.append(_plan_import(target, wanted))
    else:
        check_usable(target, found, wanted)
        if found.version != 2:
            steps.append(_plan_conversion(target, found, wanted))
    if wanted.user is not None:
        steps += _plan_user(target, found, wanted)
    if wanted.default:
        steps += _plan_default(target, found, wanted)
    return steps


def _plan_import(target: Target, wanted: Wanted) -> Step:
    if wanted.source is None:
        raise Refused(
            f"is required: {target.name} has no distribution '{wanted.name}' of this user. Set the path or URL of a "
            "file to import",
            option="source",
        )
    source.check(target, wanted.source, wanted.download_timeout)
    new = _new(target, wanted)
    _check_location(target, new, wanted)
    what = f"import distribution '{wanted.name}' from {wanted.source.shown}"
    values = {name_of("distribution", wanted.name): list(new), name_of("default_user", wanted.name): "root"}
    if target.foresees and not fetch_default(target):
        values["default_distribution"] = wanted.name.lower()
    after = {"name": wanted.name, "location": new.location, "wsl_version": 2}
    return Step(
        what,
        {"distribution": None},
        {"distribution": after},
        lambda: change(target, lambda: _import(target, new, wanted, what), values),
    )


def _new(target: Target, wanted: Wanted) -> Distribution:
    """The distribution as it will be registered."""
    if wanted.in_place:
        folder, disk = ntpath.split(wanted.source.location)
    else:
        default = ntpath.join(identity.fetch_profile(target), "AppData", "Local", "wsl", wanted.name)
        folder, disk = wanted.location or default, _DISK
        if wanted.is_disk:
            disk = ntpath.basename(source.path_of(target, wanted.source))
    return Distribution(wanted.name, "", folder, ntpath.join(folder, disk), 2, source=wanted.source.digest)


def _check_location(target: Target, new: Distribution, wanted: Wanted) -> None:
    """Raise Refused if the folder can't be created, belongs to another distribution, or contains a disk of one."""
    if not file.has_drive(target, new.location[:2]):
        raise Refused(f"'{new.location}' is on a drive that {target.name} does not have", option="location")
    others = {name.lower() for name in fetch_names(target)} | set(foretold(target, "distribution"))
    for name in sorted(others):
        other = fetch(target, name)
        if other and paths.key(other.location) == paths.key(new.location):
            raise Refused(
                f"'{new.location}' belongs to distribution '{other.name}'; choose another folder", option="location"
            )
    if not wanted.in_place and file.fetch_size(target, new.disk) is not None:
        raise Refused(
            f"'{new.disk}' exists, a disk that a removed distribution may have left. Delete the file, choose another "
            "folder, or register the disk itself with 'in_place: true'",
            option="location",
            path=new.disk,
        )


def _import(target: Target, new: Distribution, wanted: Wanted, what: str) -> None:
    def look() -> Output | None:
        now = fetch(target, wanted.name)
        return {} if now and now.state == INSTALLED else None

    def is_working() -> bool:
        now = fetch(target, wanted.name)
        return now is not None and now.state in _WORKING

    with source.local(target, wanted.source, wanted.download_timeout) as path:
        if wanted.in_place:
            arguments = ["--import-in-place", wanted.name, path]
        else:
            folder.make(target, paths.parent_folder(new.location))  # WSL creates the last one only
            arguments = ["--import", wanted.name, new.location, path, "--version", "2"]
            arguments += ["--vhd"] if wanted.is_disk else []
        target.report(what)
        _change(target, what, arguments, look, is_working, wanted.import_timeout)

    def remember() -> None:
        found = fetch(target, wanted.name)
        if found is None or found.state != INSTALLED:
            raise MethodFailed(f"could not {what}: wsl.exe reported success, but the distribution is not registered")
        if new.source:
            registry.write_text(target, key(identity.fetch_sid(target), found.id), _SOURCE, new.source, HKU)

    insist(remember)  # later tasks can't find it out


def _change(
    target: Target,
    what: str,
    arguments: Sequence[str],
    look: Callable[[], Output | None],
    is_working: Callable[[], bool] = lambda: False,
    timeout: float = command.START_TIMEOUT,
) -> None:
    """Run wsl.exe for a change; if its end is unknown, ``look`` says whether the change was made."""

    def write() -> Output:
        result = command.run(target, what, *arguments, timeout=timeout)
        if result.code:
            raise command.ended(result, what)
        return {}

    answer_of(target, what, write, look, is_working)


def _plan_conversion(target: Target, found: Distribution, wanted: Wanted) -> Step:
    what = f"convert distribution '{found.name}' to WSL 2"

    def look() -> Output | None:
        now = fetch(target, found.name)
        return {} if now and now.version == 2 and now.state == INSTALLED else None

    def is_working() -> bool:
        now = fetch(target, found.name)
        return now is not None and now.state in _WORKING

    def write() -> None:
        target.report(what)
        _change(target, what, ["--set-version", found.name, "2"], look, is_working, wanted.import_timeout)

    values = {name_of("distribution", found.name): list(found._replace(version=2))}
    before, after = ({"distribution": {"name": found.name, "wsl_version": version}} for version in (found.version, 2))
    return Step(what, before, after, lambda: change(target, write, values))


def _plan_user(target: Target, found: Distribution | None, wanted: Wanted) -> list[Step]:
    """The step that sets the default user; the distribution is terminated, so that it counts from now on."""
    try:
        current = fetch_user(target, wanted.name, wanted.start_timeout) if found else "root"
    except Unforeseen as error:
        target.warn(f"{target.name}: {error.message}; it may be changed to '{wanted.user}'")
        return []
    if current == wanted.user:
        return []
    what = f"set the default user of distribution '{wanted.name}' to '{wanted.user}'"

    def look() -> Output | None:
        return {} if fetch_user(target, wanted.name, wanted.start_timeout) == wanted.user else None

    def write() -> None:
        arguments = ["--manage", wanted.name, "--set-default-user", wanted.user or ""]
        try:
            _change(target, what, arguments, look, timeout=wanted.start_timeout)
        except MethodFailed as error:
            if error.details.get("code") == 1:  # of the program id in Linux
                error.message = f"distribution '{wanted.name}' has no user '{wanted.user}'"
                error.option = "default_user"
            raise
        terminate(target, wanted.name)
        now = fetch_user(target, wanted.name, wanted.start_timeout)
        if now != wanted.user:
            raise Refused(
                f"is set, but distribution '{wanted.name}' still runs as '{now}': its file /etc/wsl.conf sets "
                "[user] default. Change the file, or omit the option",
                option="default_user",
            )

    values = {name_of("default_user", wanted.name): wanted.user}
    before, after = ({"distribution": {"default_user": user}} for user in (current, wanted.user))
    return [Step(what, before, after, lambda: change(target, write, values))]


def terminate(target: Target, name: str) -> None:
    """Stop a distribution, so that it starts with its current settings."""
    _change(target, f"terminate distribution '{name}'", ["--terminate", name], dict)


def _plan_default(target: Target, found: Distribution | None, wanted: Wanted) -> list[Step]:
    current = fetch_default(target)
    name = wanted.name.lower()
    if current == name or (found is None and not current):  # the first one becomes it
        return []
    what = f"make distribution '{wanted.name}' the default one"

    def write() -> None:
        _change(target, what, ["--set-default", wanted.name], lambda: {} if fetch_default(target) == name else None)

    before, after = {"default": current or None}, {"default": wanted.name}
    return [Step(what, before, after, lambda: change(target, write, {"default_distribution": name}))]


def plan_removal(target: Target, found: Distribution | None, timeout: float) -> list[Step]:
    """The step that unregisters a distribution, which deletes its disk."""
    if found is None:
        return []
    what = f"remove distribution '{found.name}'"

    def write() -> None:
        _change(
            target,
            what,
            ["--unregister", found.name],
            lambda: {} if fetch(target, found.name) is None else None,
            lambda: fetch(target, found.name) is not None,
            timeout,
        )

    def apply() -> None:
        values: dict[str, Any] = {name_of("distribution", found.name): None}
        if target.foresees and fetch_default(target) == found.name.lower():
            rest = [name.lower() for name in fetch_names(target) if name.lower() != found.name.lower()]
            values["default_distribution"] = rest[0] if rest else ""
        change(target, write, values)

    before = {"name": found.name, "location": found.location, "wsl_version": found.version}
    return [Step(what, {"distribution": before}, {"distribution": None}, apply)]
