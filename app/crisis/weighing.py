"""What a plan would lose if it asked less: pure comparisons of solutions, as statements.

A booking is shown to be needed by solving again with it kept in its place, under everything else that holds for the
plan; that one fewer would not do, by solving with one fewer allowed to give way, whichever they are.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from app.crisis.campaigns import Brief
from app.crisis.settling import PlannedCampaign, Settled
from app.crisis.wording import statement

Document = Mapping[str, Any]

MAXIMISED = "surge_output"
KEPT_CODES = {
    "surge_output": "kept_costs_doses",
    "displacement": "kept_costs_displacement",
    "delay": "kept_costs_delay",
    "cost": "kept_costs_money",
}


def doses_by_target(brief: Brief, campaigns: Sequence[PlannedCampaign]) -> dict[date, int]:
    """Return the doses that count towards each target: released by then, and no more than it asks."""
    return {
        target.by: min(target.quantity, sum(one.doses_by(target.by, brief.rules) for one in campaigns))
        for target in brief.targets
    }


def kept_statement(
    brief: Brief,
    plan: Settled,
    levels: Sequence[Document],
    again: Document | None,
    other: Settled | None,
    *,
    plain: bool = True,
) -> dict[str, Any]:
    """Return what would follow if a booking that gives way kept its place.

    Parameters
    ----------
    levels
        Of the plan's own solution.
    again, other
        The best solution found with the booking kept, and what of it stands; None where none was found.
    plain
        Whether every target counts once, so that a bound is one on doses.
    """
    if again is None or other is None:
        return statement("kept_not_shown", {})
    instead = _instead(plan, other)
    for own, new in zip(levels, again["levels"], strict=False):
        lost, least = _loss(own, new), max(0, _loss(own, {**new, "value": new["bound"]}))
        if lost < 0 and other.spared:
            break
        if lost < 0:
            return statement("kept_gains", {"objective": own["objective"], "instead": instead})
        if lost > 0:
            data = {"more": lost, "at_least": least, "instead": instead}
            if own["objective"] == MAXIMISED:
                data = {**_fewer(brief, plan, other), **data}
            proof = "bound" if other.spared and plain else _proof(lost, least, plain=plain)
            return statement(KEPT_CODES[own["objective"]], data, proof=proof)
    if other.spared:  # What the rules would not let stand shows nothing better.
        return statement("kept_not_shown", {})
    return statement("kept_ties", {"instead": instead})


def one_fewer_statement(
    brief: Brief,
    plan: Settled,
    levels: Sequence[Document],
    again: Document | None,
    other: Settled | None,
    *,
    plain: bool = True,
) -> dict[str, Any]:
    """Return what the plan would lose if one booking fewer were to give way, whichever those are.

    Counted are bookings, moved or displaced alike, as a signatory counts them, not the points that they weigh.
    """
    count = len(plan.displacements)
    if not count:
        return statement("nobody_gives_way", {})
    if again is None or other is None:
        return statement("one_fewer_not_shown", {"most": count - 1})
    own, new = (_by_name(one) for one in (levels, again["levels"]))
    doses = MAXIMISED
    lost = _loss(own[doses], new[doses])
    if lost > 0:
        least = max(0, _loss(own[doses], {**new[doses], "value": new[doses]["bound"]}))
        data = {"most": count - 1, **_fewer(brief, plan, other), "at_least": least}
        return statement("one_fewer_costs_doses", data, proof=_proof(lost, least, plain=plain))
    if other.spared:
        return statement("one_fewer_not_shown", {"most": count - 1})
    weighs, value = new["displacement"]["value"], own["displacement"]["value"]
    data = {"most": count - 1, "weighs": weighs, "value": value, "instead": _instead(plan, other)}
    return statement("one_fewer_weighs_more" if weighs > value else "one_fewer_does", data)


def displacement_statement(plan: Settled, levels: Sequence[Document]) -> dict[str, Any]:
    """Return what the displacement weighs, with its bound: how much of it is proven to be needed."""
    level = _by_name(levels).get("displacement")
    if level is None or not plan.displacements:
        return statement("nobody_gives_way", {})
    proven = all(one["proven"] for one in levels[: [one["objective"] for one in levels].index("displacement") + 1])
    data = {"bookings": len(plan.displacements), "value": level["value"], "bound": level["bound"]}
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


def _fewer(brief: Brief, plan: Settled, other: Settled) -> dict[str, Any]:
    """Return how many doses fewer count towards each target, and the one that loses most."""
    ours, theirs = doses_by_target(brief, plan.campaigns), doses_by_target(brief, other.campaigns)
    targets = [{"by": day.isoformat(), "fewer": doses - theirs[day]} for day, doses in sorted(ours.items())]
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
