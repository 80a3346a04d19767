"""What a booking's status means for the request that it serves."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.author import Author
from app.bookings import freed, repository
from app.bookings.models import Booking, BookingSource, BookingStatus
from app.bookings.rules import ENDED
from app.core.clock import now
from app.requests.models import Request, RequestStatus
from app.requests.progress import move_request
from app.requests.waiting import end_waiting, end_wish, status_without_place

BINDING = frozenset({BookingStatus.AWAITING_CDMO, BookingStatus.CONFIRMED})
REFUSED = frozenset({BookingStatus.DECLINED, BookingStatus.CANCELLED})
LET_GO = REFUSED | {BookingStatus.RELEASED, BookingStatus.EXPIRED}


async def settle_request(session: AsyncSession, author: Author, booking: Booking) -> None:
    """Move a booking's request on: booked once the start-up is bound, fulfilled once its batches are made.

    It waits again when nothing serves it any more, a failed batch included. One on the waiting list whose place is
    refused by its CDMO, however it came to it, is on that list as before, and so is one that has given up a place
    itself before it was approved; but to give up a round's is to decline it, and ends the waiting. One that a crisis
    has displaced goes on the list, unless another place is held for it and as long as it is; what that crisis frees is
    offered to it first, and counts as held for it too, though being offered it takes nobody off the list. A hold moves
    nothing; nor does its end, unless the request was booked; nor does a place to which a booking only asks to move.
    """
    if booking.request_id is None or booking.moves_id is not None:
        return
    if booking.status not in BINDING | ENDED:
        return
    request = await repository.lock_request(session, booking.request_id)
    if booking.status in BINDING:
        unapproved = booking.status is BookingStatus.AWAITING_CDMO
        await move_request(session, author, request, RequestStatus.BOOKED, unapproved=unapproved)
        if not unapproved:
            await end_waiting(session, author, request)
    elif request.status is RequestStatus.BOOKED:
        await _settle_end(session, author, booking, request)
    if request.waiting_since_at is not None and _kept_from_others(booking):
        await freed.look_again(session, [request.id])


async def _settle_end(session: AsyncSession, author: Author, booking: Booking, request: Request) -> None:
    """Move a booked request on from a booking that has ended.

    A later place that ends takes the wish with it, and the request waits on for what the list has offered it instead:
    refused, it is on that list as before. Whoever lets that offer run out waits no more.
    """
    if booking.status is BookingStatus.COMPLETED:
        await move_request(session, author, request, RequestStatus.FULFILLED)
    elif not await _is_served(session, request.id):
        if booking.status is BookingStatus.DISPLACED or _never_taken(booking):
            status = RequestStatus.WAITLISTED
        elif _ran_out(booking):
            status = RequestStatus.SUBMITTED
        else:
            status = status_without_place(request)
            if status is RequestStatus.WAITLISTED and _declined_late(author, booking):
                status = RequestStatus.UNMET
        await move_request(session, author, request, status, reason_code=booking.ended_reason_code)
    elif request.wants_earlier:
        places = await repository.other_places(session, request.id, booking.id, offered_at=now())
        if places and all(_is_offered(place) or _is_unapproved(place) for place in places):
            await end_wish(session, author, request, "place_ended", unapproved=True)


async def _is_served(session: AsyncSession, request_id: UUID) -> bool:
    return await repository.live_booking_of_request(session, request_id, now()) is not None


def _is_offered(booking: Booking) -> bool:
    return booking.status is BookingStatus.HELD and booking.source is BookingSource.WAITING


def _is_unapproved(booking: Booking) -> bool:
    return booking.status is BookingStatus.AWAITING_CDMO and booking.source is BookingSource.WAITING


def _kept_from_others(booking: Booking) -> bool:
    """Tell whether a booking that has ended kept its request from other places, which it still waits for.

    Whoever lets an offer run out, or declines a round's, leaves the list; whoever has taken an earlier place, too. Who
    gives up a round's place that is yet to be approved has left it before this is asked.
    """
    declined = booking.source is BookingSource.ROUND and booking.status not in REFUSED
    left = _ran_out(booking) or declined or booking.replaced_by_id is not None
    return booking.status in LET_GO and not left


def _ran_out(booking: Booking) -> bool:
    return booking.status is BookingStatus.EXPIRED and booking.source is BookingSource.WAITING


def _never_taken(booking: Booking) -> bool:
    """Tell whether it was held for one that a crisis has displaced, and is held no more."""
    let_go = {BookingStatus.RELEASED, BookingStatus.EXPIRED}
    return booking.source is BookingSource.REPLACEMENT and booking.status in let_go


def _declined_late(author: Author, booking: Booking) -> bool:
    """Tell whether it is its start-up itself that has given up a round's place, which it had accepted."""
    by_startup = booking.status is BookingStatus.CANCELLED and author.organisation_id == booking.organisation_id
    return by_startup and booking.source is BookingSource.ROUND
