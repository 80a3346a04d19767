"""One valid row of every table: what each constraint lets pass, before a test changes one thing about it."""

from datetime import date
from typing import Any

from sqlmodel import SQLModel

from app.allocation.models import (
    Offer,
    Round,
    RoundRequest,
    Run,
    RunCertificate,
    RunExplanation,
    RunKind,
    WaitingDecision,
    WaitingLine,
    WaitingOutcome,
    WaitingResult,
)
from app.bookings.models import Booking, BookingSource, Charge, ChargeKind, FreedPeriod
from app.bookings.slip_models import Slip, SlipMove
from app.capacity.models import (
    Agreement,
    Commitment,
    FreezeHolder,
    OpeningCause,
    ReadinessDay,
    Slot,
    SlotFreeze,
    SlotOpening,
)
from app.catalogue.models import LineModality, Modality, ProductionLine, Site, SiteKind, Unit
from app.core.model import new_id, period
from app.core.vocabulary import Basis, Confidence, GmpPhase, Reserve
from app.crisis.closing_models import CrisisClosing
from app.crisis.models import (
    Crisis,
    CrisisMode,
    CrisisOrder,
    CrisisPlan,
    CrisisPower,
    CrisisSignature,
    Displacement,
    DisplacementKind,
    PowerKind,
)
from app.crisis.notice_models import Notice, NoticeKind
from app.crisis.restoring_models import Restoration, RestorationStatus
from app.crisis.score_models import DrillScore
from app.identity.models import Organisation, Person
from app.requests.models import Alert, AlertHit, Feasibility, Product, Qualification, QualificationLevel, Request
from tests.migrations.parties import parties
from tests.migrations.ways_in import INSTANT
from tests.support.world import day

YEAR = period(day(0), day(365))
MODALITY = "monoclonal_antibody"
OTHER_DECISION = new_id()
"""A decision without a line, for a copy of the one that there is."""


def specimens() -> list[SQLModel]:
    """Return a row of every table that the application writes, in an order in which they can be stored."""
    named = parties()
    supply = _supply(named)
    demand = _demand(named, supply)
    return [*named, *supply, *demand, *_decisions(named, supply, demand)]


def _of(rows: list[SQLModel], kind: type[SQLModel]) -> Any:
    return next(row for row in rows if isinstance(row, kind))


def _supply(parties: list[SQLModel]) -> list[SQLModel]:
    maker: Organisation = _of(parties, Organisation)
    modality = Modality(code=MODALITY, name_en=MODALITY, name_fr=MODALITY)
    site = Site(
        organisation_id=maker.id,
        name="Site",
        kind=SiteKind.CDMO,
        city="Évry",
        region="Île-de-France",
        confidence=Confidence.HIGH,
    )
    line = ProductionLine(site_id=site.id, name="Line", first_batch_days=40, confidence=Confidence.HIGH)
    unit = Unit(line_id=line.id, name="Unit")
    terms = LineModality(line_id=line.id, modality=MODALITY, release_days=42, basis=Basis.DECLARED)
    agreement = Agreement(
        organisation_id=maker.id,
        funder="State",
        reserve=Reserve.STARTUP,
        line_id=line.id,
        modality=MODALITY,
        period=YEAR,
        batch_days_per_quarter=30,
    )
    recorded = ReadinessDay(agreement_id=agreement.id, day=day(0), published_batch_days=1)
    slot = Slot(unit_id=unit.id, period=period(day(0), day(120)), agreement_id=agreement.id)
    commitment = Commitment(unit_id=unit.id, period=period(day(200), day(220)))
    return [modality, site, line, unit, terms, agreement, recorded, slot, commitment]


def _demand(parties: list[SQLModel], supply: list[SQLModel]) -> list[SQLModel]:
    maker: Organisation = _of(parties, Organisation)
    product = Product(organisation_id=maker.id, code_name="X-1", modality=MODALITY)
    request = Request(
        organisation_id=maker.id,
        product_id=product.id,
        batches=1,
        gmp_phase=GmpPhase.PHASE_1,
        earliest_on=day(0),
        latest_delivery_on=day(365),
    )
    qualification = Qualification(
        product_id=product.id, site_id=_of(supply, Site).id, level=QualificationLevel.TRANSFERRED
    )
    feasibility = Feasibility(
        request_id=request.id,
        line_id=_of(supply, ProductionLine).id,
        disclosed_summary="An antibody.",
        consented_at=INSTANT,
    )
    slot: Slot = _of(supply, Slot)
    opening = SlotOpening(slot_id=slot.id, cause=OpeningCause.RELEASED, released_on=day(0))
    alert = Alert(organisation_id=maker.id, request_id=request.id)
    hit = AlertHit(alert_id=alert.id, opening_id=opening.id, slot_id=slot.id)
    return [product, request, qualification, feasibility, opening, alert, hit]


