"""What a countermeasure could run where: campaigns in each slot of each line, or why a line makes none of it.

Pure. Doses are bulk dose-equivalents. No dose is counted before technology transfer, the engineering batch where one
is due, and release testing.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from uuid import UUID

from app.capacity.rules import effective_reserve
from app.capacity.supply import SlotFacts, UnitFacts
from app.crisis.declaration import Countermeasure, CrisisRules, CrisisScope, CrisisTarget, YieldBasis
from app.crisis.rules import Power, Tier, first_start_on, tier_of_free_place
from app.matching.campaign import production_days, shift
from app.matching.facts import QualificationFacts, RequestFacts
from app.matching.match import match_line
from app.matching.outcome import Reason, ReasonCode, Terms
from app.matching.pricing import batch_price_cents

MOST_STARTS = 12
"""The longest campaign planned, in batches one after the other; a longer run is several campaigns."""


@dataclass(frozen=True, slots=True)
class Brief:
    """A declared crisis as the planner needs it, from the day `as_of_on`; its validity is [start_on, end_on)."""

    crisis_id: UUID
    as_of_on: date
    start_on: date
    end_on: date
    countermeasure: Countermeasure
    targets: tuple[CrisisTarget, ...]
    scope: CrisisScope
    rules: CrisisRules
    tiers: tuple[Tier, ...]
    powers: tuple[Power, ...] = ()

    @property
    def last_target_on(self) -> date:
        """The day after which nothing counts."""
        return max(target.by for target in self.targets)

    @property
    def request(self) -> RequestFacts:
        """The countermeasure as matching sees it: one batch, to be delivered by the last target."""
        made = self.countermeasure
        return RequestFacts(
            request_id=self.crisis_id,
            organisation_id=self.crisis_id,
            modality=made.modality,
            gmp_phase=made.gmp_phase,
            earliest_on=first_start_on(self.as_of_on, self.start_on, self.rules),
            latest_delivery_on=self.last_target_on,
            platform=made.platform,
            containment=tuple(made.containment),
            batches=1,
            volume_min_l=made.volume_min_l,
            volume_max_l=made.volume_max_l,
            accepts_europe=self.rules.accepts_europe,
            qualifications=tuple(QualificationFacts(site, engineered=True) for site in made.prequalified_site_ids),
        )


@dataclass(frozen=True, slots=True)
class BatchDoses:
    """Doses from one batch on one line."""

    low: int
    expected: int
    high: int

    def on(self, basis: YieldBasis) -> int:
        """Return the figure that a plan counts on."""
        return {YieldBasis.LOW: self.low, YieldBasis.EXPECTED: self.expected, YieldBasis.HIGH: self.high}[basis]


@dataclass(frozen=True, slots=True)
class CampaignOption:
    """A campaign of `batches` in one slot, starting on any day of [earliest_on, latest_on], both included.

    `releases` are pairs of days from the start to the release of batches, and how many there are.
    """

    slot_id: UUID
    tier: Tier
    batches: int
    engineering_batches: int
    duration_days: int
    earliest_on: date
    latest_on: date
    releases: tuple[tuple[int, int], ...]
    doses: BatchDoses
    price_cents: int


def in_scope(unit: UnitFacts, scope: CrisisScope) -> bool:
    """Tell whether a unit's line may be called upon at all."""
    return (
        (not scope.modalities or bool(set(scope.modalities) & set(unit.modalities)))
        and (not scope.regions or unit.region in scope.regions)
        and (not scope.site_ids or unit.site_id in scope.site_ids)
        and not is_out_of_service(unit, scope)
    )


def is_out_of_service(unit: UnitFacts, scope: CrisisScope) -> bool:
    """Tell whether nothing can run on a unit, as its CDMO or its site has failed."""
    return unit.organisation_id in scope.excluded_organisation_ids or unit.site_id in scope.excluded_site_ids


def with_own_figures(unit: UnitFacts, made: Countermeasure) -> UnitFacts:
    """Return the unit with the countermeasure's own days in place of the line's, where it states any."""
    terms = dict(unit.terms)
    if made.release_days is not None and made.modality in terms:
        terms[made.modality] = replace(terms[made.modality], release_days=made.release_days)
    return replace(
        unit,
        first_batch_days=made.first_batch_days or unit.first_batch_days,
        cadence_days=made.cadence_days or unit.cadence_days,
        terms=terms,
    )


def doses_of_batch(unit: UnitFacts, made: Countermeasure) -> BatchDoses | Reason:
    """Return what a batch on the unit gives, or the reason why that cannot be told."""
    if made.doses_per_batch is not None:
        given = made.doses_per_batch
        return BatchDoses(given.low, given.expected, given.high)
    litres, given_l = unit.working_volume_l, made.doses_per_litre
    if litres is None or given_l is None:
        return Reason(ReasonCode.VOLUME_UNKNOWN)
    return BatchDoses(*(int(figure * litres) for figure in (given_l.low, given_l.expected, given_l.high)))


