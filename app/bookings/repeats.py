"""Repeating a campaign that has failed, where its CDMO offers a place for it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.bookings import placing, repository, service
from app.bookings.drafts import BookingDraft
from app.bookings.errors import NotEligible
from app.bookings.fees import BookingTerms
from app.bookings.models import Booking, BookingSource
from app.bookings.rules import answer_deadline
from app.bookings.views import BookingView
from app.capacity.facts import unit_facts
from app.capacity.models import Slot
from app.capacity.occupancy import span_of
from app.capacity.rules import effective_reserve
from app.capacity.supply import Span, UnitFacts
from app.core.clock import now, today
from app.core.errors import DomainError, FieldFault, Invalid
from app.core.model import period
from app.core.settings import get_settings
from app.core.vocabulary import Reserve
from app.identity.actor import Actor
from app.matching.campaign import plan_campaign
from app.matching.facts import RequestFacts
from app.matching.outcome import Terms
from app.matching.slots import reserve_reasons
from app.requests.facts import request_facts


class RepeatPlace(NamedTuple):
    """Where a campaign is repeated.

    Attributes
    ----------
    days
        What it takes from the slot: all of it where it is taken whole.
    reserve
        Whose rules the slot is under today.
    """

    slot: Slot
    start_on: date
    days: Span
    reserve: Reserve


async def place_of_repeat(
    session: AsyncSession, view: BookingView, slot_id: UUID, start_on: date, *, is_seen: bool
) -> RepeatPlace:
    """Return the place in a slot in which the same line can repeat a campaign from a day.

    Parameters
    ----------
    is_seen
        Whether the slot is one that the caller can see: of a competitor's nothing is told, not even that it is there.

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
        if not is_seen:
            raise placing.missing("slot", slot_id)
        slot = await placing.bookable_slot(session, slot_id, start_on)
        unit = (await unit_facts(session, unit_ids=[slot.unit_id])).get(slot.unit_id)
        if unit is None or unit.line_id != view.line_id:
            raise Invalid.field("slot_id", "A batch is repeated on the line that was to make it.")
        whole, request = span_of(slot.period), await _request_of(session, view.booking)
        duration = await _campaign_days(session, view.booking, request, unit)
        if not slot.divisible and start_on != whole.start_on:
            raise Invalid.field("start", f"This slot is taken whole, from its first day, {whole.start_on}.")
        if not slot.divisible and whole.days < duration:
            detail = f"This slot lasts {whole.days} days, and the campaign takes {duration}."
            raise Invalid.field("slot_id", detail, slot_days=whole.days, duration_days=duration)
        days = Span(start_on, start_on + timedelta(days=duration)) if slot.divisible else whole
        reserve = effective_reserve(slot.reserve, slot.releases_on, today())
        if request is not None:
            facts = await placing.facts_of_slot(session, slot)
            reasons = list(reserve_reasons(request, facts, days.days, reserve))
            if reasons:
                raise NotEligible(pointer="/slot_id", reasons=placing.reasons_told(reasons))
    return RepeatPlace(slot, start_on, days, reserve)


async def hold_repeat(session: AsyncSession, actor: Actor, failed: Booking, place: RepeatPlace) -> None:
    """Hold a place for the repeat, at the price and terms of the failed campaign whatever the place costs now.

    Where the CDMO was the cause the first one is not paid, so that the batch costs what was quoted, once. However long
    repeats are held for, the hold ends with the first day of the place.
    """
    held_until = now() + timedelta(hours=get_settings().repeat_hold_hours)
    terms = BookingTerms.model_validate(failed.terms) if failed.terms else None
    draft = BookingDraft(
        slot_id=place.slot.id,
        organisation_id=failed.organisation_id,
        period=period(*place.days),
        delivery_on=place.start_on + (failed.delivery_on - span_of(failed.period).start_on),
        batches=failed.batches,
        price_cents=failed.price_cents,
        source=BookingSource.REPEAT,
        hold_expires_at=min(held_until, answer_deadline(place.start_on, instant=True)),
        request_id=failed.request_id,
        product_id=failed.product_id,
        reserve=place.reserve,
        recallable=place.reserve is Reserve.CRISIS,
        contract_status=failed.contract_status,
        # Its CDMO has offered it: the start-up's word is enough.
        terms=terms.model_copy(update={"instant": True}) if terms else None,
        repeats_id=failed.id,
        origin=failed.origin,
    )
    with _about_the_repeat():
        await service.create_booking(session, actor, draft)


async def _request_of(session: AsyncSession, failed: Booking) -> RequestFacts | None:
    """Return what the failed campaign was for; what replaces or repeats for a crisis has no request."""
    if failed.request_id is None:
        return None
    return (await request_facts(session, [failed.request_id]))[failed.request_id]


async def _campaign_days(session: AsyncSession, failed: Booking, request: RequestFacts | None, unit: UnitFacts) -> int:
    """Return the days that the failed campaign was to take: of a slot taken whole, no more than the line needs."""
    planned = span_of(failed.period).days
    stood_in = (await repository.slots_by_id(session, [failed.slot_id]))[failed.slot_id]
    if stood_in.divisible or request is None:
        return planned
    terms = plan_campaign(request, unit, today())
    return min(planned, terms.duration_days) if isinstance(terms, Terms) else planned


@contextmanager
def _about_the_repeat() -> Iterator[None]:
    """Name the fields of the repeat in what is refused about its place."""
    try:
        yield
    except DomainError as error:
        error.faults = tuple(FieldFault(f"/repeat_{fault.pointer[1:]}", fault.detail) for fault in error.faults)
        raise
