# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A model of the simulator without what identifies a host or a person.

The key of a text decides. A text with a key that this file does not know is a name, and is replaced. The same name
becomes the same new name everywhere, so that a disk and a guest that have the name of their VM still have it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from ..module_utils._verify.addresses import Addresses
from ..module_utils._verify.scrub import identifiers

Rule = Callable[[str], str | None]  # None leaves the text out

# Texts that a user cannot choose: words of Windows, of Hyper-V and of the format.
_KEPT = ("controller", "kind", "letter", "os", "product", "protocol", "state", "type", "vbs")
_ADDRESSES = ("addresses", "external_address", "external_prefix", "internal_address", "prefix")
_IDS = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}|([0-9A-Fa-f]{2}[-:]?){5}[0-9A-Fa-f]{2}")
_VERSION = re.compile(r"\d{1,5}(\.\d{1,6}){1,3}")

# Names that Windows chooses.
_DEFAULT_NAMES = re.compile(r"default switch|(legacy )?network adapter|ethernet( \d)?", re.IGNORECASE)
_FOLDERS = r"programdata|microsoft|windows|hyper-v|virtual hard disks|virtual machines|snapshots|users|public|documents"
_DEFAULT_FOLDERS = re.compile(rf"{_FOLDERS}|public documents|clusterstorage|volume\d", re.IGNORECASE)
_ROOT = re.compile(r"\\\\[?.]\\(?:UNC\\|[A-Za-z]:\\?)?|\\\\|[A-Za-z]:\\?|")
_FILE = re.compile(r"(.+)\.(a?vhdx?|vhds|avhds|vhdpmem|iso|vfd)", re.IGNORECASE)

# Words of the names that operating systems have.
_OS_WORDS = re.compile(
    r"microsoft|windows|server|datacenter|standard|enterprise|essentials|evaluation|education|pro|home|core|ltsc|n|"
    r"azure|edition:?|stack|hci|hyper-v|multi-session|workstations|for|iot|single|language|insider|preview|"
    r"ubuntu|lts|debian|gnu/linux|linux|centos|stream|red|hat|rocky|almalinux|suse|sles|opensuse|leap|oracle|fedora|"
    r"freebsd|arch|alpine|release|r2|sp\d|vista|xp|\d{1,4}(\.\d{1,2}){0,2}",
    re.IGNORECASE,
)
# Manufacturers and models of virtual machines, by which Windows recognises its platform.
_PLATFORMS = re.compile(
    r"microsoft corporation|virtual machine|vmware, inc\.|innotek gmbh|oracle corporation|virtualbox|xen|hvm domu|"
    r"amazon ec2|google|google compute engine|nutanix|ahv|parallels international gmbh\.|qemu|red hat|kvm",
    re.IGNORECASE,
)


def scrub(model: dict[str, Any]) -> dict[str, Any]:
    """A model with other names, paths, ids and addresses, and without notes."""
    return _replaced(model, "", _rules(model))


def _rules(model: dict[str, Any]) -> dict[str, Rule]:
    """How texts are replaced, by their keys; the key "" stands for all others."""
    names = _Names()
    replace_id = identifiers()
    addresses = Addresses(text for key, text in _texts(model) if key in _ADDRESSES)

    def rename(text: str) -> str:
        return text if _DEFAULT_NAMES.fullmatch(text) else names.new(text, "name")

    def hostname(text: str) -> str:
        host, dot, domain = text.partition(".")
        return f"{names.new(host, 'host')}{dot}{names.new(domain, 'domain')}"

    def path(text: str) -> str:
        return _path(text, rename)

    return {
        "": rename,
        **dict.fromkeys(_KEPT, str),
        **dict.fromkeys(_ADDRESSES, lambda text: addresses.replace(text) or rename(text)),
        **dict.fromkeys(("id", "mac"), lambda text: replace_id(text) if _IDS.fullmatch(text) else rename(text)),
        **dict.fromkeys(("description", "notes"), lambda _text: None),
        **dict.fromkeys(("manufacturer", "model"), lambda text: text if _PLATFORMS.fullmatch(text) else None),
        "caption": _caption,
        "domain": lambda text: names.new(text, "domain"),
        "host": hostname,
        "hostname": hostname,
        "path": path,
        "vendor": lambda text: text if text in ("intel", "amd") else rename(text),
        "version": _version,
    }


class _Names:
    """New names by old ones. Upper and lower case are the same."""

    def __init__(self) -> None:
        self._new: dict[str, str] = {}

    def new(self, text: str, kind: str) -> str:
        word = text.strip().lower()
        if word and word not in self._new:
            number = 1 + sum(name.startswith(f"{kind}-") for name in self._new.values())
            self._new[word] = f"{kind}-{number}"
        return self._new.get(word, text)


def _replaced(value: Any, key: str, rules: dict[str, Rule]) -> Any:
    if isinstance(value, str):
        return rules.get(key, rules[""])(value)
    if isinstance(value, dict):
        inner = {name: _replaced(part, _key(key, name), rules) for name, part in value.items()}
        return {name: part for name, part in inner.items() if part is not None}
    return [_replaced(part, key, rules) for part in value] if isinstance(value, list | tuple) else value


def _key(above: str, key: str) -> str:
    """The key that decides: states of features have their names as keys, and names of hosts and processors differ."""
    if above == "features":
        return "state"
    return {("hosts", "name"): "host", ("cpu", "name"): "description"}.get((above, key), key)


def _texts(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """All texts of a model, with the keys that decide."""
    if isinstance(value, str):
        yield key, value
    for name, part in value.items() if isinstance(value, dict) else ():
        yield from _texts(part, _key(key, name))
    for part in value if isinstance(value, list | tuple) else ():
        yield from _texts(part, key)


def _path(text: str, rename: Rule) -> str:
    r"""A path with other names below its root, in the same folder as the paths that were in its folder.

    >>> _path(r"D:\Hyper-V\web\web.vhdx", lambda text: "x")
    'D:\\Hyper-V\\x\\x.vhdx'
    """
    root = match[0] if (match := _ROOT.match(text)) else ""
    *folders, name = re.split(r"[\\/]", text[len(root) :])
    parts = [folder if _DEFAULT_FOLDERS.fullmatch(folder) else rename(folder) for folder in folders]
    file = _FILE.fullmatch(name)
    parts.append(f"{rename(file[1])}.{file[2]}" if file else rename(name))
    return root + "\\".join(part or "" for part in parts)


def _caption(text: str) -> str:
    """The known words of the name of an operating system."""
    return " ".join(word for word in text.split() if _OS_WORDS.fullmatch(word)) or "Linux"


def _version(text: str) -> str:
    """The numbers of a version, without what a distribution or a person appends."""
    match = _VERSION.match(text)
    return match[0] if match else "0.0"
