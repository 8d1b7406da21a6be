# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Property tables: which option sets which CIM property, and how values convert between the two."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from .errors import Invalid
from .units import format_bit_rate, format_size, parse_bit_rate, parse_size


def _same(value: Any) -> Any:
    return value


class Kind(NamedTuple):
    """Conversions of a value: from and for people (parse, format), from and to CIM (read, write)."""

    parse: Callable[[Any], Any] = _same
    read: Callable[[Any], Any] = _same
    write: Callable[[Any], Any] = _same
    format: Callable[[Any], Any] = _same


AS_IS = Kind()
MEGABYTES = Kind(parse_size, lambda mb: None if mb is None else mb << 20, lambda size: size >> 20, format_size)
# Null and 0 both mean that there is no limit or reservation.
BIT_RATE = Kind(parse_bit_rate, lambda rate: rate or 0, format=format_bit_rate)
# Processor reserve and limit: percent for people, thousandths of a percent in CIM (Msvm_ProcessorSettingData).
PERCENT = Kind(read=lambda value: None if value is None else value // 1000, write=lambda value: value * 1000)
# Memory priority: 0-100 for people (as in Set-VMMemory), 0-10000 in CIM (Msvm_MemorySettingData.Weight).
PRIORITY = Kind(read=lambda value: None if value is None else value // 100, write=lambda value: value * 100)


def choice(values: Mapping[str, Any]) -> Kind:
    """Words for people, numbers in CIM; a number without a word is returned as a number."""
    words = {number: word for word, number in values.items()}
    return Kind(read=lambda number: words.get(number, number), write=lambda word: values[word])


class Property(NamedTuple):
    """One row of a table: the option, its CIM property, its kind, its bounds, and whether the VM must be off."""

    option: str
    cim: str
    kind: Kind = AS_IS
    needs_off: bool = False
    least: int | None = None
    most: int | None = None

    def format(self, value: Any) -> Any:
        """A value of the option as people write it."""
        return None if value is None else self.kind.format(value)


class Change(NamedTuple):
    """One property whose wanted value differs from the current one, in the option's own units."""

    property: Property
    before: Any
    after: Any

    @property
    def option(self) -> str:
        return self.property.option


def read(table: Iterable[Property], instance: Mapping[str, Any]) -> dict[str, Any]:
    """The current options of an instance."""
    return {row.option: row.kind.read(instance.get(row.cim)) for row in table}


def expected(table: Iterable[Property], instance: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """The options as they are after the wanted ones were written."""
    return {**read(table, instance), **wanted}


def parse(table: Iterable[Property], params: Mapping[str, Any]) -> dict[str, Any]:
    """The options that the task sets, parsed and within their bounds. Raises Invalid."""
    return {row.option: _parse(row, params[row.option]) for row in table if params.get(row.option) is not None}


def _parse(row: Property, value: Any) -> Any:
    try:
        parsed = row.kind.parse(value)
    except Invalid as error:
        error.option = row.option
        raise
    if (row.least is not None and parsed < row.least) or (row.most is not None and parsed > row.most):
        least, most = row.kind.format(row.least), row.kind.format(row.most)
        raise Invalid(f"{value} is out of range, choose a value from {least} to {most}", option=row.option)
    return parsed


def changes(table: Iterable[Property], instance: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[Change]:
    """The differences between an instance and the wanted (parsed) options; options left out are not compared."""
    current = read(table, instance)
    return [
        Change(row, current[row.option], wanted[row.option])
        for row in table
        if row.option in wanted and wanted[row.option] != current[row.option]
    ]


def values(changes: Iterable[Change]) -> dict[str, Any]:
    """The CIM properties to write for these changes, and no others."""
    return {change.property.cim: change.property.kind.write(change.after) for change in changes}
