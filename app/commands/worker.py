"""`creneau worker`: the jobs."""

import asyncio

from app.commands.failure import read_settings
from app.commands.session import ensure_migrated
from app.worker import run

EXAMPLE = "DATABASE_URL=postgresql://creneau_app@/creneau creneau worker"


def worker() -> None:
    """Run jobs until told to stop: solver runs, expiries, deliveries.

    Any number of workers may run, anywhere.

    Needs DATABASE_URL, and a database that `creneau migrate` has brought to the present schema.
    """
    settings = read_settings()
    ensure_migrated(settings)
    asyncio.run(run(settings))
