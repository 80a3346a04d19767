"""What there is to solve for an amendment: pure, from the calendars and the stock of orders as they were read."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from uuid import UUID

from app.crisis.amendment_body import Amending
from app.crisis.campaigns import BatchDoses, Brief, doses_of_batch
from app.crisis.planner import TierProblem
from app.crisis.reach import Shortfall, within_reach
from app.crisis.references import CampaignReference, References
from app.crisis.replanner import (
    CHANGING,
    as_told,
    changing_problem,
    missing_targets,
    nothing_missing,
    problems_anew,
    with_orders,
)
from app.crisis.scoping import Calendars, board_of, references_of
from app.crisis.settling import Settled, settle
from app.crisis.stock import Stock


def gives_up_orders(problem: Mapping[str, Any]) -> bool:
    """Tell whether a problem, as JSON, is the one in which orders may be given up."""
    return any(surge["id"] == CHANGING for surge in problem["surges"])


def settled_anew(
    problem: Mapping[str, Any], solution: Mapping[str, Any], references: References, asked: Amending, brief: Brief
) -> Settled:
    """Return what stands of a solution, as new campaigns; orders that the problem let stay are none."""
    if gives_up_orders(problem):
        references = references.model_copy(update={"campaigns": asked.changing})
        new = [one for one in solution.get("campaigns", ()) if one["option"] < len(asked.changing)]
        solution = {**solution, "campaigns": new}
    return settle(solution, references, brief.rules, brief.last_target_on)


@dataclass(frozen=True, slots=True)
class Work:
    """The problems, in the order in which they are solved, and what their parts stand for.

    Attributes
    ----------
    short
        Tiers that need not be solved, for they cannot meet a target.
    changing_references
        The campaigns of the last problem, where orders may be given up in it.
    is_idle
        Whether nothing is missing.
    """

    problems: tuple[TierProblem, ...]
    short: tuple[Shortfall, ...]
    references: References
    changing_references: tuple[CampaignReference, ...]
    batch_doses: Mapping[UUID, BatchDoses]
    calendar_versions: Mapping[UUID, int]
    is_idle: bool


def work_on(brief: Brief, calendars: Calendars, stock: Stock, *, is_drill: bool, filling_from_on: date) -> Work:
    """Return what there is to solve.

    Parameters
    ----------
    brief
        The crisis with all that its targets ask for, whether or not it is ordered already.
    filling_from_on
        The first day of the crisis, from which filling counts.
    """
    standing = stock.standing
    lacking = missing_targets(brief, standing.releases, filling_from_on)
    asked = replace(brief, targets=lacking) if lacking else brief
    taken = with_orders(calendars, standing, is_drill=is_drill, replaced=stock.replaced)
    board, reasons = board_of(asked, taken)
    board = as_told(board, standing)
    changing_references: tuple[CampaignReference, ...] = ()
    if lacking:
        problems = problems_anew(board)
        without = standing.without_orders(one.order_id for one in standing.changeable)
        without_them = missing_targets(brief, without.releases, filling_from_on)
        if changing := changing_problem(board, standing, without_them, stock.pending):
            problems.append(changing.problem)
            changing_references = references_of(changing.board, ()).campaigns
    else:
        board = replace(board, campaigns=(), movable={})
        problems = [nothing_missing(board)]
    references = references_of(board, reasons)
    problems, short = within_reach(problems)
    return Work(
        problems=tuple(problems),
        short=tuple(short),
        references=references,
        changing_references=changing_references,
        batch_doses=_batch_doses(brief, calendars, {one.unit_id for one in standing.kept}),
        calendar_versions=calendars.versions,
        is_idle=not lacking,
    )


def _batch_doses(brief: Brief, calendars: Calendars, units: set[UUID]) -> dict[UUID, BatchDoses]:
    """Return what a batch gives on units of which that is known."""
    found = {}
    for unit_id in units & calendars.units.keys():
        doses = doses_of_batch(calendars.units[unit_id], brief.countermeasure)
        if isinstance(doses, BatchDoses):
            found[unit_id] = doses
    return found
