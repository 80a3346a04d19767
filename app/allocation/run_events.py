"""A run's progress as server-sent events."""

from collections.abc import AsyncIterator, Awaitable, Callable
from uuid import UUID

import structlog

from app.allocation.progress import watch
from app.allocation.repository import Standing
from app.allocation.runs import ACTIVE
from app.core.database import DATABASE_FAILURES, SessionFactory
from app.core.sse import ServerSentEvent

SILENT_LOOKS = 10
"""Looks without news after which a comment keeps the connection alive."""

LOOKS_A_KEY = 5
"""Looks after which it is asked again whether the key of who follows is alive."""

log = structlog.get_logger(__name__)


async def run_events(
    sessions: SessionFactory,
    run_id: UUID,
    is_stopping: Callable[[], bool],
    still_acting: Callable[[], Awaitable[bool]],
) -> AsyncIterator[ServerSentEvent]:
    """Yield `progress` each time that it has changed, then one `end`; comments when there is nothing to tell.

    Whoever comes back, with a `Last-Event-ID` or without, is told the present state first. When this server stops, or
    the database is away, the stream ends without an `end`: a client comes back by itself. It ends so too once the key
    of who follows has ended, who is refused then.
    """
    shown, silent, looks = None, 0, 0
    yield ServerSentEvent(comment="the run is watched")
    try:
        async for standing in watch(sessions, run_id):
            silent, looks = silent + 1, looks + 1
            if looks % LOOKS_A_KEY == 0 and not await still_acting():
                return
            if standing.progress is not None and standing.progress != shown:
                shown, silent = standing.progress, 0
                yield ServerSentEvent(event="progress", data={"attempt": standing.attempt, **shown})
            elif silent >= SILENT_LOOKS:
                silent = 0
                yield ServerSentEvent(comment="nothing new")
            if standing.state not in ACTIVE:
                yield ServerSentEvent(event="end", data=_end(standing, run_id))
            elif is_stopping():
                return
    except DATABASE_FAILURES as error:
        log.warning("run_not_watched", run_id=str(run_id), error=error)


def _end(standing: Standing, run_id: UUID) -> dict[str, object]:
    return {
        "state": standing.state.value,
        "has_plan": standing.has_plan,
        "error": standing.error,
        "run": f"/v1/runs/{run_id}",
    }
