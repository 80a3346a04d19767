"""Overlaps of whole calendars, cells as people type them: laws without a database."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.capacity import import_cells as cells
from app.capacity.crossings import Periods, crossing
from app.capacity.import_rows import letters
from app.capacity.supply import Span
from app.core.sheets.reading import Cell, Odd
from tests.support.world import DAY_ONE

SPANS = st.lists(
    st.builds(
        lambda start, days: Span(DAY_ONE + timedelta(start), DAY_ONE + timedelta(start + days)),
        st.integers(0, 40),
        st.integers(1, 15),
    ),
    max_size=12,
)


def share_a_day(one: Span, other: Span) -> bool:
    """Tell by comparing them whether two periods share a day."""
    return one.start_on < other.end_on and other.start_on < one.end_on


@given(SPANS)
def test_whoever_overlaps_anyone_is_in_a_pair_and_every_pair_overlaps(spans: list[Span]) -> None:
    pairs = list(crossing((span, position) for position, span in enumerate(spans)))
    assert all(share_a_day(spans[one], spans[other]) for one, other in pairs)
    assert len(pairs) <= len(spans)
    overlapping = {
        one
        for one, span in enumerate(spans)
        if any(other != one and share_a_day(span, spans[other]) for other in range(len(spans)))
    }
    assert {position for pair in pairs for position in pair} == overlapping


@given(SPANS, SPANS)
def test_what_lies_over_a_period_is_found_exactly_where_there_is_any(spans: list[Span], asked: list[Span]) -> None:
    periods = Periods((span, position) for position, span in enumerate(spans))
    for span in asked:
        found = periods.over(span)
        assert (found is not None) == any(share_a_day(span, one) for one in spans)
        if found is not None:
            assert share_a_day(span, found[0])
            assert spans[found[1]] == found[0]


@pytest.mark.parametrize(
    ("cell", "cents"),
    [
        ("1250000", 125_000_000),
        ("1 250 000,5", 125_000_050),
        ("1\u202f250\u00a0000,05 €", 125_000_005),
        ("0.1", 10),
        (19.99, 1_999),
        (0.07, 7),
        (0.1 + 0.2, 30),
        (39_040_074_837.91, 3_904_007_483_791),
        (12, 1_200),
    ],
)
def test_amounts_as_people_type_them(cell: Cell, cents: int) -> None:
    assert cells.cents_of_euros(cell) == cents


@pytest.mark.parametrize(
    "cell", ["1,234", "1.234,5", "1 25", "", "€", "1e9", "١", "1,5,", True, 0.001, float("inf"), Odd("#N/A")]
)
def test_amounts_that_could_be_two_are_none(cell: Cell) -> None:
    with pytest.raises(cells.CellRefused):
        cells.cents_of_euros(cell)


@pytest.mark.parametrize(("cell", "number"), [("12", 12), ("12,0", 12), (12.0, 12), ("1 200", 1_200), ("-3", -3)])
def test_whole_numbers(cell: Cell, number: int) -> None:
    assert cells.whole(cell) == number


@pytest.mark.parametrize("cell", ["12.5", 13.5, True, "x", "1" * 30, float("inf"), Odd("06:30")])
def test_what_is_no_whole_number(cell: Cell) -> None:
    with pytest.raises(cells.CellRefused):
        cells.whole(cell)


@pytest.mark.parametrize("cell", ["31/01/2030", "2030-1-1", "2030-02-30", "47483", 47_483.0, True, Odd("06:30")])
def test_what_is_no_day_for_certain(cell: Cell) -> None:
    with pytest.raises(cells.CellRefused):
        cells.day(cell)


@pytest.mark.parametrize(("cell", "said"), [("VRAI", True), ("non", False), (True, True), (0.0, False), ("Yes ", True)])
def test_yes_and_no(cell: Cell, said: bool) -> None:
    assert cells.flag(cell) is said


def test_columns_are_named_as_spreadsheets_do() -> None:
    assert [letters(position) for position in (1, 26, 27, 52, 703, 16_384)] == ["A", "Z", "AA", "AZ", "AAA", "XFD"]
