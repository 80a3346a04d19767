"""The problems of planning anew, small ones worked out by hand."""

from dataclasses import replace
from uuid import UUID

import pytest

from app.crisis.campaigns import Brief
from app.crisis.models import OrderStatus, PowerKind
from app.crisis.replanner import CHANGING, missing_targets
from app.crisis.rules import Power, Tier
from app.crisis.standing import PendingDisplacement, Release
from tests.app.crisis.planned_anew import amended, booking, brief, calendars, stock
from tests.app.crisis.standing_orders import order
from tests.support.world import day


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
