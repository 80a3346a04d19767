"""Plots of a simulation, as PNG and SVG; needs matplotlib, which nothing else of the service does."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib as mpl
from matplotlib.figure import Figure

from seed.simulation.columns import COLUMNS, Column
from seed.simulation.policies import ReservePolicy
from seed.simulation.summary import Summary

STYLE = {"svg.hashsalt": "creneau", "font.size": 9, "axes.grid": True, "grid.alpha": 0.3}
DPI = 130


class Plot(NamedTuple):
    """A file with one panel for each measure, against one of the two shares."""

    name: str
    measures: tuple[str, ...]
    against: str


PLOTS = (
    Plot("access", ("delay_median_days", "delay_p90_days", "startup_unmet_weight"), "startup_percent"),
    Plot("others", ("established_unmet_weight", "idle"), "startup_percent"),
    Plot("reserve", ("idle", "crisis_idle", "public_cents"), "crisis_percent"),
    Plot("readiness", ("doses_30", "doses_60", "doses_90", "reserve_doses_90"), "crisis_percent"),
    Plot("displacement", ("displaced", "moved"), "crisis_percent"),
)
AXES = {
    "startup_percent": "start-up reserve, % of published days",
    "crisis_percent": "crisis reserve, % of days of its lines",
}


def draw(folder: Path, found: Sequence[Summary]) -> list[str]:
    """Draw all plots into a folder, and return the names of the PNG files; the same figures give the same bytes."""
    shown = []
    with mpl.rc_context(STYLE):
        for plot in PLOTS:
            figure = _figure(plot, found)
            figure.savefig(folder / f"{plot.name}.png", dpi=DPI, metadata={"Software": None})
            figure.savefig(folder / f"{plot.name}.svg", metadata={"Date": None, "Creator": None})
            shown.append(f"{plot.name}.png")
    return shown


def _figure(plot: Plot, found: Sequence[Summary]) -> Figure:
    """Medians as lines, one for each way to set what is not on the axis, and from the least to the greatest as bars."""
    figure = Figure(figsize=(4.2 * len(plot.measures), 3.8), layout="constrained")
    panels = figure.subplots(1, len(plot.measures), squeeze=False)[0]
    columns = {column.measure: column for column in COLUMNS}
    lines = _lines(plot.against, found)
    for panel, measure in zip(panels, plot.measures, strict=True):
        _panel(panel, columns[measure], plot.against, lines)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, fontsize=8)
    return figure


def _lines(against: str, found: Sequence[Summary]) -> dict[str, list[Summary]]:
    """The policies that differ in one share alone, under what they have in common."""
    lines: dict[str, list[Summary]] = {}
    for label in dict.fromkeys(label for one in found for label in _labels(one.policy, against, found)):
        lines[label] = [one for one in found if label in _labels(one.policy, against, found)]
        lines[label].sort(key=lambda one: _share(one.policy, against))
    return lines


def _labels(policy: ReservePolicy, against: str, found: Sequence[Summary]) -> list[str]:
    """The lines on which a policy lies: without a crisis reserve it begins those that lend and those that do not."""
    kinds = sorted({one.policy.lending for one in found if one.policy.crisis_percent})
    if against == "startup_percent":
        lent = "" if not policy.crisis_percent else ", lent" if policy.lending else ", idle"
        return [f"crisis {policy.crisis_percent} %{lent}"]
    chosen = [policy.lending] if policy.crisis_percent else kinds
    return [f"start-up {policy.startup_percent} %, {'lent' if lending else 'idle'}" for lending in chosen]


def _share(policy: ReservePolicy, against: str) -> int:
    return policy.startup_percent if against == "startup_percent" else policy.crisis_percent


def _panel(panel: Any, column: Column, against: str, lines: dict[str, list[Summary]]) -> None:
    panel.set_xlabel(AXES[against])
    panel.set_title(column.heading, fontsize=9)
    for number, (label, summaries) in enumerate(lines.items()):
        known = [(_share(one.policy, against), one.spreads[column.measure]) for one in summaries]
        points = [(share, spread) for share, spread in known if spread is not None]
        shift = (number - (len(lines) - 1) / 2) * 0.25
        middle = [spread.median / column.unit for _, spread in points]
        low = [(spread.median - spread.least) / column.unit for _, spread in points]
        high = [(spread.greatest - spread.median) / column.unit for _, spread in points]
        panel.errorbar(
            [share + shift for share, _ in points], middle, yerr=(low, high), marker="o", ms=3, lw=1.2, elinewidth=0.5,
            label=label,
        )  # fmt: skip
    panel.set_xticks(
        [share for share, _ in groupby(sorted(_share(one.policy, against) for line in lines.values() for one in line))]
    )
    panel.set_ylim(bottom=0)
