"""What a booking's status means for the request that it serves."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.author import Author
from app.bookings import repository
from app.bookings.models import Booking, BookingStatus
from app.bookings.rules import ENDED
from app.core.clock import now
from app.requests.models import RequestStatus
from app.requests.service import move_request

BINDING = frozenset({BookingStatus.AWAITING_CDMO, BookingStatus.CONFIRMED})
GIVEN_UP = ENDED - {BookingStatus.COMPLETED, BookingStatus.FAILED}


async def settle_request(session: AsyncSession, author: Author, booking: Booking) -> None:
    """Move a booking's request on: booked once the start-up is bound, waiting again when nothing serves it any more.

    A hold moves nothing; nor does its end, unless the request was booked. One that a crisis has displaced goes on the
    waiting list, where what that crisis frees is offered to it first.
    """
    if booking.request_id is None or booking.status not in BINDING | GIVEN_UP:
        return
    request = await repository.lock_request(session, booking.request_id)
    if booking.status in BINDING:
        await move_request(session, author, request, RequestStatus.BOOKED)
    elif request.status is RequestStatus.BOOKED and not await _is_served(session, request.id):
        displaced = booking.status is BookingStatus.DISPLACED
        status = RequestStatus.WAITLISTED if displaced else RequestStatus.SUBMITTED
        await move_request(session, author, request, status, reason_code=booking.ended_reason_code)


async def _is_served(session: AsyncSession, request_id: UUID) -> bool:
    return await repository.live_booking_of_request(session, request_id, now()) is not None
