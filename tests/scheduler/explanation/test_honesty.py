"""What was not proven is said not to be; the answer comes in time; the plan given is left as it is."""

from __future__ import annotations

import time

import pytest

from scheduler.explanation.difference import Tidier, changes, stands
from scheduler.explanation.explain import explain
from scheduler.explanation.part import Bounds, Part
from scheduler.explanation.statements import Who
from scheduler.explanation.subjects import Placing
from scheduler.explanation.trial import Trial
from scheduler.explanation.verdict import verdict_on
from scheduler.objectives import standing
from scheduler.plan import Choice, Plan
from scheduler.problem import Demand, Option, Problem, Window
from scheduler.solution import Level, Solution
from scheduler.solve import solve
from tests.scheduler.explanation.cases import (
    anywhere,
    explained,
    facts,
    fates,
    greedy,
    problem_of,
    sentence,
    solution_with,
)
from tests.scheduler.scenarios import national

BEATEN = problem_of(
    Demand("r7", "o1", 1, 8, (anywhere(9),)),
    Demand("r3", "o2", 1, 5, (anywhere(5),)),
    Demand("r12", "o3", 1, 5, (anywhere(5),)),
)


def no_search(self: Trial, seconds: float) -> None:
    """Find nothing, as where the time is over."""


@pytest.fixture
def no_time_to_prove(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Trial, "look_everywhere", no_search)


@pytest.mark.usefixtures("no_time_to_prove")
def test_a_cost_found_but_not_proven_is_called_a_bound() -> None:
    why = explained(BEATEN, "r7")
    cost = facts(why, "would_cost")
    assert cost.proven is False
    # The plan itself is proven: placing r7 cannot do better than its 10.
    assert (cost.levels or ())[0].best == 10
    assert "lower cost is not excluded" in sentence(why, "would_cost")
    assert "moindre n'est pas exclu" in sentence(why, "would_cost", "fr")


@pytest.mark.usefixtures("no_time_to_prove")
def test_no_plan_found_is_not_called_impossible(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Trial, "look_near", no_search)
    monkeypatch.setattr(Trial, "oust", no_search)
    assert "does not prove that there is none" in sentence(explained(BEATEN, "r7"), "not_found")


def test_whoever_is_ousted_may_oust_a_lighter_one(monkeypatch: pytest.MonkeyPatch) -> None:
    # r (weight 4) needs the window w of r9, which takes that of r2: 4 + 9 instead of 9 + 2, though nothing is solved.
    monkeypatch.setattr(Trial, "look_near", no_search)
    monkeypatch.setattr(Trial, "look_everywhere", no_search)
    problem = problem_of(
        Demand("r9", "o1", 1, 9, (Option("w", 8, 0, 2), Option("v", 8, 0, 2))),
        Demand("r2", "o2", 1, 2, (Option("v", 8, 0, 2),)),
        Demand("r", "o3", 1, 4, (Option("w", 8, 0, 2),)),
        windows=(Window("w", "l", 0, 10), Window("v", "k", 0, 10)),
    )
    given_plan = solution_with(problem, Plan({"r9": Choice(0, 0), "r2": Choice(0, 0)}))
    gain = facts(explained(problem, "r", given_plan), "would_gain")
    assert fates(gain) == {("shifted", "r9"), ("unplaced", "r2")}
    assert [(level.before, level.after) for level in gain.levels or ()] == [(11, 13)]


def test_what_is_taken_back_leaves_the_value_as_it_is() -> None:
    # Both plans place a, b, c and d, weight 1 each; b, c and d went round in a ring for nothing, a made room for r.
    others = tuple(Demand(name, name, 1, 1, (anywhere(2),)) for name in "abcd")
    problem = problem_of(*others, Demand("r", "r", 1, 1, (Option("w", 2, 0, 0),)))
    given_plan = Plan({"a": Choice(0, 0), "b": Choice(0, 4), "c": Choice(0, 6), "d": Choice(0, 8)})
    places = {"a": 2, "b": 6, "c": 8, "d": 4, "r": 0}
    found = Plan({name: Choice(0, start) for name, start in places.items()})
    subject = Who("demand", "r", "r", 1)
    tidier = Tidier(problem, given_plan, subject, lambda plan: standing(problem, plan), time.time() + 60)
    tidied = tidier.tidied(found)
    assert [(one.fate, one.who.id) for one in changes(problem, given_plan, tidied, subject)] == [("shifted", "a")]
    assert stands(problem, tidied)


def test_a_bound_holds_only_for_plans_as_good_on_the_levels_before() -> None:
    # One of the two has room, weights 3 and 5: the plan has r5, weight 5 and rank 2.
    problem = problem_of(
        Demand("r3", "o1", 1, 3, (anywhere(8, rank=1),)),
        Demand("r5", "o2", 1, 5, (anywhere(8, rank=2),)),
        objectives=("weight", "rank"),
    )
    part = Part(problem, solve(problem, budget=20.0), problem.demands[1])
    plan, subject = Plan({"r5": Choice(0, 1)}), Who("demand", "r5", "o2", 5)
    for reached, rank in ((5, 1), (4, 1), (6, None)):
        # Among plans of at least the weight reached no rank is below 1: with 6 that says nothing of a weight of 5.
        verdict = verdict_on(part, plan, [Bounds((reached, -2), (9, -1))], subject)
        assert [level.best for level in verdict.levels] == [9, rank]


def test_a_place_is_excluded_by_a_bound_never_by_a_value() -> None:
    demand = BEATEN.demands[0]
    wish = Placing(demand, frozenset({0}))
    for bound, excluded in ((8, False), (0, True)):
        solution = Solution("feasible", levels=(Level("weight:0", 0, bound, proven=bound == 0),))
        assert wish.is_excluded(BEATEN, solution) is excluded


@pytest.fixture(scope="module")
def region() -> Problem:
    return national(24, 150, objectives=("weight", "parties", "delay", "rank", "cost"))


@pytest.mark.parametrize("workers", [1, 2])
def test_an_answer_comes_in_time(region: Problem, workers: int) -> None:
    solution = greedy(region)
    refused = next(one for one in region.demands if one.id in solution.unplaced and one.options)
    began = time.monotonic()
    solve(problem_of(), budget=1.0, workers=workers)
    starting = time.monotonic() - began  # not within its power
    began = time.monotonic()
    why = explain(region, solution, refused.id, seconds=2.0, workers=workers)
    assert time.monotonic() - began < 2.0 + 2.0 + (max(2.0, starting) if workers > 1 else starting)
    assert {"would_cost", "would_gain", "would_tie"} & {one.code for one in why.statements}
