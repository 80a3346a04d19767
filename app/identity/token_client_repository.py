"""Queries on the clients of the issuer of access tokens."""

from typing import NamedTuple, TypeAlias
from uuid import UUID

from sqlalchemy import Text, bindparam, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.core.driver import Driver, Prepared
from app.core.paging import PageQuery, fetch_page
from app.identity.models import KeyScope, Role
from app.identity.token_client_models import TokenClient

ClientName: TypeAlias = tuple[str, str, str]
"""Issuer, client, subject."""


class LiveClient(NamedTuple):
    """For whom a client acts."""

    token_client_id: UUID
    organisation_id: UUID
    role: Role
    scopes: frozenset[KeyScope]


_LIVE_CLIENT = Prepared(
    select(col(TokenClient.id), col(TokenClient.organisation_id), col(TokenClient.role), col(TokenClient.scopes)).where(
        col(TokenClient.issuer) == bindparam("issuer", type_=Text),
        col(TokenClient.client_id) == bindparam("client_id", type_=Text),
        col(TokenClient.subject) == bindparam("subject", type_=Text),
        col(TokenClient.revoked_at).is_(None),
    )
)


async def find_live_client(driver: Driver, name: ClientName) -> LiveClient | None:
    """Return for whom a client acts, or None if for nobody."""
    row = await _LIVE_CLIENT.first(driver, dict(zip(("issuer", "client_id", "subject"), name, strict=True)))
    if row is None:
        return None
    scopes = frozenset(map(KeyScope, row["scopes"]))
    return LiveClient(row["id"], row["organisation_id"], Role(row["role"]), scopes)


async def has_live_client(session: AsyncSession, name: ClientName) -> bool:
    """Tell whether a client acts for somebody already."""
    issuer, client_id, subject = name
    statement = select(col(TokenClient.id)).where(
        col(TokenClient.issuer) == issuer,
        col(TokenClient.client_id) == client_id,
        col(TokenClient.subject) == subject,
        col(TokenClient.revoked_at).is_(None),
    )
    return (await session.scalar(statement)) is not None


async def page_clients(
    session: AsyncSession, paging: PageQuery, *, organisation_id: UUID | None
) -> tuple[list[TokenClient], str | None]:
    """Return one page of clients, revoked ones too, of one organisation or of all, in the order of their making."""
    statement = select(TokenClient)
    if organisation_id is not None:
        statement = statement.where(col(TokenClient.organisation_id) == organisation_id)
    return await fetch_page(session, statement, paging, [(col(TokenClient.id), UUID)])


async def find_client(session: AsyncSession, token_client_id: UUID) -> TokenClient | None:
    """Return a client, or None."""
    return await session.get(TokenClient, token_client_id)
