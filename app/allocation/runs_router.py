"""Runs over HTTP."""

from uuid import UUID

from fastapi import APIRouter

from app.allocation import run_access
from app.allocation.plan_view import RunRead, read_run
from app.core.http import DbSession
from app.identity.dependencies import CurrentActor

router = APIRouter(prefix="/v1/runs", tags=["rounds"])


@router.get("/{run_id}", summary="Read one run")
async def get_run(session: DbSession, actor: CurrentActor, run_id: UUID) -> RunRead:
    """State, progress, levels with their bounds, the plan, and what simpler rules would have reached."""
    return await read_run(session, await run_access.see_run(session, actor, run_id))


@router.post("/{run_id}/cancel", summary="Cancel a run")
async def cancel_run(session: DbSession, actor: CurrentActor, run_id: UUID) -> RunRead:
    """Give up a run that has not ended; its solver stops within seconds."""
    return await read_run(session, await run_access.give_up_run(session, actor, run_id))
