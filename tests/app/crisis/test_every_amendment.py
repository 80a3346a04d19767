"""What holds of every amendment, whatever stands when its crisis is planned anew."""

from datetime import date
from typing import Any
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from app.crisis.campaigns import Brief
from app.crisis.models import OrderStatus
from app.crisis.rules import accepted_by, frozen_until
from app.crisis.scoping import Calendars
from app.crisis.standing import PendingDisplacement, StandingOrder, as_document
from app.crisis.stock import Stock
from tests.app.crisis.planned_anew import amended, booking, brief, calendars, stock
from tests.app.crisis.standing_orders import A_BATCH, order
from tests.support.world import day

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
