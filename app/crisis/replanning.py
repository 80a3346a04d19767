"""Planning an active crisis anew: asked for here, its problems made and solved by a worker, its amendment taken up."""

from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.allocation.models import Run, RunKind
from app.allocation.runs import create_run
from app.capacity.occupancy import span_of
from app.core.clock import today
from app.core.errors import Conflict, FieldFault
from app.crisis import calendar_repository, repository
from app.crisis.alternatives import give_up_following
from app.crisis.amending import take_up_amendment
from app.crisis.amendment_grounds import AMENDMENT, take_up_grounds
from app.crisis.asking_anew import ASKED_ANEW, AskedAnew, changes_anything, wanted_by
from app.crisis.availability import Said, require_out_of_service, said_of_units
from app.crisis.campaigns import Brief
from app.crisis.declaration_rules import target_faults
from app.crisis.errors import NothingToPlan, NothingToReplan
from app.crisis.holding_still import hold_still
from app.crisis.models import Crisis, CrisisMode, CrisisStatus
from app.crisis.plan_schemas import ReplanCommand
from app.crisis.planning import solver_of, take_up_plan
from app.crisis.replanner import missing_targets
from app.crisis.scoping import NO_CALENDAR, brief_of
from app.crisis.service import locked_crisis, refuse, require_status
from app.crisis.stock import Stock, take_stock
from app.identity.actor import Actor
from app.identity.models import Role


async def request_replan(session: AsyncSession, actor: Actor, crisis_id: UUID, command: ReplanCommand) -> Run:
    """Have a worker make the problems of what is missing of a crisis's targets, and solve them, tier by tier.

    The crisis stays active, and its CDMOs may answer meanwhile: the problems are made from its orders as they stand
    when the worker reads them, all as of one moment. What the run may draw on nobody else books until it has ended.

    Raises
    ------
    StateConflict
        If the crisis is not active.
    Invalid
        If targets lie in the past or contradict each other, the day lies outside the crisis, a unit is unknown, or one
        that is said to be back was not out of service.
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
    said = await _said(session, command, brief)
    asked = AskedAnew(
        reason_code=command.reason_code.value,
        as_of_on=as_of_on,
        targets=None if command.targets is None else tuple(command.targets),
        unavailable_unit_ids=said.unavailable,
        available_unit_ids=said.available,
    )
    stock = await take_stock(session, crisis, said.unavailable, said.available)
    require_out_of_service(said, stock.out_of_service)
    wanted = wanted_by(asked, brief)
    lacking = missing_targets(wanted, stock.standing.releases, crisis.as_of_on)
    if not lacking and not changes_anything(crisis, asked, stock):
        raise NothingToReplan("What is ordered meets every target: there is nothing to plan anew.", facts=_met(stock))
    await give_up_following(session, actor, crisis)
    run = await create_run(
        session,
        actor,
        kind=RunKind.CRISIS,
        crisis_id=crisis.id,
        problem={},
        references={ASKED_ANEW: asked.model_dump(mode="json")},
        calendar_versions={},
        parameters={**command.model_dump(include={"time_limit_s", "seed", "grounds_s"}), **solver_of(crisis)},
    )
    await hold_still(session, actor, crisis, run, wanted)
    return run


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


async def _said(session: AsyncSession, command: ReplanCommand, brief: Brief) -> Said:
    """Return what is said of the units that are named, or whose CDMO is."""
    unit_ids = [*command.unavailable_unit_ids, *command.available_unit_ids]
    organisation_ids = [*command.unavailable_organisation_ids, *command.available_organisation_ids]
    owners = await calendar_repository.units_named(session, unit_ids, organisation_ids, brief.scope)
    return said_of_units(command, owners)


def _met(stock: Stock) -> dict[str, Any]:
    kept = stock.standing.kept
    return {"orders_kept": len(kept), "doses_ordered": sum(one.doses for one in kept)}


async def take_up_run(session: AsyncSession, run: Run) -> None:
    """Take up what has come of a crisis's run: its plan, an amendment of the active one, or that one's grounds."""
    if AMENDMENT not in run.references:
        await take_up_plan(session, run)
    elif run.follows_id is None:
        await take_up_amendment(session, run)
    else:
        await take_up_grounds(session, run)
