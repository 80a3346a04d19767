"""`creneau worker`: the jobs."""

import asyncio

from app.commands.failure import read_settings
from app.commands.starting import ensure_fit_to_start
from app.core.standing_back import give_way
from app.worker import run

EXAMPLE = "DATABASE_URL=postgresql://creneau_app@/creneau creneau worker"


def worker() -> None:
    """Run jobs until told to stop: solver runs, expiries, deliveries.

    Any number of workers may run, anywhere; on a machine that others share, a worker lets those who answer people go
    first.

    Needs DATABASE_URL, and a database that `creneau migrate` has brought to the present schema. Refuses to start with a
    password of the examples, and under a role that stands above rights and policies.
    """
    settings = read_settings()
    ensure_fit_to_start(settings)
    give_way()
    asyncio.run(run(settings))
