"""Who is where in a plan."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from scheduler.explanation.statements import Who
from scheduler.explanation.subjects import who_is
from scheduler.plan import Plan, keeps
from scheduler.problem import Option, Problem, SurgeOption


class Held(NamedTuple):
    """A stretch ``[start, end)`` of a window, and whose it is."""

    who: Who
    window: str
    start: int
    end: int

    def meets(self, other: Held) -> bool:
        """Say whether the two overlap."""
        return self.window == other.window and self.start < other.end and other.start < self.end


def stretches(problem: Problem, plan: Plan) -> Iterator[Held]:
    """Yield every stretch that is taken: by fixed bookings, movable ones, demands, and campaigns."""
    for fixed in problem.fixed:
        yield Held(Who("fixed", fixed.id), fixed.window, fixed.start, fixed.end)
    for booking in problem.movable:
        if choice := plan.moved.get(booking.id):
            yield held_by(who_is(booking), booking.options[choice.option], choice.start)
        elif keeps(plan, booking):
            yield Held(who_is(booking), booking.window, booking.start, booking.end)
    for demand in problem.demands:
        if choice := plan.placed.get(demand.id):
            yield held_by(who_is(demand), demand.options[choice.option], choice.start)
    surges = {surge.id: surge for surge in problem.surges}
    for run in plan.runs:
        yield held_by(Who("campaign", run.surge), surges[run.surge].options[run.option], run.start)


def held_by(who: Who, option: Option | SurgeOption, start: int) -> Held:
    """Return the stretch that an option takes from a start day."""
    return Held(who, option.window, start, start + option.duration)
