"""The input of a run that is asked for without: read as of one moment, and made, by the worker that solves it.

On a national calendar it takes from half a second to several, in which a process that answers requests would answer
nobody.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.allocation.engine import EngineStopped
from app.allocation.models import Run
from app.allocation.runs import fill_run
from app.core.database import at_one_moment, transaction
from app.jobs.running import JobContext


@dataclass(frozen=True, slots=True)
class Prepared:
    """The problem solved first, the references with the problems after it, and the calendars that they are made from.

    Each is as JSON has it.
    """

    problem: dict[str, Any]
    references: dict[str, Any]
    calendar_versions: dict[str, int]


Making = Callable[[], Prepared]
"""Makes the input of a run from what has been read for it: pure, and long."""

Reading = Callable[[AsyncSession, Run], Awaitable[Making]]
"""Reads all that the input of a run is made from, and returns what makes it."""


async def prepare_run(job: JobContext, run: Run, reading: Reading) -> Run:
    """Make and store the input of a run that was asked for without, and return the run with it.

    Raises
    ------
    EngineStopped
        If the run is another attempt's by now, or has been cancelled.
    DomainError
        If there is nothing to solve any more: what the reading, or the making, finds.
    """
    async with transaction(job.sessions) as session:
        await at_one_moment(session)
        making = await reading(session, run)
    prepared = await asyncio.to_thread(making)
    async with job.transaction() as session:
        filled = await fill_run(
            session,
            run.id,
            run.attempt,
            problem=prepared.problem,
            references=prepared.references,
            calendar_versions=prepared.calendar_versions,
        )
    if filled is None:
        raise EngineStopped("the run is not wanted any more")
    return filled
