"""Orders follow their campaigns: completed when the batches are made, failed when they are not.

Of one that has failed as much is due as the rules of the crisis say, by which side the cause lies on: what was charged
above that is credited.
"""

from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.author import Author
from app.audit.service import record_changes, snapshot
from app.bookings.models import Booking, BookingStatus
from app.crisis import amendment_repository
from app.crisis.models import Crisis, CrisisOrder, OrderStatus
from app.crisis.orders import outside_of

CAMPAIGNS = Author.of_job("crisis_campaigns")
MOST = 500
ENDINGS = {BookingStatus.COMPLETED: OrderStatus.COMPLETED, BookingStatus.FAILED: OrderStatus.FAILED}


async def end_orders(session: AsyncSession) -> int:
    """End accepted orders whose campaign has ended, and return how many; a sweep calls it until there are none."""
    ended = await amendment_repository.ended_campaigns(session, MOST)
    changes = []
    for order, campaign in ended:
        before = snapshot(order)
        order.status = ENDINGS[campaign.status]
        changes.append((f"crisis_order.{order.status.value}", order, before))
    await record_changes(session, CAMPAIGNS, changes)
    for order, campaign in ended:
        if order.status is OrderStatus.FAILED:
            await _credit(session, order, campaign)
    return len(ended)


async def _credit(session: AsyncSession, order: CrisisOrder, campaign: Booking) -> None:
    crisis = await session.get_one(Crisis, order.crisis_id)
    outside = await outside_of(session, CAMPAIGNS, crisis, order.plan_id)
    await outside.credit_failure(order, campaign)
