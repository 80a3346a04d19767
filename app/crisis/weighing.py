"""What a plan would lose if it asked less: pure comparisons of solutions, as statements.

A booking is shown to be needed by solving again with it kept in its place, under everything else that holds for the
plan; that one fewer would not do, by solving with one fewer allowed to give way, whichever they are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from app.crisis.campaigns import Brief
from app.crisis.settling import PlannedCampaign, Settled
from app.crisis.wording import statement

Document = Mapping[str, Any]

MAXIMISED = "surge_output"
PLAN_CODES: Mapping[str, str] = {
    "surge_output": "kept_costs_doses",
    "displacement": "kept_costs_displacement",
    "delay": "kept_costs_delay",
    "cost": "kept_costs_money",
    "nobody": "nobody_gives_way",
}
"""What is said of a booking that would keep its place, by the first objective that suffers; and where nobody yields."""
AMENDMENT_CODES: Mapping[str, str] = {**PLAN_CODES, "cost": "kept_costs_changes", "nobody": "nobody_more_gives_way"}
"""The same of an amendment: what comes last there is first of all how many orders it changes."""


def doses_by_target(brief: Brief, campaigns: Sequence[PlannedCampaign]) -> dict[date, int]:
    """Return the doses that count towards each target: released by then, and no more than it asks."""
    return {
        target.by: min(target.quantity, sum(one.doses_by(target.by, brief.rules) for one in campaigns))
        for target in brief.targets
    }


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a solution comes to.

    Attributes
    ----------
    levels
        What it reaches of each objective, with the bound.
    settled
        What of it stands.
    doses
        Those that count towards each target: released by then, and no more than it asks.
    """

    levels: Sequence[Document]
    settled: Settled
    doses: Mapping[date, int]


def kept_statement(
    plan: Outcome, other: Outcome | None, *, plain: bool = True, codes: Mapping[str, str] = PLAN_CODES
) -> dict[str, Any]:
    """Return what would follow if a booking that gives way kept its place.

    Parameters
    ----------
    other
        What comes of the best solution found with the booking kept; None where none was found.
    plain
        Whether every target counts once, so that a bound is one on doses.
    codes
        What is said of each objective that suffers.
    """
    if other is None:
        return statement("kept_not_shown", {})
    instead, spares = _instead(plan.settled, other.settled), bool(other.settled.spared)
    for own, new in zip(plan.levels, other.levels, strict=False):
        lost, least = _loss(own, new), max(0, _loss(own, {**new, "value": new["bound"]}))
        if lost < 0 and spares:
            break
        if lost < 0:
            return statement("kept_gains", {"objective": own["objective"], "instead": instead})
        if lost > 0:
            data = {"more": lost, "at_least": least, "instead": instead}
            if own["objective"] == MAXIMISED:
                data = {**_fewer(plan, other), **data}
            proof = "bound" if spares and plain else _proof(lost, least, plain=plain)
            return statement(codes[own["objective"]], data, proof=proof)
    if spares:  # What the rules would not let stand shows nothing better.
        return statement("kept_not_shown", {})
    return statement("kept_ties", {"instead": instead})


def one_fewer_statement(plan: Outcome, other: Outcome | None, *, plain: bool = True) -> dict[str, Any]:
    """Return what a plan would lose if one booking fewer were to give way, whichever those are.

    Counted are bookings, moved or displaced alike, as a signatory counts them, not the points that they weigh.
    """
    most = len(plan.settled.displacements) - 1
    if other is None:
        return statement("one_fewer_not_shown", {"most": most})
    own, new = _by_name(plan.levels), _by_name(other.levels)
    lost = _loss(own[MAXIMISED], new[MAXIMISED])
    if lost > 0:
        least = max(0, _loss(own[MAXIMISED], {**new[MAXIMISED], "value": new[MAXIMISED]["bound"]}))
        data = {"most": most, **_fewer(plan, other), "at_least": least}
        return statement("one_fewer_costs_doses", data, proof=_proof(lost, least, plain=plain))
    if other.settled.spared:
        return statement("one_fewer_not_shown", {"most": most})
    weighs, value = new["displacement"]["value"], own["displacement"]["value"]
    data = {"most": most, "weighs": weighs, "value": value, "instead": _instead(plan.settled, other.settled)}
    return statement("one_fewer_weighs_more" if weighs > value else "one_fewer_does", data)


def displacement_statement(plan: Outcome) -> dict[str, Any]:
    """Return what the displacement weighs, with its bound: how much of it is proven to be needed."""
    names = [one["objective"] for one in plan.levels]
    place = names.index("displacement")
    level, bookings = plan.levels[place], len(plan.settled.displacements)
    proven = all(one["proven"] for one in plan.levels[: place + 1])
    data = {"bookings": bookings, "value": level["value"], "bound": level["bound"]}
    return statement("displacement_proven" if proven else "displacement_bound", data)


def tier_statement(tier: int, reached: int, at_most: int, asked: int) -> dict[str, Any]:
    """Return whether capacity up to a tier meets the targets, and if not, how far it goes."""
    data = {"tier": tier, "reached": reached, "asked": asked, "at_most": at_most}
    code = "tier_met" if reached >= asked else "tier_short" if at_most <= reached else "tier_short_unproven"
    return statement(code, data)


def _proof(lost: int, least: int, *, plain: bool) -> str:
    if least == lost:
        return "proven"
    return "bound" if plain else "none"


def _by_name(levels: Sequence[Document]) -> dict[str, Document]:
    return {level["objective"]: level for level in levels}


def _loss(own: Document, new: Document) -> int:
    """Return by how much the new value of an objective is worse; below 0 if it is better."""
    difference: int = own["value"] - new["value"]
    return difference if own["objective"] == MAXIMISED else -difference


def _fewer(plan: Outcome, other: Outcome) -> dict[str, Any]:
    """Return how many doses fewer count towards each target, and the one that loses most."""
    targets = [{"by": day.isoformat(), "fewer": doses - other.doses[day]} for day, doses in sorted(plan.doses.items())]
    worst = max(targets, key=lambda one: int(str(one["fewer"])))
    total = sum(int(str(one["fewer"])) for one in targets)
    return {"by": worst["by"], "fewer_by": worst["fewer"], "fewer": total, "targets": targets}


def _instead(plan: Settled, other: Settled) -> list[dict[str, Any]]:
    """Return who gives way in the other plan, and does not in this one."""
    present = {one.booking.booking_id for one in plan.displacements}
    return [
        {"booking_id": str(one.booking.booking_id), "kind": "displaced" if one.move is None else "moved"}
        for one in other.displacements
        if one.booking.booking_id not in present
    ]
