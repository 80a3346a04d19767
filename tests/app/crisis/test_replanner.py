"""The problems of planning anew, small ones worked out by hand, and what holds of every amendment."""

import json
from dataclasses import replace
from datetime import date
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.allocation.escalation import is_met, surge_reached
from app.capacity.supply import ModalityTerms, SlotFacts, Span
from app.core.vocabulary import Reserve
from app.crisis.amendment_body import Amending, amendment_body
from app.crisis.amendment_grounds import outcome_of
from app.crisis.amendment_work import Work, work_on
from app.crisis.campaigns import Brief
from app.crisis.composing import made_of
from app.crisis.declaration import Countermeasure, CrisisRules, CrisisScope, CrisisTarget
from app.crisis.models import OrderStatus, PowerKind
from app.crisis.replanner import CHANGING, missing_targets
from app.crisis.rules import BookingFacts, Power, Tier, accepted_by, frozen_until
from app.crisis.scoping import Calendars
from app.crisis.standing import PendingDisplacement, Release, StandingOrder, as_document, standing_of
from app.crisis.stock import Stock
from scheduler.baselines import BASELINES
from scheduler.objectives import value
from scheduler.plan import solution_of
from scheduler.problem import Problem
from scheduler.solution import Level
from scheduler.solve import solve
from tests.app.crisis.conftest import countermeasure
from tests.app.crisis.standing_orders import A_BATCH, order
from tests.app.crisis.test_campaigns import unit
from tests.support.world import day

SLOT_DAYS = 120


def brief(*targets: tuple[int, int], **made: object) -> Brief:
    return Brief(
        crisis_id=UUID(int=9),
        as_of_on=day(0),
        start_on=day(0),
        end_on=day(300),
        countermeasure=Countermeasure.model_validate(countermeasure(**made)),
        targets=tuple(CrisisTarget(by=day(by), quantity=quantity) for by, quantity in targets),
        scope=CrisisScope(),
        rules=CrisisRules(),
        tiers=tuple(Tier),
        powers=(Power(PowerKind.REQUISITION_OR_ORDER, day(0), day(300)),),
    )


def stock(orders: list[StandingOrder], pending: tuple[PendingDisplacement, ...] = (), **told: Any) -> Stock:
    standing = standing_of(orders, answered_for=frozenset(), unavailable=told.pop("unavailable", frozenset()), **told)
    return Stock(UUID(int=1), "0" * 64, tuple(orders), pending, standing, {})


