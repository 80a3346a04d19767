"""What may run in a window: the activities of a problem, and the starts an engine is left with."""

from __future__ import annotations

from scheduler.engines.columns.activities import activities_of
from scheduler.engines.starts import Domain, Kind
from scheduler.problem import Demand, Fixed, Movable, Option, Surge, SurgeOption, Target, Window
from tests.scheduler.engines.instances import TEN_DAYS, problem_of

LATER = (Window("w", "l", 0, 10), Window("v", "l", 20, 30))


def test_a_fixed_booking_splits_an_option_into_two_activities() -> None:
    # Days 4 and 5 are taken: 3 days start on 0 or 1 before them, and on 6 or 7 after them.
    demand = Demand("d", options=(Option("w", 3, 0, 9),))
    acts = activities_of(problem_of("weight", fixed=(Fixed("f", "w", 4, 6),), demands=(demand,)))
    assert acts.first.tolist() == [0, 6]
    assert acts.last.tolist() == [1, 7]
    assert acts.owner.tolist() == [0, 0]
    assert acts.option.tolist() == [0, 0]


def test_an_option_that_fits_nowhere_is_no_activity() -> None:
    demand = Demand("d", options=(Option("w", 5, 0, 9),))
    assert len(activities_of(problem_of("weight", fixed=(Fixed("f", "w", 4, 6),), demands=(demand,)))) == 0


def test_starts_count_from_the_opening_of_their_window_and_activities_are_sorted_by_window() -> None:
    # The second window opens on day 20: a start on 22 to 24 is its day 2 to 4.
    demand = Demand("d", options=(Option("v", 3, 22, 24), Option("w", 2, 5, 5)))
    acts = activities_of(problem_of("weight", windows=LATER, demands=(demand,)))
    assert acts.window.tolist() == [0, 1]
    assert acts.option.tolist() == [1, 0]
    assert acts.first.tolist() == [5, 2]
    assert acts.last.tolist() == [5, 4]
    assert acts.opening.tolist() == [0, 20]
    assert acts.length.tolist() == [10, 10]


def test_a_booking_keeps_its_place_or_moves_and_campaigns_run_only_for_their_output() -> None:
    booking = Movable("b", "w", 2, 5, options=(Option("w", 3, 6, 7),))
    surge = Surge("s", (Target(9, 5),), (SurgeOption("w", 4, 0, 6, output=5),))
    with_output = problem_of("surge_output", "displacement", movable=(booking,), surges=(surge,))
    acts = activities_of(with_output)
    # A campaign that starts by day 5 delivers by day 9; one that starts on day 6 is another activity.
    assert acts.kind.tolist() == [Kind.KEEP, Kind.MOVE, Kind.RUN, Kind.RUN]
    assert acts.option.tolist() == [-1, 0, 0, 0]
    assert (acts.first.tolist()[2:], acts.last.tolist()[2:]) == ([0, 6], [5, 6])
    assert (int(acts.first[0]), int(acts.last[0]), int(acts.duration[0])) == (2, 2, 3)
    without = activities_of(problem_of("displacement", movable=(booking,), surges=(surge,)))
    assert without.kind.tolist() == [Kind.KEEP, Kind.MOVE]


def test_a_domain_is_all_that_fits_until_starts_are_dropped() -> None:
    option = Option("w", 3, 0, 9)
    problem = problem_of(
        "weight", windows=TEN_DAYS, fixed=(Fixed("f", "w", 4, 6),), demands=(Demand("d", options=(option, option)),)
    )
    whole = Domain(problem)
    assert whole.of((Kind.PLACE, 0, 0), option) == [[0, 1], [6, 7]]
    assert whole.size == 0
    narrow = Domain(problem, {(Kind.PLACE, 0, 0): [[1, 1], [6, 6]]})
    assert narrow.of((Kind.PLACE, 0, 0), option) == [[1, 1], [6, 6]]
    assert narrow.of((Kind.PLACE, 0, 1), option) == []
    assert narrow.size == 1


def test_a_fixed_booking_splits_options_of_its_window_only_and_the_order_stays() -> None:
    places = (Option("v", 3, 20, 30), Option("w", 3, 0, 9))
    demands = (Demand("d", options=places), Demand("e", options=places[::-1]))
    acts = activities_of(problem_of("weight", windows=LATER, fixed=(Fixed("f", "w", 4, 6),), demands=demands))
    assert list(zip(acts.window.tolist(), acts.owner.tolist(), acts.option.tolist(), strict=True)) == [
        (0, 0, 1),
        (0, 0, 1),
        (0, 1, 0),
        (0, 1, 0),
        (1, 0, 0),
        (1, 1, 1),
    ]
    assert list(zip(acts.first.tolist(), acts.last.tolist(), strict=True))[:2] == [(0, 1), (6, 7)]
