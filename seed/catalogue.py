"""The real catalogue: the reference tables, brought into the shapes of the database's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from app.catalogue.models import SiteKind
from app.core.vocabulary import Confidence
from app.identity.models import OrganisationKind
from seed import illustrative, reference
from seed.identifiers import identifier
from seed.labels import company_label, integrator_labels
from seed.lines import line_modalities, units
from seed.reference_tables import read_reference_tables
from seed.rows import LabelRow, LineModalityRow, LineRow, ModalityRow, OrganisationRow, SiteRow, UnitRow
from seed.vocabulary import MODALITIES, SOURCED_FIELDS

DATA = Path(__file__).parent / "data"
PRODUCER_SUFFIX = " (contract production)"
COMMISSIONING_UNCONFIRMED = "commissioning not confirmed: no date is known from which it could be booked"


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Everything that is known of the real world, in the order of the reference tables.

    `needs`: what each company makes and asks for, by the identifier of its organisation.
    """

    modalities: tuple[ModalityRow, ...]
    organisations: tuple[OrganisationRow, ...]
    labels: tuple[LabelRow, ...]
    sites: tuple[SiteRow, ...]
    lines: tuple[LineRow, ...]
    line_modalities: tuple[LineModalityRow, ...]
    units: tuple[UnitRow, ...]
    needs: Mapping[UUID, reference.CompanyRow]


def read_catalogue(folder: Path = DATA) -> Catalogue:
    """The catalogue whose reference tables are in `folder`.

    Raises
    ------
    MalformedRow
        A cell breaks a rule, or rows contradict each other.
    """
    tables = read_reference_tables(folder)
    producers = _producers(tables.sites, {row.organisation for row in tables.companies})
    startups = {row.organisation: _startup(row) for row in tables.companies}
    laureates = (company_label(row, startups[row.organisation].id) for row in tables.companies)
    lines = tuple(_line(row) for row in tables.lines)
    return Catalogue(
        modalities=tuple(ModalityRow(identifier("modality", name.code), *name) for name in MODALITIES),
        organisations=(*producers.values(), *startups.values()),
        labels=(
            *integrator_labels(tables.sites, {name: row.id for name, row in producers.items()}),
            *(label for label in laureates if label is not None),
        ),
        sites=tuple(_site(row, producers[row.organisation].id, tables.lines) for row in tables.sites),
        lines=lines,
        line_modalities=tuple(terms for line in lines for terms in line_modalities(line)),
        units=tuple(unit for line, row in zip(lines, tables.lines, strict=True) for unit in units(line, row.units)),
        needs={startups[row.organisation].id: row for row in tables.companies},
    )


def _producers(sites: Iterable[reference.SiteRow], startups: set[str]) -> dict[str, OrganisationRow]:
    """Organisations of the sites, by their name in the table; a CDMO where any of the sites is one.

    A company that also makes products of its own is two organisations: what its production side learns of
    competitors is not for its own projects to see.
    """
    first: dict[str, reference.SiteRow] = {}
    cdmos: set[str] = set()
    for site in sites:
        first.setdefault(site.organisation, site)
        if site.kind is SiteKind.CDMO:
            cdmos.add(site.organisation)
    return {
        name: OrganisationRow(
            id=identifier("organisation", "producer", name),
            kind=OrganisationKind.CDMO if name in cdmos else OrganisationKind.INTEGRATOR,
            name=name + (PRODUCER_SUFFIX if name in startups else ""),
            city=site.city,
            region=site.region,
            source=site.source,
            confidence=Confidence(site.confidence),
        )
        for name, site in first.items()
    }


def _startup(row: reference.CompanyRow) -> OrganisationRow:
    return OrganisationRow(
        id=identifier("organisation", "startup", row.organisation),
        kind=OrganisationKind.STARTUP,
        name=row.organisation,
        city=row.city,
        region=row.region,
        note=row.note or None,
        source=row.source,
        confidence=Confidence(row.confidence),
    )


def _site(row: reference.SiteRow, organisation_id: UUID, lines: Iterable[reference.LineRow]) -> SiteRow:
    own = (line for line in lines if line.site_name == row.site_name)
    return SiteRow(
        id=identifier("site", row.site_name),
        organisation_id=organisation_id,
        name=row.site_name,
        kind=row.kind,
        city=row.city,
        department_code=row.department_code,
        region=row.region,
        latitude=row.latitude,
        longitude=row.longitude,
        clusters=list(row.clusters),
        modalities=list(row.modalities),
        platforms=list(row.expression_platforms),
        gmp_phases=list(row.gmp_phases),
        containment=sorted({need for line in own for need in illustrative.containment(line.modalities)}),
        note=row.note or None,
        source=row.source,
        confidence=Confidence(row.confidence),
    )


def _line(row: reference.LineRow) -> LineRow:
    return LineRow(
        id=identifier("line", row.site_name, row.line_name),
        site_id=identifier("site", row.site_name),
        name=row.line_name,
        modalities=list(row.modalities),
        platforms=list(row.expression_platforms),
        gmp_phases=list(row.gmp_phases),
        phases_basis=row.phases_basis,
        containment=illustrative.containment(row.modalities),
        working_volume_l=row.working_volume_l,
        batches_in_parallel=row.batches_in_parallel,
        technology=row.technology,
        culture_mode=row.culture_mode,
        first_batch_days=row.batch_duration_days,
        cadence_days=row.cadence_days,
        changeover_days=row.changeover_days,
        transfer_days=illustrative.transfer_days(row.modalities),
        engineering_batch_required=illustrative.engineering_batch(row.modalities, row.gmp_phases),
        not_bookable_reason=_not_bookable_reason(row.bookable),
        continuity_at_risk=row.bookable == "yes: continuity at risk",
        capacity_note=row.capacity_note or None,
        sourced_fields=[SOURCED_FIELDS[name] for name in row.sourced_fields],
        source=row.source,
        confidence=row.confidence,
    )


def _not_bookable_reason(bookable: str) -> str | None:
    """Why no slot may be published; a planned line without a commissioning date has none to offer either."""
    if bookable.startswith("planned"):
        return COMMISSIONING_UNCONFIRMED
    return bookable.removeprefix("no: ") if bookable.startswith("no: ") else None
