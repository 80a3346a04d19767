"""What only large components meet, on small ones: the barrier, and pricing with few places of each demand open."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given

from scheduler.engines.columns import generation, master
from scheduler.engines.columns.diving import Diver
from scheduler.engines.columns.plans import plan_of_columns
from scheduler.plan import Plan
from scheduler.problem import Problem
from scheduler.tasks import Hold
from tests.scheduler.engines.instances import endless, five_or_six, relaxed
from tests.scheduler.engines.test_relaxation_against_exhaustive import FEW, all_plans, good
from tests.scheduler.problems import problems


@pytest.fixture
def _all_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(master, "LARGE", 0)
    monkeypatch.setattr(generation, "LARGE", 1)


@pytest.mark.usefixtures("_all_is_large")
def test_the_barrier_finds_the_optimum_and_its_duals() -> None:
    relaxation = relaxed(five_or_six(), "weight", Plan())
    assert relaxation.master.is_large
    assert relaxation.optimum == pytest.approx(4)
    assert relaxation.bound == pytest.approx(4)


@pytest.mark.usefixtures("_all_is_large")
def test_a_dive_by_the_barrier_leaves_the_relaxation_as_it_was() -> None:
    problem = five_or_six()
    relaxation = relaxed(problem, "weight", Plan())
    columns = Diver(relaxation).dive(endless(), reached=0)
    assert columns is not None
    assert plan_of_columns(problem, relaxation.program.activities, columns).placed.keys() == {"five"}
    assert relaxation.master.solve(endless()) == pytest.approx(4)


@FEW
@given(problems())
def test_barrier_and_simplex_agree_with_scattered_pricing_and_without(problem: Problem) -> None:
    plans = all_plans(problem)
    start = max(plans, key=lambda plan: good(problem, plan, "weight"))
    holds = (Hold("weight", good(problem, start, "weight")),)
    for objective in ("weight", "delay", "displacement"):
        small = relaxed(problem, objective, start, holds)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(master, "LARGE", 0)
            patch.setattr(generation, "LARGE", 1)
            large = relaxed(problem, objective, start, holds)
        # Both end where the whole number that the bound allows cannot fall any more.
        assert large.whole_bound == small.whole_bound
        kept = [plan for plan in plans if good(problem, plan, "weight") >= holds[0].value]
        assert large.bound >= max(good(problem, plan, objective) for plan in kept) - 1e-6
        assert np.isfinite(large.optimum)


@FEW
@given(problems())
def test_the_optimum_stays_when_all_other_columns_are_dropped(problem: Problem) -> None:
    start = max(all_plans(problem), key=lambda plan: good(problem, plan, "weight"))
    relaxation = relaxed(problem, "weight", start)
    before, columns = relaxation.master.solve(endless()), len(relaxation.master.columns)
    generation.keep_best(relaxation, 0)
    assert len(relaxation.master.columns) <= columns
    assert relaxation.master.solve(endless()) == pytest.approx(before)
