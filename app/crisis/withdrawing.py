"""A CDMO that drops out of an order which it had accepted: its campaign is freed, and those who lead are told."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.service import record, snapshot
from app.bookings.models import BookingStatus
from app.capacity.occupancy import span_of
from app.core.clock import now
from app.core.errors import StateConflict
from app.crisis.effects import is_played
from app.crisis.models import CrisisOrder, OrderStatus
from app.crisis.notice_models import NoticeKind
from app.crisis.order_schemas import WithdrawCommand
from app.crisis.orders import lock_for, order_to_answer, outside_of, require_change
from app.crisis.telling import tell_leaders
from app.identity.actor import Actor

WITHDRAWN = "crisis_order_withdrawn"


async def withdraw_order(
    session: AsyncSession, actor: Actor, crisis_id: UUID, order_id: UUID, command: WithdrawCommand
) -> CrisisOrder:
    """Withdraw from an accepted order before its campaign begins: what was charged is credited, its days are free.

    In a real crisis its booking says whether it has: a planned day that has come begins nothing by itself.

    What has given way to it stays moved, and what is owed for it stays owed; those who have no place are the first to
    be offered the days that are free again.

    Raises
    ------
    NotFound
        If there is no such order to the actor's organisation.
    StateConflict
        If the crisis is not active, or the order is not accepted, or its campaign has begun.
    """
    crisis, _, order = await order_to_answer(session, actor, crisis_id, order_id)
    require_change(order, OrderStatus.WITHDRAWN)
    outside = await outside_of(session, actor, crisis, order.plan_id)
    await lock_for(session, crisis, [order], [])
    if is_played(crisis, order) or not await outside.free_campaign(order, BookingStatus.CANCELLED, WITHDRAWN):
        raise StateConflict(
            "This campaign has begun: say that its batches failed, or that they slip.",
            facts={"order_status": order.status.value, "start": str(span_of(order.period).start_on)},
        )
    before = snapshot(order)
    order.status, order.withdrawn_at = OrderStatus.WITHDRAWN, now()
    order.withdrawal_reason_code = reason = command.reason_code.value
    await record(session, actor, "crisis_order.withdrawn", order, before=before, reason_code=reason)
    await tell_leaders(session, actor, crisis, order, NoticeKind.ORDER_WITHDRAWN, reason_code=reason)
    return order
