"""Solving a closed round: asked for here, its problem made and solved by a worker."""

from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.allocation import repository
from app.allocation.errors import RunUnderWay
from app.allocation.models import Run, RunKind
from app.allocation.policy import RoundPolicy
from app.allocation.rules import SOLVABLE, require_status
from app.allocation.runs import ACTIVE, create_run
from app.allocation.schemas import Solve
from app.allocation.service import locked_round
from app.core.settings import get_settings
from app.identity.actor import Actor


async def solve_round(session: AsyncSession, actor: Actor, round_id: UUID, command: Solve) -> Run:
    """Have a worker make the round's problem, from what the round holds and who waits when it reads them, and solve it.

    Raises
    ------
    StateConflict
        If the round is not closed, or is published.
    RunUnderWay
        If it is being solved.
    """
    row = await locked_round(session, actor, round_id)
    require_status(row.status, SOLVABLE, "Solving")
    for run in await repository.runs_of(session, row.id):
        if run.state in ACTIVE:
            raise RunUnderWay(
                "A run of this round is under way: wait for it, or cancel it.", facts={"run_id": str(run.id)}
            )
    return await create_run(
        session,
        actor,
        kind=RunKind.ROUND,
        round_id=row.id,
        problem={},
        references={},
        calendar_versions={},
        parameters=_parameters(RoundPolicy.model_validate(row.policy), command),
    )


def _parameters(policy: RoundPolicy, command: Solve) -> dict[str, Any]:
    parameters: dict[str, Any] = {
        "time_limit_s": command.time_limit_s or policy.time_limit_s,
        "seed": policy.seed if command.seed is None else command.seed,
        "workers": get_settings().solver_workers,
        "policy_version": policy.version,
    }
    return parameters if command.budget is None else {**parameters, "budget": command.budget}
