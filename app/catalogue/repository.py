"""Queries on modalities, sites, lines and units."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Text, Uuid, bindparam, func, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.catalogue.models import LineModality, Modality, ProductionLine, Site, Unit
from app.catalogue.place import UnitPlace
from app.catalogue.schemas import LineFilter, SiteFilter
from app.core.paging import fetch_page
from app.identity.models import Organisation


async def modalities(session: AsyncSession) -> list[Modality]:
    """Return the vocabulary of modalities, by code."""
    return list(await session.scalars(select(Modality).order_by(col(Modality.code))))


async def page_sites(session: AsyncSession, query: SiteFilter) -> tuple[list[Site], str | None]:
    """Return one page of sites in the order of their creation."""
    statement = select(Site).where(*_of_site(query), *_makes(query, Site))
    return await fetch_page(session, statement, query, [(col(Site.id), UUID)])


async def page_lines(session: AsyncSession, query: LineFilter) -> tuple[list[ProductionLine], str | None]:
    """Return one page of lines in the order of their creation."""
    statement = (
        select(ProductionLine)
        .join(Site, col(Site.id) == col(ProductionLine.site_id))
        .where(*_of_site(query), *_makes(query, ProductionLine), *_of_line(query))
    )
    return await fetch_page(session, statement, query, [(col(ProductionLine.id), UUID)])


def _of_site(query: SiteFilter) -> list[ColumnElement[bool]]:
    """Return the conditions on a site's place and owner."""
    conditions: list[ColumnElement[bool]] = []
    if query.kind is not None:
        conditions.append(col(Site.kind) == query.kind)
    if query.organisation_id is not None:
        conditions.append(col(Site.organisation_id) == query.organisation_id)
    if query.region is not None:
        conditions.append(col(Site.region) == query.region)
    if query.country is not None:
        conditions.append(col(Site.country) == query.country)
    if query.cluster is not None:
        conditions.append(col(Site.clusters).contains([query.cluster]))
    return conditions


def _makes(query: SiteFilter, maker: type[Site | ProductionLine]) -> list[ColumnElement[bool]]:
    """Return the conditions on what a site or a line makes."""
    conditions: list[ColumnElement[bool]] = []
    if query.modality is not None:
        conditions.append(col(maker.modalities).contains([query.modality]))
    if query.platform is not None:
        conditions.append(col(maker.platforms).contains([query.platform]))
    if query.phase is not None:
        conditions.append(col(maker.gmp_phases).contains([query.phase.value]))
    return conditions


def _of_line(query: LineFilter) -> list[ColumnElement[bool]]:
    """Return the conditions on a line itself; an unknown volume is within no bound."""
    conditions: list[ColumnElement[bool]] = []
    if query.site_id is not None:
        conditions.append(col(ProductionLine.site_id) == query.site_id)
    if query.bookable is not None:
        reason = col(ProductionLine.not_bookable_reason)
        conditions.append(reason.is_(None) if query.bookable else reason.is_not(None))
    if query.volume_min is not None:
        conditions.append(col(ProductionLine.working_volume_l) >= query.volume_min)
    if query.volume_max is not None:
        conditions.append(col(ProductionLine.working_volume_l) <= query.volume_max)
    return conditions


async def sites_by_id(session: AsyncSession, site_ids: Collection[UUID]) -> dict[UUID, Site]:
    """Return these sites; one that does not exist is left out."""
    return {site.id: site for site in await session.scalars(select(Site).where(col(Site.id).in_(site_ids)))}


async def find_line(session: AsyncSession, line_id: UUID) -> ProductionLine | None:
    """Return the line, or None."""
    return await session.get(ProductionLine, line_id)


async def organisations_by_id(session: AsyncSession, organisation_ids: Collection[UUID]) -> dict[UUID, Organisation]:
    """Return these organisations; one that does not exist is left out."""
    statement = select(Organisation).where(col(Organisation.id).in_(organisation_ids))
    return {one.id: one for one in await session.scalars(statement)}


async def terms_of_lines(session: AsyncSession, line_ids: Collection[UUID]) -> dict[UUID, list[LineModality]]:
    """Return the terms of each of these lines, by modality."""
    statement = (
        select(LineModality)
        .where(col(LineModality.line_id).in_(line_ids))
        .order_by(col(LineModality.line_id), col(LineModality.modality))
    )
    found: dict[UUID, list[LineModality]] = {line_id: [] for line_id in line_ids}
    for terms in await session.scalars(statement):
        found[terms.line_id].append(terms)
    return found


async def units_of_lines(session: AsyncSession, line_ids: Collection[UUID]) -> dict[UUID, list[Unit]]:
    """Return the units of each of these lines, by name."""
    statement = select(Unit).where(col(Unit.line_id).in_(line_ids)).order_by(col(Unit.name), col(Unit.id))
    units: dict[UUID, list[Unit]] = {line_id: [] for line_id in line_ids}
    for unit in await session.scalars(statement):
        units[unit.line_id].append(unit)
    return units


_KNOWN_MODALITIES = select(col(Modality.code)).where(
    col(Modality.code) == func.any(bindparam("codes", type_=ARRAY(Text)))
)


async def known_modalities(session: AsyncSession, codes: Collection[str]) -> set[str]:
    """Return those of these codes that are in the vocabulary."""
    return set(await session.scalars(_KNOWN_MODALITIES, {"codes": list(codes)})) if codes else set()


async def site_name_is_taken(session: AsyncSession, name: str) -> bool:
    """Tell whether a site has this name."""
    return (await session.scalar(select(col(Site.id)).where(col(Site.name) == name))) is not None


async def line_name_is_taken(session: AsyncSession, site_id: UUID, name: str) -> bool:
    """Tell whether a line of the site has this name."""
    statement = select(col(ProductionLine.id)).where(
        col(ProductionLine.site_id) == site_id, col(ProductionLine.name) == name
    )
    return (await session.scalar(statement)) is not None


async def places_of(session: AsyncSession, unit_ids: Collection[UUID]) -> dict[UUID, UnitPlace]:
    """Return where each of these units stands; a unit that does not exist is left out."""
    rows = await session.execute(_PLACES_OF, {"unit_ids": list(unit_ids)})
    return {row[0]: UnitPlace._make(row) for row in rows}


async def places_of_organisation(session: AsyncSession, organisation_id: UUID) -> list[UnitPlace]:
    """Return where each unit of an organisation stands, by the names of site, line and unit."""
    statement = _places().where(col(Site.organisation_id) == organisation_id)
    order = (col(Site.name), col(ProductionLine.name), col(Unit.name), col(Unit.id))
    return [UnitPlace._make(row) for row in await session.execute(statement.order_by(*order))]


def _places() -> Select[*tuple[Any, ...]]:
    """Return the statement of units and where they stand, in the order of the fields of a place."""
    return (
        select(
            col(Unit.id),
            col(Unit.name),
            col(ProductionLine.id),
            col(ProductionLine.name),
            col(Site.id),
            col(Site.name),
            col(Organisation.id),
            col(Organisation.name),
            col(Site.region),
            col(Site.country),
            col(ProductionLine.not_bookable_reason),
            col(ProductionLine.commissioned_on),
            col(ProductionLine.modalities),
        )
        .join(ProductionLine, col(ProductionLine.id) == col(Unit.line_id))
        .join(Site, col(Site.id) == col(ProductionLine.site_id))
        .join(Organisation, col(Organisation.id) == col(Site.organisation_id))
    )


_PLACES_OF = _places().where(col(Unit.id) == func.any(bindparam("unit_ids", type_=ARRAY(Uuid))))
