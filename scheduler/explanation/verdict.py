"""A plan that grants a wish, beside the given one: what it costs, and how sure that is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from scheduler.explanation.difference import changes
from scheduler.explanation.part import Bounds, Part
from scheduler.explanation.statements import Change, LevelChange, Who
from scheduler.objectives import goodness
from scheduler.plan import Plan


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a plan changes.

    Attributes
    ----------
    gain : int
        How the first objective that changes does: above 0 for better, 0 if none changes.
    levels : tuple of LevelChange
        The objectives up to that one, with the best that is still possible of each, if that is known.
    changes : tuple of Change
        What becomes of all but the subject.
    proven : bool
        Whether no plan that grants the wish does better on these objectives.
    """

    gain: int
    levels: tuple[LevelChange, ...]
    changes: tuple[Change, ...]
    proven: bool


def depth_of(part: Part, plan: Plan) -> int:
    """Return the number of objectives up to the first that changes, all of them if none does."""
    pairs = zip(part.standing(plan), part.reached, strict=True)
    return next((depth for depth, (new, old) in enumerate(pairs, start=1) if new != old), len(part.reached))


def verdict_on(part: Part, plan: Plan, bounds: Sequence[Bounds], subject: Who) -> Verdict:
    """Return what the plan changes, given bounds on the plans that grant the wish."""
    reached, depth = part.standing(plan), depth_of(part, plan)
    best = _best(reached[:depth], bounds)
    levels = []
    for level, name in enumerate(part.problem.objectives[:depth]):
        before, old, new = part.totals[level], part.reached[level], reached[level]
        most = before + goodness(name, best[level] - old) if level < len(best) else None
        levels.append(LevelChange(name, new < old, before, before + goodness(name, new - old), most))
    return Verdict(
        gain=reached[depth - 1] - part.reached[depth - 1],
        levels=tuple(levels),
        changes=changes(part.problem, part.plan, plan, subject),
        proven=best == reached[:depth],
    )


def _best(reached: tuple[int, ...], bounds: Sequence[Bounds]) -> tuple[int, ...]:
    """Return, level by level as long as one is known, the bound for plans as good as this on those before."""
    best: list[int] = []
    for level in range(len(reached)):
        known = [
            one.best[level]
            for one in bounds
            if level < len(one.best)
            and all(ours >= theirs for ours, theirs in zip(reached[:level], one.reached, strict=False))
        ]
        if not known:
            break
        best.append(min(known))
    return tuple(best)
