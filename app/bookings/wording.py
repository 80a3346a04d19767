"""A place on a calendar as words, for letters to either side."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.bookings import repository
from app.bookings.models import Booking
from app.bookings.move_costs import MoveOffer
from app.capacity.facts import unit_facts
from app.capacity.occupancy import span_of
from app.capacity.supply import Span
from app.core.errors import NotFound
from app.core.spelling import day_in_words
from app.letters.wording import Bilingual


async def place_in_words(session: AsyncSession, booking_id: UUID) -> Bilingual:
    """Return where and when a booking is, or is to be moved to: by first and last day, and nothing of whose it is.

    Raises
    ------
    NotFound
        If there is none.
    """
    booking = await repository.find(session, booking_id)
    if booking is None:
        raise NotFound.of("booking", booking_id)
    unit = (await unit_facts(session, unit_ids=[booking.unit_id]))[booking.unit_id]
    days = _days_of(booking)
    told = (days.start_on, days.end_on - timedelta(days=1), booking.delivery_on)
    english, french = ([day_in_words(day, french=one) for day in told] for one in (False, True))
    place = f"{unit.site_name} ({unit.line_name})"
    return Bilingual(
        "Place: {}, from {} to {}, with delivery on {}.".format(place, *english),
        "Place : {}, du {} au {}, livraison le {}.".format(place, *french),
    )


def _days_of(booking: Booking) -> Span:
    """Return the days of a booking; of a place to which one asks to move, all of them, and not only those held."""
    if booking.move is None:
        return span_of(booking.period)
    asked = MoveOffer.model_validate(booking.move)
    return Span(asked.start, asked.end)
