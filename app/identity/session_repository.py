"""Queries on sessions."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Integer, LargeBinary, Select, bindparam, func, literal_column, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.core.driver import Driver, Prepared
from app.core.paging import PageQuery, fetch_page
from app.identity.models import Person, Role
from app.identity.sign_in_models import PersonSession

KEPT_DAYS = 30


class LiveSession(NamedTuple):
    """Whose a live session is, and in which role."""

    session_id: UUID
    person_id: UUID
    organisation_id: UUID
    role: Role


class OwnedSession(NamedTuple):
    """A session, live or not, and the organisation of its person."""

    session: PersonSession
    organisation_id: UUID


def _idle_since(minutes: Any) -> Any:
    return func.now() - minutes * literal_column("interval '1 minute'")


_LIVE_SESSION = Prepared(
    select(
        col(PersonSession.id).label("session_id"),
        col(Person.id).label("person_id"),
        col(Person.organisation_id),
        col(Person.role),
    )
    .join(Person, col(Person.id) == col(PersonSession.person_id))
    .where(
        col(PersonSession.secret_sha256) == bindparam("sha256", type_=LargeBinary),
        col(PersonSession.ended_at).is_(None),
        col(PersonSession.expires_at) > func.now(),
        col(PersonSession.last_seen_at) > _idle_since(bindparam("idle_minutes", type_=Integer)),
        col(Person.deactivated_at).is_(None),
    )
)


async def find_live_session(driver: Driver, sha256: bytes, *, idle_minutes: int) -> LiveSession | None:
    """Return the session with this digest, if it has neither ended nor been idle for too long."""
    row = await _LIVE_SESSION.first(driver, {"sha256": sha256, "idle_minutes": idle_minutes})
    if row is None:
        return None
    return LiveSession(row["session_id"], row["person_id"], row["organisation_id"], Role(row["role"]))


def _live(idle_minutes: int) -> Select[Any]:
    return select(PersonSession).where(
        col(PersonSession.ended_at).is_(None),
        col(PersonSession.expires_at) > func.now(),
        col(PersonSession.last_seen_at) > _idle_since(idle_minutes),
    )


async def page_live_sessions(
    session: AsyncSession, person_id: UUID, paging: PageQuery, *, idle_minutes: int
) -> tuple[list[PersonSession], str | None]:
    """Return one page of a person's live sessions, in the order of their beginning."""
    statement = _live(idle_minutes).where(col(PersonSession.person_id) == person_id)
    return await fetch_page(session, statement, paging, [(col(PersonSession.id), UUID)])


async def get_session(session: AsyncSession, session_id: UUID) -> OwnedSession | None:
    """Return a session and whose it is, told at once: one that is another's takes no longer to refuse than none."""
    statement = (
        select(PersonSession, col(Person.organisation_id))
        .join(Person, col(Person.id) == col(PersonSession.person_id))
        .where(col(PersonSession.id) == session_id)
    )
    row = (await session.execute(statement)).one_or_none()
    return None if row is None else OwnedSession(*row)


async def is_open(session: AsyncSession, session_id: UUID, *, lock: bool) -> bool:
    """Tell whether a session was not ended yet; locked, nobody ends it until the transaction does."""
    statement = select(col(PersonSession.id)).where(
        col(PersonSession.id) == session_id, col(PersonSession.ended_at).is_(None)
    )
    return (await session.scalar(statement.with_for_update(read=True) if lock else statement)) is not None


async def lock_open_sessions(
    session: AsyncSession, *, person_id: UUID | None = None, session_id: UUID | None = None, sha256: bytes | None = None
) -> list[PersonSession]:
    """Return sessions that were not ended yet, locked: those of a person, or the one that is named."""
    statement = select(PersonSession).where(col(PersonSession.ended_at).is_(None))
    for column, value in ((PersonSession.person_id, person_id), (PersonSession.id, session_id)):
        if value is not None:
            statement = statement.where(col(column) == value)
    if sha256 is not None:
        statement = statement.where(col(PersonSession.secret_sha256) == sha256)
    ordered = statement.order_by(col(PersonSession.id)).with_for_update(key_share=True)
    return list(await session.scalars(ordered.execution_options(populate_existing=True)))


# In the order of the sessions, so that processes that write at once wait for each other and do not deadlock.
_WRITE_SEEN = text(
    """
    WITH seen AS (
        SELECT s.id, used.at
        FROM unnest(CAST(:sessions AS uuid[]), CAST(:instants AS timestamptz[])) AS used (session_id, at)
        JOIN sessions s ON s.id = used.session_id
        WHERE s.ended_at IS NULL AND s.last_seen_at <= used.at - interval '30 seconds'
        ORDER BY s.id FOR NO KEY UPDATE OF s
    )
    UPDATE sessions SET last_seen_at = seen.at FROM seen WHERE sessions.id = seen.id
    """
)


async def write_seen(session: AsyncSession, seen: Mapping[UUID, datetime]) -> None:
    """Write when sessions were last used; of a session, at most twice a minute, whichever process writes."""
    await session.execute(_WRITE_SEEN, {"sessions": list(seen), "instants": list(seen.values())})


async def remove_old_sessions(session: AsyncSession, limit: int) -> int:
    """Remove sessions that ended or expired a month ago, so many at most, and return how many there were."""
    removed = await session.execute(
        text(
            """
            DELETE FROM sessions WHERE id IN (
                SELECT id FROM sessions WHERE expires_at <= now() - make_interval(days => :days)
                ORDER BY expires_at LIMIT :limit FOR UPDATE SKIP LOCKED
            ) RETURNING id
            """
        ),
        {"days": KEPT_DAYS, "limit": limit},
    )
    return len(removed.all())
