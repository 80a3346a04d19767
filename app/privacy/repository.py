"""Queries on what is held of a person, on what stands against its erasure, and on what is past its time."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.identity.models import Person
from app.identity.sign_in_models import Invitation
from app.privacy.models import Erasure
from app.privacy.parts import INVITED_SUBJECTS, Part
from app.privacy.rules import Deeds

_CRISES = text(
    "SELECT coalesce(bool_or(c.status IN ('declared', 'planned', 'signed', 'active')), false)"
    " FROM crises c WHERE c.declared_by_id = :person OR c.id IN (SELECT p.crisis_id FROM crisis_plans p"
    " JOIN crisis_signatures s ON s.plan_id = p.id WHERE s.person_id = :person)"
)
_SIGNED = text("SELECT max(created_at)::date FROM crisis_signatures WHERE person_id = :person")
_BOOKINGS = text(
    "SELECT coalesce(bool_or(status IN ('awaiting_cdmo', 'confirmed', 'in_production')), false),"
    " max(coalesce(actual_end_on, upper(period))) FILTER (WHERE status IN ('completed', 'failed'))"
    " FROM bookings WHERE id IN (SELECT object_id FROM audit_records WHERE object_type = 'bookings'"
    " AND organisation_id = :organisation AND person_id = :person)"
)


async def find_person(session: AsyncSession, person_id: UUID, *, lock: bool = False) -> Person | None:
    """Return a person, or None; with `lock`, nobody else changes them meanwhile."""
    statement = select(Person).where(col(Person.id) == person_id).execution_options(populate_existing=True)
    found: Person | None = await session.scalar(statement.with_for_update() if lock else statement)
    return found


async def person_with_email(session: AsyncSession, email: str) -> Person | None:
    """Return the person with an address, in whatever case, or None."""
    statement = text("SELECT id FROM people WHERE lower(email) = lower(:email)")
    found = await session.scalar(statement, {"email": email})
    return None if found is None else await find_person(session, found)


async def rows_of(session: AsyncSession, part: Part, person_id: UUID) -> list[dict[str, Any]]:
    """Return what a table holds of a person, as it is given out."""
    columns = ", ".join(f'"{name}"' for name in part.columns)
    statement = text(f"SELECT {columns} FROM {part.table} WHERE {part.whose}")  # noqa: S608 - both are ours
    return [dict(row) for row in (await session.execute(statement, {"person": person_id})).mappings()]


async def erase(session: AsyncSession, part: Part, person_id: UUID) -> int:
    """Do to a table's rows of a person what erasure does, and return to how many."""
    statement = text(f"{part.erase} WHERE {part.whose}")
    return _count(await session.execute(statement, {"person": person_id}))


async def subjects_of(session: AsyncSession, person_id: UUID) -> list[UUID]:
    """Return under which identifiers the trail has values of a person: their own, and those of their invitations."""
    found = await session.scalars(text(INVITED_SUBJECTS), {"person": person_id})
    return [person_id, *found]


async def erase_values(session: AsyncSession, subjects: Sequence[UUID]) -> int:
    """Erase the values and salts behind the commitments of records, and return how many."""
    statement = text(
        "UPDATE audit_personal_values SET value = NULL, salt = NULL, erased_at = now()"
        " WHERE subject_id = ANY(CAST(:subjects AS uuid[])) AND erased_at IS NULL"
    )
    return _count(await session.execute(statement, {"subjects": list(subjects)}))


def _count(result: Any) -> int:
    return int(result.rowcount)


async def deeds_of(session: AsyncSession, person: Person) -> Deeds:
    """Return what a person did that duties follow from."""
    values = {"person": person.id}
    live, produced_on = (await session.execute(_BOOKINGS, {**values, "organisation": person.organisation_id})).one()
    return Deeds(
        in_live_crisis=bool(await session.scalar(_CRISES, values)),
        signed_on=await session.scalar(_SIGNED, values),
        on_live_booking=live,
        produced_on=produced_on,
    )


async def erasure_of(session: AsyncSession, person_id: UUID) -> Erasure | None:
    """Return the erasure of a person, or None."""
    found: Erasure | None = await session.scalar(select(Erasure).where(col(Erasure.person_id) == person_id))
    return found


async def deactivated_before(session: AsyncSession, before: datetime) -> Sequence[UUID]:
    """Return the people who were deactivated before an instant and have not been erased, the earliest first."""
    erased = select(col(Erasure.person_id))
    statement = (
        select(col(Person.id))
        .where(col(Person.deactivated_at) < before, col(Person.id).not_in(erased))
        .order_by(col(Person.deactivated_at), col(Person.id))
    )
    return (await session.scalars(statement)).all()


async def lock_past_invitations(
    session: AsyncSession, before: datetime, erased: str, most: int
) -> Sequence[Invitation]:
    """Return so many invitations that ended before an instant and are not under an erased name, locked."""
    ended = func.least(col(Invitation.expires_at), col(Invitation.accepted_at), col(Invitation.withdrawn_at))
    statement = (
        select(Invitation)
        .where(col(Invitation.name) != erased, ended < before)
        .order_by(col(Invitation.id))
        .limit(most)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    )
    return (await session.scalars(statement)).all()
