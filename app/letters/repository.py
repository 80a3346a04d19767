"""Queries on letters, and on whom they are for."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.core.bulk import written_columns
from app.identity.models import Organisation, Person
from app.letters.models import PASSING, Dropped, Letter, LetterKind


async def active_people(session: AsyncSession, organisation_ids: Collection[UUID]) -> list[tuple[UUID, UUID]]:
    """Return the people who act for these organisations, each behind theirs."""
    statement = (
        select(col(Person.organisation_id), col(Person.id))
        .where(col(Person.organisation_id).in_(organisation_ids), col(Person.deactivated_at).is_(None))
        .order_by(col(Person.id))
    )
    return [(organisation_id, person_id) for organisation_id, person_id in await session.execute(statement)]


async def add_new(session: AsyncSession, letters: Sequence[Letter]) -> None:
    """Add letters, plain rows, in one statement; one about the same thing to the same person stays the only one."""
    names = written_columns(Letter).names
    values = [{name: getattr(letter, name) for name in names} for letter in letters]
    await session.execute(insert(Letter).on_conflict_do_nothing(), values)


async def find_waiting(session: AsyncSession, letter_id: UUID) -> Letter | None:
    """Return a letter that is neither sent nor dropped, as it is now, or None."""
    statement = (
        select(Letter)
        .where(col(Letter.id) == letter_id, col(Letter.sent_at).is_(None), col(Letter.dropped_as).is_(None))
        .execution_options(populate_existing=True)
    )
    found: Letter | None = await session.scalar(statement)
    return found


async def addressee(session: AsyncSession, letter: Letter) -> tuple[Person, str]:
    """Return whom a letter is for, as they are now, and the name of their organisation."""
    statement = (
        select(Person, col(Organisation.name))
        .join(Organisation, col(Organisation.id) == col(Person.organisation_id))
        .where(col(Person.id) == letter.person_id)
        .execution_options(populate_existing=True)
    )
    person, organisation = (await session.execute(statement)).one()
    return person, organisation


async def counts(
    session: AsyncSession, kind: LetterKind, subject_ids: Collection[UUID]
) -> dict[UUID, tuple[int, int, int]]:
    """Return how many letters there are about each of these things that has any, how many are sent, and dropped."""
    statement = (
        select(
            col(Letter.subject_id), func.count(), func.count(col(Letter.sent_at)), func.count(col(Letter.dropped_as))
        )
        .where(col(Letter.kind) == kind, col(Letter.subject_id).in_(subject_ids))
        .group_by(col(Letter.subject_id))
    )
    return {subject_id: (written, sent, gone) for subject_id, written, sent, gone in await session.execute(statement)}


async def reached(session: AsyncSession, kind: LetterKind, subject_ids: Collection[UUID]) -> set[UUID]:
    """Return those things of which a letter is sent, or was not needed any more."""
    statement = select(col(Letter.subject_id)).where(
        col(Letter.kind) == kind,
        col(Letter.subject_id).in_(subject_ids),
        or_(col(Letter.sent_at).is_not(None), col(Letter.dropped_as) == Dropped.MOOT),
    )
    return {*await session.scalars(statement)}


async def remove_passing(session: AsyncSession, before: datetime, limit: int) -> int:
    """Remove letters of passing kinds that were written before an instant, so many at most; return how many."""
    old = (
        select(col(Letter.id))
        .where(col(Letter.kind).in_(PASSING), col(Letter.created_at) < before)
        .order_by(col(Letter.created_at))
        .limit(limit)
    )
    gone = await session.execute(delete(Letter).where(col(Letter.id).in_(old)).returning(col(Letter.id)))
    return len(gone.all())
