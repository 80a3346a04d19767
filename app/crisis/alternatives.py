"""Taking up the plans to choose from: added beside the proposed one, which stays with its signatures."""

from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.allocation.models import Run, RunKind, RunState
from app.allocation.runs import ACTIVE, cancel_unless_ending, create_run
from app.audit.author import Author
from app.audit.service import record, snapshot
from app.capacity.service import lock_units
from app.crisis import repository
from app.crisis.body import plan_hash
from app.crisis.calendars import changed_units
from app.crisis.choosing import CHOICE_SEARCH, FOLLOWED
from app.crisis.composing import grounds_of, tiers_tried
from app.crisis.errors import PlanOutdated
from app.crisis.minimality import MINIMALITY, said_in
from app.crisis.models import Crisis, CrisisMode, CrisisPlan, CrisisStatus, PlanLabel, PlanStatus
from app.crisis.power_checks import legal_grounds_of
from app.crisis.references import References

CHOOSER = Author.of_job("crisis_choices")


def _seconds_for_choices(run: Run) -> float:
    return float(run.parameters.get("choices_s", 0))


def is_compared(run: Run) -> bool:
    """Tell whether plans to choose from are made beside the one that a run proposes."""
    wanted = _seconds_for_choices(run) > 0 and run.state is RunState.SUCCEEDED
    return wanted and bool(run.references.get("campaigns"))


async def ask_for_choices(session: AsyncSession, crisis: Crisis, run: Run) -> None:
    """Have the plans to choose from made, on the same snapshot of the calendars, beside the one that a run proposes."""
    if not is_compared(run):
        return
    await create_run(
        session,
        CHOOSER,
        kind=RunKind.CRISIS,
        crisis_id=crisis.id,
        problem=run.problem,
        references={
            **{name: run.references[name] for name in References.model_fields},
            "solved_tiers": run.references["solved_tiers"],
            "mode": crisis.mode.value,
            "tiers_tried": tiers_tried(run),
            FOLLOWED: run.solution,
        },
        calendar_versions=run.calendar_versions,
        parameters={**run.parameters, "time_limit_s": _seconds_for_choices(run), "search": CHOICE_SEARCH},
        follows=run,
    )


async def give_up_following(session: AsyncSession, author: Author, crisis: Crisis) -> None:
    """Cancel what is still being made beside a plan, as another is asked for.

    A run that ends just now waits for the crisis, and then adds nothing.
    """
    for run in await repository.following_runs(session, crisis.id):
        if run.state in ACTIVE:
            await cancel_unless_ending(session, author, run.id)


async def take_up_choices(session: AsyncSession, run: Run) -> None:
    """Add the plans of a following run beside the proposed one, and to each why it asks what it asks.

    Raises
    ------
    PlanOutdated
        If the proposed plan is no longer that, or a calendar has changed since: then nothing is added.
    """
    if run.crisis_id is None or run.state is not RunState.SUCCEEDED or run.baselines is None:
        return
    crisis = await repository.lock_crisis(session, run.crisis_id)
    plans = {plan.run_id: plan for plan in await repository.plans_of(session, run.crisis_id)}
    proposed = plans.get(run.follows_id) if run.follows_id else None
    if crisis is None or proposed is None:
        return
    if crisis.status is not CrisisStatus.PLANNED or proposed.status is not PlanStatus.PROPOSED:
        raise PlanOutdated(f"The proposed plan is {proposed.status.value} by now: nothing was added to choose from.")
    if await repository.active_run(session, crisis.id):
        raise PlanOutdated("Another plan has been asked for: nothing was added to choose from.")
    if crisis.mode is CrisisMode.REAL:
        await lock_units(session, {place["unit_id"] for place in run.references["places"].values()})
    if crisis.mode is CrisisMode.REAL and (changed := await changed_units(session, run.calendar_versions)):
        raise PlanOutdated(
            f"Calendars changed in {len(changed)} places while plans to choose from were made: nothing was added."
        )
    for choice in run.baselines["choices"]:
        if PlanLabel.PROPOSED in choice["labels"]:
            await _tell(session, proposed, choice)
        else:
            await _add(session, crisis, run, choice)


async def _tell(session: AsyncSession, plan: CrisisPlan, choice: dict[str, Any]) -> None:
    """Write beside the proposed plan what it is among the others, and on what grounds; its body stays as signed."""
    before = snapshot(plan)
    plan.labels = choice["labels"]
    plan.grounds = grounds_of(plan.plan_hash, choice["statements"])
    await record(session, CHOOSER, "crisis_plan.explained", plan, before=before)


async def _add(session: AsyncSession, crisis: Crisis, run: Run, choice: dict[str, Any]) -> None:
    body = choice["body"] | {
        "legal_grounds": await legal_grounds_of(session, crisis, choice["body"]),
        MINIMALITY: said_in(choice["body"], is_looked_at=True),
    }
    hashed = plan_hash(body)
    plan = CrisisPlan(
        crisis_id=crisis.id,
        run_id=run.id,
        tier=body["tier"],
        plan_hash=hashed,
        labels=choice["labels"],
        body=body,
        grounds=grounds_of(hashed, choice["statements"]),
    )
    session.add(plan)
    await record(session, CHOOSER, "crisis_plan.proposed", plan)
