"""Reading sites, lines and units: anybody may; what else belongs to them is fetched in a handful of queries."""

from collections.abc import Collection, Sequence
from typing import NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.catalogue import repository
from app.catalogue.models import LineModality, Modality, ProductionLine, Site, Unit
from app.catalogue.place import UnitPlace
from app.catalogue.schemas import LineFilter, SiteFilter
from app.core.errors import FieldFault, Invalid, NotFound
from app.identity.models import Organisation


class SiteView(NamedTuple):
    """A site and whose it is."""

    site: Site
    organisation: Organisation


class LineView(NamedTuple):
    """A line with its site, owner, terms and units."""

    line: ProductionLine
    site: Site
    organisation: Organisation
    terms: Sequence[LineModality]
    units: Sequence[Unit]


async def list_modalities(session: AsyncSession) -> list[Modality]:
    """Return the vocabulary of modalities, by code."""
    return await repository.modalities(session)


async def require_modalities(session: AsyncSession, codes: Sequence[str], pointer: str) -> None:
    """Let pass only modalities of the vocabulary.

    Parameters
    ----------
    pointer
        Where the codes come from: `/modality`, `query/modality`; `{}` in it stands for a code's position.

    Raises
    ------
    Invalid
        If one is unknown; its facts name those that are known.
    """
    if not set(codes) - await repository.known_modalities(session, codes):
        return
    known = [one.code for one in await repository.modalities(session)]
    faults = [
        FieldFault(pointer.format(position), f"There is no modality {code!r}.")
        for position, code in enumerate(codes)
        if code not in known
    ]
    if faults:
        raise Invalid("See GET /v1/modalities for those there are.", faults=faults, facts={"known": known})


def require_volume_order(low: float | None, high: float | None, pointer: str = "query/volume_max") -> None:
    """Let pass only volumes of which the first is not above the second; the pointer is the second one's.

    Raises
    ------
    Invalid
        If `volume_min` is above `volume_max`.
    """
    if low is not None and high is not None and low > high:
        detail = f"volume_max ({high:g}) must not be below volume_min ({low:g})."
        raise Invalid(detail, faults=[FieldFault(pointer, detail)])


async def list_sites(session: AsyncSession, query: SiteFilter) -> tuple[list[SiteView], str | None]:
    """Return one page of sites, and the cursor of the next."""
    await require_modalities(session, [query.modality] if query.modality else [], "query/modality")
    sites, cursor = await repository.page_sites(session, query)
    owners = await repository.organisations_by_id(session, {site.organisation_id for site in sites})
    return [SiteView(site, owners[site.organisation_id]) for site in sites], cursor


async def get_site(session: AsyncSession, site_id: UUID) -> SiteView:
    """Return one site.

    Raises
    ------
    NotFound
        If there is none.
    """
    site = (await repository.sites_by_id(session, [site_id])).get(site_id)
    if site is None:
        raise NotFound.of("site", site_id)
    owners = await repository.organisations_by_id(session, [site.organisation_id])
    return SiteView(site, owners[site.organisation_id])


async def list_lines(session: AsyncSession, query: LineFilter) -> tuple[list[LineView], str | None]:
    """Return one page of lines with all that belongs to them, and the cursor of the next."""
    await require_modalities(session, [query.modality] if query.modality else [], "query/modality")
    require_volume_order(query.volume_min, query.volume_max)
    lines, cursor = await repository.page_lines(session, query)
    return await _views(session, lines), cursor


async def get_line(session: AsyncSession, line_id: UUID) -> LineView:
    """Return one line with all that belongs to it.

    Raises
    ------
    NotFound
        If there is none.
    """
    line = await repository.find_line(session, line_id)
    if line is None:
        raise NotFound.of("line", line_id)
    return (await _views(session, [line]))[0]


async def _views(session: AsyncSession, lines: Sequence[ProductionLine]) -> list[LineView]:
    line_ids = [line.id for line in lines]
    sites = await repository.sites_by_id(session, {line.site_id for line in lines})
    owners = await repository.organisations_by_id(session, {site.organisation_id for site in sites.values()})
    terms = await repository.terms_of_lines(session, line_ids)
    units = await repository.units_of_lines(session, line_ids)
    views = []
    for line in lines:
        site = sites[line.site_id]
        made = [one for one in terms[line.id] if one.modality in line.modalities]
        views.append(LineView(line, site, owners[site.organisation_id], made, units[line.id]))
    return views


async def places_of(session: AsyncSession, unit_ids: Collection[UUID]) -> dict[UUID, UnitPlace]:
    """Return where each of these units stands, and whose it is; a unit that does not exist is left out."""
    return await repository.places_of(session, unit_ids)


async def places_of_organisation(session: AsyncSession, organisation_id: UUID) -> list[UnitPlace]:
    """Return where each unit of an organisation stands, by the names of site, line and unit."""
    return await repository.places_of_organisation(session, organisation_id)


async def place_of(session: AsyncSession, unit_id: UUID) -> UnitPlace:
    """Return where a unit stands, and whose it is.

    Raises
    ------
    NotFound
        If there is no such unit.
    """
    found = (await repository.places_of(session, [unit_id])).get(unit_id)
    if found is None:
        raise NotFound.of("unit", unit_id)
    return found


async def terms_of_lines(session: AsyncSession, line_ids: Collection[UUID]) -> dict[UUID, list[LineModality]]:
    """Return what each of these lines takes for each modality, by modality."""
    return await repository.terms_of_lines(session, line_ids)
