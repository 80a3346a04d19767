"""The score of a drill, and beside it those of earlier drills of its scenario, as tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.table import Table

from seed.demo.screen import count, euros, table
from seed.drills.scenarios import scenarios

Score = dict[str, Any]

MOST = 10
"""Earlier drills shown beside the last one, the newest of them."""


def score_table(score: Score) -> Table:
    """Return the figures of one drill."""
    orders, bookings = score["orders"], score["bookings"]
    answered = ", ".join(f"{orders[word]} {word}" for word in ("accepted", "countered", "unanswered"))
    cost = f"{euros(score['planned_cost_cents'])}, {euros(score['accepted_cost_cents'])}"
    hours = " / ".join(_hours(score[f"hours_to_{step}"]) for step in _STEPS)
    rows = [
        ("From the declaration to the plan, the signatures, the activation", hours),
        *(row for by in score["doses"] for row in _doses(by)),
        *(_target(one) for one in score["targets"]),
        ("Orders", f"{orders['issued']}: {answered}"),
        (
            "Bookings to give way, and that had",
            f"{bookings['moved']} moved, {bookings['displaced']} displaced; {bookings['effective']}",
        ),
        ("Cost as planned, and of what was accepted", cost),
    ]
    return table(f"Score of the drill: {score['title']}", ("figure", "value"), rows)


def _doses(by: Score) -> list[tuple[str, str]]:
    words = ("planned", "accepted")
    return [(f"Doses by day {by['day']}, {word} (low, expected, high)", _range(by[word])) for word in words]


def _target(one: Score) -> tuple[str, str]:
    told = "met" if one["met"] else "not met"
    wanted = f"Target by {one['by']}: {count(one['quantity'])} doses"
    return wanted, f"{told}: {count(one['accepted'])} accepted of {count(one['planned'])} planned"


_STEPS = ("plan", "signature", "activation")


def comparison_table(scores: Sequence[Score]) -> Table:
    """Return drills of one scenario side by side, in the order of time; doses are those expected and accepted."""
    days = [by["day"] for by in scores[-1]["doses"]]
    headings = (
        "declared", "to plan", "signed", *(f"day {day}" for day in days), "moved", "displaced", "cost",
        "targets met",
    )  # fmt: skip
    rows = [
        (
            one["declared_at"][:16].replace("T", " "),
            _hours(one["hours_to_plan"]),
            _hours(one["hours_to_signature"]),
            *(count(by["accepted"]["expected"]) for by in one["doses"]),
            one["bookings"]["moved"],
            one["bookings"]["displaced"],
            euros(one["accepted_cost_cents"]),
            f"{one['targets_met']} of {len(one['targets'])}",
        )
        for one in scores[-MOST:]
    ]
    title = f"Drills of {scores[-1]['scenario']}, the last one below: doses accepted by day, as expected"
    return table(title, headings, rows, numbers=tuple(range(1, len(headings))))


def scenario_table() -> Table:
    """Return the scenarios there are."""
    rows = [
        (one.name, one.title, ", ".join(f"{count(doses)} by day {day}" for day, doses in one.targets))
        for one in scenarios().values()
    ]
    return table("Scenarios of drills", ("name", "what is played", "doses wanted"), rows)


def _hours(hours: float | None) -> str:
    """Return a time as people say it: a drill of an afternoon in hours, one played by a program in seconds."""
    if hours is None:
        return "-"
    seconds = hours * 3600
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if hours < 2 else f"{hours:.1f} h"


def _range(doses: dict[str, int]) -> str:
    return ", ".join(count(doses[level]) for level in ("low", "expected", "high"))
