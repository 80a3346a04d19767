"""Orders that a CDMO does not answer: it is reminded before its time is over, and once it is, those who lead are told.

An order that is overdue may still be accepted, until it is released or planned anew: nobody else has its place.
"""

from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.author import Author
from app.audit.service import record, snapshot
from app.core.clock import now
from app.crisis import repository, silence_repository
from app.crisis.declaration import CrisisRules
from app.crisis.models import Crisis, CrisisOrder, CrisisStatus, OrderStatus
from app.crisis.notice_models import NoticeKind
from app.crisis.telling import remind_maker, tell_leaders

SILENCE = Author.of_job("crisis_silence")


async def escalate_silence(session: AsyncSession) -> int:
    """Remind and escalate what is due in one crisis, and return how many orders that were; 0 if nothing is.

    A sweep calls it until then. Each order is escalated once.
    """
    crisis_id = await silence_repository.due_crisis(session, now())
    crisis = await repository.lock_crisis(session, crisis_id) if crisis_id else None
    if crisis is None or crisis.status is not CrisisStatus.ACTIVE:
        return 0
    reminder = timedelta(hours=CrisisRules.model_validate(crisis.rules).reminder_hours)
    done = 0
    for order in await repository.orders_of(session, crisis.id):
        done += await _escalated(session, crisis, order, now(), reminder)
    return done


async def _escalated(
    session: AsyncSession, crisis: Crisis, order: CrisisOrder, at: datetime, reminder: timedelta
) -> bool:
    """Do what is due about one order, and tell whether anything was."""
    if order.status is not OrderStatus.ISSUED or order.escalated_at is not None:
        return False
    before = snapshot(order)
    if order.respond_by_at <= at:
        order.escalated_at = at
        await record(session, SILENCE, "crisis_order.escalated", order, before=before, reason_code="no_answer")
        await tell_leaders(session, SILENCE, crisis, order, NoticeKind.ORDER_ESCALATED)
        return True
    if order.reminded_at is None and order.respond_by_at - reminder <= at:
        order.reminded_at = at
        await record(session, SILENCE, "crisis_order.reminded", order, before=before)
        await remind_maker(session, SILENCE, crisis, order)
        return True
    return False
