"""Making many bookings at once: as few statements for five hundred as for one."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.author import Author
from app.audit.service import record_created
from app.bookings import expiry, repository
from app.bookings.drafts import BookingDraft
from app.bookings.followup import BINDING
from app.bookings.models import Booking
from app.bookings.service import create_bookings, row_of
from app.capacity.service import lock_units
from app.core.bulk import insert_all
from app.core.errors import NotFound


async def create_many(session: AsyncSession, author: Author, drafts: Sequence[BookingDraft]) -> list[Booking]:
    """Make bookings that move no request and charge nothing, in the order of the drafts, or none of them.

    All units are locked at once, and what has run out there is ended. The rules are the database's, row by row.

    Returns
    -------
    Plain rows, which no session keeps.

    Raises
    ------
    BookingRefused
        For the first that the calendar refuses, with what is in its way, as `create_bookings` does.
    NotFound
        If a slot does not exist.
    """
    if any(draft.status in BINDING and draft.request_id is not None for draft in drafts):
        raise ValueError("what binds a request is made one by one")
    if not drafts:
        return []
    slots = await repository.slots_by_id(session, {draft.slot_id for draft in drafts})
    if missing := {draft.slot_id for draft in drafts} - slots.keys():
        raise NotFound.of("slot", min(missing))
    units = {slot.unit_id for slot in slots.values()}
    await lock_units(session, units)
    await expiry.expire(session, author, units)
    slots = await repository.slots_by_id(session, slots)
    rows = [row_of(draft, slots[draft.slot_id]) for draft in drafts]
    try:
        async with repository.guarded(session):
            await insert_all(session, Booking, rows)
    except repository.Refused:
        # Once more, one by one: the first that is refused says what stands against it.
        return await create_bookings(session, author, drafts)
    await record_created(session, author, [(f"booking.{row.status.value}", row) for row in rows])
    return rows
