"""The units of a world with what matching needs to know of them, and where they stand."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple
from uuid import UUID

from app.capacity.supply import ModalityTerms, UnitFacts
from app.catalogue.rules import batches_in_parallel_of_a_unit
from seed.rows import LineModalityRow, LineRow, SiteRow, UnitRow


class Place(NamedTuple):
    """One unit, its line and its site."""

    unit: UnitRow
    line: LineRow
    site: SiteRow
    facts: UnitFacts

    @property
    def is_bookable(self) -> bool:
        """Whether slots may be published on it."""
        return self.line.not_bookable_reason is None


def places(
    sites: Iterable[SiteRow], lines: Iterable[LineRow], terms: Iterable[LineModalityRow], units: Iterable[UnitRow]
) -> tuple[Place, ...]:
    """All units, in the order given."""
    site_of = {site.id: site for site in sites}
    line_of = {line.id: line for line in lines}
    terms_of: defaultdict[UUID, dict[str, ModalityTerms]] = defaultdict(dict)
    for row in terms:
        terms_of[row.line_id][row.modality] = ModalityTerms(
            row.modality,
            row.release_days,
            row.price_cents,
            row.yield_per_batch,
            row.yield_unit,
            row.is_standard,
            row.basis,
        )
    rows = tuple(units)
    units_of: defaultdict[UUID, int] = defaultdict(int)
    for unit in rows:
        units_of[unit.line_id] += 1
    found = []
    for unit in rows:
        line = line_of[unit.line_id]
        site = site_of[line.site_id]
        facts = _facts(unit, line, site, terms_of[line.id], units_of[line.id])
        found.append(Place(unit, line, site, facts))
    return tuple(found)


def _facts(unit: UnitRow, line: LineRow, site: SiteRow, terms: Mapping[str, ModalityTerms], units: int) -> UnitFacts:
    """What matching knows of a unit; a line's parallel batches are shared out among its units."""
    return UnitFacts(
        unit_id=unit.id,
        line_id=line.id,
        site_id=site.id,
        organisation_id=site.organisation_id,
        first_batch_days=line.first_batch_days,
        unit_name=unit.name,
        line_name=line.name,
        site_name=site.name,
        country=site.country,
        region=site.region,
        modalities=tuple(line.modalities),
        platforms=tuple(line.platforms),
        gmp_phases=tuple(line.gmp_phases),
        containment=tuple(line.containment),
        site_modalities=tuple(site.modalities),
        site_gmp_phases=tuple(site.gmp_phases),
        working_volume_l=line.working_volume_l,
        batches_in_parallel=batches_in_parallel_of_a_unit(line.batches_in_parallel, units),
        cadence_days=line.cadence_days,
        changeover_days=line.changeover_days,
        transfer_days=line.transfer_days,
        engineering_batch_required=line.engineering_batch_required,
        not_bookable_reason=line.not_bookable_reason,
        continuity_at_risk=line.continuity_at_risk,
        origin=line.origin,
        terms=terms,
    )
