"""From 40 to 15,000 requests: seconds, memory and gap, on contested synthetic instances."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tests.bench.engines.records import Records, RunRecord
from tests.bench.engines.report import gap_text, label, older, table

SIZES = (40, 80, 150, 300, 600, 1_200, 2_400, 4_500, 9_000, 15_000)
LIMIT_SECONDS = 180.0
HEADINGS = ("", "requests", "windows", "options", "trivial bound", "value", "bound", "gap", "seconds", "MB")


def page(records: Records, sizes: Mapping[str, int]) -> str:
    """Return the table over the sizes, which stand beside the instances' names."""
    return (
        f"Contested synthetic instances, a line for every 7.5 requests, objective `weight`, "
        f"{' and '.join(sorted({f'{run.limit_s:g} s' for run in records.runs.values()}))} each.\n\n"
        + table(HEADINGS, _rows(records, sizes))
        + f"\n\n{older(records)}"
    )


def _rows(records: Records, sizes: Mapping[str, int]) -> Iterator[list[str]]:
    known = [run for run in records.runs.values() if run.instance in sizes]
    for run in sorted(known, key=lambda run: (run.contender, sizes[run.instance])):
        yield _row(records, run, sizes[run.instance])


def _row(records: Records, run: RunRecord, requests: int) -> list[str]:
    of = records.instances[run.instance]
    row = [label(run), f"{requests:,}", f"{of.windows:,}", f"{of.options:,}", f"{of.trivial['weight']:,}"]
    cost = [f"{run.seconds:,.1f}", f"{run.megabytes:,.0f}"]
    if not run.levels:
        return [*row, f"*{run.outcome}*: {run.detail}", "", "", *cost]
    level = run.levels[0]
    return [*row, f"{level.value:,}", f"{level.bound:,}", gap_text(level), *cost]
