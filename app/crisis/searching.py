"""How a crisis's run is solved: quickly, to the first tier that meets the targets, for the plan that is proposed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.allocation.engine import Limits, Wish
from app.allocation.escalation import is_met, steps_of, surge_reached
from app.allocation.models import Run
from app.allocation.runs import Success
from app.allocation.solver import run_solver
from app.allocation.solving import Watch
from app.allocation.varying import run_variations
from app.core.errors import NotFound
from app.crisis import repository
from app.crisis.campaigns import Brief
from app.crisis.planner import with_kept
from app.crisis.references import References
from app.crisis.scoping import brief_of
from app.crisis.settling import Settled, settle
from app.crisis.weighing import doses_by_target
from app.jobs.running import JobContext

Document = Mapping[str, Any]

PLAN_SEARCH = "crisis_plan"
MOST_ROUNDS = 4
"""How often a plan is solved again without those whose giving way would buy too few doses."""


@dataclass(frozen=True, slots=True)
class Task:
    """A run under way: its crisis, and how its problems are solved."""

    run: Run
    brief: Brief
    references: References
    limits: Limits
    watch: Watch

    @property
    def is_cancelled(self) -> bool:
        """Whether it is to end with what it has."""
        return self.watch.wish is Wish.KEEP_BEST

    @property
    def workers(self) -> int:
        """How many solves run at a time."""
        return int(self.run.parameters.get("workers", 1))

    def settled(self, solution: Document) -> Settled:
        """Return what of a solution stands under the rules of the crisis."""
        return settle(solution, self.references, self.brief.rules, self.brief.last_target_on)

    async def vary(
        self, problem: Document, variations: Sequence[Document], seconds: float
    ) -> dict[str, dict[str, Any]]:
        """Return the solutions of variations of a problem, as many as are found in time."""
        return await run_variations(
            problem, variations, self.run.parameters, self.limits, self.watch.report, seconds=seconds
        )


async def task_of(job: JobContext, run: Run, limits: Limits, watch: Watch) -> Task:
    """Return a run with what its crisis has declared.

    Raises
    ------
    NotFound
        If it is no crisis's.
    """
    async with job.transaction() as session:
        crisis = await repository.get_crisis(session, run.crisis_id) if run.crisis_id else None
        if crisis is None:
            raise NotFound.of("crisis", run.crisis_id or run.id)
        references = References.model_validate({name: run.references[name] for name in References.model_fields})
        brief = await brief_of(session, crisis, references.as_of_on)
    return Task(run, brief, references, limits, watch)


async def plan(job: JobContext, run: Run, limits: Limits, watch: Watch) -> Success:
    """Find the first tier that meets the targets by their output alone, and solve that one for every objective.

    Raises
    ------
    EngineFailed
        There is no plan, with the reason in words.
    EngineStopped
        The result is not wanted any more.
    """
    task = await task_of(job, run, limits, watch)
    steps = steps_of(run.problem, run.references)
    probes = await _probe(task, steps)
    number = next((number for number, probe in enumerate(probes) if is_met(steps[number], probe)), len(steps) - 1)
    found = await _stable(task, steps[number])
    solved = [*probes[:number], found.solution]
    figures = {
        "surge_output_by_step": [surge_reached(one) for one in solved],
        "surge_bound_by_step": [_bound(one) for one in solved],
    }
    return Success(dict(found.solution), figures, dict(found.problem))


async def _probe(task: Task, steps: Sequence[Document]) -> list[Document]:
    """Return what each step but the last can deliver, nothing else being asked; nothing where no time was left."""
    seconds = float(task.run.parameters["time_limit_s"])
    last = steps[-1]
    everyone = {booking["id"] for booking in last.get("movable", ())}
    variations = [
        {
            "id": str(number),
            "objectives": ["surge_output"],
            "seconds": seconds,
            "kept": sorted(everyone - {booking["id"] for booking in step.get("movable", ())}),
            "campaigns": len(step["surges"][0].get("options", ())),
        }
        for number, step in enumerate(steps[:-1])
    ]
    found = await task.vary(last, variations, seconds * len(variations)) if variations else {}
    return [found.get(str(number), {}) for number in range(len(variations))]


def _bound(solution: Document) -> int | None:
    return next((level["bound"] for level in solution.get("levels", ()) if level["objective"] == "surge_output"), None)


@dataclass(slots=True)
class _Found:
    """A solution with the problem that it is one of."""

    problem: Document
    solution: Document = field(default_factory=dict)


async def _stable(task: Task, problem: Document) -> _Found:
    """Return the best plan found of which all stands.

    Where giving way would buy too few doses, those bookings keep their place and the rest is solved again: what they
    would have bought may be had elsewhere.
    """
    kept: set[str] = set()
    candidates: list[tuple[tuple[int, int], _Found]] = []
    for _ in range(MOST_ROUNDS):
        found = _Found(with_kept(problem, kept))
        found.solution = (await run_solver(found.problem, task.run.parameters, task.limits, task.watch.report)).solution
        settled = task.settled(found.solution)
        doses = sum(doses_by_target(task.brief, settled.campaigns).values())
        candidates.append(((doses, -len(settled.displacements)), found))
        if not settled.spared or task.is_cancelled:
            break
        kept |= {str(booking_id) for booking_id in settled.spared}
    return max(candidates, key=lambda candidate: candidate[0])[1]
