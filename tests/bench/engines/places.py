"""What the textbook models choose from: every place that a demand, a booking or a surge could take.

Nothing here knows the engine: only the problem, and the definitions of the objectives.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from scheduler.objectives import NOTHING, Term, campaign_value, displacing_value, moving_term, placing_terms
from scheduler.plan import Choice, Plan, Run
from scheduler.problem import Movable, Option, Problem, SurgeOption, Window

NOT_SUMS = frozenset({"surge_output", "parties"})


Owner = tuple[str, str]
"""``demand``, ``booking`` or ``surge``, and an identifier: the three may share names."""


class Kind(Enum):
    """What taking a place means."""

    PLACED = "a demand is placed"
    KEPT = "a booking stays where it is"
    MOVED = "a booking moves"
    RUN = "a surge runs a campaign"


_OWNERS = {Kind.PLACED: "demand", Kind.KEPT: "booking", Kind.MOVED: "booking", Kind.RUN: "surge"}


@dataclass(frozen=True, slots=True)
class Place:
    """A stretch of `duration` days in a window, to start in ``[earliest, latest]``, both included.

    Attributes
    ----------
    terms : tuple of Term
        What taking it adds to each name of `sum_names`, in that order.
    """

    kind: Kind
    name: str
    option: int
    window: str
    duration: int
    earliest: int
    latest: int
    terms: tuple[Term, ...]

    @property
    def owner(self) -> Owner:
        """Whose place it would be."""
        return _OWNERS[self.kind], self.name


def sum_names(problem: Problem) -> tuple[str, ...]:
    """Return the objectives and limits that are sums over the places taken."""
    return tuple(dict.fromkeys(name for name in (*problem.objectives, *problem.limits) if name not in NOT_SUMS))


def all_places(problem: Problem) -> list[Place]:
    """Return every place of the problem that fits into its window: demands, then bookings, then surges."""
    names = sum_names(problem)
    windows = {window.id: window for window in problem.windows}
    found: list[Place] = []
    for demand in problem.demands:
        by_name = [placing_terms(name, demand) for name in names]
        terms = list(zip(*by_name, strict=True)) if names else [()] * len(demand.options)
        found += _fitting(Kind.PLACED, demand.id, demand.options, windows, terms)
    for booking in problem.movable:
        found.append(_kept(booking, len(names)))
        terms = [tuple(moving_term(name, booking, i) for name in names) for i in range(len(booking.options))]
        found += _fitting(Kind.MOVED, booking.id, booking.options, windows, terms)
    for surge in problem.surges:
        terms = [tuple(Term(campaign_value(n, surge, i)) for n in names) for i in range(len(surge.options))]
        found += _fitting(Kind.RUN, surge.id, surge.options, windows, terms)
    return found


def displaced_terms(problem: Problem, booking: Movable) -> tuple[int, ...]:
    """Return what displacing the booking adds to each name of `sum_names`."""
    return tuple(displacing_value(name, booking) for name in sum_names(problem))


def plan_of_places(problem: Problem, taken: Iterable[tuple[Place, int]]) -> Plan:
    """Return the plan that takes these places on these start days; bookings without a place are displaced."""
    placed: dict[str, Choice] = {}
    moved: dict[str, Choice] = {}
    runs: list[Run] = []
    kept: set[str] = set()
    for place, start in taken:
        if place.kind is Kind.PLACED:
            placed[place.name] = Choice(place.option, start)
        elif place.kind is Kind.MOVED:
            moved[place.name] = Choice(place.option, start)
        elif place.kind is Kind.RUN:
            runs.append(Run(place.name, place.option, start))
        else:
            kept.add(place.name)
    gone = (booking.id for booking in problem.movable if booking.id not in kept and booking.id not in moved)
    return Plan(placed, tuple(sorted(runs)), moved, frozenset(gone))


def _fitting(
    kind: Kind,
    name: str,
    options: Sequence[Option | SurgeOption],
    windows: dict[str, Window],
    terms: Sequence[tuple[Term, ...]],
) -> Iterator[Place]:
    for index, option in enumerate(options):
        window = windows[option.window]
        earliest = max(option.earliest, window.start)
        latest = min(option.latest, window.end - option.duration)
        if earliest <= latest:
            yield Place(kind, name, index, option.window, option.duration, earliest, latest, terms[index])


def _kept(booking: Movable, names: int) -> Place:
    duration = booking.end - booking.start
    return Place(Kind.KEPT, booking.id, -1, booking.window, duration, booking.start, booking.start, (NOTHING,) * names)
