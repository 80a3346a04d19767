"""The results as a Markdown page: the machine, one summary, then a table for each instance."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from scheduler.objectives import goodness
from tests.bench.engines import musts
from tests.bench.engines.contenders import CONTENDERS, GREEDY, OURS, title_of
from tests.bench.engines.records import InstanceRecord, LevelRecord, Records, RunRecord, best_bound

READING = "## How to read it"
CONTESTED_GAP = 0.03
ROUND_COLUMNS = ("start-ups served", "median access delay, days", "weight served")
CRISIS_COLUMNS = ("doses in time, of those wanted", "bookings kept", "moved / displaced")
SUMMARY = ("instance", "limit", "sought", "aim", "reached", "seconds", "reading", "MB", "musts", "contested")


def write(records: Records, file: Path, *, title: str, body: str) -> None:
    """Write a page of records with its heading."""
    commits = sorted({run.commit for run in records.runs.values()})
    days = sorted({run.day for run in records.runs.values()})
    write_page(file, [f"# {title}", *heading(records.machine, commits, days, records.command), body])


def write_page(file: Path, parts: Sequence[str]) -> None:
    """Write a page of paragraphs; what stands from `READING` on was written by hand, and stays."""
    before = file.read_text(encoding="utf-8") if file.exists() else ""
    _, mark, by_hand = before.partition(READING)
    whole = [*parts, mark + by_hand]
    file.write_text("\n\n".join(part.strip() for part in whole if part.strip()) + "\n", encoding="utf-8")


def heading(of: Mapping[str, Any], commits: Sequence[str], days: Sequence[str], command: str) -> list[str]:
    """Return what the figures depend on, as paragraphs: the machine, the commits, the days, the command."""
    packages = ", ".join(f"{name} {of[name]}" for name in ("ortools", "numpy", "pyjobshop", "highspy") if of[name])
    return [
        (
            f"{of['cores']} cores ({of['processor']}), {of['memory_gb']} GB, {of['system']}; Python {of['python']}, "
            f"{packages}. Commit {', '.join(commits)}; {', '.join(days)}."
        ),
        f"Made by `{command}`.",
    ]


def engines_page(records: Records, plot: str | None) -> str:
    """Return everything below the heading."""
    parts = [
        f"![Distance from the best known bound, and seconds]({plot})" if plot else "",
        "## In one table",
        table(SUMMARY, _summary(records)),
        (
            "Gap is |bound - value| / max(1, |value|). Sought, aim and reached are the gaps of this engine, level by "
            "level; an aim is beyond what must be. Reading is what a process takes in seconds that reads the file and "
            "nothing else; the engine must end 2 s and that long after its limit at the latest. "
            "Contested: greedy is at least 3 % below the best plan, and the best plan at least 3 % below the trivial "
            "bound (the sum of what has an option at all)."
        ),
        older(records),
    ]
    parts += ["## Who is compared", "\n".join(f"- *{one.title}*: {one.note}." for one in CONTENDERS)]
    parts.append("Busy before: cores that were at work with other things in the half second before a run began.")
    for instance in records.instances.values():
        parts += _section(instance, records.of(instance.name))
    return "\n\n".join(part for part in parts if part)


def _summary(records: Records) -> Iterator[list[str]]:
    for instance in records.instances.values():
        runs = records.of(instance.name)
        ours = next((run for run in runs if run.contender == OURS), None)
        family = musts.family_of(instance.name)
        if ours is None or family is None:
            continue
        missed = musts.missed(records, instance.name, family)
        yield [
            instance.name,
            f"{ours.limit_s:g} s",
            musts.wanted(family.gaps),
            musts.aimed(family, ours, instance.reading_s),
            _reached(ours),
            f"{ours.seconds:,.1f}",
            f"{instance.reading_s:,.1f}" if instance.reading_s else "",
            f"{ours.megabytes:,.0f}",
            f"**missed**: {'; '.join(missed)}" if missed else "held",
            _contested(instance, runs),
        ]


def _reached(run: RunRecord) -> str:
    if len(run.levels) > 1 and all(level.gap == 0 for level in run.levels):
        return "all proven"
    return "; ".join(gap_text(level) for level in run.levels) or str(run.outcome)


def older(records: Records) -> str:
    """Return which figures are of an older source than today's, as a paragraph; nothing where none is."""
    found: dict[str, list[str]] = {}
    for run in records.runs.values():
        if run.is_outdated:
            found.setdefault(f"{title_of(run.contender)} of commit {run.commit}", []).append(run.instance)
    if not found:
        return ""
    parts = "; ".join(f"{who} on {', '.join(names)}" for who, names in found.items())
    return f"**Of an older source than today's**, until they are measured again: {parts}."


