"""Texts of Windows by locale."""

from __future__ import annotations

from functools import lru_cache

from ..cim.schema import DATA, read_yaml


@lru_cache(maxsize=1)
def strings() -> dict[str, dict[str, str]]:
    """Texts of all data/strings*.yml, by locale."""
    texts: dict[str, dict[str, str]] = {}
    for path in sorted(DATA.glob("strings*.yml")):
        for locale, found in read_yaml(path.name).items():
            texts.setdefault(locale, {}).update(found)
    return texts
