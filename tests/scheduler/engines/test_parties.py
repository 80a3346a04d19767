"""The largest sets of a party's demands within its caps, against all sets."""

from __future__ import annotations

from itertools import chain, combinations

from hypothesis import given
from hypothesis import strategies as st

from scheduler.engines.columns import parties
from scheduler.engines.columns.parties import largest_sets
from scheduler.problem import Caps


def test_by_hand() -> None:
    # 3 + 4 and 3 + 2 and 4 + 2 days fit into 7, all three do not: the pairs are the largest.
    found = largest_sets({0: 3, 1: 4, 2: 2}, Caps(None, 7))
    assert found is not None
    assert sorted(map(sorted, found)) == [[0, 1], [0, 2], [1, 2]]
    # With one demand at the most each is alone; what is longer than the cap is in no set.
    alone = largest_sets({0: 3, 1: 4, 2: 8}, Caps(1, 7))
    assert alone is not None
    assert sorted(alone) == [(0,), (1,)]


@given(st.dictionaries(st.integers(0, 6), st.integers(1, 9), max_size=6), st.integers(0, 4), st.integers(0, 25))
def test_every_set_within_the_caps_is_part_of_one_of_them(days: dict[int, int], most: int, room: int) -> None:
    found = largest_sets(days, Caps(most, room))
    assert found is not None
    for members in found:
        assert len(members) <= most
        assert sum(days[demand] for demand in members) <= room
    for members in chain.from_iterable(combinations(days, size) for size in range(most + 1)):
        if sum(days[demand] for demand in members) <= room:
            assert any(set(members) <= set(largest) for largest in found)


def test_too_many_are_left_alone() -> None:
    assert largest_sets(dict.fromkeys(range(40), 1), Caps(None, 20)) is None
    assert parties.MOST_SETS < 2**20
