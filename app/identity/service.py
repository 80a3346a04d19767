"""Telling who a key stands for, and reading organisations."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.models import ActorKind
from app.audit.service import record, snapshot
from app.core.driver import Driver
from app.core.errors import Invalid, NotAuthenticated, NotFound
from app.core.paging import PageQuery
from app.core.preconditions import lock_seen
from app.identity import repository
from app.identity.actor import Actor
from app.identity.keys import digest
from app.identity.known_keys import KnownKeys
from app.identity.models import Organisation, OrganisationKind, OrganisationLabel, Role
from app.identity.schemas import OrganisationCreate, OrganisationUpdate


async def authenticate(driver: Driver, known: KnownKeys, key: str, *, request_id: str | None) -> Actor:
    """Return the actor that a key stands for.

    Parameters
    ----------
    known
        The keys that have just been seen alive.

    Raises
    ------
    NotAuthenticated
        If there is no such live key.
    """
    sha256 = digest(key)
    found = await known.find(driver, sha256)
    if found is None:
        raise NotAuthenticated("This key is unknown, expired or revoked.")
    return Actor(
        kind=ActorKind.PERSON if found.person_id else ActorKind.KEY,
        organisation_id=found.organisation_id,
        person_id=found.person_id,
        api_key_id=found.api_key_id,
        role=found.role,
        scopes=found.scopes,
        secret_sha256=sha256,
        request_id=request_id,
    )


async def list_organisations(
    session: AsyncSession, paging: PageQuery, *, kind: OrganisationKind | None, region: str | None
) -> tuple[list[tuple[Organisation, list[OrganisationLabel]]], str | None]:
    """Return one page of organisations with their labels, and the cursor of the next."""
    rows, cursor = await repository.page_organisations(session, paging, kind=kind, region=region)
    labels = await repository.labels_of(session, [row.id for row in rows])
    return [(row, labels[row.id]) for row in rows], cursor


async def get_organisation(
    session: AsyncSession, organisation_id: UUID
) -> tuple[Organisation, list[OrganisationLabel]]:
    """Return one organisation with its labels.

    Raises
    ------
    NotFound
        If there is none.
    """
    row = await repository.get_organisation(session, organisation_id)
    if row is None:
        raise NotFound.of("organisation", organisation_id)
    return row, (await repository.labels_of(session, [row.id]))[row.id]


async def organisation_named(session: AsyncSession, name: str) -> Organisation:
    """Return the organisation of this exact name.

    Raises
    ------
    NotFound
        If there is none.
    """
    found = await repository.organisation_named(session, name)
    if found is None:
        raise NotFound(f"There is no organisation called {name!r}.")
    return found


async def create_organisation(session: AsyncSession, actor: Actor, command: OrganisationCreate) -> Organisation:
    """Add an organisation; the coordinator does.

    Raises
    ------
    Invalid
        If the name is taken.
    """
    actor.require(Role.COORDINATOR, Role.ADMIN)
    if await repository.name_is_taken(session, command.name):
        raise Invalid.field("name", f"An organisation is already called {command.name!r}.")
    row = Organisation(**command.model_dump())
    session.add(row)
    await record(session, actor, "organisation.created", row)
    return row


async def update_organisation(
    session: AsyncSession, actor: Actor, organisation_id: UUID, command: OrganisationUpdate
) -> Organisation:
    """Change an organisation: its own people do, or the coordinator.

    Raises
    ------
    NotFound
        If there is none, or it is another's.
    """
    row = await repository.get_organisation(session, organisation_id)
    if row is None or not actor.sees(organisation_id):
        raise NotFound.of("organisation", organisation_id)
    await lock_seen(session, row)
    before = snapshot(row)
    for name, value in command.model_dump(exclude_unset=True).items():
        setattr(row, name, value)
    await record(session, actor, "organisation.updated", row, before=before)
    return row
