"""ISO 9660 discs as operating systems read them: label, type, and files by their names (ECMA-119, ISO 9660:1999).

Windows takes the names of Joliet if there are any, Linux those of Rock Ridge, and WinPE the plain ones.
A disc with UDF structures is UDF to blkid, whatever else it is (util-linux, libblkid: udf before iso9660).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

SECTOR = 2048
_FIRST_DESCRIPTOR = 16
_PRIMARY, _SUPPLEMENTARY, _END = 1, 2, 255
_JOLIET = (b"%/@", b"%/C", b"%/E")  # escape sequences of UCS-2, levels 1 to 3
_UDF = (b"NSR02", b"NSR03")
_FOLDER = 2  # flag of a directory record
_DEEPEST = 32


@dataclass
class Iso:
    """A disc; `plain`, `joliet` and `rock_ridge` are contents by the path in that tree, None without the tree."""

    label: str
    type: str  # as blkid says: iso9660 or udf
    plain: dict[str, bytes] = field(default_factory=dict)
    joliet: dict[str, bytes] | None = None
    rock_ridge: dict[str, bytes] | None = None

    @property
    def in_windows(self) -> dict[str, bytes]:
        return self.plain if self.joliet is None else self.joliet

    @property
    def in_linux(self) -> dict[str, bytes]:
        return self.plain if self.rock_ridge is None else self.rock_ridge


def read(content: bytes) -> Iso | None:
    """The disc in a file; None if it is none."""
    primary = joliet = None
    udf = False
    for number in range(_FIRST_DESCRIPTOR, len(content) // SECTOR):
        descriptor = content[number * SECTOR : (number + 1) * SECTOR]
        if descriptor[1:6] in _UDF:
            udf = True
        elif descriptor[1:6] == b"CD001":
            if descriptor[0] == _PRIMARY and primary is None:
                primary = descriptor
            elif descriptor[0] == _SUPPLEMENTARY and descriptor[88:91] in _JOLIET:
                joliet = descriptor
        elif descriptor[1:6] not in (b"BEA01", b"TEA01", b"BOOT2"):
            break
    if primary is None:
        return None
    found = Iso(primary[40:72].decode("ascii", "replace").rstrip(), "udf" if udf else "iso9660")
    found.plain, rock_ridge = {}, {}
    for path, long_path, data in _walk(content, primary, joliet=False):
        found.plain[path] = data
        if long_path:
            rock_ridge[long_path] = data
    found.rock_ridge = rock_ridge if len(rock_ridge) == len(found.plain) else None
    if joliet is not None:
        found.joliet = {path: data for path, _long, data in _walk(content, joliet, joliet=True)}
    return found


def _walk(content: bytes, descriptor: bytes, *, joliet: bool) -> Iterator[tuple[str, str, bytes]]:
    """Path, path by Rock Ridge (empty without) and content of every file."""
    root = descriptor[156:190]
    yield from _folder(content, root, "", "", joliet, 0)


def _folder(
    content: bytes, record: bytes, path: str, long_path: str, joliet: bool, depth: int
) -> Iterator[tuple[str, str, bytes]]:
    if depth > _DEEPEST:
        return
    data = _extent(content, record)
    at = 0
    while at < len(data):
        length = data[at]
        if length == 0:  # records don't cross sectors
            at = (at // SECTOR + 1) * SECTOR
            continue
        entry = data[at : at + length]
        at += length
        identifier = entry[33 : 33 + entry[32]]
        if identifier in (b"\0", b"\1"):
            continue
        name = identifier.decode("utf-16-be" if joliet else "latin-1").removesuffix(";1")
        long_name = "" if joliet else _rock_ridge_name(entry)
        inner, long_inner = f"{path}{name}", f"{long_path}{long_name}" if long_name else ""
        if entry[25] & _FOLDER:
            yield from _folder(content, entry, f"{inner}/", f"{long_inner}/" if long_inner else "", joliet, depth + 1)
        else:
            yield inner, long_inner, _extent(content, entry)


def _extent(content: bytes, record: bytes) -> bytes:
    start, size = int.from_bytes(record[2:6], "little") * SECTOR, int.from_bytes(record[10:14], "little")
    return content[start : start + size]


def _rock_ridge_name(entry: bytes) -> str:
    """The name in the NM entries of the system use area (IEEE P1282 4.1.4)."""
    at = 33 + entry[32] + (1 - entry[32] % 2)
    name = b""
    while at + 4 <= len(entry):
        signature, length = entry[at : at + 2], entry[at + 2]
        if length < 4:
            break
        if signature == b"NM":
            name += entry[at + 5 : at + length]
        at += length
    return name.decode("utf-8", "replace")
