"""The largest allowances of a party's demands within its caps, against all ways to place them."""

from __future__ import annotations

from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from scheduler.engines.columns import parties
from scheduler.engines.columns.parties import allowances_within, largest_allowances
from scheduler.objectives import value
from scheduler.plan import Choice, Plan
from scheduler.problem import Caps, Demand, Option, Window
from scheduler.tasks import Hold
from tests.scheduler.engines.instances import problem_of, relaxed


def test_by_hand() -> None:
    # 3 + 4 and 3 + 2 and 4 + 2 days fit into 7, all three do not: the pairs are the largest.
    pairs = largest_allowances({0: [3], 1: [4], 2: [2]}, Caps(None, 7))
    assert pairs is not None
    assert sorted(map(sorted, pairs)) == [[0, 1], [0, 2], [1, 2]]
    # With one demand at the most each is alone, and may be as long as it likes; what is longer than the cap is in none.
    alone = largest_allowances({0: [3, 6], 1: [4, 9], 2: [8]}, Caps(1, 7))
    assert alone == [{1: 4}, {0: 6}]
    # 5 + 2 and 2 + 5 fit into 8, 5 + 5 do not, and 2 + 2 is within either.
    mixed = largest_allowances({0: [2, 5], 1: [2, 5]}, Caps(None, 8))
    assert mixed is not None
    assert sorted(mixed, key=lambda one: one[0]) == [{0: 2, 1: 5}, {0: 5, 1: 2}]


@given(
    st.dictionaries(st.integers(0, 6), st.sets(st.integers(1, 9), min_size=1, max_size=3), min_size=1, max_size=4),
    st.integers(1, 4),
    st.integers(0, 25),
)
def test_what_is_within_the_caps_is_within_one_of_them(days: dict[int, set[int]], most: int, room: int) -> None:
    sizes = {demand: sorted(own) for demand, own in days.items()}
    found = largest_allowances(sizes, Caps(most, room))
    assert found is not None
    for allowance in found:
        assert len(allowance) <= most
        assert sum(allowance.values()) <= room
    for taken in product(*([0, *own] for own in sizes.values())):
        if sum(1 for size in taken if size) <= most and sum(taken) <= room:
            placed = dict(zip(sizes, taken, strict=True))
            assert any(all(one.get(d, 0) >= size for d, size in placed.items()) for one in found)


def test_too_many_are_told_apart_no_more_or_left_alone() -> None:
    # Two of six demands, each of one to ninety days: fifteen pairs.
    days, found = allowances_within({key: [*range(1, 91), 90] for key in range(6)}, Caps(2, 91))
    assert days == {key: [1] for key in range(6)}
    assert len(found) == 15
    assert allowances_within({key: [1] for key in range(40)}, Caps(None, 20))[1] == []
    assert parties.MOST_ALLOWANCES < 2**20


def test_the_bound_takes_no_half_of_a_long_place_beside_half_of_a_short_one() -> None:
    # Five days at once, or two that end a hundred days later. Five and five are more than eight: one demand is late.
    # Fractions of the cap's row take 5 x + 2 (2 - x) <= 8, x = 4/3 of the early places, and are late by 67 days.
    windows = tuple(Window(name, name, 0, 200) for name in "abcd")
    demands = tuple(
        Demand(f"r{early}", "o", options=(Option(early, 5, 0, 0), Option(late, 2, 103, 103)))
        for early, late in ("ab", "cd")
    )
    problem = problem_of("weight", "delay", windows=windows, demands=demands, caps=Caps(None, 8))
    plan = Plan({"ra": Choice(0, 0), "rc": Choice(1, 103)})
    assert value(problem, plan, "delay") == 100
    assert relaxed(problem, "delay", plan, [Hold("weight", 2)]).whole_bound == -100
