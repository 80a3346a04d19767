"""Bookings at a steady rate, with and without a drill beside them: what a drill costs those who book.

On the national scenario, with one process of the API, one worker, and the drill played by the command. Rounds without
and with a drill take turns; in a round with one, bookings are made until the drill has ended.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import reduce
from itertools import islice, takewhile
from pathlib import Path
from statistics import median
from typing import Any

import asyncpg
from rich.console import Console
from rich.table import Table
from sqlalchemy.pool import NullPool

from app.core.database import make_engine, make_session_factory
from app.core.settings import APPLICATION_ROLE, OWNER_ROLE, Settings
from seed.loading import LoadPlan
from seed.loading import load as load_database
from seed.scenario.sizes import SizeName
from tests.bench.bench_api import ENVIRONMENT, _plain, holds, serving
from tests.bench.data import BenchData, prepare_holds
from tests.bench.demands import Demand, at_most, is_so
from tests.bench.load import Call, Load, drive
from tests.support import server
from tests.support.world import World

DATABASE = "creneau_bench_drill"
CONNECTIONS = 16
MOST_RATIO = 1.2
AS_OF = date(2026, 11, 1)
AFTERWARDS_S = 1.0


@dataclass(frozen=True, slots=True)
class Pair:
    """One round without a drill, and the round with one after it."""

    without: Load
    beside: Load

    def ratio(self, share: int) -> float:
        """Return how much longer a call took beside the drill, at a percentile."""
        return self.beside.percentile_ms(share) / self.without.percentile_ms(share)


@dataclass(frozen=True, slots=True)
class DrillBench:
    """All rounds."""

    rate: float
    pairs: tuple[Pair, ...]

    @property
    def total(self) -> Pair:
        """All rounds as one, whose bad moments both sides share."""
        first, *others = self.pairs
        return reduce(lambda one, other: Pair(one.without + other.without, one.beside + other.beside), others, first)

    def as_json(self) -> dict[str, Any]:
        """Return the figures for a report."""
        return {
            "rate": self.rate,
            "without": self.total.without.as_json(),
            "beside": self.total.beside.as_json(),
            "p99_ratio": round(self.total.ratio(99), 3),
            "p99_ratios": [round(one.ratio(99), 3) for one in self.pairs],
        }


def run(rounds: int, rate: float, scenario: str, seconds: float) -> DrillBench:
    """Measure so many rounds of each kind at so many bookings a second, on a server of its own, and stop everything."""
    embedded = server.start(durable=True)
    try:
        server.copy_template(DATABASE)
        with tempfile.TemporaryDirectory(prefix="creneau-bench-") as name:
            keys = Path(name) / "keys.json"
            data = asyncio.run(_prepare_database(keys))
            environment = ENVIRONMENT | {"DATABASE_URL": _plain(server.address(DATABASE, APPLICATION_ROLE))}
            with serving("app.main:create_app", environment) as served, _worker(environment):
                command = _drill_command(served.port, keys, scenario)
                bench = _Bench(served.port, data, rate, seconds, command)
                return DrillBench(rate, tuple(asyncio.run(bench.pairs(rounds))))
    finally:
        if embedded:
            server.discard(embedded)


async def _prepare_database(keys: Path) -> BenchData:
    owner = server.secret(server.address(DATABASE, OWNER_ROLE))
    application = server.secret(server.address(DATABASE, APPLICATION_ROLE))
    settings = Settings(database_url=application, database_owner_url=owner)
    await load_database(settings, LoadPlan(SizeName.NATIONAL, 1, AS_OF, if_empty=False, keys_file=keys))
    engine = make_engine(owner, Settings(), is_owner=True, poolclass=NullPool)
    data, _, _ = await prepare_holds(World(make_session_factory(engine)))
    await engine.dispose()
    connection = await asyncpg.connect(_plain(server.address(DATABASE, OWNER_ROLE)))
    await connection.execute("VACUUM ANALYZE")
    await connection.close()
    return data


@contextmanager
def _worker(environment: dict[str, str]) -> Iterator[None]:
    process = subprocess.Popen(
        [sys.executable, "-m", "app.cli", "worker"], env=os.environ | environment, start_new_session=True
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait(20)


def _drill_command(port: int, keys: Path, scenario: str) -> list[str]:
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "app.cli", "crisis", "drill", "--scenario", scenario, "--url", address]
    return [*command, "--keys-file", str(keys), "--time-limit", "5"]


@dataclass(frozen=True, slots=True)
class _Bench:
    port: int
    data: BenchData
    rate: float
    seconds: float
    drill: list[str]

    async def pairs(self, rounds: int) -> list[Pair]:
        """Return the rounds, after one of each kind that nobody measures."""
        calls = holds(self.data, sys.maxsize)
        await self._without(calls)
        await self._beside(calls)
        return [Pair(await self._without(calls), await self._beside(calls)) for _ in range(rounds)]

    async def _without(self, calls: Iterator[Call]) -> Load:
        return await self._drive(islice(calls, round(self.rate * self.seconds)))

    async def _beside(self, calls: Iterator[Call]) -> Load:
        """Book until a drill has ended, and a moment longer."""
        played = await asyncio.create_subprocess_exec(*self.drill, stdout=subprocess.DEVNULL)
        ending = asyncio.create_task(played.wait())
        try:
            load = await self._drive(takewhile(lambda _: not ending.done(), calls))
        finally:
            code = await ending
        if code:
            raise RuntimeError(f"the drill ended with code {code}")
        await asyncio.sleep(AFTERWARDS_S)
        return load

    async def _drive(self, calls: Iterator[Call]) -> Load:
        return await drive(self.port, calls, connections=CONNECTIONS, rate=self.rate)


def table(bench: DrillBench) -> Table:
    """Return the measurement as people read it."""
    made = Table(title=f"Bookings at {bench.rate:g} a second, {len(bench.pairs)} rounds of each kind, taking turns")
    for heading in ("", "bookings", "p50 ms", "p99 ms", "longest ms"):
        made.add_column(heading, justify="left" if not heading else "right")
    total = bench.total
    for name, load in (("without a drill", total.without), ("beside a drill", total.beside)):
        figures = (load.percentile_ms(50), load.percentile_ms(99), load.percentile_ms(100))
        made.add_row(name, f"{len(load.latencies_ms):,}", *(f"{one:.1f}" for one in figures))
    of_rounds = sorted(pair.ratio(99) for pair in bench.pairs)
    told = (
        f"{total.ratio(99):.2f} (of rounds {of_rounds[0]:.2f} to {of_rounds[-1]:.2f}, median {median(of_rounds):.2f})"
    )
    made.add_row("ratio", "", f"{total.ratio(50):.2f}", told, "")
    return made


def command(rounds: int, rate: float, scenario: str, seconds: float, console: Console, results: Path) -> list[Demand]:
    """Measure, show, keep the figures, and return what must hold."""
    results.mkdir(exist_ok=True)
    bench = run(rounds, rate, scenario, seconds)
    console.print(table(bench))
    (results / "drill.json").write_text(json.dumps(bench.as_json(), indent=2) + "\n")
    refusal = bench.total.without.first_refusal or bench.total.beside.first_refusal
    return [
        at_most(
            "drill", "p99 of a booking beside a drill, of that without", MOST_RATIO, bench.total.ratio(99), " times"
        ),
        is_so("drill", "every booking succeeded", holds=refusal is None, measured=refusal),
    ]
