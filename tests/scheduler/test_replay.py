"""Under a budget the same problem and seed give the same file, however many processes work on it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from scheduler.problem import Problem
from scheduler.solve import solve
from tests.scheduler.scenarios import crisis, national

LEVELS = ("weight:1", "weight:2", "weight:3", "parties", "delay", "rank")


def test_a_budget_gives_the_same_file_for_any_number_of_workers() -> None:
    problem = national(40, 120, objectives=LEVELS[2:])
    files = {solve(problem, budget=0.25, seed=7, workers=workers).to_json() for workers in (1, 2)}
    assert len(files) == 1
    assert '"status": "feasible"' in files.pop()  # the budget did cut it short


def test_threads_or_processes_make_no_difference() -> None:
    problem = crisis(20, 200)
    with ThreadPoolExecutor(2) as threads:
        one = solve(problem, budget=2.0, executor=threads, workers=2)
    assert one.to_json() == solve(problem, budget=2.0).to_json()


@pytest.mark.prove
@pytest.mark.timeout(900)
@pytest.mark.parametrize("problem", [national(160, 1200, objectives=LEVELS), crisis(80, 800)])
def test_a_large_budget_gives_the_same_file(problem: Problem) -> None:
    files = {solve(problem, budget=40.0, workers=workers).to_json() for workers in (1, 2)}
    assert len(files) == 1
