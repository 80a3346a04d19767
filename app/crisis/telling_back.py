"""What is told when a crisis ends: to those who are offered their place back, and to those who lead it before."""

from datetime import date

from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.author import Author
from app.bookings.models import Booking
from app.capacity.facts import unit_facts
from app.capacity.occupancy import span_of
from app.capacity.supply import Span, UnitFacts
from app.crisis import repository
from app.crisis.models import Crisis
from app.crisis.notice_facts import Facts
from app.crisis.notice_models import NoticeKind
from app.crisis.notices import NoticeDraft, notify_all
from app.crisis.restoring_models import Restoration


async def tell_offered_back(
    session: AsyncSession, author: Author, crisis: Crisis, offer: Restoration, displaced: Booking
) -> None:
    """Tell the owner of a displaced booking that its place is offered back, on which days, and until when."""
    unit = (await unit_facts(session, unit_ids=[offer.unit_id]))[offer.unit_id]
    draft = NoticeDraft(
        organisation_id=offer.organisation_id,
        kind=NoticeKind.PLACE_OFFERED_BACK,
        displacement_id=offer.displacement_id,
        reason_code=crisis.ended_reason_code,
        facts={
            "booking_id": str(displaced.id),
            "restoration_id": str(offer.id),
            "from": _place(unit, span_of(displaced.period), displaced.delivery_on),
            "to": _place(unit, span_of(offer.period), offer.delivery_on),
        },
        respond_by_at=offer.respond_by_at,
    )
    await notify_all(session, author, crisis, [draft])


def _place(unit: UnitFacts, days: Span, delivery_on: date) -> Facts:
    return {
        "site_name": unit.site_name,
        "line_name": unit.line_name,
        "unit_name": unit.unit_name,
        "start": days.start_on.isoformat(),
        "end": days.end_on.isoformat(),
        "delivery_on": delivery_on.isoformat(),
    }


async def tell_expiring(session: AsyncSession, author: Author, crisis: Crisis, days_left: int) -> None:
    """Tell those who lead a crisis, the coordinator and the authority, that its validity is over soon."""
    facts = {"validity_end_on": span_of(crisis.validity).end_on.isoformat(), "days_left": days_left}
    leaders = await repository.leading_organisations(session)
    drafts = [
        NoticeDraft(organisation_id=leader, kind=NoticeKind.EXPIRES_SOON, reason_code="validity_ends_soon", facts=facts)
        for leader in leaders
    ]
    await notify_all(session, author, crisis, drafts)
