"""Sessions of people: begun when somebody signs in, seen and ended by themselves and by who may put them out."""

from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.author import Author
from app.audit.models import ActorKind
from app.audit.service import record, snapshot
from app.core.clock import now
from app.core.constraints import constraint_of
from app.core.paging import PageQuery
from app.identity import session_repository as repository
from app.identity.errors import PersonDeactivated
from app.identity.keys import digest
from app.identity.models import Person
from app.identity.secrets_of_browsers import new_secret
from app.identity.sign_in_models import PersonSession, SessionEnd, SignInMethod

_ACTIVE = "ck_sessions_person_active"
_BROWSERS = (("Edg", "Edge"), ("OPR", "Opera"), ("Firefox", "Firefox"), ("Chrome", "Chrome"), ("Safari", "Safari"))
_SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS", "macOS"),
    ("Linux", "Linux"),
)
REMOVED_AT_ONCE = 1_000


class Begun(NamedTuple):
    """A session, and the secret by which its browser is known, which is stored nowhere."""

    session: PersonSession
    secret: str


def device_of(user_agent: str | None) -> str:
    """Return what a browser says it is, in two words: enough to know it by, and too little to follow it by."""
    said = user_agent or ""
    browser = next((name for mark, name in _BROWSERS if mark in said), None)
    system = next((name for mark, name in _SYSTEMS if mark in said), None)
    return " on ".join(filter(None, (browser, system))) or "unknown"


def author_of(person: Person, request_id: str | None) -> Author:
    """Return the author of what a person does while they sign in."""
    return Author(
        kind=ActorKind.PERSON, organisation_id=person.organisation_id, person_id=person.id, request_id=request_id
    )


async def begin_session(
    session: AsyncSession,
    person: Person,
    method: SignInMethod,
    *,
    hours: int,
    user_agent: str | None,
    replaced: str | None,
    request_id: str | None,
) -> Begun:
    """Begin a session under a new secret; the one that the same browser was in ends.

    Parameters
    ----------
    hours
        How long it may last at most.
    replaced
        The secret that the browser came with, if any.

    Raises
    ------
    PersonDeactivated
        If the person has left, even just now.
    """
    author, at, secret = author_of(person, request_id), now(), new_secret()
    row = PersonSession(
        person_id=person.id,
        secret_sha256=secret.sha256,
        method=method,
        device=device_of(user_agent),
        created_at=at,
        last_seen_at=at,
        expires_at=at + timedelta(hours=hours),
    )
    session.add(row)
    try:
        await record(session, author, "session.begun", row)
    except IntegrityError as error:
        if constraint_of(error) != _ACTIVE:
            raise
        raise PersonDeactivated("You can no longer sign in here: ask your organisation to let you back in.") from error
    if replaced is not None:
        for other in await repository.lock_open_sessions(session, sha256=digest(replaced)):
            await _end(session, author, other, SessionEnd.REPLACED)
    return Begun(row, secret.plain)


async def list_sessions(
    session: AsyncSession, person_id: UUID, paging: PageQuery, *, idle_minutes: int
) -> tuple[list[PersonSession], str | None]:
    """Return one page of a person's live sessions, and the cursor of the next."""
    return await repository.page_live_sessions(session, person_id, paging, idle_minutes=idle_minutes)


async def find_session(session: AsyncSession, session_id: UUID) -> repository.OwnedSession | None:
    """Return a session, live or not, and whose it is, or None."""
    return await repository.get_session(session, session_id)


async def end_session(session: AsyncSession, author: Author, session_id: UUID, reason: SessionEnd) -> None:
    """End a session: it opens nothing any more, a second later at most. One that has ended stays as it is."""
    for row in await repository.lock_open_sessions(session, session_id=session_id):
        await _end(session, author, row, reason)


async def end_all_of(session: AsyncSession, author: Author, person_id: UUID, reason: SessionEnd) -> int:
    """End all sessions of a person, and return how many there were."""
    rows = await repository.lock_open_sessions(session, person_id=person_id)
    for row in rows:
        await _end(session, author, row, reason)
    return len(rows)


async def _end(session: AsyncSession, author: Author, row: PersonSession, reason: SessionEnd) -> None:
    before = snapshot(row)
    row.ended_at, row.end_reason = now(), reason
    await record(session, author, "session.ended", row, before=before)
