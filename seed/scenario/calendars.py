"""Published slots, commitments and agreements over 24 months, on every unit that can be booked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from uuid import UUID

from app.capacity.models import Approval, CommitmentKind
from app.capacity.occupancy import span_of
from app.core.model import period
from app.core.vocabulary import Reserve
from app.identity.models import OrganisationKind
from app.matching.campaign import production_days
from seed.fleet import Place
from seed.identifiers import identifier
from seed.rows import AgreementRow, CommitmentRow, SlotRow
from seed.scenario.chance import Chance
from seed.scenario.market import COORDINATOR, public_body
from seed.scenario.sizes import Size

HORIZON_MONTHS = 24
QUARTERS = HORIZON_MONTHS // 3
_SHORTEST_SLOT_DAYS, _LONGEST_SLOT_DAYS = 30, 160
COUNTERMEASURES = frozenset(
    {
        "monoclonal_antibody", "recombinant_protein", "viral_vector_other", "vaccine_viral", "plasmid_dna",
        "mrna_lnp", "fill_finish",
    }
)  # fmt: skip
_RESERVES = ((Reserve.OPEN, 48.0), (Reserve.STARTUP, 34.0), (Reserve.CRISIS, 18.0))
_RESERVES_ELSEWHERE = ((Reserve.OPEN, 58.0), (Reserve.STARTUP, 42.0))
_COMMITMENTS = (
    (CommitmentKind.SOLD_ELSEWHERE, 60.0),
    (CommitmentKind.MAINTENANCE, 16.0),
    (CommitmentKind.MEDIA_FILL, 14.0),
    (CommitmentKind.SHUTDOWN, 10.0),
)
_LONGEST_COMMITMENT_DAYS = {
    CommitmentKind.SOLD_ELSEWHERE: 10_000,
    CommitmentKind.MAINTENANCE: 14,
    CommitmentKind.MEDIA_FILL: 10,
    CommitmentKind.SHUTDOWN: 21,
}
CAP_SHARE = 0.85
READINESS_FEE_CENTS_PER_DAY = 120_000


@dataclass(frozen=True, slots=True)
class Calendars:
    """What the units' calendars hold; every slot of a reserve is under an agreement."""

    agreements: tuple[AgreementRow, ...]
    commitments: tuple[CommitmentRow, ...]
    slots: tuple[SlotRow, ...]


