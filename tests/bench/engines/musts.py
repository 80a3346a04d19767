"""What the engine must show on the instances: a plan that the checker passes, none worse than greedy's, its gaps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tests.bench.demands import Demand
from tests.bench.engines.contenders import GREEDY, OURS
from tests.bench.engines.instances import Instance
from tests.bench.engines.measure import Outcome
from tests.bench.engines.records import LevelRecord, Records, RunRecord

BENCH = "engine"


def demands(records: Records, chosen: Sequence[Instance], limit_scale: float) -> list[Demand]:
    """Return what must hold of what was measured on these instances; gaps are sought of the whole time limit."""
    return [
        demand
        for instance in chosen
        if (ours := records.runs.get((instance.name, OURS))) is not None
        for demand in _of(instance, ours, records.runs.get((instance.name, GREEDY)), limit_scale)
    ]


def _of(instance: Instance, ours: RunRecord, greedy: RunRecord | None, limit_scale: float) -> Iterator[Demand]:
    name, told = instance.name, ours.detail or str(ours.outcome)
    is_done = ours.outcome is Outcome.DONE and bool(ours.levels)
    yield Demand(BENCH, f"{name}: a plan that the checker passes", "yes", "yes" if is_done else told, is_done)
    if not is_done:
        return
    first = ours.levels[0]
    if greedy is not None and greedy.levels:
        least = greedy.levels[0]
        holds = not least.is_better_than(first.value)
        yield Demand(BENCH, f"{name}: {first.objective} beside greedy's", f"{least.value:,}", f"{first.value:,}", holds)
    if limit_scale == 1:
        yield from _gaps(instance, {level.objective: level for level in ours.levels})


def _gaps(instance: Instance, levels: dict[str, LevelRecord]) -> Iterator[Demand]:
    family = instance.family
    for objective, sought in zip(family.objectives, family.gaps, strict=True):
        if sought is None:
            continue
        level = levels.get(objective)
        measured = "not reached" if level is None else f"{level.gap:.2%}"
        wanted = "proven" if sought == 0 else f"at most {sought:.2%}"
        holds = level is not None and level.gap <= sought
        yield Demand(BENCH, f"{instance.name}: gap of {objective} in {family.limit_s:g} s", wanted, measured, holds)
