# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ISO images of a few small files, which Windows Setup, cloud-init and every guest in between can read.

ISO 9660 level 4 for readers of plain names, Joliet for Windows, Rock Ridge for Linux. Never UDF: with it, Linux takes
the disc for one that cloud-init doesn't read.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from time import gmtime, strftime, strptime, struct_time
from types import ModuleType, SimpleNamespace
from typing import Any

from .._task.errors import Invalid, Missing

MOST_LABEL = 16  # characters of a Joliet volume identifier (ECMA-119 8.5.6: 32 octets)
_LEVEL, _JOLIET, _ROCK_RIDGE = 4, 3, "1.09"
_DATE = 1767225600.0  # of every entry, so that the same files give the same image: 2026-01-01


def build(label: str, files: Mapping[str, bytes]) -> bytes:
    """The image of files by their paths, such as ``scripts/start.cmd``; the same octets in every run.

    Raises Missing without pycdlib, Invalid if a name can't be on such a disc.
    """
    pycdlib = _library()
    target = io.BytesIO()
    with _fixed_date():
        image = pycdlib.PyCdlib()
        image.new(interchange_level=_LEVEL, joliet=_JOLIET, rock_ridge=_ROCK_RIDGE, vol_ident=label)
        try:
            for folder in sorted({folder for path in files for folder in folders(path)}):
                image.add_directory(f"/{folder}", rr_name=folder.rpartition("/")[2], joliet_path=f"/{folder}")
            for path, content in sorted(files.items()):
                name = path.rpartition("/")[2]
                source = io.BytesIO(content)
                image.add_fp(source, len(content), f"/{path}", rr_name=name, joliet_path=f"/{path}")
            image.write_fp(target)
        except pycdlib.pycdlibexception.PyCdlibException as error:
            raise Invalid(f"these files can't be on an ISO image: {error}") from error
        finally:
            image.close()
    return target.getvalue()


def read(image: bytes) -> tuple[str, dict[str, bytes]] | None:
    """Label and files of an image that `build` wrote, by whatever version of pycdlib; None for another file."""
    pycdlib = _library()
    disc = pycdlib.PyCdlib()
    files: dict[str, bytes] = {}
    try:
        disc.open_fp(io.BytesIO(image))
        for folder, _folders, names in disc.walk(joliet_path="/"):
            for name in names:
                path, content = f"{folder.rstrip('/')}/{name}", io.BytesIO()
                disc.get_file_from_iso_fp(content, joliet_path=path)
                files[path.lstrip("/")] = content.getvalue()
        return disc.pvd.volume_identifier.decode().rstrip(), files
    except (pycdlib.pycdlibexception.PyCdlibException, UnicodeDecodeError, ValueError, IndexError):
        return None


def folders(path: str) -> Iterator[str]:
    """The folders of a file in the image, from the outermost one."""
    names = path.split("/")
    return ("/".join(names[:count]) for count in range(1, len(names)))


def _library() -> ModuleType:
    try:
        import pycdlib
    except ImportError as error:
        raise Missing(
            "the module needs the Python library pycdlib on the control node, to build ISO images. Install it with "
            f"'{sys.executable} -m pip install pycdlib', or add it to the execution environment"
        ) from error
    return pycdlib


@contextmanager
def _fixed_date() -> Iterator[None]:
    """Let pycdlib, which records the time of day in every entry, see one date in one time zone."""
    clock: Any = SimpleNamespace(
        time=lambda: _DATE,
        localtime=gmtime,
        gmtime=gmtime,
        strftime=strftime,
        strptime=strptime,
        struct_time=struct_time,
    )
    modules = [
        module
        for name, module in sorted(sys.modules.items())
        if name.startswith("pycdlib.") and hasattr(module, "time")
    ]
    kept = [module.time for module in modules]
    for module in modules:
        module.time = clock
    try:
        yield
    finally:
        for module, original in zip(modules, kept, strict=True):
            module.time = original
