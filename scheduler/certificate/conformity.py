"""What the checker of plans says, sorted into properties: eligible, feasible, caps, honest bounds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from scheduler.certificate.report import Change, Counterexample, Text
from scheduler.certificate.wording import VIOLATED, passes_the_bound
from scheduler.objectives import goodness
from scheduler.plan import keeps, plan_of
from scheduler.problem import Problem
from scheduler.solution import Level, Solution
from scheduler.verify import Violation

PROPERTY_OF = {
    **dict.fromkeys(("demand", "booking", "surge", "option", "window", "duration", "start", "period"), "eligible"),
    **dict.fromkeys(("per_party", "days_per_party", "limit"), "caps"),
    **dict.fromkeys(("levels", "value", "bound", "proven", "status"), "bounds"),
}
OTHERWISE = "feasible"


def sorted_out(problem: Problem, solution: Solution, broken: Iterable[Violation]) -> dict[str, list[Counterexample]]:
    """Return the violations as counterexamples, by the property that each one breaks."""
    by_property: dict[str, list[Counterexample]] = defaultdict(list)
    for violation in broken:
        name = PROPERTY_OF.get(violation.rule, OTHERWISE) if solution.status != "infeasible" else OTHERWISE
        by_property[name].append(_counterexample(problem, solution, violation))
    return by_property


def contradictions(levels: Sequence[Level], found: Iterable[Counterexample]) -> Iterator[Counterexample]:
    """Yield each counterexample whose plan is better than a bound allows.

    A level's bound holds for every plan that is at least as good at the earlier levels.
    """
    for counterexample in found:
        changes = {change.objective: change for change in counterexample.effect}
        for level in levels:
            after = changes.get(level.objective, Change(level.objective, level.value, level.value)).after
            if goodness(level.objective, after) > goodness(level.objective, level.bound):
                yield _contradiction(counterexample, level, after)
            if goodness(level.objective, after) < goodness(level.objective, level.value):
                break


def _contradiction(counterexample: Counterexample, level: Level, after: int) -> Counterexample:
    return Counterexample(
        passes_the_bound(counterexample.text, level.objective, after, level.bound),
        demands=counterexample.demands,
        bookings=counterexample.bookings,
        surges=counterexample.surges,
        windows=counterexample.windows,
        option=counterexample.option,
        start=counterexample.start,
        end=counterexample.end,
        effect=counterexample.effect,
    )


def _counterexample(problem: Problem, solution: Solution, violation: Violation) -> Counterexample:
    subject, rule = violation.subject, violation.rule
    text = Text(f"{violation}.", f"{VIOLATED.get(rule, rule)} : {subject}.")
    if rule in {"overlap", "conflicts"}:
        demands, bookings, surges = _crowded(problem, solution, subject)
        return Counterexample(text, demands, bookings, surges, windows=(subject,))
    if rule in {"per_party", "days_per_party"}:
        placed = {item.demand for item in solution.placed}
        theirs = (demand.id for demand in problem.demands if demand.party == subject and demand.id in placed)
        return Counterexample(text, tuple(theirs), parties=(subject,))
    if PROPERTY_OF.get(rule) != "eligible":
        return Counterexample(text)
    return Counterexample(
        text,
        tuple(demand.id for demand in problem.demands if demand.id == subject),
        tuple(booking.id for booking in problem.movable if booking.id == subject),
        tuple(surge.id for surge in problem.surges if surge.id == subject),
        windows=tuple(_windows_of(solution, subject)),
    )


def _windows_of(solution: Solution, subject: str) -> Iterator[str]:
    yield from (item.window for item in solution.placed if item.demand == subject)
    yield from (item.window for item in solution.moved if item.booking == subject)
    yield from dict.fromkeys(item.window for item in solution.campaigns if item.surge == subject)


def _crowded(
    problem: Problem, solution: Solution, window: str
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Return the demands, bookings and surges that overlap something in the window."""
    plan = plan_of(solution)
    held = [("demand", item.demand, item.start, item.end) for item in solution.placed if item.window == window]
    held += [("booking", b.id, b.start, b.end) for b in problem.fixed if b.window == window]
    held += [("booking", b.id, b.start, b.end) for b in problem.movable if b.window == window and keeps(plan, b)]
    held += [("booking", item.booking, item.start, item.end) for item in solution.moved if item.window == window]
    held += [("surge", item.surge, item.start, item.end) for item in solution.campaigns if item.window == window]
    crowded = [
        (kind, name)
        for at, (kind, name, start, end) in enumerate(held)
        if any(start < until and begin < end for other, (_, _, begin, until) in enumerate(held) if other != at)
    ]
    demands, bookings, surges = (
        tuple(dict.fromkeys(name for found, name in crowded if found == kind))
        for kind in ("demand", "booking", "surge")
    )
    return demands, bookings, surges
