"""A bound never rests on how the components happen to share an earlier level."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from typing import ParamSpec, TypeVar

from scheduler.executors import InlineExecutor
from scheduler.problem import Demand, Option, Problem, Window
from scheduler.solve import solve
from scheduler.tasks import Outcome, Task
from tests.scheduler.problems import ORIGIN

P = ParamSpec("P")
T = TypeVar("T")


class BlindExecutor(InlineExecutor):
    """Finds no better plan, and no bound on the first level."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        future = super().submit(fn, *args, **kwargs)
        (task,), outcome = args, future.result()
        assert isinstance(task, Task)
        assert isinstance(outcome, Outcome)
        blind: Future[T] = Future()
        bound = None if task.objective == "weight" else outcome.bound
        blind.set_result(replace(outcome, plan=None, bound=bound))
        return blind


def test_a_component_held_at_its_own_value_gives_no_bound_while_another_is_unproven() -> None:
    # Baselines place a (weight 1, cost 10) on l1 and the long one (3) on l2: weight 4, cost 10. Just as much weight
    # at no cost: nothing on l1, both short ones (2 + 2) on l2. So 10 is no bound on the cost at weight 4; 0 is.
    demands = (
        Demand("a", "o1", 1, 1, (Option("w", 4, 0, 0, cost=10),)),
        Demand("long", "o2", 1, 3, (Option("v", 4, 0, 0),)),
        Demand("short", "o3", 1, 2, (Option("v", 2, 0, 2),)),
        Demand("brief", "o4", 1, 2, (Option("v", 2, 0, 2),)),
    )
    windows = (Window("w", "l1", 0, 4), Window("v", "l2", 0, 4))
    problem = Problem(ORIGIN, windows, ("weight", "cost"), demands=demands)
    weight, cost = solve(problem, budget=20.0, executor=BlindExecutor()).levels
    assert (weight.value, weight.proven) == (4, False)
    assert (cost.value, cost.bound, cost.proven) == (10, 0, False)
    assert [level.value for level in solve(problem, budget=20.0).levels] == [5, 10]
