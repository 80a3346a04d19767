"""What is free and allowed as a plan stands, and what one more placement, or one exchange, would change.

All it asks of a plan is that it passes the checker. An option's earliest free start is always the one to look at:
caps do not depend on the day, and no limited objective falls when a start is later.
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from scheduler.certificate.report import Change
from scheduler.objectives import displacing_value, moving_term, placing_term, value
from scheduler.occupancy import Calendar, Stretch
from scheduler.plan import Plan, keeps
from scheduler.problem import Demand, Movable, Problem


class Entry(NamedTuple):
    """An unplaced demand on one of its options, the plan otherwise as it is but for a placed demand taken out."""

    demand: Demand
    option: int
    start: int
    instead: Demand | None = None


class Room:
    """The calendar of a plan, its parties' shares and its objectives' values."""

    def __init__(self, problem: Problem, plan: Plan) -> None:
        self.problem, self.plan = problem, plan
        self.calendar = Calendar(problem)
        self.values = {name: value(problem, plan, name) for name in {*problem.objectives, *problem.limits}}
        self.holders: dict[tuple[str, int], Demand] = {}
        self._count: Counter[str] = Counter()
        self._days: Counter[str] = Counter()
        self._take_bookings()
        self._take_demands()
        surges = {surge.id: surge.options for surge in problem.surges}
        for run in plan.runs:
            work = surges[run.surge][run.option]
            self._take(work.window, run.start, work.duration)

    def admits(self, entry: Entry) -> bool:
        """Say whether caps and limits allow the entry; whether its days are free is the caller's to know."""
        return self.admits_by_caps(entry) and all(
            self.values[name] + self._change(name, entry) <= most for name, most in self.problem.limits.items()
        )

    def admits_by_caps(self, entry: Entry) -> bool:
        """Say whether the caps of the entry's party allow it."""
        caps, party = self.problem.caps, entry.demand.party
        count, days = self._count[party] + 1, self._days[party] + entry.demand.options[entry.option].duration
        if entry.instead is not None and entry.instead.party == party:
            count, days = count - 1, days - self._duration(entry.instead)
        return (caps.per_party is None or count <= caps.per_party) and (
            caps.days_per_party is None or days <= caps.days_per_party
        )

    def entry(self, demand: Demand) -> Entry | None:
        """Return where an unplaced demand fits as things stand, on its best-ranked option, None if nowhere."""
        for index in sorted(range(len(demand.options)), key=lambda index: (demand.options[index].rank, index)):
            start = self.calendar.first_start(demand.options[index])
            if start is not None and self.admits(Entry(demand, index, start)):
                return Entry(demand, index, start)
        return None

    def effect(self, entry: Entry) -> tuple[Change, ...]:
        """Return what the entry would change in the objectives, in their order."""
        return self.changes({name: self._change(name, entry) for name in self.problem.objectives})

    def changes(self, differences: dict[str, int]) -> tuple[Change, ...]:
        """Return the objectives that differences change, in their order."""
        return tuple(
            Change(name, self.values[name], self.values[name] + differences[name])
            for name in self.problem.objectives
            if differences[name]
        )

    def affords(self, differences: dict[str, int]) -> bool:
        """Say whether the limits allow these differences, given by objective."""
        return all(self.values[name] + differences[name] <= most for name, most in self.problem.limits.items())

    def return_of(self, booking: Movable, index: int, start: int) -> dict[str, int]:
        """Return what a displaced booking adds to each objective when it takes one of its options."""
        return {
            name: moving_term(name, booking, index).at(start) - displacing_value(name, booking) for name in self.values
        }

    def _change(self, name: str, entry: Entry) -> int:
        demand, index, start, instead = entry
        if name == "surge_output":
            return 0
        if name == "parties":
            if instead is not None and instead.party == demand.party:
                return 0
            leaves = instead is not None and self._count[instead.party] == 1
            return int(self._count[demand.party] == 0) - int(leaves)
        more = placing_term(name, demand, index).at(start)
        if instead is None:
            return more
        choice = self.plan.placed[instead.id]
        return more - placing_term(name, instead, choice.option).at(choice.start)

    def _duration(self, demand: Demand) -> int:
        return demand.options[self.plan.placed[demand.id].option].duration

    def _take(self, window: str, start: int, duration: int) -> None:
        self.calendar.take(window, Stretch(start, start + duration, ""))

    def _take_bookings(self) -> None:
        for booking in self.problem.movable:
            if keeps(self.plan, booking):
                self._take(booking.window, booking.start, booking.end - booking.start)
            elif choice := self.plan.moved.get(booking.id):
                option = booking.options[choice.option]
                self._take(option.window, choice.start, option.duration)

    def _take_demands(self) -> None:
        for demand in self.problem.demands:
            if choice := self.plan.placed.get(demand.id):
                option = demand.options[choice.option]
                self._take(option.window, choice.start, option.duration)
                self.holders[option.window, choice.start] = demand
                self._count[demand.party] += 1
                self._days[demand.party] += option.duration
