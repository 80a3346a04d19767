"""What stands of orders, and what it delivers as things are."""

from datetime import date
from typing import Any
from uuid import UUID

import pytest

from app.bookings.models import BookingStatus
from app.capacity.supply import Span
from app.crisis.models import OrderStatus
from app.crisis.standing import Course, Release, as_document, releases_now, standing_of, still_holds
from tests.app.crisis.standing_orders import A_BATCH, late, order
from tests.support.world import day

PLANNED = order(1, 10, batches=3)
SPAN = Span(PLANNED.start_on, PLANNED.end_on)
NONE: frozenset[UUID] = frozenset()


def course(status: BookingStatus = BookingStatus.IN_PRODUCTION, **given: Any) -> Course:
    return Course(status=status, planned=SPAN, **given)


def test_a_campaign_of_which_nothing_is_told_goes_as_planned() -> None:
    assert releases_now(PLANNED.releases, 3, None) == PLANNED.releases
    assert releases_now(PLANNED.releases, 3, course()) == PLANNED.releases


@pytest.mark.parametrize(
    ("told", "days"),
    [
        ({"expected_end_on": date.fromordinal(SPAN.end_on.toordinal() + 9)}, 9),
        ({"expected_end_on": date.fromordinal(SPAN.end_on.toordinal() - 4)}, -4),
        ({"actual_start_on": day(15)}, 5),
        ({"actual_start_on": day(15), "expected_end_on": SPAN.end_on}, 0),
        ({"actual_start_on": day(10), "actual_end_on": SPAN.end_on}, 1),
    ],
)
def test_what_is_late_delivers_late(told: dict[str, Any], days: int) -> None:
    assert releases_now(PLANNED.releases, 3, course(**told)) == late(PLANNED, days)


def test_a_failed_campaign_delivers_nothing_and_a_poor_one_its_first_batches() -> None:
    assert releases_now(PLANNED.releases, 3, course(BookingStatus.FAILED, batches_released=0)) == ()
    poor = releases_now(PLANNED.releases, 3, course(BookingStatus.COMPLETED, batches_released=2))
    assert poor == PLANNED.releases[:2]


def test_batches_released_together_are_cut_among_them() -> None:
    """Four batches at once, of which three came out: 60,000 of 80,000."""
    together = [Release(day(50), 4 * A_BATCH)]
    assert releases_now(together, 4, course(BookingStatus.COMPLETED, batches_released=3)) == (
        Release(day(50), 3 * A_BATCH),
    )


def test_orders_stay_leave_or_are_lost() -> None:
    kept, counter, failed, gone = (
        order(1, 2, status=OrderStatus.ACCEPTED),
        order(2, 2, status=OrderStatus.COUNTERED, counter_earliest_on=day(30)),
        order(3, 2, status=OrderStatus.FAILED, releases=()),
        order(4, 2, status=OrderStatus.RELEASED),
    )
    standing = standing_of([kept, counter, failed, gone], answered_for=NONE, unavailable=NONE)
    assert standing.kept == (kept,)
    assert standing.lost == (counter, failed)
    assert standing.not_before == {counter.unit_id: day(30)}
    answered = standing_of([kept, counter, failed], answered_for=frozenset({counter.order_id}), unavailable=NONE)
    assert answered.lost == (failed,)
    assert answered.not_before == {counter.unit_id: day(30)}, "its CDMO's word stands"


def test_of_several_counters_of_a_unit_the_latest_day_counts() -> None:
    first = order(1, 2, status=OrderStatus.COUNTERED, counter_earliest_on=day(60))
    second = order(1, 70, status=OrderStatus.COUNTERED, counter_earliest_on=day(40))
    assert standing_of([first, second], answered_for=NONE, unavailable=NONE).not_before == {first.unit_id: day(60)}


def test_a_unit_that_dropped_out_gives_up_what_it_has_not_begun() -> None:
    """One of its orders was withdrawn by its CDMO; the campaign that runs goes on, and what waits is released."""
    withdrawn = order(1, 2, status=OrderStatus.WITHDRAWN)
    waiting = order(1, 50, order_id=UUID(int=8))
    running = order(1, 100, order_id=UUID(int=9), status=OrderStatus.ACCEPTED, has_begun=True)
    named = order(2, 2, status=OrderStatus.ACCEPTED)
    standing = standing_of(
        [withdrawn, waiting, running, named], answered_for=NONE, unavailable=frozenset({named.unit_id})
    )
    assert standing.without == {withdrawn.unit_id, named.unit_id}
    assert standing.leaving == (waiting, named)
    assert standing.kept == (running,)
    assert standing.lost == (withdrawn,)


def test_who_gives_way_to_a_kept_order_is_spoken_for_and_to_one_that_leaves_is_not() -> None:
    first, second, replacement, gone = (UUID(int=number) for number in range(1, 5))
    stays, leaves = order(1, 2, waits_for=(first,)), order(2, 2, waits_for=(second,))
    standing = standing_of(
        [stays, leaves],
        answered_for=NONE,
        unavailable=frozenset({leaves.unit_id}),
        given_way=frozenset({gone}),
        replacing=frozenset({replacement}),
    )
    assert standing.spoken_for == {first, replacement, gone}


@pytest.mark.parametrize(
    ("before", "after", "holds"),
    [
        ({}, {}, True),
        ({}, {"status": OrderStatus.ACCEPTED}, True),
        ({"status": OrderStatus.ACCEPTED}, {"status": OrderStatus.COMPLETED}, True),
        ({"status": OrderStatus.ACCEPTED}, {}, False),
        ({}, {"status": OrderStatus.COUNTERED}, False),
        ({"status": OrderStatus.ACCEPTED}, {"status": OrderStatus.FAILED, "releases": ()}, False),
        ({}, {"status": OrderStatus.ACCEPTED, "releases": (Release(day(99), A_BATCH),)}, False),
    ],
)
def test_only_acceptances_and_completions_leave_things_as_they_were(
    before: dict[str, Any], after: dict[str, Any], holds: bool
) -> None:
    seen, now = as_document(order(1, 2, **before)), as_document(order(1, 2, **after))
    assert still_holds([seen], [now]) is holds
    assert not still_holds([seen], [now, as_document(order(2, 2))])
    assert not still_holds([seen], [])
