"""The problems of a crisis that is planned anew: what is ordered stays, unless the targets cannot be met with it.

Tier by tier all orders that stand are fixed, and only what is missing of the targets is asked for. The last problem,
solved where no tier suffices, lets orders that nobody has answered be given up: each at a price above all others, so
that as few as possible are.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import pairwise
from uuid import UUID

from app.capacity.supply import SlotFacts, Span
from app.crisis.campaigns import Brief, CampaignOption
from app.crisis.declaration import CrisisTarget
from app.crisis.models import OrderStatus
from app.crisis.planner import DAYS_A_WEEK, Board, TierProblem, called_campaigns, problem_of, tier_problems
from app.crisis.power_scope import days_opened, lawful_campaigns
from app.crisis.rules import Tier, accepted_by, frozen_until
from app.crisis.scoping import Calendars
from app.crisis.standing import PendingDisplacement, Release, Standing, StandingOrder
from scheduler import problem as scheduling

CHANGING = "countermeasure, orders changing"
"""The surge of the problem in which orders may be given up; by it its solution is told from the others'."""
NEW_ORDER_CENTS = 5_000_000_000
"""Added to the cost of each new campaign, so that of two plans that reach the same the one with fewer is taken."""
GIVEN_UP_CENTS = 400_000_000_000
"""Added to it for each order in whose place it runs."""
TIER_CENTS = 500_000_000
"""Stands for the planner's own surcharge there: smaller, so that giving up an order outweighs it."""


@dataclass(frozen=True, slots=True)
class Changing:
    """The problem in which unanswered orders may be given up, and what its options stand for."""

    board: Board
    problem: TierProblem


def missing_targets(brief: Brief, releases: Iterable[Release], filling_from_on: date) -> tuple[CrisisTarget, ...]:
    """Return what is missing of each target once the standing orders have delivered, those that lack nothing left out.

    Of a target no more is wanted than can be filled by its day from the first day of the crisis on, where that is
    known. What is delivered counts towards every target that comes after, and no target counts for more than it asks.
    """
    made = list(releases)
    cap = brief.countermeasure.fill_cap_per_week
    found = []
    for target in brief.targets:
        fillable = target.quantity if cap is None else cap * max(0, (target.by - filling_from_on).days) // DAYS_A_WEEK
        standing = sum(doses for on, doses in made if on <= target.by)
        if (lacking := min(target.quantity, fillable) - standing) > 0 and target.by > brief.as_of_on:
            found.append(CrisisTarget(by=target.by, quantity=lacking))
    return tuple(found)


def with_orders(
    calendars: Calendars, standing: Standing, *, is_drill: bool, replaced: Mapping[UUID, tuple[Span, ...]]
) -> Calendars:
    """Return the calendars with the places of the orders taken that no booking holds.

    In a drill none does: there, bookings that have given way are gone, and the places that they moved to are taken.

    Parameters
    ----------
    replaced
        The places that bookings have moved to, or will, by slot.
    """
    reserved: dict[UUID, tuple[Span, ...]] = dict(calendars.reserved)
    awaited = [one for one in standing.kept if one.status is OrderStatus.ISSUED or is_drill]
    for order in awaited:
        reserved[order.slot_id] = (*reserved.get(order.slot_id, ()), order.span)
    if not is_drill:
        return replace(calendars, reserved=reserved)
    for slot_id, spans in replaced.items():
        reserved[slot_id] = (*reserved.get(slot_id, ()), *spans)
    gone = [one for one in calendars.bookings if one.booking_id in standing.given_way]
    freed = {one.slot_id: set[Span]() for one in gone}
    for one in gone:
        freed[one.slot_id].add(Span(one.start_on, one.end_on))
    slots = {unit: [_freed(slot, freed) for slot in listed] for unit, listed in calendars.slots.items()}
    kept = tuple(one for one in calendars.bookings if one not in gone)
    return replace(calendars, reserved=reserved, slots=slots, bookings=kept)


def _freed(slot: SlotFacts, freed: Mapping[UUID, set[Span]]) -> SlotFacts:
    if slot.slot_id not in freed:
        return slot
    return replace(slot, busy=tuple(span for span in slot.busy if span not in freed[slot.slot_id]))


def as_told(board: Board, standing: Standing) -> Board:
    """Return the board as the CDMOs have answered: nothing on units that dropped out, elsewhere no sooner than told.

    A booking that gives way already is not asked again, nor is another of its project; nor is one that no campaign
    could need any more.
    """
    campaigns = []
    for one in board.campaigns:
        unit_id = board.slots[one.slot_id].unit_id
        first = max(one.earliest_on, standing.not_before.get(unit_id, one.earliest_on))
        if unit_id not in standing.without and first <= one.latest_on:
            campaigns.append(replace(one, earliest_on=first))
    wanted = {one.slot_id for one in campaigns}
    movable = {
        booking_id: replace(
            one, places=tuple(to for to in one.places if board.slots[to.slot_id].unit_id not in standing.without)
        )
        for booking_id, one in board.movable.items()
        if one.booking.slot_id in wanted
        and booking_id not in standing.spoken_for
        and one.booking.product_id not in standing.projects
    }
    return replace(board, campaigns=tuple(campaigns), movable=movable)


def nothing_missing(board: Board) -> TierProblem:
    """Return the one problem of a crisis whose orders suffice: it asks for nothing, and so changes nothing."""
    return TierProblem(Tier.IDLE_CRISIS, problem_of(board, (), set()))


def problems_anew(board: Board) -> list[TierProblem]:
    """Return the problems of the tiers, every order fixed; fewer new orders are better."""
    return [
        replace(one, problem=_priced(one.problem, lambda option: option.cost + NEW_ORDER_CENTS))
        for one in tier_problems(board)
    ]


