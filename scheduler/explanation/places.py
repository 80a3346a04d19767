"""Who is where in a plan, and what stands in the way of a place as things are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from scheduler.explanation.statements import Ceiling, Facts, Holder, Place, Statement, Who
from scheduler.explanation.stretches import stretches
from scheduler.objectives import value
from scheduler.occupancy import Calendar, Stretch, start_range
from scheduler.plan import Choice, Plan
from scheduler.problem import Demand, Movable, Option, Problem


class Occupancy:
    """Every window of a plan, without the subject."""

    def __init__(self, problem: Problem, plan: Plan, subject: Demand | Movable) -> None:
        self.problem, self.plan = problem, without(plan, subject)
        self.calendar = Calendar(replace(problem, fixed=()))
        self._who: dict[str, Who] = {}
        for held in stretches(problem, self.plan):
            name = str(len(self._who))
            self._who[name] = held.who
            self.calendar.take(held.window, Stretch(held.start, held.end, name))

    def holders(self, window: str, start: int, end: int) -> tuple[Holder, ...]:
        """Return who overlaps ``[start, end)``, in order."""
        stretches = self.calendar.holders(window, start, end)
        return tuple(Holder(self._who[one.holder], one.start, one.end) for one in stretches)

    def free_stretches(self, window: str) -> Iterator[tuple[int, int]]:
        """Yield the stretches of a window that nobody has, in order."""
        start, end = self.calendar.spans[window]
        for taken in self.calendar.holders(window, start, end):
            if start < taken.start:
                yield start, taken.start
            start = taken.end
        if start < end:
            yield start, end

    def with_placed(self, demand: Demand, choice: Choice) -> Plan:
        """Return the plan with the demand there and everyone else where they are."""
        return replace(self.plan, placed={**self.plan.placed, demand.id: choice})

    def against(self, demand: Demand, index: int) -> Statement:
        """Return what is in the way of the demand's option as things are."""
        option = demand.options[index]
        place = place_of(option, index)
        first, last = start_range(self.calendar.spans, option)
        if first > last:
            return Statement("place_unfit", Facts(place=place))
        place = replace(place, first=first, last=last)
        start = self.calendar.first_start(option)
        if start is None:
            return Statement(
                "place_held", Facts(place=place, holders=self.holders(place.window, first, last + option.duration))
            )
        place = replace(place, first=start)
        ceilings = ceilings_over(self.problem, demand, self.with_placed(demand, Choice(index, start)))
        if ceilings:
            return Statement("place_capped", Facts(place=place, ceilings=ceilings))
        return Statement("place_free", Facts(place=place))


def without(plan: Plan, subject: Demand | Movable) -> Plan:
    """Return the plan in which the subject is nowhere."""
    if isinstance(subject, Demand):
        return replace(plan, placed={name: choice for name, choice in plan.placed.items() if name != subject.id})
    moved = {name: choice for name, choice in plan.moved.items() if name != subject.id}
    return replace(plan, moved=moved, displaced=plan.displaced | {subject.id})


def place_of(option: Option, index: int, start: int | None = None) -> Place:
    """Return an option as a place, or the place that it is with a start day."""
    first, last = (option.earliest, option.latest) if start is None else (start, start)
    return Place(option.window, option.duration, first, last, index, option.rank)


def ceilings_over(problem: Problem, demand: Demand, plan: Plan) -> tuple[Ceiling, ...]:
    """Return the caps of the demand's party and the limits that the plan passes."""
    choices = [
        one.options[plan.placed[one.id].option]
        for one in problem.demands
        if one.party == demand.party and one.id in plan.placed
    ]
    caps = problem.caps
    amounts: Sequence[tuple[str, int, int | None]] = [
        ("per_party", len(choices), caps.per_party),
        ("days_per_party", sum(option.duration for option in choices), caps.days_per_party),
        *((name, value(problem, plan, name), most) for name, most in problem.limits.items()),
    ]
    return tuple(Ceiling(name, reached, most) for name, reached, most in amounts if most is not None and reached > most)
