"""A coordinator's changes to a plan, each with its coded reason, its cost, and the checker's word."""

from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.allocation import repository
from app.allocation.comparison import figures
from app.allocation.errors import AdjustmentRefused, NothingToPublish
from app.allocation.models import Round, RoundStatus, Run, RunState
from app.allocation.planner import PlanRefused, with_placed, without
from app.allocation.rules import PLANNED, require_status
from app.allocation.schemas import Adjustment, Place
from app.allocation.service import change_status, locked_round
from app.audit.service import record, stored
from app.core.clock import now
from app.identity.actor import Actor

Document = dict[str, Any]


async def newest_plan(session: AsyncSession, round_id: UUID, run_id: UUID | None = None) -> Run:
    """Return the run named, or else the newest that succeeded, locked until the transaction ends.

    The plan that a cancelled run kept is taken where it is named, or where no run has succeeded.

    Raises
    ------
    NothingToPublish
        If there is none, or the one named has no plan.
    """
    planned = [run for run in await repository.runs_of(session, round_id) if run.solution is not None]
    whole = [run for run in planned if run.state is RunState.SUCCEEDED]
    for run in whole or planned if run_id is None else planned:
        if run_id in {None, run.id} and (locked := await repository.lock_run(session, run.id)):
            return locked
    raise NothingToPublish("No run of this round has a plan: solve it first.")


async def adjust_plan(session: AsyncSession, actor: Actor, round_id: UUID, command: Adjustment) -> tuple[Round, Run]:
    """Take a request out of the newest plan, or put it somewhere, and mark the round as reviewed.

    The plan as solved is kept beside, and what the change costs on every objective is written down.

    Raises
    ------
    StateConflict
        If the round has no plan, or is published.
    AdjustmentRefused
        If the changed plan breaks a rule; its facts list the rules.
    """
    row = await locked_round(session, actor, round_id)
    require_status(row.status, PLANNED, "Adjusting a plan")
    run = await newest_plan(session, round_id)
    solved: Document = run.solution or {}
    changed = _changed(row, run, solved, command)
    before = await stored(session, run)
    run.solution = changed
    run.baselines = {**(run.baselines or {}), "plan": figures(run.problem, run.references, changed.get("placed", ()))}
    run.parameters = {
        **run.parameters,
        "solved": run.parameters.get("solved", solved),
        "adjustments": [
            *run.parameters.get("adjustments", ()),
            {
                **command.model_dump(mode="json"),
                "at": now().isoformat(),
                "by_person_id": str(actor.person_id) if actor.person_id else None,
                "levels": _cost(solved, changed),
            },
        ],
    }
    reason = {"reason_code": command.reason_code.value, "reason_text": command.reason_text}
    await record(session, actor, "run.adjusted", run, before=before, **reason)
    if row.status is not RoundStatus.REVIEWED:
        await change_status(session, actor, row, RoundStatus.REVIEWED, reason)
    return row, run


def _changed(row: Round, run: Run, solved: Document, command: Adjustment) -> Document:
    demand = str(command.request_id)
    try:
        if isinstance(command, Place):
            start = (command.start - row.as_of_on).days
            return with_placed(run.problem, solved, demand, str(command.slot_id), start)
        return without(run.problem, solved, demand)
    except PlanRefused as error:
        raise AdjustmentRefused(
            "The plan was not changed: the changed one would break rules of the round.",
            facts={"violations": list(error.rules)},
        ) from error


def _cost(before: Document, after: Document) -> list[Document]:
    """Return each objective's value before and after."""
    reached = {level["objective"]: level["value"] for level in after["levels"]}
    return [
        {"objective": level["objective"], "before": level["value"], "after": reached[level["objective"]]}
        for level in before["levels"]
    ]
