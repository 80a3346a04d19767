"""A plan under construction, one decision at a time: nothing it accepts overlaps, passes a cap or a limit."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from scheduler.objectives import campaign_value, displacing_value, moving_term, placing_term
from scheduler.occupancy import Calendar, Stretch
from scheduler.plan import Choice, Plan, Run
from scheduler.problem import Demand, Movable, Problem, Surge


class Draft:
    """Bookings in their places, and room for what is placed beside them.

    A movable booking that overlaps a fixed one, or a heavier movable one, moves to its first option with room, else
    is displaced: that much cannot be avoided, and may already pass a limit.
    """

    def __init__(self, problem: Problem, plan: Plan | None = None) -> None:
        self.problem = problem
        self.calendar = Calendar(problem)
        self.placed: dict[str, Choice] = {}
        self.runs: list[Run] = []
        self.moved: dict[str, Choice] = {}
        self.displaced: set[str] = set()
        self._count: dict[str, int] = defaultdict(int)
        self._days: dict[str, int] = defaultdict(int)
        self._spent: dict[str, int] = dict.fromkeys(problem.limits, 0)
        if plan is None:
            self.settle(self._crowded(problem.movable))
        else:
            self._adopt(plan)

    def _crowded(self, bookings: Iterable[Movable]) -> list[Movable]:
        """Keep bookings in their places, the heaviest first, and return those whose place is not free."""
        crowded: list[Movable] = []
        for booking in sorted(bookings, key=lambda booking: -booking.weight):
            if self.calendar.is_free(booking.window, booking.start, booking.end):
                self.calendar.take(booking.window, Stretch(booking.start, booking.end, booking.id))
            else:
                crowded.append(booking)
        return crowded

    def _adopt(self, plan: Plan) -> None:
        for booking in self.problem.movable:
            if choice := plan.moved.get(booking.id):
                self._move(booking, choice)
            elif booking.id in plan.displaced:
                self._displace(booking)
            else:
                self.calendar.take(booking.window, Stretch(booking.start, booking.end, booking.id))
        for demand in self.problem.demands:
            if choice := plan.placed.get(demand.id):
                self._put(demand, choice)
        surges = {surge.id: surge for surge in self.problem.surges}
        for run in plan.runs:
            self.run(surges[run.surge], run.option, run.start)

    def plan(self) -> Plan:
        """Return the plan as it stands."""
        return Plan(dict(self.placed), tuple(self.runs), dict(self.moved), frozenset(self.displaced))

    def place(self, demand: Demand) -> bool:
        """Place the demand on its best-ranked option with room, as early as it goes; say whether it was."""
        order = sorted(range(len(demand.options)), key=lambda index: (demand.options[index].rank, index))
        for index in order:
            option = demand.options[index]
            start = self.calendar.first_start(option)
            if start is None or not self._is_allowed(demand, index, start):
                continue
            self._put(demand, Choice(index, start))
            return True
        return False

    def campaign_costs(self, surge: Surge, index: int) -> list[tuple[str, int]]:
        """Return what one campaign adds to each limited objective."""
        return [(name, campaign_value(name, surge, index)) for name in self._spent]

    def run(self, surge: Surge, index: int, start: int) -> None:
        """Run a campaign on a free stretch that the limits allow."""
        option = surge.options[index]
        self.calendar.take(option.window, Stretch(start, start + option.duration, ""))
        self.runs.append(Run(surge.id, index, start))
        self._spend(self.campaign_costs(surge, index))

    def evict(self, bookings: Iterable[Movable]) -> None:
        """Free the places of bookings that keep theirs; each moves after the next call of `settle`."""
        for booking in bookings:
            self.calendar.release(booking.window, Stretch(booking.start, booking.end, booking.id))

    def settle(self, bookings: Iterable[Movable]) -> None:
        """Give evicted bookings the first of their options with room, or displace them."""
        for booking in sorted(bookings, key=lambda booking: -booking.weight):
            self._rehome(booking)

    def recall(self) -> None:
        """Give displaced bookings back their places, or one of their options, where there is room."""
        gone = [booking for booking in self.problem.movable if booking.id in self.displaced]
        for booking in gone:
            self.displaced.remove(booking.id)
            self._spend((name, -displacing_value(name, booking)) for name in self._spent)
        self.settle(self._crowded(gone))

    def affords(self, costs: Iterable[tuple[str, int]]) -> bool:
        """Say whether the limits leave room for these costs, given by objective."""
        return all(self._spent[name] + cost <= self.problem.limits[name] for name, cost in costs)

    def _spend(self, costs: Iterable[tuple[str, int]]) -> None:
        for name, cost in costs:
            self._spent[name] += cost

    def _is_allowed(self, demand: Demand, index: int, start: int) -> bool:
        caps, option = self.problem.caps, demand.options[index]
        if caps.per_party is not None and self._count[demand.party] >= caps.per_party:
            return False
        days = self._days[demand.party] + option.duration
        if caps.days_per_party is not None and days > caps.days_per_party:
            return False
        return self.affords((name, placing_term(name, demand, index).at(start)) for name in self._spent)

    def _rehome(self, booking: Movable) -> None:
        for index, option in enumerate(booking.options):
            start = self.calendar.first_start(option)
            if start is None:
                continue
            costs = [(name, moving_term(name, booking, index).at(start)) for name in self._spent]
            if self.affords(costs):
                self._move(booking, Choice(index, start))
                return
        self._displace(booking)

    def _put(self, demand: Demand, choice: Choice) -> None:
        index, start = choice
        option = demand.options[index]
        self.calendar.take(option.window, Stretch(start, start + option.duration, demand.id))
        self.placed[demand.id] = choice
        self._count[demand.party] += 1
        self._days[demand.party] += option.duration
        self._spend((name, placing_term(name, demand, index).at(start)) for name in self._spent)

    def _move(self, booking: Movable, choice: Choice) -> None:
        index, start = choice
        option = booking.options[index]
        self.calendar.take(option.window, Stretch(start, start + option.duration, booking.id))
        self.moved[booking.id] = choice
        self._spend((name, moving_term(name, booking, index).at(start)) for name in self._spent)

    def _displace(self, booking: Movable) -> None:
        self.displaced.add(booking.id)
        self._spend((name, displacing_value(name, booking)) for name in self._spent)
