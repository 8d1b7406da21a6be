# Copyright (c) 2026 nested.hyperv contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The picture of the benchmark in the README: milliseconds of tasks, by the distance of the host."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib

matplotlib.use("svg")
from matplotlib import pyplot

if TYPE_CHECKING:
    from .__main__ import Panel

# Texts stay texts, and ids are the same in each run.
STYLE = {"svg.fonttype": "none", "svg.hashsalt": "nested.hyperv", "font.family": "sans-serif", "font.size": 10}
HEIGHT, GAP = 0.38, 0.02
# Legend and colour of each subject.
SUBJECTS = {
    "nested.hyperv": ("nested.hyperv", "#0969da"),
    "win_powershell": ("win_powershell, without the time of PowerShell", "#c9d1d9"),
}


def draw(panels: Sequence[Panel], tasks: Sequence[str], noop: float, path: Path) -> None:
    """Write an SVG with a panel for each distance, and the milliseconds of a debug task as a line."""
    with matplotlib.rc_context(STYLE):
        figure, axes = pyplot.subplots(1, len(panels), figsize=(11, 3.6), sharex=True, sharey=True, squeeze=False)
        for axis, panel in zip(axes[0], panels, strict=True):
            for number, (subject, (legend, colour)) in enumerate(SUBJECTS.items()):
                _bars(axis, panel.values[subject], number * (HEIGHT + GAP), label=legend, color=colour)
            axis.axvline(noop, color="#57606a", linestyle="--", linewidth=1, label="debug task")
            axis.set_title(panel.title, fontsize=11)
            axis.set_xlabel("milliseconds per task")
            axis.set_yticks([number + (HEIGHT + GAP) / 2 for number in range(len(tasks))], tasks)
            axis.spines[["top", "right"]].set_visible(False)
            axis.tick_params(axis="y", length=0)
        axes[0][0].invert_yaxis()
        axes[0][0].set_xlim(right=max(_known(panels)) * 1.15)
        figure.legend(*axes[0][0].get_legend_handles_labels(), loc="lower center", ncols=3, frameon=False)
        figure.tight_layout(rect=(0, 0.08, 1, 1))
        figure.savefig(path, format="svg", facecolor="white", metadata={"Date": None})
        pyplot.close(figure)
    # matplotlib ends lines with spaces
    path.write_text("".join(f"{line.rstrip()}\n" for line in path.read_text().splitlines()))


def _known(panels: Iterable[Panel]) -> list[float]:
    """All values of the panels."""
    return [value for panel in panels for values in panel.values.values() for value in values if value is not None]


def _bars(axis: pyplot.Axes, values: Sequence[float | None], offset: float, **look: str) -> None:
    """One bar for each task that was measured, with its value."""
    known = {number + offset: value for number, value in enumerate(values) if value is not None}
    bars = axis.barh(list(known), list(known.values()), HEIGHT, **look)
    axis.bar_label(bars, fmt="%.0f", padding=2, fontsize=8)
