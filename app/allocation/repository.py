"""Queries on rounds, runs and offers."""

from collections.abc import Collection
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import exists, func, select, text, update
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import defer
from sqlmodel import col

from app.allocation.models import Offer, OfferStatus, Round, RoundRequest, RoundStatus, Run, RunKind, RunState
from app.bookings.models import Booking, BookingStatus
from app.capacity.models import SlotFreeze
from app.core.jobs import QUEUE, Entrypoint
from app.core.paging import PageQuery, fetch_page
from app.requests.models import Product, Request, RequestStatus

UNDECIDED = (RoundStatus.CLOSED, RoundStatus.SOLVED, RoundStatus.REVIEWED)
"""Rounds whose requests wait for their outcome."""


async def lock_round(session: AsyncSession, round_id: UUID) -> Round | None:
    """Return the round as it stands now, locked until the transaction ends, or None."""
    statement = (
        select(Round).where(col(Round.id) == round_id).with_for_update().execution_options(populate_existing=True)
    )
    return (await session.scalars(statement)).one_or_none()


async def get_round(session: AsyncSession, round_id: UUID) -> Round | None:
    """Return the round, or None."""
    return await session.get(Round, round_id)


async def page_rounds(
    session: AsyncSession, paging: PageQuery, *, status: RoundStatus | None, drafts: bool
) -> tuple[list[Round], str | None]:
    """Return one page of rounds in the order of their creation, drafts and cancelled drafts only if asked for."""
    statement = select(Round)
    if status is not None:
        statement = statement.where(col(Round.status) == status)
    if not drafts:
        statement = statement.where(col(Round.status).not_in([RoundStatus.DRAFT, RoundStatus.CANCELLED]))
    return await fetch_page(session, statement, paging, [(col(Round.id), UUID)])


async def requests_in_scope(session: AsyncSession, row: Round) -> list[UUID]:
    """Return the requests that wait and lie in a round's scope, first submitted first.

    A request whose outcome another round is deciding stays out.
    """
    elsewhere = (
        select(RoundRequest.id)  # type: ignore[call-overload]
        .join(Round, col(Round.id) == col(RoundRequest.round_id))
        .where(col(RoundRequest.request_id) == col(Request.id), col(Round.status).in_(UNDECIDED))
    )
    wanted = func.daterange(col(Request.earliest_on), col(Request.latest_delivery_on), "[]")
    statement = (
        select(col(Request.id))
        .join(Product, col(Product.id) == col(Request.product_id))
        .where(
            col(Request.status).in_([RequestStatus.SUBMITTED, RequestStatus.WAITLISTED]),
            wanted.op("&&")(Range(row.horizon.lower, row.horizon.upper)),
            ~exists(elsewhere),
        )
        .order_by(col(Request.submitted_at).nulls_last(), col(Request.id))
    )
    if row.modalities:
        statement = statement.where(col(Product.modality).in_(row.modalities))
    return list(await session.scalars(statement))


async def entries_of(
    session: AsyncSession, round_id: UUID, organisation_id: UUID | None = None
) -> list[tuple[RoundRequest, Request]]:
    """Return the requests of a round, all or those of one organisation, first submitted first."""
    statement = (
        select(RoundRequest, Request)
        .join(Request, col(Request.id) == col(RoundRequest.request_id))
        .where(col(RoundRequest.round_id) == round_id)
        .order_by(col(Request.submitted_at).nulls_last(), col(Request.id))
    )
    if organisation_id is not None:
        statement = statement.where(col(Request.organisation_id) == organisation_id)
    return [(entry, request) for entry, request in await session.execute(statement)]


async def lock_request(session: AsyncSession, request_id: UUID) -> Request:
    """Return a request that a round or an offer refers to, as it stands now, locked."""
    return await session.get_one(Request, request_id, with_for_update={"key_share": True}, populate_existing=True)


async def frozen_slots(session: AsyncSession, holder_id: UUID) -> list[UUID]:
    """Return the slots that a round holds still."""
    return list(await session.scalars(select(col(SlotFreeze.slot_id)).where(col(SlotFreeze.holder_id) == holder_id)))


async def runs_of(session: AsyncSession, round_id: UUID) -> list[Run]:
    """Return the runs that decide on a round, newest first: a replay decides nothing."""
    statement = (
        select(Run).where(col(Run.round_id) == round_id, col(Run.replays_id).is_(None)).order_by(col(Run.id).desc())
    )
    return list(await session.scalars(statement))


async def get_run(session: AsyncSession, run_id: UUID) -> Run | None:
    """Return the run, or None."""
    return await session.get(Run, run_id)


async def get_run_in_brief(session: AsyncSession, run_id: UUID, kinds: Collection[RunKind]) -> Run | None:
    """Return the run if it is of one of these kinds, or None; its bulky input only where the plan is told from it."""
    bulky = (defer(Run.problem), defer(Run.references))  # type: ignore[arg-type]
    statement = select(Run).options(*bulky).where(col(Run.id) == run_id, col(Run.kind).in_(list(kinds)))
    run: Run | None = (await session.scalars(statement)).one_or_none()
    if run is not None and run.solution is not None and run.kind is not RunKind.CRISIS:
        await session.refresh(run, ["problem", "references"])
    return run


