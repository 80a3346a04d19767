"""`python -m tests.soak`: load with faults for minutes on end; memory must stay flat, and no connection be lost.

In the middle of every minute PostgreSQL is killed and started again, and at its end the load rests: nothing may be in
use then. What is acknowledged must be there in the end. Exit 1 says that something grew, leaked, stopped, or was
answered wrongly.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil
from rich.console import Console
from rich.progress import track
from rich.table import Table

from tests.races import kept
from tests.races.buyers import Buyers
from tests.races.outage import CLIENTS, Service, running
from tests.soak import judging
from tests.soak.watching import Minute, look, look_at_rest, working
from tests.support.processes import is_at_work

SAMPLE_SECONDS = 5
SAMPLES = 10
"""In a minute, with the rest and the kill."""
KILL_BEFORE = 5
"""The sample that is the first after the kill: PostgreSQL has been up for `SAMPLE_SECONDS` by then."""
CONFIRMS_EVERY = 20
"""Each cancellation at a fee may be credited when its days are sold again, which costs the more, the more there are."""
QUEUE_CONNECTIONS = 3
ALLOWED = frozenset({200, 201, 409, 503})


def main() -> int:
    """Soak the service and its worker, and tell what was seen."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=int, default=10, help="how long, one at least (10)")
    wanted = max(1, parser.parse_args().minutes)
    console = Console()
    with tempfile.TemporaryDirectory() as folder, running(Path(folder) / "api.log") as service:
        buyers = Buyers(service, CONFIRMS_EVERY)
        with working(service, Path(folder) / "worker.log") as worker:
            processes = {"the API": psutil.Process(service.api.process.pid), "the worker": worker}
            buyers.start()
            try:
                minutes = _soak(console, buyers, processes, wanted)
            finally:
                buyers.end()
            found = [f"{name} has ended" for name, process in processes.items() if not is_at_work(process)]
        found += [*judging.faults(minutes, _pools(service)), *_faults(buyers, len(minutes), wanted)]
    _tell(console, buyers, minutes, found)
    return 1 if found else 0


def _soak(console: Console, buyers: Buyers, processes: Mapping[str, psutil.Process], wanted: int) -> Sequence[Minute]:
    """Return what was seen in each minute, as far as the load went on."""
    minutes: list[Minute] = []
    for _ in track(range(wanted), "Soaking", console=console):
        before = [buyers.done[number] for number in range(CLIENTS)]
        samples = []
        for number in range(SAMPLES):
            if number == KILL_BEFORE:
                buyers.service.kill_postgres()
                buyers.service.start_postgres()
            time.sleep(SAMPLE_SECONDS)
            if buyers.broken:
                return minutes
            samples.append(look(buyers.service, processes))
        rest = look_at_rest(buyers.service, buyers)
        if rest is None:
            return minutes
        done = tuple(buyers.done[number] - before[number] for number in range(CLIENTS))
        minutes.append(Minute(tuple(samples), done, rest))
    return minutes


def _pools(service: Service) -> Mapping[str, int]:
    size = service.settings.database_pool_size
    return {"creneau-api": size, "creneau-worker": size, "creneau-queue": QUEUE_CONNECTIONS}


def _faults(buyers: Buyers, lasted: int, wanted: int) -> list[str]:
    found = [f"{count} answers {status}" for status, count in buyers.statuses.items() if status not in ALLOWED]
    if buyers.broken is None:
        return found + kept.faults(buyers.told, buyers.service)
    return [*found, f"the load broke off after {lasted} of {wanted} minutes: {buyers.broken!r}"]


def _tell(console: Console, buyers: Buyers, minutes: Sequence[Minute], found: Sequence[str]) -> None:
    table = Table(title="Soak", show_header=False)
    table.add_row("requests", f"{sum(buyers.statuses.values()):,}")
    table.add_row("answers", ", ".join(f"{status}: {count:,}" for status, count in sorted(buyers.statuses.items())))
    table.add_row("acts acknowledged, by minute", ", ".join(f"{sum(minute.done):,}" for minute in minutes))
    for name, (second, last) in judging.memory(minutes).items():
        table.add_row(f"memory of {name}, second and last third", f"{second:.0f} MB, {last:.0f} MB")
    for name, size in _pools(buyers.service).items():
        table.add_row(f"connections of {name} at most", f"{judging.connections(minutes, name)} of {size}")
    table.add_row("faults", "; ".join(found) or "none")
    console.print(table)


if __name__ == "__main__":
    sys.exit(main())
