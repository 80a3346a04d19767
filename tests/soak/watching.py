"""Looking at the service and its worker while they are under load, and while nobody asks anything of them."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
from prometheus_client.parser import text_string_to_metric_families

from tests.races.buyers import Buyers
from tests.races.outage import CLIENTS, Service
from tests.support.processes import wait_until

SETTLES_S = 3
"""Before a look at rest: longer than anybody who works pauses in the middle of a transaction."""
LOOKS = 10
"""At rest, before what is still in use counts as lost: a look at figures takes a connection itself."""
CONNECTIONS = (
    "SELECT application_name, count(*) FROM pg_stat_activity WHERE application_name LIKE 'creneau-%' GROUP BY 1"
)
OPEN = (
    "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'creneau-%'"
    " AND state LIKE 'idle in transaction%' AND state_change < clock_timestamp() - interval '2 seconds'"
)


@dataclass(frozen=True, slots=True)
class Sample:
    """What stood at one moment under load: megabytes of each process, and connections of each of its pools."""

    memory_mb: Mapping[str, float]
    connections: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Rest:
    """What stood while no request was in flight.

    Attributes
    ----------
    in_use
        Connections that the API had taken from its pool and not given back.
    left_open
        Transactions in which nothing happened any more, of the API or the worker.
    workers
        How many workers had said lately that they live.
    """

    in_use: int
    left_open: int
    workers: int


@dataclass(frozen=True, slots=True)
class Minute:
    """A minute of load and the rest after it, with what each client had acknowledged in it."""

    samples: tuple[Sample, ...]
    done: tuple[int, ...]
    rest: Rest


@contextmanager
def working(service: Service, log: Path) -> Iterator[psutil.Process]:
    """Give a worker on the service's database; it ends with the block."""
    assert service.settings.database_url is not None
    environment = {
        **os.environ,
        "DATABASE_URL": service.settings.database_url.get_secret_value(),
        "LOG_LEVEL": "WARNING",
    }
    with log.open("wb") as output:
        command = [sys.executable, "-m", "app.cli", "worker"]
        process = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        yield psutil.Process(process.pid)
    finally:
        process.kill()
        process.wait()


def look(service: Service, processes: Mapping[str, psutil.Process]) -> Sample:
    """Look at processes under load; one that has ended takes nothing."""
    memory = {name: process.memory_info().rss / 2**20 for name, process in processes.items()}
    return Sample(memory, {name: int(count) for name, count in service.rows(CONNECTIONS)})


def look_at_rest(service: Service, buyers: Buyers) -> Rest | None:
    """Have the buyers rest, look at what is still in use then, and let them go on; None if they have broken off."""
    buyers.rest_wanted.set()
    try:
        wait_until(lambda: len(buyers.resting) == CLIENTS or buyers.broken, seconds=60, what="buyers at rest")
        if buyers.broken:
            return None
        time.sleep(SETTLES_S)
        for _ in range(LOOKS):
            figures = _figures(service)
            rest = Rest(figures["creneau_database_pool_in_use"], _left_open(service), figures.get("creneau_workers", 0))
            if not rest.in_use and not rest.left_open:
                break
            time.sleep(0.5)
        return rest
    finally:
        buyers.rest_wanted.clear()


def _left_open(service: Service) -> int:
    ((count,),) = service.rows(OPEN)
    return int(count)


def _figures(service: Service) -> Mapping[str, int]:
    answer = httpx.get(f"{service.api.url}/metrics", timeout=30, trust_env=False).raise_for_status()
    return {
        sample.name: int(sample.value)
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
        if not sample.labels
    }
