"""How long an activation takes: its orders, holds and notices in one transaction, on a database of its own."""

import asyncio
import time
from dataclasses import dataclass
from statistics import median

import httpx
from rich.console import Console
from rich.table import Table

from app.core.settings import APPLICATION_ROLE, OWNER_ROLE, Settings
from app.main import create_app
from tests.bench.demands import Demand, at_most
from tests.support import server
from tests.support.client import Client
from tests.support.large_crisis import large_crises

SIZES = ((500, 0), (0, 500), (500, 500))
"""Orders in free places, and orders in those of lots that move."""
LIMIT_S = 5.0


@dataclass(frozen=True, slots=True)
class Measured:
    """Activations of one size, in seconds."""

    free: int
    moved: int
    seconds: tuple[float, ...]

    @property
    def demand(self) -> Demand:
        """That none of them took longer than is allowed for 500 bookings."""
        what = f"{self.free + self.moved} orders, {self.moved} lots moved: the slowest of {len(self.seconds)}"
        return at_most("activation", what, LIMIT_S, max(self.seconds), " s")


def run(rounds: int) -> list[Measured]:
    """Activate crises of each size several times, each on a fresh copy of one database."""
    started = server.start(durable=True)
    try:
        return [_measured(free, moved, rounds) for free, moved in SIZES]
    finally:
        if started is not None:
            server.discard(started)


def _measured(free: int, moved: int, rounds: int) -> Measured:
    name = "creneau_activation"
    seconds = []
    for _ in range(rounds):
        server.copy_template(name)
        seconds.append(asyncio.run(_once(name, free, moved)))
        server.drop(name)
    return Measured(free, moved, tuple(seconds))


async def _once(database: str, free: int, moved: int) -> float:
    settings = Settings(
        database_url=server.secret(server.address(database, APPLICATION_ROLE)),
        database_owner_url=server.secret(server.address(database, OWNER_ROLE)),
        log_level="ERROR",
        **server.UNLIMITED,
    )
    async with large_crises(settings) as crises:
        made = await crises.signed(free=free, moved=moved)
    app = create_app(settings)
    async with (
        app.router.lifespan_context(app),
        Client(transport=httpx.ASGITransport(app), base_url="http://test", timeout=120) as client,
    ):
        began = time.perf_counter()
        answer = await client.post(made.activation, headers=dict(made.coordinator))
        took = time.perf_counter() - began
    if answer.status_code != httpx.codes.OK:
        raise RuntimeError(f"the activation was refused: {answer.text}")
    return took


def table(results: list[Measured]) -> Table:
    """Return the results as they are shown."""
    shown = Table(title="Activation: orders, holds and notices in one transaction (seconds)")
    for name in ("orders", "lots moved", "bookings made", "notices", "least", "median", "most", "limit"):
        shown.add_column(name, justify="right")
    for one in results:
        figures = (one.free + one.moved, one.moved, one.free + one.moved, one.free + 2 * one.moved)
        times = (min(one.seconds), median(one.seconds), max(one.seconds), LIMIT_S)
        shown.add_row(*map(str, figures), *(f"{seconds:.2f}" for seconds in times))
    return shown


def command(rounds: int, console: Console) -> list[Demand]:
    """Measure and show, and return what must hold."""
    results = run(rounds)
    console.print(table(results))
    return [one.demand for one in results]
