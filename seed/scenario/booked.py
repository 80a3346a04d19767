"""What is booked already: campaigns that matching finds eligible, each with the request behind it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple

from app.bookings.fees import BookingTerms, terms_of
from app.bookings.models import BookingStatus, ChargeKind, ContractStatus
from app.capacity.occupancy import span_of
from app.capacity.supply import SlotFacts
from app.core.model import period
from app.core.vocabulary import GmpPhase, Reserve
from app.matching.match import match
from app.matching.outcome import Option
from app.requests.models import QualificationLevel, RequestStatus
from seed.facts import request_facts
from seed.fleet import Place
from seed.identifiers import identifier
from seed.rows import BookingRow, ChargeRow, ProductRow, RequestRow
from seed.scenario.chance import Chance
from seed.scenario.demand import Asked, modalities_asked_by
from seed.scenario.market import Need
from seed.scenario.portfolio import Portfolio
from seed.scenario.priority import rank
from seed.scenario.profiles import PROFILES

_SHARE_BY_RESERVE = {Reserve.OPEN: 1.0, Reserve.STARTUP: 0.7, Reserve.CRISIS: 0.6}
_MOST_IN_A_SLOT = 4
_SURELY_CONFIRMED_DAYS = 60
_ROOM_DAYS = 400


class Booked(NamedTuple):
    """A booking, what it rests on, and what was charged for it."""

    asked: Asked
    booking: BookingRow
    charge: ChargeRow | None


@dataclass(frozen=True, slots=True)
class _Buyers:
    """Who could ask for a modality."""

    by_modality: Mapping[str, list[Need]]

    @classmethod
    def among(cls, needs: Iterable[Need]) -> _Buyers:
        found: defaultdict[str, list[Need]] = defaultdict(list)
        for need in needs:
            for modality in (need.modality, *modalities_asked_by(need.modality)):
                found[modality].append(need)
        return cls(found)


class Bookings:
    """Fills slots with campaigns that hold together with everything else in the scenario."""

    def __init__(self, portfolio: Portfolio, needs: Iterable[Need], as_of: date, share: float) -> None:
        self._portfolio = portfolio
        self._buyers = _Buyers.among(needs)
        self._as_of = as_of
        self._share = share

    def fill(self, chance: Chance, place: Place, slot: SlotFacts) -> list[Booked]:
        """Campaigns booked in a slot, in order of time; none overlaps another."""
        made: list[Booked] = []
        if slot.reserve is Reserve.CRISIS and not slot.lendable:
            return made
        probability = self._share * _SHARE_BY_RESERVE[slot.reserve]
        while len(made) < _MOST_IN_A_SLOT and chance.happens(probability):
            booked = self._book(chance, place, slot)
            if booked is None:
                return made
            made.append(booked)
            slot = replace(slot, busy=(*slot.busy, span_of(booked.booking.period)))
        return made

    def _book(self, chance: Chance, place: Place, slot: SlotFacts) -> Booked | None:
        asked = self._ask(chance, place, slot)
        if asked is None:
            return None
        facts = request_facts(
            asked.request,
            asked.product,
            asked.need.organisation,
            qualifications=self._portfolio.qualifications_of(asked.product),
        )
        options = match(facts, place.facts, (slot,), self._as_of).options
        if not options:
            return None
        booking = self._booking(chance, asked, slot, options[0])
        return Booked(asked, booking, _charge(booking, place))

    def _ask(self, chance: Chance, place: Place, slot: SlotFacts) -> Asked | None:
        """A request made for this slot, of a product that is established at the site."""
        modality = chance.pick(place.line.modalities)
        buyers = self._buyers.by_modality.get(modality, [])
        if slot.reserve is Reserve.STARTUP:
            buyers = [need for need in buyers if need.organisation.country == "FR"]
        if not buyers:
            return None
        need = chance.pick(buyers)
        profile = PROFILES[modality]
        platforms = [name for name in profile.platforms if name in place.line.platforms]
        if profile.platforms and not platforms:
            return None
        product = self._portfolio.product(chance, need, modality, chance.pick(platforms) if platforms else None)
        self._portfolio.qualify(product, place, QualificationLevel.RELEASED_LOT)
        return Asked(self._request(chance, place, slot, (need, product)), product, need, (place,))

    def _request(self, chance: Chance, place: Place, slot: SlotFacts, asked: tuple[Need, ProductRow]) -> RequestRow:
        need, product = asked
        submitted_at = datetime.combine(self._as_of - timedelta(days=chance.integer(30, 300)), time(9), UTC)
        phase = GmpPhase(chance.pick(place.line.gmp_phases))
        ranking = rank(chance, need, phase, submitted_at.date(), self._as_of)
        return RequestRow(
            id=identifier("request", "booked", slot.slot_id, len(slot.busy)),
            organisation_id=need.organisation.id,
            product_id=product.id,
            batches=chance.integer(*PROFILES[product.modality].batches),
            quantity=None,
            quantity_unit=None,
            volume_min_l=None,
            volume_max_l=None,
            gmp_phase=phase,
            earliest_on=slot.period.start_on,
            latest_delivery_on=slot.period.end_on + timedelta(days=_ROOM_DAYS),
            budget_cents=None,
            priority_tier=ranking.tier,
            priority_points=ranking.points,
            priority_grounds=ranking.grounds,
            status=RequestStatus.BOOKED,
            submitted_at=submitted_at,
            accepts_europe=place.site.country != "FR" or need.organisation.country != "FR",
            accepts_recallable=slot.reserve is Reserve.CRISIS,
        )

    def _booking(self, chance: Chance, asked: Asked, slot: SlotFacts, option: Option) -> BookingRow:
        delay = chance.pick((0, 0, 0, 3, 7, 14))
        start = min(option.earliest_start_on + timedelta(days=delay), option.start_windows[0].last_on)
        end = start + timedelta(days=option.duration_days)
        status = self._status(chance, start)
        terms = terms_of(
            option.price,
            asked.product.modality,
            instant=option.instant,
            cdmo_cancellation_percent=option.cdmo_cancellation_percent,
        )
        return BookingRow(
            id=identifier("booking", asked.request.id),
            slot_id=slot.slot_id,
            unit_id=slot.unit_id,
            organisation_id=asked.request.organisation_id,
            request_id=asked.request.id,
            product_id=asked.product.id,
            batches=option.terms.batches,
            period=period(start, end),
            delivery_on=end + timedelta(days=option.lag_days),
            reserve=option.reserve,
            recallable=option.recallable,
            status=status,
            contract_status=_contract(chance, status),
            price_cents=option.price.package_cents,
            terms=terms.model_dump(mode="json"),
        )

    def _status(self, chance: Chance, start: date) -> BookingStatus:
        """Running from its first day on; nothing so near is left unapproved."""
        if start <= self._as_of:
            return BookingStatus.IN_PRODUCTION
        if (start - self._as_of).days > _SURELY_CONFIRMED_DAYS and chance.happens(0.15):
            return BookingStatus.AWAITING_CDMO
        return BookingStatus.CONFIRMED


def _contract(chance: Chance, status: BookingStatus) -> ContractStatus:
    if status is BookingStatus.IN_PRODUCTION:
        return ContractStatus.SIGNED
    if status is BookingStatus.AWAITING_CDMO:
        return ContractStatus.NONE
    return chance.pick((ContractStatus.TERM_SHEET, ContractStatus.SIGNED))


def _charge(booking: BookingRow, place: Place) -> ChargeRow | None:
    """The reservation fee, owed from confirmation on."""
    terms = BookingTerms.model_validate(booking.terms)
    if booking.status is BookingStatus.AWAITING_CDMO or terms.reservation_fee_cents == 0:
        return None
    return ChargeRow(
        id=identifier("charge", booking.id),
        organisation_id=booking.organisation_id,
        counterparty_id=place.site.organisation_id,
        booking_id=booking.id,
        kind=ChargeKind.RESERVATION_FEE,
        amount_cents=terms.reservation_fee_cents,
        detail={"policy_version": terms.policy_version, "price_cents": terms.price_cents},
    )
