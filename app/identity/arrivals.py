"""Who has come: a person who has an address, or whom an issuer knows; nobody becomes one without being invited."""

from typing import NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.service import record, snapshot
from app.core.clock import now
from app.identity import people_repository as repository
from app.identity.errors import LinkSpent, NotInvited, PersonDeactivated, SignInRefused
from app.identity.models import Person
from app.identity.people_rules import InvitationStatus, invitation_status
from app.identity.sessions import author_of
from app.identity.sign_in_models import Invitation, PersonIdentity

_UNKNOWN = "Nobody here has this address, and nobody has invited it: ask your organisation to invite you."


class Identity(NamedTuple):
    """Whom an issuer vouches for; the address is None unless it vouches for that too."""

    issuer: str
    subject: str
    verified_email: str | None


async def person_by_address(session: AsyncSession, email: str, *, request_id: str | None) -> Person:
    """Return the person who has an address, of which whoever signs in has proved to be the owner.

    One that is invited becomes a person by this.

    Raises
    ------
    NotInvited
        If nobody has it, and it is not invited.
    PersonDeactivated
        If the person has left.
    """
    await repository.lock_address(session, email)
    known = await repository.person_of_address(session, email)
    if known is not None:
        return _active(known)
    for invitation in await repository.lock_open_invitations(session, email=email):
        if is_open(invitation):
            return await _accept(session, invitation, request_id)
    raise NotInvited(_UNKNOWN)


async def person_by_invitation(session: AsyncSession, invitation_id: UUID, *, request_id: str | None) -> Person:
    """Return the person who comes in by an invitation.

    Raises
    ------
    LinkSpent
        If it is no longer open, or somebody has its address already.
    """
    row = await repository.get_invitation(session, invitation_id)
    if row is not None:
        await repository.lock_address(session, row.email)
        still_open = await repository.lock_open_invitations(session, invitation_id=invitation_id)
        known = await repository.person_of_address(session, row.email)
        if known is None and still_open and is_open(row):
            return await _accept(session, row, request_id)
    raise LinkSpent("This invitation is over, or you have come in already: sign in with your address.")


async def person_by_identity(session: AsyncSession, identity: Identity, *, request_id: str | None) -> Person:
    """Return the person whom an issuer knows; at the first time, by the address that it vouches for.

    Raises
    ------
    NotInvited
        If nobody has the address, and it is not invited; or the issuer vouches for none.
    PersonDeactivated
        If the person has left.
    SignInRefused
        If the issuer knows the person of this address by another subject.
    """
    known = await repository.person_of_identity(session, identity.issuer, identity.subject)
    if known is not None:
        return _active(known)
    if identity.verified_email is None:
        raise NotInvited("The issuer does not vouch for your address: sign in by a link to it instead.")
    person = await person_by_address(session, identity.verified_email, request_id=request_id)
    if await repository.has_identity_at(session, person.id, identity.issuer):
        raise SignInRefused(
            "The issuer has known this person by another account: sign in by a link, or ask your organisation."
        )
    linked = PersonIdentity(person_id=person.id, issuer=identity.issuer, subject=identity.subject)
    session.add(linked)
    await record(session, author_of(person, request_id), "person.linked", linked)
    return person


def is_open(invitation: Invitation) -> bool:
    """Tell whether somebody may come in by an invitation now."""
    return status_of(invitation) is InvitationStatus.OPEN


def status_of(row: Invitation) -> InvitationStatus:
    """Return what an invitation is now."""
    return invitation_status(
        now(), expires_at=row.expires_at, accepted_at=row.accepted_at, withdrawn_at=row.withdrawn_at
    )


def _active(person: Person) -> Person:
    if person.deactivated_at is not None:
        raise PersonDeactivated("You can no longer sign in here: ask your organisation to let you back in.")
    return person


async def _accept(session: AsyncSession, invitation: Invitation, request_id: str | None) -> Person:
    """Make a person of whoever is invited, in the role and the organisation that were named."""
    person = Person(
        organisation_id=invitation.organisation_id,
        name=invitation.name,
        email=invitation.email,
        role=invitation.role,
    )
    session.add(person)
    author = author_of(person, request_id)
    await record(session, author, "person.created", person)
    before = snapshot(invitation)
    invitation.accepted_at, invitation.person_id = now(), person.id
    await record(session, author, "invitation.accepted", invitation, before=before)
    return person
