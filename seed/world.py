"""Everything that is written into an empty database, in the order in which it is written."""

from __future__ import annotations

from dataclasses import dataclass

from seed.catalogue import Catalogue
from seed.rows import (
    AgreementRow,
    BookingRow,
    ChargeRow,
    CommitmentRow,
    FeasibilityRow,
    LabelRow,
    LineModalityRow,
    LineRow,
    ModalityRow,
    OrganisationRow,
    ProductRow,
    QualificationRow,
    RequestRow,
    SiteRow,
    SlotRow,
    UnitRow,
)


@dataclass(frozen=True, slots=True)
class World:
    """The rows of all tables, each table after those that it refers to."""

    modalities: tuple[ModalityRow, ...]
    organisations: tuple[OrganisationRow, ...]
    labels: tuple[LabelRow, ...]
    sites: tuple[SiteRow, ...]
    lines: tuple[LineRow, ...]
    line_modalities: tuple[LineModalityRow, ...]
    units: tuple[UnitRow, ...]
    agreements: tuple[AgreementRow, ...] = ()
    commitments: tuple[CommitmentRow, ...] = ()
    slots: tuple[SlotRow, ...] = ()
    products: tuple[ProductRow, ...] = ()
    qualifications: tuple[QualificationRow, ...] = ()
    requests: tuple[RequestRow, ...] = ()
    feasibilities: tuple[FeasibilityRow, ...] = ()
    bookings: tuple[BookingRow, ...] = ()
    charges: tuple[ChargeRow, ...] = ()


def real_world(catalogue: Catalogue) -> World:
    """What is known of the real world, and nothing else."""
    return World(
        modalities=catalogue.modalities,
        organisations=catalogue.organisations,
        labels=catalogue.labels,
        sites=catalogue.sites,
        lines=catalogue.lines,
        line_modalities=catalogue.line_modalities,
        units=catalogue.units,
    )
