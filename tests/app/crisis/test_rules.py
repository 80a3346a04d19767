"""Rules of crises: what follows what, which tiers the powers open, who is never touched."""

from datetime import timedelta
from math import ceil
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.bookings.models import FailureCause
from app.capacity.supply import Span
from app.core.vocabulary import Reserve
from app.crisis.body import plan_hash
from app.crisis.declaration import CrisisRules
from app.crisis.models import CrisisMode, CrisisStatus, OrderStatus, PowerKind
from app.crisis.power_scope import tiers_within, usable
from app.crisis.rules import (
    ORDER_TRANSITIONS,
    TRANSITIONS,
    BookingFacts,
    Power,
    Tier,
    compensation_cents,
    days_of,
    due_cents,
    first_start_on,
    tier_of_booking,
)
from tests.support.world import day

NOBODY = UUID(int=0)


def a_booking(**given: object) -> BookingFacts:
    facts: dict[str, object] = {
        "booking_id": NOBODY,
        "slot_id": NOBODY,
        "unit_id": NOBODY,
        "organisation_id": NOBODY,
        "start_on": day(30),
        "end_on": day(70),
        "delivery_on": day(110),
        "price_cents": 1_000,
    }
    return BookingFacts(**(facts | given))  # type: ignore[arg-type]


def test_every_status_has_its_row_and_ends_are_ends() -> None:
    assert set(TRANSITIONS) == set(CrisisStatus)
    assert set(ORDER_TRANSITIONS) == set(OrderStatus)
    assert {status for status, after in TRANSITIONS.items() if not after} == {"stood_down", "expired"}


def test_nothing_is_activated_unsigned() -> None:
    assert {status for status, after in TRANSITIONS.items() if CrisisStatus.ACTIVE in after} == {CrisisStatus.SIGNED}
    assert {status for status, after in TRANSITIONS.items() if CrisisStatus.SIGNED in after} == {CrisisStatus.PLANNED}


@pytest.mark.parametrize(
    ("kind", "mode", "tiers"),
    [
        ("reserve_contract", "real", (1, 2)),
        ("voluntary", "real", (3, 4, 5)),
        ("requisition_or_order", "real", (1, 2, 3, 4, 5, 6)),
        ("exercise", "real", ()),
        ("exercise", "drill", (1, 2, 3, 4, 5, 6)),
    ],
)
def test_each_power_opens_its_tiers(kind: str, mode: str, tiers: tuple[int, ...]) -> None:
    power = Power(PowerKind(kind), day(0), day(10))
    powers = usable([power], CrisisMode(mode))
    assert tiers_within(powers, Span(day(0), day(1))) == tiers
    assert tiers_within(powers, Span(day(9), day(20))) == tiers
    assert tiers_within(powers, Span(day(10), day(20))) == ()
    assert tiers_within(powers, Span(day(-1), day(0))) == ()


@given(st.sets(st.sampled_from([kind for kind in PowerKind if kind is not PowerKind.REQUISITION_OR_ORDER])))
def test_in_a_real_crisis_a_confirmed_booking_gives_way_to_a_requisition_alone(kinds: set[PowerKind]) -> None:
    powers = usable([Power(kind, day(0), day(10)) for kind in kinds], CrisisMode.REAL)
    assert Tier.CONFIRMED not in tiers_within(powers, Span(day(5), day(6)))


@given(
    start=st.integers(-60, 200),
    signing=st.integers(0, 100),
    response=st.integers(1, 100),
    frozen=st.integers(0, 60),
    recallable=st.booleans(),
    notice=st.none() | st.integers(0, 90),
    displaced=st.none() | st.integers(-400, 0),
    firm=st.booleans(),
    reserve=st.sampled_from(list(Reserve)),
)
def test_who_is_never_touched_is_never_given_a_tier(
    *,
    start: int,
    signing: int,
    response: int,
    frozen: int,
    recallable: bool,
    notice: int | None,
    displaced: int | None,
    firm: bool,
    reserve: Reserve,
) -> None:
    """Whoever signs and answers within their hours does so before the frozen days, and gives notice in time.

    Each has its last day to the end: 25 and 73 hours are two days and four, not the five of 98 hours.
    """
    hours = {"signing_hours": signing, "response_hours": response}
    rules = CrisisRules(frozen_days=frozen, protection_days=180, recall_notice_days=30, **hours)
    booking = a_booking(
        start_on=day(start),
        firm=firm,
        recallable=recallable,
        displaced_on=None if displaced is None else day(displaced),
    )
    tier = tier_of_booking(booking, reserve, notice, rules, day(0))
    activated = ceil(signing / 24)
    accepted = activated + ceil(response / 24)
    untouchable = not firm or start < accepted + frozen or (displaced is not None and displaced > -180)
    assert (tier is None) == untouchable
    in_time = start >= activated + (30 if notice is None else notice)
    if tier in {Tier.LENT_CRISIS, Tier.RECALLABLE}:
        assert recallable
        assert in_time
        assert (tier is Tier.LENT_CRISIS) == (reserve is Reserve.CRISIS)
    elif tier is Tier.CONFIRMED:
        assert not (recallable and in_time)


@given(price=st.integers(0, 10**12), moved=st.booleans(), recallable=st.booleans())
def test_compensation_is_a_share_of_the_price(*, price: int, moved: bool, recallable: bool) -> None:
    rules = CrisisRules()
    owed = compensation_cents(rules, price, moved=moved, recallable=recallable)
    assert 0 <= owed <= price
    assert compensation_cents(rules, price, moved=True, recallable=recallable) <= compensation_cents(
        rules, price, moved=False, recallable=recallable
    )


@pytest.mark.parametrize(("cause", "due"), [("cdmo", 0), ("product", 1_000), ("unknown", 1_000), (None, 1_000)])
def test_what_is_due_of_a_failed_campaign_follows_from_its_cause(cause: str | None, due: int) -> None:
    assert due_cents(CrisisRules().model_dump(mode="json"), 1_000, FailureCause(cause) if cause else None) == due


def test_all_is_due_of_a_failed_campaign_under_rules_that_were_signed_without_a_word_on_it() -> None:
    older = CrisisRules().model_dump(mode="json", exclude={"failures"})
    assert due_cents(older, 1_000, FailureCause.CDMO) == 1_000


@given(signing=st.integers(0, 720), hours=st.integers(1, 720))
def test_no_campaign_starts_before_its_order_can_be_signed_and_answered(signing: int, hours: int) -> None:
    rules = CrisisRules(signing_hours=signing, response_hours=hours)
    first = first_start_on(day(0), day(-5), rules)
    assert timedelta(hours=signing + hours) <= first - day(0) < timedelta(hours=signing + hours + 48)
    assert first == day(0) + days_of(signing) + days_of(hours)  # each begins on a day of its own
    assert first_start_on(day(0), day(90), rules) == max(first, day(90))


def test_the_hash_knows_no_order_of_keys_and_every_figure() -> None:
    assert plan_hash({"a": 1, "b": [1, 2]}) == plan_hash({"b": [1, 2], "a": 1})
    assert plan_hash({"a": 1, "b": [1, 2]}) != plan_hash({"a": 1, "b": [2, 1]})
