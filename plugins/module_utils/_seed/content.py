# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The content of a seed: the files that a guest reads at its first boot, from the options of a task."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from .._task.errors import Invalid, within
from . import answer_file, image

FILE_OPTIONS: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "content": {"type": "str", "no_log": True},
    "src": {"type": "path"},
}
CLOUD_INIT_OPTIONS: dict[str, Any] = {
    "meta_data": {"type": "raw", "required": True},
    "user_data": {"type": "raw", "required": True, "no_log": True},
    "network_config": {"type": "raw"},
    "vendor_data": {"type": "raw", "no_log": True},
}
OPTIONS: dict[str, Any] = {
    "label": {"type": "str"},
    "windows": {"type": "dict", "options": answer_file.OPTIONS},
    "unattend": {"type": "str", "no_log": True},
    "cloud_init": {"type": "dict", "options": CLOUD_INIT_OPTIONS},
    "files": {"type": "list", "elements": "dict", "options": FILE_OPTIONS},
}
ONE_ANSWER_FILE = [("windows", "unattend")]
SOURCES = ("windows", "unattend", "cloud_init", "files")

CLOUD_INIT, WINDOWS = "cidata", "UNATTEND"  # labels; NoCloud looks for its own
REQUIRED = ("meta-data", "user-data")
MOST = 32 << 20  # octets; a seed is no installation disc
_LABEL = re.compile(r"[A-Za-z0-9_.-]+")
_NAME = re.compile(r"(?![. ])[A-Za-z0-9 ._+-]{1,64}(?<![. ])")  # Joliet has at most 64 characters
_WITHOUT_CASE = "(Windows compares names without case). Rename one of them"
_MOST_FOLDERS = 7  # ECMA-119 6.8.2.1: 8 levels with the root
_INSTANCE = re.compile(r"""^\s*["']?instance-id["']?\s*:\s*\S""", re.MULTILINE)


class Seed(NamedTuple):
    """Label and files by their names in the image, and warnings about them."""

    label: str
    files: Mapping[str, bytes]
    warnings: list[str]


def parse(params: Mapping[str, Any]) -> Seed:
    """The seed that a task describes. Raises Invalid."""
    files: dict[str, bytes] = {}
    warnings: list[str] = []
    if params["cloud_init"]:
        with within("cloud_init"):
            _add(files, _cloud_init(params["cloud_init"]), "")
    if params["windows"]:
        with within("windows"):
            answers = answer_file.render(params["windows"])
        _add(files, dict.fromkeys(answer_file.NAMES, answers), "windows")
    if params["unattend"] is not None:
        answers = params["unattend"].encode()
        warnings += answer_file.check(answers, "unattend")
        _add(files, dict.fromkeys(answer_file.NAMES, answers), "unattend")
    for file in params["files"] or ():
        name, content = _name(file["name"]), _content(file)
        if name.lower() in {known.lower() for known in answer_file.NAMES}:
            warnings += answer_file.check(content, "files.content")
        _add(files, {name: content}, "files")
    if not files:
        raise Invalid(f"set at least one of {', '.join(SOURCES)}: a seed without files configures nothing")
    _check_folders(files)
    size = sum(map(len, files.values()))
    if size > MOST:
        raise Invalid(f"have {size >> 20} MB; a seed may have {MOST >> 20} MB", option="files")
    return Seed(_label(params, files), files, warnings)


