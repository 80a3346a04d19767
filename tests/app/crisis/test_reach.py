"""What a tier can make at most is worked out without a solver, and never too low."""

from datetime import date
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from app.crisis.planner import TierProblem
from app.crisis.reach import most_by, within_reach
from app.crisis.rules import Tier
from scheduler.baselines import BASELINES
from scheduler.plan import deliveries
from scheduler.problem import Fixed, Movable, Problem, Surge, SurgeOption, Target, Window, Yield


def option(window: str = "w", duration: int = 10, latest: int = 100, output: int = 5, **given: int) -> SurgeOption:
    return SurgeOption(window, duration, given.get("earliest", 0), latest, output=output, lag=given.get("lag", 2))


def problem(options: list[SurgeOption], *, end: int = 40, fixed: tuple[Fixed, ...] = (), **given: object) -> Problem:
    windows = given.get("windows", (Window("w", "l", 0, end),))
    targets = given.get("targets", (Target(30, 10),))
    return Problem(
        origin=date(2030, 1, 1),
        windows=windows,  # type: ignore[arg-type]
        objectives=("surge_output", "displacement", "delay", "cost"),
        fixed=fixed,
        movable=given.get("movable", ()),  # type: ignore[arg-type]
        surges=(Surge("s", targets, tuple(options)),),  # type: ignore[arg-type]
    )


def test_campaigns_follow_each_other_in_what_is_free() -> None:
    """[0, 40) holds four of 10 days, delivered on days 12, 22, 32 and 42; with [12, 14) taken, at 0, 14 and 24."""
    free = problem([option(latest=30)])
    assert [most_by(free, by) for by in (11, 12, 30, 41, 42)] == [0, 5, 10, 15, 20]
    taken = problem([option(latest=30)], fixed=(Fixed("f", "w", 12, 14),))
    assert [most_by(taken, by) for by in (12, 25, 26, 36)] == [5, 5, 10, 15]


def test_a_longer_campaign_is_taken_where_it_makes_more() -> None:
    """Two in a row take 20 days and give 10; one of 15 days with two yields gives 12 by day 17."""
    yields = SurgeOption("w", 15, 0, 25, yields=(Yield(12, 6), Yield(17, 6)))
    assert most_by(problem([option(latest=30), yields], end=20), 17) == 12
    assert most_by(problem([option(latest=30)], end=20), 17) == 5


def test_who_could_give_way_counts_as_gone() -> None:
    movable = (Movable("b", "w", 0, 40),)
    assert most_by(problem([option(latest=30)], movable=movable), 12) == 5


def tier(number: int, made: Problem) -> TierProblem:
    return TierProblem(Tier(number), made)


def test_what_falls_short_is_not_solved_and_nothing_after_what_suffices() -> None:
    """By day 30 two of 5 can be had from [0, 40), one from [0, 12): the first tier falls short, the second suffices."""
    short, enough = problem([option(latest=2)], end=12), problem([option(latest=30)])
    kept, told = within_reach([tier(1, short), tier(3, enough), tier(6, enough)])
    assert [one.tier for one in kept] == [3]
    assert [(one.tier, one.by, one.quantity, one.at_most) for one in told] == [(1, 30, 10, 5)]


def test_the_last_is_solved_whatever_it_reaches() -> None:
    short = problem([option(latest=2)], end=12)
    kept, told = within_reach([tier(1, short), tier(6, short)])
    assert ([one.tier for one in kept], [one.tier for one in told]) == ([6], [1])


@given(
    st.lists(st.tuples(st.integers(1, 30), st.integers(0, 30), st.integers(1, 9), st.integers(0, 9)), max_size=4),
    st.lists(st.integers(0, 60), max_size=6, unique=True),
    st.integers(0, 80),
)
def test_no_plan_makes_more(options: list[tuple[int, int, int, int]], cuts: list[int], by: int) -> None:
    fixed = tuple(Fixed(f"f{a}", "w", a, b) for a, b in list(pairwise(sorted(cuts)))[::2])
    made = problem(
        [option(duration=d, earliest=e, latest=e + 30, output=o, lag=g) for d, e, o, g in options],
        end=60,
        fixed=fixed,
        targets=(Target(by, 10**6),),
    )
    plan = BASELINES["greedy"](made)
    [surge] = made.surges
    reached = sum(
        doses for run in plan.runs for on, doses in deliveries(surge.options[run.option], run.start) if on <= by
    )
    assert reached <= most_by(made, by)
