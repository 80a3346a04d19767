"""What a run may draw on is held still from the moment it is asked for until it has ended, however it ends.

So nobody books under a plan that is being made: a hold that has come first is in its problem, a later one is refused.
It is the run that holds; a plan that is taken up then holds its own slots for the crisis. In a drill nothing is held.
"""

from datetime import timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.allocation.models import Run
from app.audit.author import Author
from app.capacity.facts import unit_facts
from app.capacity.models import FreezeHolder
from app.capacity.service import freeze_slots
from app.capacity.supply import Span
from app.crisis.calendar_repository import Stretch, places_sought, published_within
from app.crisis.campaigns import Brief, in_scope, is_out_of_service, makes
from app.crisis.models import Crisis, CrisisMode


async def hold_still(session: AsyncSession, author: Author, crisis: Crisis, run: Run, brief: Brief) -> None:
    """Hold still what a run of a crisis may draw on; its end lets go.

    Bookings under way on these units end first.
    """
    if crisis.mode is CrisisMode.REAL:
        await freeze_slots(session, author, FreezeHolder.CRISIS, run.id, await slots_in_reach(session, brief))


async def slots_in_reach(session: AsyncSession, brief: Brief) -> list[UUID]:
    """Return every slot in which a campaign might run, and every one to which a lot in their way might move.

    Some more than the plan will draw on: which campaigns fit, and who may give way, is found out by the run.
    """
    called = await published_within(session, await _of_campaigns(session, brief))
    return sorted({*called, *await published_within(session, await _of_moves(session, brief, called))})


async def _of_campaigns(session: AsyncSession, brief: Brief) -> list[Stretch]:
    days = Span(brief.as_of_on, min(brief.last_target_on, brief.end_on))
    known = await unit_facts(session, modalities=[brief.countermeasure.modality])
    makers = frozenset(key for key, unit in known.items() if in_scope(unit, brief.scope) and makes(brief, unit))
    return [Stretch(makers, days, with_crisis_slots=True)] if days.start_on < days.end_on else []


async def _of_moves(session: AsyncSession, brief: Brief, called: list[UUID]) -> list[Stretch]:
    sought = await places_sought(session, called)
    known = await unit_facts(session, modalities=sought.keys())
    usable = [unit for unit in known.values() if not is_out_of_service(unit, brief.scope)]
    later = timedelta(days=brief.rules.max_delay_days)
    return [
        Stretch(
            frozenset(unit.unit_id for unit in usable if modality in unit.modalities),
            Span(days.start_on, days.end_on + later),
            with_crisis_slots=False,
        )
        for modality, days in sought.items()
    ]
