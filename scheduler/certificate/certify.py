"""The one public entry: a problem and its plan in, a certificate out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from scheduler.certificate.conformity import contradictions, sorted_out
from scheduler.certificate.envy import justified_envy
from scheduler.certificate.monotone import KEPT, LOST, OUT_OF_TIME, UNPROVEN, Trial, follows, raisable, trials
from scheduler.certificate.outcomes import Organisations, outcomes
from scheduler.certificate.report import (
    FAILS,
    HOLDS,
    NOT_CHECKED,
    Certificate,
    CertifiedLevel,
    Counterexample,
    Property,
    Text,
)
from scheduler.certificate.room import Room
from scheduler.certificate.statements import NOTE, STATEMENTS
from scheduler.certificate.waste import wasted
from scheduler.certificate.wording import CONTRADICTING, NO_PLAN, NOT_RIGHT, found_among, lost_its_place, sampled
from scheduler.objectives import plain_bound
from scheduler.plan import plan_of
from scheduler.problem import Problem
from scheduler.solution import Solution
from scheduler.verify import violations

IN_ORDER = ("eligible", "feasible", "caps", "non_wasteful", "no_justified_envy", "bounds", "monotone")


def certify(
    problem: Problem,
    solution: Solution,
    *,
    organisations: Organisations | None = None,
    seconds: float = 30.0,
    samples: int = 20,
    seed: int = 1,
    workers: int = 1,
) -> Certificate:
    """Return what holds for the plan of a solution, with counterexamples to what does not.

    Parameters
    ----------
    problem, solution : Problem, Solution
        The plan, whoever made it, and what it is a plan for.
    organisations : mapping, optional
        The ``region`` and the ``size`` of each party, as texts; left out, the outcome is by tier only.
    seconds : float
        Wall time for the sampling of `monotone`; everything else takes what it takes, with no solver.
    samples : int
        How many placed demands to draw for it, 0 for none.
    seed : int
        What they are drawn by, and the solver's seed.
    workers : int
        Processes of each solve.

    Raises
    ------
    ValueError
        `seconds` is not above 0, or `samples` is negative.
    EngineError
        The solver failed.
    """
    if not (seconds > 0 and math.isfinite(seconds)):
        raise ValueError(f"seconds must be above 0, not {seconds}")
    if samples < 0:
        raise ValueError(f"samples must be at least 0, not {samples}")
    examiner = _Examiner(problem, solution)
    examiner.look()
    if examiner.is_right:
        examiner.sample(seconds=seconds, samples=samples, seed=seed, workers=workers)
    properties = tuple(examiner.properties[name] for name in IN_ORDER)
    has_plan = solution.status != "infeasible" and examiner.properties["eligible"].verdict == HOLDS
    return Certificate(
        verdict=FAILS if any(item.verdict == FAILS for item in properties) else HOLDS,
        status=solution.status,
        engine=solution.engine,
        origin=problem.origin,
        note=NOTE,
        properties=properties,
        levels=tuple(_levels(problem, solution)),
        outcomes=outcomes(problem, plan_of(solution), organisations) if has_plan else (),
        seconds=seconds,
        samples=samples,
        seed=seed,
    )


class _Examiner:
    """The properties of one plan, in the order in which they rest on one another."""

    def __init__(self, problem: Problem, solution: Solution) -> None:
        self.problem, self.solution = problem, solution
        self.plan = plan_of(solution)
        self.is_right = False
        self.properties = {name: _property(name, NOT_CHECKED, NOT_RIGHT) for name in IN_ORDER}

    def look(self) -> None:
        """Give the verdicts that need no solving."""
        problem, solution = self.problem, self.solution
        broken = sorted_out(problem, solution, violations(problem, solution))
        if solution.status == "infeasible":
            self.properties = {name: _property(name, NOT_CHECKED, NO_PLAN) for name in IN_ORDER}
            self.properties["feasible"] = _verdict("feasible", broken["feasible"], {}, CONTRADICTING)
            return
        placed = {"placed": len(solution.placed), "moved": len(solution.moved), "campaigns": len(solution.campaigns)}
        self.properties["eligible"] = _verdict("eligible", broken["eligible"], placed)
        if broken["eligible"]:
            return  # The checker does not look further while an option or an identifier is wrong.
        self.properties["feasible"] = _verdict("feasible", broken["feasible"], {"windows": len(problem.windows)})
        parties = {demand.party for demand in problem.demands if demand.id in self.plan.placed}
        caps = {"parties": len(parties), "limits": len(problem.limits)}
        self.properties["caps"] = _verdict("caps", broken["caps"], caps)
        self.is_right = not broken["feasible"] and not broken["caps"]
        found = self._look_for_better() if self.is_right else []
        dishonest = broken["bounds"] or list(contradictions(solution.levels, found))
        self.properties["bounds"] = _verdict("bounds", dishonest, {"levels": len(solution.levels)})

    def _look_for_better(self) -> list[Counterexample]:
        room = Room(self.problem, self.plan)
        left_out = {"unplaced": len(self.solution.unplaced), "displaced": len(self.solution.displaced)}
        waste, envy = list(wasted(room)), list(justified_envy(room))
        surges = {"surges": len(self.problem.surges)}
        self.properties["non_wasteful"] = _verdict("non_wasteful", waste, left_out | surges)
        pairs = {"unplaced": left_out["unplaced"], "placed": len(self.solution.placed)}
        self.properties["no_justified_envy"] = _verdict("no_justified_envy", envy, pairs)
        return waste + envy

    def sample(self, *, seconds: float, samples: int, seed: int, workers: int) -> None:
        """Try on a sample whether demands that weigh more keep a place."""
        demands = raisable(self.problem, self.plan)
        tried = list(trials(self.problem, demands, seconds=seconds, samples=samples, seed=seed, workers=workers))
        proven = sum(1 for demand in demands if follows(self.problem, self.solution, demand))
        self.properties["monotone"] = _monotone(tried, len(demands), proven)


def _monotone(tried: Sequence[Trial], placed: int, proven: int) -> Property:
    results = [trial.result for trial in tried]
    counts = {name: results.count(name) for name in (KEPT, LOST, UNPROVEN, OUT_OF_TIME)}
    counts = {"placed": placed, "follows_for": proven, "sampled": len(tried), **counts}
    lost = tuple(
        Counterexample(lost_its_place(trial.demand, trial.raised), (trial.demand.id,))
        for trial in tried
        if trial.result == LOST
    )
    verdict = FAILS if lost else HOLDS if counts[KEPT] or proven else NOT_CHECKED
    return _property("monotone", verdict, sampled(counts), counts, lost)


def _verdict(
    name: str, found: Sequence[Counterexample], counts: Mapping[str, int], summary: Text | None = None
) -> Property:
    text = found_among(len(found), counts) if found or summary is None else summary
    return _property(name, FAILS if found else HOLDS, text, counts, tuple(found))


def _property(
    name: str,
    verdict: str,
    summary: Text,
    counts: Mapping[str, int] | None = None,
    counterexamples: tuple[Counterexample, ...] = (),
) -> Property:
    title, definition, method, not_covered = STATEMENTS[name]
    return Property(name, verdict, title, definition, method, not_covered, summary, dict(counts or {}), counterexamples)


def _levels(problem: Problem, solution: Solution) -> list[CertifiedLevel]:
    known = [level for level in solution.levels if level.objective in problem.objectives]
    return [
        CertifiedLevel(
            level.objective,
            level.value,
            level.bound,
            plain_bound(problem, level.objective),
            round(level.gap, 6),
            level.proven,
        )
        for level in known
    ]
