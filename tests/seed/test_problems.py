"""Problem files: made without a database, read by the engine, and hard enough to tell planners apart."""

import json
from datetime import date
from pathlib import Path

import pytest

from scheduler.baselines import greedy_by_weight
from scheduler.objectives import value
from scheduler.problem import Problem
from seed.catalogue import Catalogue
from seed.problems import ProblemKind, ProblemPlan, problem_document, write_problem
from seed.scenario.sizes import SizeName

AS_OF = date(2027, 1, 1)


def _problem(catalogue: Catalogue, size: SizeName, kind: ProblemKind = ProblemKind.ROUND) -> Problem:
    return Problem.from_json(json.dumps(problem_document(catalogue, ProblemPlan(kind, size, 1, AS_OF))))


@pytest.mark.parametrize("size", [SizeName.CONTESTED, pytest.param(SizeName.EUROPE, marks=pytest.mark.prove)])
def test_greedy_stays_well_below_the_bound_of_all_demands_with_an_option(catalogue: Catalogue, size: SizeName) -> None:
    problem = _problem(catalogue, size)
    bound = sum(demand.weight for demand in problem.demands if demand.options)
    assert bound >= 1.03 * value(problem, greedy_by_weight(problem), "weight")
    served = sum(bool(demand.options) for demand in problem.demands)
    assert 0.75 * len(problem.demands) < served < len(problem.demands)


def test_a_crisis_meets_about_a_thousand_movable_bookings_and_surges_on_a_third_of_the_windows(
    catalogue: Catalogue,
) -> None:
    problem = _problem(catalogue, SizeName.CONTESTED, ProblemKind.CRISIS)
    assert 800 <= len(problem.movable) <= 1_400
    assert sum(bool(booking.options) for booking in problem.movable) > 0.8 * len(problem.movable)
    surge = problem.surges[0]
    assert len(surge.options) == pytest.approx(len(problem.windows) / 3, abs=1)
    assert len({option.window for option in surge.options}) == len(surge.options)
    assert [target.by for target in surge.targets] == sorted(target.by for target in surge.targets)
    assert all(option.earliest >= booking.start for booking in problem.movable for option in booking.options)


def test_the_same_plan_writes_the_same_file(tmp_path: Path) -> None:
    plan = ProblemPlan(ProblemKind.ROUND, SizeName.DEMO, 3, AS_OF, ("weight:1", "weight:2", "weight:3", "delay"))
    first, second = tmp_path / "1.json", tmp_path / "2.json"
    summary = write_problem(first, plan)
    write_problem(second, plan)
    assert first.read_bytes() == second.read_bytes()
    assert "61 demands" in summary
    assert Problem.from_json(first.read_text(encoding="utf-8")).objectives == plan.objectives


@pytest.mark.parametrize(("kind", "objective"), [(ProblemKind.ROUND, "surge_output"), (ProblemKind.CRISIS, "weight")])
def test_an_objective_of_the_other_kind_is_refused(tmp_path: Path, kind: ProblemKind, objective: str) -> None:
    with pytest.raises(ValueError, match="objective"):
        write_problem(tmp_path / "p.json", ProblemPlan(kind, SizeName.DEMO, 1, AS_OF, (objective,)))
    assert list(tmp_path.iterdir()) == []
