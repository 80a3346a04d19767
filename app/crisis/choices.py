"""The plans to choose from: how each is asked of the engine, and which of those that come back are shown.

Pure. A variation is what is different from the problem that the proposed plan was solved for; see `scheduler vary`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from app.crisis.models import PlanLabel
from app.crisis.references import References
from app.crisis.settling import Settled

Document = Mapping[str, Any]

DEFAULT = ("surge_output", "displacement", "delay", "cost")
CHEAPEST = ("surge_output", "cost", "displacement", "delay")
FIRST_TARGET_WEIGHS = 10
"""How often the first target counts when it comes first: a batch by then outweighs many by later days."""
INNER_POINTS = 7
FEWEST_POINTS = 5


@dataclass(slots=True)
class Choice:
    """A plan to choose: its labels, what it was solved for, and what of the solution stands.

    `doses` and `points` place it on the trade-off curve; `figures` are all that a person chooses by.
    """

    labels: list[PlanLabel]
    variation: dict[str, Any]
    solution: Document
    settled: Settled
    doses: int
    points: int
    figures: tuple[int, ...]
    statements: dict[str, Any] = field(default_factory=dict)

    @property
    def weighs_targets(self) -> bool:
        """Whether its output counts the first target several times."""
        return "targets" in self.variation


def variation(name: str, seconds: float, objectives: Sequence[str] = DEFAULT, **given: Any) -> dict[str, Any]:
    """Return a variation as its file holds it."""
    return {"id": name, "objectives": list(objectives), "seconds": seconds, **given}


def alternatives(problem: Document, references: References, seconds: float) -> list[dict[str, Any]]:
    """Return what is asked for the plans with a name of their own, and for the one in which nobody gives way."""
    targets = list(problem["surges"][0].get("targets", ()))
    asked = [variation(PlanLabel.LEAST_DISPLACEMENT, seconds), nobody(seconds)]
    first = min(targets, key=lambda target: int(target["by"]))
    if any(target["by"] != first["by"] for target in targets):
        weighed = [first] * (FIRST_TARGET_WEIGHS - 1) + targets
        asked.append(variation(PlanLabel.MOST_DOSES_FIRST, seconds, targets=weighed))
    options = len(problem["surges"][0].get("options", ()))
    costs = [option.price_cents for option in references.campaigns[:options]]
    return [*asked, variation(PlanLabel.CHEAPEST, seconds, CHEAPEST, costs=costs)]


def nobody(seconds: float) -> dict[str, Any]:
    """Return what is asked for the plan in which nobody gives way: the beginning of the trade-off curve."""
    return at_most(0, seconds)


def at_most(points: int, seconds: float) -> dict[str, Any]:
    """Return what is asked for the most doses at no more than so many points of displacement."""
    return variation(f"{PlanLabel.TRADE_OFF}-{points}", seconds, limits={"displacement": points})


def inner_limits(most: int) -> list[int]:
    """Return limits spread over a curve whose last point has so many points of displacement."""
    return sorted({most * number // (INNER_POINTS + 1) for number in range(1, INNER_POINTS + 1)} - {0, most})


def further_limits(curve: Sequence[Choice], tried: Iterable[int]) -> list[int]:
    """Return limits between neighbours of a curve of too few points, where a point may still hide."""
    if len(curve) >= FEWEST_POINTS:
        return []
    found = {(before.points + after.points) // 2 for before, after in pairwise(curve)}
    found |= {after.points - 1 for after in curve[1:]}
    return sorted(found - set(tried) - {choice.points for choice in curve})


def distinct(choices: Iterable[Choice]) -> list[Choice]:
    """Return choices that differ in a figure; one that differs in none from an earlier one gives it its labels."""
    found: dict[tuple[int, ...], Choice] = {}
    for choice in choices:
        same = found.setdefault(choice.figures, choice)
        if same is not choice:
            same.labels += [label for label in choice.labels if label not in same.labels]
    return list(found.values())


def curve_of(choices: Iterable[Choice]) -> list[Choice]:
    """Return those of which no other reaches as many doses at as little displacement, the least displacing first."""
    best: list[Choice] = []
    for choice in sorted(choices, key=lambda one: (one.points, -one.doses)):
        if not best or choice.doses > best[-1].doses:
            best.append(choice)
    return best
