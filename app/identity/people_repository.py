"""Queries on people, their keys and their invitations."""

from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.core.paging import PageQuery, fetch_page
from app.identity.models import ApiKey, Person, Role
from app.identity.sign_in_models import Invitation, PersonIdentity


async def get_person(session: AsyncSession, person_id: UUID) -> Person | None:
    """Return a person, or None."""
    return await session.get(Person, person_id)


async def read_person(session: AsyncSession, person_id: UUID, *, lock: bool) -> Person | None:
    """Return a person as they are now, or None; locked, nobody changes them until the transaction ends."""
    statement = select(Person).where(col(Person.id) == person_id).execution_options(populate_existing=True)
    found: Person | None = await session.scalar(statement.with_for_update(read=True) if lock else statement)
    return found


async def page_people(
    session: AsyncSession, paging: PageQuery, *, organisation_id: UUID | None, active: bool | None
) -> tuple[list[Person], str | None]:
    """Return one page of people in the order of their coming: those of an organisation, or all."""
    statement = select(Person)
    if organisation_id is not None:
        statement = statement.where(col(Person.organisation_id) == organisation_id)
    if active is not None:
        left = col(Person.deactivated_at)
        statement = statement.where(left.is_(None) if active else left.is_not(None))
    return await fetch_page(session, statement, paging, [(col(Person.id), UUID)])


async def person_of_address(session: AsyncSession, email: str) -> Person | None:
    """Return the person with an address, however it is written, or None."""
    found: Person | None = await session.scalar(select(Person).where(func.lower(col(Person.email)) == email.lower()))
    return found


async def lock_active_of_role(session: AsyncSession, role: Role) -> list[UUID]:
    """Return the active people of a role, locked: until the transaction ends, no other takes one of them out of it."""
    statement = (
        select(col(Person.id))
        .where(col(Person.role) == role, col(Person.deactivated_at).is_(None))
        .order_by(col(Person.id))
        .with_for_update(key_share=True)
    )
    return list(await session.scalars(statement))


async def lock_live_keys_of(session: AsyncSession, person_id: UUID, *, but_of: Role | None = None) -> list[ApiKey]:
    """Return the keys in a person's hands that are not revoked, locked; without those of a role that stays theirs."""
    statement = select(ApiKey).where(col(ApiKey.person_id) == person_id, col(ApiKey.revoked_at).is_(None))
    if but_of is not None:
        statement = statement.where(col(ApiKey.role) != but_of)
    return list(await session.scalars(statement.order_by(col(ApiKey.id)).with_for_update(key_share=True)))


async def page_invitations(
    session: AsyncSession, paging: PageQuery, organisation_id: UUID | None
) -> tuple[list[Invitation], str | None]:
    """Return one page of invitations in the order of their making: those of an organisation, or all."""
    statement = select(Invitation)
    if organisation_id is not None:
        statement = statement.where(col(Invitation.organisation_id) == organisation_id)
    return await fetch_page(session, statement, paging, [(col(Invitation.id), UUID)])


async def get_invitation(session: AsyncSession, invitation_id: UUID) -> Invitation | None:
    """Return an invitation, or None."""
    return await session.get(Invitation, invitation_id)


async def lock_open_invitations(
    session: AsyncSession,
    *,
    email: str | None = None,
    organisation_id: UUID | None = None,
    invited_by_id: UUID | None = None,
    invitation_id: UUID | None = None,
) -> list[Invitation]:
    """Return invitations that were neither accepted nor withdrawn, expired ones too, locked, the newest first."""
    statement = select(Invitation).where(col(Invitation.accepted_at).is_(None), col(Invitation.withdrawn_at).is_(None))
    given = (
        (Invitation.email, email),
        (Invitation.organisation_id, organisation_id),
        (Invitation.invited_by_id, invited_by_id),
        (Invitation.id, invitation_id),
    )
    for column, value in given:
        if value is not None:
            statement = statement.where(col(column) == value)
    ordered = statement.order_by(col(Invitation.id).desc()).with_for_update(key_share=True)
    return list(await session.scalars(ordered.execution_options(populate_existing=True)))


async def count_invitations(
    session: AsyncSession, *, minutes: int, email: str | None = None, organisation_id: UUID | None = None
) -> int:
    """Return how many invitations were sent lately, those that are over too: to an address, or into an organisation."""
    since = func.now() - func.make_interval(0, 0, 0, 0, 0, minutes)
    statement = select(func.count()).select_from(Invitation).where(col(Invitation.created_at) > since)
    if email is not None:
        statement = statement.where(col(Invitation.email) == email)
    if organisation_id is not None:
        statement = statement.where(col(Invitation.organisation_id) == organisation_id)
    return (await session.scalar(statement)) or 0


async def find_open_invitations(session: AsyncSession, email: str) -> list[Invitation]:
    """Return the invitations of an address that were neither accepted nor withdrawn, expired ones too, newest first."""
    statement = select(Invitation).where(
        col(Invitation.email) == email, col(Invitation.accepted_at).is_(None), col(Invitation.withdrawn_at).is_(None)
    )
    return list(await session.scalars(statement.order_by(col(Invitation.id).desc())))


async def person_of_identity(session: AsyncSession, issuer: str, subject: str) -> Person | None:
    """Return the person whom an issuer calls by a subject, or None."""
    statement = (
        select(Person)
        .join(PersonIdentity, col(PersonIdentity.person_id) == col(Person.id))
        .where(col(PersonIdentity.issuer) == issuer, col(PersonIdentity.subject) == subject)
    )
    found: Person | None = await session.scalar(statement)
    return found


async def has_identity_at(session: AsyncSession, person_id: UUID, issuer: str) -> bool:
    """Tell whether an issuer knows a person by some subject."""
    statement = select(col(PersonIdentity.id)).where(
        col(PersonIdentity.person_id) == person_id, col(PersonIdentity.issuer) == issuer
    )
    return (await session.scalar(statement)) is not None


async def lock_address(session: AsyncSession, email: str) -> None:
    """Let nobody else ask for a link to an address, or come in by it, until the transaction ends."""
    await session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:email, 30))"), {"email": email.lower()})
