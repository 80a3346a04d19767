"""Planning an active crisis anew: a run over what is missing of its targets, and the amendment that comes of it."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.allocation.escalation import FURTHER_PROBLEMS
from app.allocation.models import Run, RunKind
from app.allocation.runs import create_run
from app.capacity.occupancy import span_of
from app.core.clock import today
from app.core.database import snapshot_beside
from app.core.errors import Conflict, FieldFault, Invalid, NotFound
from app.crisis import repository
from app.crisis.alternatives import give_up_following
from app.crisis.amending import take_up_amendment
from app.crisis.amendment_body import Amending
from app.crisis.amendment_grounds import AMENDMENT, take_up_grounds
from app.crisis.amendment_work import Work, work_on
from app.crisis.availability import Said, require_out_of_service, said_of_units
from app.crisis.declaration_rules import target_faults
from app.crisis.errors import NothingToPlan, NothingToReplan
from app.crisis.models import Crisis, CrisisMode, CrisisStatus
from app.crisis.planning import solver_of, take_up_plan
from app.crisis.reach import Shortfall
from app.crisis.schemas import ReplanCommand
from app.crisis.scoping import brief_of, read_calendars
from app.crisis.service import locked_crisis, require_status
from app.crisis.stock import Stock, take_stock
from app.identity.actor import Actor
from app.identity.models import Role


async def request_replan(session: AsyncSession, actor: Actor, crisis_id: UUID, command: ReplanCommand) -> Run:
    """Store the problems of what is missing of a crisis's targets as a run, and have them solved, tier by tier.

    The crisis stays active, and its CDMOs may answer meanwhile: it is locked only when all has been read.

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
        If it is being planned, no power is in force, or an order was answered while all this was read.
    """
    actor.require(Role.COORDINATOR)
    crisis = await repository.get_crisis(session, crisis_id)
    if crisis is None:
        raise NotFound.of("crisis", crisis_id)
    require_status(crisis, {CrisisStatus.ACTIVE}, "be planned anew")
    as_of_on = _as_of(crisis, command)
    brief = await brief_of(session, crisis, as_of_on)
    if not brief.tiers:
        raise Conflict(f"No power is in force on {max(as_of_on, brief.start_on)}: nothing may be called.")
    if command.targets is not None:
        brief = replace(brief, targets=tuple(command.targets))
    async with snapshot_beside(session) as reading:
        calendars = await read_calendars(reading, brief)
        said = said_of_units(command, calendars.units)
        stock = await take_stock(reading, crisis, said.unavailable, said.available)
    require_out_of_service(command, calendars.units, stock.out_of_service)
    if not calendars.slots:
        raise NothingToPlan("Nobody publishes any slot: there is no calendar to plan on.")
    is_drill = crisis.mode is CrisisMode.DRILL
    work = await asyncio.to_thread(work_on, brief, calendars, stock, is_drill=is_drill, filling_from_on=crisis.as_of_on)
    if work.is_idle and not _changes_anything(crisis, command, stock, said):
        raise NothingToReplan("What is ordered meets every target: there is nothing to plan anew.", facts=_met(stock))
    crisis = await locked_crisis(session, crisis_id)
    require_status(crisis, {CrisisStatus.ACTIVE}, "be planned anew")
    if running := await repository.active_run(session, crisis_id):
        raise Conflict("This crisis is being planned: wait for the run, or cancel it.", facts={"run_id": str(running)})
    if (await take_stock(session, crisis)).documents != stock.documents:
        raise Conflict("An order was answered at this moment: send the same request again.")
    await give_up_following(session, actor, crisis)
    asked = _asked(work, stock, as_of_on, command, said)
    parameters = command.model_dump(include={"time_limit_s", "seed", "grounds_s"})
    return await _run_of(session, actor, crisis, work, asked, parameters=parameters)


def _as_of(crisis: Crisis, command: ReplanCommand) -> date:
    """Return the day to reason from: no earlier than the crisis's own, nor in a real one than today."""
    first = crisis.as_of_on if crisis.mode is CrisisMode.DRILL else max(crisis.as_of_on, today())
    as_of_on = command.as_of_on or max(crisis.as_of_on, today())
    faults = []
    if as_of_on < first:
        faults.append(FieldFault("/as_of_on", f"{as_of_on} is before {first}, the first day that can be planned from"))
    if as_of_on >= (end_on := span_of(crisis.validity).end_on):
        faults.append(FieldFault("/as_of_on", f"{as_of_on} is not before the end of the validity, {end_on}"))
    faults += target_faults(command.targets or (), as_of_on)
    if faults:
        raise Invalid("; ".join(f"{fault.pointer[1:]}: {fault.detail}" for fault in faults), faults=faults)
    return as_of_on


def _changes_anything(crisis: Crisis, command: ReplanCommand, stock: Stock, said: Said) -> bool:
    """Tell whether there is anything to amend, though nothing is missing: orders that go, new targets, units back."""
    return bool(stock.standing.leaving or said.available) or _changes_targets(crisis, command)


def _changes_targets(crisis: Crisis, command: ReplanCommand) -> bool:
    return command.targets is not None and crisis.targets != [one.model_dump(mode="json") for one in command.targets]


def _met(stock: Stock) -> dict[str, Any]:
    kept = stock.standing.kept
    return {"orders_kept": len(kept), "doses_ordered": sum(one.doses for one in kept)}


def _asked(work: Work, stock: Stock, as_of_on: date, command: ReplanCommand, said: Said) -> Amending:
    targets = command.targets
    return Amending(
        plan_id=stock.plan_id,
        plan_hash=stock.plan_hash,
        reason_code=command.reason_code.value,
        as_of_on=as_of_on,
        targets=None if targets is None else tuple(targets),
        unavailable_unit_ids=tuple(sorted(stock.standing.without)),
        available_unit_ids=tuple(sorted(said.available & stock.out_of_service)),
        orders=stock.documents,
        short=tuple(_as_shortfall(one, as_of_on) for one in work.short),
        changing=work.changing_references,
        batch_doses=dict(work.batch_doses),
    )


def _as_shortfall(short: Shortfall, as_of_on: date) -> dict[str, Any]:
    by = as_of_on + timedelta(days=short.by)
    return {"tier": short.tier, "by": by.isoformat(), "missing": short.quantity, "at_most": short.at_most}


async def _run_of(
    session: AsyncSession, actor: Actor, crisis: Crisis, work: Work, asked: Amending, *, parameters: Mapping[str, Any]
) -> Run:
    documents: list[dict[str, Any]] = [json.loads(one.problem.to_json()) for one in work.problems]
    return await create_run(
        session,
        actor,
        kind=RunKind.CRISIS,
        crisis_id=crisis.id,
        problem=documents[0],
        references={
            **work.references.model_dump(mode="json"),
            "solved_tiers": [int(one.tier) for one in work.problems],
            FURTHER_PROBLEMS: documents[1:],
            AMENDMENT: asked.model_dump(mode="json"),
        },
        calendar_versions={str(unit): version for unit, version in work.calendar_versions.items()},
        parameters={**parameters, **solver_of(crisis)},
    )


async def take_up_run(session: AsyncSession, run: Run) -> None:
    """Take up what has come of a crisis's run: its plan, an amendment of the active one, or that one's grounds."""
    if AMENDMENT not in run.references:
        await take_up_plan(session, run)
    elif run.follows_id is None:
        await take_up_amendment(session, run)
    else:
        await take_up_grounds(session, run)
