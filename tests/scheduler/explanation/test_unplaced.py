"""A demand without a place: what holds its places and what placing it would cost, worked out by hand."""

from __future__ import annotations

import pytest

from scheduler.explanation.statements import Ceiling, LevelChange
from scheduler.fields import FieldError
from scheduler.plan import Choice, Plan
from scheduler.problem import Caps, Demand, Fixed, Movable, Option, Surge, SurgeOption, Target, Window
from scheduler.solution import Solution
from tests.scheduler.explanation.cases import (
    anywhere,
    codes,
    explained,
    facts,
    fates,
    greedy,
    problem_of,
    sentence,
    solution_with,
)

# Ten days: r3 and r12 take 5 each and weigh 5 + 5 = 10; r7 would take 9 of the ten and weighs 8.
BEATEN = problem_of(
    Demand("r7", "o1", 1, 8, (anywhere(9),)),
    Demand("r3", "o2", 1, 5, (anywhere(5),)),
    Demand("r12", "o3", 1, 5, (anywhere(5),)),
)


def test_what_placing_it_would_cost_is_named_counted_and_proven() -> None:
    why = explained(BEATEN, "r7")
    assert codes(why) == ["unplaced", "would_cost", "nearest_none", "place_held"]
    cost = facts(why, "would_cost")
    # r7 leaves one day, too little for r3 or r12: 8 instead of 10.
    assert cost.levels == (LevelChange("weight", worse=True, before=10, after=8, best=8),)
    assert fates(cost) == {("unplaced", "r3"), ("unplaced", "r12")}
    assert cost.proven
    assert "Placing r7 (weight 8) would unplace r3 and r12 (weight 5 each, together 10)." in sentence(why, "would_cost")
    assert "priverait de place r3 et r12 (poids 5 chacune, 10 ensemble)" in sentence(why, "would_cost", "fr")


def test_the_place_is_held_by_all_who_overlap_it() -> None:
    # Booked: 0 to 2 fixed, 2 to 4 movable. r1 (5 days, weight 9) follows; r2 could start from 1 to 3.
    problem = problem_of(
        Demand("r1", "o1", 1, 9, (Option("w", 5, 4, 4),)),
        Demand("r2", "o2", 1, 1, (Option("w", 3, 1, 3),)),
        fixed=(Fixed("f", "w", 0, 2),),
        movable=(Movable("b", "w", 2, 4, "o3", 7),),
        objectives=("displacement", "weight"),
    )
    holders = facts(explained(problem, "r2"), "place_held").holders or ()
    assert [(one.who.kind, one.who.id, one.start, one.end) for one in holders] == [
        ("fixed", "f", 0, 2),
        ("movable", "b", 2, 4),
        ("demand", "r1", 4, 9),
    ]


def test_a_campaign_in_the_way_would_be_dropped() -> None:
    # The campaign of 8 days yields 100 and comes first: r needs 5 days, and 2 are left.
    surge = Surge("s", (Target(10, 100),), (SurgeOption("w", 8, 0, 2, output=100),))
    problem = problem_of(Demand("r", "o", 1, 1, (anywhere(5),)), surges=(surge,), objectives=("surge_output", "weight"))
    why = explained(problem, "r")
    assert [one.who.kind for one in facts(why, "place_held").holders or ()] == ["campaign"]
    cost = facts(why, "would_cost")
    assert fates(cost) == {("dropped", "s")}
    assert cost.levels == (LevelChange("surge_output", worse=True, before=100, after=0, best=0),)
    assert "would drop a campaign of s" in sentence(why, "would_cost")


def test_a_booking_in_the_way_would_be_displaced() -> None:
    # Displacing the booking of weight 3 costs 3 x 10 = 30, and that comes first.
    problem = problem_of(
        Demand("r", "o", 1, 9, (anywhere(5),)),
        movable=(Movable("b", "w", 3, 8, "o2", 3),),
        objectives=("displacement", "weight"),
    )
    cost = facts(explained(problem, "r"), "would_cost")
    assert fates(cost) == {("displaced", "b")}
    assert cost.levels == (LevelChange("displacement", worse=True, before=0, after=30, best=30),)


def test_the_first_objective_that_changes_decides() -> None:
    # Either fits, weight 2 each. "early" waits for nothing; "late" may start on day 2 only after its first day 0 in
    # another window that is closed to it by a fixed booking: delay 2 x 2 = 4.
    windows = (Window("w", "l", 0, 10), Window("v", "k", 0, 10))
    problem = problem_of(
        Demand("early", "o1", 1, 2, (Option("w", 8, 2, 2),)),
        Demand("late", "o2", 1, 2, (Option("w", 8, 2, 2), Option("v", 8, 0, 0))),
        windows=windows,
        fixed=(Fixed("f", "v", 0, 10),),
        objectives=("weight", "delay"),
    )
    cost = facts(explained(problem, "late"), "would_cost")
    assert cost.levels == (
        LevelChange("weight", worse=False, before=2, after=2, best=2),
        LevelChange("delay", worse=True, before=0, after=4, best=4),
    )
    assert cost.proven


def test_an_equal_plan_is_told_as_such() -> None:
    problem = problem_of(Demand("r1", "o1", 1, 2, (anywhere(8),)), Demand("r2", "o2", 1, 2, (anywhere(8),)))
    best = solution_with(problem, Plan({"r1": Choice(0, 0)}))
    why = explained(problem, "r2", best)
    assert fates(facts(why, "would_tie")) == {("unplaced", "r1")}
    assert facts(why, "would_tie").proven is None


