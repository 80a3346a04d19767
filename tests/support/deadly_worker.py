"""A worker for a test, on the database that DATABASE_URL names: of its two kinds of job, one kills it."""

import asyncio
import os
import signal
from datetime import timedelta

from app.core.database import make_engine, make_session_factory
from app.core.settings import Settings
from app.core.tenancy import EVERYBODY, act_for
from app.jobs import queue
from app.jobs.running import JobContext, Kind, Places, Runner

DEADLY, HARMLESS = "deadly", "harmless"
TRIES = 2


async def die(job: JobContext) -> None:
    """Write, and die before the commit."""
    async with job.last_transaction() as session:
        await session.connection()
        os.kill(os.getpid(), signal.SIGKILL)


async def live(job: JobContext) -> None:
    """Do nothing, and live on."""


async def main() -> None:
    """Take jobs until killed; what is silent for a second is taken for dead."""
    queue.HEARTBEAT_TIMEOUT, queue.DEQUEUE_TIMEOUT = timedelta(seconds=1), timedelta(seconds=0.5)
    settings = Settings()
    assert settings.database_url is not None
    sessions = make_session_factory(make_engine(settings.database_url, settings))
    kinds = {DEADLY: Kind(die, tries=TRIES), HARMLESS: Kind(live, Places(1))}
    act_for(EVERYBODY)
    await queue.take_jobs(settings, Runner(sessions, settings, kinds, asyncio.Event()))


if __name__ == "__main__":
    asyncio.run(main())
