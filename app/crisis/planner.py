"""Rows to problems, and a solution back to campaigns and displacements.

There is one problem for each tier that the powers open and that adds anything; they are solved in order until the
targets are met. In each, the bookings that may give way at that tier are movable and all others are fixed.
"""

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from app.capacity.supply import SlotFacts, Span, UnitFacts
from app.crisis.campaigns import Brief, CampaignOption
from app.crisis.moves import Movable
from app.crisis.rules import BookingFacts, Tier, compensation_cents
from scheduler import problem as scheduling
from scheduler.objectives import DISPLACED, MOVED, RECALLABLE_DISPLACED, RECALLABLE_MOVED
from scheduler.variations import Variation

OBJECTIVES = ("surge_output", "displacement", "delay", "cost")
SURGE = "countermeasure"
TIER_SURCHARGE_CENTS = 10_000_000_000
"""Added to the cost of a start for each tier after the first: of two plans that deliver and displace the same, the
one that draws on earlier tiers is taken. The plan itself shows true prices."""
DAYS_A_WEEK = 7


@dataclass(frozen=True, slots=True)
class Board:
    """The calendars in scope: what could run where, what is booked, and what may give way."""

    brief: Brief
    units: Mapping[UUID, UnitFacts]
    slots: Mapping[UUID, SlotFacts]
    campaigns: tuple[CampaignOption, ...]
    bookings: tuple[BookingFacts, ...]
    movable: Mapping[UUID, Movable]
    reserved: Mapping[UUID, tuple[Span, ...]]
    """Periods by slot that orders of another crisis await."""


@dataclass(frozen=True, slots=True)
class TierProblem:
    """What is solved when capacity up to a tier may be called."""

    tier: Tier
    problem: scheduling.Problem


def tier_problems(board: Board) -> list[TierProblem]:
    """Return the problems in the order of their tiers; a tier that would add nothing has none."""
    steps: dict[tuple[int, int], Tier] = {}
    for tier in board.brief.tiers:
        steps.setdefault((len(_campaigns_up_to(board, tier)), len(_movable_up_to(board, tier))), tier)
    if len(steps) > 1:
        steps.pop((0, 0), None)
    return [
        TierProblem(tier, problem_of(board, _campaigns_up_to(board, tier), _movable_up_to(board, tier)))
        for tier in steps.values()
    ]


def called_campaigns(board: Board) -> tuple[CampaignOption, ...]:
    """Return all campaigns that the powers open, those of earlier tiers first: each problem's are a prefix of them."""
    opened = [one for one in board.campaigns if one.tier in board.brief.tiers]
    return tuple(sorted(opened, key=lambda one: (one.tier, one.slot_id, one.batches, one.earliest_on)))


def _campaigns_up_to(board: Board, tier: Tier) -> tuple[CampaignOption, ...]:
    return tuple(one for one in called_campaigns(board) if one.tier <= tier)


def _movable_up_to(board: Board, tier: Tier) -> set[UUID]:
    return {booking_id for booking_id, one in board.movable.items() if one.tier <= tier}


def used_slots(board: Board) -> list[SlotFacts]:
    """Return the slots in which anything can run or move; where nothing can, any one, for a problem has a window."""
    used = {one.slot_id for one in called_campaigns(board)}
    for movable in board.movable.values():
        used.add(movable.booking.slot_id)
        used |= {place.slot_id for place in movable.places}
    chosen = used or {min(board.slots)}
    return [slot for slot_id, slot in sorted(board.slots.items()) if slot_id in chosen]


def wanted_doses(brief: Brief) -> list[scheduling.Target]:
    """Return the targets still ahead in days, each no higher than can be filled by then, where that is known."""
    targets = []
    cap = brief.countermeasure.fill_cap_per_week
    for target in brief.targets:
        by = _day(brief, target.by)
        if by <= 0:
            continue
        most = target.quantity if cap is None else cap * by // DAYS_A_WEEK
        targets.append(scheduling.Target(by, min(target.quantity, most)))
    return targets


def _day(brief: Brief, day: date) -> int:
    return (day - brief.as_of_on).days


def problem_of(board: Board, campaigns: Iterable[CampaignOption], movable: set[UUID]) -> scheduling.Problem:
    """Return the problem in which these campaigns may run and these bookings give way; all others are fixed."""
    brief = board.brief
    slots = used_slots(board)
    windows = [
        scheduling.Window(
            str(slot.slot_id),
            str(slot.unit_id),
            _day(brief, slot.period.start_on),
            _day(brief, slot.period.end_on),
            slot.reserve.value,
        )
        for slot in slots
    ]
    surge = scheduling.Surge(
        SURGE, tuple(wanted_doses(brief)), tuple(_surge_option(brief, campaign) for campaign in campaigns)
    )
    return scheduling.Problem(
        origin=brief.as_of_on,
        windows=tuple(windows),
        objectives=OBJECTIVES,
        fixed=tuple(_fixed(board, {slot.slot_id for slot in slots}, movable)),
        movable=tuple(_movable(brief, board.movable[one]) for one in sorted(movable)),
        surges=(surge,),
    )


