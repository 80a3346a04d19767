"""Queries on the calendars that a crisis draws on: live bookings, and what other crises have ordered."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import ColumnElement, and_, false, func, or_, select, true
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.bookings.liveness import is_live
from app.bookings.models import Booking, BookingSource, BookingStatus
from app.capacity.models import Slot, SlotStatus
from app.capacity.occupancy import span_of
from app.capacity.supply import Span
from app.catalogue.models import ProductionLine, Site, Unit
from app.core.clock import SITE_ZONE, now
from app.core.model import period
from app.core.vocabulary import Reserve
from app.crisis.declaration import CrisisScope
from app.crisis.models import (
    Crisis,
    CrisisMode,
    CrisisOrder,
    CrisisStatus,
    Displacement,
    DisplacementStatus,
    OrderStatus,
)
from app.crisis.rules import BookingFacts
from app.requests.models import Product, Request

LOWEST_TIER = 3
FIRM = frozenset({BookingStatus.CONFIRMED, BookingStatus.AWAITING_CDMO})
TENTATIVE = frozenset({BookingSource.CRISIS, BookingSource.MOVE})
"""Sources of what no displacement moves: orders themselves, and places to which a booking only asks to move."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Days on some units; the slots there that are kept for crises count, or do not."""

    unit_ids: frozenset[UUID]
    days: Span
    with_crisis_slots: bool


async def live_bookings(
    session: AsyncSession, unit_ids: Collection[UUID], crisis_id: UUID, as_of_on: date
) -> list[BookingFacts]:
    """Return the live bookings of units, by identifier; what has run out is none.

    A product is a project: one of its bookings displaced protects the others too, whichever took its place. One that is
    to give way to another crisis counts as displaced on the day to reason from.
    """
    statement = (
        select(Booking, col(Request.priority_tier))
        .outerjoin(Request, col(Request.id) == col(Booking.request_id))
        .where(col(Booking.unit_id).in_(list(unit_ids)), is_live(now()))
        .order_by(col(Booking.id))
    )
    in_place_of, of_product = await _last_displaced(session)
    promised = await _promised_products(session, crisis_id)
    found = []
    for booking, tier in await session.execute(statement):
        moments = (in_place_of.get(booking.id), of_product.get(booking.product_id))
        displaced = [at.astimezone(SITE_ZONE).date() for at in moments if at]
        displaced += [as_of_on] if booking.product_id in promised else []
        days = span_of(booking.period)
        found.append(
            BookingFacts(
                booking_id=booking.id,
                slot_id=booking.slot_id,
                unit_id=booking.unit_id,
                organisation_id=booking.organisation_id,
                start_on=days.start_on,
                end_on=days.end_on,
                delivery_on=booking.delivery_on,
                price_cents=booking.price_cents,
                firm=booking.status in FIRM and booking.source not in TENTATIVE,
                recallable=booking.recallable,
                request_id=booking.request_id,
                product_id=booking.product_id,
                weight_tier=tier or LOWEST_TIER,
                displaced_on=max(displaced, default=None),
            )
        )
    return found


async def _last_displaced(session: AsyncSession) -> tuple[dict[UUID, datetime], dict[UUID | None, datetime]]:
    """Return when a crisis last displaced a booking: by the booking that took its place, and by its product."""
    statement = select(col(Booking.replaced_by_id), col(Booking.product_id), func.max(col(Booking.displaced_at))).where(
        col(Booking.displaced_at).is_not(None)
    )
    in_place_of: dict[UUID, datetime] = {}
    of_product: dict[UUID | None, datetime] = {}
    rows = await session.execute(statement.group_by(col(Booking.replaced_by_id), col(Booking.product_id)))
    for replaced_by_id, product_id, at in rows:
        if at is None:
            continue
        if replaced_by_id is not None:
            in_place_of[replaced_by_id] = max(at, in_place_of.get(replaced_by_id, at))
        if product_id is not None:
            of_product[product_id] = max(at, of_product.get(product_id, at))
    return in_place_of, of_product


async def _promised_products(session: AsyncSession, crisis_id: UUID) -> set[UUID | None]:
    """Return the products of the live bookings that are to give way to other real crises."""
    statement = (
        select(col(Booking.product_id))
        .join(Displacement, col(Displacement.booking_id) == col(Booking.id))
        .join(Crisis, col(Crisis.id) == col(Displacement.crisis_id))
        .where(
            col(Displacement.status) == DisplacementStatus.PENDING,
            col(Booking.product_id).is_not(None),
            is_live(now()),
            *_is_active_elsewhere(crisis_id),
        )
    )
    return set(await session.scalars(statement))