def calendars(
    lines: int, bookings: tuple[BookingFacts, ...] = (), *, end: int = SLOT_DAYS, ends: dict[int, int] | None = None
) -> Calendars:
    """Return so many lines, numbered from 1, with a slot of the crisis reserve each; the last is a little dearer."""
    terms = {n: ModalityTerms("monoclonal_antibody", 42, price_cents=100 + n // lines) for n in range(1, lines + 1)}
    units = {
        UUID(int=200 + n): unit(unit_id=UUID(int=200 + n), terms={"monoclonal_antibody": terms[n]})
        for n in range(1, lines + 1)
    }
    slots = {
        UUID(int=200 + n): [
            SlotFacts(
                slot_id=UUID(int=100 + n),
                unit_id=UUID(int=200 + n),
                period=Span(day(0), day((ends or {}).get(n, end))),
                reserve=Reserve.CRISIS,
                busy=tuple(Span(one.start_on, one.end_on) for one in bookings if one.slot_id == UUID(int=100 + n)),
            )
        ]
        for n in range(1, lines + 1)
    }
    return Calendars(units, slots, bookings, {}, {}, dict.fromkeys(units, 1))


def booking(number: int, line: int, start: int, end: int) -> BookingFacts:
    return BookingFacts(
        booking_id=UUID(int=number),
        slot_id=UUID(int=100 + line),
        unit_id=UUID(int=200 + line),
        organisation_id=UUID(int=5),
        start_on=day(start),
        end_on=day(end),
        delivery_on=day(end + 39),
        price_cents=1_000,
    )


def amended(asked_for: Brief, on: Calendars, taken: Stock, *, by_greed: bool = False) -> tuple[Work, dict[str, Any]]:
    """Return what there was to solve, and the body of the amendment that its solution comes to."""
    work = work_on(asked_for, on, taken, is_drill=True, filling_from_on=day(0))
    for one in work.problems:
        document = json.loads(one.problem.to_json())
        solved = _greedy(one.problem) if by_greed else solve(one.problem, time_limit_s=2)
        solution = json.loads(solved.to_json())
        if is_met(document, solution):
            break
    asked = Amending(
        plan_id=taken.plan_id,
        plan_hash=taken.plan_hash,
        reason_code="other",
        as_of_on=asked_for.as_of_on,
        targets=None,
        unavailable_unit_ids=(),
        orders=taken.documents,
        changing=work.changing_references,
        batch_doses=dict(work.batch_doses),
    )
    outcome = outcome_of(document, solution, work.references, asked, asked_for)
    if not outcome.settled.withheld:  # kept orders count beside new campaigns, towards what was missing
        assert sum(outcome.doses.values()) == surge_reached(solution)
    made = made_of(asked_for, work.references, outcome.settled, document, solution, mode="drill", tiers_tried=[])
    body = amendment_body(made, asked, standing=taken.standing, pending=taken.pending, filling_from_on=day(0))
    return work, body


def _greedy(problem: Problem) -> Any:
    plan = BASELINES["greedy"](problem)
    levels = tuple(Level(name, value(problem, plan, name), 10**12, False) for name in problem.objectives)
    return solution_of(problem, plan, status="feasible", levels=levels, engine="greedy", seed=0)


def test_what_is_ordered_counts_towards_every_later_target_and_for_no_more_than_it_asks() -> None:
    """Of 10, 50 and 100, 30 by day 40 and 20 more by day 80: nothing of the first, 20 and 50 are missing."""
    made = brief((40, 10), (60, 50), (100, 100))
    releases = [Release(day(40), 30), Release(day(80), 20)]
    lacking = missing_targets(made, releases, day(0))
    assert [(one.by, one.quantity) for one in lacking] == [(day(60), 20), (day(100), 50)]


def test_no_more_is_missing_than_can_be_filled() -> None:
    """70 a week from day 0 fill 100 by day 10: of 300 wanted then, 60 are missing beside 40 ordered."""
    lacking = missing_targets(brief((10, 300), fill_cap_per_week=70), [Release(day(9), 40)], day(0))
    assert [one.quantity for one in lacking] == [60]


def test_a_target_whose_day_is_over_is_not_planned_for() -> None:
    made = brief((40, 10), (60, 50))
    late = Brief(**{name: getattr(made, name) for name in made.__slots__} | {"as_of_on": day(40)})
    assert [one.by for one in missing_targets(late, [], day(0))] == [day(60)]


def test_with_orders_fixed_the_first_tier_that_suffices_is_the_only_one_solved() -> None:
    """Line 1 is ordered for 40,000; 20,000 more by day 86: one batch on line 2, though line 1 has room for none."""
    ordered = order(1, 2, batches=2, status=OrderStatus.ACCEPTED)
    work, body = amended(brief((86, 60_000)), calendars(2, end=70), stock([ordered]))
    assert len(work.problems) == 1
    assert [(one["unit_id"], one["batches"]) for one in body["campaigns"]] == [(str(UUID(int=202)), 1)]
    assert (body["targets"][0]["reached"], body["changed_orders"]) == (60_000, 1)


def test_fewer_new_orders_are_better() -> None:
    """Three batches more by day 86: in one campaign on line 4, though two on lines 2 and 3 would cost less.

    Line 1 is ordered, and has room for no more; lines 2 and 3 for two batches, which take 60 days.
    """
    ordered = order(1, 2, batches=1, status=OrderStatus.ACCEPTED)
    on = calendars(4, end=62, ends={4: 79})
    _, body = amended(brief((86, 80_000)), on, stock([ordered]))
    assert [(one["unit_id"], one["batches"]) for one in body["campaigns"]] == [(str(UUID(int=204)), 3)]


def test_of_places_that_bring_the_same_the_one_that_gives_up_fewer_orders_is_taken() -> None:
    """Three batches by day 86 take [2, 79): in place of two orders on line 1, or of one on line 2, which is dearer.

    The second order on line 1, over [45, 88), delivers too late for the target: nothing but its release speaks against
    its place.
    """
    orders = [order(1, 2), order(1, 45, order_id=UUID(int=8)), order(2, 2)]
    _, body = amended(brief((86, 80_000)), calendars(2, end=90), stock(orders))
    assert [one["unit_id"] for one in body["campaigns"]] == [str(UUID(int=202))]
    assert (body["changed_orders"], len(body["orders"]["kept"])) == (1, 2)


def test_as_few_unanswered_orders_as_possible_are_given_up() -> None:
    """Lines 1 and 2 have an order of one batch each over [2, 45); 40,000 more are wanted by day 86.

    Three batches by then start on day 2 and take [2, 79): in place of one order they make 20,000 + 60,000 = 80,000,
    which is enough with the other. To give up both would bring 120,000, and no more of what is asked.
    """
    work, body = amended(brief((86, 80_000)), calendars(2, end=79), stock([order(1, 2), order(2, 2)]))
    assert work.problems[-1].problem.surges[0].id == CHANGING
    assert (len(body["orders"]["kept"]), len(body["orders"]["changed"])) == (1, 1)
    assert [one["batches"] for one in body["campaigns"]] == [3]
    assert (body["targets_met"], body["changed_orders"]) == (True, 1)


def test_no_order_is_given_up_where_a_booking_can_give_way_instead() -> None:
    """Line 2 is held by a lot over [20, 79): three batches take its place, and the order on line 1 stays."""
    lot = booking(7, 2, 20, 79)
    work, body = amended(brief((86, 80_000)), calendars(2, (lot,), end=79), stock([order(1, 2)]))
    assert [one["booking_id"] for one in body["displacements"]] == [str(lot.booking_id)]
    assert len(body["orders"]["kept"]) == 1
    assert work.problems[0].tier is Tier.CONFIRMED, "the tiers before fall short, and are not solved"


@pytest.mark.parametrize(("lot_on", "act_until", "is_taken_over"), [(40, 300, True), (40, 6, False), (20, 300, False)])
def test_a_lot_gives_way_to_another_order_only_where_a_power_bears_it_and_its_days_are_not_frozen(
    lot_on: int, act_until: int, *, is_taken_over: bool
) -> None:
    """The order [7, 50) waits for a lot; two batches from day 7 on take [7, 67) instead, and are released by day 74.

    Planned and signed on day 5, answered by day 7: a lot before day 21 is frozen. The act is needed on day 7.
    """
    lot = booking(7, 1, lot_on, lot_on + 27)
    waits = order(1, 7, waits_for=(lot.booking_id,))
    pending = (PendingDisplacement(lot.booking_id, lot.slot_id, lot.start_on, lot.end_on, 10, 6),)
    powers = (
        Power(PowerKind.REQUISITION_OR_ORDER, day(0), day(act_until)),
        Power(PowerKind.RESERVE_CONTRACT, day(0), day(300)),
    )
    asked = replace(brief((80, 40_000)), as_of_on=day(5), powers=powers)
    _, body = amended(asked, calendars(1, (lot,)), stock([waits], pending))
    assert [one["booking_id"] for one in body["pending_displacements"]["passed_on"]] == (
        [str(lot.booking_id)] if is_taken_over else []
    )
    assert len(body["orders"]["kept"]) == (not is_taken_over)


@pytest.mark.parametrize(("lot_on", "is_shared"), [(21, True), (20, False)])
def test_a_lot_gives_way_to_an_order_behind_the_one_that_it_waits_for_only_where_its_days_are_not_frozen(
    lot_on: int, *, is_shared: bool
) -> None:
    """The order [7, 50) waits for a lot that ends on day 100; a batch by day 110 starts by day 60, over the lot too.

    Planned and signed on day 5, answered by day 7: a lot before day 21 is frozen.
    """
    lot = booking(7, 1, lot_on, 100)
    waits = order(1, 7, waits_for=(lot.booking_id,))
    pending = (PendingDisplacement(lot.booking_id, lot.slot_id, lot.start_on, lot.end_on, 10, 6),)
    asked = replace(brief((110, 40_000)), as_of_on=day(5))
    _, body = amended(asked, calendars(1, (lot,)), stock([waits], pending))
    becomes, told = body["pending_displacements"], str(lot.booking_id)
    assert (len(body["orders"]["kept"]), len(body["campaigns"])) == (1, is_shared)
    assert (becomes["stay"], becomes["passed_on"]) == ([told], [])
    entry = {"booking_id": told, "campaigns": [1], "tier": 6, "start": day(lot_on).isoformat()}
    assert becomes["shared"] == ([entry] if is_shared else [])


LINES = 3
SOME_ORDER = st.tuples(
    st.integers(2, 40),
    st.integers(1, 2),
    st.sampled_from([OrderStatus.ISSUED, OrderStatus.ACCEPTED, OrderStatus.COUNTERED, OrderStatus.WITHDRAWN]),
)


@st.composite
def stories(draw: st.DrawFn) -> tuple[Brief, Calendars, Stock]:
    """Lines with an order or none each, and a lot behind it, or in its way if nobody has answered the order."""
    orders, lots, pending = [], [], []
    for line in range(1, LINES + 1):
        placed = draw(st.none() | SOME_ORDER)
        made = order(line, placed[0], placed[1], status=placed[2]) if placed else None
        start = draw(st.integers(0, 100))
        lot = booking(line, line, start, start + draw(st.integers(5, 43)))
        if made is None or made.status in {OrderStatus.COUNTERED, OrderStatus.WITHDRAWN}:
            lots.append(lot)
        elif made.status is OrderStatus.ISSUED:
            lots.append(lot)
            if made.start_on < lot.end_on and lot.start_on < made.end_on:
                made = order(line, placed[0], placed[1], status=placed[2], waits_for=(lot.booking_id,))  # type: ignore[index]
                pending.append(PendingDisplacement(lot.booking_id, lot.slot_id, lot.start_on, lot.end_on, 10, 4))
        elif lot.start_on >= made.end_on:
            lots.append(lot)
        if made is not None and made.status is OrderStatus.COUNTERED:
            made = order(line, placed[0], status=made.status, counter_earliest_on=day(60))  # type: ignore[index]
        orders += [] if made is None else [made]
    waited_for = {one for made in orders for one in made.waits_for}
    idle = [one.booking_id for one in lots if one.booking_id not in waited_for]
    replacing = frozenset(draw(st.lists(st.sampled_from(idle), unique=True)) if idle else ())
    unavailable = frozenset(draw(st.lists(st.integers(201, 200 + LINES).map(lambda n: UUID(int=n)), max_size=1)))
    wanted = sorted(draw(st.lists(st.integers(1, 12), min_size=2, max_size=2)))
    asked = brief((90, wanted[0] * A_BATCH), (140, wanted[1] * A_BATCH))
    taken = stock(orders, tuple(pending), replacing=replacing, unavailable=unavailable)
    return asked, calendars(LINES, tuple(lots), end=150), taken


@given(stories())
@settings(deadline=None)
def test_what_holds_of_every_amendment(story: tuple[Brief, Calendars, Stock]) -> None:
    asked, on, taken = story
    _, body = amended(asked, on, taken, by_greed=True)
    kept = {one["order_id"] for one in body["orders"]["kept"]}
    standing = taken.standing
    _accepted_orders_stay(standing.kept, kept)
    _campaigns_run_where_they_may(body, taken, kept)
    _doses_are_those_of_what_stands(body, asked)
    _nobody_gives_way_twice(body, taken)
    _who_waits_for_a_new_order_can_give_way_in_time(body, taken, asked)
    counted = [*body["orders"]["changed"], *body["orders"]["released"], *body["orders"]["new"]]
    assert body["changed_orders"] == len(counted)
    assert len(body["campaigns"]) == len(body["orders"]["new"]) + len(body["orders"]["changed"])


def _accepted_orders_stay(orders: tuple[StandingOrder, ...], kept: set[str]) -> None:
    assert {str(one.order_id) for one in orders if one.status is OrderStatus.ACCEPTED} <= kept


def _campaigns_run_where_they_may(body: dict[str, Any], taken: Stock, kept: set[str]) -> None:
    """No campaign runs over another, over what is kept, before its CDMO's word, or where one has dropped out."""
    places = [(one["slot_id"], one["start"], one["end"]) for one in body["campaigns"]]
    places += [
        (one["slot_id"], one["start"], one["end"]) for one in map(as_document, taken.orders) if one["order_id"] in kept
    ]
    for number, (slot, start, end) in enumerate(places):
        assert not any(slot == s and start < e and b < end for s, b, e in places[number + 1 :])
    for one in body["campaigns"]:
        unit_id = UUID(one["unit_id"])
        assert unit_id not in taken.standing.without
        assert date.fromisoformat(one["start"]) >= taken.standing.not_before.get(unit_id, day(0))


def _doses_are_those_of_what_stands(body: dict[str, Any], asked: Brief) -> None:
    made = [*body["orders"]["kept"], *body["campaigns"]]
    for target, told in zip(asked.targets, body["targets"], strict=True):
        delivered = [one for entry in made for one in entry["deliveries"]]
        assert told["reached"] == sum(one["doses"] for one in delivered if date.fromisoformat(one["on"]) <= target.by)


def _nobody_gives_way_twice(body: dict[str, Any], taken: Stock) -> None:
    asked = [one["booking_id"] for one in body["displacements"]]
    assert len(asked) == len(set(asked))
    assert not set(asked) & {str(one) for one in taken.standing.spoken_for}
    becomes = body["pending_displacements"]
    told = [*becomes["stay"], *becomes["dropped"], *(one["booking_id"] for one in becomes["passed_on"])]
    assert sorted(told) == sorted(str(one.booking_id) for one in taken.pending)
    assert not set(asked) & set(becomes["stay"])
    assert all(one["campaigns"] for one in becomes["passed_on"])


def _who_waits_for_a_new_order_can_give_way_in_time(body: dict[str, Any], taken: Stock, asked: Brief) -> None:
    """Each lot over which a new campaign runs is told with it, and is not frozen on the last day to accept."""
    lots = {str(one.booking_id): one for one in taken.pending}
    becomes = body["pending_displacements"]
    told = {one["booking_id"]: one["campaigns"] for one in [*becomes["passed_on"], *becomes["shared"]]}
    over = {
        key: [one["number"] for one in body["campaigns"] if _runs_over(one, lot)]
        for key, lot in lots.items()
        if key not in becomes["dropped"]
    }
    assert told == {key: numbers for key, numbers in over.items() if numbers}
    frozen = frozen_until(asked.rules, accepted_by(asked.rules, asked.as_of_on))
    assert all(lots[key].start_on >= frozen for key in told)


def _runs_over(campaign: dict[str, Any], lot: PendingDisplacement) -> bool:
    start_on, end_on = date.fromisoformat(campaign["start"]), date.fromisoformat(campaign["end"])
    return UUID(campaign["slot_id"]) == lot.slot_id and start_on < lot.end_on and lot.start_on < end_on
