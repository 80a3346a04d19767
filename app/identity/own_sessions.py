"""Sessions as people look after them: one's own, and those of people whom one may put out."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.errors import NotFound
from app.core.paging import PageQuery
from app.identity import people, sessions
from app.identity.actor import Actor
from app.identity.sign_in_models import PersonSession, SessionEnd


async def list_sessions(
    session: AsyncSession, actor: Actor, person_id: UUID | None, paging: PageQuery, *, idle_minutes: int
) -> tuple[list[PersonSession], str | None]:
    """Return one page of the live sessions of a person, oneself unless said otherwise, and the cursor of the next.

    Raises
    ------
    NotAPersonYet
        If a program's key asks.
    NotFound, NotAllowed
        If the person is another whom the actor may not put out.
    """
    own_id = people.require_person(actor)
    row = await people.require_say_on(session, actor, person_id or own_id)
    return await sessions.list_sessions(session, row.id, paging, idle_minutes=idle_minutes)


async def end_session(session: AsyncSession, actor: Actor, session_id: UUID) -> None:
    """End a session of one's own, or of a person whom one may put out; one that has ended stays as it is.

    Raises
    ------
    NotAPersonYet
        If a program's key asks.
    NotFound
        If there is none of anybody whom the actor sees.
    NotAllowed
        If it is of a person whom the actor may not put out.
    """
    people.require_person(actor)
    found = await sessions.find_session(session, session_id)
    if found is None or not actor.sees(found.organisation_id):
        raise NotFound.of("session", session_id)
    row = found.session
    if row.person_id != actor.person_id:
        await people.require_say_on(session, actor, row.person_id)
    reason = SessionEnd.SIGNED_OUT if row.person_id == actor.person_id else SessionEnd.REVOKED
    await sessions.end_session(session, actor, row.id, reason)


async def end_all(session: AsyncSession, actor: Actor, person_id: UUID | None) -> int:
    """End all sessions of a person, oneself unless said otherwise, and return how many there were.

    Raises
    ------
    NotAPersonYet
        If a program's key asks.
    NotFound, NotAllowed
        If the person is another whom the actor may not put out.
    """
    own_id = people.require_person(actor)
    row = await people.require_say_on(session, actor, person_id or own_id)
    reason = SessionEnd.SIGNED_OUT if row.id == actor.person_id else SessionEnd.REVOKED
    return await sessions.end_all_of(session, actor, row.id, reason)
