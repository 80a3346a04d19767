"""Runs that nobody wants the plans of any more, as their crisis has ended or is active: others want their cores."""

from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from app.allocation.runs import cancel_unless_ending
from app.audit.author import Author
from app.capacity.service import thaw
from app.core.clock import now
from app.core.settings import get_settings
from app.crisis import runs_repository
from app.crisis.models import Crisis

LEFT_OVER = Author.of_job("crisis_runs_left")


async def give_up_runs(session: AsyncSession, author: Author, crisis: Crisis) -> int:
    """Cancel the runs of a locked crisis that wait or are solved, and return how many; let go of what any holds still.

    A replay goes on: it is asked for to look back, also at a crisis that has ended, and nothing follows from it. A run
    that is being changed just now is passed over, for its end may wait for the crisis; `give_up_left_runs` finds it.
    One that is to stop already is let go of too: its solver may need seconds yet, and its worker may be gone.
    """
    given_up = 0
    for run_id in await runs_repository.runs_going_on(session, crisis.id):
        given_up += await cancel_unless_ending(session, author, run_id)
        await thaw(session, author, run_id)
    return given_up


async def give_up_left_runs(session: AsyncSession) -> int:
    """Cancel what was passed over at the end of one crisis, and return how many runs; a sweep calls it until 0."""
    crisis = await runs_repository.lock_ended_with_runs(session)
    return 0 if crisis is None else await give_up_runs(session, LEFT_OVER, crisis)


async def let_go_of_left(session: AsyncSession) -> int:
    """Let go of what is held still for no crisis any more, and return for how many; a sweep calls it until 0.

    So with a run that never ends: it may go on, and fails if one of its calendars has changed by its end.
    """
    limit = timedelta(minutes=get_settings().run_freeze_minutes)
    holder_id = await runs_repository.holder_left_over(session, now() - limit)
    if holder_id is None:
        return 0
    await thaw(session, LEFT_OVER, holder_id)
    return 1