def test_a_plan_that_was_not_the_best_is_said_to_be_so() -> None:
    # Greedy takes "one" first, for its tier; alone the weight of all counts: 9 against 1.
    problem = problem_of(Demand("one", "o1", 1, 1, (anywhere(8),)), Demand("two", "o2", 2, 9, (anywhere(8),)))
    why = explained(problem, "two", greedy(problem))
    assert codes(why) == ["unplaced", "would_gain", "nearest_none", "place_held", "plan_not_proven"]
    (level,) = facts(why, "would_gain").levels or ()
    assert (level.before, level.after, level.worse) == (1, 9, False)
    assert sentence(why, "would_gain").endswith("So this plan was not the best.")


def test_room_that_a_plan_leaves_unused_is_said_to_be_free() -> None:
    problem = problem_of(Demand("r", "o", 1, 2, (anywhere(8),)))
    why = explained(problem, "r", solution_with(problem, Plan()))
    assert codes(why) == ["unplaced", "would_gain", "place_free", "plan_not_proven"]
    assert "would change nothing for the others" in sentence(why, "would_gain")


def test_a_cap_of_its_own_party_is_what_holds_it() -> None:
    problem = problem_of(
        Demand("r1", "o1", 1, 5, (anywhere(3),)), Demand("r2", "o1", 1, 2, (anywhere(3),)), caps=Caps(per_party=1)
    )
    why = explained(problem, "r2")
    assert facts(why, "place_capped").ceilings == (Ceiling("per_party", 2, 1),)
    # One of the two at most: 2 instead of 5.
    assert fates(facts(why, "would_cost")) == {("unplaced", "r1")}
    assert (facts(why, "would_cost").levels or ())[0].after == 2


@pytest.mark.parametrize(("days", "code"), [(6, "place_free"), (5, "place_capped")])
def test_a_cap_may_be_reached_but_not_passed(days: int, code: str) -> None:
    # Two of three days each make six.
    problem = problem_of(
        Demand("r1", "o1", 1, 5, (anywhere(3),)),
        Demand("r2", "o1", 1, 2, (anywhere(3),)),
        caps=Caps(days_per_party=days),
    )
    assert code in codes(explained(problem, "r2", solution_with(problem, Plan({"r1": Choice(0, 0)}))))


def test_no_plan_at_all_is_proven_to_place_it() -> None:
    # Four free days on either side of the fixed booking, and five are asked for.
    problem = problem_of(Demand("r", "o", 1, 8, (anywhere(5),)), fixed=(Fixed("f", "w", 4, 6),))
    why = explained(problem, "r")
    assert codes(why) == ["unplaced", "impossible", "nearest_none", "place_held"]
    assert sentence(why, "impossible", "fr") == "Placer r (poids 8) n'est possible dans aucun plan (prouvé)."


def test_an_option_longer_than_its_window_does_not_fit() -> None:
    problem = problem_of(Demand("r", "o", 1, 8, (Option("w", 11, 0, 5),)))
    assert codes(explained(problem, "r")) == ["unplaced", "impossible", "nearest_none", "place_unfit"]


def test_a_demand_of_no_weight_can_be_forced_in() -> None:
    # Nothing is lost in weight but the other's 3; its own counts for nothing.
    problem = problem_of(Demand("r0", "o1", 1, 0, (anywhere(8),)), Demand("r3", "o2", 1, 3, (anywhere(8),)))
    cost = facts(explained(problem, "r0"), "would_cost")
    assert cost.levels == (LevelChange("weight", worse=True, before=3, after=0, best=0),)
    assert cost.proven


def test_the_rest_of_the_plan_counts_in_the_totals_and_stays() -> None:
    # r9 on a line of its own weighs 6: the totals are 10 + 6 and 8 + 6.
    elsewhere = Demand("r9", "o9", 1, 6, (Option("v", 5, 0, 5),))
    problem = problem_of(*BEATEN.demands, elsewhere, windows=(*BEATEN.windows, Window("v", "k", 0, 10)))
    (level,) = facts(explained(problem, "r7"), "would_cost").levels or ()
    assert (level.before, level.after, level.best) == (16, 14, 14)


def test_parties_served_elsewhere_win_nothing_more() -> None:
    # a or b has the place, weight 1 each. o2 is served on the other line: with b, o1 has nothing: 1 party, not 2.
    windows = (Window("w", "l1", 0, 5), Window("v", "l2", 0, 5))
    problem = problem_of(
        Demand("a", "o1", 1, 1, (Option("w", 5, 0, 0),)),
        Demand("b", "o2", 1, 1, (Option("w", 5, 0, 0),)),
        Demand("c", "o2", 1, 1, (Option("v", 5, 0, 0),)),
        windows=windows,
        objectives=("weight", "parties"),
    )
    cost = facts(explained(problem, "b"), "would_cost")
    assert [(level.objective, level.before, level.after) for level in cost.levels or ()] == [
        ("weight", 2, 2),
        ("parties", 2, 1),
    ]
    # The party could still be made up for on another line, as far as this line alone can tell.
    assert cost.proven is False


@pytest.mark.parametrize(
    ("subject", "rule"), [("r99", "no demand or movable booking"), ("f", "is a fixed booking, which stays")]
)
def test_who_is_not_in_the_problem_cannot_be_explained(subject: str, rule: str) -> None:
    problem = problem_of(*BEATEN.demands, fixed=(Fixed("f", "w", 9, 10),))
    with pytest.raises(FieldError, match=rule):
        explained(problem, subject)


def test_a_solution_of_another_problem_is_refused() -> None:
    with pytest.raises(FieldError, match="is not one of the problem"):
        explained(BEATEN, "r7", Solution("feasible", unplaced=("r7",)))
    with pytest.raises(FieldError, match="there is no plan"):
        explained(BEATEN, "r7", Solution("infeasible", conflicts=()))
