"""What a crisis has freed is offered back, when it ends, to those whom it displaced: in turn, before anybody else.

A place is held for whom it is offered to, so that nobody books it meanwhile, nor does the waiting list give it away;
who has the same days on offer after another waits for that one's answer. What none of them takes falls to the waiting
list with the end of the last hold, as all freed days do. In a drill offers are recorded, and nothing is held.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.author import Author
from app.audit.service import record, record_all, snapshot
from app.bookings.errors import BookingRefused
from app.bookings.giving_back import hold_again
from app.bookings.models import Booking, BookingStatus
from app.bookings.rules import answer_deadline
from app.capacity.facts import slot_facts
from app.capacity.occupancy import span_of
from app.capacity.supply import SlotFacts, Span
from app.core.clock import now, today
from app.core.model import period
from app.crisis import restoring_repository
from app.crisis.declaration import CrisisRules
from app.crisis.models import Crisis, CrisisMode, CrisisOrder, OrderStatus
from app.crisis.restoring_models import Restoration, RestorationStatus
from app.crisis.restoring_repository import Lost
from app.crisis.restoring_rules import Displaced, Unavailable, in_turn, place_back, why_none
from app.crisis.telling_back import tell_offered_back
from app.requests.models import RequestStatus

LOWEST_TIER = 3
PASSING_ON = timedelta(hours=1)
"""A place is held for longer than it can be taken: whoever passes it on does so before anybody else may have it."""
USED = frozenset({BookingStatus.IN_PRODUCTION, BookingStatus.COMPLETED, BookingStatus.FAILED})
UNWANTED = frozenset({RequestStatus.WITHDRAWN, RequestStatus.FULFILLED})
STANDING = frozenset({OrderStatus.ACCEPTED, OrderStatus.COMPLETED})


async def offer_back(
    session: AsyncSession, author: Author, crisis: Crisis, lost: Sequence[Lost], orders: Iterable[CrisisOrder]
) -> None:
    """Offer each displaced booking of a crisis that ends its place back, in turn, and record where that cannot be.

    The units of those bookings are locked, and what the crisis had ordered and has not started is released.
    """
    rules = CrisisRules.model_validate(crisis.rules)
    by_id = {one.displacement.id: one for one in lost}
    rows = [
        _waiting(crisis, by_id[one.displacement_id].booking, position, one.displacement_id)
        for position, one in enumerate(in_turn(map(_displaced, lost), rules), 1)
    ]
    session.add_all(rows)
    await record_all(session, author, "restoration.waiting", rows)
    await Offering(session, author, crisis).pass_on(rows, by_id, orders)


def _displaced(lost: Lost) -> Displaced:
    displacement = lost.displacement
    return Displaced(
        displacement_id=displacement.id,
        priority_tier=lost.request.priority_tier if lost.request else LOWEST_TIER,
        displaced_at=displacement.effective_at or displacement.created_at,
        start_on=span_of(lost.booking.period).start_on,
    )


def _waiting(crisis: Crisis, booking: Booking, position: int, displacement_id: UUID) -> Restoration:
    return Restoration(
        crisis_id=crisis.id,
        displacement_id=displacement_id,
        organisation_id=booking.organisation_id,
        is_drill=crisis.mode is CrisisMode.DRILL,
        position=position,
        slot_id=booking.slot_id,
        unit_id=booking.unit_id,
        period=booking.period,
        delivery_on=booking.delivery_on,
    )


@dataclass(frozen=True, slots=True)
class Offering:
    """Places of one crisis being offered back, and on whose behalf."""

    session: AsyncSession
    author: Author
    crisis: Crisis

    async def pass_on(
        self, rows: Sequence[Restoration], lost: Mapping[UUID, Lost], orders: Iterable[CrisisOrder]
    ) -> None:
        """Offer those who wait, in turn, what nobody before them has on offer.

        Parameters
        ----------
        rows
            All offers of the crisis that stand, and those that wait, in turn; units and requests of these are locked.
        lost
            What those that wait are about, by displacement.
        orders
            Those of the crisis: what they still need in a drill, whose campaigns stand in no calendar.
        """
        standing = [one for one in orders if one.status in STANDING]
        for row in rows:
            if row.status is not RestorationStatus.WAITING:
                continue
            place = lost[row.displacement_id]
            if reason := await why_not_wanted(self.session, place):
                await end_offer(self.session, self.author, row, RestorationStatus.UNAVAILABLE, reason)
                continue
            offered = [one for one in rows if one.status is RestorationStatus.OFFERED and one.unit_id == row.unit_id]
            on_offer = [span_of(one.period) for one in offered]
            await self._offer(row, place, await self._slot_of(row, standing), on_offer)

    async def _slot_of(self, row: Restoration, standing: Iterable[CrisisOrder]) -> SlotFacts | None:
        """Return the slot of a place with what keeps its days by now; None if it is not published any more."""
        await self.session.flush()
        found = (await slot_facts(self.session, slot_ids=[row.slot_id])).get(row.unit_id)
        if not found:
            return None
        if not row.is_drill:
            return found[0]
        ordered = tuple(span_of(order.period) for order in standing if order.slot_id == row.slot_id)
        return replace(found[0], busy=ordered)

    async def _offer(self, row: Restoration, lost: Lost, slot: SlotFacts | None, on_offer: Sequence[Span]) -> None:
        """Offer a place if it is free; leave its owner waiting if others have it on offer; else end the offer."""
        if slot is None:
            await end_offer(self.session, self.author, row, RestorationStatus.UNAVAILABLE, Unavailable.SLOT_GONE)
            return
        own = span_of(lost.booking.period)
        others = [span for span in slot.busy if span not in on_offer]
        days = place_back(own, slot.period, [*others, *on_offer], today(), divisible=slot.divisible)
        if days is not None:
            await self._hold(row, lost, days)
        elif place_back(own, slot.period, others, today(), divisible=slot.divisible) is None:
            reason = why_none(own, slot.period, others, today(), divisible=slot.divisible)
            await end_offer(self.session, self.author, row, RestorationStatus.UNAVAILABLE, reason)

    async def _hold(self, row: Restoration, lost: Lost, days: Span) -> None:
        hours = CrisisRules.model_validate(self.crisis.rules).restoration_hours
        respond_by_at = min(now() + timedelta(hours=hours), answer_deadline(days.start_on, instant=True))
        delivery_on = lost.booking.delivery_on + (days.start_on - span_of(lost.booking.period).start_on)
        before = snapshot(row)
        if not row.is_drill:
            try:
                held = await hold_again(
                    self.session,
                    self.author,
                    lost.booking,
                    days,
                    delivery_on=delivery_on,
                    crisis_id=self.crisis.id,
                    until_at=respond_by_at + PASSING_ON,
                )
            except BookingRefused as refusal:
                reason = refusal.type.replace("-", "_")
                await end_offer(self.session, self.author, row, RestorationStatus.UNAVAILABLE, reason)
                return
            row.booking_id = held.id
        row.status, row.respond_by_at = RestorationStatus.OFFERED, respond_by_at
        row.period, row.delivery_on = period(*days), delivery_on
        await record(self.session, self.author, "restoration.offered", row, before=before)
        await tell_offered_back(self.session, self.author, self.crisis, row, lost.booking)


async def why_not_wanted(session: AsyncSession, lost: Lost) -> str | None:
    """Return why a displaced booking is not to have its place back, whatever the calendar says; None if it is."""
    if lost.replacement is not None and lost.replacement.status in USED:
        return Unavailable.REPLACEMENT_STARTED
    if lost.request is None:
        return None
    if lost.request.status in UNWANTED:
        return Unavailable.NOT_WANTED
    own = {lost.booking.id, *((lost.replacement.id,) if lost.replacement else ())}
    if await restoring_repository.served_otherwise(session, lost.request.id, own):
        return Unavailable.SERVED_ELSEWHERE
    return None


async def end_offer(
    session: AsyncSession,
    author: Author,
    row: Restoration,
    status: RestorationStatus,
    reason_code: str | None = None,
) -> None:
    """End an offer, or the waiting for one."""
    before = snapshot(row)
    row.status, row.ended_at = status, now()
    row.reason_code = reason_code if status is RestorationStatus.UNAVAILABLE else None
    await record(session, author, f"restoration.{status.value}", row, before=before, reason_code=reason_code)
