"""What one plan does to others than its subject, seen from another plan, with the needless differences undone."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from scheduler.explanation.statements import Change, Who
from scheduler.explanation.stretches import Held, stretches
from scheduler.explanation.subjects import who_is
from scheduler.plan import Choice, Plan, keeps, solution_of
from scheduler.problem import Problem
from scheduler.verify import violations

Standing = Callable[[Plan], tuple[int, ...]]


def stands(problem: Problem, plan: Plan) -> bool:
    """Say whether the checker finds nothing against the plan, its levels aside, which are not stated."""
    broken = violations(problem, solution_of(problem, plan, status="feasible"))
    return {violation.rule for violation in broken} <= {"levels"}


def changes(problem: Problem, before: Plan, after: Plan, subject: Who) -> tuple[Change, ...]:
    """Return what becomes of all but the subject, from one plan of the problem to another."""
    found = [*_demand_changes(problem, before, after), *_booking_changes(problem, before, after)]
    runs = Counter(run.surge for run in after.runs)
    runs.subtract(run.surge for run in before.runs)
    for surge, more in runs.items():
        found += [Change("added" if more > 0 else "dropped", Who("campaign", surge))] * abs(more)
    return tuple(change for change in found if change.who != subject)


def _demand_changes(problem: Problem, before: Plan, after: Plan) -> Iterator[Change]:
    for demand in problem.demands:
        old, new = before.placed.get(demand.id), after.placed.get(demand.id)
        if old != new:
            fate = "placed" if old is None else "unplaced" if new is None else "shifted"
            yield Change(fate, who_is(demand))


def _booking_changes(problem: Problem, before: Plan, after: Plan) -> Iterator[Change]:
    for booking in problem.movable:
        if _fate(before, booking.id) != _fate(after, booking.id):
            gone = booking.id in after.displaced
            fate = "displaced" if gone else "restored" if keeps(after, booking) else "moved"
            yield Change(fate, who_is(booking))


def _fate(plan: Plan, booking: str) -> Choice | str | None:
    return "displaced" if booking in plan.displaced else plan.moved.get(booking)


Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Tidier:
    """Takes back what a plan changes without need, until a time in seconds since the epoch."""

    problem: Problem
    given: Plan
    subject: Who
    standing: Standing
    until: float

    def tidied(self, plan: Plan) -> Plan:
        """Return a plan as good, nearer to the given one."""
        reached = self.standing(plan)
        again = True
        while again:
            again = False
            for group in self._groups(plan):
                if time.time() >= self.until:
                    return plan
                back = self._taken_back(plan, group)
                if stands(self.problem, back) and self.standing(back) >= reached:
                    plan, reached, again = back, self.standing(back), True
                    break
        return plan

    def _groups(self, plan: Plan) -> list[frozenset[Key]]:
        """Return what could be taken back together: all, or one change with those that are in its old place."""
        changed = {
            (change.who.kind, change.who.id or "")
            for change in changes(self.problem, self.given, plan, self.subject)
            if change.who.kind != "campaign"
        }
        old, new = (self._places(one, changed) for one in (self.given, plan))
        groups = [frozenset(changed), *(_closure(key, old, new) for key in sorted(changed))]
        return [group for group in dict.fromkeys(groups) if group]

    def _places(self, plan: Plan, keys: set[Key]) -> dict[Key, Held]:
        held = (((one.who.kind, one.who.id or ""), one) for one in stretches(self.problem, plan))
        return {key: one for key, one in held if key in keys}

    def _taken_back(self, plan: Plan, group: frozenset[Key]) -> Plan:
        demands = {name for kind, name in group if kind == "demand"}
        bookings = {name for kind, name in group if kind == "movable"}
        return replace(
            plan,
            placed=_as_before(plan.placed, self.given.placed, demands),
            moved=_as_before(plan.moved, self.given.moved, bookings),
            displaced=(plan.displaced - bookings) | (self.given.displaced & bookings),
        )


def _as_before(now: Mapping[str, Choice], before: Mapping[str, Choice], names: set[str]) -> dict[str, Choice]:
    rest = {name: choice for name, choice in now.items() if name not in names}
    return rest | {name: before[name] for name in names if name in before}


def _closure(key: Key, old: Mapping[Key, Held], new: Mapping[Key, Held]) -> frozenset[Key]:
    """Return a change with those that took its old place, those that took theirs, and so on."""
    group, waiting = {key}, [key]
    while waiting:
        place = old.get(waiting.pop())
        if place is not None:
            found = {other for other, held in new.items() if held.meets(place)}
            waiting += found - group
            group |= found
    return frozenset(group)
