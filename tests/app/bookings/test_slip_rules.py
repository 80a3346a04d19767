"""Where the bookings behind a slip could go: worked by hand, and what holds for every calendar."""

from dataclasses import replace
from datetime import date, timedelta
from uuid import UUID

from hypothesis import assume, given
from hypothesis import strategies as st

from app.bookings.slip_rules import NO_PLACE, Follower, SlipPlan, Stretch, Unplaced, plan_slip
from app.capacity.supply import Span
from app.core.vocabulary import Reserve

ORIGIN = date(2030, 1, 1)
SLOT, LATER = UUID(int=101), UUID(int=102)


def span(start: int, end: int) -> Span:
    return Span(ORIGIN + timedelta(days=start), ORIGIN + timedelta(days=end))


def follower(number: int, start: int, end: int, code: str | None = None) -> Follower:
    return Follower(UUID(int=number), span(start, end), fixed_code=code)


def places(plan: SlipPlan) -> dict[int, Span]:
    return {one.booking_id.int: one.days for one in plan.proposals}


def test_each_makes_way_just_enough_and_pushes_the_next() -> None:
    # Ten days too long: the next one moves by ten, runs into the third by five, and the fourth is not reached.
    behind = [follower(1, 40, 80), follower(2, 85, 100), follower(3, 120, 130)]
    plan = plan_slip(span(0, 50), behind, [Stretch(SLOT, span(0, 200))])
    assert places(plan) == {1: span(50, 90), 2: span(90, 105)}
    assert plan.unplaced == ()


def test_nobody_moves_for_what_stays_within_its_plan() -> None:
    plan = plan_slip(span(0, 40), [follower(1, 40, 80)], [Stretch(SLOT, span(0, 200))])
    assert plan == SlipPlan((), ())


def test_a_place_is_found_in_the_next_slot_and_only_in_a_reserve_that_is_open_to_it() -> None:
    slots = [
        Stretch(SLOT, span(0, 85)),
        Stretch(UUID(int=7), span(85, 130), Reserve.CRISIS),
        Stretch(LATER, span(150, 200)),
    ]
    plan = plan_slip(span(0, 50), [follower(1, 40, 80)], slots)
    assert [(one.slot_id, one.days) for one in plan.proposals] == [(LATER, span(150, 190))]


def test_what_cannot_move_is_gone_round_and_named_if_the_slip_runs_into_it() -> None:
    behind = [follower(1, 40, 50, "held"), follower(2, 50, 70), follower(3, 75, 80, "crisis_order")]
    plan = plan_slip(span(0, 55), behind, [Stretch(SLOT, span(0, 120))])
    assert places(plan) == {2: span(55, 75)}
    assert plan.unplaced == (Unplaced(UUID(int=1), "held"),)


def test_days_that_one_keeps_by_its_own_slip_are_gone_round_if_it_stays() -> None:
    kept = replace(follower(2, 80, 120), kept=span(120, 130))
    one = follower(1, 40, 80)
    assert places(plan_slip(span(0, 90), [kept], [Stretch(LATER, span(80, 300))])) == {2: span(90, 130)}
    stays = replace(kept, reserves=frozenset({Reserve.STARTUP}))
    plan = plan_slip(span(0, 90), [one, stays], [Stretch(SLOT, span(0, 80)), Stretch(LATER, span(80, 300))])
    assert (places(plan), plan.unplaced) == ({1: span(130, 170)}, (Unplaced(UUID(int=2), NO_PLACE),))


def test_days_that_another_slip_proposes_to_one_are_gone_round_by_all_others() -> None:
    first, second = replace(follower(1, 40, 60), proposed=(span(60, 80),)), follower(2, 60, 80)
    plan = plan_slip(span(0, 60), [first, second], [Stretch(SLOT, span(0, 200))])
    assert places(plan) == {1: span(60, 80), 2: span(80, 100)}
    plan = plan_slip(span(0, 65), [replace(first, fixed_code="held"), second], [Stretch(SLOT, span(0, 200))])
    assert places(plan) == {2: span(80, 100)}


def test_one_without_a_place_stays_and_the_others_go_round_it() -> None:
    # 60 days fit nowhere behind day 50 of a slot that ends on day 105; the second goes behind the first.
    behind = [follower(1, 40, 100), follower(2, 100, 105)]
    plan = plan_slip(span(0, 50), behind, [Stretch(SLOT, span(0, 105))])
    assert plan.proposals == ()
    assert plan.unplaced == (Unplaced(UUID(int=1), NO_PLACE),)


