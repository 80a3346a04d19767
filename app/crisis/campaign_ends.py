"""Orders follow their campaigns: completed when the batches are made, failed when they are not."""

from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.author import Author
from app.audit.service import record_changes, snapshot
from app.bookings.models import BookingStatus
from app.crisis import amendment_repository
from app.crisis.models import OrderStatus

CAMPAIGNS = Author.of_job("crisis_campaigns")
MOST = 500
ENDINGS = {BookingStatus.COMPLETED: OrderStatus.COMPLETED, BookingStatus.FAILED: OrderStatus.FAILED}


async def end_orders(session: AsyncSession) -> int:
    """End accepted orders whose campaign has ended, and return how many; a sweep calls it until there are none."""
    ended = await amendment_repository.ended_campaigns(session, MOST)
    changes = []
    for order, status in ended:
        before = snapshot(order)
        order.status = ENDINGS[status]
        changes.append((f"crisis_order.{order.status.value}", order, before))
    await record_changes(session, CAMPAIGNS, changes)
    return len(ended)
