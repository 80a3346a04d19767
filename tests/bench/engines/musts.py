"""What the engine must show on the instances, and what it aims at beyond.

It must give a plan that the checker passes, no worse than greedy's; keep its limit to within 2 s and what reading the
file takes; need no more memory than it may; and reach the gaps that are asked for. The figures of an older engine say
nothing of today's, whatever they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.bench.demands import Demand, at_most
from tests.bench.engines.contenders import GREEDY, OURS
from tests.bench.engines.instances import FAMILIES, Family, Instance
from tests.bench.engines.measure import Outcome
from tests.bench.engines.records import LevelRecord, Records, RunRecord

BENCH = "engine"
GRACE_SECONDS = 2.0
MOST_MEGABYTES = {"continent": 12 * 1024}


@dataclass(frozen=True, slots=True)
class Aim:
    """The largest gap of each level, None where any will do, and in how many seconds."""

    gaps: tuple[float | None, ...]
    limit_s: float


AIMS = {
    "national": Aim((0, 0, 0, 0, 0), 60),
    "contested": Aim((0.0005,), 30),
    "capped": Aim((0.003, 0.02, 0.02, 0.02, 0.02), 180),
    "europe": Aim((0.002,), 90),
    "continent": Aim((0.005,), 300),
    "crisis": Aim((0, 0, None, None), 60),
    "crisis-10s": Aim((0, None, None, None), 3),
}


def family_of(name: str) -> Family | None:
    """Return the family of an instance's name."""
    return next((family for family in FAMILIES if name.startswith(f"{family.name}/")), None)


def demands(records: Records, chosen: Sequence[Instance]) -> list[Demand]:
    """Return what must hold of what was measured on these instances."""
    return [demand for instance in chosen for demand in of(records, instance.name, instance.family)]


def of(records: Records, name: str, family: Family) -> list[Demand]:
    """Return what must hold of what was measured on one instance; gaps are sought of the whole time limit."""
    ours, greedy = records.runs.get((name, OURS)), records.runs.get((name, GREEDY))
    return [] if ours is None else list(_of(family, ours, greedy, records.instances[name].reading_s))


def missed(records: Records, name: str, family: Family) -> list[str]:
    """Return in words what does not hold on one instance."""
    return [
        f"{one.what.removeprefix(f'{name}: ')}: {one.measured}, not {one.wanted}"
        for one in of(records, name, family)
        if not one.holds
    ]


def aimed(family: Family, ours: RunRecord, reading_s: float) -> str:
    """Return the aim of a family, and whether a run reached it; one that ended later than the aim may not tell."""
    aim = AIMS.get(family.name)
    if aim is None:
        return ""
    if len(ours.levels) < len(aim.gaps) or not all(
        gap is None or level.gap <= gap for level, gap in zip(ours.levels, aim.gaps, strict=True)
    ):
        told = "missed"
    elif ours.seconds <= aim.limit_s + GRACE_SECONDS + reading_s:
        told = "**reached**"
    else:
        told = "not known, as the limit was longer"
    return f"{wanted(aim.gaps)} in {aim.limit_s:g} s: {told}"


def wanted(gaps: Sequence[float | None]) -> str:
    """Return gaps that are asked for, level by level."""
    if len(gaps) > 1 and not any(gap is None or gap for gap in gaps):
        return "all proven"
    return "; ".join("-" if gap is None else "proven" if gap == 0 else f"{100 * gap:g}%" for gap in gaps)


def _of(family: Family, ours: RunRecord, greedy: RunRecord | None, reading_s: float) -> Iterator[Demand]:
    name, told = ours.instance, ours.detail or str(ours.outcome)
    is_done = ours.outcome is Outcome.DONE and bool(ours.levels)
    if ours.is_outdated:
        yield Demand(BENCH, f"{name}: engine", "today's", f"that of {ours.commit}", holds=False)
    yield Demand(BENCH, f"{name}: a plan that the checker passes", "yes", "yes" if is_done else told, is_done)
    most = round(ours.limit_s + GRACE_SECONDS + reading_s, 1)
    yield at_most(BENCH, f"{name}: limit, 2 s and reading the file", most, ours.seconds, " s", 1)
    if (megabytes := MOST_MEGABYTES.get(family.name)) is not None:
        yield at_most(BENCH, f"{name}: memory", megabytes, ours.megabytes, " MB", 0)
    if not is_done:
        return
    if greedy is not None and greedy.levels:
        yield _beside(name, ours.levels, greedy.levels)
    if ours.limit_s == family.limit_s:
        yield from _gaps(name, family, {level.objective: level for level in ours.levels})


def _beside(name: str, ours: Sequence[LevelRecord], greedy: Sequence[LevelRecord]) -> Demand:
    """Compare with greedy on the first level that differs."""
    pairs = list(zip(ours, greedy, strict=True))
    mine, least = next((pair for pair in pairs if pair[0].value != pair[1].value), pairs[0])
    holds = not least.is_better_than(mine.value)
    return Demand(BENCH, f"{name}: {mine.objective} beside greedy's", f"{least.value:,}", f"{mine.value:,}", holds)


def _gaps(name: str, family: Family, levels: dict[str, LevelRecord]) -> Iterator[Demand]:
    for objective, sought in zip(family.objectives, family.gaps, strict=True):
        if sought is None:
            continue
        level = levels.get(objective)
        measured = "not reached" if level is None else f"{level.gap:.2%}"
        asked = "proven" if sought == 0 else f"at most {sought:.2%}"
        holds = level is not None and level.gap <= sought
        yield Demand(BENCH, f"{name}: gap of {objective} in {family.limit_s:g} s", asked, measured, holds)
