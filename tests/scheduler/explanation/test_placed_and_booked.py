"""Why a demand has not its better option, and why a booking is not left where it was."""

from __future__ import annotations

from scheduler.explanation.statements import LevelChange, Place
from scheduler.plan import Choice, Plan
from scheduler.problem import Demand, Fixed, Movable, Option, Surge, SurgeOption, Target, Window
from tests.scheduler.explanation.cases import codes, explained, facts, fates, problem_of, sentence, solution_with

TWO = (Window("w", "l", 0, 10), Window("v", "k", 0, 10))


def test_a_better_ranked_option_is_held_and_its_cost_proven() -> None:
    # Only w suits r1 (weight 5), so r2, which ranks w first, has v. In w it would unplace r1: 3 instead of 8.
    problem = problem_of(
        Demand("r1", "o1", 1, 5, (Option("w", 8, 0, 2),)),
        Demand("r2", "o2", 1, 3, (Option("v", 8, 0, 0, rank=2), Option("w", 8, 0, 2, rank=1))),
        windows=TWO,
        objectives=("weight", "rank"),
    )
    why = explained(problem, "r2")
    assert codes(why) == ["placed", "place_held", "would_cost"]
    assert facts(why, "placed").place == Place("v", 8, 0, 0, 0, 2)
    cost = facts(why, "would_cost")
    assert cost.levels == (LevelChange("weight", worse=True, before=8, after=3, best=3),)
    assert cost.place == Place("w", 8, 0, 2, 1, 1)
    assert sentence(why, "would_cost").startswith(
        "Giving r2 (weight 3) its place of rank 1 in w would unplace r1 (weight 5)."
    )
    assert sentence(why, "would_cost", "fr").startswith("Donner à r2 (poids 3) sa place de rang 1 dans w priverait")


def test_every_better_option_is_answered_best_first() -> None:
    options = (Option("w", 8, 0, 0, rank=3), Option("v", 8, 0, 0, rank=2), Option("v", 9, 0, 0, rank=1))
    problem = problem_of(
        Demand("r1", "o1", 1, 5, (Option("v", 8, 0, 2),)), Demand("r2", "o2", 1, 3, options), windows=TWO
    )
    why = explained(problem, "r2")
    assert codes(why) == ["placed", "place_held", "would_cost", "place_held", "would_cost"]
    assert [one.data.place.rank for one in why.statements if one.code == "would_cost" and one.data.place] == [1, 2]


def test_a_better_option_that_costs_nothing_is_said_to_improve_the_plan() -> None:
    problem = problem_of(
        Demand("r", "o", 1, 3, (Option("w", 8, 0, 2, rank=2), Option("v", 8, 0, 2, rank=1))),
        windows=TWO,
        objectives=("weight", "rank"),
    )
    why = explained(problem, "r", solution_with(problem, Plan({"r": Choice(0, 0)})))
    assert codes(why) == ["placed", "place_free", "would_gain", "plan_not_proven"]
    gain = facts(why, "would_gain")
    assert fates(gain) == set()
    assert (gain.levels or ())[-1] == LevelChange("rank", worse=False, before=2, after=1, best=1)


def test_the_best_ranked_option_needs_no_more_words() -> None:
    problem = problem_of(Demand("r", "o", 1, 3, (Option("w", 8, 0, 2),)))
    assert codes(explained(problem, "r")) == ["placed", "best_place"]


def surge(output: int = 100) -> Surge:
    return Surge("s", (Target(10, output),), (SurgeOption("w", 8, 0, 2, output=100),))


def test_a_displaced_booking_gave_way_to_the_output() -> None:
    # The campaign needs 8 of the 10 days of w, the booking has 5 of them and nowhere to go: 2 x 10 = 20.
    problem = problem_of(
        movable=(Movable("b", "w", 0, 5, "o1", 2),), surges=(surge(),), objectives=("surge_output", "displacement")
    )
    why = explained(problem, "b")
    assert codes(why) == ["displaced", "place_held", "would_cost"]
    assert [one.who.kind for one in facts(why, "place_held").holders or ()] == ["campaign"]
    cost = facts(why, "would_cost")
    assert cost.levels == (LevelChange("surge_output", worse=True, before=100, after=0, best=0),)
    assert cost.proven
    assert fates(cost) == {("dropped", "s")}
    assert sentence(why, "displaced") == (
        "Booking b (weight 2) is displaced from its place: [2027-01-01, 2027-01-06) in w."
    )
    assert sentence(why, "would_cost").startswith(
        "Keeping booking b (weight 2) in its place would drop a campaign of s"
    )
    assert sentence(why, "would_cost", "fr").startswith("Laisser la réservation b (poids 2) à sa place supprimerait")


def test_a_moved_booking_is_cheaper_to_move_than_the_other_to_displace() -> None:
    # A demand of 5 days comes before displacement. b1 may move: 3 x 2 = 6; b2 can only go: 1 x 10.
    # With b1 kept, b2 goes: 10 instead of 6.
    movable = (
        Movable("b1", "w", 0, 5, "o1", 3, options=(Option("v", 5, 0, 5),)),
        Movable("b2", "w", 5, 10, "o2", 1),
    )
    problem = problem_of(
        Demand("r", "o3", 1, 1, (Option("w", 5, 0, 5),)),
        windows=TWO,
        movable=movable,
        objectives=("weight", "displacement", "delay"),
    )
    why = explained(problem, "b1")
    assert codes(why) == ["moved", "place_held", "would_cost"]
    cost = facts(why, "would_cost")
    assert (cost.levels or ())[-1] == LevelChange("displacement", worse=True, before=6, after=10, best=10)
    assert fates(cost) == {("displaced", "b2"), ("shifted", "r")}
    assert sentence(why, "moved", "fr").startswith(
        "La réservation b1 (poids 3) est déplacée vers [2027-01-01, 2027-01-06)"
    )


def test_a_booking_that_contradicts_a_fixed_one_cannot_stay() -> None:
    problem = problem_of(
        fixed=(Fixed("f", "w", 2, 4),), movable=(Movable("b", "w", 0, 5, "o", 2),), objectives=("displacement",)
    )
    why = explained(problem, "b")
    assert codes(why) == ["displaced", "place_held", "impossible"]
    assert "taken by fixed booking f [2027-01-03, 2027-01-05)" in why.text("en")


def test_a_booking_displaced_without_need_would_better_stay() -> None:
    problem = problem_of(movable=(Movable("b", "w", 0, 5, "o", 2),), objectives=("displacement",))
    why = explained(problem, "b", solution_with(problem, Plan(displaced=frozenset({"b"}))))
    assert codes(why) == ["displaced", "place_free", "would_gain", "plan_not_proven"]


def test_a_booking_that_stays_is_said_to() -> None:
    problem = problem_of(movable=(Movable("b", "w", 0, 5, "o", 2),), objectives=("displacement",))
    why = explained(problem, "b")
    assert codes(why) == ["kept"]
    assert why.text("fr") == "La réservation b (poids 2) garde sa place : [2027-01-01, 2027-01-06) dans w."
