"""From a declared crisis to the board that it is planned on: everything in its scope, read as of one moment."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.capacity.facts import slot_facts, unit_facts
from app.capacity.occupancy import span_of
from app.capacity.rules import effective_reserve
from app.capacity.service import calendar_versions
from app.capacity.supply import SlotFacts, Span, UnitFacts
from app.core.clock import today
from app.core.vocabulary import Origin
from app.crisis import calendar_repository
from app.crisis.campaigns import Brief, CampaignOption, campaigns_of_unit, in_scope, is_out_of_service
from app.crisis.declaration import Countermeasure, CrisisRules, CrisisScope, CrisisTarget
from app.crisis.errors import NothingToPlan
from app.crisis.models import Crisis, CrisisMode
from app.crisis.moves import Movable, places_for
from app.crisis.planner import Board, called_campaigns, used_slots
from app.crisis.power_checks import powers_in
from app.crisis.power_scope import days_opened, lawful_campaigns, opened_campaigns, tiers_within
from app.crisis.references import (
    BookingReference,
    CampaignReference,
    MoveReference,
    PlaceReference,
    References,
    UnmetReason,
)
from app.crisis.rules import BookingFacts, Tier, notice_days, tier_of_booking
from app.matching.facts import RequestFacts
from app.matching.outcome import Reason
from app.matching.wording import sentence
from app.requests.facts import request_facts


@dataclass(frozen=True, slots=True)
class Calendars:
    """What is read of the calendars in scope, with their versions."""

    units: Mapping[UUID, UnitFacts]
    slots: Mapping[UUID, list[SlotFacts]]
    bookings: tuple[BookingFacts, ...]
    requests: Mapping[UUID, RequestFacts]
    reserved: Mapping[UUID, tuple[Span, ...]]
    versions: Mapping[UUID, int]


NO_CALENDAR = "Nobody publishes any slot: there is no calendar to plan on."


async def brief_of(session: AsyncSession, crisis: Crisis, as_of_on: date | None = None) -> Brief:
    """Return what the planner needs of a crisis; its powers decide which tiers are open where, and on which days.

    Parameters
    ----------
    as_of_on
        The day to reason from; if left out, the one declared, or in a real crisis today if that is later.
    """
    as_of_on = as_of_on or (crisis.as_of_on if crisis.mode is CrisisMode.DRILL else max(crisis.as_of_on, today()))
    validity = span_of(crisis.validity)
    powers = await powers_in(session, crisis)
    return Brief(
        crisis_id=crisis.id,
        as_of_on=as_of_on,
        start_on=validity.start_on,
        end_on=validity.end_on,
        countermeasure=Countermeasure.model_validate(crisis.countermeasure),
        targets=tuple(CrisisTarget.model_validate(target) for target in crisis.targets),
        scope=CrisisScope.model_validate(crisis.scope),
        rules=CrisisRules.model_validate(crisis.rules),
        tiers=tiers_within(powers, Span(max(as_of_on, validity.start_on), validity.end_on)),
        powers=powers,
    )


async def read_calendars(session: AsyncSession, brief: Brief) -> Calendars:
    """Return the calendars of every unit: those outside the scope can still take a booking that has to move.

    Of one that is out of service nothing is read: nothing runs there, and nothing moves there.
    """
    known = await unit_facts(session)
    units = {unit_id: unit for unit_id, unit in known.items() if not is_out_of_service(unit, brief.scope)}
    bookable = {unit_id for unit_id, unit in units.items() if unit.not_bookable_reason is None}
    slots = await slot_facts(session, unit_ids=bookable)
    bookings = await calendar_repository.live_bookings(session, slots.keys(), brief.crisis_id, brief.as_of_on)
    asked = {booking.request_id for booking in bookings if booking.request_id is not None}
    return Calendars(
        units=units,
        slots=slots,
        bookings=tuple(bookings),
        requests=await request_facts(session, asked),
        reserved=await calendar_repository.awaited_periods(session, slots.keys(), brief.crisis_id),
        versions=await calendar_versions(session, slots.keys()),
    )


def require_anything_to_call(brief: Brief, calendars: Calendars) -> None:
    """Pass where there is a calendar to plan on, and a power by which it may be.

    Raises
    ------
    NothingToPlan
        If nobody publishes any slot, or no power is in force, any more.
    """
    if not calendars.slots:
        raise NothingToPlan(NO_CALENDAR)
    if not brief.tiers:
        raise NothingToPlan("No power is in force any more: nothing may be called.")


def board_of(brief: Brief, calendars: Calendars) -> tuple[Board, tuple[UnmetReason, ...]]:
    """Return the board of a crisis, and why units in its scope make none of the countermeasure."""
    campaigns: list[CampaignOption] = []
    reasons: list[tuple[UUID, Reason]] = []
    for unit_id, unit in calendars.units.items():
        if in_scope(unit, brief.scope):
            found, against = campaigns_of_unit(brief, unit, calendars.slots.get(unit_id, ()))
            campaigns += opened_campaigns(brief.powers, unit, found)
            reasons += [(unit_id, reason) for reason in against]
    slots = {slot.slot_id: slot for listed in calendars.slots.values() for slot in listed}
    movable = _movable(brief, calendars, slots, {one.slot_id for one in campaigns})
    board = Board(
        brief=brief,
        units=calendars.units,
        slots=slots,
        campaigns=lawful_campaigns(campaigns, _giving_way(brief, calendars, movable.values())),
        bookings=calendars.bookings,
        movable=movable,
        reserved=calendars.reserved,
    )
    return board, _counted(reasons)


def _movable(
    brief: Brief, calendars: Calendars, slots: Mapping[UUID, SlotFacts], wanted: set[UUID]
) -> dict[UUID, Movable]:
    """Return the bookings in the way of a campaign that the rules and the powers let give way."""
    found: dict[UUID, Movable] = {}
    for booking in calendars.bookings:
        slot = slots[booking.slot_id]
        if booking.slot_id not in wanted or _is_awaited(booking, calendars.reserved) or _is_run_over(booking, slot):
            continue
        tier = tier_to_give_way(brief, booking, slot, calendars.units[booking.unit_id])
        if tier is None:
            continue
        request = calendars.requests.get(booking.request_id) if booking.request_id else None
        places = (
            places_for(booking, request, calendars.units, calendars.slots, rules=brief.rules, as_of_on=brief.as_of_on)
            if request
            else ()
        )
        notice = notice_days(brief.rules, slot.recall_notice_days) if tier < Tier.CONFIRMED else None
        found[booking.booking_id] = Movable(booking, tier, places, notice)
    return found


def tier_to_give_way(brief: Brief, booking: BookingFacts, slot: SlotFacts, unit: UnitFacts) -> Tier | None:
    """Return the tier from which the rules let a booking give way, or None where they do not, or no power opens it."""
    reserve = effective_reserve(slot.reserve, slot.releases_on, brief.as_of_on)
    tier = tier_of_booking(booking, reserve, slot.recall_notice_days, brief.rules, brief.as_of_on)
    return tier if tier is not None and days_opened(brief.powers, unit, tier) else None


def _giving_way(
    brief: Brief, calendars: Calendars, movable: Iterable[Movable]
) -> dict[UUID, list[tuple[Span, tuple[Span, ...]]]]:
    """Return the places of bookings that may give way, by slot, each with the days on which it may be taken."""
    found: dict[UUID, list[tuple[Span, tuple[Span, ...]]]] = defaultdict(list)
    for one in movable:
        days = days_opened(brief.powers, calendars.units[one.booking.unit_id], one.tier)
        found[one.booking.slot_id].append((Span(one.booking.start_on, one.booking.end_on), days))
    return found


def _is_awaited(booking: BookingFacts, reserved: Mapping[UUID, tuple[Span, ...]]) -> bool:
    spans = reserved.get(booking.slot_id, ())
    return any(span.start_on < booking.end_on and booking.start_on < span.end_on for span in spans)


def _is_run_over(booking: BookingFacts, slot: SlotFacts) -> bool:
    """Tell whether a slip runs over a booking: its days would not be free without it, and it has to make way anyhow."""
    own = Span(booking.start_on, booking.end_on)
    return any(span != own and span.start_on < own.end_on and own.start_on < span.end_on for span in slot.busy)


def _counted(reasons: Iterable[tuple[UUID, Reason]]) -> tuple[UnmetReason, ...]:
    """Return each kind of reason once, the most frequent first, worded as it was met first."""
    units: dict[str, set[UUID]] = defaultdict(set)
    first: dict[str, Reason] = {}
    for unit_id, reason in reasons:
        units[reason.code.value].add(unit_id)
        first.setdefault(reason.code.value, reason)
    counts = Counter({code: len(found) for code, found in units.items()})
    return tuple(
        UnmetReason(code=code, units=count, en=sentence(first[code], "en"), fr=sentence(first[code], "fr"))
        for code, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    )


def references_of(board: Board, reasons: tuple[UnmetReason, ...]) -> References:
    """Return what the plan will be written from when the problems are solved."""
    return References(
        as_of_on=board.brief.as_of_on,
        tiers=tuple(int(tier) for tier in board.brief.tiers),
        places={slot.slot_id: _place(board, slot) for slot in used_slots(board)},
        campaigns=tuple(
            CampaignReference(
                slot_id=one.slot_id,
                tier=int(one.tier),
                batches=one.batches,
                engineering_batches=one.engineering_batches,
                releases=one.releases,
                low=one.doses.low,
                expected=one.doses.expected,
                high=one.doses.high,
                price_cents=one.price_cents,
            )
            for one in called_campaigns(board)
        ),
        bookings={booking_id: _booking(movable) for booking_id, movable in board.movable.items()},
        reasons=reasons,
    )


def _place(board: Board, slot: SlotFacts) -> PlaceReference:
    unit = board.units[slot.unit_id]
    return PlaceReference(
        slot_id=slot.slot_id,
        unit_id=unit.unit_id,
        line_id=unit.line_id,
        site_id=unit.site_id,
        organisation_id=unit.organisation_id,
        site_name=unit.site_name,
        line_name=unit.line_name,
        unit_name=unit.unit_name,
        region=unit.region,
        origin=Origin.of(unit.origin, slot.origin),
    )


def _booking(movable: Movable) -> BookingReference:
    booking = movable.booking
    return BookingReference(
        booking_id=booking.booking_id,
        organisation_id=booking.organisation_id,
        slot_id=booking.slot_id,
        unit_id=booking.unit_id,
        start_on=booking.start_on,
        end_on=booking.end_on,
        delivery_on=booking.delivery_on,
        tier=int(movable.tier),
        recallable=booking.recallable,
        price_cents=booking.price_cents,
        product_id=booking.product_id,
        notice_days=movable.notice_days,
        moves=tuple(
            MoveReference(
                slot_id=place.slot_id,
                batches=place.terms.batches,
                lag_days=place.lag_days,
                instant=place.instant,
            )
            for place in movable.places
            for _ in place.start_windows
        ),
    )
