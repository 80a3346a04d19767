"""Settings small enough to be worked out by hand."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from uuid import UUID

from app.capacity.supply import ModalityTerms, SlotFacts, Span, UnitFacts
from app.core.vocabulary import GmpPhase
from app.crisis.campaigns import Brief
from app.crisis.declaration import Countermeasure, CrisisRules, CrisisScope, CrisisTarget, DoseYield
from app.crisis.models import PowerKind
from app.crisis.rules import TIERS_OPENED, Power, Tier
from app.matching.facts import FeasibilityFacts, QualificationFacts, RequestFacts
from app.requests.priority import PriorityFacts
from seed.simulation.assumptions import Assumptions
from seed.simulation.demand import Arrival, Fate
from seed.simulation.plan import FIRST_DAY, SimulationPlan
from seed.simulation.setting import Setting

MODALITY = "viral_vector_other"
BATCH_DAYS, CHANGEOVER_DAYS, RELEASE_DAYS = 28, 2, 10
CAMPAIGN_DAYS = BATCH_DAYS + CHANGEOVER_DAYS
PRICE_CENTS = 100_000_00
SITE, LINE, UNIT = UUID(int=1), UUID(int=2), UUID(int=3)
NO_TIERS: tuple[Tier, ...] = ()


def on(day: int) -> date:
    return FIRST_DAY + timedelta(days=day)


def unit(number: int = 3) -> UnitFacts:
    """A line that makes a batch of 100 L in 28 days, two for the changeover, and releases it after ten."""
    return UnitFacts(
        unit_id=UUID(int=number),
        line_id=LINE,
        site_id=SITE,
        organisation_id=UUID(int=4),
        first_batch_days=BATCH_DAYS,
        modalities=(MODALITY,),
        platforms=("HEK293",),
        gmp_phases=(GmpPhase.PHASE_2,),
        containment=("none",),
        working_volume_l=100.0,
        changeover_days=CHANGEOVER_DAYS,
        transfer_days=60,
        terms={MODALITY: ModalityTerms(MODALITY, RELEASE_DAYS, PRICE_CENTS, is_standard=True)},
    )


def slot(start: int, end: int, number: int = 100, unit_id: UUID = UNIT) -> SlotFacts:
    return SlotFacts(UUID(int=number), unit_id, Span(on(start), on(end)), instant=True)


def arrival(
    number: int,
    day: int = 0,
    *,
    wished: int = 10,
    startup: bool = True,
    recallable: bool = False,
    fate: Fate | None = None,
    units: tuple[UUID, ...] = (UNIT,),
) -> Arrival:
    """A request for one batch of a product that the site knows, which may take a year."""
    request = RequestFacts(
        request_id=UUID(int=1_000 + number),
        organisation_id=UUID(int=2_000 + number),
        modality=MODALITY,
        gmp_phase=GmpPhase.PHASE_2,
        earliest_on=on(wished),
        latest_delivery_on=on(wished + 365),
        product_id=UUID(int=3_000 + number),
        french_startup=startup,
        batches=1,
        accepts_recallable=recallable,
        qualifications=(QualificationFacts(SITE, engineered=True),),
        feasibilities={LINE: FeasibilityFacts(LINE, feasible=True)},
    )
    return Arrival(
        number=number,
        arrived_on=on(day),
        request=request,
        priority=PriorityFacts(gmp_phase=GmpPhase.PHASE_2, french_startup=startup, waiting_since_on=on(day)),
        wished_on=on(wished),
        gives_up_on=on(wished + 365 - BATCH_DAYS - RELEASE_DAYS + 1),
        units=units,
        fate=fate or Fate(400, cancels=False, cancels_at=0.0),
    )


def crisis(day: int = 100, tiers: Sequence[Tier] = NO_TIERS, *, quantity: int = 100_000) -> Brief:
    """1,000 doses a litre, at a site where the transfer is done; the target is 90 days later."""
    return Brief(
        crisis_id=UUID(int=9),
        as_of_on=on(day),
        start_on=on(day),
        end_on=on(day + 180),
        countermeasure=Countermeasure(
            name="Vaccine",
            modality=MODALITY,
            gmp_phase=GmpPhase.PHASE_2,
            doses_per_litre=DoseYield(low=500, expected=1_000, high=2_000),
            prequalified_site_ids=[SITE],
        ),
        targets=(CrisisTarget(by=on(day + 90), quantity=quantity),),
        scope=CrisisScope(),
        rules=CrisisRules(),
        tiers=tuple(tiers),
        powers=tuple(
            Power(kind, on(day), on(day + 180))
            for kind in (PowerKind.RESERVE_CONTRACT, PowerKind.REQUISITION_OR_ORDER)
            if TIERS_OPENED[kind] <= set(tiers)
        ),
    )


def setting(
    slots: Sequence[SlotFacts],
    arrivals: Sequence[Arrival],
    *,
    brief: Brief | None = None,
    days: int = 365,
    assumptions: Assumptions | None = None,
) -> Setting:
    plan = SimulationPlan(days=days, assumptions=replace(assumptions or Assumptions(), warm_up_days=0))
    units = {one.unit_id: unit(one.unit_id.int) for one in slots}
    return Setting(plan, 1, units, tuple(slots), tuple(arrivals), brief or crisis())
