"""Links by mail: asked for by anybody, for any address, with the same answer and the same work; used once.

Whether anybody has the address is found out by the job that mails the link, and so shows neither in what is answered
nor in how long that takes. The secret is made there too: it stands in the mail, and nowhere else.
"""

from datetime import timedelta
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import now
from app.core.jobs import Entrypoint, enqueue
from app.core.sign_in_settings import SignInSettings
from app.core.vocabulary import Language
from app.identity import arrivals, link_repository, session_repository
from app.identity import people_repository as people
from app.identity import repository as organisations
from app.identity.errors import LinkSpent, TooManyLinks
from app.identity.keys import digest
from app.identity.models import Person
from app.identity.sign_in_models import Invitation, SignInLink

MOST_FOR_AN_ADDRESS = 5
WINDOW_MINUTES = 15
REMOVED_AT_ONCE = 1_000

_SPENT = "It was used, or has expired: ask for a new one."


class Addressee(NamedTuple):
    """Whom a link is for: a person, or somebody who is invited."""

    name: str
    email: str
    organisation: str
    is_invited: bool


async def ask_for_link(session: AsyncSession, email: str, language: Language, settings: SignInSettings) -> None:
    """Have a link mailed to an address, in lower case, if anybody has it or it is invited.

    Raises
    ------
    TooManyLinks
        If so many were asked for it lately, by whomever and whether or not anybody has it.
    """
    await people.lock_address(session, email)
    if await link_repository.count_asked(session, email, minutes=WINDOW_MINUTES) >= MOST_FOR_AN_ADDRESS:
        raise TooManyLinks(
            f"{MOST_FOR_AN_ADDRESS} links were asked for this address in the last {WINDOW_MINUTES} minutes: use the "
            "newest one, or wait.",
            WINDOW_MINUTES * 60,
        )
    link = SignInLink(
        email=email, language=language, expires_at=now() + timedelta(minutes=settings.sign_in_link_minutes)
    )
    session.add(link)
    await session.flush()
    await enqueue(session, Entrypoint.SIGN_IN_MAIL, link.id)


async def addressee_of(session: AsyncSession, link: SignInLink) -> Addressee | None:
    """Return whom a link is for, or None if nobody has its address and it is not invited."""
    person = await people.person_of_address(session, link.email)
    if link.invitation_id is not None:
        invitation = await people.get_invitation(session, link.invitation_id)
        is_open = invitation is not None and person is None and arrivals.is_open(invitation)
        return await _described(session, invitation, is_invited=True) if invitation is not None and is_open else None
    if person is not None:
        return await _described(session, person) if person.deactivated_at is None else None
    waiting = await people.find_open_invitations(session, link.email)
    found = next((one for one in waiting if arrivals.is_open(one)), None)
    return None if found is None else await _described(session, found, is_invited=True)


async def taken_invitation(session: AsyncSession, link: SignInLink) -> Addressee | None:
    """Return whom an open invitation names that cannot be taken up, its address being somebody's already, or None."""
    found = await people.get_invitation(session, link.invitation_id) if link.invitation_id is not None else None
    if found is None or not arrivals.is_open(found) or await people.person_of_address(session, link.email) is None:
        return None
    return await _described(session, found, is_invited=True)


async def _described(session: AsyncSession, one: Person | Invitation, *, is_invited: bool = False) -> Addressee:
    organisation = await organisations.get_organisation(session, one.organisation_id)
    assert organisation is not None  # noqa: S101 - a reference
    return Addressee(one.name, one.email, organisation.name, is_invited)


async def look_at_link(session: AsyncSession, secret: str) -> Addressee:
    """Return whom a link is for, without using it: programs that look through mail follow links too.

    Raises
    ------
    LinkSpent
        If it can no longer be used.
    """
    link = await link_repository.find_live_link(session, digest(secret))
    found = None if link is None else await addressee_of(session, link)
    if found is None:
        raise LinkSpent(_SPENT)
    return found


async def use_link(session: AsyncSession, secret: str, *, request_id: str | None) -> Person:
    """Return the person whom a link lets in; it lets nobody in again, nor do others that were asked for the address.

    Raises
    ------
    LinkSpent
        If it was used, even at the same moment, or has expired.
    NotInvited, PersonDeactivated
        If the address is nobody's by now.
    """
    link = await link_repository.find_live_link(session, digest(secret))
    if link is not None:
        await people.lock_address(session, link.email)
    claimed = None if link is None else await link_repository.claim_link(session, digest(secret))
    if claimed is None:
        raise LinkSpent(_SPENT)
    await link_repository.end_other_links(session, claimed.email)
    if claimed.invitation_id is not None:
        return await arrivals.person_by_invitation(session, claimed.invitation_id, request_id=request_id)
    return await arrivals.person_by_address(session, claimed.email, request_id=request_id)


async def forget_old_sign_ins(session: AsyncSession) -> int:
    """Remove some of the links, attempts and sessions that are long over, and return how many; a sweep."""
    links = await link_repository.remove_old(session, REMOVED_AT_ONCE)
    return links + await session_repository.remove_old_sessions(session, REMOVED_AT_ONCE)
