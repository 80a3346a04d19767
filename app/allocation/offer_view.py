"""Offers as people read them: with their booking, its price and its place."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.allocation import repository, waiting_repository
from app.allocation.models import Offer, OfferSource
from app.allocation.names_repository import named_places
from app.allocation.schemas import OfferRead
from app.bookings.models import BookingStatus
from app.capacity.occupancy import span_of
from app.core.clock import now


async def read_offers(session: AsyncSession, offers: Sequence[Offer]) -> list[OfferRead]:
    """Return offers with what they are about."""
    bookings = await repository.bookings_by_id(session, [offer.booking_id for offer in offers])
    places = await named_places(session, {booking.slot_id for booking in bookings.values()})
    replaced = await _replaced(session, offers)
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
                cdmo_cancellation_percent=int(booking.terms.get("cdmo_cancellation_percent", 0)),
                booking_status=booking.status.value,
                instant=bool(booking.terms.get("instant")),
                replaces_booking_id=replaced.get(offer.id),
                origin=booking.origin,
            )
        )
    return answers


async def _replaced(session: AsyncSession, offers: Sequence[Offer]) -> dict[UUID, UUID]:
    """Return by offer the place that its request has now and would leave; only the waiting list offers such."""
    waiting = [offer for offer in offers if offer.source is OfferSource.WAITING]
    if not waiting:
        return {}
    present = await waiting_repository.live_bookings(session, {offer.request_id for offer in waiting}, now())
    bound = (BookingStatus.AWAITING_CDMO, BookingStatus.CONFIRMED)
    return {
        offer.id: booking.id
        for offer in waiting
        for booking in present
        if booking.request_id == offer.request_id and booking.id != offer.booking_id and booking.status in bound
    }
