"""A CDMO's answer to an order: accepted, and only then its displacements take effect; or countered, and freed."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.author import Author
from app.audit.service import record, snapshot
from app.bookings.models import BookingStatus
from app.bookings.service import lock_with_run_out
from app.capacity.occupancy import span_of
from app.capacity.service import lock_units
from app.core.clock import now
from app.core.errors import Invalid, NotFound, StateConflict
from app.core.paging import PageQuery
from app.core.preconditions import require_seen
from app.core.tenancy import go_across
from app.crisis import repository
from app.crisis.calendar_repository import bookings_by_id
from app.crisis.concern_repository import has_order
from app.crisis.declaration import CrisisRules
from app.crisis.effects import Outside, in_the_way
from app.crisis.errors import TooLate
from app.crisis.lateness import too_late
from app.crisis.models import (
    Crisis,
    CrisisMode,
    CrisisOrder,
    CrisisStatus,
    Displacement,
    DisplacementStatus,
    OrderStatus,
)
from app.crisis.notice_models import NoticeKind
from app.crisis.order_schemas import CounterCommand
from app.crisis.places import settle_place
from app.crisis.power_checks import require_power_for
from app.crisis.rules import ORDER_TRANSITIONS
from app.crisis.service import SEES_ALL, get_whole_crisis, locked_crisis, require_status
from app.crisis.telling import tell_displaced, tell_leaders
from app.identity.actor import Actor
from app.identity.models import Role

COUNTERED = "crisis_order_countered"
RELEASABLE = frozenset({OrderStatus.ISSUED, OrderStatus.ACCEPTED})
"""Orders that may be released, as long as their campaign has not begun."""


async def list_orders(
    session: AsyncSession, actor: Actor, crisis_id: UUID, paging: PageQuery
) -> tuple[list[tuple[CrisisOrder, list[Displacement]]], str | None]:
    """Return one page of the orders that an actor may see, with what must give way to each: a CDMO sees its own."""
    await _require_ordered(session, actor, crisis_id)
    own = None if actor.role in SEES_ALL else actor.organisation_id
    rows, cursor = await repository.page_orders(session, crisis_id, own, paging)
    displacements = await repository.displacements_of_orders(session, [row.id for row in rows])
    return [(row, displacements[row.id]) for row in rows], cursor


async def _require_ordered(session: AsyncSession, actor: Actor, crisis_id: UUID) -> None:
    """Let pass those who lead a crisis, and a CDMO with an order of it; to anybody else it has none."""
    if actor.role in SEES_ALL:
        await get_whole_crisis(session, actor, crisis_id)
    elif not await has_order(session, crisis_id, actor.organisation_id):
        raise NotFound.of("crisis", crisis_id)


async def with_displacements(session: AsyncSession, order: CrisisOrder) -> tuple[CrisisOrder, list[Displacement]]:
    """Return an order with what must give way to it."""
    return order, (await repository.displacements_of_orders(session, [order.id]))[order.id]


async def accept_order(session: AsyncSession, actor: Actor, crisis_id: UUID, order_id: UUID) -> CrisisOrder:
    """Accept an order: in this transaction its displacements take effect, and its campaign is confirmed.

    Raises
    ------
    NotFound
        If there is no such order to the actor's organisation.
    StateConflict
        If the crisis is not active, or the order has been answered.
    TooLate
        If, in a real crisis, it should have started before today, or somebody would give way within the frozen days.
    PowerLacking
        If no power that it rests on is in force any more.
    BookingRefused
        If somebody whom the plan does not name holds the place by now.
    """
    crisis, _, order = await order_to_answer(session, actor, crisis_id, order_id)
    require_change(order, OrderStatus.ACCEPTED)
    outside = await outside_of(session, actor, crisis, order.plan_id)
    pending = await pending_of(session, order)
    await lock_for(session, crisis, [order], pending)
    await require_power_for(session, crisis, order, await _giving_way(outside, order, pending))
    await _require_in_time(session, crisis, order, pending)
    issued = snapshot(order)
    for displacement in pending:
        before = snapshot(displacement)
        effective = await outside.displace(displacement, order)
        displacement.status = DisplacementStatus.EFFECTIVE if effective else DisplacementStatus.DROPPED
        displacement.effective_at = now() if effective else None
        if effective:
            await settle_place(outside, displacement, order)
        await record(session, actor, f"displacement.{displacement.status.value}", displacement, before=before)
    await tell_displaced(session, actor, crisis, pending)
    await outside.confirm_campaign(order)
    return await _answered(outside, order, OrderStatus.ACCEPTED, issued)


async def _require_in_time(
    session: AsyncSession, crisis: Crisis, order: CrisisOrder, pending: Iterable[Displacement]
) -> None:
    """Let pass an order that can still be kept by today; a drill reasons from its own day."""
    if crisis.mode is CrisisMode.DRILL:
        return
    bookings = await bookings_by_id(session, [one.booking_id for one in pending])
    lots = [span_of(one.period).start_on for one in bookings.values() if in_the_way(order, one)]
    start_on = span_of(order.period).start_on
    if facts := too_late(CrisisRules.model_validate(crisis.rules), [start_on], lots):
        told = f"It is too late to accept an order that should have started on {start_on}, or to which a lot would"
        raise TooLate(
            f"{told} give way within the frozen days: counter it with a later day, or ask for a plan anew.", facts=facts
        )


async def counter_order(
    session: AsyncSession, actor: Actor, crisis_id: UUID, order_id: UUID, command: CounterCommand
) -> CrisisOrder:
    """Counter an order with the earliest day it could start: it is recorded, its place freed, nobody gives way to it.

    Raises
    ------
    NotFound
        If there is no such order to the actor's organisation.
    StateConflict
        If the crisis is not active, or the order has been answered.
    Invalid
        If the day proposed is no later than the one ordered.
    """
    crisis, orders, order = await order_to_answer(session, actor, crisis_id, order_id)
    require_change(order, OrderStatus.COUNTERED)
    ordered_on = span_of(order.period).start_on
    if command.earliest <= ordered_on:
        raise Invalid.field("earliest", f"The order starts on {ordered_on}: accept it, or propose a later day.")
    outside = await outside_of(session, actor, crisis, order.plan_id)
    pending = await pending_of(session, order)
    await lock_for(session, crisis, [order], pending)
    issued = snapshot(order)
    await outside.free_campaign(order, BookingStatus.DECLINED, COUNTERED)
    answered = await _answered(outside, order, OrderStatus.COUNTERED, issued, command)
    await let_stand(outside, orders, pending, COUNTERED)
    return answered


async def release_order(outside: Outside, order: CrisisOrder, reason_code: str) -> bool:
    """Release an order: its campaign is freed, and credited if it was charged; False, and all stays, if it has begun.

    In a real crisis its booking says whether it has: a planned day that has come begins nothing by itself.
    """
    if not await outside.free_campaign(order, BookingStatus.CANCELLED, reason_code):
        return False
    before = snapshot(order)
    order.status = OrderStatus.RELEASED
    session, author = outside.session, outside.author
    await record(session, author, "crisis_order.released", order, before=before, reason_code=reason_code)
    return True


async def let_stand(
    outside: Outside, orders: Sequence[CrisisOrder], pending: Iterable[Displacement], reason_code: str
) -> None:
    """Drop pending displacements that no live order needs; one that another order needs now waits for that one."""
    session, author = outside.session, outside.author
    dropped = []
    for displacement in pending:
        before = snapshot(displacement)
        needed_by = await _needed_by(session, displacement, orders)
        if needed_by is not None:
            displacement.order_id = needed_by.id
            await record(session, author, "displacement.passed_on", displacement, before=before)
            continue
        await outside.drop_replacement(displacement, reason_code)
        displacement.status = DisplacementStatus.DROPPED
        await record(session, author, "displacement.dropped", displacement, before=before, reason_code=reason_code)
        dropped.append(displacement)
    await tell_displaced(session, author, outside.crisis, dropped, reason_code=reason_code)


async def _needed_by(
    session: AsyncSession, displacement: Displacement, orders: Iterable[CrisisOrder]
) -> CrisisOrder | None:
    booking = (await bookings_by_id(session, [displacement.booking_id]))[displacement.booking_id]
    open_orders = (order for order in orders if order.status is OrderStatus.ISSUED)
    return next((order for order in open_orders if in_the_way(order, booking)), None)


async def pending_of(session: AsyncSession, order: CrisisOrder) -> list[Displacement]:
    """Return the pending displacements that an order waits for; two orders may wait for the same booking."""
    pending = await repository.pending_displacements(session, order.crisis_id)
    bookings = await bookings_by_id(session, [one.booking_id for one in pending])
    return [one for one in pending if one.order_id == order.id or in_the_way(order, bookings[one.booking_id])]


async def _giving_way(outside: Outside, order: CrisisOrder, pending: Iterable[Displacement]) -> list[UUID]:
    """Return the bookings that give way if an order is accepted: in a real crisis, those still in its way."""
    bookings = await bookings_by_id(outside.session, [one.booking_id for one in pending])
    return [key for key, booking in bookings.items() if not outside.is_real or in_the_way(order, booking)]


async def lock_for(
    session: AsyncSession, crisis: Crisis, orders: Iterable[CrisisOrder], pending: Iterable[Displacement]
) -> None:
    """Lock every unit that answering or releasing these orders touches, in one call; a drill touches none.

    So with the requests of those who give way, and of what has run out there.
    """
    if crisis.mode is CrisisMode.DRILL:
        return
    displaced = list(pending)
    units = {order.unit_id for order in orders}
    units |= {UUID(one.replacement["unit_id"]) for one in displaced if one.replacement}
    await lock_units(session, units)
    bookings = await bookings_by_id(session, [one.booking_id for one in displaced])
    await lock_with_run_out(session, units, [booking.request_id for booking in bookings.values()])


async def outside_of(session: AsyncSession, author: Author, crisis: Crisis, plan_id: UUID) -> Outside:
    """Return the world outside an active crisis, whose lots are those of the authority that signed."""
    authority_id = await repository.signing_authority(session, plan_id)
    if authority_id is None:
        raise StateConflict("The plan of this order carries no signature of the authority.")
    return Outside(session, author, crisis, authority_id)


async def order_to_answer(
    session: AsyncSession, actor: Actor, crisis_id: UUID, order_id: UUID
) -> tuple[Crisis, list[CrisisOrder], CrisisOrder]:
    """Return an active crisis, its orders, and the one that the actor's organisation is to answer, all locked."""
    await _require_ordered(session, actor, crisis_id)
    actor.require(Role.CDMO_PLANNER)
    await go_across(session)
    crisis = await locked_crisis(session, crisis_id)
    orders = await repository.orders_of(session, crisis_id)
    order = next((one for one in orders if one.id == order_id and one.organisation_id == actor.organisation_id), None)
    if order is None:
        raise NotFound.of("order", order_id)
    require_seen(session, order)
    require_status(crisis, {CrisisStatus.ACTIVE}, "have its orders answered")
    return crisis, orders, order


def require_change(order: CrisisOrder, status: OrderStatus) -> None:
    """Let pass only an order that may become so.

    Raises
    ------
    StateConflict
        For any other; its facts name its status, and what it may become.
    """
    if status not in ORDER_TRANSITIONS[order.status]:
        raise StateConflict(
            f"This order is {order.status.value}: it cannot become {status.value}.",
            facts={"order_status": order.status.value, "allowed": sorted(ORDER_TRANSITIONS[order.status])},
        )


async def _answered(
    outside: Outside,
    order: CrisisOrder,
    status: OrderStatus,
    before: dict[str, Any],
    counter: CounterCommand | None = None,
) -> CrisisOrder:
    """Write an answer, with what the order was before anything of it was changed."""
    session, author = outside.session, outside.author
    order.status = status
    order.answered_at = now()
    if counter is not None:
        order.counter_earliest_on = counter.earliest
        order.counter_reason_code = counter.reason_code.value
    await record(
        session,
        author,
        f"crisis_order.{status.value}",
        order,
        before=before,
        reason_code=order.counter_reason_code,
    )
    kind = NoticeKind.ORDER_ANSWERED
    await tell_leaders(session, author, outside.crisis, order, kind, reason_code=order.counter_reason_code)
    return order
