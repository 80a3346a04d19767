"""Feasibilities as answers show them: with their line, their age, and whether they still ask for anything."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import day_of, today
from app.requests import feasibility_repository as repository
from app.requests.models import Feasibility
from app.requests.rules import feasibility_state
from app.requests.schemas import FeasibilityRead
from app.requests.visibility import Stage, columns_told

_TOLD = columns_told("feasibilities", Stage.ASKED)


async def feasibility_reads(session: AsyncSession, rows: Sequence[Feasibility]) -> list[FeasibilityRead]:
    """Return feasibilities as answers show them, in a handful of queries whatever their number."""
    day = today()
    names = await repository.line_names(session, {row.line_id for row in rows})
    statuses = await repository.request_statuses(session, {row.request_id for row in rows})
    return [
        FeasibilityRead(
            **row.model_dump(include=_TOLD),
            line_name=names[row.line_id].line_name,
            site_name=names[row.line_id].site_name,
            state=feasibility_state(row.status, statuses[row.request_id], row.valid_until_on, row.answer_by_on, day),
            age_days=(day - day_of(row.consented_at or row.created_at)).days,
        )
        for row in rows
    ]


async def feasibility_read(session: AsyncSession, row: Feasibility) -> FeasibilityRead:
    """Return one feasibility as answers show it."""
    return (await feasibility_reads(session, [row]))[0]
