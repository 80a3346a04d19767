"""Whoever solves all that is published for what is kept back finds nothing out."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import combinations
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from app.indicators.rules import LEAST_ORGANISATIONS, Cell, Figure, Table, added, published

NAMES = ("all", "some")
DETAILS = (NAMES, ("all",))
MANY = [UUID(int=number) for number in range(1, 12)]


def cell(shares: Mapping[int, tuple[int, int]]) -> Cell:
    """Return a cell from what each organisation has of `all` and of `some`."""
    who = {MANY[number]: both for number, both in shares.items() if both[0]}
    some = {one: part for one, (_, part) in who.items() if part}
    return {
        "all": Figure(sum(whole for whole, _ in who.values()), (frozenset(who),)),
        "some": Figure(sum(some.values()), (frozenset(some),)),
    }


def both(most: int) -> st.SearchStrategy[tuple[int, int]]:
    return st.integers(0, most).flatmap(lambda whole: st.tuples(st.just(whole), st.integers(0, whole)))


tables = st.integers(1, 6).flatmap(
    lambda regions: st.fixed_dictionaries(
        {f"R{number}": st.dictionaries(st.integers(0, 10), both(4), max_size=9).map(cell) for number in range(regions)}
    )
)


def equations(parts: Mapping[str, Cell], table: Table, name: str) -> tuple[list[str], list[list[Fraction]]]:
    """Return the unknown parts of a figure, and all equations over them that what is published gives; last the sum."""
    unknown = [part for part, told in table.parts.items() if told is None or name not in told]
    rows: list[list[Fraction]] = []
    if table.total is not None and name in table.total:
        known = sum(told[name] for told in table.parts.values() if told is not None and name in told)
        rows.append([*(Fraction(1) for _ in unknown), Fraction(table.total[name] - known)])
    return unknown, rows


def eliminated(rows: list[list[Fraction]], columns: int) -> list[list[Fraction]]:
    """Return equations in reduced row echelon form, exactly."""
    done: list[list[Fraction]] = []
    rest = [row[:] for row in rows]
    for column in range(columns):
        pivot = next((row for row in rest if row[column]), None)
        if pivot is None:
            continue
        rest.remove(pivot)
        pivot = [value / pivot[column] for value in pivot]
        rest = [[a - row[column] * b for a, b in zip(row, pivot, strict=True)] for row in rest]
        done = [[a - row[column] * b for a, b in zip(row, pivot, strict=True)] for row in done]
        done.append(pivot)
    return done


def pinned(rows: Sequence[Sequence[Fraction]], columns: int) -> dict[int, int]:
    """Return the unknowns that whole numbers from zero on can solve in one way only: exactly, and by their bounds."""
    found = {}
    for column in range(columns):
        low, high = Fraction(0), None
        for row in rows:
            if not row[column]:
                continue
            others = [value for at, value in enumerate(row[:-1]) if at != column and value]
            if not others:
                low = high = row[-1] / row[column]
            elif all(value > 0 for value in others) and row[column] > 0:
                high = row[-1] / row[column] if high is None else min(high, row[-1] / row[column])
        if high is not None and low == high:
            found[column] = int(low)
    return found


@given(tables)
def test_nothing_that_is_kept_back_follows_from_what_is_published(parts: Mapping[str, Cell]) -> None:
    table = published(parts, DETAILS)
    for name in NAMES:
        unknown, rows = equations(parts, table, name)
        found = pinned(eliminated(rows, len(unknown)), len(unknown))
        # Nothing at all is nobody's: that is told of whoever has no share.
        assert {unknown[at]: value for at, value in found.items() if value} == {}


@given(tables)
def test_every_difference_of_what_is_published_is_of_enough_organisations(parts: Mapping[str, Cell]) -> None:
    table = published(parts, DETAILS)
    if table.total is None:
        return
    shown = [part for part, told in table.parts.items() if told is not None]
    for size in range(len(shown) + 1):
        for some in combinations(shown, size):
            rest = added(parts[part] for part in parts if part not in some)
            for name in table.total:
                if size == len(parts):
                    continue
                assert rest[name].is_nobodys or len(rest[name].shares[0]) >= LEAST_ORGANISATIONS


@given(tables)
def test_no_figure_of_fewer_than_five_is_told_and_what_is_told_is_true(parts: Mapping[str, Cell]) -> None:
    table = published(parts, DETAILS)
    for cells, told in [(added(parts.values()), table.total), *((parts[one], table.parts[one]) for one in parts)]:
        for name, value in (told or {}).items():
            assert value == cells[name].value
            assert not cells[name].shares[0] or len(cells[name].shares[0]) >= LEAST_ORGANISATIONS


@given(tables)
def test_whatever_is_safe_by_itself_and_protects_nothing_is_told(parts: Mapping[str, Cell]) -> None:
    table = published(parts, (NAMES,))
    if all(figure.is_safe for one in parts.values() for figure in one.values()):
        assert table.total is not None
        assert None not in table.parts.values()


def five(*numbers: int) -> Cell:
    return cell(dict.fromkeys(numbers, (2, 0)))


def test_one_small_part_takes_the_smallest_other_with_it() -> None:
    parts = {"north": five(0, 1), "south": five(0, 1, 2, 3, 4), "west": five(0, 1, 2, 3, 4, 5)}
    table = published(parts, DETAILS)
    assert table.total == {"all": 26, "some": 0}
    assert table.parts == {"north": None, "south": None, "west": {"all": 12, "some": 0}}


def test_two_small_parts_of_the_same_few_do_not_protect_each_other() -> None:
    parts = {"north": five(0, 1), "south": five(0, 2), "west": five(*range(6)), "east": five(*range(7))}
    table = published(parts, DETAILS)
    assert [name for name, told in table.parts.items() if told is None] == ["north", "south", "west"]


def test_a_part_that_nobody_is_in_is_told_and_protects_nobody() -> None:
    parts = {"north": five(0, 1), "south": five(), "west": five(*range(6)), "east": five(*range(8))}
    table = published(parts, DETAILS)
    assert table.parts["south"] == {"all": 0, "some": 0}
    assert [name for name, told in table.parts.items() if told is None] == ["north", "west"]


def test_where_the_finer_figure_is_of_too_few_the_coarser_is_told_of_all_parts_alike() -> None:
    parts = {"north": cell({0: (3, 1), 1: (1, 0), 2: (1, 0), 3: (1, 0), 4: (1, 0)}), "south": five(*range(5))}
    table = published(parts, DETAILS)
    assert table == Table({"all": 17}, {"north": {"all": 7}, "south": {"all": 10}})


def test_of_too_few_in_all_nothing_is_told() -> None:
    assert published({"north": five(0, 1), "south": five(2)}, DETAILS) == Table(None, {"north": None, "south": None})
