"""The end of a crisis: by standing down, or by itself when its validity is over."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.author import Author
from app.bookings.service import lock_with_run_out
from app.capacity.service import lock_units, thaw
from app.core.clock import today
from app.core.errors import NotFound
from app.core.preconditions import require_seen
from app.crisis import repository
from app.crisis.calendar_repository import bookings_by_id
from app.crisis.closing import close_ledger
from app.crisis.effects import is_played
from app.crisis.giving_up import give_up_runs
from app.crisis.models import Crisis, CrisisMode, CrisisOrder, CrisisStatus, Displacement
from app.crisis.orders import RELEASABLE, let_stand, outside_of, release_order
from app.crisis.restoring import offer_back
from app.crisis.restoring_repository import Lost, lost_places
from app.crisis.rules import TRANSITIONS
from app.crisis.scoring import keep_score
from app.crisis.service import change_status, require_status
from app.crisis.telling import tell_released
from app.identity.actor import Actor
from app.identity.models import Role

EXPIRY = Author.of_job("crisis_expiry")
ONGOING = frozenset(status for status, after in TRANSITIONS.items() if after)


async def stand_down(session: AsyncSession, actor: Actor, crisis_id: UUID, reason_code: str) -> Crisis:
    """End a crisis: unstarted campaigns are released, nobody else gives way, and its slots are let go of.

    The makers of what is released are told, and runs that plan for it are cancelled. What has started goes on. What is
    free again is offered back first to those whom the crisis displaced.

    Raises
    ------
    StateConflict
        If it has ended already.
    """
    actor.require(Role.COORDINATOR)
    crisis = await repository.lock_crisis(session, crisis_id)
    if crisis is None:
        raise NotFound.of("crisis", crisis_id)
    require_status(require_seen(session, crisis), ONGOING, "stand down")
    return await _end(session, actor, crisis, CrisisStatus.STOOD_DOWN, reason_code)


async def expire_crises(session: AsyncSession) -> int:
    """End a crisis whose validity is over, and return 1, or 0 if there is none; a sweep calls it until then.

    One in a transaction: the units of each are locked by one call.
    """
    crisis = await repository.lock_past_validity(session, today())
    if crisis is None:
        return 0
    await _end(session, EXPIRY, crisis, CrisisStatus.EXPIRED, "validity_over")
    return 1


async def _end(session: AsyncSession, author: Author, crisis: Crisis, status: CrisisStatus, reason_code: str) -> Crisis:
    """Release what has not started, close the ledger, and offer what is free again to those who were displaced.

    What is still planned for it is given up.
    """
    await give_up_runs(session, author, crisis)
    orders = await repository.orders_of(session, crisis.id)
    releasable = [order for order in orders if order.status in RELEASABLE]
    pending = await repository.pending_displacements(session, crisis.id)
    lost = await lost_places(session, crisis.id)
    if orders:
        await _lock_to_end(session, crisis, releasable, pending, lost)
        released = [
            order for order in releasable if await _release_unbegun(session, author, crisis, order, reason_code)
        ]
        await tell_released(session, author, crisis, released, reason_code)
        outside = await outside_of(session, author, crisis, orders[0].plan_id)
        await let_stand(outside, orders, pending, reason_code)
    if crisis.mode is CrisisMode.REAL:
        await thaw(session, author, crisis.id)
    await close_ledger(session, author, crisis)
    await change_status(session, author, crisis, status, reason_code=reason_code)
    await offer_back(session, author, crisis, await lost_places(session, crisis.id), orders)
    await keep_score(session, author, crisis)
    return crisis


async def _release_unbegun(
    session: AsyncSession, author: Author, crisis: Crisis, order: CrisisOrder, reason_code: str
) -> bool:
    """Release an order unless its campaign has begun; return whether it was released."""
    if is_played(crisis, order):
        return False
    return await release_order(await outside_of(session, author, crisis, order.plan_id), order, reason_code)


async def _lock_to_end(
    session: AsyncSession,
    crisis: Crisis,
    orders: Iterable[CrisisOrder],
    pending: Sequence[Displacement],
    lost: Iterable[Lost],
) -> None:
    """Lock every unit that the end of a crisis touches, and their requests, each kind in one call; a drill's is none.

    Those of orders and of places held for who gives way are freed; those of lots displaced are offered back.
    """
    if crisis.mode is CrisisMode.DRILL:
        return
    bookings = [*(await bookings_by_id(session, [one.booking_id for one in pending])).values()]
    bookings += [one.booking for one in lost]
    units = {order.unit_id for order in orders} | {booking.unit_id for booking in bookings}
    units |= {UUID(one.replacement["unit_id"]) for one in pending if one.replacement}
    await lock_units(session, units)
    await lock_with_run_out(session, units, [booking.request_id for booking in bookings])
