"""Invitations: who may come in, said by those whose role or office it is, and mailed to the address that is meant."""

from datetime import timedelta
from functools import partial
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.service import record, snapshot
from app.core.clock import now
from app.core.errors import Invalid, NotFound, StateConflict
from app.core.jobs import Entrypoint, enqueue
from app.core.paging import PageQuery
from app.core.preconditions import lock_seen
from app.core.sign_in_settings import SignInSettings
from app.core.tenancy import go_across
from app.core.vocabulary import Language
from app.identity import people_repository as repository
from app.identity import repository as organisations
from app.identity.actor import Actor
from app.identity.arrivals import status_of
from app.identity.errors import AlreadyHere, TooManyInvitations
from app.identity.key_rules import belongs
from app.identity.models import Organisation
from app.identity.people import SEE_ALL, require_person, require_to_give
from app.identity.people_rules import InvitationStatus
from app.identity.people_schemas import InvitationCreate
from app.identity.sign_in_models import Invitation, SignInLink
from app.identity.standing import require_standing

MOST_TO_AN_ADDRESS = 5
MOST_INTO_AN_ORGANISATION = 50
WINDOW_MINUTES = 15


async def list_invitations(
    session: AsyncSession, actor: Actor, paging: PageQuery
) -> tuple[list[Invitation], str | None]:
    """Return one page of the invitations into the actor's organisation, or of all, and the cursor of the next."""
    seen = None if actor.role in SEE_ALL else actor.organisation_id
    return await repository.page_invitations(session, paging, seen)


async def get_invitation(session: AsyncSession, actor: Actor, invitation_id: UUID) -> Invitation:
    """Return an invitation into an organisation that the actor sees.

    Raises
    ------
    NotFound
        If there is none.
    """
    row = await repository.get_invitation(session, invitation_id)
    if row is None or not actor.sees(row.organisation_id):
        raise NotFound.of("invitation", invitation_id)
    return row


async def invite(
    session: AsyncSession, actor: Actor, command: InvitationCreate, settings: SignInSettings
) -> Invitation:
    """Invite whoever has an address; one that was sent to it before for the same organisation is withdrawn.

    Nothing tells whether somebody of another organisation has the address: such a person goes on acting for that one,
    and is told by mail of the invitation.

    Raises
    ------
    NotAPersonYet
        If a program's key asks.
    NotAuthenticated
        If the actor has just been put out.
    NotFound
        If there is no such organisation whose people the actor sees.
    Invalid
        If the role does not belong to it.
    NotAllowed
        If the actor may not give that role there.
    AlreadyHere
        If the address is that of one of its people.
    TooManyInvitations
        If so many were sent lately to the address, by whomever, or into the organisation.
    """
    inviter_id = require_person(actor)
    await require_standing(session, actor, lock=True)
    organisation = await _seen_organisation(session, actor, command.organisation_id or actor.organisation_id)
    role = command.role or actor.role
    if not belongs(role, organisation.kind):
        raise Invalid.field("role", f"The role {role.value} does not belong to a {organisation.kind.value}.")
    require_to_give(actor, role, organisation)
    await go_across(session)  # whoever has the address may act for any organisation
    await repository.lock_address(session, command.email)
    known = await repository.person_of_address(session, command.email)
    if known is not None and known.organisation_id == organisation.id:
        raise AlreadyHere(
            "Somebody of this organisation has this address; whoever has left can be let back in.",
            facts={"person_id": str(known.id)},
        )
    await _require_few(session, command.email, organisation)
    for former in await repository.lock_open_invitations(session, email=command.email, organisation_id=organisation.id):
        await _withdraw(session, actor, former)
    row = Invitation(
        organisation_id=organisation.id,
        invited_by_id=inviter_id,
        email=command.email,
        name=command.name,
        role=role,
        expires_at=now() + timedelta(days=settings.invitation_days),
    )
    session.add(row)
    await record(session, actor, "invitation.created", row)
    if settings.has_mail:
        link = SignInLink(email=row.email, invitation_id=row.id, language=Language.FR, expires_at=row.expires_at)
        session.add(link)
        await session.flush()
        await enqueue(session, Entrypoint.SIGN_IN_MAIL, link.id)
    return row


async def withdraw(session: AsyncSession, actor: Actor, invitation_id: UUID) -> None:
    """Withdraw an invitation: nobody comes in by it any more.

    Raises
    ------
    NotFound
        If there is none that the actor sees.
    NotAllowed
        If the actor may not give its role.
    StateConflict
        If it was accepted or withdrawn before.
    """
    require_person(actor)
    row = await get_invitation(session, actor, invitation_id)
    require_to_give(actor, row.role, await _organisation(session, row.organisation_id))
    await lock_seen(session, row)
    status = status_of(row)
    if status in {InvitationStatus.ACCEPTED, InvitationStatus.WITHDRAWN}:
        raise StateConflict(f"This invitation is {status.value}.", facts={"invitation_status": status.value})
    await _withdraw(session, actor, row)


async def _require_few(session: AsyncSession, email: str, organisation: Organisation) -> None:
    """Refuse what would flood a mailbox, or have the service flood many."""
    await organisations.lock_organisation(session, organisation.id)
    for most, whose, count in (
        (MOST_TO_AN_ADDRESS, "to this address", partial(repository.count_invitations, email=email)),
        (
            MOST_INTO_AN_ORGANISATION,
            f"into {organisation.name}",
            partial(repository.count_invitations, organisation_id=organisation.id),
        ),
    ):
        if await count(session, minutes=WINDOW_MINUTES) >= most:
            raise TooManyInvitations(
                f"{most} invitations were sent {whose} in the last {WINDOW_MINUTES} minutes: wait.",
                WINDOW_MINUTES * 60,
            )


async def _withdraw(session: AsyncSession, actor: Actor, row: Invitation) -> None:
    before = snapshot(row)
    row.withdrawn_at = now()
    await record(session, actor, "invitation.withdrawn", row, before=before)


async def _organisation(session: AsyncSession, organisation_id: UUID) -> Organisation:
    found = await organisations.get_organisation(session, organisation_id)
    if found is None:
        raise NotFound.of("organisation", organisation_id)
    return found


async def _seen_organisation(session: AsyncSession, actor: Actor, organisation_id: UUID) -> Organisation:
    if not actor.sees(organisation_id):
        raise NotFound.of("organisation", organisation_id)
    return await _organisation(session, organisation_id)
