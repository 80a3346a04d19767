"""Activating a signed plan: all its orders, holds and displacements in one transaction, or nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.service import record, record_all, snapshot
from app.bookings.models import BookingStatus
from app.bookings.service import lock_with_run_out
from app.capacity.occupancy import span_of
from app.capacity.service import lock_units, thaw
from app.core.clock import now
from app.core.errors import StateConflict
from app.core.model import period
from app.crisis import repository
from app.crisis.body import plan_hash
from app.crisis.calendar_repository import bookings_by_id
from app.crisis.calendars import changed_units
from app.crisis.effects import Outside
from app.crisis.models import (
    Crisis,
    CrisisMode,
    CrisisOrder,
    CrisisPlan,
    CrisisStatus,
    Displacement,
    DisplacementKind,
    PlanStatus,
)
from app.crisis.planning import back_to_planning
from app.crisis.service import change_status, locked_crisis, require_status
from app.identity.actor import Actor
from app.identity.models import Role


@dataclass(frozen=True, slots=True)
class Outdated:
    """Nothing was activated: calendars in scope have changed, and the crisis is back in planning."""

    unit_ids: tuple[str, ...]


async def activate(session: AsyncSession, actor: Actor, crisis_id: UUID) -> Crisis | Outdated:
    """Write every order of the signed plan, with the holds for campaigns and replacements, and let go of the slots.

    Nobody is displaced yet: each CDMO's acceptance does that. What a place is still held by is booked only then.
    In a drill nothing but the crisis's own records is written.

    Returns
    -------
    The active crisis; or `Outdated`, which the caller answers as a conflict, and commits.

    Raises
    ------
    StateConflict
        If the crisis is not signed, or the plan is not as it was signed.
    """
    actor.require(Role.COORDINATOR)
    crisis = await locked_crisis(session, crisis_id)
    require_status(crisis, {CrisisStatus.SIGNED}, "be activated")
    plan, authority_id = await _signed_plan(session, crisis)
    seen: dict[str, int] = plan.body["calendar_versions"]
    if crisis.mode is CrisisMode.REAL:
        await lock_units(session, [UUID(unit) for unit in seen])
        await lock_with_run_out(session, [UUID(unit) for unit in seen])
    if changed := await changed_units(session, seen):
        await back_to_planning(session, actor, crisis)
        return Outdated(tuple(changed))
    outside = Outside(session, actor, crisis, authority_id)
    orders = await _write_orders(outside, plan)
    await _write_displacements(outside, plan, orders)
    before = snapshot(plan)
    plan.status = PlanStatus.ACTIVATED
    await record(session, actor, "crisis_plan.activated", plan, before=before)
    await change_status(session, actor, crisis, CrisisStatus.ACTIVE)
    if crisis.mode is CrisisMode.REAL:
        await thaw(session, actor, crisis.id)
    return crisis


async def _signed_plan(session: AsyncSession, crisis: Crisis) -> tuple[CrisisPlan, UUID]:
    """Return the plan that both have signed, and the organisation for which the authority has."""
    plan = next((one for one in await repository.plans_of(session, crisis.id) if one.status is PlanStatus.SIGNED), None)
    if plan is None:
        raise StateConflict("This crisis has no signed plan.")
    signatures = (await repository.signatures_of(session, [plan.id]))[plan.id]
    authority_id = await repository.signing_authority(session, plan.id)
    intact = {one.plan_hash for one in signatures} == {plan.plan_hash} == {plan_hash(plan.body)}
    if authority_id is None or not intact:
        raise StateConflict("The plan is not what was signed: plan again.")
    return plan, authority_id


async def _write_orders(outside: Outside, plan: CrisisPlan) -> list[CrisisOrder]:
    """Write an order for each campaign, its place booked where no displaced booking still holds it."""
    respond_by_at = now() + timedelta(hours=plan.body["rules"]["response_hours"])
    waiting = {number for one in plan.body["displacements"] for number in one["campaigns"]}
    orders = []
    for campaign in plan.body["campaigns"]:
        order = CrisisOrder(
            crisis_id=plan.crisis_id,
            plan_id=plan.id,
            organisation_id=UUID(campaign["organisation_id"]),
            slot_id=UUID(campaign["slot_id"]),
            unit_id=UUID(campaign["unit_id"]),
            period=period(date.fromisoformat(campaign["start"]), date.fromisoformat(campaign["end"])),
            batches=campaign["batches"],
            output=campaign["output"],
            delivery_on=date.fromisoformat(campaign["delivery_on"]),
            price_cents=campaign["price_cents"],
            tier=campaign["tier"],
            respond_by_at=respond_by_at,
        )
        if campaign["number"] not in waiting:
            order.booking_id = await outside.reserve_campaign(order, BookingStatus.AWAITING_CDMO)
        orders.append(order)
    outside.session.add_all(orders)
    await record_all(outside.session, outside.author, "crisis_order.issued", orders)
    return orders


async def _write_displacements(outside: Outside, plan: CrisisPlan, orders: Sequence[CrisisOrder]) -> None:
    """Write who will give way to which order, with the place held for them; nobody gives way yet."""
    planned: list[dict[str, Any]] = plan.body["displacements"]
    bookings = await bookings_by_id(outside.session, [UUID(one["booking_id"]) for one in planned])
    until_on = span_of(outside.crisis.validity).end_on
    rows = []
    for one in planned:
        booking, place = bookings[UUID(one["booking_id"])], one["to"]
        held = await outside.hold_replacement(booking, place, until_on) if place else None
        rows.append(
            Displacement(
                crisis_id=plan.crisis_id,
                order_id=orders[one["campaigns"][0] - 1].id,
                booking_id=booking.id,
                kind=DisplacementKind(one["kind"]),
                replacement_id=held,
                replacement=place,
                compensation_cents=one["compensation_cents"],
            )
        )
    outside.session.add_all(rows)
    await record_all(outside.session, outside.author, "displacement.pending", rows)
