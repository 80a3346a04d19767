"""Queries on alerts and their hits."""

from collections.abc import Collection
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import delete, func, or_, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.capacity.models import OpeningCause, Slot, SlotOpening
from app.core.paging import PageQuery, fetch_page
from app.identity.models import Organisation
from app.requests.models import Alert, AlertHit, Request

EVALUATION_LOCK = 0x616C7274  # "alrt"


class Told(NamedTuple):
    """How many hits an alert has had, and when the last of them was found."""

    hits: int
    last_hit_at: datetime | None


async def lock_evaluation(session: AsyncSession) -> bool:
    """Take the lock of whoever holds alerts against openings, until the transaction ends; False if another has it."""
    taken = await session.scalar(text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": EVALUATION_LOCK})
    return bool(taken)


async def page_alerts(
    session: AsyncSession, paging: PageQuery, *, organisation_id: UUID | None
) -> tuple[list[Alert], str | None]:
    """Return one page of alerts in the order of their creation, of one organisation or of all."""
    statement = select(Alert)
    if organisation_id is not None:
        statement = statement.where(col(Alert.organisation_id) == organisation_id)
    return await fetch_page(session, statement, paging, [(col(Alert.id), UUID)])


async def find_alert(session: AsyncSession, alert_id: UUID, *, lock: bool = False) -> Alert | None:
    """Return the alert, or None; with `lock`, no hit is added to it meanwhile."""
    return await session.get(Alert, alert_id, with_for_update=lock or None, populate_existing=True)


async def lock_organisation(session: AsyncSession, organisation_id: UUID) -> None:
    """Let nobody else add an alert for an organisation until the transaction ends."""
    await session.get_one(Organisation, organisation_id, with_for_update={"key_share": True})


async def count_alerts(session: AsyncSession, organisation_id: UUID) -> int:
    """Return how many alerts an organisation has."""
    statement = select(func.count()).select_from(Alert).where(col(Alert.organisation_id) == organisation_id)
    return await session.scalar(statement) or 0


async def alert_of_request(session: AsyncSession, request_id: UUID) -> UUID | None:
    """Return the alert of a request, or None."""
    return await session.scalar(select(col(Alert.id)).where(col(Alert.request_id) == request_id))


async def all_alerts(session: AsyncSession) -> list[tuple[Alert, Organisation, Request | None]]:
    """Return every alert with whose it is and its request, in the order of creation; none is deleted meanwhile."""
    statement = (
        select(Alert, Organisation, Request)
        .join(Organisation, col(Organisation.id) == col(Alert.organisation_id))
        .outerjoin(Request, col(Request.id) == col(Alert.request_id))
        .order_by(col(Alert.id))
        .with_for_update(of=Alert, read=True, key_share=True)
    )
    return [(alert, owner, request) for alert, owner, request in await session.execute(statement)]


async def told_of(session: AsyncSession, alert_ids: Collection[UUID]) -> dict[UUID, Told]:
    """Return how many hits each of these alerts has had."""
    statement = (
        select(col(AlertHit.alert_id), func.count(), func.max(col(AlertHit.created_at)))
        .where(col(AlertHit.alert_id).in_(list(alert_ids)))
        .group_by(col(AlertHit.alert_id))
    )
    found = {alert_id: Told(hits, last) for alert_id, hits, last in await session.execute(statement)}
    return {alert_id: found.get(alert_id, Told(0, None)) for alert_id in alert_ids}


async def page_hits(session: AsyncSession, paging: PageQuery, alert_id: UUID) -> tuple[list[AlertHit], str | None]:
    """Return one page of an alert's hits, in the order in which they were found."""
    statement = select(AlertHit).where(col(AlertHit.alert_id) == alert_id)
    return await fetch_page(session, statement, paging, [(col(AlertHit.id), UUID)])


async def forget_openings(session: AsyncSession, today: date, limit: int) -> int:
    """Delete up to so many openings that have been told and that no hit tells of; return how many.

    A release stays noted until its slot is over: it would be noted again.
    """
    hit = select(col(AlertHit.id)).where(col(AlertHit.opening_id) == col(SlotOpening.id)).exists()
    over = select(col(Slot.id)).where(col(Slot.id) == col(SlotOpening.slot_id), func.upper(col(Slot.period)) <= today)
    told = (
        select(col(SlotOpening.id))
        .where(
            col(SlotOpening.evaluated_at).is_not(None),
            or_(col(SlotOpening.cause) != OpeningCause.RELEASED, over.exists()),
            ~hit,
        )
        .limit(limit)
    )
    gone = await session.execute(
        delete(SlotOpening).where(col(SlotOpening.id).in_(told)).returning(col(SlotOpening.id)),
        execution_options={"synchronize_session": False},
    )
    return len(gone.all())


async def delete_alert(session: AsyncSession, alert: Alert) -> None:
    """Remove an alert with its hits."""
    await session.execute(delete(AlertHit).where(col(AlertHit.alert_id) == alert.id))
    await session.delete(alert)
    await session.flush()