def _decisions(parties: list[SQLModel], supply: list[SQLModel], demand: list[SQLModel]) -> list[SQLModel]:
    maker: Organisation = _of(parties, Organisation)
    person: Person = _of(parties, Person)
    slot: Slot = _of(supply, Slot)
    request: Request = _of(demand, Request)
    crisis = Crisis(title="Flu", mode=CrisisMode.REAL, validity=YEAR, as_of_on=day(0), declared_by_id=person.id)
    made = Round(name="R", horizon=YEAR, as_of_on=day(0), policy_version="1")
    run = Run(kind=RunKind.ROUND, round_id=made.id)
    booking = _booking(maker, slot, request, crisis)
    plan = CrisisPlan(crisis_id=crisis.id, run_id=run.id, tier=1, plan_hash="0" * 64)
    order = _order(maker, slot, crisis, plan)
    offer = Offer(
        round_id=made.id,
        run_id=run.id,
        request_id=request.id,
        organisation_id=maker.id,
        booking_id=booking.id,
        expires_at=INSTANT,
    )
    slip = Slip(booking_id=booking.id, expected_end_on=day(60), reason_code="supply")
    return [
        crisis,
        CrisisPower(crisis_id=crisis.id, kind=PowerKind.VOLUNTARY, act_reference="A", signatory="S", validity=YEAR),
        made,
        RoundRequest(round_id=made.id, request_id=request.id, tier=1, points=1),
        run,
        RunExplanation(run_id=run.id, request_id=request.id, plan_sha256="0" * 64),
        RunCertificate(run_id=run.id, plan_sha256="0" * 64),
        booking,
        Charge(organisation_id=maker.id, booking_id=booking.id, kind=ChargeKind.PRICE, amount_cents=1),
        slip,
        SlipMove(
            slip_id=slip.id,
            booking_id=booking.id,
            slot_id=slot.id,
            period=period(day(60), day(100)),
            delivery_on=day(140),
        ),
        offer,
        *_waiting(slot, request, run, booking, offer),
        SlotFreeze(slot_id=slot.id, holder=FreezeHolder.ROUND, holder_id=made.id),
        plan,
        CrisisSignature(plan_id=plan.id, person_id=person.id, role="coordinator", plan_hash=plan.plan_hash),
        order,
        displacement := _displacement(crisis, order, booking),
        _restoration(displacement, booking),
        CrisisClosing(crisis_id=crisis.id, is_balanced=True),
        Notice(crisis_id=crisis.id, organisation_id=maker.id, kind=NoticeKind.ORDER_ISSUED, order_id=order.id),
        DrillScore(crisis_id=crisis.id),
    ]


def _displacement(crisis: Crisis, order: CrisisOrder, booking: Booking) -> Displacement:
    return Displacement(crisis_id=crisis.id, order_id=order.id, booking_id=booking.id, kind=DisplacementKind.DISPLACED)


def _restoration(displacement: Displacement, booking: Booking) -> Restoration:
    return Restoration(
        crisis_id=displacement.crisis_id,
        displacement_id=displacement.id,
        organisation_id=booking.organisation_id,
        is_drill=False,
        position=1,
        slot_id=booking.slot_id,
        unit_id=booking.unit_id,
        period=booking.period,
        delivery_on=booking.delivery_on,
        status=RestorationStatus.OFFERED,
        booking_id=booking.id,
        respond_by_at=INSTANT,
    )


def _waiting(slot: Slot, request: Request, run: Run, booking: Booking, offer: Offer) -> list[SQLModel]:
    decision, other = (
        WaitingDecision(
            id=identifier,
            unit_id=slot.unit_id,
            run_id=run.id,
            as_of_on=day(0),
            outcome=WaitingOutcome.FAILED,
            reason_code="no_plan",
        )
        for identifier in (new_id(), OTHER_DECISION)
    )
    line = WaitingLine(
        decision_id=decision.id,
        request_id=request.id,
        organisation_id=request.organisation_id,
        position=1,
        tier=1,
        points=1,
        waiting_since_at=INSTANT,
        result=WaitingResult.OFFERED,
        offer_id=offer.id,
    )
    freed = FreedPeriod(
        unit_id=slot.unit_id,
        slot_id=slot.id,
        period=booking.period,
        booking_id=booking.id,
        reason_code="planning",
        run_id=run.id,
        decision_id=decision.id,
    )
    return [decision, other, line, freed]


def _booking(maker: Organisation, slot: Slot, request: Request, crisis: Crisis) -> Booking:
    return Booking(
        slot_id=slot.id,
        unit_id=slot.unit_id,
        organisation_id=maker.id,
        request_id=request.id,
        product_id=request.product_id,
        crisis_id=crisis.id,
        source=BookingSource.CRISIS,
        batches=1,
        period=period(day(10), day(50)),
        delivery_on=day(90),
        reserve=Reserve.OPEN,
        hold_expires_at=INSTANT,
        price_cents=100,
    )


def _order(maker: Organisation, slot: Slot, crisis: Crisis, plan: CrisisPlan) -> CrisisOrder:
    return CrisisOrder(
        crisis_id=crisis.id,
        plan_id=plan.id,
        organisation_id=maker.id,
        slot_id=slot.id,
        unit_id=slot.unit_id,
        period=period(day(60), day(100)),
        batches=1,
        output=1,
        delivery_on=date(2030, 6, 1),
        price_cents=1,
        tier=1,
        respond_by_at=INSTANT,
    )