def horizon_end(as_of: date) -> date:
    """The day 24 months later, itself excluded; the last of February for a leap day."""
    try:
        return as_of.replace(year=as_of.year + HORIZON_MONTHS // 12)
    except ValueError:
        return as_of.replace(year=as_of.year + HORIZON_MONTHS // 12, day=28)


def build_calendars(units: Iterable[Place], size: Size, seed: int, as_of: date) -> Calendars:
    """The calendars of all bookable units, from `as_of` for 24 months."""
    slots: list[SlotRow] = []
    commitments: list[CommitmentRow] = []
    bookable = [place for place in units if place.is_bookable]
    for place in bookable:
        chance = Chance(seed, size.name, "calendar", place.unit.id)
        own, busy = _calendar(chance, place, size, as_of)
        slots += own
        commitments += busy
    agreements = _agreements(Chance(seed, size.name, "agreements"), bookable, slots, as_of)
    by_key = {(agreement.line_id, agreement.reserve): agreement.id for agreement in agreements}
    line_of = {place.unit.id: place.line.id for place in bookable}
    return Calendars(
        agreements=tuple(agreements),
        commitments=tuple(commitments),
        slots=tuple(replace(slot, agreement_id=by_key.get((line_of[slot.unit_id], slot.reserve))) for slot in slots),
    )


def _calendar(chance: Chance, place: Place, size: Size, as_of: date) -> tuple[list[SlotRow], list[CommitmentRow]]:
    """Slots and the gaps between them, in turn, to the end of the horizon."""
    end = horizon_end(as_of)
    campaign = production_days(place.facts, 2, int(place.line.engineering_batch_required)) + place.line.changeover_days
    day = as_of + timedelta(days=chance.integer(0, 60) if chance.happens(0.7) else 0)
    slots: list[SlotRow] = []
    commitments: list[CommitmentRow] = []
    while True:
        wanted = round(campaign * chance.between(1.1, 2.6))
        length = min(max(wanted, _SHORTEST_SLOT_DAYS), _LONGEST_SLOT_DAYS)
        until = day + timedelta(days=length)
        if until > end:
            return slots, commitments
        number = len(slots) + 1
        slots.append(_slot(chance, place, number, (day, until)))
        gap = round(length * (1 / size.published_share - 1) * chance.between(0.5, 1.5))
        day = until + timedelta(days=gap)
        if chance.happens(0.65) and (busy := _commitment(chance, place, number, (until, min(day, end)))):
            commitments.append(busy)


def _slot(chance: Chance, place: Place, number: int, days: tuple[date, date]) -> SlotRow:
    """A published slot over `days`; numbers, not dates, name slots: a scenario is the same on another day."""
    start, end = days
    serves_crises = not COUNTERMEASURES.isdisjoint(place.line.modalities)
    reserve = chance.weighted(_RESERVES if serves_crises else _RESERVES_ELSEWHERE)
    lendable = reserve is Reserve.CRISIS and chance.happens(0.6)
    released = reserve is Reserve.STARTUP and chance.happens(0.8)
    prices = [terms.price_cents or 0 for terms in place.facts.terms.values()]
    overridden = chance.happens(0.2)
    return SlotRow(
        id=identifier("slot", place.unit.id, number),
        unit_id=place.unit.id,
        period=period(start, end),
        reserve=reserve,
        releases_on=start - timedelta(days=chance.pick((60, 90, 120))) if released else None,
        lendable=lendable,
        recall_notice_days=chance.pick((14, 30, 45)) if lendable else None,
        max_lent_days=chance.pick((60, 90, 120)) if lendable else None,
        divisible=chance.happens(0.88),
        approval=Approval.INSTANT if chance.happens(0.25) else Approval.BY_CDMO,
        price_cents=round(max(prices) * chance.between(0.85, 1.15) / 100_000) * 100_000 if overridden else None,
    )


def _commitment(chance: Chance, place: Place, number: int, gap: tuple[date, date]) -> CommitmentRow | None:
    """A busy period in the gap after a slot; none where the gap is too short for any."""
    start, limit = gap
    free = (limit - start).days
    if free < 3:
        return None
    kind = chance.weighted(_COMMITMENTS)
    length = min(free, _LONGEST_COMMITMENT_DAYS[kind])
    return CommitmentRow(
        id=identifier("commitment", place.unit.id, number),
        unit_id=place.unit.id,
        period=period(start, start + timedelta(days=length)),
        kind=kind,
    )


def _agreements(chance: Chance, bookable: Iterable[Place], slots: Iterable[SlotRow], as_of: date) -> list[AgreementRow]:
    """One agreement for each line and reserve; some promise a little more than is published, some less."""
    line_of = {place.unit.id: place.line.id for place in bookable}
    published: defaultdict[tuple[UUID, Reserve], int] = defaultdict(int)
    for slot in slots:
        if slot.reserve is not Reserve.OPEN:
            published[line_of[slot.unit_id], slot.reserve] += span_of(slot.period).days
    by_line = {place.line.id: place for place in bookable}
    agreements = []
    for (line_id, reserve), days in published.items():
        place = by_line[line_id]
        promised = max(1, round(days / QUARTERS * chance.between(0.7, 1.2)))
        prices = [terms.price_cents for terms in place.facts.terms.values() if terms.price_cents is not None]
        is_startup = reserve is Reserve.STARTUP
        agreements.append(
            AgreementRow(
                id=identifier("agreement", line_id, reserve.value),
                organisation_id=place.site.organisation_id,
                funder=COORDINATOR,
                funder_id=public_body(OrganisationKind.COORDINATOR),
                reserve=reserve,
                line_id=line_id,
                period=period(as_of, horizon_end(as_of)),
                batch_days_per_quarter=promised,
                readiness_fee_cents=0 if is_startup else promised * READINESS_FEE_CENTS_PER_DAY,
                capped_price_cents=round(max(prices) * CAP_SHARE / 100_000) * 100_000 if is_startup else None,
                recoverable_within_days=0 if is_startup else chance.pick((14, 30)),
            )
        )
    return agreements