def changing_problem(
    board: Board, standing: Standing, lacking: Sequence[CrisisTarget], pending: Iterable[PendingDisplacement]
) -> Changing | None:
    """Return the problem in which unanswered orders may be given up, or None where none stands in anybody's way.

    Bookings that are to give way to them count as gone: whoever takes their days has them give way too, on days on
    which a power opens their place at the tier that was signed for them.

    Parameters
    ----------
    lacking
        What would be missing of the targets without these orders.
    pending
        The displacements that have yet to take effect.
    """
    waited_for = {booking_id for order in standing.changeable for booking_id in order.waits_for}
    passing = _passing_on(board, [one for one in pending if one.booking_id in waited_for])
    lawful = lawful_campaigns(called_campaigns(board), passing)
    places = {one.slot_id for one in lawful}
    orders = [one for one in standing.changeable if one.slot_id in places]
    if not orders or not lacking:
        return None
    loose = _loosened(replace(board, brief=replace(board.brief, targets=tuple(lacking))), orders)
    by_slot: dict[UUID, list[StandingOrder]] = defaultdict(list)
    for order in orders:
        by_slot[order.slot_id].append(order)
    split = [piece for one in lawful for piece in _split(one, by_slot[one.slot_id])]
    loose = replace(loose, campaigns=tuple(split))
    campaigns = called_campaigns(loose)
    tier = max(board.brief.tiers)
    problem = problem_of(loose, campaigns, {key for key, one in loose.movable.items() if one.tier <= tier})
    [surge] = problem.surges
    new = tuple(
        replace(option, cost=_cost(one, by_slot[one.slot_id]))
        for option, one in zip(surge.options, campaigns, strict=True)
    )
    kept = tuple(_kept(board.brief.as_of_on, order) for order in orders)
    problem = replace(problem, surges=(replace(surge, id=CHANGING, options=(*new, *kept)),))
    return Changing(loose, TierProblem(tier, problem))


def _passing_on(
    board: Board, pending: Iterable[PendingDisplacement]
) -> dict[UUID, list[tuple[Span, tuple[Span, ...]]]]:
    """Return the places of lots that wait to give way, by slot, each with the days on which another order may take it.

    None where the lot would not have its frozen days: it could not give way to that order any more.
    """
    brief, found = board.brief, defaultdict(list)
    frozen = frozen_until(brief.rules, accepted_by(brief.rules, brief.as_of_on))
    for one in pending:
        unit = board.units[board.slots[one.slot_id].unit_id]
        days = () if one.start_on < frozen else days_opened(brief.powers, unit, Tier(one.tier))
        found[one.slot_id].append((Span(one.start_on, one.end_on), days))
    return found


def _loosened(board: Board, orders: Sequence[StandingOrder]) -> Board:
    """Return the board without the places of orders, and without the bookings that wait to give way to them."""
    gone = {order.booking_id for order in orders} | {one for order in orders for one in order.waits_for}
    freed: dict[UUID, set[Span]] = defaultdict(set)
    for order in orders:
        freed[order.slot_id].add(order.span)
    for booking in board.bookings:
        if booking.booking_id in gone:
            freed[booking.slot_id].add(Span(booking.start_on, booking.end_on))
    return replace(
        board,
        slots={key: _freed(slot, freed) for key, slot in board.slots.items()},
        bookings=tuple(one for one in board.bookings if one.booking_id not in gone),
        reserved={
            key: tuple(span for span in spans if span not in freed.get(key, ()))
            for key, spans in board.reserved.items()
        },
    )


def _split(campaign: CampaignOption, orders: Sequence[StandingOrder]) -> list[CampaignOption]:
    """Return a campaign as one for each stretch of starts on which it would run over the same orders."""
    after = timedelta(days=1)
    cuts = {campaign.earliest_on, campaign.latest_on + after}
    for order in orders:
        cuts |= {order.start_on - timedelta(days=campaign.duration_days) + after, order.end_on}
    starts = sorted(cut for cut in cuts if campaign.earliest_on <= cut <= campaign.latest_on + after)
    return [replace(campaign, earliest_on=first, latest_on=until - after) for first, until in pairwise(starts)]


def _cost(campaign: CampaignOption, orders: Sequence[StandingOrder]) -> int:
    """Return what a campaign counts: its price, less for an earlier tier, and most for each order given up for it."""
    end_on = campaign.earliest_on + timedelta(days=campaign.duration_days)
    given_up = sum(one.start_on < end_on and campaign.earliest_on < one.end_on for one in orders)
    tiers = (campaign.tier - Tier.IDLE_CRISIS) * TIER_CENTS * len(campaign.releases)
    total = campaign.price_cents + tiers + NEW_ORDER_CENTS + given_up * GIVEN_UP_CENTS
    return min(total, scheduling.MOST_AMOUNT)


def _kept(as_of_on: date, order: StandingOrder) -> scheduling.SurgeOption:
    """Return an order as a campaign that can only be where it is, and costs nothing: keeping it is no change."""
    start = (order.start_on - as_of_on).days
    return scheduling.SurgeOption(
        window=str(order.slot_id),
        duration=order.span.days,
        earliest=start,
        latest=start,
        yields=tuple(
            scheduling.Yield((one.on - order.start_on).days, min(one.doses, scheduling.MOST_AMOUNT))
            for one in order.releases
        ),
    )


def _priced(problem: scheduling.Problem, cost: Callable[[scheduling.SurgeOption], int]) -> scheduling.Problem:
    [surge] = problem.surges
    options = tuple(replace(one, cost=min(cost(one), scheduling.MOST_AMOUNT)) for one in surge.options)
    return replace(problem, surges=(replace(surge, options=options),))
