"""The one entry: why a plan has a demand or a booking where it is, or nowhere."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

from scheduler.executors import SolverPool
from scheduler.explanation.explanation import Explanation
from scheduler.explanation.part import Part
from scheduler.explanation.places import Occupancy, place_of
from scheduler.explanation.reasons import refusals
from scheduler.explanation.relaxing import Relaxed, Relaxing
from scheduler.explanation.statements import Facts, Holder, Place, Statement, Who
from scheduler.explanation.subjects import Keeping, Placing, Wish, who_is
from scheduler.explanation.trial import Effort, Trial
from scheduler.fields import FieldError, require
from scheduler.plan import Plan, plan_of
from scheduler.problem import Demand, Movable, Problem
from scheduler.solution import Solution
from scheduler.verify import violations

OUSTING_SHARE, NEAR_SHARE = 0.2, 0.5
# Writing the answer, and a solver that ends a little late.
CLOSING_SECONDS = 0.5


def explain(
    problem: Problem,
    solution: Solution,
    subject: str,
    *,
    seconds: float = 5.0,
    seed: int = 1,
    workers: int = 1,
    reasons: Sequence[Mapping[str, Any]] = (),
    relaxed: Sequence[Relaxed] = (),
    executor: Executor | None = None,
) -> Explanation:
    """Return why the subject is where the solution has it, every statement checked by solving.

    Parameters
    ----------
    problem, solution : Problem, Solution
        The plan and what it is a plan of.
    subject : str
        A demand or a movable booking; where both have that identifier, the demand.
    seconds : float
        Wall time for all of it. What it does not suffice to prove is said to be found, not proven.
    seed, workers, executor
        As for `scheduler.solve.solve`.
    reasons : sequence of mapping
        For a demand without any option, why no window can take it: `code` and, as far as there are any, `asked`,
        `offered`, `place` (reasons of one place belong together) and `text` by language.
    relaxed : sequence of Relaxed
        For a demand without a place: options that it would have if something were changed.

    Raises
    ------
    FieldError
        The problem has no such demand or booking, the solution is not one of the problem, or a reason or a relaxed
        option is malformed.
    EngineError
        The solver failed, or a process of it died.
    """
    began = time.time()
    require(seconds > 0, "seconds", f"must be above 0, not {seconds}")
    chosen = _subject(problem, subject)
    _check_solution(problem, solution)
    deadline = began + max(seconds - CLOSING_SECONDS, seconds / 2)
    with SolverPool(workers if executor is None else 1) as pool:
        if executor is None:
            pool.wait_until_loaded()
        effort = Effort(deadline, seed, workers, executor or pool.executor)
        statements = tuple(_Case(problem, solution, chosen, effort, reasons, relaxed).statements())
    return Explanation(problem.origin, who_is(chosen), statements, round(time.time() - began, 3))


def _subject(problem: Problem, name: str) -> Demand | Movable:
    askers: tuple[Demand | Movable, ...] = (*problem.demands, *problem.movable)
    found = next((one for one in askers if one.id == name), None)
    if found is None:
        fixed = any(one.id == name for one in problem.fixed)
        rule = "is a fixed booking, which stays where it is" if fixed else "is no demand or movable booking"
        raise FieldError("subject", f"{name!r} {rule} of the problem")
    return found


def _check_solution(problem: Problem, solution: Solution) -> None:
    require(solution.status != "infeasible", "solution.status", "there is no plan to explain")
    if broken := violations(problem, solution):
        raise FieldError("solution", f"is not one of the problem: {broken[0]}")


@dataclass(frozen=True, slots=True)
class _Case:
    """One subject in one plan."""

    problem: Problem
    solution: Solution
    subject: Demand | Movable
    effort: Effort
    reasons: Sequence[Mapping[str, Any]]
    relaxed: Sequence[Relaxed]

    @property
    def who(self) -> Who:
        return who_is(self.subject)

    @property
    def plan(self) -> Plan:
        return plan_of(self.solution)

    def statements(self) -> Iterator[Statement]:
        """Yield the statements in the order to read them."""
        if isinstance(self.subject, Movable):
            yield from self._booking(self.subject)
        elif self.subject.id in self.plan.placed:
            yield from self._placed(self.subject)
        else:
            yield from self._unplaced(self.subject)
        if still_open := tuple(level.objective for level in self.solution.levels if not level.proven):
            yield Statement("plan_not_proven", Facts(objectives=still_open))

    def _unplaced(self, demand: Demand) -> Iterator[Statement]:
        yield Statement("unplaced", Facts(who=self.who))
        occupancy = Occupancy(self.problem, self.plan, demand)
        in_the_way = [occupancy.against(demand, index) for _, index in _ranked(demand)]
        if demand.options:
            yield from self._tried([(Placing(demand, frozenset(range(len(demand.options)))), None)])
        else:
            yield Statement("no_option", Facts(who=self.who))
            yield from (Statement("reason", Facts(refusal=one)) for one in refusals(self.reasons))
        if all(one.code != "place_free" for one in in_the_way):
            yield from self._nearest(Relaxing(occupancy, demand, self.relaxed))
        yield from in_the_way

    def _nearest(self, relaxing: Relaxing) -> Iterator[Statement]:
        nearest = list(relaxing.nearest())
        yield from (Statement("nearest", Facts(who=self.who, nearest=one)) for one in nearest)
        if not nearest:
            yield Statement("nearest_none", Facts(who=self.who))

    def _placed(self, demand: Demand) -> Iterator[Statement]:
        choice = self.plan.placed[demand.id]
        taken = demand.options[choice.option]
        yield Statement("placed", Facts(who=self.who, place=place_of(taken, choice.option, choice.start)))
        better = [index for rank, index in _ranked(demand) if rank < taken.rank]
        if not better:
            yield Statement("best_place", Facts(who=self.who))
            return
        occupancy = Occupancy(self.problem, self.plan, demand)
        in_the_way = [occupancy.against(demand, index) for index in better]
        wishes = [
            (Placing(demand, frozenset({index})), one.data.place) for index, one in zip(better, in_the_way, strict=True)
        ]
        for one, result in zip(in_the_way, self._tried(wishes), strict=True):
            yield one
            yield result

    def _booking(self, booking: Movable) -> Iterator[Statement]:
        choice = self.plan.moved.get(booking.id)
        if choice is None and booking.id not in self.plan.displaced:
            yield Statement("kept", Facts(who=self.who, place=_own_place(booking)))
            return
        if choice is None:
            yield Statement("displaced", Facts(who=self.who, place=_own_place(booking)))
        else:
            moved_to = place_of(booking.options[choice.option], choice.option, choice.start)
            yield Statement("moved", Facts(who=self.who, place=moved_to))
        holders = self._holders_of(booking)
        code = "place_held" if holders else "place_free"
        yield Statement(code, Facts(place=_own_place(booking), holders=holders or None))
        yield from self._tried([(Keeping(booking), _own_place(booking))])

    def _holders_of(self, booking: Movable) -> tuple[Holder, ...]:
        occupancy = Occupancy(self.problem, self.plan, booking)
        return occupancy.holders(booking.window, booking.start, booking.end)

    def _tried(self, wishes: Sequence[tuple[Wish, Place | None]]) -> Iterator[Statement]:
        """Yield what each wish would cost: all are tried near the plan before any is at large."""
        part = Part(self.problem, self.solution, self.subject)
        trials = [Trial(part, wish, self.effort) for wish, _ in wishes]
        searches = (
            (Trial.oust, OUSTING_SHARE),
            (Trial.look_near, NEAR_SHARE),
            (Trial.look_near, NEAR_SHARE),
            (Trial.look_everywhere, 1.0),
        )
        for search, share in searches:
            until = time.time() + share * self.effort.left()
            for waiting, trial in zip(range(len(trials), 0, -1), trials, strict=True):
                search(trial, (until - time.time()) / waiting)
        yield from (_verdict(trial, place) for trial, (_, place) in zip(trials, wishes, strict=True))


def _ranked(demand: Demand) -> list[tuple[int, int]]:
    """Return the rank and the index of each option, best first."""
    return sorted((option.rank, index) for index, option in enumerate(demand.options))


def _own_place(booking: Movable) -> Place:
    return Place(booking.window, booking.end - booking.start, booking.start, booking.start)


def _verdict(trial: Trial, place: Place | None) -> Statement:
    """Return what the trial found, as far as it found anything."""
    who = trial.wish.who
    verdict = trial.verdict()
    if verdict is None:
        return Statement("impossible" if trial.excluded else "not_found", Facts(who=who, place=place))
    code = "would_cost" if verdict.gain < 0 else "would_gain" if verdict.gain else "would_tie"
    proven = verdict.proven if verdict.gain < 0 else None
    return Statement(code, Facts(who, place, levels=verdict.levels, changes=verdict.changes, proven=proven))
