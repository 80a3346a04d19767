"""Repeating a campaign that has failed, where its CDMO offers a place for it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.bookings import placing, service
from app.bookings.drafts import BookingDraft
from app.bookings.errors import NotEligible
from app.bookings.fees import BookingTerms
from app.bookings.models import Booking, BookingSource
from app.bookings.views import BookingView
from app.capacity.facts import unit_facts
from app.capacity.models import Slot
from app.capacity.occupancy import span_of
from app.capacity.rules import effective_reserve
from app.capacity.supply import Span
from app.core.clock import now, today
from app.core.errors import DomainError, FieldFault, Invalid
from app.core.model import period
from app.core.settings import get_settings
from app.identity.actor import Actor
from app.matching.slots import reserve_reasons
from app.requests.facts import request_facts


async def slot_of_repeat(session: AsyncSession, view: BookingView, slot_id: UUID, start_on: date) -> Slot:
    """Return a slot in which the same line can repeat a campaign from a day.

    Raises
    ------
    NotFound, SlotNotPublished, InThePast, OutsideSlot
        As `bookable_slot` does.
    Invalid
        If it is on another line, or is taken whole and the start is not its first day, or it is too short.
    NotEligible
        If the rules of its reserve stand against it: what a CDMO offers does not open a reserve.
    """
    with _about_the_repeat():
        slot = await placing.bookable_slot(session, slot_id, start_on)
        units = await unit_facts(session, unit_ids=[slot.unit_id])
        if slot.unit_id not in units or units[slot.unit_id].line_id != view.line_id:
            raise Invalid.field("slot_id", "A batch is repeated on the line that was to make it.")
        planned, whole = span_of(view.booking.period), span_of(slot.period)
        if not slot.divisible and start_on != whole.start_on:
            raise Invalid.field("start", f"This slot is taken whole, from its first day, {whole.start_on}.")
        if not slot.divisible and whole.days < planned.days:
            detail = f"This slot lasts {whole.days} days, and the campaign takes {planned.days}."
            raise Invalid.field("slot_id", detail, slot_days=whole.days, duration_days=planned.days)
        await _require_open(session, view.booking, slot, _days(slot, planned, start_on).days)
    return slot


async def hold_repeat(session: AsyncSession, actor: Actor, failed: Booking, slot: Slot, start_on: date) -> None:
    """Hold a place for the repeat, at the price and terms of the failed campaign whatever the place costs now.

    Where the CDMO was the cause the first one is not paid, so that the batch costs what was quoted, once.
    """
    planned = span_of(failed.period)
    lag = failed.delivery_on - planned.end_on
    terms = BookingTerms.model_validate(failed.terms) if failed.terms else None
    draft = BookingDraft(
        slot_id=slot.id,
        organisation_id=failed.organisation_id,
        period=period(*_days(slot, planned, start_on)),
        delivery_on=start_on + timedelta(days=planned.days) + lag,
        batches=failed.batches,
        price_cents=failed.price_cents,
        source=BookingSource.REPEAT,
        hold_expires_at=now() + timedelta(hours=get_settings().repeat_hold_hours),
        request_id=failed.request_id,
        product_id=failed.product_id,
        recallable=failed.recallable,
        contract_status=failed.contract_status,
        # Its CDMO has offered it: the start-up's word is enough.
        terms=terms.model_copy(update={"instant": True}) if terms else None,
        repeats_id=failed.id,
        origin=failed.origin,
    )
    with _about_the_repeat():
        await service.create_booking(session, actor, draft)


def _days(slot: Slot, planned: Span, start_on: date) -> Span:
    """Return the days that a repeat takes from a slot."""
    return Span(start_on, start_on + timedelta(days=planned.days)) if slot.divisible else span_of(slot.period)


async def _require_open(session: AsyncSession, failed: Booking, slot: Slot, days: int) -> None:
    """Let pass a slot whose reserve is open to what the failed campaign was for; orders of a crisis have no request."""
    if failed.request_id is None:
        return
    facts = (await request_facts(session, [failed.request_id]))[failed.request_id]
    reserve = effective_reserve(slot.reserve, slot.releases_on, today())
    reasons = list(reserve_reasons(facts, await placing.facts_of_slot(session, slot), days, reserve))
    if reasons:
        raise NotEligible(pointer="/slot_id", reasons=placing.reasons_told(reasons))


@contextmanager
def _about_the_repeat() -> Iterator[None]:
    """Name the fields of the repeat in what is refused about its place."""
    try:
        yield
    except DomainError as error:
        error.faults = tuple(FieldFault(f"/repeat_{fault.pointer[1:]}", fault.detail) for fault in error.faults)
        raise
