"""One plain CP-SAT model: an optional interval per place, no overlap per window, at most one place per demand.

What a good engineer writes in an afternoon with OR-Tools, with no cuts, no decomposition and no start from a
baseline; a later level starts from the plan of the one before.

Source: OR-Tools, CP-SAT, "Scheduling": optional interval variables with `add_no_overlap`.
"""

from __future__ import annotations

import sys
import time
from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise

from ortools.sat.python import cp_model

from scheduler.problem import Problem, Surge, is_maximised
from tests.bench.engines.climb import Found, Settings, main, whole_bound
from tests.bench.engines.places import Kind, Owner, Place, all_places, displaced_terms, plan_of_places, sum_names

FOUND = (cp_model.OPTIMAL, cp_model.FEASIBLE)


@dataclass(frozen=True, slots=True)
class Taking:
    """The decision to take a place; without the literal the start is the earliest."""

    place: Place
    is_taken: cp_model.IntVar
    start: cp_model.LinearExprT


class PlainModel:
    """The whole problem in one model, its objectives as expressions over the places."""

    def __init__(self, problem: Problem, settings: Settings) -> None:
        self.problem, self.settings = problem, settings
        self.levels = len(problem.objectives)
        self.model = cp_model.CpModel()
        self.takings = [self._taking(place) for place in all_places(problem) for _ in range(_copies(place))]
        self._in_order()
        self.by_owner: defaultdict[Owner, list[Taking]] = defaultdict(list)
        for taking in self.takings:
            self.by_owner[taking.place.owner].append(taking)
        self.displaced = {booking.id: self.model.new_bool_var("") for booking in problem.movable}
        self._no_overlap()
        self._one_place_each()
        self._caps()
        self.amounts = self._amounts()
        for name, most in problem.limits.items():
            self.model.add(self.amounts[name] <= most)

    def best(self, objective: str, seconds: float) -> Found:
        """Optimise one objective, the held ones at least as good as they were."""
        if time.monotonic() >= self.settings.deadline:
            return Found(None, None)
        if is_maximised(objective):
            self.model.maximize(self.amounts[objective])
        else:
            self.model.minimize(self.amounts[objective])
        solver = cp_model.CpSolver()
        solver.parameters.max_time_in_seconds = seconds
        solver.parameters.num_workers = self.settings.workers
        solver.parameters.random_seed = self.settings.seed
        if solver.solve(self.model) not in FOUND:
            return Found(None, None)
        self._start_from(solver)
        taken = [(one.place, solver.value(one.start)) for one in self.takings if solver.boolean_value(one.is_taken)]
        plan = plan_of_places(self.problem, taken)
        return Found(plan, whole_bound(objective, solver.best_objective_bound))

    def hold(self, objective: str, reached: int) -> None:
        """Let no later plan be worse than this."""
        amount = self.amounts[objective]
        self.model.add(amount >= reached if is_maximised(objective) else amount <= reached)

    def _taking(self, place: Place) -> Taking:
        is_taken = self.model.new_bool_var("")
        if place.earliest == place.latest:
            return Taking(place, is_taken, place.earliest)
        start = self.model.new_int_var(place.earliest, place.latest, "")
        if any(term.per_day for term in place.terms):
            self.model.add(start == place.earliest).only_enforce_if(~is_taken)
        return Taking(place, is_taken, start)

    def _in_order(self) -> None:
        """Take the copies of one place one after the other, the first first: they are all alike."""
        for one, other in pairwise(self.takings):
            if one.place is other.place:
                self.model.add_implication(other.is_taken, one.is_taken)
                self.model.add(other.start >= one.start + one.place.duration).only_enforce_if(other.is_taken)

    def _no_overlap(self) -> None:
        intervals: defaultdict[str, list[cp_model.IntervalVar]] = defaultdict(list)
        for booking in self.problem.fixed:
            duration = booking.end - booking.start
            intervals[booking.window].append(self.model.new_fixed_size_interval_var(booking.start, duration, ""))
        for taking in self.takings:
            interval = self.model.new_optional_fixed_size_interval_var(
                taking.start, taking.place.duration, taking.is_taken, ""
            )
            intervals[taking.place.window].append(interval)
        for of_window in intervals.values():
            self.model.add_no_overlap(of_window)

    def _one_place_each(self) -> None:
        for demand in self.problem.demands:
            self.model.add_at_most_one(taking.is_taken for taking in self.by_owner["demand", demand.id])
        for booking in self.problem.movable:
            places = [taking.is_taken for taking in self.by_owner["booking", booking.id]]
            self.model.add_exactly_one([*places, self.displaced[booking.id]])

    def _caps(self) -> None:
        caps = self.problem.caps
        for of_party in self._by_party().values() if caps.bind else ():
            literals = [taking.is_taken for taking in of_party]
            if caps.per_party is not None:
                self.model.add(sum(literals) <= caps.per_party)
            if caps.days_per_party is not None:
                days = [taking.place.duration for taking in of_party]
                self.model.add(cp_model.LinearExpr.weighted_sum(literals, days) <= caps.days_per_party)

    def _by_party(self) -> dict[str, list[Taking]]:
        by_party: defaultdict[str, list[Taking]] = defaultdict(list)
        for demand in self.problem.demands:
            by_party[demand.party] += self.by_owner["demand", demand.id]
        return by_party

    def _amounts(self) -> dict[str, cp_model.LinearExprT]:
        amounts: dict[str, cp_model.LinearExprT] = {
            name: self._sum(position) for position, name in enumerate(sum_names(self.problem))
        }
        if "parties" in self.problem.objectives:
            amounts["parties"] = self._parties()
        if "surge_output" in self.problem.objectives:
            amounts["surge_output"] = cp_model.LinearExpr.sum(
                [reached for surge in self.problem.surges for reached in self._targets(surge)]
            )
        return amounts

    def _sum(self, position: int) -> cp_model.LinearExprT:
        expressions: list[cp_model.LinearExprT] = []
        factors: list[int] = []
        for taking in self.takings:
            term, earliest = taking.place.terms[position], taking.place.earliest
            if amount := term.at(earliest):
                expressions.append(taking.is_taken)
                factors.append(amount)
            if term.per_day and taking.place.latest > earliest:
                expressions.append(taking.start - earliest)
                factors.append(term.per_day)
        for booking in self.problem.movable:
            expressions.append(self.displaced[booking.id])
            factors.append(displaced_terms(self.problem, booking)[position])
        return cp_model.LinearExpr.weighted_sum(expressions, factors)

    def _parties(self) -> cp_model.LinearExprT:
        served = []
        for of_party in self._by_party().values():
            served.append(self.model.new_bool_var(""))
            self.model.add_bool_or([*(taking.is_taken for taking in of_party), ~served[-1]])
        return cp_model.LinearExpr.sum(served)

    def _targets(self, surge: Surge) -> list[cp_model.IntVar]:
        """Return what counts of each target: at most its quantity, at most what is available in time."""
        counted = []
        for target in surge.targets:
            counted.append(self.model.new_int_var(0, target.quantity, ""))
            in_time: list[cp_model.IntVar] = []
            outputs: list[int] = []
            for taking in self.by_owner["surge", surge.id]:
                for batch in surge.options[taking.place.option].batches:
                    in_time.append(self.model.new_bool_var(""))
                    outputs.append(batch.output)
                    self.model.add_implication(in_time[-1], taking.is_taken)
                    self.model.add(taking.start + batch.after <= target.by).only_enforce_if(in_time[-1])
            self.model.add(counted[-1] <= cp_model.LinearExpr.weighted_sum(in_time, outputs))
        return counted

    def _start_from(self, solver: cp_model.CpSolver) -> None:
        self.model.clear_hints()  # type: ignore[no-untyped-call]
        for index in range(len(self.model.proto.variables)):
            variable = self.model.get_int_var_from_proto_index(index)
            self.model.add_hint(variable, solver.value(variable))


def _copies(place: Place) -> int:
    """Return how often a place can be taken: once, but for a surge as often as campaigns fit one after the other."""
    if place.kind is not Kind.RUN:
        return 1
    return (place.latest + place.duration - place.earliest) // place.duration


if __name__ == "__main__":
    sys.exit(main("CP-SAT", PlainModel))
