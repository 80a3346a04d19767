"""All runs of a simulation, over processes that end with this one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass

from scheduler.executors import SolverPool
from scheduler.tasks import EngineError
from seed.simulation.measures import RunResult, run
from seed.simulation.plan import SimulationPlan
from seed.simulation.policies import ReservePolicy
from seed.simulation.setting import kept_setting

CHECK_SECONDS = 0.2


class SimulationFailed(Exception):
    """The simulation cannot go on; the message is one line."""


@dataclass(frozen=True, slots=True)
class Experiment:
    """What is simulated: every policy with every seed."""

    plan: SimulationPlan
    policies: tuple[ReservePolicy, ...]
    seeds: tuple[int, ...]

    @property
    def tasks(self) -> list[tuple[ReservePolicy, int]]:
        """The runs, those of a seed together, for a process keeps its setting."""
        return [(policy, seed) for seed in self.seeds for policy in self.policies]


def play_all(
    experiment: Experiment, workers: int, on_run: Callable[[], None], check: Callable[[], None]
) -> list[RunResult]:
    """The results of all runs in the order of the tasks, whatever the number of workers.

    Parameters
    ----------
    on_run
        Called when a run has ended.
    check
        Called several times a second; what it raises ends the runs and the processes, and is passed on.

    Raises
    ------
    SimulationFailed
        A process died, or could not start.
    """
    with SolverPool(workers, can_be_left=True) as pool:
        try:
            pool.wait_until_loaded()
            futures = [pool.executor.submit(_run, experiment.plan, *task) for task in experiment.tasks]
            _await(futures, on_run, check)
            return [future.result() for future in futures]
        except (BrokenProcessPool, EngineError) as error:
            raise SimulationFailed(f"a process of the simulation died: {error}") from error
        except BaseException:
            pool.leave()
            raise


def _await(futures: Sequence[Future[RunResult]], on_run: Callable[[], None], check: Callable[[], None]) -> None:
    """Return when all runs have ended, or raise what the first failed one has raised."""
    pending = set(futures)
    while pending:
        ended, pending = wait(pending, timeout=CHECK_SECONDS, return_when=FIRST_COMPLETED)
        check()
        for future in ended:
            future.result()
            on_run()


def _run(plan: SimulationPlan, policy: ReservePolicy, seed: int) -> RunResult:
    return run(kept_setting(plan, seed), policy)