def _label(params: Mapping[str, Any], files: Mapping[str, bytes]) -> str:
    """The label, which cloud-init knows its disc by."""
    label = params["label"] or (CLOUD_INIT if params["cloud_init"] else WINDOWS)
    if len(label) > image.MOST_LABEL or not _LABEL.fullmatch(label):
        text = f"'{label}' is not a label of a disc: 1 to {image.MOST_LABEL} of the characters A-Z a-z 0-9 _ - ."
        raise Invalid(text, option="label")
    if params["cloud_init"] and label.lower() != CLOUD_INIT:
        raise Invalid(f"cloud-init reads a disc only if its label is {CLOUD_INIT}, not '{label}'", option="label")
    if label.lower() == CLOUD_INIT:
        missing = [name for name in REQUIRED if name not in files]
        if missing:
            raise Invalid(
                f"lack {' and '.join(missing)}: cloud-init ignores a disc with the label {CLOUD_INIT} that does not "
                f"have both of {' and '.join(REQUIRED)}. Add it, or set 'cloud_init'",
                option="files",
            )
        if not _INSTANCE.search(files["meta-data"].decode(errors="replace")):
            raise Invalid("lacks instance-id, by which cloud-init knows a new guest", option="meta-data")
    return label


def _cloud_init(options: Mapping[str, Any]) -> dict[str, bytes]:
    """The files of NoCloud. Mappings are written as JSON, which is YAML too."""
    meta = options["meta_data"]
    if isinstance(meta, Mapping) and not str(meta.get("instance-id") or "").strip():
        text = "lacks instance-id, by which cloud-init knows a new guest. Set it to another text for each guest"
        raise Invalid(text, option="meta_data")
    if isinstance(meta, str) and not _INSTANCE.search(meta):
        raise Invalid("lacks instance-id, by which cloud-init knows a new guest", option="meta_data")
    files = {}
    for option, value in options.items():
        if value is None:
            continue
        if not isinstance(value, (str, Mapping)):
            raise Invalid("must be a mapping or a text", option=option)
        head = "#cloud-config\n" if option in ("user_data", "vendor_data") else ""
        text = value if isinstance(value, str) else f"{head}{json.dumps(value, indent=2, ensure_ascii=False)}\n"
        if option == "user_data" and text.strip() and not text.startswith(("#", "Content-Type:", "MIME-Version:")):
            raise Invalid(
                "begins with neither #cloud-config nor #! nor another header, so that cloud-init ignores it; see the "
                "user-data formats in the documentation of cloud-init",
                option=option,
            )
        files[option.replace("_", "-")] = text.encode()
    return files


def _name(text: str) -> str:
    """The path of a file in the image. Raises Invalid."""
    names = text.replace("\\", "/").strip("/").split("/")
    if not all(map(_NAME.fullmatch, names)) or len(names) - 1 > _MOST_FOLDERS:
        raise Invalid(
            f"'{text}' can't be a file on the disc: each part of the path has 1 to 64 of the characters A-Z a-z 0-9 "
            f"blank . _ + -, no blank or dot at its begin or end, and the file is in at most {_MOST_FOLDERS} folders",
            option="files.name",
        )
    return "/".join(names)


def _content(file: Mapping[str, Any]) -> bytes:
    if (file["content"] is None) is (file["src"] is None):
        raise Invalid(f"set either 'content' or 'src' for '{file['name']}'", option="files")
    if file["content"] is not None:
        return str(file["content"]).encode()
    try:
        return Path(file["src"]).read_bytes()
    except OSError as error:
        text = f"'{file['src']}' can't be read on the control node: {error.strerror}"
        raise Invalid(text, option="files.src") from error


def _add(files: dict[str, bytes], more: Mapping[str, bytes], option: str) -> None:
    known = {name.lower() for name in files}
    for name, content in more.items():
        if name.lower() in known:
            text = f"'{name}' is in the image twice {_WITHOUT_CASE}"
            raise Invalid(text, option=option or "files")
        files[name] = content


def _check_folders(names: Iterable[str]) -> None:
    """Raise Invalid for a file with the name of a folder, and for two spellings of a folder."""
    files = {name.lower(): name for name in names}
    spellings: dict[str, str] = {}
    for name in files.values():
        for folder in image.folders(name):
            key = folder.lower()
            if key in files:
                raise Invalid(f"'{files[key]}' is a file, and the folder of '{name}' {_WITHOUT_CASE}", option="files")
            known = spellings.setdefault(key, folder)
            if known != folder:
                raise Invalid(f"'{known}' and '{folder}' are one folder {_WITHOUT_CASE}", option="files")