def makes(brief: Brief, unit: UnitFacts) -> bool:
    """Tell whether a unit makes any of the countermeasure, whatever its slots."""
    return not isinstance(_made_on(brief, with_own_figures(unit, brief.countermeasure)), list)


def _made_on(brief: Brief, unit: UnitFacts) -> tuple[Terms, BatchDoses] | list[Reason]:
    """Return how a batch runs on a unit and what it gives, whatever the slots, or the reasons against it."""
    line = match_line(brief.request, unit, brief.as_of_on)
    if line.reasons or line.terms is None:
        return list(line.reasons)
    doses = doses_of_batch(unit, brief.countermeasure)
    return [doses] if isinstance(doses, Reason) else (line.terms, doses)


def campaigns_of_unit(
    brief: Brief, unit: UnitFacts, slots: Iterable[SlotFacts]
) -> tuple[list[CampaignOption], list[Reason]]:
    """Return every campaign that the unit's slots could hold, bookings left aside, or the reasons against it."""
    unit = with_own_figures(unit, brief.countermeasure)
    made = _made_on(brief, unit)
    if isinstance(made, list):
        return [], made
    terms, doses = made
    found: list[CampaignOption] = []
    reasons: list[Reason] = []
    own = [slot for slot in slots if slot.period.end_on > brief.as_of_on]
    for slot in own:
        options = list(_campaigns_in(brief, unit, slot, terms, doses))
        found += options
        if not options:
            reasons.append(_why_not(unit, slot, terms, brief))
    if not own:
        reasons.append(Reason(ReasonCode.NO_SLOT))
    return found, reasons


def _campaigns_in(
    brief: Brief, unit: UnitFacts, slot: SlotFacts, terms: Terms, doses: BatchDoses
) -> Iterator[CampaignOption]:
    """Yield the campaigns of a slot, one for each length; of a slot taken whole, the longest alone."""
    reserve = effective_reserve(slot.reserve, slot.releases_on, brief.as_of_on)
    price = batch_price_cents(unit.terms[brief.countermeasure.modality], slot, reserve)
    if price is None:
        return
    made: list[CampaignOption] = []
    for starts in range(1, MOST_STARTS + 1):
        batches = starts * unit.batches_in_parallel
        production = production_days(unit, batches, terms.engineering_batches)
        duration = production + terms.changeover_days
        if duration > slot.period.days:
            break
        occupied = duration if slot.divisible else slot.period.days
        first = max(terms.earliest_start_on, slot.period.start_on)
        last = min(
            shift(slot.period.end_on, -occupied),
            shift(brief.last_target_on, -production - terms.release_days),
            shift(brief.end_on, -1),
        )
        if first > last:
            break
        option = CampaignOption(
            slot_id=slot.slot_id,
            tier=tier_of_free_place(reserve),
            batches=batches,
            engineering_batches=terms.engineering_batches,
            duration_days=occupied,
            earliest_on=first,
            latest_on=last,
            releases=tuple(_releases(unit, terms, starts)),
            doses=doses,
            price_cents=price * (batches + terms.engineering_batches),
        )
        made = [*made, option] if slot.divisible else [option]
    yield from made


def _releases(unit: UnitFacts, terms: Terms, starts: int) -> Iterator[tuple[int, int]]:
    """Yield when batches are released, in days from the campaign's start, and how many."""
    for number in range(1, starts + 1):
        batches = number * unit.batches_in_parallel
        produced = production_days(unit, batches, terms.engineering_batches)
        yield produced + terms.release_days, unit.batches_in_parallel


def _why_not(unit: UnitFacts, slot: SlotFacts, terms: Terms, brief: Brief) -> Reason:
    """Return why a slot of a line that could serve holds no campaign."""
    shortest = production_days(unit, unit.batches_in_parallel, terms.engineering_batches) + terms.changeover_days
    if shortest > slot.period.days:
        return Reason(ReasonCode.SLOT_TOO_SHORT, shortest, slot.period.days, slot.slot_id)
    if shift(slot.period.end_on, -shortest) < terms.earliest_start_on:
        return Reason(ReasonCode.SLOT_TOO_EARLY, terms.earliest_start_on, slot.period.end_on, slot.slot_id)
    last = brief.last_target_on - timedelta(days=shortest - terms.changeover_days + terms.release_days)
    if slot.period.start_on > min(last, shift(brief.end_on, -1)):
        return Reason(ReasonCode.SLOT_TOO_LATE, last, slot.period.start_on, slot.slot_id)
    return Reason(ReasonCode.PRICE_UNKNOWN, brief.countermeasure.modality, slot_id=slot.slot_id)
