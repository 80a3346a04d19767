"""Bookings as each side may see them, and their quotes."""

from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.bookings import views
from app.bookings.move_costs import MoveOffer
from app.bookings.schemas import BookingFilter, BookingRead
from app.bookings.views import BookingView
from app.capacity.occupancy import span_of
from app.capacity.supply import Span
from app.core.errors import NotFound
from app.identity.actor import Actor
from app.identity.models import Role
from app.requests.visibility import Stage, is_told

_CDMO_READS = {
    name: is_told(name, Stage.PLACED)
    for name in (
        "products.id",
        "products.code_name",
        "products.modality",
        "requests.gmp_phase",
        "feasibilities.disclosed_summary",
    )
}
"""Of what a booking shows of its product and request: whether its CDMO reads it."""


class Sides(NamedTuple):
    """On which side of a booking an actor stands; the coordinator stands on neither and sees both."""

    buyer: bool
    seller: bool


def sides_of(actor: Actor, view: BookingView) -> Sides:
    """Return on which sides of a booking an actor stands."""
    booking = view.booking
    return Sides(
        buyer=actor.role is Role.STARTUP_MEMBER and booking.organisation_id == actor.organisation_id,
        seller=actor.role is Role.CDMO_PLANNER and view.cdmo_id == actor.organisation_id,
    )


async def list_bookings(
    session: AsyncSession, actor: Actor, query: BookingFilter
) -> tuple[list[BookingRead], str | None]:
    """Return one page of the bookings that the actor may see, and the cursor of the next."""
    everything = actor.role in {Role.COORDINATOR, Role.ADMIN}
    rows, cursor = await views.page(session, query, party_id=None if everything else actor.organisation_id)
    return [as_seen_by(actor, row) for row in rows], cursor


async def get_view(session: AsyncSession, actor: Actor, booking_id: UUID) -> BookingView:
    """Return a booking with what surrounds it, to either side or the coordinator.

    Raises
    ------
    NotFound
        If there is none, or it is others'.
    """
    view = await views.find(session, booking_id)
    if view is None or not (actor.sees(view.booking.organisation_id) or actor.sees(view.cdmo_id)):
        raise NotFound.of("booking", booking_id)
    return view


async def get_booking(session: AsyncSession, actor: Actor, booking_id: UUID) -> BookingRead:
    """Return a booking as the actor may see it."""
    return as_seen_by(actor, await get_view(session, actor, booking_id))


def as_seen_by(actor: Actor, view: BookingView) -> BookingRead:
    """Return a booking without what its CDMO is not told, as `app.requests.visibility` says."""
    booking, sees_all = view.booking, actor.sees(view.booking.organisation_id)
    days = span_of(booking.period)
    if booking.move is not None:
        offer = MoveOffer.model_validate(booking.move)
        days = Span(offer.start, offer.end)
    late = max(timedelta(0), booking.expected_end_on - days.end_on) if booking.expected_end_on else timedelta(0)
    return BookingRead(
        id=booking.id,
        status=booking.status,
        slot_id=booking.slot_id,
        unit_id=booking.unit_id,
        line_id=view.line_id,
        site_id=view.site_id,
        organisation_id=booking.organisation_id,
        cdmo_id=view.cdmo_id,
        request_id=booking.request_id,
        product_id=booking.product_id if sees_all or _CDMO_READS["products.id"] else None,
        product_code_name=view.code_name if sees_all or _CDMO_READS["products.code_name"] else None,
        modality=view.modality if sees_all or _CDMO_READS["products.modality"] else None,
        gmp_phase=view.gmp_phase if sees_all or _CDMO_READS["requests.gmp_phase"] else None,
        disclosed_summary=view.disclosed_summary
        if sees_all or _CDMO_READS["feasibilities.disclosed_summary"]
        else None,
        crisis_id=booking.crisis_id,
        source=booking.source,
        batches=booking.batches,
        start=days.start_on,
        end=days.end_on,
        delivery_on=booking.delivery_on,
        reserve=booking.reserve,
        recallable=booking.recallable,
        instant=bool(booking.terms.get("instant")),
        hold_expires_at=booking.hold_expires_at,
        approval_expires_at=booking.approval_expires_at,
        contract_status=booking.contract_status,
        price_cents=booking.price_cents,
        ended_reason_code=booking.ended_reason_code,
        replaced_by_id=booking.replaced_by_id,
        displaced_at=booking.displaced_at,
        moves_id=booking.moves_id,
        pending_move_id=view.pending_move_id,
        repeats_id=booking.repeats_id,
        expected_end_on=booking.expected_end_on,
        expected_delivery_on=booking.delivery_on + late,
        actual_start_on=booking.actual_start_on,
        actual_end_on=booking.actual_end_on,
        batches_released=booking.batches_released,
        failure_cause=booking.failure_cause,
        origin=booking.origin,
        created_at=booking.created_at,
        version=booking.version,
    )
