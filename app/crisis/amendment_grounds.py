"""Why an amendment has these bookings give way and not others: shown beside it, by a run that follows its own.

The amendment is proposed at once, with what its displacement weighs and the bound on that in its body. What one booking
fewer would cost, and what each of them buys, is found by solving its problem again.
"""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.allocation.engine import Limits
from app.allocation.models import Run, RunKind
from app.allocation.runs import Success, create_run
from app.allocation.solving import Watch
from app.audit.author import Author
from app.audit.service import record, snapshot
from app.crisis import repository
from app.crisis.amendment_body import Amending
from app.crisis.amendment_work import gives_up_orders, settled_anew
from app.crisis.asking_anew import wanted_by
from app.crisis.campaigns import Brief
from app.crisis.choices import variation
from app.crisis.choosing import FOLLOWED, LEAST_SECONDS
from app.crisis.composing import grounds_of
from app.crisis.models import Crisis, CrisisPlan, PlanStatus
from app.crisis.questions import questions, statements
from app.crisis.references import References
from app.crisis.searching import task_of
from app.crisis.settling import Settled
from app.crisis.weighing import AMENDMENT_CODES, Outcome
from app.crisis.wording import statement
from app.jobs.running import JobContext

Document = Mapping[str, Any]

AMENDMENT = "amendment"
"""Under this name a run's references hold what its amendment was asked for; other runs have none."""
GROUNDS_SEARCH = "crisis_amendment_grounds"
SHOWN, UNANSWERED = "grounds", "unanswered_grounds"
EXPLAINER = Author.of_job("crisis_amendment_grounds")


def seconds_for_grounds(run: Run) -> float:
    """Return how long it is looked at why those who give way do."""
    return float(run.parameters.get("grounds_s", 0))


async def ask_for_grounds(session: AsyncSession, crisis: Crisis, run: Run, plan: CrisisPlan, outcome: Outcome) -> None:
    """Have the grounds of an amendment worked out; where nobody more gives way, or no time is given, say so at once."""
    seconds = seconds_for_grounds(run)
    said = statements(outcome, {}, codes=AMENDMENT_CODES)
    if seconds <= 0 or not outcome.settled.displacements:
        plan.grounds = _grounds(plan, said)
        return
    await create_run(
        session,
        EXPLAINER,
        kind=RunKind.CRISIS,
        crisis_id=crisis.id,
        problem=run.problem,
        references={
            **{name: run.references[name] for name in References.model_fields},
            AMENDMENT: run.references[AMENDMENT],
            FOLLOWED: run.solution,
            UNANSWERED: said,
        },
        calendar_versions=run.calendar_versions,
        parameters={**run.parameters, "time_limit_s": seconds, "search": GROUNDS_SEARCH},
        follows=run,
    )


async def show_grounds(job: JobContext, run: Run, limits: Limits, watch: Watch) -> Success:
    """Solve an amendment's problem again, with one booking fewer and with each kept, and say what follows.

    Raises
    ------
    EngineFailed
        The engine failed, with the reason in words.
    EngineStopped
        The result is not wanted any more.
    """
    task = await task_of(job, run, limits, watch)
    asked = Amending.model_validate(run.references[AMENDMENT])
    brief = wanted_by(asked, task.brief)
    plan = outcome_of(run.problem, run.references[FOLLOWED], task.references, asked, brief)
    every = questions(plan.settled)
    seconds = float(run.parameters["time_limit_s"])
    each = max(LEAST_SECONDS, seconds * task.workers / max(1, len(every)))
    base = variation(AMENDMENT, each, run.problem["objectives"])
    found = await task.vary(run.problem, [one.about(base, one.name, each) for one in every], seconds)
    answers = {
        name: outcome_of(run.problem, solution, task.references, asked, brief) for name, solution in found.items()
    }
    # In a list, as plans to choose from are: what is a mapping there is shown as figures to compare the run with.
    return Success(dict(run.references[FOLLOWED]), {SHOWN: [statements(plan, answers, codes=AMENDMENT_CODES)]})


async def take_up_grounds(session: AsyncSession, run: Run) -> None:
    """Write beside an amendment what was found out about it, signed or in force as it may be by now.

    What a run that failed, or was cancelled while it ran, has left open is said to be so. One that is superseded needs
    no grounds.
    """
    if run.crisis_id is None or run.follows_id is None:
        return
    await repository.lock_crisis(session, run.crisis_id)
    plans = {plan.run_id: plan for plan in await repository.plans_of(session, run.crisis_id)}
    plan = plans.get(run.follows_id)
    if plan is None or plan.status is PlanStatus.SUPERSEDED:
        return
    before = snapshot(plan)
    [said] = (run.baselines or {}).get(SHOWN, [run.references[UNANSWERED]])
    plan.grounds = _grounds(plan, said)
    await record(session, EXPLAINER, "crisis_plan.explained", plan, before=before)


def _grounds(plan: CrisisPlan, said: Document) -> dict[str, Any]:
    """Return the grounds of an amendment; lots that were to give way already do so still, and say for what."""
    passed_on = [
        {"booking_id": one["booking_id"], "why": statement("kept_passed_on", {})}
        for one in plan.body["pending_displacements"]["passed_on"]
    ]
    return grounds_of(plan.plan_hash, {**said, "bookings": [*said["bookings"], *passed_on]})


def outcome_of(problem: Document, solution: Document, references: References, asked: Amending, brief: Brief) -> Outcome:
    """Return what a solution of an amendment's problem comes to."""
    settled = settled_anew(problem, solution, references, asked, brief)
    kept = _kept_releases(problem, solution, asked, references.as_of_on)
    return Outcome(solution.get("levels", ()), settled, _doses(problem, settled, kept, brief, references.as_of_on))


def _doses(
    problem: Document, settled: Settled, kept: list[tuple[date, int]], brief: Brief, as_of_on: date
) -> dict[date, int]:
    """Return the doses that count towards what was missing of each target."""
    found = {}
    for target in problem["surges"][0].get("targets", ()):
        by = as_of_on + timedelta(days=target["by"])
        made = sum(one.doses_by(by, brief.rules) for one in settled.campaigns)
        found[by] = min(target["quantity"], made + sum(doses for on, doses in kept if on <= by))
    return found


def _kept_releases(problem: Document, solution: Document, asked: Amending, as_of_on: date) -> list[tuple[date, int]]:
    """Return what orders release that the problem lets be given up, and that stay in a solution."""
    if not gives_up_orders(problem):
        return []
    options = problem["surges"][0]["options"]
    return [
        (as_of_on + timedelta(days=item["start"] + batch["after"]), batch["output"])
        for item in solution.get("campaigns", ())
        if item["option"] >= len(asked.changing)
        for batch in options[item["option"]].get("yields") or ()
    ]
