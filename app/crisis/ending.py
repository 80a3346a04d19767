"""The end of a crisis: by standing down, or by itself when its validity is over."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.author import Author
from app.audit.service import record, snapshot
from app.bookings.models import BookingStatus
from app.capacity.occupancy import span_of
from app.capacity.service import thaw
from app.core.clock import today
from app.core.errors import NotFound
from app.core.preconditions import require_seen
from app.crisis import repository
from app.crisis.models import Crisis, CrisisMode, CrisisOrder, CrisisStatus, OrderStatus
from app.crisis.orders import let_stand, lock_for, outside_of
from app.crisis.rules import TRANSITIONS
from app.crisis.scoring import keep_score
from app.crisis.service import change_status, require_status
from app.identity.actor import Actor
from app.identity.models import Role

EXPIRY = Author.of_job("crisis_expiry")
ONGOING = frozenset(status for status, after in TRANSITIONS.items() if after)
RELEASABLE = frozenset({OrderStatus.ISSUED, OrderStatus.ACCEPTED})


async def stand_down(session: AsyncSession, actor: Actor, crisis_id: UUID, reason_code: str) -> Crisis:
    """End a crisis: unstarted campaigns are released, nobody else gives way, and its slots are let go of.

    What has started goes on, and what has moved stays moved.

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
    orders = await repository.orders_of(session, crisis.id)
    releasable = [order for order in orders if order.status in RELEASABLE]
    pending = await repository.pending_displacements(session, crisis.id)
    if orders:
        await lock_for(session, crisis, releasable, pending)
        outside = await outside_of(session, author, crisis, orders[0].plan_id)
        for order in releasable:
            if _has_started(order) or not await outside.free_campaign(order, BookingStatus.CANCELLED, reason_code):
                continue
            await _release(session, author, order, reason_code)
        await let_stand(outside, orders, pending, reason_code)
    if crisis.mode is CrisisMode.REAL:
        await thaw(session, author, crisis.id)
    await change_status(session, author, crisis, status, reason_code=reason_code)
    await keep_score(session, author, crisis)
    return crisis


def _has_started(order: CrisisOrder) -> bool:
    """Tell whether the campaign of an accepted order is under way by its dates."""
    return order.status is OrderStatus.ACCEPTED and span_of(order.period).start_on <= today()


async def _release(session: AsyncSession, author: Author, order: CrisisOrder, reason_code: str) -> None:
    before = snapshot(order)
    order.status = OrderStatus.RELEASED
    await record(session, author, "crisis_order.released", order, before=before, reason_code=reason_code)
