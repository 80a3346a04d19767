"""The service beside a bare FastAPI and asyncpg app: same server, same run, 16 connections."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import reduce
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import asyncpg
import httpx
from pydantic import SecretStr
from rich.console import Console
from rich.table import Table
from sqlalchemy.engine import URL
from sqlalchemy.pool import NullPool

from app.core.database import make_engine, make_session_factory
from app.core.settings import APPLICATION_ROLE, OWNER_ROLE, Settings
from tests.bench import bare
from tests.bench.data import OCCUPANCY_DAYS, BenchData, prepare
from tests.bench.demands import Demand, at_least, at_most, is_so
from tests.bench.load import Call, Load, drive
from tests.support import server
from tests.support.ports import free_port

CONNECTIONS = 16
ROUNDS = 5
LEAST_RATIOS = (0.25, 0.4)
"""What the service must reach of the bare app's requests a second: of holds, and of searches."""
MOST_P99_MS = 150.0
WARMING_CALLS = 200
"""Enough for each connection to have its statements prepared, and planned for good."""
DATABASE = "creneau_bench"
ENVIRONMENT = {"LOG_LEVEL": "WARNING"} | {name.upper(): str(limit) for name, limit in server.UNLIMITED.items()}
"""Everything is switched on; requests are counted, though none is one too many."""
SEARCH = {
    "modality": "monoclonal_antibody",
    "phase": "phase_1",
    "region": "Île-de-France",
    "start": "2031-01-01",
    "end": "2034-01-01",
}


class Round(NamedTuple):
    """The same work, done by the service and then by the bare app."""

    service: Load
    bare: Load

    @property
    def ratio(self) -> float:
        """Requests a second of the service, as a share of the bare app's."""
        return self.service.requests_per_second / self.bare.requests_per_second


@dataclass(frozen=True, slots=True)
class Comparison:
    """One kind of work in several rounds: how fast the machine is changes within seconds, and for both alike."""

    work: str
    rounds: tuple[Round, ...]

    @property
    def total(self) -> Round:
        """All rounds as one."""
        first, *others = self.rounds
        return reduce(lambda one, other: Round(one.service + other.service, one.bare + other.bare), others, first)

    @property
    def ratios(self) -> list[float]:
        """Those of the rounds, the least first."""
        return sorted(one.ratio for one in self.rounds)

    @property
    def ratio(self) -> float:
        """The median of the ratios."""
        return median(self.ratios)

    def as_json(self) -> dict[str, Any]:
        """Return the figures for a report."""
        return {
            "work": self.work,
            "service": self.total.service.as_json(),
            "bare": self.total.bare.as_json(),
            "ratio": round(self.ratio, 3),
            "ratios": [round(one, 3) for one in self.ratios],
        }


class Served(NamedTuple):
    """An application that is served: where, and by which process."""

    port: int
    pid: int