def _is_active_elsewhere(crisis_id: UUID) -> tuple[ColumnElement[bool], ...]:
    """Return what holds of every real crisis that is active, but for one."""
    return (
        col(Crisis.mode) == CrisisMode.REAL,
        col(Crisis.status) == CrisisStatus.ACTIVE,
        col(Crisis.id) != crisis_id,
    )


async def awaited_periods(
    session: AsyncSession, unit_ids: Collection[UUID], crisis_id: UUID
) -> dict[UUID, tuple[Span, ...]]:
    """Return the periods, by slot, that orders of other real crises hold until their CDMO answers."""
    statement = (
        select(col(CrisisOrder.slot_id), col(CrisisOrder.period))
        .join(Crisis, col(Crisis.id) == col(CrisisOrder.crisis_id))
        .where(
            col(CrisisOrder.unit_id).in_(list(unit_ids)),
            col(CrisisOrder.status) == OrderStatus.ISSUED,
            *_is_active_elsewhere(crisis_id),
        )
    )
    found: dict[UUID, list[Span]] = defaultdict(list)
    for slot_id, days in await session.execute(statement):
        found[slot_id].append(span_of(days))
    return {slot_id: tuple(spans) for slot_id, spans in found.items()}


async def is_anything_published(session: AsyncSession) -> bool:
    """Tell whether there is any published slot on a unit that can be booked."""
    statement = (
        select(col(Slot.id))
        .join(Unit, col(Unit.id) == col(Slot.unit_id))
        .join(ProductionLine, col(ProductionLine.id) == col(Unit.line_id))
        .where(col(Slot.status) == SlotStatus.PUBLISHED, col(ProductionLine.not_bookable_reason).is_(None))
    )
    return (await session.scalar(statement.limit(1))) is not None


async def published_within(session: AsyncSession, stretches: Iterable[Stretch]) -> list[UUID]:
    """Return the published slots that lie on the units and days of any of these stretches, by identifier."""
    wanted = [
        and_(
            col(Slot.unit_id).in_(list(stretch.unit_ids)),
            col(Slot.period).overlaps(period(stretch.days.start_on, stretch.days.end_on)),  # type: ignore[attr-defined]
            true() if stretch.with_crisis_slots else col(Slot.reserve) != Reserve.CRISIS,
        )
        for stretch in stretches
    ]
    statement = select(col(Slot.id)).where(col(Slot.status) == SlotStatus.PUBLISHED, or_(false(), *wanted))
    return list(await session.scalars(statement.order_by(col(Slot.id))))


async def places_sought(session: AsyncSession, slot_ids: Collection[UUID]) -> dict[str, Span]:
    """Return for each modality of the live lots in these slots from when on, and by when, another place would do."""
    latest = func.greatest(col(Request.latest_delivery_on), col(Booking.delivery_on))
    statement = (
        select(col(Product.modality), func.min(func.lower(col(Booking.period))), func.max(latest))
        .join(Request, col(Request.product_id) == col(Product.id))
        .join(Booking, col(Booking.request_id) == col(Request.id))
        .where(col(Booking.slot_id).in_(list(slot_ids)), is_live(now()))
        .group_by(col(Product.modality))
    )
    return {modality: Span(first_on, last_on) for modality, first_on, last_on in await session.execute(statement)}


async def units_named(
    session: AsyncSession, unit_ids: Collection[UUID], organisation_ids: Collection[UUID], scope: CrisisScope
) -> dict[UUID, UUID]:
    """Return the units with one of these identifiers, or of one of these organisations, and whose each is.

    Those that are out of service in a scope are left out.
    """
    owner = col(Site.organisation_id)
    statement = (
        select(col(Unit.id), owner)
        .join(ProductionLine, col(ProductionLine.id) == col(Unit.line_id))
        .join(Site, col(Site.id) == col(ProductionLine.site_id))
        .where(
            or_(col(Unit.id).in_(list(unit_ids)), owner.in_(list(organisation_ids))),
            owner.not_in(list(scope.excluded_organisation_ids)),
            col(Site.id).not_in(list(scope.excluded_site_ids)),
        )
    )
    return {unit: organisation for unit, organisation in (await session.execute(statement)).all()}  # noqa: C416


async def bookings_by_id(session: AsyncSession, booking_ids: Collection[UUID]) -> dict[UUID, Booking]:
    """Return these bookings as they are now, by identifier."""
    statement = select(Booking).where(col(Booking.id).in_(list(booking_ids)))
    rows = await session.scalars(statement.execution_options(populate_existing=True))
    return {booking.id: booking for booking in rows}
