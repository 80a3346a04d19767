"""Requests, as start-ups would put them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta

from app.core.vocabulary import GmpPhase
from app.matching.campaign import plan_campaign
from app.matching.facts import QualificationFacts, RequestFacts
from app.matching.outcome import Terms
from app.requests.models import QualificationLevel, RequestStatus
from seed.fleet import Place
from seed.identifiers import identifier
from seed.rows import ProductRow, RequestRow
from seed.scenario.chance import Chance
from seed.scenario.market import Need
from seed.scenario.portfolio import Lines, Portfolio
from seed.scenario.priority import rank
from seed.scenario.profiles import ANY, PROFILES

_OWN_MODALITY = 0.74
_WITH_VOLUME, _WITH_BUDGET, _AS_QUANTITY = 0.55, 0.9, 0.3
_SERVED_PHASE = 0.93
_UNSERVED_DAYS = 100
_FIRST_HOUR = time(9)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, its product and its owner, and one unit of each line that could serve it technically."""

    request: RequestRow
    product: ProductRow
    need: Need
    candidates: tuple[Place, ...]


@dataclass(frozen=True, slots=True)
class _Draft:
    """What is asked, before its dates and its budget; and how it would run on one of the lines, if there are any."""

    need: Need
    product: ProductRow
    facts: RequestFacts
    candidates: tuple[Place, ...]
    model: Place | None
    terms: Terms | None


def modalities_asked_by(modality: str) -> list[str]:
    """What makers of a modality need besides: starting materials and services."""
    return [other for other, profile in PROFILES.items() if modality in profile.asked_by or ANY in profile.asked_by]


class Demand:
    """Makes submitted requests.

    Parameters
    ----------
    europe
        Probability that a French start-up accepts a place outside France; another accepts any.
    """

    def __init__(self, portfolio: Portfolio, lines: Lines, as_of: date, *, europe: float) -> None:
        self._portfolio = portfolio
        self._lines = lines
        self._as_of = as_of
        self._europe = europe

    def ask(self, chance: Chance, need: Need, number: int) -> Asked:
        """A request of a start-up; `number` tells the requests of a scenario apart."""
        draft = self._draft(chance, need)
        return Asked(self._request(chance, draft, number), draft.product, need, draft.candidates)

    def _draft(self, chance: Chance, need: Need) -> _Draft:
        others = modalities_asked_by(need.modality)
        modality = need.modality if not others or chance.happens(_OWN_MODALITY) else chance.pick(others)
        platforms = PROFILES[modality].platforms
        product = self._portfolio.product(chance, need, modality, chance.pick(platforms) if platforms else None)
        facts = self._facts(chance, need, product)
        candidates = self._lines.able(facts)
        model = chance.pick(candidates) if candidates else None
        if candidates and chance.happens(0.35):
            self._portfolio.qualify(product, chance.pick(candidates), chance.pick(tuple(QualificationLevel)))
        return _Draft(need, product, facts, candidates, model, self._terms(facts, product, model))

    def _facts(self, chance: Chance, need: Need, product: ProductRow) -> RequestFacts:
        profile = PROFILES[product.modality]
        ranged = bool(profile.volumes_l) and chance.happens(_WITH_VOLUME)
        low, high = chance.pick(profile.volumes_l) if ranged else (None, None)
        return RequestFacts(
            request_id=product.id,
            organisation_id=need.organisation.id,
            modality=product.modality,
            gmp_phase=self._phase(chance, need, product.modality),
            earliest_on=self._as_of + timedelta(days=chance.integer(10, 330)),
            latest_delivery_on=date.max,
            platform=product.platform,
            containment=tuple(product.containment),
            batches=chance.integer(*profile.batches),
            volume_min_l=low,
            volume_max_l=high,
            accepts_europe=need.organisation.country != "FR" or chance.happens(self._europe),
        )

    def _phase(self, chance: Chance, need: Need, modality: str) -> GmpPhase:
        """One of the phases that a start-up is in; few ask for one that nobody works for."""
        served = [phase for phase in need.phases if phase in self._lines.phases(modality)]
        return GmpPhase(chance.pick(served if served and chance.happens(_SERVED_PHASE) else need.phases))

    def _terms(self, facts: RequestFacts, product: ProductRow, model: Place | None) -> Terms | None:
        if model is None:
            return None
        known = tuple(
            QualificationFacts(row.site_id, None, row.level is not QualificationLevel.TRANSFERRED)
            for row in self._portfolio.qualifications_of(product)
        )
        terms = plan_campaign(replace(facts, qualifications=known), model.facts, self._as_of)
        return terms if isinstance(terms, Terms) else None

    def _request(self, chance: Chance, draft: _Draft, number: int) -> RequestRow:
        facts, terms = draft.facts, draft.terms
        quantity, unit = _quantity(chance, draft)
        start = terms.earliest_start_on if terms else facts.earliest_on
        needed = terms.production_days + terms.release_days if terms else _UNSERVED_DAYS
        sites = list(dict.fromkeys(place.site.id for place in draft.candidates))
        preferred = chance.sample(sites, chance.integer(1, 2)) if chance.happens(0.3) else []
        others = [site for site in sites if site not in preferred]
        submitted_at = datetime.combine(self._as_of - timedelta(days=chance.integer(1, 240)), _FIRST_HOUR, UTC)
        ranking = rank(chance, draft.need, facts.gmp_phase, submitted_at.date(), self._as_of)
        return RequestRow(
            id=identifier("request", "submitted", number),
            organisation_id=draft.need.organisation.id,
            product_id=draft.product.id,
            batches=None if quantity else facts.batches,
            quantity=quantity,
            quantity_unit=unit,
            volume_min_l=facts.volume_min_l,
            volume_max_l=facts.volume_max_l,
            gmp_phase=facts.gmp_phase,
            earliest_on=facts.earliest_on,
            latest_delivery_on=start + timedelta(days=needed + chance.integer(110, 430)),
            budget_cents=_budget_cents(chance, draft),
            priority_tier=ranking.tier,
            priority_points=ranking.points,
            priority_grounds=ranking.grounds,
            status=RequestStatus.SUBMITTED,
            submitted_at=submitted_at,
            sites_preferred=preferred,
            sites_excluded=chance.sample(others, 1) if chance.happens(0.06) and len(others) > 1 else [],
            accepts_europe=facts.accepts_europe,
            accepts_recallable=chance.happens(0.35),
        )


def _quantity(chance: Chance, draft: _Draft) -> tuple[float, str] | tuple[None, None]:
    """Some ask for a quantity: a little less than so many batches of the line would yield."""
    offer = draft.model.facts.terms[draft.product.modality] if draft.model else None
    if offer is None or offer.yield_per_batch is None or offer.yield_unit is None or not chance.happens(_AS_QUANTITY):
        return None, None
    batches = (draft.facts.batches or 1) - chance.between(0.05, 0.4)
    return float(f"{offer.yield_per_batch * batches:.2g}"), offer.yield_unit


def _budget_cents(chance: Chance, draft: _Draft) -> int | None:
    """Most have a budget, around the price of the line, to ten thousand euros."""
    if draft.model is None or draft.terms is None or not chance.happens(_WITH_BUDGET):
        return None
    batches = draft.terms.batches + draft.terms.engineering_batches
    price = (draft.model.facts.terms[draft.product.modality].price_cents or 0) * batches
    return max(1, round(price * chance.between(0.95, 1.9) / 1_000_000)) * 1_000_000
