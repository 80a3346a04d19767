"""What runs out unanswered: holds of start-ups, and approvals of CDMOs; by a sweep, or in the way of a new booking."""

from collections.abc import Collection, Iterable
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.author import Author
from app.bookings import repository
from app.bookings.changing import ENDINGS, end_run_out
from app.capacity.service import lock_units
from app.core.clock import now
from app.requests.service import lock_requests


async def lock_with_run_out(
    session: AsyncSession, unit_ids: Collection[UUID], request_ids: Iterable[UUID | None] = ()
) -> None:
    """Lock requests, and with them those of what has run out on locked units, which a new booking there ends.

    One call, before anything is made: what `expire` locked later would not be in one order with the first ones. A
    place to which a booking only asks to move ends without its request.
    """
    run_out = await repository.requests_run_out_on(session, unit_ids, now())
    await lock_requests(session, run_out | {one for one in request_ids if one is not None})


async def expire(session: AsyncSession, author: Author, units: Collection[UUID]) -> int:
    """End every stale hold and overdue approval of locked units, and return how many there were.

    Their requests are locked before their rows: of these, a move that was asked for may be ended by whoever ends its
    booking, and has locked that one's unit and request alone.
    """
    at = now()
    await lock_requests(session, await repository.requests_run_out_on(session, units, at))
    found = await repository.run_out(session, units, at)
    for booking in found:
        if booking.status in ENDINGS:  # a move that was asked for may have ended with its booking
            await end_run_out(session, author, booking)
    return len(found)


async def expire_for_request(session: AsyncSession, author: Author, request_id: UUID, unit_id: UUID) -> None:
    """End what has run out for a request, so that it can have a place on a unit, which is locked with the others."""
    units = await repository.units_run_out_for(session, request_id, now())
    if units:
        await lock_units(session, {*units, unit_id})
        await lock_with_run_out(session, {*units, unit_id}, [request_id])
        await expire(session, author, units)


async def expire_stale_holds(session: AsyncSession, author: Author, *, max_units: int = 100) -> int:
    """Expire what has run out on so many units with stale holds at most, and return how much there was.

    A sweep calls it in a transaction of its own until it returns 0. Nothing waits for it: a new booking ends by
    itself what is stale in its way.
    """
    return await _sweep(session, author, await repository.units_with_stale_holds(session, now(), max_units))


async def decline_overdue(session: AsyncSession, author: Author, *, max_units: int = 100) -> int:
    """Decline what no CDMO has approved in time, likewise on so many units at most."""
    return await _sweep(session, author, await repository.units_with_overdue_approvals(session, now(), max_units))


async def _sweep(session: AsyncSession, author: Author, units: set[UUID]) -> int:
    if not units:
        return 0
    await lock_units(session, units)
    return await expire(session, author, units)