async def lock_run(session: AsyncSession, run_id: UUID, *, skip_locked: bool = False) -> Run | None:
    """Return the run as it stands now, locked until the transaction ends, or None; on wish also if others lock it."""
    statement = select(Run).where(col(Run.id) == run_id).with_for_update(skip_locked=skip_locked)
    return (await session.scalars(statement.execution_options(populate_existing=True))).one_or_none()


class Standing(NamedTuple):
    """Where a run stands."""

    state: RunState
    attempt: int
    progress: dict[str, Any] | None
    cancel_requested_at: datetime | None
    error: str | None
    has_plan: bool


STANDING = (
    col(Run.state),
    col(Run.attempt),
    col(Run.progress),
    col(Run.cancel_requested_at),
    col(Run.error),
    col(Run.solution).is_not(None),
)


async def standing(session: AsyncSession, run_id: UUID) -> Standing | None:
    """Return where a run stands, or None if there is none."""
    found = (await session.execute(select(*STANDING).where(col(Run.id) == run_id))).one_or_none()
    return Standing(*found) if found else None


async def set_progress(session: AsyncSession, run_id: UUID, attempt: int, progress: dict[str, Any]) -> None:
    """Store an attempt's progress, if it is the one that counts."""
    statement = (
        update(Run)
        .where(col(Run.id) == run_id, col(Run.attempt) == attempt, col(Run.state) == RunState.RUNNING)
        .values(progress=progress)
        .execution_options(synchronize_session=False)
    )
    await session.execute(statement)


async def runs_without_job(session: AsyncSession, entrypoint: Entrypoint) -> list[UUID]:
    """Return the active runs that the queue knows nothing of: for which no job waits, runs or is parked."""
    statement = text(
        f"""
        SELECT id FROM runs
        WHERE state IN ('queued', 'running') AND NOT EXISTS (
            SELECT FROM {QUEUE} job
            WHERE job.entrypoint = :entrypoint AND job.payload = uuid_send(runs.id)
                AND job.status IN ('queued', 'picked', 'failed'))
        """  # noqa: S608 - the table's name is a constant
    )
    return list(await session.scalars(statement, {"entrypoint": entrypoint.value}))


async def page_offers(
    session: AsyncSession,
    paging: PageQuery,
    *,
    organisation_id: UUID | None,
    status: OfferStatus | None,
    round_id: UUID | None,
) -> tuple[list[Offer], str | None]:
    """Return one page of offers in the order of their creation: of one organisation, or of all."""
    statement = select(Offer)
    if organisation_id is not None:
        statement = statement.where(col(Offer.organisation_id) == organisation_id)
    if status is not None:
        statement = statement.where(col(Offer.status) == status)
    if round_id is not None:
        statement = statement.where(col(Offer.round_id) == round_id)
    return await fetch_page(session, statement, paging, [(col(Offer.id), UUID)])


async def find_offer(session: AsyncSession, offer_id: UUID) -> Offer | None:
    """Return the offer, or None."""
    return await session.get(Offer, offer_id)


async def lock_offer(session: AsyncSession, offer_id: UUID) -> Offer | None:
    """Return the offer as it stands now, locked until the transaction ends, or None."""
    statement = (
        select(Offer).where(col(Offer.id) == offer_id).with_for_update().execution_options(populate_existing=True)
    )
    return (await session.scalars(statement)).one_or_none()


async def lock_expired_offers(session: AsyncSession, at: datetime, limit: int) -> list[Offer]:
    """Return offers that ran out unanswered and that nobody is answering just now, locked."""
    statement = (
        select(Offer)
        .where(col(Offer.status) == OfferStatus.OFFERED, col(Offer.expires_at) <= at)
        .order_by(col(Offer.expires_at), col(Offer.id))
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return list(await session.scalars(statement))


async def lock_published_rounds(session: AsyncSession, round_ids: Collection[UUID]) -> list[Round]:
    """Return those of the rounds that are published and not settled, locked in one order for everybody."""
    statement = (
        select(Round)
        .where(col(Round.id).in_(list(round_ids)), col(Round.status) == RoundStatus.PUBLISHED)
        .order_by(col(Round.id))
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return list(await session.scalars(statement))


async def rounds_with_open_offers(session: AsyncSession, round_ids: Collection[UUID]) -> set[UUID]:
    """Return those of the rounds that have an offer left to answer."""
    statement = select(col(Offer.round_id)).where(
        col(Offer.round_id).in_(list(round_ids)), col(Offer.status) == OfferStatus.OFFERED
    )
    return {round_id for round_id in await session.scalars(statement) if round_id is not None}


async def units_of_bookings(session: AsyncSession, booking_ids: Collection[UUID]) -> set[UUID]:
    """Return the units that these bookings are on."""
    return set(await session.scalars(select(col(Booking.unit_id)).where(col(Booking.id).in_(list(booking_ids)))))


async def is_in_production(session: AsyncSession, request_id: UUID) -> bool:
    """Tell whether a lot of this request is being made."""
    statement = select(col(Booking.id)).where(
        col(Booking.request_id) == request_id, col(Booking.status) == BookingStatus.IN_PRODUCTION
    )
    return await session.scalar(statement.limit(1)) is not None


async def bookings_by_id(session: AsyncSession, booking_ids: Collection[UUID]) -> dict[UUID, Booking]:
    """Return these bookings by identifier."""
    statement = select(Booking).where(col(Booking.id).in_(list(booking_ids)))
    return {booking.id: booking for booking in await session.scalars(statement)}
