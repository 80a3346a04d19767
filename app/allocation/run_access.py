"""Who may look at a run, and give it up."""

import asyncio
from contextlib import suppress
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.allocation import repository
from app.allocation.models import Run, RunKind
from app.allocation.progress import watch
from app.allocation.runs import cancel_run
from app.core.database import SessionFactory, transaction
from app.core.errors import NotFound
from app.identity.actor import Actor
from app.identity.models import Role

END_SECONDS = 8.0
"""For the answer to a cancellation to show the plan that was kept; most end in two or three."""

LOOK_SECONDS = 0.2

READERS = {
    RunKind.ROUND: frozenset({Role.COORDINATOR, Role.ADMIN}),
    RunKind.WAITING: frozenset({Role.COORDINATOR, Role.ADMIN}),
    RunKind.CRISIS: frozenset({Role.COORDINATOR, Role.AUTHORITY, Role.ADMIN}),
}


async def see_run(session: AsyncSession, actor: Actor, run_id: UUID) -> Run:
    """Return a run to whoever decides on it.

    Raises
    ------
    NotFound
        If there is none that the actor may see.
    """
    read = [kind for kind, readers in READERS.items() if actor.role in readers]
    run = await repository.get_run_in_brief(session, run_id, read)
    if run is None:
        raise NotFound.of("run", run_id)
    return run


async def give_up_run(sessions: SessionFactory, actor: Actor, run_id: UUID) -> None:
    """Cancel a run, and wait a few seconds for its end; the coordinator does.

    Raises
    ------
    NotFound
        If there is none that the actor may see.
    StateConflict
        If it has ended.
    """
    async with transaction(sessions) as session:
        await see_run(session, actor, run_id)
        actor.require(Role.COORDINATOR, Role.ADMIN)
        await cancel_run(session, actor, run_id)
    with suppress(TimeoutError):
        async with asyncio.timeout(END_SECONDS):
            async for _ in watch(sessions, run_id, seconds=LOOK_SECONDS):
                continue
