"""Queries on organisations, people and keys."""

from typing import NamedTuple
from uuid import UUID

from sqlalchemy import LargeBinary, and_, bindparam, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.core.driver import Driver, Prepared
from app.core.paging import PageQuery, fetch_page
from app.identity.models import ApiKey, KeyScope, Organisation, OrganisationKind, OrganisationLabel, Role


class LiveKey(NamedTuple):
    """What a live key stands for."""

    api_key_id: UUID
    organisation_id: UUID
    person_id: UUID | None
    role: Role
    scopes: frozenset[KeyScope]


_SHA256 = bindparam("sha256", type_=LargeBinary)
_LIVE_KEY = Prepared(
    select(
        col(ApiKey.id), col(ApiKey.organisation_id), col(ApiKey.person_id), col(ApiKey.role), col(ApiKey.scopes)
    ).where(
        or_(
            col(ApiKey.secret_sha256) == _SHA256,
            and_(col(ApiKey.previous_sha256) == _SHA256, col(ApiKey.previous_ends_at) > func.now()),
        ),
        col(ApiKey.revoked_at).is_(None),
        or_(col(ApiKey.expires_at).is_(None), col(ApiKey.expires_at) > func.now()),
    )
)


async def find_live_key(driver: Driver, sha256: bytes) -> LiveKey | None:
    """Return the key with this digest, or that had it until lately, if it is neither revoked nor expired."""
    row = await _LIVE_KEY.first(driver, {"sha256": sha256})
    if row is None:
        return None
    scopes = frozenset(map(KeyScope, row["scopes"]))
    return LiveKey(row["id"], row["organisation_id"], row["person_id"], Role(row["role"]), scopes)


async def page_organisations(
    session: AsyncSession, paging: PageQuery, *, kind: OrganisationKind | None, region: str | None
) -> tuple[list[Organisation], str | None]:
    """Return one page of organisations in the order of their creation."""
    statement = select(Organisation)
    if kind is not None:
        statement = statement.where(col(Organisation.kind) == kind)
    if region is not None:
        statement = statement.where(col(Organisation.region) == region)
    return await fetch_page(session, statement, paging, [(col(Organisation.id), UUID)])


async def get_organisation(session: AsyncSession, organisation_id: UUID) -> Organisation | None:
    """Return the organisation, or None."""
    return await session.get(Organisation, organisation_id)


async def labels_of(session: AsyncSession, organisation_ids: list[UUID]) -> dict[UUID, list[OrganisationLabel]]:
    """Return the labels of each of these organisations, by name."""
    statement = (
        select(OrganisationLabel)
        .where(col(OrganisationLabel.organisation_id).in_(organisation_ids))
        .order_by(col(OrganisationLabel.name))
    )
    labels: dict[UUID, list[OrganisationLabel]] = {identifier: [] for identifier in organisation_ids}
    for label in await session.scalars(statement):
        labels[label.organisation_id].append(label)
    return labels


async def name_is_taken(session: AsyncSession, name: str) -> bool:
    """Tell whether an organisation has this name."""
    statement = select(col(Organisation.id)).where(col(Organisation.name) == name)
    return (await session.scalar(statement)) is not None


async def organisation_named(session: AsyncSession, name: str) -> Organisation | None:
    """Return the organisation of this name, or None."""
    found: Organisation | None = await session.scalar(select(Organisation).where(col(Organisation.name) == name))
    return found


async def organisation_names(session: AsyncSession) -> list[str]:
    """Return the names of all organisations."""
    return list(await session.scalars(select(col(Organisation.name)).order_by(col(Organisation.name))))


async def lock_organisation(session: AsyncSession, organisation_id: UUID) -> None:
    """Lock an organisation until the transaction ends, against others who would do the same."""
    statement = select(col(Organisation.id)).where(col(Organisation.id) == organisation_id)
    await session.execute(statement.with_for_update(key_share=True))
