"""The solver's child process: right plans, precise failures, nothing left running."""

import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from app.allocation import solver
from app.allocation.comparison import compared
from app.allocation.engine import DONE, Engine, EngineFailed, EngineStopped, Limits, Wish, go_on
from app.allocation.solver import Solved, run_solver
from tests.app.allocation.problems import CONTESTED, slow_problem
from tests.support.processes import solvers, still_at_work

MEMORY_BYTES = 8 * 1024**3
QUICK = {"time_limit_s": 20.0, "seed": 1, "workers": 1}


def limits(memory_bytes: int = MEMORY_BYTES) -> Limits:
    return Limits(memory_bytes)


async def solve(problem: dict[str, Any] = CONTESTED) -> Solved:
    return await run_solver(problem, QUICK, limits(), go_on)


async def test_the_plan_beats_first_come_first_served() -> None:
    solved = await solve()
    assert solved.solution["status"] == "optimal"
    figures = compared(CONTESTED, {"wanted_day": {"short": 10}}, solved.solution, solved.baselines)
    assert figures["plan"]["weight_served"] == 6
    assert figures["fcfs"]["weight_served"] == 3
    assert figures["fcfs"]["median_access_delay_days"] == 0
    # heavy first and short on day 50, wanted on day 10: delays of 0 and 40 days
    assert figures["plan"]["median_access_delay_days"] == 20


async def test_bookings_that_contradict_each_other_are_named() -> None:
    fixed = [{"id": "b1", "window": "w1", "start": 0, "end": 30}, {"id": "b2", "window": "w1", "start": 20, "end": 50}]
    with pytest.raises(EngineFailed, match="b1 and b2"):
        await solve({**CONTESTED, "fixed": fixed})


async def test_too_little_memory_is_a_failure_in_words() -> None:
    with pytest.raises(EngineFailed, match="during `solve`"):
        await run_solver(CONTESTED, QUICK, limits(60 * 1024**2), go_on)


async def test_a_plan_that_the_checker_refuses_is_no_solution(monkeypatch: pytest.MonkeyPatch) -> None:
    class Forger(Engine):
        """Moves a campaign in the engine's answer, before the checker reads it."""

        async def run(self, command: str, *arguments: str, seconds: float, well: frozenset[int] = DONE) -> None:
            await super().run(command, *arguments, seconds=seconds, well=well)
            if command == "solve":
                solution = self.read("solution.json")
                placed = solution["placed"][0]
                placed["start"], placed["end"] = placed["start"] + 1, placed["end"] + 1
                self.write("solution.json", solution)

    monkeypatch.setattr(solver, "Engine", Forger)
    with pytest.raises(EngineFailed, match="does not pass the checker"):
        await solve()


async def test_nobody_is_left_when_the_solve_is_given_up(tmp_path: Path) -> None:
    seen: list[list[psutil.Process]] = []

    async def give_up_after_two_reports(progress: dict[str, Any] | None) -> Wish:
        seen.append(solvers())
        return Wish.GO_ON if len(seen) < 2 else Wish.ABANDON

    started = time.monotonic()
    parameters = {"time_limit_s": 60, "workers": 2}
    with pytest.raises(EngineStopped):
        await run_solver(slow_problem(), parameters, limits(), give_up_after_two_reports)
    assert time.monotonic() - started < 10
    assert seen[-1]
    assert still_at_work(seen[-1], seconds=5) == []


async def test_a_killed_solver_is_a_failure_at_once() -> None:
    async def kill(progress: dict[str, Any] | None) -> Wish:
        for child in solvers():
            with suppress(psutil.Error):  # it may just have ended
                child.kill()
        return Wish.GO_ON

    started = time.monotonic()
    with pytest.raises(EngineFailed, match="killed by SIGKILL during `solve`"):
        await run_solver(slow_problem(), {"time_limit_s": 60}, limits(), kill)
    assert time.monotonic() - started < 20
