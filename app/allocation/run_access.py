"""Who may look at a run, and give it up."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.allocation import repository
from app.allocation.models import Run, RunKind
from app.allocation.runs import cancel_run
from app.core.errors import NotFound
from app.identity.actor import Actor
from app.identity.models import Role

READERS = {
    RunKind.ROUND: frozenset({Role.COORDINATOR, Role.ADMIN}),
    RunKind.CRISIS: frozenset({Role.COORDINATOR, Role.AUTHORITY, Role.ADMIN}),
}


async def see_run(session: AsyncSession, actor: Actor, run_id: UUID) -> Run:
    """Return a run to whoever decides on it.

    Raises
    ------
    NotFound
        If there is none that the actor may see.
    """
    run = await repository.get_run_in_brief(session, run_id)
    if run is None or actor.role not in READERS[run.kind]:
        raise NotFound.of("run", run_id)
    return run


async def give_up_run(session: AsyncSession, actor: Actor, run_id: UUID) -> Run:
    """Cancel a run; the coordinator does.

    Raises
    ------
    NotFound
        If there is none that the actor may see.
    StateConflict
        If it has ended.
    """
    await see_run(session, actor, run_id)
    actor.require(Role.COORDINATOR, Role.ADMIN)
    return await cancel_run(session, actor, run_id)
