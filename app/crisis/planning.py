"""Planning a crisis: a run over the tiers that its powers open, and what follows when it has ended."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.allocation.models import Run, RunKind, RunState
from app.allocation.runs import create_run
from app.audit.author import Author
from app.audit.service import record, snapshot
from app.capacity.models import FreezeHolder
from app.capacity.service import freeze_slots, lock_units, thaw
from app.core.errors import Conflict
from app.core.settings import get_settings
from app.core.standing_back import LAST
from app.crisis import calendar_repository, repository
from app.crisis.alternatives import ask_for_choices, give_up_following, is_compared, take_up_choices
from app.crisis.body import plan_hash
from app.crisis.calendars import changed_units
from app.crisis.composing import compose
from app.crisis.errors import NothingToPlan, PlanOutdated
from app.crisis.holding_still import hold_still
from app.crisis.minimality import MINIMALITY, said_in
from app.crisis.models import Crisis, CrisisMode, CrisisPlan, CrisisStatus, PlanStatus
from app.crisis.plan_schemas import PlanCommand
from app.crisis.power_checks import legal_grounds_of
from app.crisis.references import References
from app.crisis.scoping import NO_CALENDAR, brief_of
from app.crisis.searching import PLAN_SEARCH
from app.crisis.service import change_status, locked_crisis, require_status
from app.identity.actor import Actor
from app.identity.models import Role

PLANNABLE = frozenset({CrisisStatus.DECLARED, CrisisStatus.PLANNED, CrisisStatus.SIGNED})
SUPERSEDABLE = frozenset({PlanStatus.PROPOSED, PlanStatus.SIGNED})
PLANNER = Author.of_job("crisis_plan")
DRILL_SOLVER = {"workers": 1, "niceness": LAST}
"""A drill is solved on one core, and on that only as far as those who book leave it."""


async def request_plan(session: AsyncSession, actor: Actor, crisis_id: UUID, command: PlanCommand) -> Run:
    """Have the problems of a crisis made and solved, tier by tier, by a worker: whoever books meanwhile waits for none.

    In a real crisis nobody books from here on what the run may draw on, until it has ended.

    Raises
    ------
    StateConflict
        If the crisis is active, or has ended.
    Conflict
        If it is being planned, no power is in force from its first day on, or every target has passed.
    NothingToPlan
        If nobody publishes any slot at all.
    """
    actor.require(Role.COORDINATOR)
    crisis = await locked_crisis(session, crisis_id)
    require_status(crisis, PLANNABLE, "be planned")
    if running := await repository.active_run(session, crisis_id):
        raise Conflict("This crisis is being planned: wait for the run, or cancel it.", facts={"run_id": str(running)})
    brief = await brief_of(session, crisis)
    if not brief.tiers:
        raise Conflict(f"No power is in force from {max(brief.as_of_on, brief.start_on)} on: nothing may be called.")
    if all(target.by <= brief.as_of_on for target in brief.targets):
        raise Conflict(f"No target is after {brief.as_of_on}, when planning begins: declare later ones.")
    if not await calendar_repository.is_anything_published(session):
        raise NothingToPlan(NO_CALENDAR)
    await give_up_following(session, actor, crisis)
    run = await create_run(
        session,
        actor,
        kind=RunKind.CRISIS,
        crisis_id=crisis.id,
        problem={},
        references={},
        calendar_versions={},
        parameters={
            "time_limit_s": command.time_limit_s,
            "seed": command.seed,
            **solver_of(crisis),
            "choices_s": command.choices_s,
            "search": PLAN_SEARCH,
        },
    )
    await hold_still(session, actor, crisis, run, brief)
    return run


def solver_of(crisis: Crisis) -> dict[str, Any]:
    """Return with how many workers, and how far behind others, what belongs to a crisis is solved."""
    return DRILL_SOLVER if crisis.mode is CrisisMode.DRILL else {"workers": get_settings().solver_workers}


async def take_up_plan(session: AsyncSession, run: Run) -> None:
    """Make the plan of a run that has ended that of its crisis, in the transaction that ends the run.

    The plans to choose from are made by a run that follows it, and are taken up beside it.

    Its slots are held still until activation, as the run held them. In a drill nothing is: its plan stands as of the
    day it was made, whatever is booked meanwhile, for nothing rests on it. Earlier plans are superseded; but the plan
    that a cancelled run kept is taken only where there is none yet.

    Raises
    ------
    PlanOutdated
        If a calendar in scope changed while it was solved: the run has then failed.
    PowerLacking
        If the powers that it rests on have ended meanwhile: likewise.
    """
    if run.follows_id is not None:
        await take_up_choices(session, run)
        return
    if run.crisis_id is None or run.solution is None:
        return
    crisis = await repository.lock_crisis(session, run.crisis_id)
    plannable = PLANNABLE if run.state is RunState.SUCCEEDED else {CrisisStatus.DECLARED}
    if crisis is None or crisis.status not in plannable:
        return
    references = _references(run)
    if crisis.mode is CrisisMode.REAL:
        await lock_units(session, {place.unit_id for place in references.places.values()})
    if crisis.mode is CrisisMode.REAL and (changed := await changed_units(session, run.calendar_versions)):
        raise PlanOutdated(f"Calendars changed in {len(changed)} places while the plan was made: plan again.")
    body = compose(await brief_of(session, crisis, references.as_of_on), run, references, crisis.mode)
    body["legal_grounds"] = await legal_grounds_of(session, crisis, body)
    body[MINIMALITY] = said_in(body, is_looked_at=is_compared(run))
    await supersede(session, PLANNER, crisis)
    plan = CrisisPlan(crisis_id=crisis.id, run_id=run.id, tier=body["tier"], plan_hash=plan_hash(body), body=body)
    session.add(plan)
    await record(session, PLANNER, "crisis_plan.proposed", plan)
    await change_status(session, PLANNER, crisis, CrisisStatus.PLANNED)
    if crisis.mode is CrisisMode.REAL:
        await thaw(session, PLANNER, crisis.id)
    if crisis.mode is CrisisMode.REAL and references.campaigns:
        await freeze_slots(session, PLANNER, FreezeHolder.CRISIS, crisis.id, list(references.places))
    await ask_for_choices(session, crisis, run)


def _references(run: Run) -> References:
    return References.model_validate({name: run.references[name] for name in References.model_fields})


async def supersede(
    session: AsyncSession, author: Author, crisis: Crisis, statuses: Collection[PlanStatus] = SUPERSEDABLE
) -> None:
    """Set aside the plans of a crisis that are in one of these statuses."""
    await session.flush()
    for plan in await repository.plans_of(session, crisis.id, statuses):
        before = snapshot(plan)
        plan.status = PlanStatus.SUPERSEDED
        await record(session, author, "crisis_plan.superseded", plan, before=before)


async def back_to_planning(
    session: AsyncSession, author: Author, crisis: Crisis, reason_code: str = "calendar_changed"
) -> None:
    """Take a crisis whose plan is out of date back to where it is planned anew; its slots stay held still."""
    await supersede(session, PLANNER, crisis)
    await change_status(session, author, crisis, CrisisStatus.DECLARED, reason_code=reason_code)
