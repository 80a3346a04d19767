"""Queries on freed days, those who wait for them, and what was decided."""

from collections.abc import Collection
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Select, exists, func, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.allocation.models import (
    Offer,
    OfferSource,
    OfferStatus,
    Round,
    RoundRequest,
    Run,
    RunState,
    WaitingDecision,
    WaitingLine,
)
from app.allocation.repository import UNDECIDED
from app.bookings.liveness import is_live
from app.bookings.models import LIVE, Booking, BookingStatus, FreedPeriod
from app.capacity.models import SlotFreeze
from app.core.jobs import QUEUE_SCHEMA, Entrypoint
from app.core.paging import PageQuery, fetch_page
from app.requests.models import Product, Request

GIVEN_UP = (BookingStatus.RELEASED, BookingStatus.EXPIRED, BookingStatus.CANCELLED, BookingStatus.DECLINED)
ACCEPTED = (OfferStatus.OFFERED, OfferStatus.ACCEPTED)


async def lock_undecided(session: AsyncSession, unit_id: UUID) -> list[FreedPeriod]:
    """Return the freed days of a unit that are to be decided, locked; those in a slot held still have to wait."""
    statement = (
        select(FreedPeriod)
        .where(col(FreedPeriod.unit_id) == unit_id, col(FreedPeriod.decision_id).is_(None), ~_frozen())
        .order_by(col(FreedPeriod.created_at), col(FreedPeriod.id))
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return list(await session.scalars(statement))


async def count_attempt(session: AsyncSession, unit_id: UUID) -> None:
    """Count one more attempt at the freed days of a unit that are to be decided."""
    statement = (
        update(FreedPeriod)
        .where(col(FreedPeriod.unit_id) == unit_id, col(FreedPeriod.decision_id).is_(None), ~_frozen())
        .values(attempts=col(FreedPeriod.attempts) + 1)
        .execution_options(synchronize_session=False)
    )
    await session.execute(statement)


def _frozen() -> ColumnElement[bool]:
    return exists().where(col(SlotFreeze.slot_id) == col(FreedPeriod.slot_id))


async def lock_of_run(session: AsyncSession, run_id: UUID) -> list[FreedPeriod]:
    """Return the freed days that a run was about and that are still to be decided, locked."""
    statement = (
        select(FreedPeriod)
        .where(col(FreedPeriod.run_id) == run_id, col(FreedPeriod.decision_id).is_(None))
        .order_by(col(FreedPeriod.created_at), col(FreedPeriod.id))
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return list(await session.scalars(statement))


async def any_active(session: AsyncSession, run_ids: Collection[UUID]) -> bool:
    """Tell whether one of these runs is yet to end."""
    statement = select(col(Run.id)).where(
        col(Run.id).in_(list(run_ids)), col(Run.state).in_([RunState.QUEUED, RunState.RUNNING])
    )
    return await session.scalar(statement.limit(1)) is not None


async def units_to_ask_about(session: AsyncSession) -> list[UUID]:
    """Return the units with days to be decided about which no job and no run is under way."""
    statement = text(
        f"""
        SELECT DISTINCT f.unit_id FROM freed_periods f
        WHERE f.decision_id IS NULL
            AND NOT EXISTS (SELECT FROM slot_freezes s WHERE s.slot_id = f.slot_id)
            AND NOT EXISTS (SELECT FROM runs r WHERE r.id = f.run_id AND r.state IN ('queued', 'running'))
            AND NOT EXISTS (
                SELECT FROM {QUEUE_SCHEMA}.pgqueuer job
                WHERE job.dedupe_key = :entrypoint || ':' || f.unit_id AND job.status IN ('queued', 'picked'))
        ORDER BY f.unit_id
        """  # noqa: S608 - the schema's name is a constant
    ).bindparams(entrypoint=Entrypoint.WAITING.value)
    return list(await session.scalars(statement))


def waiting_for(modalities: Collection[str]) -> Select[Request]:
    """Return the select of requests on the waiting list for lots of these modalities."""
    return (
        select(Request)
        .join(Product, col(Product.id) == col(Request.product_id))
        .where(col(Request.waiting_since_at).is_not(None), col(Product.modality).in_(list(modalities)))
        .order_by(col(Request.id))
    )


async def requests_waiting_for(session: AsyncSession, modalities: Collection[str]) -> list[Request]:
    """Return the requests on the waiting list for lots of these modalities, as they are now."""
    statement = waiting_for(modalities).execution_options(populate_existing=True)
    return list(await session.scalars(statement))


async def published_policy(session: AsyncSession) -> tuple[UUID, dict[str, Any], datetime] | None:
    """Return the round that was published last, its policy, and when; None before the first."""
    statement = (
        select(col(Round.id), col(Round.policy), col(Run.published_at))
        .join(Run, col(Run.round_id) == col(Round.id))
        .where(col(Run.published_at).is_not(None))
        .order_by(col(Run.published_at).desc())
        .limit(1)
    )
    found = (await session.execute(statement)).one_or_none()
    return (found[0], found[1], found[2]) if found else None


async def live_bookings(session: AsyncSession, request_ids: Collection[UUID], at: datetime) -> list[Booking]:
    """Return the live bookings of requests; neither what had run out by an instant is one, nor a move asked."""
    statement = select(Booking).where(
        col(Booking.request_id).in_(list(request_ids)), col(Booking.moves_id).is_(None), is_live(at)
    )
    return list(await session.scalars(statement))


async def given_up_on(session: AsyncSession, unit_id: UUID, request_ids: Collection[UUID]) -> list[Booking]:
    """Return the bookings on a unit that these requests have had and that ended, first to end first.

    The place of a move that was asked for gives nothing up when it ends with the move; a CDMO may have declined it.
    """
    statement = (
        select(Booking)
        .where(
            col(Booking.request_id).in_(list(request_ids)),
            col(Booking.unit_id) == unit_id,
            col(Booking.status).in_(GIVEN_UP),
            or_(col(Booking.moves_id).is_(None), col(Booking.status) == BookingStatus.DECLINED),
        )
        .order_by(col(Booking.id))
    )
    return list(await session.scalars(statement))


async def displaced_among(session: AsyncSession, request_ids: Collection[UUID]) -> set[UUID]:
    """Return those of the requests of which a crisis has displaced a booking."""
    statement = select(col(Booking.request_id)).where(
        col(Booking.request_id).in_(list(request_ids)), col(Booking.status) == BookingStatus.DISPLACED
    )
    return {request_id for request_id in await session.scalars(statement) if request_id is not None}


async def offered_among(session: AsyncSession, request_ids: Collection[UUID]) -> set[UUID]:
    """Return those of the requests that have an offer to answer, run out or not."""
    statement = select(col(Offer.request_id)).where(
        col(Offer.request_id).in_(list(request_ids)), col(Offer.status) == OfferStatus.OFFERED
    )
    return set(await session.scalars(statement))


async def in_undecided_rounds(session: AsyncSession, request_ids: Collection[UUID]) -> set[UUID]:
    """Return those of the requests whose outcome a round is deciding."""
    statement = (
        select(col(RoundRequest.request_id))
        .join(Round, col(Round.id) == col(RoundRequest.round_id))
        .where(col(RoundRequest.request_id).in_(list(request_ids)), col(Round.status).in_(UNDECIDED))
    )
    return set(await session.scalars(statement))


class Held(NamedTuple):
    """A place that counts against the caps of an organisation."""

    organisation_id: UUID
    request_id: UUID
    days: int


async def places_under_caps(
    session: AsyncSession, organisation_ids: Collection[UUID], round_id: UUID, since_at: datetime
) -> list[Held]:
    """Return the places that organisations have of a round, and of the waiting list since its publication."""
    days = func.upper(col(Booking.period)) - func.lower(col(Booking.period))
    statement = (
        select(col(Offer.organisation_id), col(Offer.request_id), days)
        .join(Booking, col(Booking.id) == col(Offer.booking_id))
        .where(
            col(Offer.organisation_id).in_(list(organisation_ids)),
            col(Offer.status).in_(ACCEPTED),
            col(Booking.status).in_(LIVE),
            or_(
                col(Offer.round_id) == round_id,
                (col(Offer.source) == OfferSource.WAITING) & (col(Offer.created_at) >= since_at),
            ),
        )
    )
    return [Held(*row) for row in await session.execute(statement)]


async def page_decisions(session: AsyncSession, paging: PageQuery) -> tuple[list[WaitingDecision], str | None]:
    """Return one page of decisions in their order."""
    return await fetch_page(session, select(WaitingDecision), paging, [(col(WaitingDecision.id), UUID)])


async def lines_of(session: AsyncSession, decision_ids: Collection[UUID]) -> list[WaitingLine]:
    """Return the lines of decisions, first to be served first."""
    statement = (
        select(WaitingLine)
        .where(col(WaitingLine.decision_id).in_(list(decision_ids)))
        .order_by(col(WaitingLine.decision_id), col(WaitingLine.position))
    )
    return list(await session.scalars(statement))


async def lines_about(session: AsyncSession, request_id: UUID, limit: int) -> list[tuple[WaitingLine, WaitingDecision]]:
    """Return the newest lines about one request, each with its decision."""
    statement = (
        select(WaitingLine, WaitingDecision)
        .join(WaitingDecision, col(WaitingDecision.id) == col(WaitingLine.decision_id))
        .where(col(WaitingLine.request_id) == request_id)
        .order_by(col(WaitingLine.id).desc())
        .limit(limit)
    )
    return [(line, decision) for line, decision in await session.execute(statement)]


async def freed_by(session: AsyncSession, decision_ids: Collection[UUID]) -> list[FreedPeriod]:
    """Return the freed days that decisions were about."""
    statement = (
        select(FreedPeriod)
        .where(col(FreedPeriod.decision_id).in_(list(decision_ids)))
        .order_by(col(FreedPeriod.created_at), col(FreedPeriod.id))
    )
    return list(await session.scalars(statement))
