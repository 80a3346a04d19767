"""Why no window can take a demand, and the nearest change that gives it a place at no one's expense."""

from __future__ import annotations

import pytest

from scheduler.explanation.reasons import refusals
from scheduler.explanation.relaxing import Relaxed, TypedChange
from scheduler.explanation.statements import Nearest
from scheduler.fields import FieldError
from scheduler.plan import Choice, Plan
from scheduler.problem import Caps, Demand, Option, Window
from tests.scheduler.explanation.cases import anywhere, codes, explained, problem_of, sentence, solution_with


def test_the_place_with_the_fewest_reasons_comes_first() -> None:
    reasons = [
        {"code": "volume_too_small", "asked": 200, "offered": 50, "place": "line 1"},
        {"code": "country", "offered": ["DE"], "place": "line 1"},
        {"code": "over_budget", "place": "line 2", "text": {"en": "Too dear.", "fr": "Trop cher."}},
    ]
    why = explained(problem_of(Demand("r", "o", 1, 8)), "r", reasons=reasons)
    assert codes(why) == ["unplaced", "no_option", "reason", "reason", "reason", "nearest_none"]
    assert [one.text["en"] for one in why.rendered().statements[2:5]] == [
        "line 2: Too dear.",
        "line 1: volume_too_small: asked 200, offered 50.",
        "line 1: country: asked not stated, offered DE.",
    ]
    assert why.rendered().statements[2].text["fr"] == "line 2 : Trop cher."


@pytest.mark.parametrize("reason", [{}, {"code": ""}, {"code": "x", "text": "why"}, {"code": "x", "text": {"en": 3}}])
def test_a_malformed_reason_is_named(reason: dict[str, object]) -> None:
    with pytest.raises(FieldError, match=r"reasons\[0\]"):
        refusals([reason])


def changes(problem: object, subject: str = "r", **rest: object) -> list[Nearest]:
    why = explained(problem, subject, **rest)  # type: ignore[arg-type]
    return [one.data.nearest for one in why.statements if one.data.nearest]


def test_the_least_extra_days_are_found_on_both_sides() -> None:
    # Taken: 3 to 8. r (2 days) may start on 4 or 5: free are 0 to 3 (start 1 at the latest, 3 days earlier) and
    # 8 to 10 (start 8, 3 days later).
    problem = problem_of(
        Demand("r1", "o1", 1, 9, (Option("w", 5, 3, 3),)), Demand("r", "o", 1, 1, (Option("w", 2, 4, 5),))
    )
    assert changes(problem) == [Nearest("earlier", 3, "day", "w", 1, 3), Nearest("later", 3, "day", "w", 8, 10)]
    why = explained(problem, "r")
    assert (
        "By starting 3 days later than it accepts, r (weight 1) would have [2027-01-09, 2027-01-11) in w"
        " at no one's expense." in why.text("en")
    )
    assert "En commençant 3 jours plus tard que prévu, r (poids 1) aurait [2027-01-09, 2027-01-11) dans w" in why.text(
        "fr"
    )


def test_one_day_is_singular() -> None:
    problem = problem_of(
        Demand("r1", "o1", 1, 9, (Option("w", 8, 0, 0),)), Demand("r", "o", 1, 1, (Option("w", 2, 7, 7),))
    )
    assert sentence(explained(problem, "r"), "nearest").startswith("By starting 1 day later")
    assert sentence(explained(problem, "r"), "nearest", "fr").startswith("En commençant 1 jour plus tard")


def test_no_days_help_against_a_cap() -> None:
    problem = problem_of(
        Demand("r1", "o", 1, 9, (Option("w", 8, 0, 0),)), Demand("r", "o", 1, 1, (Option("w", 2, 7, 7),)), caps=Caps(1)
    )
    assert changes(problem) == []


