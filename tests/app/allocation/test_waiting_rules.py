"""Who is first, and what is open to each: pure, without a database."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from uuid import UUID, uuid4

from hypothesis import given
from hypothesis import strategies as st

from app.allocation.planner import Supply, build_problem
from app.allocation.policy import RoundPolicy
from app.allocation.waiting_rules import (
    MOST_CONTENDERS,
    GivenUp,
    SkipReason,
    Usage,
    Verdict,
    Waiting,
    freed_stretches,
    judged,
    only_free,
    strictly_ordered,
    told_apart,
    weighed,
)
from app.capacity.supply import Span
from app.matching.slots import gaps
from scheduler.solve import solve
from tests.app.allocation.test_planner import ORIGIN, day, request_of, slot_of, supply_of, unit_of

POLICY = RoundPolicy()
SINCE = datetime(2029, 1, 1, tzinfo=UTC)

spans = st.lists(st.tuples(st.integers(0, 90), st.integers(1, 30)), max_size=6)
ranks = st.tuples(st.booleans(), st.integers(1, 3), st.integers(0, 9), st.integers(0, 5))


def waiting_of(*, tier: int = 3, points: int = 1, hours: int = 0, **given_: object) -> Waiting:
    since_at = SINCE + timedelta(hours=hours)
    return Waiting(request=request_of(), tier=tier, points=points, since_at=since_at, **given_)  # type: ignore[arg-type]


def spans_of(pairs: list[tuple[int, int]]) -> list[Span]:
    return [Span(day(start), day(start + length)) for start, length in pairs]


@given(st.lists(ranks, min_size=2, max_size=8))
def test_the_order_is_first_refusal_tier_points_and_who_has_waited_longer(
    given_: list[tuple[bool, int, int, int]],
) -> None:
    unit = unit_of()
    supply = supply_of(unit, slot_of(unit, 0, 43))
    waiting = [
        waiting_of(tier=tier, points=points, hours=hours, first_refusal=first) for first, tier, points, hours in given_
    ]
    verdicts = judged(reversed(waiting), supply, ORIGIN, POLICY)
    assert [one.position for one in verdicts] == list(range(1, len(waiting) + 1))
    for before, after in pairwise(one.waiting for one in verdicts):
        if before.first_refusal == after.first_refusal and before.tier == after.tier and before.points == after.points:
            assert before.since_at <= after.since_at
        elif before.first_refusal == after.first_refusal and before.tier == after.tier:
            assert before.points > after.points
        elif before.first_refusal == after.first_refusal:
            assert before.tier < after.tier
        else:
            assert before.first_refusal


@given(st.integers(1, 40))
def test_no_number_of_those_behind_outweighs_one_before_them(count: int) -> None:
    unit = unit_of()
    supply = supply_of(unit, slot_of(unit, 0, 43))
    entries = weighed(judged([waiting_of() for _ in range(count)], supply, ORIGIN, POLICY))
    weights = [entry.weight for entry in entries]
    assert len(weights) == min(count, MOST_CONTENDERS)
    assert all(weight > sum(weights[number + 1 :]) for number, weight in enumerate(weights))


def test_the_engine_serves_in_turn_though_two_behind_would_weigh_more_in_a_round() -> None:
    """The first one takes 60 of 90 days; the two behind it, of 43 each, would both fit without it."""
    unit = unit_of()
    supply = supply_of(unit, slot_of(unit, 0, 90))
    first = replace(waiting_of(points=5), request=request_of(batches=2))
    verdicts = judged([waiting_of(points=4), first, waiting_of(points=4, hours=1)], supply, ORIGIN, POLICY)
    built = build_problem(weighed(verdicts), supply, strictly_ordered(POLICY), ORIGIN)
    found = solve(built.problem, time_limit_s=20.0, workers=1)
    assert [UUID(placed.demand) for placed in found.placed] == [first.request.request_id]
    told = told_apart(verdicts, {first.request.request_id: None})
    assert [one.reason for one in told] == [None, "outranked", "outranked"]
    assert told[1].facts == {"chosen": [{"position": 1, "tier": 3, "points": 5}]}


@given(spans, spans)
def test_what_is_free_around_freed_days_is_offered_and_nothing_else(
    taken: list[tuple[int, int]], freed: list[tuple[int, int]]
) -> None:
    unit = unit_of()
    slot = replace(slot_of(unit, 0, 120), busy=tuple(spans_of(taken)))
    stretches = freed_stretches(slot, spans_of(freed))
    free = {on for stretch in gaps(slot.period, slot.busy) for on in _days(stretch)}
    wanted = {on for span in spans_of(freed) for on in _days(span)} & free
    offered = {on for stretch in stretches for on in _days(stretch)}
    assert wanted <= offered <= free
    assert all(set(_days(stretch)) & wanted for stretch in stretches)
    masked = only_free(slot, stretches)
    assert {on for stretch in gaps(masked.period, masked.busy) for on in _days(stretch)} == offered


def _days(span: Span) -> list[date]:
    return [span.start_on + timedelta(days=number) for number in range(span.days)]


def supply_and_verdict(waiting: Waiting, *, end: int = 43, policy: RoundPolicy = POLICY) -> Verdict:
    unit = unit_of()
    supply: Supply = supply_of(unit, slot_of(unit, 0, end))
    [verdict] = judged([waiting], supply, ORIGIN, policy)
    return verdict


def test_given_up_days_are_barred_and_the_days_beside_them_are_not() -> None:
    given_up = (GivenUp(Span(day(0), day(43)), SkipReason.DECLINED_HERE),)
    assert supply_and_verdict(waiting_of(given_up=given_up)).reason == "declined_here"
    [option] = supply_and_verdict(waiting_of(given_up=given_up), end=86).options
    assert (option.earliest_start_on, option.latest_start_on) == (day(43), day(43))


def test_days_given_up_in_the_middle_leave_two_stretches_of_starts() -> None:
    given_up = (GivenUp(Span(day(60), day(80)), SkipReason.CANCELLED_HERE),)
    options = supply_and_verdict(waiting_of(given_up=given_up), end=150).options
    starts = [(one.earliest_start_on, one.latest_start_on) for one in options]
    assert starts == [(day(0), day(17)), (day(80), day(107))]


def test_only_an_earlier_delivery_will_do_for_who_has_a_place() -> None:
    """From day 0 it delivers on day 82."""
    assert supply_and_verdict(waiting_of(present_delivery_on=day(83))).reason is None
    assert supply_and_verdict(waiting_of(present_delivery_on=day(82))).reason == "not_earlier"
    assert supply_and_verdict(waiting_of(present_delivery_on=day(200), until_on=day(81))).reason == "not_earlier"
    assert supply_and_verdict(waiting_of(present_delivery_on=day(200), until_on=day(82))).reason is None


def test_caps_count_what_a_party_has_and_the_days_it_asks_for() -> None:
    capped = RoundPolicy(per_party=2)
    assert supply_and_verdict(waiting_of(usage=Usage(1, 43)), policy=capped).reason is None
    full = supply_and_verdict(waiting_of(usage=Usage(2, 86)), policy=capped)
    assert (full.reason, full.facts) == ("cap_reached", {"per_party": 2, "has": 2})
    by_days = RoundPolicy(days_per_party=85)
    over = supply_and_verdict(waiting_of(usage=Usage(1, 43)), policy=by_days)
    assert (over.reason, over.facts) == ("cap_reached", {"days_per_party": 85, "has": 43, "asks": 43})


def test_what_bars_a_request_is_said_before_anything_else() -> None:
    barred = waiting_of(barred_by=SkipReason.OFFER_PENDING, present_delivery_on=day(10))
    assert supply_and_verdict(barred).reason == "offer_pending"


def test_of_one_party_only_the_first_request_is_served() -> None:
    unit = unit_of()
    supply = supply_of(unit, slot_of(unit, 0, 86))
    party = uuid4()
    pair = [
        replace(one, request=replace(one.request, organisation_id=party)) for one in (waiting_of(), waiting_of(hours=1))
    ]
    other = waiting_of(hours=2)
    verdicts = judged([*pair, other], supply, ORIGIN, POLICY)
    built = build_problem(weighed(verdicts), supply, strictly_ordered(POLICY), ORIGIN)
    placed = {UUID(one.demand) for one in solve(built.problem, time_limit_s=20.0, workers=1).placed}
    assert placed == {pair[0].request.request_id, other.request.request_id}
    told = told_apart(verdicts, dict.fromkeys(placed))
    assert [one.reason for one in told] == [None, "party_served", None]
