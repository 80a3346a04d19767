"""The one function that tells whether, where and when a line can serve a request: search, rounds and plans use it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date

from app.capacity.rules import effective_reserve
from app.core.vocabulary import Basis, Origin, Reserve
from app.matching.campaign import date_reasons, plan_campaign, shift
from app.matching.facts import ModalityTerms, RequestFacts, SlotFacts, UnitFacts
from app.matching.outcome import (
    Caution,
    CautionCode,
    Match,
    Option,
    Price,
    Reason,
    ReasonCode,
    StartWindow,
    Terms,
    ranked,
)
from app.matching.policy import DIRECT, MatchPolicy
from app.matching.pricing import package_price
from app.matching.slots import (
    fit_reasons,
    occupancy_days,
    price_reasons,
    reserve_reasons,
    start_windows,
)
from app.matching.technical import feasibility_reasons, standing_answer, technical_reasons


@dataclass(frozen=True, slots=True)
class LineMatch:
    """A request and a line, whatever the slots: how it would run, and what stands against it.

    `terms` is None exactly when a reason says why it cannot be told.
    """

    terms: Terms | None
    reasons: tuple[Reason, ...]


def match_line(request: RequestFacts, unit: UnitFacts, as_of_on: date, policy: MatchPolicy = DIRECT) -> LineMatch:
    """Return the terms of a request on a line, and every reason against it that no slot could lift."""
    reasons = [*technical_reasons(request, unit), *feasibility_reasons(request, unit, as_of_on, policy)]
    terms = plan_campaign(request, unit, as_of_on)
    if isinstance(terms, Reason):
        return LineMatch(None, (*reasons, terms))
    if terms is not None:
        reasons += date_reasons(request, unit, terms, as_of_on)
    return LineMatch(terms, tuple(reasons))


def match(
    request: RequestFacts,
    unit: UnitFacts,
    slots: Iterable[SlotFacts],
    as_of_on: date,
    policy: MatchPolicy = DIRECT,
) -> Match:
    """Return the options of a request on a unit, best first, and the reasons against every slot that gives none.

    Parameters
    ----------
    slots
        Published slots of this unit; those of other units are not looked at.
    as_of_on
        The day from which the decision reasons, whatever today is.
    """
    line = match_line(request, unit, as_of_on, policy)
    own = [slot for slot in slots if slot.unit_id == unit.unit_id]
    reasons = list(line.reasons)
    if not own:
        reasons.append(Reason(ReasonCode.NO_SLOT))
    found: list[Option] = []
    if line.terms is not None:
        case = _Case(request, unit, unit.terms[request.modality], line.terms, as_of_on, policy)
        for slot in own:
            against, option = case.judge(slot)
            reasons += against
            if option is not None and not line.reasons:
                found.append(option)
    return Match(request.request_id, unit.unit_id, unit.line_id, line.terms, ranked(found), tuple(reasons))


def options(
    request: RequestFacts,
    unit: UnitFacts,
    slots: Iterable[SlotFacts],
    as_of_on: date,
    policy: MatchPolicy = DIRECT,
) -> tuple[Option, ...]:
    """Return just the options of `match`, quickly: it looks no further than the first reason against the line."""
    if next(technical_reasons(request, unit), None) is not None:
        return ()
    line = match_line(request, unit, as_of_on, policy)
    if line.terms is None or line.reasons:
        return ()
    case = _Case(request, unit, unit.terms[request.modality], line.terms, as_of_on, policy)
    judged = (case.judge(slot) for slot in slots if slot.unit_id == unit.unit_id)
    return ranked(option for _, option in judged if option is not None)


@dataclass(frozen=True, slots=True)
class _Case:
    """One request on one line, before each of its slots."""

    request: RequestFacts
    unit: UnitFacts
    offer: ModalityTerms
    terms: Terms
    as_of_on: date
    policy: MatchPolicy

    def judge(self, slot: SlotFacts) -> tuple[list[Reason], Option | None]:
        """Return what stands against a slot, or the option that it gives."""
        reserve = effective_reserve(slot.reserve, slot.releases_on, self.as_of_on)
        price = package_price(self.offer, slot, reserve, self.terms, self.policy)
        against = [
            *reserve_reasons(self.request, slot, occupancy_days(slot, self.terms), reserve),
            *fit_reasons(slot, self.terms),
            *price_reasons(self.request, slot, self.offer, price),
        ]
        windows = start_windows(slot, self.terms)
        if against or price is None or not windows:
            return against, None
        return [], self._option(slot, reserve, price, windows)

    def _option(self, slot: SlotFacts, reserve: Reserve, price: Price, windows: tuple[StartWindow, ...]) -> Option:
        terms, request = self.terms, self.request
        duration = occupancy_days(slot, terms)
        made = terms.production_days + terms.release_days
        preferred = request.sites_preferred
        here = self.unit.site_id
        return Option(
            slot_id=slot.slot_id,
            unit_id=self.unit.unit_id,
            line_id=self.unit.line_id,
            site_id=here,
            terms=terms,
            duration_days=duration,
            lag_days=made - duration,
            start_windows=windows,
            delivery_on=shift(windows[0].first_on, made),
            price=price,
            reserve=reserve,
            recallable=reserve is Reserve.CRISIS,
            instant=slot.instant and (terms.is_standard or terms.is_reviewed),
            preference=preferred.index(here) if here in preferred else len(preferred),
            cdmo_cancellation_percent=self.unit.cdmo_cancellation_percent,
            basis=self.offer.basis,
            origin=Origin.of(slot.origin, self.unit.origin),
            cautions=tuple(self._cautions(slot, reserve, windows[0].first_on)),
        )

    def _cautions(self, slot: SlotFacts, reserve: Reserve, start_on: date) -> Iterator[Caution]:
        """Yield what to know before taking the option at its first free start."""
        unit, terms = self.unit, self.terms
        certified = unit.gmp_certificate_until_on
        if certified is not None and certified < shift(start_on, terms.production_days):
            yield Caution(CautionCode.GMP_CERTIFICATE_ENDS, certified)
        if unit.continuity_at_risk:
            yield Caution(CautionCode.CONTINUITY_AT_RISK)
        if self.offer.basis is Basis.ILLUSTRATIVE:
            yield Caution(CautionCode.ILLUSTRATIVE_FIGURES)
        answer = standing_answer(self.request, unit, self.as_of_on)
        if answer is not None and answer.condition is not None:
            yield Caution(CautionCode.FEASIBLE_IF, answer.condition)
        elif answer is None and not terms.is_standard:
            yield Caution(CautionCode.REVIEW_PENDING)
        if reserve is Reserve.CRISIS:
            yield Caution(CautionCode.RECALLABLE, slot.recall_notice_days)
        if terms.transfer_days:
            yield Caution(CautionCode.TRANSFER_NOT_PRICED, terms.transfer_days)
