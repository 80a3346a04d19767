"""The independent checker of solutions: it recomputes everything and imports no solver."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from scheduler.objectives import value
from scheduler.plan import keeps, plan_of
from scheduler.problem import Fixed, Movable, Option, Problem, SurgeOption, is_maximised
from scheduler.solution import Campaign, Conflict, Moved, Placed, Solution


@dataclass(frozen=True, slots=True)
class Violation:
    """A rule that a solution breaks: its name, what it concerns, and the figures on both sides."""

    rule: str
    subject: str
    detail: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.subject}: {self.detail}"


def violations(problem: Problem, solution: Solution) -> list[Violation]:
    """Return every rule that the solution breaks; none for a right one.

    An infeasible solution is right when it is empty and the fixed bookings it names do contradict each other.
    """
    if solution.status == "infeasible":
        return list(_check_infeasible(problem, solution))
    if solution.conflicts is not None:
        return [Violation("conflicts", solution.status, "only an infeasible solution names conflicts")]
    broken = [*_check_partitions(problem, solution), *_check_options(problem, solution)]
    if broken:
        return broken  # Values and overlaps mean nothing while an option or an identifier is wrong.
    return [
        *_check_overlaps(problem, solution),
        *_check_caps(problem, solution),
        *_check_limits(problem, solution),
        *_check_levels(problem, solution),
    ]


def fixed_conflicts(problem: Problem) -> list[Conflict]:
    """Return the pairs of fixed bookings that overlap: with any there is no plan at all."""
    return [
        Conflict(window, (before[2], after[2]))
        for window, before, after in _overlaps(
            [(booking.window, booking.start, booking.end, booking.id) for booking in problem.fixed]
        )
    ]


def _overlaps(
    stretches: Sequence[tuple[str, int, int, str]],
) -> Iterator[tuple[str, tuple[int, int, str], tuple[int, int, str]]]:
    """Yield each stretch that starts before one that began earlier in its window has ended, with that one."""
    by_window: dict[str, list[tuple[int, int, str]]] = defaultdict(list)
    for window, start, end, holder in stretches:
        by_window[window].append((start, end, holder))
    for window, held in by_window.items():
        held.sort()
        longest = held[0]
        for stretch in held[1:]:
            if stretch[0] < longest[1]:
                yield window, longest, stretch
            if stretch[1] > longest[1]:
                longest = stretch


def _check_infeasible(problem: Problem, solution: Solution) -> Iterator[Violation]:
    if not fixed_conflicts(problem):
        yield Violation("status", "infeasible", "no fixed bookings contradict each other")
    bookings = {booking.id: booking for booking in problem.fixed}
    if not solution.conflicts:
        yield Violation("conflicts", "infeasible", "which fixed bookings contradict each other is not said")
    for conflict in solution.conflicts or ():
        named = [bookings.get(booking) for booking in conflict.bookings]
        pair = [booking for booking in named if booking is not None and booking.window == conflict.window]
        if len(pair) != 2 or len(named) != 2 or not _overlap(pair[0], pair[1]):
            yield Violation("conflicts", conflict.window, f"{', '.join(conflict.bookings)} do not overlap")
    lists = (solution.placed, solution.campaigns, solution.moved, solution.levels)
    if any(lists) or solution.displaced or solution.unplaced:
        yield Violation("status", "infeasible", "there is no plan, yet the solution holds one")


def _overlap(one: Fixed, other: Fixed) -> bool:
    return one.start < other.end and other.start < one.end


def _check_partitions(problem: Problem, solution: Solution) -> Iterator[Violation]:
    """Each demand is placed or unplaced; each booking is moved, displaced or neither; none twice or unknown."""
    demands = [demand.id for demand in problem.demands]
    named = [item.demand for item in solution.placed] + list(solution.unplaced)
    gone = [item.booking for item in solution.moved] + list(solution.displaced)
    yield from _check_names("demand", named, set(demands))
    yield from _check_names("booking", gone, {booking.id for booking in problem.movable})
    yield from _check_names(
        "surge", {item.surge for item in solution.campaigns}, {surge.id for surge in problem.surges}
    )
    for demand in sorted(set(demands) - set(named)):
        yield Violation("demand", demand, "is neither placed nor unplaced")


def _check_names(rule: str, named: Iterable[str], known: set[str]) -> Iterator[Violation]:
    for name, times in Counter(named).items():
        if name not in known:
            yield Violation(rule, name, "is not in the problem, or not as such")
        if times > 1:
            yield Violation(rule, name, f"is named {times} times")


def _check_options(problem: Problem, solution: Solution) -> Iterator[Violation]:
    demands = {demand.id: demand.options for demand in problem.demands}
    bookings = {booking.id: booking.options for booking in problem.movable}
    surges = {surge.id: surge.options for surge in problem.surges}
    periods = {window.id: (window.start, window.end) for window in problem.windows}
    for placed in solution.placed:
        yield from _check_option(placed.demand, placed, demands.get(placed.demand, ()), periods)
    for moved in solution.moved:
        yield from _check_option(moved.booking, moved, bookings.get(moved.booking, ()), periods)
    for campaign in solution.campaigns:
        yield from _check_option(campaign.surge, campaign, surges.get(campaign.surge, ()), periods)


def _check_option(
    subject: str,
    item: Placed | Moved | Campaign,
    options: Sequence[Option | SurgeOption],
    periods: dict[str, tuple[int, int]],
) -> Iterator[Violation]:
    if not 0 <= item.option < len(options):
        yield Violation("option", subject, f"has {len(options)} options, none with index {item.option}")
        return
    option = options[item.option]
    start, end = periods[option.window]
    if item.window != option.window:
        yield Violation("window", subject, f"is in {item.window!r}; its option is in {option.window!r}")
    if item.end - item.start != option.duration:
        yield Violation("duration", subject, f"takes {item.end - item.start} days, not {option.duration}")
    if not option.earliest <= item.start <= option.latest:
        yield Violation("start", subject, f"starts on day {item.start}, not in [{option.earliest}, {option.latest}]")
    if not start <= item.start < item.end <= end:
        yield Violation("period", subject, f"[{item.start}, {item.end}) is not inside [{start}, {end})")


def _check_overlaps(problem: Problem, solution: Solution) -> Iterator[Violation]:
    plan = plan_of(solution)
    kept: list[Fixed | Movable] = [*problem.fixed, *(b for b in problem.movable if keeps(plan, b))]
    stretches = [(item.window, item.start, item.end, f"booking {item.id}") for item in kept]
    stretches += [(i.window, i.start, i.end, f"booking {i.booking}") for i in solution.moved]
    stretches += [(i.window, i.start, i.end, f"demand {i.demand}") for i in solution.placed]
    stretches += [(i.window, i.start, i.end, f"campaign of {i.surge}") for i in solution.campaigns]
    for window, one, other in _overlaps(stretches):
        detail = f"{one[2]} [{one[0]}, {one[1]}) and {other[2]} [{other[0]}, {other[1]})"
        yield Violation("overlap", window, detail)


def _check_caps(problem: Problem, solution: Solution) -> Iterator[Violation]:
    party_of = {demand.id: demand.party for demand in problem.demands}
    count: Counter[str] = Counter()
    days: Counter[str] = Counter()
    for item in solution.placed:
        count[party_of[item.demand]] += 1
        days[party_of[item.demand]] += item.end - item.start
    caps = problem.caps
    for party in sorted(count):
        if caps.per_party is not None and count[party] > caps.per_party:
            yield Violation("per_party", party, f"has {count[party]} placed, more than {caps.per_party}")
        if caps.days_per_party is not None and days[party] > caps.days_per_party:
            yield Violation("days_per_party", party, f"has {days[party]} days, more than {caps.days_per_party}")


def _check_limits(problem: Problem, solution: Solution) -> Iterator[Violation]:
    plan = plan_of(solution)
    for objective, most in problem.limits.items():
        reached = value(problem, plan, objective)
        if reached > most:
            yield Violation("limit", objective, f"is {reached}, more than {most}")


def _check_levels(problem: Problem, solution: Solution) -> Iterator[Violation]:
    named = tuple(level.objective for level in solution.levels)
    if named != problem.objectives:
        yield Violation("levels", ", ".join(named), f"must be {', '.join(problem.objectives)}")
        return
    plan = plan_of(solution)
    for level in solution.levels:
        reached = value(problem, plan, level.objective)
        if level.value != reached:
            yield Violation("value", level.objective, f"is given as {level.value}, and is {reached}")
        passed = level.value > level.bound if is_maximised(level.objective) else level.value < level.bound
        if passed:
            yield Violation("bound", level.objective, f"{level.bound} is on the wrong side of {level.value}")
        if level.proven != (level.value == level.bound):
            yield Violation("proven", level.objective, f"is {level.proven} at {level.value} of {level.bound}")
    best = all(level.proven for level in solution.levels)
    if (solution.status == "optimal") != best:
        yield Violation("status", solution.status, f"every level proven: {best}")
