"""A wish tried: the best plans that grant it, near the given plan and at large."""

from __future__ import annotations

import time
from concurrent.futures import Executor
from dataclasses import dataclass

from scheduler.explanation.difference import Tidier, stands
from scheduler.explanation.ousting import ousting_plans
from scheduler.explanation.part import Bounds, Part
from scheduler.explanation.restriction import near
from scheduler.explanation.subjects import Placing, Wish
from scheduler.explanation.verdict import Verdict, depth_of, verdict_on
from scheduler.objectives import goodness
from scheduler.plan import Plan, plan_of
from scheduler.problem import Demand, Problem
from scheduler.solution import Solution
from scheduler.solve import NoPlan, solve

LEAST_SECONDS = 0.1
TIDYING_SECONDS = 0.5
LOSSES = frozenset({"unplaced", "displaced"})


@dataclass(frozen=True, slots=True)
class Effort:
    """How the problems of an explanation are solved, and when all must be over, in seconds since the epoch."""

    deadline: float
    seed: int = 1
    workers: int = 1
    executor: Executor | None = None

    def left(self) -> float:
        """Return the seconds left."""
        return self.deadline - time.time()

    def solution(self, problem: Problem, seconds: float) -> Solution:
        """Return the problem's best plan found in that time.

        Raises
        ------
        NoPlan
            No plan was found that respects the limits.
        """
        return solve(
            problem,
            time_limit_s=max(LEAST_SECONDS, min(seconds, self.left())),
            seed=self.seed,
            workers=self.workers,
            executor=self.executor,
        )


class Trial:
    """The search for the best plan that grants a wish.

    Attributes
    ----------
    plan : Plan or None
        The best found, of the component.
    excluded : bool
        Whether it is proven that there is none.
    """

    def __init__(self, part: Part, wish: Wish, effort: Effort) -> None:
        self.part, self.wish, self.effort = part, wish, effort
        self.plan: Plan | None = None
        self.excluded = False
        self._bounds = list(part.known)
        self._comparable = wish.comparable_levels(part.problem)
        self._looked = frozenset[str]()
        self._problem, self._given = part.with_parties_elsewhere()

    def oust(self, seconds: float) -> None:
        """Try plans that need no solver: whoever is in the way goes, then ousts others in turn while that is better."""
        until = time.time() + seconds
        best = self._best_of(self.part.plan, self.wish, None, until)
        again = best is not None
        while again and best is not None:
            again = False
            for loser in self._losers(best):
                better = self._best_of(best, Placing(loser, frozenset(range(len(loser.options)))), best, until)
                if better is not best:
                    best, again = better, True
                    break
        if best is not None:
            self._offer(best)

    def _best_of(self, plan: Plan, wish: Wish, best: Plan | None, until: float) -> Plan | None:
        """Return the best so far, or the best plan that grants a wish by force, if it is better and grants ours."""
        part = self.part
        for found in ousting_plans(part.problem, plan, wish):
            if time.time() >= until and best is not None:
                break
            better = best is None or part.standing(found) > part.standing(best)
            if better and self.wish.is_granted(found) and stands(part.problem, found):
                best = found
        return best

    def _losers(self, plan: Plan) -> list[Demand]:
        """Return the demands that have lost their place, heaviest first."""
        lost = (
            one for one in self.part.problem.demands if one.id in self.part.plan.placed and one.id not in plan.placed
        )
        return sorted(lost, key=lambda demand: -demand.weight)

    def look_near(self, seconds: float) -> None:
        """Let only what is in the wish's windows change places; called again, also what is where losers could go."""
        windows = self.wish.windows | self._windows_of_losers() | self._looked
        if windows == self._looked or seconds < LEAST_SECONDS:
            return
        nearby = near(self._problem, self._given, windows, self.wish.who)
        self._looked = windows
        try:
            problem = self.wish.imposed_on(nearby.problem, self.part.problem.objectives)
            solution = self.effort.solution(problem, seconds)
        except NoPlan:
            return  # There may be one at large.
        if solution.status != "infeasible":
            self._offer(nearby.original(plan_of(solution)))

    def look_everywhere(self, seconds: float) -> None:
        """Solve the whole component, as deep as the first objective that changes, until nothing is open."""
        until = time.time() + seconds
        depth = 0
        while depth < self._depth() and not self._is_settled() and time.time() < until - LEAST_SECONDS:
            depth = self._depth()
            try:
                problem = self.wish.imposed_on(self._problem, self.part.problem.objectives[:depth])
                solution = self.effort.solution(problem, until - time.time())
            except NoPlan as error:
                self.excluded = error.proven
                return
            if self.wish.is_excluded(self.part.problem, solution):
                self.excluded = True
                return
            found = plan_of(solution).within(self.part.problem)
            if self.wish.is_granted(found):
                self._learn(found, solution, depth)
                self._offer(found)

    def verdict(self) -> Verdict | None:
        """Return what the best plan found changes, None if none was found."""
        return verdict_on(self.part, self.plan, self._bounds, self.wish.who) if self.plan else None

    def _is_settled(self) -> bool:
        verdict = self.verdict()
        return self.excluded or (verdict is not None and verdict.proven)

    def _depth(self) -> int:
        return depth_of(self.part, self.plan) if self.plan else 1

    def _offer(self, found: Plan) -> None:
        part, plan = self.part, found.within(self.part.problem)
        if not self.wish.is_granted(plan) or not stands(part.problem, plan):
            return
        until = min(self.effort.deadline, time.time() + TIDYING_SECONDS)
        plan = Tidier(part.problem, part.plan, self.wish.who, part.standing, until).tidied(plan)
        if self.plan is None or part.standing(plan) > part.standing(self.plan):
            self.plan = plan

    def _learn(self, found: Plan, solution: Solution, depth: int) -> None:
        """Take the bounds of a solution of the imposed problem, whose values differ from ours by constants."""
        reached = self.part.standing(found)
        gaps = (goodness(one.objective, one.bound - one.value) for one in solution.levels[-depth:])
        best = tuple(mine + gap for mine, gap in zip(reached, gaps, strict=False))
        self._bounds.append(Bounds(reached, best[: min(self.part.apart, self._comparable)]))

    def _windows_of_losers(self) -> frozenset[str]:
        verdict = self.verdict()
        lost = {(one.who.kind, one.who.id) for one in verdict.changes if one.fate in LOSSES} if verdict else set()
        problem = self.part.problem
        options = [one.options for one in problem.demands if ("demand", one.id) in lost]
        options += [one.options for one in problem.movable if ("movable", one.id) in lost]
        return frozenset(option.window for some in options for option in some)
