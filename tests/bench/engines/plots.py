"""The results as pictures; matplotlib is loaded here only."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import matplotlib as mpl
from matplotlib import pyplot as plt
from matplotlib.axis import Axis
from matplotlib.ticker import LogLocator, NullLocator, PercentFormatter

from tests.bench.engines.contenders import CONTENDERS, title_of
from tests.bench.engines.records import Records
from tests.bench.engines.report import distances

MARKERS = dict(zip((contender.name for contender in CONTENDERS), "x+s^vo", strict=True))
NOT_ABOVE_ZERO = 1e-5
BESIDE = 0.1


def engines(records: Records, file: Path) -> None:
    """Draw, for each instance, how far each contender is from the best known bound, and how long it took."""
    _prepare()
    names = list(records.instances)
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(12, 1.6 + 0.36 * len(names)), sharey=True, width_ratios=(3, 2), layout="constrained"
    )
    far = distances(records)
    for contender, marker in MARKERS.items():
        rows = [row for row, name in enumerate(names) if (name, contender) in far]
        if not rows:
            continue
        # Marks at one value must not hide each other.
        heights = [row + BESIDE * (list(MARKERS).index(contender) - len(MARKERS) / 2) for row in rows]
        shown = [max(far[names[row], contender], NOT_ABOVE_ZERO) for row in rows]
        left.plot(shown, heights, marker, label=title_of(contender), linestyle="none", alpha=0.8)
        seconds = [records.runs[names[row], contender].seconds for row in rows]
        right.plot(seconds, heights, marker, linestyle="none", alpha=0.8)
    left.set(xscale="log", xlabel=f"first objective: distance from the best known bound ({NOT_ABOVE_ZERO:.3%}: none)")
    left.set_yticks(range(len(names)), names)
    left.invert_yaxis()
    right.set(xscale="log", xlabel="seconds, whole process")
    left.xaxis.set_major_formatter(lambda share, _: f"{share:.3%}")
    _plain(right.xaxis)
    for axes in (left, right):
        axes.grid(visible=True, alpha=0.3)
    figure.legend(loc="outside upper center", ncols=len(MARKERS))
    _save(file)


def growth(records: Records, sizes: Mapping[str, int], file: Path) -> None:
    """Draw seconds, memory and gap over the number of requests."""
    _prepare()
    figure, panels = plt.subplots(1, 3, figsize=(12, 4), layout="constrained")
    contenders = [contender for contender in MARKERS if any(key[1] == contender for key in records.runs)]
    for contender in contenders:
        runs = [records.runs[name, contender] for name in sizes if (name, contender) in records.runs]
        planned = [run for run in runs if run.levels]
        lines = (
            (runs, [run.seconds for run in runs]),
            (runs, [run.megabytes for run in runs]),
            (planned, [run.levels[0].gap for run in planned]),
        )
        for axes, (of, heights) in zip(panels, lines, strict=True):
            axes.plot([sizes[run.instance] for run in of], heights, f"{MARKERS[contender]}-", label=title_of(contender))
    for axes, label in zip(panels, ("seconds, whole process", "peak memory, MB", "gap"), strict=True):
        axes.set(xscale="log", xlabel="requests", ylabel=label)
        axes.set_xticks(sorted(set(sizes.values())), [f"{size:,}" for size in sorted(set(sizes.values()))], rotation=60)
        axes.xaxis.set_minor_locator(NullLocator())
        axes.grid(visible=True, alpha=0.3)
    for axes in panels[:2]:
        axes.set_yscale("log")
        _plain(axes.yaxis)
    panels[2].yaxis.set_major_formatter(PercentFormatter(1.0))
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=max(1, len(contenders)))
    _save(file)


def _plain(axis: Axis) -> None:
    """Label a logarithmic axis 1, 2, 5, 10 and so on."""
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(lambda amount, _: f"{amount:,g}")
    axis.set_minor_locator(NullLocator())


def _prepare() -> None:
    mpl.use("Agg")
    mpl.rcParams["svg.hashsalt"] = "creneau"


def _save(file: Path) -> None:
    plt.savefig(file, metadata={"Date": None})
    plt.close()