@st.composite
def calendars(draw: st.DrawFn) -> tuple[Span, list[Follower], list[Stretch]]:
    """A slip, bookings behind it that do not overlap, and slots that do not either, in any order."""
    planned_end = draw(st.integers(1, 20))
    expected = span(0, planned_end + draw(st.integers(0, 60)))
    start, behind = planned_end, []
    for number in range(1, draw(st.integers(0, 6)) + 1):
        start += draw(st.integers(0, 15))
        end = start + draw(st.integers(1, 20))
        code = draw(st.sampled_from([None, None, None, "held"]))
        reserves = draw(st.sampled_from([frozenset({Reserve.OPEN}), frozenset({Reserve.OPEN, Reserve.STARTUP})]))
        behind.append(Follower(UUID(int=number), span(start, end), reserves, code))
        start = end
    first, slots = draw(st.integers(0, 20)), []
    for number in range(draw(st.integers(0, 4))):
        end = first + draw(st.integers(1, 80))
        slots.append(Stretch(UUID(int=100 + number), span(first, end), draw(st.sampled_from(Reserve))))
        first = end + draw(st.integers(0, 20))
    return expected, draw(st.permutations(behind)), draw(st.permutations(slots))


def meet(one: Span, other: Span) -> bool:
    return one.start_on < other.end_on and other.start_on < one.end_on


@given(calendars())
def test_a_plan_keeps_every_promise(calendar: tuple[Span, list[Follower], list[Stretch]]) -> None:
    expected, behind, slots = calendar
    plan = plan_slip(expected, behind, slots)
    before = {one.booking_id: one for one in behind}
    moved = {one.booking_id: one for one in plan.proposals}
    unplaced = {one.booking_id for one in plan.unplaced}
    assert not moved.keys() & unplaced
    after = {key: moved[key].days if key in moved else one.days for key, one in before.items()}
    for key, one in moved.items():
        assert before[key].fixed_code is None
        assert one.days.days == before[key].days.days, "as long as before"
        assert one.days.start_on >= before[key].days.start_on, "never earlier than planned"
        [slot] = [slot for slot in slots if slot.slot_id == one.slot_id]
        assert slot.reserve in before[key].reserves
        assert slot.days.start_on <= one.days.start_on
        assert one.days.end_on <= slot.days.end_on
        assert not meet(one.days, expected)
    for key, days in after.items():
        assert all(other == key or not meet(days, held) for other, held in after.items()), "nobody meets anybody"
        if key not in moved and meet(days, expected):
            assert key in unplaced, "what stays in the way is named"
    order = sorted(moved, key=lambda key: before[key].days)
    assert order == sorted(moved, key=lambda key: after[key]), "in the order that was planned"


@given(calendars())
def test_once_made_a_plan_asks_for_nothing_more(calendar: tuple[Span, list[Follower], list[Stretch]]) -> None:
    expected, behind, slots = calendar
    plan = plan_slip(expected, behind, slots)
    # Those before it having moved out of the way, there may be a place for one that had none.
    assume(not plan.unplaced)
    moved = {one.booking_id: one.days for one in plan.proposals}
    after = [
        Follower(one.booking_id, moved.get(one.booking_id, one.days), one.reserves, one.fixed_code) for one in behind
    ]
    again = plan_slip(expected, after, slots)
    assert again == SlipPlan((), ())


@given(calendars(), st.integers(0, 30), st.integers(1, 30))
def test_one_alone_goes_to_the_first_day_that_looking_at_every_day_finds(
    calendar: tuple[Span, list[Follower], list[Stretch]], start: int, days: int
) -> None:
    expected, behind, slots = calendar
    fixed = [replace(one, fixed_code="held") for one in behind if one.days.start_on >= span(0, start + days).end_on]
    alone = Follower(UUID(int=99), span(start, start + days))
    plan = plan_slip(expected, [alone, *fixed], slots)
    if not meet(alone.days, expected):
        assert plan.proposals == ()
        return
    possible = [
        one
        for offset in range(start, 500)
        for one in [span(offset, offset + days)]
        if not meet(one, expected) and not any(meet(one, other.days) for other in fixed)
        if any(
            slot.reserve is Reserve.OPEN and slot.days.start_on <= one.start_on and one.end_on <= slot.days.end_on
            for slot in slots
        )
    ]
    assert places(plan) == ({99: possible[0]} if possible else {})
    assert (Unplaced(UUID(int=99), NO_PLACE) in plan.unplaced) is not bool(possible)
