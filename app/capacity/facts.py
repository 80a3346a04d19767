"""Facts of units and slots from their rows, in a handful of queries whatever their number."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.capacity import facts_repository as repository
from app.capacity.models import Approval, Slot
from app.capacity.occupancy import occupied_periods, span_of
from app.capacity.supply import ModalityTerms, SlotFacts, Span, UnitFacts
from app.catalogue.models import LineModality, ProductionLine, Site, Unit
from app.catalogue.rules import batches_in_parallel_of_a_unit
from app.core.clock import today
from app.core.vocabulary import Basis, Reserve


async def unit_facts(
    session: AsyncSession,
    *,
    unit_ids: Collection[UUID] | None = None,
    line_ids: Collection[UUID] | None = None,
    modalities: Collection[str] | None = None,
) -> dict[UUID, UnitFacts]:
    """Return the facts of units by their identifier: of all, or of those that pass every filter given.

    Parameters
    ----------
    modalities
        Only units of lines that make one of these.
    """
    rows = await repository.unit_rows(session, unit_ids=unit_ids, line_ids=line_ids, modalities=modalities)
    terms: dict[UUID, dict[str, ModalityTerms]] = defaultdict(dict)
    for offer in await repository.line_modalities(session, {line.id for _, line, _, _ in rows}):
        terms[offer.line_id][offer.modality] = _terms(offer)
    return {unit.id: unit_of(unit, line, site, units, terms.get(line.id, {})) for unit, line, site, units in rows}


async def slot_facts(
    session: AsyncSession,
    *,
    unit_ids: Collection[UUID] | None = None,
    slot_ids: Collection[UUID] | None = None,
    reserves: Collection[Reserve] | None = None,
    as_of_on: date | None = None,
    within: Span | None = None,
    leaving: UUID | None = None,
) -> dict[UUID, list[SlotFacts]]:
    """Return published slots by unit, in order of time, each with the periods that bookings occupy in it.

    Parameters
    ----------
    as_of_on
        The day whose reserves are meant, for a start-up slot that is released is open; None means today.
    within
        Only slots that share a day with this span.
    leaving
        A booking that would leave its place: what it occupies counts as free.
    """
    rows = await repository.published_slots(
        session,
        unit_ids=unit_ids,
        slot_ids=slot_ids,
        reserves=reserves,
        as_of_on=as_of_on or today(),
        within=within,
    )
    occupied = await occupied_periods(session, {slot.unit_id for slot, _ in rows}, leaving=leaving)
    busy: dict[UUID, list[Span]] = defaultdict(list)
    for periods in occupied.values():
        for one in periods:
            busy[one.slot_id].append(one.period)
    found: dict[UUID, list[SlotFacts]] = defaultdict(list)
    for slot, cap_cents in rows:
        found[slot.unit_id].append(slot_of(slot, cap_cents, tuple(busy.get(slot.id, ()))))
    return dict(found)


def terms_of(offers: Iterable[Mapping[str, Any]]) -> dict[str, ModalityTerms]:
    """Return the terms of a line by modality, from its rows as JSON."""
    rows = (LineModality.model_construct(**{**offer, "basis": Basis(offer["basis"])}) for offer in offers)
    return {row.modality: _terms(row) for row in rows}


def _terms(offer: LineModality) -> ModalityTerms:
    return ModalityTerms(
        modality=offer.modality,
        release_days=offer.release_days,
        price_cents=offer.price_cents,
        yield_per_batch=offer.yield_per_batch,
        yield_unit=offer.yield_unit,
        is_standard=offer.is_standard,
        basis=offer.basis,
    )


def unit_of(unit: Unit, line: ProductionLine, site: Site, units: int, terms: dict[str, ModalityTerms]) -> UnitFacts:
    """Return the facts of one unit of a line that has so many.

    Containment is the line's own where it states any, else the site's.
    """
    return UnitFacts(
        unit_id=unit.id,
        unit_name=unit.name,
        line_id=line.id,
        line_name=line.name,
        site_id=site.id,
        site_name=site.name,
        organisation_id=site.organisation_id,
        country=site.country,
        region=site.region,
        modalities=tuple(line.modalities),
        platforms=tuple(line.platforms),
        gmp_phases=tuple(line.gmp_phases),
        containment=tuple(line.containment or site.containment),
        site_modalities=tuple(site.modalities),
        site_gmp_phases=tuple(site.gmp_phases),
        working_volume_l=line.working_volume_l,
        batches_in_parallel=batches_in_parallel_of_a_unit(line.batches_in_parallel, units),
        first_batch_days=line.first_batch_days,
        cadence_days=line.cadence_days,
        changeover_days=line.changeover_days,
        transfer_days=line.transfer_days,
        engineering_batch_required=line.engineering_batch_required,
        commissioned_on=line.commissioned_on,
        not_bookable_reason=line.not_bookable_reason,
        continuity_at_risk=line.continuity_at_risk,
        cdmo_cancellation_percent=line.cdmo_cancellation_percent,
        gmp_certificate_until_on=site.gmp_certificate_until_on,
        origin=line.origin,
        terms=terms,
    )


def slot_of(slot: Slot, capped_price_cents: int | None, busy: tuple[Span, ...]) -> SlotFacts:
    """Return the facts of one slot, with the periods that bookings occupy in it."""
    return SlotFacts(
        slot_id=slot.id,
        unit_id=slot.unit_id,
        period=span_of(slot.period),
        reserve=slot.reserve,
        releases_on=slot.releases_on,
        lendable=slot.lendable,
        recall_notice_days=slot.recall_notice_days,
        max_lent_days=slot.max_lent_days,
        divisible=slot.divisible,
        instant=slot.approval is Approval.INSTANT,
        price_cents=slot.price_cents,
        capped_price_cents=capped_price_cents,
        origin=slot.origin,
        busy=busy,
    )