@contextmanager
def serving(application: str, environment: dict[str, str]) -> Iterator[Served]:
    """Serve an ASGI application from a process of its own on a free port of the loopback, and stop it."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", application, "--port", str(port), "--no-access-log"]
    command += ["--log-level", "warning", "--http", "app.core.head_limit:HeadLimit"]
    if application.endswith("create_app"):
        command.append("--factory")
    process = subprocess.Popen(command, env=os.environ | environment)
    try:
        _wait_until_served(port)
        yield Served(port, process.pid)
    finally:
        process.terminate()
        process.wait(10)


def _wait_until_served(port: int) -> None:
    for _ in range(300):
        try:
            httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=1)
        except httpx.TransportError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError("the server did not start within 30 s")


def holds(data: BenchData, count: int) -> Iterator[Call]:
    headers = {"authorization": data.authorization, "content-type": "application/json"}
    for number, (slot_id, _, start) in enumerate(islice(data.starts(), count)):
        headers = {**headers, "idempotency-key": f"bench-{number}"}
        body = {"slot_id": slot_id, "start": str(start), "product_id": data.product_id, "batches": 1}
        yield Call("POST", "/v1/bookings", headers, json.dumps(body | {"gmp_phase": "phase_1"}).encode())


def inserts(data: BenchData, count: int) -> Iterator[Call]:
    for _, unit_id, start in islice(data.starts(), count):
        body = {"unit_id": unit_id, "start": str(start), "end": str(start + timedelta(days=OCCUPANCY_DAYS))}
        yield Call("POST", "/insert", {"content-type": "application/json"}, json.dumps(body).encode())


def searches(data: BenchData, count: int) -> Iterator[Call]:
    path = "/v1/slots?" + str(httpx.QueryParams(SEARCH))
    return (Call("GET", path, {"authorization": data.authorization}) for _ in range(count))


def selects(count: int) -> Iterator[Call]:
    query = str(httpx.QueryParams({"start": SEARCH["start"], "end": SEARCH["end"]}))
    return (Call("GET", f"/select?{query}") for _ in range(count))


def _plain(url: URL) -> str:
    return server.secret(url).get_secret_value().replace("+asyncpg", "")


async def _prepare_database(owner: SecretStr) -> BenchData:
    engine = make_engine(owner, Settings(), is_owner=True, poolclass=NullPool)
    data = await prepare(make_session_factory(engine))
    await engine.dispose()
    connection = await asyncpg.connect(_plain(server.address(DATABASE, OWNER_ROLE)))
    await connection.execute(bare.TABLE)
    await connection.execute("VACUUM ANALYZE")  # as the server does by itself in a database that has been up for a day
    await connection.close()
    return data


async def _compare(service: int, bare_port: int, data: BenchData, count: int) -> list[Comparison]:
    async def compared(work: str, ours: Iterator[Call], theirs: Iterator[Call]) -> Comparison:
        async def both(calls: int) -> Round:
            return Round(
                await drive(service, islice(ours, calls), connections=CONNECTIONS),
                await drive(bare_port, islice(theirs, calls), connections=CONNECTIONS),
            )

        await both(WARMING_CALLS)
        return Comparison(work, tuple([await both(count // ROUNDS) for _ in range(ROUNDS)]))

    sent = WARMING_CALLS + count
    return [
        await compared("hold: POST /v1/bookings", holds(data, sent), inserts(data, sent)),
        await compared("search: GET /v1/slots, five filters", searches(data, sent), selects(sent)),
    ]


class SideBySide(NamedTuple):
    """The service and the bare app on one server, and the rows that both work on.

    Attributes
    ----------
    database_pid
        Process of the server; None where it is not ours.
    """

    data: BenchData
    service: Served
    bare: Served
    database_pid: int | None


@contextmanager
def side_by_side() -> Iterator[SideBySide]:
    """Serve both on a server of their own, with the rows of the benchmark, and stop everything."""
    embedded = server.start(durable=True)
    try:
        server.copy_template(DATABASE)
        owner = server.secret(server.address(DATABASE, OWNER_ROLE))
        application = server.address(DATABASE, APPLICATION_ROLE)
        data = asyncio.run(_prepare_database(owner))
        with (
            serving("app.main:create_app", {"DATABASE_URL": _plain(application)} | ENVIRONMENT) as service,
            serving(
                "tests.bench.bare:app", {"BARE_DATABASE_URL": _plain(server.address(DATABASE, OWNER_ROLE))}
            ) as other,
        ):
            yield SideBySide(data, service, other, embedded.pid if embedded else None)
    finally:
        if embedded:
            server.discard(embedded)


def run(count: int) -> list[Comparison]:
    """Measure both kinds of work with so many calls each, on a server of its own, and stop everything."""
    with side_by_side() as sides:
        return asyncio.run(_compare(sides.service.port, sides.bare.port, sides.data, count))


def table(comparisons: list[Comparison]) -> Table:
    """Return the comparison as people read it."""
    made = Table(title=f"The service beside a bare FastAPI + asyncpg app, {CONNECTIONS} connections, {ROUNDS} rounds")
    for heading in ("work", "app", "requests/s", "p50 ms", "p99 ms", "ratio", "of rounds"):
        made.add_column(heading, justify="left" if heading in {"work", "app"} else "right")
    for one in comparisons:
        ratios = f"{one.ratio:.2f}", f"{one.ratios[0]:.2f} to {one.ratios[-1]:.2f}"
        made.add_row(one.work, "service", *_figures(one.total.service), *ratios)
        made.add_row("", "bare", *_figures(one.total.bare))
    return made


def _figures(load: Load) -> tuple[str, str, str]:
    return f"{load.requests_per_second:,.0f}", f"{load.percentile_ms(50):.1f}", f"{load.percentile_ms(99):.1f}"


def command(count: int, console: Console, results: Path) -> list[Demand]:
    """Measure, show, keep the figures, and return what must hold."""
    results.mkdir(exist_ok=True)
    comparisons = run(count)
    console.print(table(comparisons))
    (results / "api.json").write_text(json.dumps([one.as_json() for one in comparisons], indent=2) + "\n")
    return [demand for one, least in zip(comparisons, LEAST_RATIOS, strict=True) for demand in _demands(one, least)]


def _demands(one: Comparison, least_ratio: float) -> list[Demand]:
    """Return what must hold of one kind of work; a refused call makes its figures worthless."""
    loads = [load for both in one.rounds for load in both]
    refusal = next((load.first_refusal for load in loads if load.first_refusal), None)
    return [
        at_least("api", f"{one.work}: of the bare app's requests a second", least_ratio, one.ratio),
        at_most("api", f"{one.work}: p99", MOST_P99_MS, one.total.service.percentile_ms(99), " ms", 1),
        is_so("api", f"{one.work}: every call succeeded", holds=refusal is None, measured=refusal),
    ]
