"""Activating an amendment: exactly what it changes of the orders of an active crisis, at once or not at all."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.service import record, snapshot
from app.bookings.service import lock_with_run_out
from app.capacity.service import lock_units, thaw
from app.crisis import activation, repository
from app.crisis.activation import Outdated, signed_plan, write
from app.crisis.calendar_repository import bookings_by_id
from app.crisis.calendars import outdated_units
from app.crisis.effects import Outside
from app.crisis.errors import PlanOutdated
from app.crisis.lateness import lateness_of
from app.crisis.models import (
    Crisis,
    CrisisMode,
    CrisisOrder,
    CrisisPlan,
    CrisisStatus,
    Displacement,
    PlanStatus,
)
from app.crisis.orders import RELEASABLE, let_stand, outside_of, release_order
from app.crisis.planning import supersede
from app.crisis.power_checks import require_powers_for
from app.crisis.service import locked_crisis
from app.crisis.standing import StandingOrder, still_holds
from app.crisis.stock import take_stock
from app.crisis.telling import tell_released
from app.identity.actor import Actor
from app.identity.models import Role

REASON = "crisis_amended"


async def activate(session: AsyncSession, actor: Actor, crisis_id: UUID) -> Crisis | Outdated:
    """Activate the signed plan of a crisis; of one that is active, its signed amendment.

    New orders are written with the holds for their campaigns and replacements, those that are given up are released
    and credited, and displacements that only these needed are dropped. All else stays.

    Returns
    -------
    The active crisis; or `Outdated`, which the caller answers as a conflict, and commits: an amendment is then
    superseded, and the crisis stays active.

    Raises
    ------
    StateConflict
        If it has no signed plan, or the plan is not as it was signed.
    PowerLacking
        If the powers that it rests on have ended.
    """
    actor.require(Role.COORDINATOR)
    crisis = await locked_crisis(session, crisis_id)
    if crisis.status is not CrisisStatus.ACTIVE:
        return await activation.activate(session, actor, crisis_id)
    amendment, authority_id = await signed_plan(session, crisis)
    await require_powers_for(session, crisis, amendment.body)
    orders = {order.id: order for order in await repository.orders_of(session, crisis.id)}
    pending = await repository.pending_displacements(session, crisis.id)
    await _lock(session, crisis, amendment, orders, pending)
    if (outdated := await _outdated(session, crisis, amendment)) is not None:
        await supersede(session, actor, crisis)
        if crisis.mode is CrisisMode.REAL:
            await thaw(session, actor, crisis.id)
        return outdated
    before = snapshot(amendment)
    amendment.status = PlanStatus.ACTIVATED
    await record(session, actor, "crisis_plan.activated", amendment, before=before)
    await _apply(Outside(session, actor, crisis, authority_id), amendment, orders, pending)
    await _declare_targets(session, actor, crisis, amendment)
    if crisis.mode is CrisisMode.REAL:
        await thaw(session, actor, crisis.id)
    return crisis


async def _lock(
    session: AsyncSession,
    crisis: Crisis,
    amendment: CrisisPlan,
    orders: Mapping[UUID, CrisisOrder],
    pending: Sequence[Displacement],
) -> None:
    """Lock every unit that the amendment touches, in one call, with the requests of those whom it concerns."""
    if crisis.mode is CrisisMode.DRILL:
        return
    units = {UUID(unit) for unit in amendment.body["calendar_versions"]}
    units |= {order.unit_id for order in _leaving(amendment, orders)}
    units |= {UUID(one.replacement["unit_id"]) for one in pending if one.replacement}
    await lock_units(session, units)
    asked = [UUID(one["booking_id"]) for one in amendment.body["displacements"]]
    bookings = await bookings_by_id(session, [*asked, *(one.booking_id for one in pending)])
    await lock_with_run_out(session, units, [booking.request_id for booking in bookings.values()])


async def _outdated(session: AsyncSession, crisis: Crisis, amendment: CrisisPlan) -> Outdated | None:
    """Return what has changed since the amendment was made, or that it is too late for it by now.

    That CDMOs have accepted what it keeps is no change.
    """
    told = amendment.body["orders"]
    is_real = crisis.mode is CrisisMode.REAL
    changed = await outdated_units(session, crisis.id, amendment.body) if is_real else []
    stock = await take_stock(session, crisis)
    now = {one["order_id"]: one for one in stock.documents}
    kept = [now[one["order_id"]] for one in told["kept"]]
    ended = [one for name in ("changed", "released", "lost") for one in told[name]]
    as_told = still_holds(told["kept"], kept) and all(_is_as_told(one, now[one["order_id"]]) for one in ended)
    as_told = as_told and not _has_begun(stock.orders, {one["order_id"] for one in ended})
    if changed or not as_told or stock.plan_id != amendment.amends_id:
        return Outdated(tuple(changed), CrisisStatus.ACTIVE)
    if is_real and lateness_of(amendment.body):
        return Outdated((), CrisisStatus.ACTIVE, is_late=True)
    return None


def _has_begun(orders: Iterable[StandingOrder], ended: Collection[str]) -> bool:
    """Tell whether the campaign of a live order runs by now that an amendment would release: nothing stops it."""
    return any(one.has_begun and one.status in RELEASABLE and str(one.order_id) in ended for one in orders)


def _is_as_told(order: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    return {**order, "campaign": None} == {**now, "campaign": None}


def _leaving(amendment: CrisisPlan, orders: Mapping[UUID, CrisisOrder]) -> list[CrisisOrder]:
    """Return the live orders that the amendment releases, whether or not another takes their place."""
    named = [*amendment.body["orders"]["released"], *amendment.body["orders"]["changed"]]
    # One that has failed since is freed by the sweep that ends its order.
    live = [UUID(one["order_id"]) for one in named if one["status"] in RELEASABLE]
    found = [orders[order_id] for order_id in live if order_id in orders]
    return [order for order in found if order.status in RELEASABLE]


async def _apply(
    outside: Outside, amendment: CrisisPlan, orders: Mapping[UUID, CrisisOrder], pending: Sequence[Displacement]
) -> None:
    """Write what changes: what is given up first, for its place may be needed.

    Who was to give way to an order that is given up does so to the one that takes its place, or keeps its own.
    """
    becomes = amendment.body["pending_displacements"]
    leaving = _leaving(amendment, orders)
    await _release(outside, leaving)
    gone = {order.id for order in leaving}
    dropped = [one for one in pending if str(one.booking_id) in becomes["dropped"]]
    await let_stand(outside, (), dropped, REASON)
    new = await write(outside, amendment, becomes["campaigns_waiting"])
    left = [one for one in pending if one.order_id in gone and one not in dropped]
    await let_stand(outside, [*orders.values(), *new], left, REASON)


async def _release(outside: Outside, leaving: Sequence[CrisisOrder]) -> None:
    """Release orders: their campaigns are freed, and credited if they were charged; each CDMO is told.

    Raises
    ------
    PlanOutdated
        If one has begun: what runs is not released, whatever was asked.
    """
    session, author = outside.session, outside.author
    for order in leaving:
        own = await outside_of(session, author, outside.crisis, order.plan_id)
        if not await release_order(own, order, REASON):
            raise PlanOutdated("A campaign has begun that was to be released: plan anew.", facts=_of(order))
    await tell_released(session, author, outside.crisis, leaving, REASON)


def _of(order: CrisisOrder) -> dict[str, Any]:
    return {"order_ids": [str(order.id)], "unit_ids": [str(order.unit_id)]}


async def _declare_targets(session: AsyncSession, actor: Actor, crisis: Crisis, amendment: CrisisPlan) -> None:
    """Make the targets of the amendment the crisis's own, where it has new ones."""
    targets = amendment.body["declared_targets"]
    if targets is not None:
        before = snapshot(crisis)
        crisis.targets = targets
        await record(session, actor, "crisis.amended", crisis, before=before, reason_code=amendment.body["reason_code"])
