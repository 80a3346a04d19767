"""Making the report of a crisis, real or drill, from its rows, its audit trail and its ledger."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.bookings.models import LIVE, Booking, BookingStatus
from app.capacity.facts import unit_facts
from app.capacity.occupancy import span_of
from app.capacity.supply import UnitFacts
from app.core.clock import now
from app.core.errors import NotFound
from app.core.tenancy import across_organisations
from app.crisis import closing_repository, reading, report_repository, repository, restoring_repository
from app.crisis.body import DOSE_UNIT, plan_hash
from app.crisis.closing import ledger_of
from app.crisis.declaration import Countermeasure
from app.crisis.models import Crisis, CrisisOrder, CrisisPlan, Displacement, OrderStatus, PlanStatus
from app.crisis.report_repository import Signed
from app.crisis.report_schemas import (
    CrisisReport,
    ReportDisplacement,
    ReportOrder,
    ReportPlan,
    ReportSignature,
    ReportStep,
    ReportTarget,
)
from app.crisis.restoring_models import Restoration
from app.crisis.service import get_whole_crisis
from app.identity.actor import Actor

STANDING = frozenset({OrderStatus.ACCEPTED, OrderStatus.COMPLETED})
MADE = frozenset({BookingStatus.COMPLETED, BookingStatus.FAILED})


@dataclass(frozen=True, slots=True)
class Records:
    """All rows of a crisis, with the names behind their identifiers."""

    crisis: Crisis
    plans: Sequence[CrisisPlan]
    orders: Sequence[CrisisOrder]
    displacements: Sequence[Displacement]
    restorations: Mapping[UUID, Restoration]
    bookings: Mapping[UUID, Booking]
    units: Mapping[UUID, UnitFacts]
    names: Mapping[UUID, str]

    def place(self, unit_id: UUID) -> str:
        """Return a unit in words."""
        unit = self.units[unit_id]
        return f"{unit.site_name}, {unit.line_name}, {unit.unit_name}"

    def carried_out(self) -> CrisisPlan | None:
        """Return the plan that was activated last, or None."""
        return next((one for one in reversed(self.plans) if one.status is PlanStatus.ACTIVATED), None)


async def read_report(session: AsyncSession, actor: Actor, crisis_id: UUID) -> CrisisReport:
    """Return the report of a crisis to the coordinator or the authority.

    Raises
    ------
    NotFound
        For anybody else.
    """
    crisis = await get_whole_crisis(session, actor, crisis_id)
    # The database has its say before it is asked across: it knows for whom it is asked.
    if not await report_repository.is_shown_all(session):
        raise NotFound.of("crisis", crisis_id)
    async with across_organisations(session):
        return await report_of(session, crisis)


async def report_called(session: AsyncSession, crisis_id: UUID) -> CrisisReport:
    """Return the report of a crisis to whoever runs the service; the session sees all organisations.

    Raises
    ------
    NotFound
        If there is no such crisis.
    """
    crisis = await repository.get_crisis(session, crisis_id)
    if crisis is None:
        raise NotFound.of("crisis", crisis_id)
    return await report_of(session, crisis)


async def report_of(session: AsyncSession, crisis: Crisis) -> CrisisReport:
    """Return the report of a crisis as of now; the session sees all organisations."""
    records = await _records(session, crisis)
    closing = await closing_repository.closing_of(session, crisis.id)
    validity, made = span_of(crisis.validity), Countermeasure.model_validate(crisis.countermeasure)
    return CrisisReport(
        crisis_id=crisis.id,
        title=crisis.title,
        mode=crisis.mode,
        status=crisis.status,
        start=validity.start_on,
        end=validity.end_on,
        countermeasure=made.name,
        modality=made.modality,
        dose_unit=DOSE_UNIT,
        ended_reason_code=crisis.ended_reason_code,
        made_at=now(),
        powers=(await reading.read_crisis(session, crisis)).powers,
        timeline=await _timeline(session, records, closing.id if closing else None),
        plans=await _plans(session, records),
        targets=_targets(records),
        orders=[_order(records, order) for order in records.orders],
        displacements=[_displacement(records, one) for one in records.displacements],
        ledger=await ledger_of(session, crisis),
        ledger_at_end=closing.statement if closing else None,
    )


async def _records(session: AsyncSession, crisis: Crisis) -> Records:
    orders = await repository.all_orders(session, crisis.id)
    displacements = await repository.all_displacements(session, crisis.id)
    restorations = await restoring_repository.restorations_of(session, crisis.id)
    named = {one.booking_id for one in displacements} | {order.booking_id for order in orders if order.booking_id}
    named |= {one.replacement_id for one in displacements if one.replacement_id}
    bookings = await report_repository.bookings_from(session, named)
    sides = {order.organisation_id for order in orders} | {one.organisation_id for one in bookings.values()}
    units = {order.unit_id for order in orders} | {one.unit_id for one in bookings.values()}
    return Records(
        crisis=crisis,
        plans=await repository.plans_of(session, crisis.id),
        orders=orders,
        displacements=displacements,
        restorations={one.displacement_id: one for one in restorations},
        bookings=bookings,
        units=await unit_facts(session, unit_ids=units),
        names=await closing_repository.names_of(session, sides),
    )


async def _timeline(session: AsyncSession, records: Records, closing_id: UUID | None) -> list[ReportStep]:
    powers = (await repository.powers_of(session, [records.crisis.id]))[records.crisis.id]
    signatures = await repository.signatures_of(session, [plan.id for plan in records.plans])
    rows: list[Iterable[Any]] = [powers, records.plans, records.orders, records.displacements]
    rows += [*signatures.values(), records.restorations.values()]
    ids = {row.id for kind in rows for row in kind} | ({closing_id} if closing_id else set())
    trail = await report_repository.trail_of(session, records.crisis.id, ids)
    names = await closing_repository.names_of(session, {one.organisation_id for one in trail if one.organisation_id})
    return [
        ReportStep(
            at=one.at,
            action=one.action,
            actor=one.job or one.actor.value,
            organisation=names.get(one.organisation_id) if one.organisation_id else None,
            subject=one.object_type,
            subject_id=one.object_id,
            reason_code=one.reason_code,
        )
        for one in trail
    ]


async def _plans(session: AsyncSession, records: Records) -> list[ReportPlan]:
    signed = await report_repository.signed(session, [plan.id for plan in records.plans])
    return [_plan(plan, [one for one in signed if one.signature.plan_id == plan.id]) for plan in records.plans]


def _plan(plan: CrisisPlan, signed: Collection[Signed]) -> ReportPlan:
    body, found = plan.body, plan_hash(plan.body)
    return ReportPlan(
        id=plan.id,
        at=plan.created_at,
        status=plan.status.value,
        tier=plan.tier,
        plan_hash=plan.plan_hash,
        hash_matches=found == plan.plan_hash,
        doses_low=body["totals"]["low"],
        doses_expected=body["totals"]["expected"],
        doses_high=body["totals"]["high"],
        campaigns=len(body["campaigns"]),
        displacements=len(body["displacements"]),
        cost_cents=body["cost"]["total_cents"],
        grounds=body.get("legal_grounds", []),
        signatures=[
            ReportSignature(
                role=one.signature.role,
                person_id=one.signature.person_id,
                person=one.person,
                organisation=one.organisation,
                at=one.signature.created_at,
                plan_hash=one.signature.plan_hash,
                hash_matches=one.signature.plan_hash == found,
            )
            for one in signed
        ],
    )


def _targets(records: Records) -> list[ReportTarget]:
    """Return each target with what was planned, accepted and delivered by its day, that day included."""
    plan = records.carried_out() or next(iter(reversed(records.plans)), None)
    planned = {one["by"]: one["reached"] for one in plan.body["targets"]} if plan else {}
    standing = [order for order in records.orders if order.status in STANDING]
    made = [delivery for order in records.orders if (delivery := _delivered(records, order))]
    found = []
    for target in records.crisis.targets:
        by = date.fromisoformat(target["by"])
        found.append(
            ReportTarget(
                by=by,
                wanted=target["quantity"],
                planned=planned.get(target["by"]),
                accepted=sum(order.output for order in standing if order.delivery_on <= by),
                delivered=sum(doses for on, doses in made if on <= by),
            )
        )
    return found


def _delivered(records: Records, order: CrisisOrder) -> tuple[date, int] | None:
    """Return when the doses of an order leave testing, and how many, once its campaign has ended; None before."""
    booking = records.bookings.get(order.booking_id) if order.booking_id else None
    if booking is None or booking.status not in MADE or booking.actual_end_on is None:
        return None
    released = booking.batches_released if booking.batches_released is not None else booking.batches
    release_days = order.delivery_on - span_of(order.period).end_on
    return booking.actual_end_on + release_days, order.output * released // order.batches


def _order(records: Records, order: CrisisOrder) -> ReportOrder:
    booking = records.bookings.get(order.booking_id) if order.booking_id else None
    delivered_on, doses = _delivered(records, order) or (None, 0)
    days = span_of(order.period)
    return ReportOrder(
        id=order.id,
        cdmo=records.names[order.organisation_id],
        place=records.place(order.unit_id),
        start=days.start_on,
        end=days.end_on,
        status=order.status.value,
        batches=order.batches,
        doses=order.output,
        delivery_on=order.delivery_on,
        price_cents=order.price_cents,
        booking_status=booking.status.value if booking else None,
        delivered_on=delivered_on,
        delivered_doses=doses,
    )


def _displacement(records: Records, one: Displacement) -> ReportDisplacement:
    booking, place = records.bookings[one.booking_id], one.replacement
    restored, days = records.restorations.get(one.id), span_of(booking.period)
    return ReportDisplacement(
        id=one.id,
        booking_id=one.booking_id,
        owner=records.names[booking.organisation_id],
        place=records.place(booking.unit_id),
        start=days.start_on,
        end=days.end_on,
        kind=one.kind.value,
        status=one.status.value,
        reason_code="crisis_displaced",
        ground=_ground(records, one),
        to_place=records.place(UUID(place["unit_id"])) if place and UUID(place["unit_id"]) in records.units else None,
        to_start=date.fromisoformat(place["start"]) if place else None,
        compensation_cents=one.compensation_cents,
        offered_back=restored.status.value if restored else None,
        became=_serving(records, booking),
    )


def _ground(records: Records, one: Displacement) -> str | None:
    """Return the act that a displacement rests on, by the newest plan that names it."""
    for plan in reversed(records.plans):
        for ground in plan.body.get("legal_grounds", []):
            if str(one.booking_id) in ground["displaced_booking_ids"]:
                return f"{ground['kind']}: {ground['act_reference']}"
    return None


def _serving(records: Records, booking: Booking) -> str | None:
    """Return the status of the booking that a lot has by now, following who took whose place; None if it has none."""
    seen: set[UUID] = set()
    while booking.replaced_by_id and booking.replaced_by_id in records.bookings and booking.id not in seen:
        seen.add(booking.id)
        booking = records.bookings[booking.replaced_by_id]
    return booking.status.value if booking.status in LIVE or booking.status in MADE else None
