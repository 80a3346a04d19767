"""Who may do what to a booking that they can see: one question, answered by the table of transitions."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.bookings import reading, service
from app.bookings.models import Booking, BookingSource, BookingStatus
from app.bookings.rules import Party, who_may
from app.bookings.views import BookingView
from app.core.errors import NotAllowed, StateConflict
from app.core.tenancy import go_across
from app.identity.actor import Actor

WHOSE = {Party.STARTUP: "the start-up whose lot it is", Party.CDMO: "the CDMO whose line it is"}


async def view_for(session: AsyncSession, actor: Actor, booking_id: UUID, verb: str) -> tuple[BookingView, Party]:
    """Return a booking, and the side on which the actor may do something to it.

    What follows concerns both sides, and those behind and those who wait: the transaction goes on across organisations.

    Raises
    ------
    NotFound
        If the actor may not even see it.
    NotAllowed
        If it is for others to do.
    """
    view = await reading.get_view(session, actor, booking_id)
    sides = reading.sides_of(actor, view)
    allowed = who_may(verb)
    for party, stands in ((Party.STARTUP, sides.buyer), (Party.CDMO, sides.seller)):
        if stands and party in allowed:
            await go_across(session)
            return view, party
    told = " or ".join(words for party, words in WHOSE.items() if party in allowed)
    raise NotAllowed(f"Only {told} may do this: {verb}.", facts={"verb": verb, "allowed": sorted(allowed)})


async def locked_for(session: AsyncSession, actor: Actor, booking_id: UUID, verb: str) -> tuple[BookingView, Party]:
    """Return what `view_for` does, the booking locked: as it is now, and as the caller saw it.

    Raises
    ------
    NotFound, NotAllowed
        As there.
    Stale
        If the caller saw another version of it.
    """
    view, party = await view_for(session, actor, booking_id, verb)
    await service.locked(session, booking_id, to_confirm=verb in {"confirm", "approve"})
    return view, party


def require_not_ordered(booking: Booking) -> None:
    """Let pass what no order of a crisis decides; a replacement, once taken up, is a booking like any other.

    Raises
    ------
    StateConflict
        If it is a campaign that was ordered.
    """
    if booking.source is BookingSource.CRISIS:
        raise StateConflict(
            "This campaign was ordered in a crisis: its CDMO accepts or counters the order, and the crisis ends it.",
            facts={
                "booking_status": booking.status.value,
                "source": booking.source.value,
                "crisis_id": str(booking.crisis_id),
            },
        )


def require_direct(booking: Booking) -> None:
    """Let pass a hold that its start-up made or was offered to it; any other's fate follows from its purpose.

    Raises
    ------
    StateConflict
        If it is held for an offer, or for a crisis.
    """
    if booking.status is BookingStatus.HELD and booking.source not in {BookingSource.DIRECT, BookingSource.REPEAT}:
        told = (
            "This place is held for an offer: accept or decline the offer."
            if booking.source in {BookingSource.ROUND, BookingSource.WAITING}
            else "This place is held for a lot that gives way in a crisis: its owner accepts or declines it there."
        )
        raise StateConflict(
            told,
            facts={"booking_status": booking.status.value, "source": booking.source.value},
        )
