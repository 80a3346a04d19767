"""What shares a window, a cap, a limit, or a surge is solved together; nothing else is."""

from __future__ import annotations

from scheduler.components import components, joined, joined_by_party
from scheduler.problem import Caps, Demand, Fixed, Movable, Option, Problem, Surge, SurgeOption, Target, Window
from tests.scheduler.problems import ORIGIN

WINDOWS = tuple(Window(f"w{n}", f"l{n}", 0, 10) for n in range(5))


def demand(name: str, party: str, *windows: str, cost: int = 0) -> Demand:
    return Demand(name, party, 1, 1, tuple(Option(window, 2, 0, 8, cost=cost) for window in windows))


def members(part: Problem) -> list[str]:
    demands = [demand.id for demand in part.demands]
    return demands + [booking.id for booking in part.movable] + [surge.id for surge in part.surges]


def names(problem: Problem) -> list[list[str]]:
    return [members(part) for part in components(problem)]


APART = (demand("r1", "o1", "w0"), demand("r2", "o1", "w1", cost=5), demand("r3", "o2", "w2", cost=5))


def test_demands_of_different_windows_are_apart() -> None:
    assert names(Problem(ORIGIN, WINDOWS, ("weight",), demands=APART)) == [["r1"], ["r2"], ["r3"]]


def test_a_shared_window_joins() -> None:
    demands = (*APART, demand("r4", "o3", "w0", "w2"))
    assert names(Problem(ORIGIN, WINDOWS, ("weight",), demands=demands)) == [["r1", "r3", "r4"], ["r2"]]


def test_caps_join_the_demands_of_a_party() -> None:
    problem = Problem(ORIGIN, WINDOWS, ("weight",), demands=APART, caps=Caps(per_party=1))
    assert names(problem) == [["r1", "r2"], ["r3"]]


def test_a_limit_joins_what_can_spend_it() -> None:
    problem = Problem(ORIGIN, WINDOWS, ("weight",), demands=APART, limits={"cost": 5})
    assert names(problem) == [["r1"], ["r2", "r3"]]


def test_a_surge_joins_the_bookings_of_its_windows() -> None:
    movable = (Movable("b1", "w0", 0, 5), Movable("b2", "w1", 0, 5), Movable("b3", "w2", 0, 5))
    options = tuple(SurgeOption(window, 3, 0, 7, output=1) for window in ("w0", "w1"))
    surge = Surge("s", (Target(9, 2),), options)
    problem = Problem(ORIGIN, WINDOWS, ("surge_output",), movable=movable, surges=(surge,))
    assert names(problem) == [["b1", "b2", "s"], ["b3"]]


def test_parts_hold_their_fixed_bookings_and_no_idle_window() -> None:
    fixed = (Fixed("f0", "w0", 0, 1), Fixed("f4", "w4", 0, 1))
    first, *_ = components(Problem(ORIGIN, WINDOWS, ("weight",), fixed, APART))
    assert [window.id for window in first.windows] == ["w0"]
    assert [booking.id for booking in first.fixed] == ["f0"]


def test_parts_are_joined_until_each_party_is_in_one() -> None:
    parts = components(Problem(ORIGIN, WINDOWS, ("parties",), demands=APART))
    groups = joined_by_party(parts)
    assert groups == [[0, 1], [2]]
    assert [item.id for item in joined([parts[index] for index in groups[0]]).demands] == ["r1", "r2"]