def _surge_option(brief: Brief, campaign: CampaignOption) -> scheduling.SurgeOption:
    surcharge = (campaign.tier - Tier.IDLE_CRISIS) * TIER_SURCHARGE_CENTS * len(campaign.releases)
    each = campaign.doses.on(brief.rules.yield_basis)
    return scheduling.SurgeOption(
        window=str(campaign.slot_id),
        duration=campaign.duration_days,
        earliest=_day(brief, campaign.earliest_on),
        latest=_day(brief, campaign.latest_on),
        yields=tuple(
            scheduling.Yield(after, min(batches * each, scheduling.MOST_AMOUNT)) for after, batches in campaign.releases
        ),
        cost=min(campaign.price_cents + surcharge, scheduling.MOST_AMOUNT),
    )


def _movable(brief: Brief, movable: Movable) -> scheduling.Movable:
    booking, recallable = movable.booking, movable.tier < Tier.CONFIRMED
    owed = {
        moved: compensation_cents(brief.rules, booking.price_cents, moved=moved, recallable=recallable)
        for moved in (True, False)
    }
    return scheduling.Movable(
        id=str(booking.booking_id),
        party=str(booking.organisation_id),
        window=str(booking.slot_id),
        start=_day(brief, booking.start_on),
        end=_day(brief, booking.end_on),
        weight=brief.rules.weights[booking.weight_tier - 1],
        recallable=recallable,
        compensation=min(owed[False], scheduling.MOST_AMOUNT),
        options=tuple(
            scheduling.Option(
                window=str(place.slot_id),
                duration=place.duration_days,
                earliest=_day(brief, window.first_on),
                latest=_day(brief, window.last_on),
                rank=place.rank,
                cost=min(owed[True], scheduling.MOST_AMOUNT),
                lag=max(0, place.lag_days),
            )
            for place in movable.places
            for window in place.start_windows
        ),
    )


def _fixed(board: Board, slots: set[UUID], movable: set[UUID]) -> Iterable[scheduling.Fixed]:
    """Yield what stays where it is, by slot, as stretches that do not overlap each other.

    An order of another crisis lies over bookings that have yet to give way to it: the two make one stretch. So do a
    slip and those whose days it runs over.
    """
    busy: dict[UUID, list[Span]] = defaultdict(list)
    planned = {(booking.slot_id, Span(booking.start_on, booking.end_on)) for booking in board.bookings}
    for slot_id in slots:
        busy[slot_id] += [span for span in board.slots[slot_id].busy if (slot_id, span) not in planned]
    for booking in board.bookings:
        if booking.slot_id in slots and booking.booking_id not in movable:
            busy[booking.slot_id].append(Span(booking.start_on, booking.end_on))
    for slot_id, spans in board.reserved.items():
        if slot_id in slots:
            busy[slot_id] += spans
    for slot_id in sorted(busy):
        for number, span in enumerate(merged(busy[slot_id])):
            start, end = _day(board.brief, span.start_on), _day(board.brief, span.end_on)
            yield scheduling.Fixed(f"{slot_id}/{number}", str(slot_id), start, end)


def with_kept(document: Mapping[str, Any], kept: Collection[str]) -> dict[str, Any]:
    """Return a problem, as JSON, in which these bookings keep their place, whatever may run there instead."""
    if not kept:
        return dict(document)
    problem = scheduling.Problem.from_json(json.dumps(document))
    varied = Variation("kept", problem.objectives, kept=tuple(sorted(kept))).of(problem)
    found: dict[str, Any] = json.loads(varied.to_json())
    return found


def displacement_points(document: Mapping[str, Any], moved: Collection[str], displaced: Collection[str]) -> int:
    """Return the value of the objective `displacement` for the bookings of a problem, as JSON, that give way."""
    points = 0
    for booking in document.get("movable", ()):
        recallable, weight = booking.get("recallable", False), booking.get("weight", 1)
        if booking["id"] in moved:
            points += weight * (RECALLABLE_MOVED if recallable else MOVED)
        elif booking["id"] in displaced:
            points += weight * (RECALLABLE_DISPLACED if recallable else DISPLACED)
    return points


def merged(spans: Iterable[Span]) -> list[Span]:
    """Return the same days as stretches that neither overlap nor come out of order."""
    found: list[Span] = []
    for span in sorted(spans):
        if found and span.start_on < found[-1].end_on:
            found[-1] = Span(found[-1].start_on, max(found[-1].end_on, span.end_on))
        else:
            found.append(span)
    return found
