"""What follows for those who wait from a change of a booking: freed days are offered, a later place is left."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.author import Author
from app.bookings import ledger, ledger_repository, repository
from app.bookings.models import Booking, BookingSource, ChargeKind
from app.core.jobs import Entrypoint, enqueue
from app.requests.waiting import end_wish

MOVED_EARLIER = "moved_earlier"


async def announce(session: AsyncSession, unit_id: UUID) -> None:
    """Have the waiting list asked about the days of a unit that a booking has let go of, unless nobody waits at all.

    The job stands in the transaction that frees the days. A worker also looks for freed days without a job.
    """
    if await repository.has_undecided_days(session, unit_id):
        await enqueue(session, Entrypoint.WAITING, unit_id)


async def look_again(session: AsyncSession, request_ids: Collection[UUID]) -> None:
    """Have the list asked again about days that were freed while an offer or the like kept these requests from them.

    So it is once that has ended, for those that wait still; the days that somebody has taken are not asked about. The
    caller has locked the requests: a decision that is being made on one has been written by then, or comes after. The
    sweep makes the jobs: two transactions that each made one for the other's unit would wait for each other.
    """
    await repository.free_again(session, request_ids)


async def units_to_lock(session: AsyncSession, booking: Booking) -> set[UUID]:
    """Return the units that the confirmation of a booking touches: its own, and that of a place that it replaces."""
    return {booking.unit_id, *(later.unit_id for later in await later_places(session, booking))}


async def later_places(session: AsyncSession, booking: Booking) -> list[Booking]:
    """Return the bookings of the same request in whose stead this one is taken: from the waiting list alone."""
    if booking.source is not BookingSource.WAITING or booking.request_id is None:
        return []
    return await repository.other_places(session, booking.request_id, booking.id)


async def credit_left(session: AsyncSession, author: Author, left: Booking, taken: Booking) -> None:
    """Credit what was charged for a place that its request has left for an earlier one, and end the wish for it.

    To leave it costs nothing. What its owner paid to move it there before stays paid, as it does when the batch is made
    or cancelled: a fee for a move is credited where the CDMO is the cause, and there alone.
    """
    await ledger.add_charge(
        session,
        author,
        organisation_id=left.organisation_id,
        counterparty_id=await ledger_repository.seller_of(session, left.unit_id),
        booking_id=left.id,
        kind=ChargeKind.RESERVATION_FEE,
        amount_cents=-await ledger.charged_cents(session, left.id),
        detail={"reason": MOVED_EARLIER, "taken_booking_id": str(taken.id)},
    )
    if left.request_id is not None:
        await end_wish(session, author, await repository.lock_request(session, left.request_id), MOVED_EARLIER)
