"""A run solved once more from its stored input, to show that the same input gives the same plan."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.allocation.errors import NotReplayable
from app.allocation.escalation import FURTHER_PROBLEMS
from app.allocation.models import Run
from app.allocation.run_access import see_run
from app.allocation.runs import ACTIVE, create_run
from app.allocation.sameness import budget_of
from app.core.settings import get_settings
from app.identity.actor import Actor
from app.identity.models import Role

KEPT = ("time_limit_s", "seed", "policy_version")


async def replay_run(session: AsyncSession, actor: Actor, run_id: UUID) -> Run:
    """Have a run's problem solved again with the same seed and the same deterministic budget.

    A run by the clock is replayed with the work that it did. Of a run that took several problems it is the last one,
    to which its plan belongs. Nothing follows from a replay: it is compared with the run, and never published.

    Raises
    ------
    NotFound
        If there is no such run that the actor may see.
    NotReplayable
        If it has no solution, or one that tells of no budget.
    """
    original = await see_run(session, actor, run_id)
    actor.require(Role.COORDINATOR, Role.ADMIN)
    if original.solution is None:
        raise NotReplayable(_without_solution(original), facts={"state": original.state.value})
    await session.refresh(original, ["problem", "references"])
    budget = budget_of(original)
    if not budget:
        raise NotReplayable(
            "The run was solved by the clock, and its solution does not say how much work that was: solve it again."
        )
    kept = {name: original.parameters[name] for name in KEPT if name in original.parameters}
    return await create_run(
        session,
        actor,
        kind=original.kind,
        round_id=original.round_id,
        crisis_id=original.crisis_id,
        problem=original.problem,
        references={name: given for name, given in original.references.items() if name != FURTHER_PROBLEMS},
        calendar_versions=original.calendar_versions,
        parameters={**kept, "budget": budget, "workers": get_settings().solver_workers},
        replays=original,
    )


def _without_solution(run: Run) -> str:
    if run.state in ACTIVE:
        return "The run has not ended: replay it when it has a plan."
    return "The run ended without a plan: there is nothing to compare a replay with."