def label(run: RunRecord) -> str:
    """Return the contender of a run as a table names it."""
    return title_of(run.contender) + (f" (older: {run.commit})" if run.is_outdated else "")


def _contested(instance: InstanceRecord, runs: Sequence[RunRecord]) -> str:
    """Say whether the first objective had to refuse much, in figures."""
    objective = next(iter(instance.trivial))
    values = {run.contender: run.levels[0].value for run in runs if run.levels}
    if objective != "weight" or GREEDY not in values:
        return ""
    best = max(values.values())
    under, room = 1 - values[GREEDY] / max(1, best), instance.trivial[objective] / max(1, best) - 1
    is_contested = under >= CONTESTED_GAP and room >= CONTESTED_GAP
    family = musts.family_of(instance.name)
    says = "yes" if is_contested else "**no**" if family is not None and family.is_contested else "no"
    return f"{says}: greedy {under:.1%} under, trivial bound {room:.1%} above"


def _section(instance: InstanceRecord, runs: Sequence[RunRecord]) -> Iterator[str]:
    yield f"## {instance.name}"
    asked = f"{instance.demands:,} requests" if instance.demands else f"{instance.movable:,} movable bookings"
    trivial = ", ".join(f"{name} {bound:,}" for name, bound in instance.trivial.items())
    greedy = next((run for run in runs if run.contender == GREEDY), None)
    values = ", ".join(f"{level.objective} {level.value:,}" for level in greedy.levels) if greedy else "not run"
    yield (
        f"{instance.windows:,} windows, {asked}, {instance.options:,} options. "
        f"Trivial bounds: {trivial}. Greedy: {values}."
    )
    for_people = ROUND_COLUMNS if instance.demands else CRISIS_COLUMNS
    order = [contender.name for contender in CONTENDERS]
    rows = [row for run in sorted(runs, key=lambda run: order.index(run.contender)) for row in _rows(run, runs)]
    yield table(["", "objective", "value", "bound", "gap", "seconds", "MB", "busy before", *for_people], rows)


def _rows(run: RunRecord, runs: Sequence[RunRecord]) -> Iterator[list[str]]:
    busy = "" if run.busy is None else f"{run.busy:.1f}"
    cost = [f"{run.seconds:,.1f}", f"{run.megabytes:,.0f}", busy]
    if not run.levels:
        yield [label(run), f"*{run.outcome}*: {run.detail}", "", "", "", *cost, "", "", ""]
        return
    for level in run.levels:
        is_first = level is run.levels[0]
        yield [
            label(run) if is_first else "",
            level.objective,
            f"{level.value:,}",
            f"{level.bound:,}" + (" **refuted**" if is_first and _is_refuted(level, runs) else ""),
            gap_text(level),
            *(cost if is_first else [""] * len(cost)),
            *(_for_people(run) if is_first else ["", "", ""]),
        ]


def _is_refuted(level: LevelRecord, runs: Sequence[RunRecord]) -> bool:
    """Say whether a checked plan passes this bound on the first objective."""
    values = [goodness(level.objective, run.levels[0].value) for run in runs if run.levels]
    return max(values) > goodness(level.objective, level.bound)


def _for_people(run: RunRecord) -> list[str]:
    of = run.people
    if of.parties is not None:
        delay = "-" if of.delay_days is None else f"{of.delay_days:g}"
        return [f"{of.parties:,} of {of.parties_in_all:,}", delay, f"{of.weight_share or 0:.1%}"]
    return [f"{of.output_share or 0:.1%}", f"{of.kept:,}", f"{of.moved:,} / {of.displaced:,}"]


def gap_text(level: LevelRecord) -> str:
    """Return a gap as it is shown."""
    return "proven" if level.value == level.bound else f"{level.gap:.2%}"


def table(headings: Sequence[str], rows: Iterable[list[str]]) -> str:
    """Return a Markdown table."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def distances(records: Records) -> dict[tuple[str, str], float]:
    """Return how far each first-level value is from the best bound that anyone gives, as a share of that bound."""
    found = {}
    for name in records.instances:
        runs = records.of(name)
        bound = best_bound(runs)
        for run in runs:
            if run.levels and bound is not None:
                found[name, run.contender] = abs(bound - run.levels[0].value) / max(1, abs(bound))
    return found
