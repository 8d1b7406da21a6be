# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The picture of the demo in the README, from its output on standard input (make picture)."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from html import escape

COLUMNS, LINE, CHARACTER, MARGIN = 113, 17, 7.83, 14
# Colours of a terminal with a dark background, by the number in an escape sequence.
COLOURS = {"31": "#ff7b72", "32": "#7ee787", "33": "#e3b341", "34": "#79c0ff", "35": "#d2a8ff", "36": "#76e3ea"}
ESCAPE = re.compile(r"\x1b\[([\d;]*)m")


def excerpt(text: str) -> list[str]:
    """The first of the runs, which is in check mode, and the verdict about the last; without blank lines."""
    _setup, prompt, runs = text.partition("$ ansible-playbook")
    lines = (prompt + runs.partition("$ ansible-playbook")[0]).splitlines()
    return [*(line for line in lines if ESCAPE.sub("", line).strip()), "", text.strip().splitlines()[-1]]


def spans(line: str) -> Iterator[tuple[str, str]]:
    """Parts of a line with their styles, of at most COLUMNS characters."""
    style, left = "", COLUMNS
    for index, part in enumerate(ESCAPE.split(line)):
        if index % 2:
            codes = part.split(";")
            colour = next((COLOURS[code] for code in codes if code in COLOURS), "")
            style = f"fill:{colour}" if colour else "font-weight:bold" if "1" in codes and len(codes) == 1 else ""
        elif part[:left]:
            yield part[:left], style
            left -= len(part)
            if left <= 0:
                break


def svg(lines: Iterable[str]) -> str:
    """The lines as a picture of a terminal, which requests no other file."""
    rows = []
    for number, line in enumerate(lines, 1):
        # Browsers keep no-break spaces only.
        parts = "".join(
            f'<tspan style="{style}">{text}</tspan>' if style else text
            for text, style in ((escape(text).replace(" ", "&#160;"), style) for text, style in spans(line))
        )
        rows.append(f'<text x="{MARGIN}" y="{MARGIN + number * LINE}">{parts}</text>')
    width, height = round(COLUMNS * CHARACTER) + 2 * MARGIN, len(rows) * LINE + 2 * MARGIN + 6
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
            ' role="img">',
            "<title>Output of make demo: a playbook in check mode, with the differences</title>",
            f'<rect width="{width}" height="{height}" rx="8" fill="#0d1117"/>',
            '<g font-family="ui-monospace,Menlo,Consolas,monospace" font-size="13" fill="#c9d1d9">',
            *rows,
            "</g>",
            "</svg>\n",
        ]
    )


if __name__ == "__main__":
    sys.stdout.write(svg(excerpt(sys.stdin.read())))
