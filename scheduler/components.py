"""Problems that share nothing, out of one: solved apart, they are right together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from scheduler.objectives import Term, campaign_value, displacing_value, moving_term, placing_terms
from scheduler.problem import Demand, Fixed, Movable, Problem, Surge, Window

Member = tuple[str, str]


class _Groups:
    """Disjoint sets of keys, joined pair by pair."""

    def __init__(self) -> None:
        self._number: dict[Hashable, int] = {}
        self._parent: list[int] = []

    def find(self, key: Hashable) -> int:
        """Return the number of the key's set."""
        parent = self._parent
        number = self._number.setdefault(key, len(parent))
        if number == len(parent):
            parent.append(number)
        while parent[number] != number:
            parent[number] = number = parent[parent[number]]
        return number

    def join(self, one: Hashable, other: Hashable) -> None:
        """Make one set of two."""
        self._parent[self.find(one)] = self.find(other)


def components(problem: Problem) -> list[Problem]:
    """Return the parts of a problem that no option, cap, limit, or surge links, in the order of the problem.

    Each has the windows, demands, bookings and surges of one part. Demands without an option, and windows that
    nothing asks for, are in none. One party's demands may be in several, unless there are caps.
    """
    groups = _Groups()
    for node, links in _links(problem, with_parties=problem.caps.bind):
        for link in links:
            groups.join(node, link)
    parts: dict[int, _Members] = defaultdict(_Members)
    _gather_askers(problem, groups, parts)
    for window in problem.windows:
        if members := parts.get(groups.find(("window", window.id))):
            members.windows.append(window)
    for fixed in problem.fixed:
        if members := parts.get(groups.find(("window", fixed.window))):
            members.fixed.append(fixed)
    return [members.problem_within(problem) for members in parts.values()]


def joined_by_party(parts: Sequence[Problem]) -> list[list[int]]:
    """Return the parts, by index, that must be together for each party to be in one only."""
    groups = _Groups()
    for index, part in enumerate(parts):
        groups.find(index)
        for demand in part.demands:
            groups.join(index, demand.party)
    together: dict[int, list[int]] = defaultdict(list)
    for index in range(len(parts)):
        together[groups.find(index)].append(index)
    return list(together.values())


def joined(parts: Sequence[Problem]) -> Problem:
    """Return one problem out of parts of the same."""
    return replace(
        parts[0],
        windows=tuple(window for part in parts for window in part.windows),
        fixed=tuple(booking for part in parts for booking in part.fixed),
        demands=tuple(demand for part in parts for demand in part.demands),
        movable=tuple(booking for part in parts for booking in part.movable),
        surges=tuple(surge for part in parts for surge in part.surges),
    )


def _gather_askers(problem: Problem, groups: _Groups, parts: dict[int, _Members]) -> None:
    for demand in problem.demands:
        if demand.options:
            parts[groups.find(("demand", demand.id))].demands.append(demand)
    for booking in problem.movable:
        parts[groups.find(("booking", booking.id))].movable.append(booking)
    for surge in problem.surges:
        if surge.options:
            parts[groups.find(("surge", surge.id))].surges.append(surge)


@dataclass(slots=True)
class _Members:
    """What belongs to one component, in the order of the problem."""

    windows: list[Window] = field(default_factory=list)
    fixed: list[Fixed] = field(default_factory=list)
    demands: list[Demand] = field(default_factory=list)
    movable: list[Movable] = field(default_factory=list)
    surges: list[Surge] = field(default_factory=list)

    def problem_within(self, whole: Problem) -> Problem:
        return replace(
            whole,
            windows=tuple(self.windows),
            fixed=tuple(self.fixed),
            demands=tuple(self.demands),
            movable=tuple(self.movable),
            surges=tuple(self.surges),
        )


def _links(problem: Problem, *, with_parties: bool) -> Iterator[tuple[Member, list[Member]]]:
    """Yield what must be solved together: each thing with its windows, its party, and the limits it spends."""
    for demand in problem.demands:
        node = ("demand", demand.id)
        yield node, [("window", option.window) for option in demand.options]
        if with_parties and demand.options:
            yield node, [("party", demand.party)]
        terms = [(name, term) for name in problem.limits for term in placing_terms(name, demand)]
        yield node, _limits(terms)
    for booking in problem.movable:
        node = ("booking", booking.id)
        yield node, [("window", booking.window), *(("window", option.window) for option in booking.options)]
        terms = [(name, moving_term(name, booking, i)) for i in range(len(booking.options)) for name in problem.limits]
        terms += [(name, Term(displacing_value(name, booking))) for name in problem.limits]
        yield node, _limits(terms)
    for surge in problem.surges:
        node = ("surge", surge.id)
        yield node, [("window", option.window) for option in surge.options]
        costs = [
            (name, Term(campaign_value(name, surge, i))) for i in range(len(surge.options)) for name in problem.limits
        ]
        yield node, _limits(costs)


def _limits(terms: list[tuple[str, Term]]) -> list[Member]:
    return [("limit", name) for name in dict.fromkeys(name for name, term in terms if any(term))]
