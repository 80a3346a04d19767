"""The best plan of a tiny problem by trying them all: nothing shared with the engine but the values."""

from __future__ import annotations

from collections.abc import Iterator

from scheduler.objectives import standing
from scheduler.plan import Choice, Plan, Run, solution_of
from scheduler.problem import Option, Problem, SurgeOption
from scheduler.verify import violations

Taken = tuple[tuple[str, int, int], ...]


def standings(problem: Problem) -> set[tuple[int, ...]]:
    """Return the standings of all plans within caps and limits."""
    return {standing(problem, plan) for plan in plans(problem)}


def plans(problem: Problem) -> Iterator[Plan]:
    """Return all plans within caps and limits."""
    fixed: Taken = tuple((booking.window, booking.start, booking.end) for booking in problem.fixed)
    return (plan for plan in _plans(problem, fixed) if _is_right(problem, plan))


def _is_right(problem: Problem, plan: Plan) -> bool:
    """Ask the checker, the missing levels aside."""
    rules = {violation.rule for violation in violations(problem, solution_of(problem, plan, status="feasible"))}
    return rules <= {"levels"}


def _plans(problem: Problem, fixed: Taken) -> Iterator[Plan]:
    for moved, displaced, with_bookings in _fates(problem, 0, fixed):
        for placed, with_demands in _placements(problem, 0, with_bookings):
            for runs in _runs(problem, with_demands, ()):
                yield Plan(placed, runs, moved, displaced)


def _fates(problem: Problem, at: int, taken: Taken) -> Iterator[tuple[dict[str, Choice], frozenset[str], Taken]]:
    if at == len(problem.movable):
        yield {}, frozenset(), taken
        return
    booking = problem.movable[at]
    stay = (booking.window, booking.start, booking.end)
    if _is_free(taken, *stay):
        yield from _fates(problem, at + 1, (*taken, stay))
    for moved, displaced, rest in _fates(problem, at + 1, taken):
        yield moved, displaced | {booking.id}, rest
    for index, option in enumerate(booking.options):
        for start in _starts(problem, option):
            if _is_free(taken, option.window, start, start + option.duration):
                now = (*taken, (option.window, start, start + option.duration))
                for moved, displaced, rest in _fates(problem, at + 1, now):
                    yield {**moved, booking.id: Choice(index, start)}, displaced, rest


def _placements(problem: Problem, at: int, taken: Taken) -> Iterator[tuple[dict[str, Choice], Taken]]:
    if at == len(problem.demands):
        yield {}, taken
        return
    demand = problem.demands[at]
    yield from _placements(problem, at + 1, taken)
    for index, option in enumerate(demand.options):
        for start in _starts(problem, option):
            if _is_free(taken, option.window, start, start + option.duration):
                now = (*taken, (option.window, start, start + option.duration))
                for placed, rest in _placements(problem, at + 1, now):
                    yield {**placed, demand.id: Choice(index, start)}, rest


def _runs(problem: Problem, taken: Taken, so_far: tuple[Run, ...]) -> Iterator[tuple[Run, ...]]:
    yield so_far
    if "surge_output" not in problem.objectives:
        return  # Campaigns then only take room and money.
    for surge in problem.surges:
        for index, option in enumerate(surge.options):
            for start in _starts(problem, option):
                run = Run(surge.id, index, start)
                if (not so_far or run > so_far[-1]) and _is_free(taken, option.window, start, start + option.duration):
                    now = (*taken, (option.window, start, start + option.duration))
                    yield from _runs(problem, now, (*so_far, run))


def _starts(problem: Problem, option: Option | SurgeOption) -> range:
    window = next(window for window in problem.windows if window.id == option.window)
    return range(max(option.earliest, window.start), min(option.latest, window.end - option.duration) + 1)


def _is_free(taken: Taken, window: str, start: int, end: int) -> bool:
    return all(window != other or end <= begin or until <= start for other, begin, until in taken)
