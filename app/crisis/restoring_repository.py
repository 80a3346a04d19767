"""Queries on places offered back: who was displaced, by what, and where they stand by now."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased
from sqlmodel import col

from app.bookings.liveness import is_live
from app.bookings.models import Booking, BookingStatus, Charge, ChargeKind
from app.core.clock import now
from app.core.paging import PageQuery, fetch_page
from app.crisis import repository
from app.crisis.models import Crisis, Displacement, DisplacementStatus
from app.crisis.restoring_models import Restoration, RestorationStatus
from app.requests.models import Request


class Lost(NamedTuple):
    """A displacement that took effect, with its booking, its request if it has one, and its replacement if any."""

    displacement: Displacement
    booking: Booking
    request: Request | None
    replacement: Booking | None


async def lost_places(session: AsyncSession, crisis_id: UUID, ids: Collection[UUID] | None = None) -> list[Lost]:
    """Return the effective displacements of a crisis, or these of them, as they are now."""
    replacement = aliased(Booking)
    statement = (
        select(Displacement, Booking, Request, replacement)
        .join(Booking, col(Booking.id) == col(Displacement.booking_id))
        .outerjoin(Request, col(Request.id) == col(Booking.request_id))
        .outerjoin(replacement, replacement.id == col(Displacement.replacement_id))  # type: ignore[arg-type]
        .where(col(Displacement.crisis_id) == crisis_id, col(Displacement.status) == DisplacementStatus.EFFECTIVE)
        .order_by(col(Displacement.id))
    )
    if ids is not None:
        statement = statement.where(col(Displacement.id).in_(list(ids)))
    rows = await session.execute(statement.execution_options(populate_existing=True))
    return [Lost(*row) for row in rows]


async def served_otherwise(session: AsyncSession, request_id: UUID, but: Collection[UUID]) -> bool:
    """Tell whether a request is bound to a place which is none of these; a hold binds it to nothing yet."""
    statement = select(col(Booking.id)).where(
        col(Booking.request_id) == request_id,
        is_live(now()),
        col(Booking.status) != BookingStatus.HELD,
        col(Booking.id).not_in(list(but)),
    )
    return (await session.scalar(statement.limit(1))) is not None


async def lock_restorations(
    session: AsyncSession, crisis_id: UUID, statuses: Collection[RestorationStatus]
) -> list[Restoration]:
    """Return the offers of a crisis in these statuses, in their order, locked."""
    statement = (
        select(Restoration)
        .where(col(Restoration.crisis_id) == crisis_id, col(Restoration.status).in_(list(statuses)))
        .order_by(col(Restoration.position))
        .with_for_update()
    )
    return list(await session.scalars(statement.execution_options(populate_existing=True)))


async def restorations_of(session: AsyncSession, crisis_id: UUID) -> list[Restoration]:
    """Return all offers of a crisis, in their order."""
    statement = select(Restoration).where(col(Restoration.crisis_id) == crisis_id).order_by(col(Restoration.position))
    return list(await session.scalars(statement.execution_options(populate_existing=True)))


async def find(session: AsyncSession, crisis_id: UUID, restoration_id: UUID) -> Restoration | None:
    """Return an offer of a crisis, or None."""
    statement = select(Restoration).where(
        col(Restoration.id) == restoration_id, col(Restoration.crisis_id) == crisis_id
    )
    return (await session.scalars(statement)).one_or_none()


async def page(
    session: AsyncSession, crisis_id: UUID, paging: PageQuery, owner_id: UUID | None
) -> tuple[list[Restoration], str | None]:
    """Return one page of the offers of a crisis: all, or of a real one, those to one owner."""
    statement: Select[Any] = select(Restoration).where(col(Restoration.crisis_id) == crisis_id)
    if owner_id is not None:
        statement = statement.where(col(Restoration.organisation_id) == owner_id, col(Restoration.is_drill).is_(False))
    return await fetch_page(session, statement, paging, [(col(Restoration.id), UUID)])


async def crisis_with_overdue(session: AsyncSession, at: datetime) -> Crisis | None:
    """Return a crisis with an offer whose time is over, locked, or None; one that is being changed is passed over."""
    overdue = select(col(Restoration.crisis_id)).where(
        col(Restoration.status) == RestorationStatus.OFFERED, col(Restoration.respond_by_at) <= at
    )
    statement = select(Crisis).where(col(Crisis.id).in_(overdue)).order_by(col(Crisis.id)).limit(1)
    return await repository.locked(session, statement.with_for_update(skip_locked=True))


async def compensations(session: AsyncSession, crisis_id: UUID, booking: Booking) -> Sequence[tuple[UUID, int]]:
    """Return what the owner of a booking has been credited for its displacement so far, by who pays it, in cents."""
    statement = (
        select(col(Charge.counterparty_id), -func.sum(col(Charge.amount_cents)))
        .where(
            col(Charge.crisis_id) == crisis_id,
            col(Charge.booking_id) == booking.id,
            col(Charge.kind) == ChargeKind.DISPLACEMENT_COMPENSATION,
            col(Charge.organisation_id) == booking.organisation_id,
        )
        .group_by(col(Charge.counterparty_id))
        .order_by(col(Charge.counterparty_id))
    )
    return [(payer, int(cents)) for payer, cents in await session.execute(statement) if payer is not None]
