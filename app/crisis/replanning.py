"""Planning an active crisis anew: asked for here, its problems made and solved by a worker, its amendment taken up."""

from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.allocation.models import Run, RunKind
from app.allocation.runs import create_run
from app.capacity.occupancy import span_of
from app.core.clock import today
from app.core.errors import Conflict, FieldFault, Invalid
from app.crisis import calendar_repository, repository
from app.crisis.amending import AMENDMENT, take_up_amendment
from app.crisis.asking_anew import ASKED_ANEW, AskedAnew, changes_targets, wanted_by
from app.crisis.campaigns import Brief
from app.crisis.declaration_rules import target_faults
from app.crisis.errors import NothingToPlan, NothingToReplan
from app.crisis.models import Crisis, CrisisMode, CrisisStatus
from app.crisis.planning import NO_CALENDAR, solver_of, take_up_plan
from app.crisis.replanner import missing_targets
from app.crisis.schemas import ReplanCommand
from app.crisis.scoping import brief_of
from app.crisis.service import locked_crisis, refuse, require_status
from app.crisis.stock import Stock, take_stock
from app.identity.actor import Actor
from app.identity.models import Role


async def request_replan(session: AsyncSession, actor: Actor, crisis_id: UUID, command: ReplanCommand) -> Run:
    """Have a worker make the problems of what is missing of a crisis's targets, and solve them, tier by tier.

    The crisis stays active, and its CDMOs may answer meanwhile: the problems are made from its orders as they stand
    when the worker reads them, all as of one moment.

    Raises
    ------
    StateConflict
        If the crisis is not active.
    Invalid
        If targets lie in the past or contradict each other, the day lies outside the crisis, or a unit is unknown.
    NothingToReplan
        If what is ordered meets every target, and nothing of it has to go.
    Conflict
        If it is being planned, or no power is in force.
    NothingToPlan
        If nobody publishes any slot at all.
    """
    actor.require(Role.COORDINATOR)
    crisis = await locked_crisis(session, crisis_id)
    require_status(crisis, {CrisisStatus.ACTIVE}, "be planned anew")
    as_of_on = _as_of(crisis, command)
    brief = await brief_of(session, crisis, as_of_on)
    if not brief.tiers:
        raise Conflict(f"No power is in force on {max(as_of_on, brief.start_on)}: nothing may be called.")
    if running := await repository.active_run(session, crisis_id):
        raise Conflict("This crisis is being planned: wait for the run, or cancel it.", facts={"run_id": str(running)})
    if not await calendar_repository.is_anything_published(session):
        raise NothingToPlan(NO_CALENDAR)
    asked = AskedAnew(
        reason_code=command.reason_code.value,
        as_of_on=as_of_on,
        targets=None if command.targets is None else tuple(command.targets),
        unavailable_unit_ids=await _unavailable(session, command, brief),
    )
    stock = await take_stock(session, crisis, asked.unavailable_unit_ids)
    lacking = missing_targets(wanted_by(asked, brief), stock.standing.releases, crisis.as_of_on)
    if not lacking and not stock.standing.leaving and not changes_targets(crisis, asked):
        raise NothingToReplan("What is ordered meets every target: there is nothing to plan anew.", facts=_met(stock))
    return await create_run(
        session,
        actor,
        kind=RunKind.CRISIS,
        crisis_id=crisis.id,
        problem={},
        references={ASKED_ANEW: asked.model_dump(mode="json")},
        calendar_versions={},
        parameters={**command.model_dump(include={"time_limit_s", "seed"}), **solver_of(crisis)},
    )


def _as_of(crisis: Crisis, command: ReplanCommand) -> date:
    """Return the day to reason from: no earlier than the crisis's own, nor in a real one than today."""
    first = crisis.as_of_on if crisis.mode is CrisisMode.DRILL else max(crisis.as_of_on, today())
    as_of_on = command.as_of_on or max(crisis.as_of_on, today())
    faults = []
    if as_of_on < first:
        faults.append(FieldFault("/as_of_on", f"{as_of_on} is before {first}, the first day that can be planned from"))
    if as_of_on >= (end_on := span_of(crisis.validity).end_on):
        faults.append(FieldFault("/as_of_on", f"{as_of_on} is not before the end of the validity, {end_on}"))
    refuse([*faults, *target_faults(command.targets or (), as_of_on)])
    return as_of_on


async def _unavailable(session: AsyncSession, command: ReplanCommand, brief: Brief) -> tuple[UUID, ...]:
    """Return the units that are said to offer nothing any more."""
    named = await calendar_repository.units_named(
        session, command.unavailable_unit_ids, command.unavailable_organisation_ids, brief.scope
    )
    owners = set(named.values())
    faults = [
        FieldFault(f"/unavailable_unit_ids/{number}", f"there is no unit {unit_id}")
        for number, unit_id in enumerate(command.unavailable_unit_ids)
        if unit_id not in named
    ]
    faults += [
        FieldFault(f"/unavailable_organisation_ids/{number}", f"organisation {organisation_id} has no unit")
        for number, organisation_id in enumerate(command.unavailable_organisation_ids)
        if organisation_id not in owners
    ]
    if faults:
        raise Invalid("; ".join(fault.detail for fault in faults), faults=faults)
    return tuple(sorted(named))


def _met(stock: Stock) -> dict[str, Any]:
    kept = stock.standing.kept
    return {"orders_kept": len(kept), "doses_ordered": sum(one.doses for one in kept)}


async def take_up_run(session: AsyncSession, run: Run) -> None:
    """Take up what has come of a crisis's run: its plan, or an amendment of the one that is active."""
    if AMENDMENT in run.references:
        await take_up_amendment(session, run)
    else:
        await take_up_plan(session, run)
