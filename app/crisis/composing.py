"""The bodies of plans, and what is said beside them, out of what was solved. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from app.allocation.models import Run
from app.crisis.body import Made, plan_body
from app.crisis.campaigns import Brief
from app.crisis.choices import FIRST_TARGET_WEIGHS, Choice
from app.crisis.declaration import CrisisRules
from app.crisis.models import CrisisMode
from app.crisis.planner import displacement_points
from app.crisis.references import References
from app.crisis.rules import Tier, compensation_cents
from app.crisis.settling import Settled, settle
from app.crisis.weighing import tier_statement

Document = Mapping[str, Any]

GROUNDS_FORMAT = "creneau-crisis-grounds/1"
SHOWN_LEVELS = ("surge_output", "displacement")
"""Those of the engine's objectives that mean something to a person as they are."""


def compose(brief: Brief, run: Run, references: References, mode: CrisisMode) -> dict[str, Any]:
    """Return the body of the plan that a run's solution comes to."""
    solution: Document = run.solution or {}
    settled = settle(solution, references, brief.rules, brief.last_target_on)
    made = made_of(brief, references, settled, run.problem, solution, mode=mode.value, tiers_tried=tiers_tried(run))
    return plan_body(made, run.calendar_versions)


def body_of(brief: Brief, run: Run, references: References, choice: Choice) -> dict[str, Any]:
    """Return the body of a plan to choose, which a following run has made."""
    made = made_of(
        brief,
        references,
        choice.settled,
        {**run.problem, **choice.variation},
        choice.solution,
        mode=run.references["mode"],
        tiers_tried=run.references["tiers_tried"],
    )
    weighs = {"first_target_weighs": FIRST_TARGET_WEIGHS} if choice.weighs_targets else {}
    return plan_body(replace(made, solved_for={**made.solved_for, **weighs}), run.calendar_versions)


def made_of(
    brief: Brief,
    references: References,
    settled: Settled,
    problem: Document,
    solution: Document,
    *,
    mode: str,
    tiers_tried: Sequence[Document],
) -> Made:
    """Return what the body of any plan is written from: with what it asks of others, and how much of that is proven.

    Parameters
    ----------
    problem
        That of the run, with the objectives and limits that this plan was solved for.
    """
    return Made(
        brief,
        references,
        settled,
        mode=mode,
        tiers_tried=tiers_tried,
        points=displacement_of(problem, settled),
        solved_for=_solved_for(problem.get("objectives", ()), problem.get("limits", {}), solution.get("levels", ())),
    )


def grounds_of(plan_hash: str, statements: Document) -> dict[str, Any]:
    """Return what is said beside the plan that has this hash."""
    return {"format": GROUNDS_FORMAT, "plan_hash": plan_hash, **statements}


def tiers_tried(run: Run) -> list[dict[str, Any]]:
    """Return for each tier that was solved what it reached, and whether that met what was asked."""
    figures = run.baselines or {}
    levels = (run.solution or {}).get("levels", ())
    [value, bound] = next(
        ([one["value"], one["bound"]] for one in levels if one["objective"] == "surge_output"), [0, 0]
    )
    reached: Sequence[int] = figures.get("surge_output_by_step") or [value]
    bounds: Sequence[int | None] = figures.get("surge_bound_by_step") or [*([None] * (len(reached) - 1)), bound]
    targets = [target for surge in run.problem.get("surges", ()) for target in surge.get("targets", ())]
    asked = sum(target["quantity"] for target in targets)
    tried = []
    for tier, doses, at_most in zip(run.references["solved_tiers"], reached, bounds, strict=False):
        most = asked if at_most is None else min(asked, at_most)
        why = tier_statement(tier, doses, most, asked)
        tried.append({"tier": tier, "target_doses": doses, "asked": asked, "at_most": most, "why": why})
    return tried


def displacement_of(problem: Document, settled: Settled) -> int:
    """Return what the bookings that give way weigh."""
    moved = {str(one.booking.booking_id) for one in settled.displacements if one.move is not None}
    displaced = {str(one.booking.booking_id) for one in settled.displacements if one.move is None}
    return displacement_points(problem, moved, displaced)


def cost_of(rules: CrisisRules, settled: Settled) -> int:
    """Return the cents of the orders, and of the compensation of those who give way."""
    owed = (
        compensation_cents(
            rules, one.booking.price_cents, moved=one.move is not None, recallable=one.booking.tier < Tier.CONFIRMED
        )
        for one in settled.displacements
    )
    return sum(one.option.price_cents for one in settled.campaigns) + sum(owed)


def _solved_for(objectives: Sequence[str], limits: Document, levels: Sequence[Document]) -> dict[str, Any]:
    shown = [
        {name: level[name] for name in ("objective", "value", "bound", "proven")}
        for level in levels
        if level["objective"] in SHOWN_LEVELS
    ]
    return {"objectives": list(objectives), "limits": dict(limits), "levels": shown}