def test_money_is_what_a_limit_on_the_cost_lacks() -> None:
    # 300 are spent of 500, and r costs 250: 50 cents too much.
    problem = problem_of(
        Demand("r1", "o1", 1, 9, (anywhere(5, cost=300),)),
        Demand("r", "o", 1, 1, (anywhere(5, cost=250),)),
        limits={"cost": 500},
    )
    assert changes(problem) == [Nearest("money", 50, "cent", "w", 5, 10)]
    why = explained(problem, "r")
    assert sentence(why, "place_capped").endswith(
        "there is room, but the cost would reach 5.50 EUR, and 5 EUR is the limit."
    )
    assert sentence(why, "nearest").startswith("With 0.50 EUR more to spend, r (weight 1) would have")
    assert sentence(why, "nearest", "fr").startswith("Avec 0,50 EUR de plus à dépenser, r (poids 1) aurait")


def test_another_limit_is_named() -> None:
    # Rank 2 beside the other's 1 makes 3, and 2 is the limit.
    problem = problem_of(
        Demand("r1", "o1", 1, 9, (anywhere(5, rank=1),)),
        Demand("r", "o", 1, 1, (anywhere(5, rank=2),)),
        limits={"rank": 2},
    )
    assert changes(problem) == [Nearest("limit", 1, "rank", "w", 5, 10)]
    assert sentence(explained(problem, "r"), "nearest").startswith(
        "With the limit of the sum of the ranks raised by 1, "
    )


def relaxed(kind: str, amount: float, unit: str, window: str = "v", duration: int = 5) -> Relaxed:
    return Relaxed(Option(window, duration, 0, 10 - duration), TypedChange(kind, amount, unit))


def test_of_each_kind_of_change_the_least_that_gives_a_free_place_is_stated() -> None:
    # w is full. v has room from day 4: for 5 days, not for 7.
    windows = (Window("w", "l", 0, 10), Window("v", "k", 0, 10))
    problem = problem_of(
        Demand("r1", "o1", 1, 9, (anywhere(10),)),
        Demand("r2", "o2", 1, 9, (Option("v", 4, 0, 0),)),
        Demand("r", "o", 1, 1, (anywhere(5),)),
        windows=windows,
    )
    offered = [
        relaxed("volume", 300, "L"),
        relaxed("volume", 100, "L", duration=7),
        relaxed("volume", 200, "L"),
        relaxed("phase", 1, "step", window="w"),
        relaxed("containment", 1, "level"),
    ]
    found = changes(problem, relaxed=offered)
    assert found == [Nearest("containment", 1, "level", "v", 4, 9), Nearest("volume", 200, "L", "v", 4, 9)]
    why = explained(problem, "r", relaxed=offered)
    assert "With the volume changed by 200 L, r (weight 1) would have" in why.text("en")
    assert "Avec containment changé de 1 level, r (poids 1) aurait" in why.text("fr")


def test_a_relaxed_option_helps_a_demand_that_has_none() -> None:
    problem = problem_of(Demand("r", "o", 1, 1))
    assert changes(problem, relaxed=[relaxed("volume", 5, "L", "w")]) == [Nearest("volume", 5, "L", "w", 0, 5)]


def test_a_relaxed_option_in_no_known_window_is_refused() -> None:
    with pytest.raises(FieldError, match=r"relaxed\[0\]\.option\.window: no window 'v'"):
        changes(problem_of(Demand("r", "o", 1, 1)), relaxed=[relaxed("volume", 5, "L")])


def test_others_keep_their_places_even_where_they_could_make_room() -> None:
    # Were r1 to start on day 5 r would fit: but that is at r1's expense, and not stated.
    problem = problem_of(Demand("r1", "o1", 1, 9, (anywhere(4),)), Demand("r", "o", 1, 1, (Option("w", 5, 0, 0),)))
    given = solution_with(problem, Plan({"r1": Choice(0, 3)}))
    # Free are 0 to 3, too short, and 7 to 10, too short.
    assert changes(problem, solution=given) == []
