"""`python -m tests.soak`: load with faults for minutes on end; memory must stay flat, and no connection be lost.

Every minute PostgreSQL is killed and started again. Exit 1 says that something grew, leaked, or was answered wrongly.
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
from rich.console import Console
from rich.progress import track
from rich.table import Table
from sqlalchemy import text

from app.core.database import make_engine
from tests.races.buyers import Buyers
from tests.races.outage import Service, running

SAMPLE_SECONDS = 5
KILL_EVERY = 12
"""Samples between two kills: one minute."""
GROWTH = 1.10
"""How much more memory the last third may take than the second: what a process needs it has by then."""
ALLOWED = frozenset({200, 201, 409, 503})

CONNECTIONS = text("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'creneau-api'")
OPEN = text(
    "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'creneau-api' AND state LIKE 'idle in transaction%'"
)


@dataclass(frozen=True, slots=True)
class Sample:
    """What stood at one moment."""

    memory_mb: float
    connections: int


def main() -> int:
    """Soak the service, and tell what was seen."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="how long (10)")
    minutes = parser.parse_args().minutes
    console = Console()
    with tempfile.TemporaryDirectory() as folder, running(Path(folder) / "api.log") as service:
        buyers = Buyers(service)
        buyers.start()
        samples = []
        for number in track(range(max(6, int(minutes * 60 / SAMPLE_SECONDS))), "Soaking", console=console):
            time.sleep(SAMPLE_SECONDS)
            if number % KILL_EVERY == KILL_EVERY - 1:
                service.kill_postgres()
                service.start_postgres()
            samples.append(_sample(service))
        buyers.stop_wanted.set()
        buyers.join()
        time.sleep(1)
        left_open = asyncio.run(_counted(service, OPEN))
    return _report(console, buyers, samples, left_open)


def _sample(service: Service) -> Sample:
    memory = psutil.Process(service.api.process.pid).memory_info().rss / 2**20
    return Sample(memory, asyncio.run(_counted(service, CONNECTIONS)))


async def _counted(service: Service, question: object) -> int:
    assert service.settings.database_owner_url is not None
    engine = make_engine(service.settings.database_owner_url, service.settings, is_owner=True)
    try:
        async with engine.connect() as connection:
            return int(await connection.scalar(question) or 0)  # type: ignore[call-overload]
    finally:
        await engine.dispose()


def _report(console: Console, buyers: Buyers, samples: list[Sample], left_open: int) -> int:
    third = len(samples) // 3
    second, last = (
        statistics.median(one.memory_mb for one in part) for part in (samples[third:-third], samples[-third:])
    )
    most = max(one.connections for one in samples)
    pool = buyers.service.settings.database_pool_size
    faults = [f"{count} answers {status}" for status, count in buyers.statuses.items() if status not in ALLOWED]
    if last > second * GROWTH:
        faults.append(f"memory grew from {second:.0f} to {last:.0f} MB")
    if most > pool:
        faults.append(f"{most} connections, and the pool has {pool}")
    if left_open:
        faults.append(f"{left_open} transactions were left open")
    table = Table(title="Soak", show_header=False)
    for name, value in (
        ("requests", f"{sum(buyers.statuses.values()):,}"),
        ("answers", ", ".join(f"{status}: {count:,}" for status, count in sorted(buyers.statuses.items()))),
        ("holds that were told", f"{len(buyers.told):,}"),
        ("memory, second and last third", f"{second:.0f} MB, {last:.0f} MB"),
        ("connections at most", f"{most} of {pool}"),
        ("faults", "; ".join(faults) or "none"),
    ):
        table.add_row(name, value)
    console.print(table)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
