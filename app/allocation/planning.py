"""From a closed round to a run: everything read as of one moment, the versions of the calendars with it."""

import asyncio
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.allocation import repository
from app.allocation.entrants import entries_to_plan
from app.allocation.errors import NothingInScope, RunUnderWay
from app.allocation.models import Round, Run, RunKind
from app.allocation.planner import Supply, build_problem
from app.allocation.policy import RoundPolicy
from app.allocation.rules import SOLVABLE, require_status
from app.allocation.runs import ACTIVE, create_run
from app.allocation.schemas import Solve
from app.allocation.scope import supply_in_scope
from app.allocation.service import locked_round
from app.capacity.occupancy import span_of
from app.capacity.service import calendar_versions
from app.core.database import snapshot_beside
from app.core.settings import get_settings
from app.identity.actor import Actor


async def solve_round(session: AsyncSession, actor: Actor, round_id: UUID, command: Solve) -> Run:
    """Store the round's problem as a run, and have it solved.

    Raises
    ------
    StateConflict
        If the round is not closed, or is published.
    RunUnderWay
        If it is being solved.
    NothingInScope
        If none of the slots that it holds still can be booked any more.
    """
    row = await locked_round(session, actor, round_id)
    require_status(row.status, SOLVABLE, "Solving")
    for run in await repository.runs_of(session, row.id):
        if run.state in ACTIVE:
            raise RunUnderWay(
                "A run of this round is under way: wait for it, or cancel it.", facts={"run_id": str(run.id)}
            )
    policy = RoundPolicy.model_validate(row.policy)
    async with snapshot_beside(session) as reading:
        supply, versions = await _supply(reading, row)
        entries = await entries_to_plan(reading, row)
    if not supply.slots:
        raise NothingInScope("None of the slots that this round holds still can be booked any more.")
    built = await asyncio.to_thread(build_problem, entries, supply, policy, row.as_of_on, span_of(row.horizon))
    return await create_run(
        session,
        actor,
        kind=RunKind.ROUND,
        round_id=row.id,
        problem=built.document,
        references=built.references,
        calendar_versions=versions,
        parameters=_parameters(policy, command),
    )


async def _supply(reading: AsyncSession, row: Round) -> tuple[Supply, dict[str, int]]:
    """Return what the round holds still, as it is now, and the versions of its units' calendars."""
    frozen = await repository.frozen_slots(reading, row.id)
    supply = await supply_in_scope(reading, row, frozen)
    versions = await calendar_versions(reading, supply.units.keys())
    return supply, {str(unit_id): version for unit_id, version in versions.items()}


def _parameters(policy: RoundPolicy, command: Solve) -> dict[str, Any]:
    parameters: dict[str, Any] = {
        "time_limit_s": command.time_limit_s or policy.time_limit_s,
        "seed": policy.seed if command.seed is None else command.seed,
        "workers": get_settings().solver_workers,
        "policy_version": policy.version,
    }
    return parameters if command.budget is None else {**parameters, "budget": command.budget}
