"""Queries on an organisation's keys and their last use."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import func, or_, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.core.paging import PageQuery, fetch_page
from app.identity.models import ApiKey, ApiKeyUse, Organisation


class UsedKey(NamedTuple):
    """A key, and when it was last used, if ever."""

    key: ApiKey
    last_used_at: datetime | None


async def page_keys(
    session: AsyncSession, organisation_id: UUID, paging: PageQuery
) -> tuple[list[UsedKey], str | None]:
    """Return one page of an organisation's keys, live or not, in the order of their making."""
    statement = select(ApiKey).where(col(ApiKey.organisation_id) == organisation_id)
    rows, cursor = await fetch_page(session, statement, paging, [(col(ApiKey.id), UUID)])
    uses = await _last_uses(session, [row.id for row in rows])
    return [UsedKey(row, uses.get(row.id)) for row in rows], cursor


async def find_key(session: AsyncSession, organisation_id: UUID, key_id: UUID) -> UsedKey | None:
    """Return a key of an organisation, or None."""
    statement = select(ApiKey).where(col(ApiKey.organisation_id) == organisation_id, col(ApiKey.id) == key_id)
    row: ApiKey | None = await session.scalar(statement)
    return None if row is None else UsedKey(row, (await _last_uses(session, [key_id])).get(key_id))


async def read_key(session: AsyncSession, key_id: UUID) -> ApiKey | None:
    """Return a key as it is now, or None."""
    statement = select(ApiKey).where(col(ApiKey.id) == key_id).execution_options(populate_existing=True)
    row: ApiKey | None = await session.scalar(statement)
    return row


async def lock_keys(session: AsyncSession, key_ids: Collection[UUID]) -> dict[UUID, ApiKey]:
    """Return keys as they are now, locked in their order until the transaction ends, by identifier."""
    statement = select(ApiKey).where(col(ApiKey.id).in_(key_ids)).order_by(col(ApiKey.id))
    statement = statement.with_for_update(key_share=True).execution_options(populate_existing=True)
    return {row.id: row for row in await session.scalars(statement)}


async def count_live(session: AsyncSession, organisation_id: UUID) -> int:
    """Return how many live keys an organisation has; nobody else counts them until the transaction ends."""
    owner = select(col(Organisation.id)).where(col(Organisation.id) == organisation_id)
    await session.execute(owner.with_for_update(key_share=True))
    statement = select(func.count()).where(
        col(ApiKey.organisation_id) == organisation_id,
        col(ApiKey.revoked_at).is_(None),
        or_(col(ApiKey.expires_at).is_(None), col(ApiKey.expires_at) > func.now()),
    )
    return int(await session.scalar(statement) or 0)


async def _last_uses(session: AsyncSession, key_ids: list[UUID]) -> dict[UUID, datetime]:
    rows = await session.scalars(select(ApiKeyUse).where(col(ApiKeyUse.api_key_id).in_(key_ids)))
    return {row.api_key_id: row.last_used_at for row in rows}


# In the order of the keys, so that processes that write at once wait for each other and do not deadlock.
_WRITE_USES = text(
    """
    INSERT INTO api_key_uses AS known (api_key_id, last_used_at)
    SELECT k.id, used.at
    FROM unnest(CAST(:keys AS uuid[]), CAST(:instants AS timestamptz[])) AS used (key_id, at)
    JOIN api_keys k ON k.id = used.key_id
    ORDER BY k.id
    ON CONFLICT (api_key_id) DO UPDATE SET last_used_at = excluded.last_used_at
        WHERE known.last_used_at <= excluded.last_used_at - interval '1 minute'
    """
)


async def write_uses(session: AsyncSession, uses: Mapping[UUID, datetime]) -> None:
    """Write when keys were last used; of a key, at most once a minute, whichever process writes."""
    await session.execute(_WRITE_USES, {"keys": list(uses), "instants": list(uses.values())})
