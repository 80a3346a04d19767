"""Queries for the report of a crisis: its trail, the names behind identifiers, and what was made."""

from collections.abc import Collection
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.audit.models import AuditRecord
from app.bookings.models import Booking
from app.crisis.models import CrisisSignature
from app.identity.models import Organisation, Person

OF_POWERS = ("crisis_power.declared", "crisis_power.withdrawn")


class Signed(NamedTuple):
    """A signature with who gave it."""

    signature: CrisisSignature
    person: str | None
    organisation: str


async def is_shown_all(session: AsyncSession) -> bool:
    """Tell whether the database shows all of a crisis to whom it is asked for, as its policies tell."""
    return bool(await session.scalar(select(or_(func.acting_as("authority"), func.acting_across()))))


async def trail_of(session: AsyncSession, crisis_id: UUID, object_ids: Collection[UUID]) -> list[AuditRecord]:
    """Return the audit records of a crisis and of these objects of it, and of powers withdrawn since, in order."""
    of_powers = and_(
        col(AuditRecord.action).in_(OF_POWERS),
        or_(
            col(AuditRecord.before)["crisis_id"].astext == str(crisis_id),
            col(AuditRecord.after)["crisis_id"].astext == str(crisis_id),
        ),
    )
    statement = (
        select(AuditRecord)
        .where(or_(col(AuditRecord.object_id).in_([crisis_id, *object_ids]), of_powers))
        .order_by(col(AuditRecord.id))
    )
    return list(await session.scalars(statement))


async def signed(session: AsyncSession, plan_ids: Collection[UUID]) -> list[Signed]:
    """Return the signatures of plans, in order, with the names of who gave them."""
    statement = (
        select(CrisisSignature, col(Person.name), col(Organisation.name))
        .join(Person, col(Person.id) == col(CrisisSignature.person_id))
        .join(Organisation, col(Organisation.id) == col(Person.organisation_id))
        .where(col(CrisisSignature.plan_id).in_(list(plan_ids)))
        .order_by(col(CrisisSignature.id))
    )
    return [Signed(*row) for row in await session.execute(statement)]


async def bookings_from(session: AsyncSession, booking_ids: Collection[UUID]) -> dict[UUID, Booking]:
    """Return bookings, and those that took their places one after the other, by identifier."""
    found: dict[UUID, Booking] = {}
    wanted = set(booking_ids)
    while wanted:
        rows = await session.scalars(select(Booking).where(col(Booking.id).in_(list(wanted))))
        found |= {booking.id: booking for booking in rows}
        wanted = {one.replaced_by_id for one in found.values() if one.replaced_by_id} - found.keys()
    return found
