"""Activating a signed plan: all its orders, holds and displacements in one transaction, or nothing."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.service import record, record_created, snapshot
from app.bookings.models import BookingStatus
from app.bookings.service import lock_with_run_out
from app.capacity.occupancy import span_of
from app.capacity.service import lock_units, thaw
from app.core.bulk import insert_all
from app.core.clock import now
from app.core.errors import StateConflict
from app.core.model import period
from app.core.plain import new_row
from app.crisis import repository
from app.crisis.body import plan_hash
from app.crisis.calendar_repository import bookings_by_id
from app.crisis.calendars import outdated_units
from app.crisis.effects import Outside
from app.crisis.giving_up import give_up_runs
from app.crisis.lateness import lateness_of
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
from app.crisis.power_checks import require_powers_for
from app.crisis.service import change_status, locked_crisis, require_status
from app.crisis.telling import tell_displaced, tell_makers
from app.identity.actor import Actor
from app.identity.models import Role


@dataclass(frozen=True, slots=True)
class Outdated:
    """Nothing was activated: what was signed is out of date, and the crisis is back in planning, or stays active."""

    unit_ids: tuple[str, ...]
    crisis_status: CrisisStatus = CrisisStatus.DECLARED
    is_late: bool = False


async def activate(session: AsyncSession, actor: Actor, crisis_id: UUID) -> Crisis | Outdated:
    """Write every order of the signed plan, with the holds for campaigns and replacements, and let go of the slots.

    A run that makes another plan is cancelled.

    Nobody is displaced yet: each CDMO's acceptance does that. What a place is still held by is booked only then.
    In a drill nothing but the crisis's own records is written, and nothing was held still: its plan is played as it was
    made, whatever has been booked since.

    Returns
    -------
    The active crisis; or `Outdated`, which the caller answers as a conflict, and commits.

    Raises
    ------
    StateConflict
        If the crisis is not signed, or the plan is not as it was signed.
    PowerLacking
        If the powers that it rests on have ended.
    """
    actor.require(Role.COORDINATOR)
    crisis = await locked_crisis(session, crisis_id)
    require_status(crisis, {CrisisStatus.SIGNED}, "be activated")
    plan, authority_id = await signed_plan(session, crisis)
    await require_powers_for(session, crisis, plan.body)
    seen: dict[str, int] = plan.body["calendar_versions"]
    if crisis.mode is CrisisMode.REAL:
        await lock_units(session, [UUID(unit) for unit in seen])
        await lock_with_run_out(session, [UUID(unit) for unit in seen])
    if crisis.mode is CrisisMode.REAL and (changed := await outdated_units(session, crisis.id, plan.body)):
        await back_to_planning(session, actor, crisis)
        return Outdated(tuple(changed))
    if crisis.mode is CrisisMode.REAL and lateness_of(plan.body):
        await back_to_planning(session, actor, crisis, "plan_too_late")
        return Outdated((), is_late=True)
    before = snapshot(plan)
    plan.status = PlanStatus.ACTIVATED
    await record(session, actor, "crisis_plan.activated", plan, before=before)
    await write(Outside(session, actor, crisis, authority_id), plan)
    await change_status(session, actor, crisis, CrisisStatus.ACTIVE)
    await give_up_runs(session, actor, crisis)
    if crisis.mode is CrisisMode.REAL:
        await thaw(session, actor, crisis.id)
    return crisis


async def signed_plan(session: AsyncSession, crisis: Crisis) -> tuple[CrisisPlan, UUID]:
    """Return the plan that both have signed, and the organisation for which the authority has."""
    plan = next(iter(await repository.plans_of(session, crisis.id, {PlanStatus.SIGNED})), None)
    if plan is None:
        raise StateConflict("This crisis has no signed plan.")
    signatures = (await repository.signatures_of(session, [plan.id]))[plan.id]
    authority_id = await repository.signing_authority(session, plan.id)
    intact = {one.plan_hash for one in signatures} == {plan.plan_hash} == {plan_hash(plan.body)}
    if authority_id is None or not intact:
        raise StateConflict("The plan is not what was signed: plan again.")
    return plan, authority_id


def _orders_of(plan: CrisisPlan) -> list[CrisisOrder]:
    """Return an order for each campaign of a plan, in the plan's order: plain rows."""
    respond_by_at = now() + timedelta(hours=plan.body["rules"]["response_hours"])
    return [
        new_row(
            CrisisOrder,
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
        for campaign in plan.body["campaigns"]
    ]


def _displacement_of(planned: Mapping[str, Any], orders: Sequence[CrisisOrder]) -> Displacement:
    """Return who will give way to the first of the orders that need it: a plain row; nobody gives way yet."""
    order = orders[planned["campaigns"][0] - 1]
    return new_row(
        Displacement,
        crisis_id=order.crisis_id,
        order_id=order.id,
        booking_id=UUID(planned["booking_id"]),
        kind=DisplacementKind(planned["kind"]),
        replacement=planned["to"],
        compensation_cents=planned["compensation_cents"],
    )


async def write(outside: Outside, plan: CrisisPlan, waiting: Collection[int] = ()) -> list[CrisisOrder]:
    """Write the orders and displacements of a plan, tell whom they concern, and return the orders.

    A campaign is booked where no displaced booking still holds its place, and each replacement is held.

    Parameters
    ----------
    waiting
        Campaigns, by their numbers, whose place is held by a booking that gives way by an earlier plan.
    """
    orders = _orders_of(plan)
    displacements = [_displacement_of(one, orders) for one in plan.body["displacements"]]
    await _take_places(outside, plan, orders, displacements, waiting)
    session, author = outside.session, outside.author
    await insert_all(session, CrisisOrder, orders)
    await insert_all(session, Displacement, displacements)
    await record_created(session, author, [("crisis_order.issued", order) for order in orders])
    await record_created(session, author, [("displacement.pending", one) for one in displacements])
    await tell_makers(session, author, outside.crisis, plan, orders)
    await tell_displaced(session, author, outside.crisis, displacements)
    return orders


async def _take_places(
    outside: Outside,
    plan: CrisisPlan,
    orders: Sequence[CrisisOrder],
    displacements: Sequence[Displacement],
    waiting: Collection[int],
) -> None:
    """Book the campaigns whose places are free, and hold the replacements: each row names its booking then."""
    waiting = {number for one in plan.body["displacements"] for number in one["campaigns"]} | set(waiting)
    free = [order for number, order in enumerate(orders, 1) if number not in waiting]
    moved = [one for one in displacements if one.replacement is not None]
    bookings = await bookings_by_id(outside.session, [one.booking_id for one in moved])
    until_on = span_of(outside.crisis.validity).end_on
    campaigns = [outside.campaign_draft(order, BookingStatus.AWAITING_CDMO) for order in free]
    holds = [outside.replacement_draft(bookings[one.booking_id], one.replacement or {}, until_on) for one in moved]
    placed = iter(await outside.place_all([*campaigns, *holds]))
    for order in free:
        order.booking_id = next(placed)
    for one in moved:
        one.replacement_id = next(placed)
