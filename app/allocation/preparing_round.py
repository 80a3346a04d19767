"""The input of a round's run: the slots that it holds, the requests that still wait, and the problem that they make."""

from collections.abc import Sequence
from datetime import date
from functools import partial

from sqlalchemy.ext.asyncio import AsyncSession

from app.allocation import repository
from app.allocation.entrants import entries_to_plan
from app.allocation.errors import NothingInScope
from app.allocation.models import Run
from app.allocation.planner import Entry, Supply, build_problem
from app.allocation.policy import RoundPolicy
from app.allocation.preparing import Making, Prepared
from app.allocation.rules import SOLVABLE, require_status
from app.allocation.scope import supply_in_scope
from app.capacity.occupancy import span_of
from app.capacity.service import calendar_versions
from app.capacity.supply import Span
from app.core.errors import NotFound


async def read_round(session: AsyncSession, run: Run) -> Making:
    """Read what a round holds still, as it is now, and who waits; return what makes the problem from them.

    Raises
    ------
    StateConflict
        If the round is published or cancelled by now.
    NothingInScope
        If none of the slots that it holds still can be booked any more.
    """
    row = await repository.get_round(session, run.round_id) if run.round_id else None
    if row is None:
        raise NotFound.of("round", run.round_id)
    require_status(row.status, SOLVABLE, "Solving")
    supply = await supply_in_scope(session, row, await repository.frozen_slots(session, row.id))
    if not supply.slots:
        raise NothingInScope("None of the slots that this round holds still can be booked any more.")
    versions = await calendar_versions(session, supply.units.keys())
    return partial(
        _prepared,
        await entries_to_plan(session, row),
        supply,
        RoundPolicy.model_validate(row.policy),
        as_of_on=row.as_of_on,
        horizon=span_of(row.horizon),
        versions={str(unit_id): version for unit_id, version in versions.items()},
    )


def _prepared(
    entries: Sequence[Entry],
    supply: Supply,
    policy: RoundPolicy,
    *,
    as_of_on: date,
    horizon: Span,
    versions: dict[str, int],
) -> Prepared:
    built = build_problem(entries, supply, policy, as_of_on, horizon)
    return Prepared(built.document, built.references, versions)
