"""Offers as people read them: with their booking, its price and its place."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from app.allocation import repository
from app.allocation.models import Offer
from app.allocation.names_repository import named_places
from app.allocation.schemas import OfferRead
from app.capacity.occupancy import span_of


async def read_offers(session: AsyncSession, offers: Sequence[Offer]) -> list[OfferRead]:
    """Return offers with what they are about."""
    bookings = await repository.bookings_by_id(session, [offer.booking_id for offer in offers])
    places = await named_places(session, {booking.slot_id for booking in bookings.values()})
    answers = []
    for offer in offers:
        booking = bookings[offer.booking_id]
        place, span = places[booking.slot_id], span_of(booking.period)
        answers.append(
            OfferRead(
                **offer.model_dump(exclude={"created_at", "run_id"}),
                slot_id=booking.slot_id,
                unit=place.unit,
                line=place.line,
                site=place.site,
                start=span.start_on,
                end=span.end_on,
                delivery_on=booking.delivery_on,
                batches=booking.batches,
                price_cents=booking.price_cents,
                booking_status=booking.status.value,
                instant=bool(booking.terms.get("instant")),
                origin=booking.origin,
            )
        )
    return answers
