"""For whom clients of the issuer of access tokens act: said by the coordinator, seen and ended by the organisation."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.service import record, snapshot
from app.core.clock import now
from app.core.errors import Conflict, Invalid, NotFound, StateConflict
from app.core.paging import PageQuery
from app.core.preconditions import lock_seen
from app.identity import repository, token_client_repository
from app.identity.actor import Actor
from app.identity.key_rules import belongs
from app.identity.models import Role
from app.identity.standing import require_standing
from app.identity.token_client_models import TokenClient
from app.identity.token_client_schemas import TokenClientCreate

OVERSEERS = (Role.COORDINATOR, Role.ADMIN)
RESERVED = frozenset({Role.ADMIN, Role.AUTHORITY})
"""Roles that the coordinator has not to give: an administrator does."""


async def list_clients(session: AsyncSession, actor: Actor, paging: PageQuery) -> tuple[list[TokenClient], str | None]:
    """Return one page of the clients that act for the actor's organisation; for the coordinator, of all."""
    own = None if actor.role in OVERSEERS else actor.organisation_id
    return await token_client_repository.page_clients(session, paging, organisation_id=own)


async def get_client(session: AsyncSession, actor: Actor, token_client_id: UUID) -> TokenClient:
    """Return a client that acts for the actor's organisation, or any one for the coordinator.

    Raises
    ------
    NotFound
        If there is none, or it acts for another.
    """
    found = await token_client_repository.find_client(session, token_client_id)
    if found is None or not actor.sees(found.organisation_id):
        raise NotFound.of("token client", token_client_id)
    return found


async def add_client(
    session: AsyncSession, actor: Actor, command: TokenClientCreate, *, issuer: str | None
) -> TokenClient:
    """Say for whom a client acts; the coordinator does, for a client could be claimed by whom it does not serve.

    Parameters
    ----------
    issuer
        The one whose tokens are accepted; None: nobody's are.

    Raises
    ------
    NotAllowed
        If the role is an administrator's to give, or the actor lacks a scope; or is a client itself.
    NotAuthenticated
        If the actor has just been put out.
    NotFound
        If there is no such organisation.
    Invalid
        If the role does not belong to its kind.
    Conflict
        If no tokens are accepted, or the client acts for somebody already.
    """
    actor.require(*OVERSEERS)
    actor.require_lasting("add clients")
    await require_standing(session, actor)
    if command.role in RESERVED:
        actor.require(Role.ADMIN)
    for scope in command.scopes:
        actor.require_scope(scope)
    owner = await repository.get_organisation(session, command.organisation_id)
    if owner is None:
        raise NotFound.of("organisation", command.organisation_id)
    if issuer is None:
        raise Conflict("No access tokens are accepted here: JWT_ISSUER is not set.")
    if not belongs(command.role, owner.kind):
        raise Invalid.field("role", f"The role {command.role.value} does not belong to a {owner.kind.value}.")
    subject = command.subject or command.client_id
    await repository.lock_organisation(session, owner.id)
    if await token_client_repository.has_live_client(session, (issuer, command.client_id, subject)):
        raise Conflict("This client acts for an organisation already: revoke that first.")
    row = TokenClient(
        organisation_id=owner.id,
        issuer=issuer,
        client_id=command.client_id,
        subject=subject,
        name=command.name,
        role=command.role,
        scopes=[scope.value for scope in command.scopes],
    )
    session.add(row)
    await record(session, actor, "token_client.created", row)
    return row


async def revoke_client(session: AsyncSession, actor: Actor, token_client_id: UUID) -> TokenClient:
    """Have the tokens of a client act for nobody, within a second.

    Raises
    ------
    NotFound
        If there is none, or it acts for another organisation.
    StateConflict
        If it was revoked before.
    """
    row = await lock_seen(session, await get_client(session, actor, token_client_id))
    if row.revoked_at is not None:
        raise StateConflict("This client was revoked before.", facts={"revoked_at": row.revoked_at.isoformat()})
    before = snapshot(row)
    row.revoked_at = now()
    await record(session, actor, "token_client.revoked", row, before=before)
    return row
