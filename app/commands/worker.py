"""`creneau worker`: the jobs."""

import asyncio

from app.commands.failure import CommandFailed, read_settings
from app.worker import run

EXAMPLE = "DATABASE_URL=postgresql://creneau_app@/creneau creneau worker"


def worker() -> None:
    """Run jobs until told to stop: solver runs, expiries, deliveries.

    Any number of workers may run, anywhere.

    Needs DATABASE_URL, and a database that `creneau migrate` has brought to the present schema.
    """
    settings = read_settings()
    if settings.database_url is None:
        raise CommandFailed("DATABASE_URL is not set: name the database, or run `creneau up` for everything")
    asyncio.run(run(settings))
