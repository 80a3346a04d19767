"""The API as a process of its own on a PostgreSQL of its own, which can be killed and started again."""

import asyncio
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest
from pydantic import SecretStr
from sqlalchemy import text

from app.capacity.models import Approval
from app.commands.migrate import migrate_database
from app.core.clock import today
from app.core.database import make_engine, make_session_factory
from app.core.embedded import EmbeddedPostgres
from app.core.settings import Settings
from tests.support import server
from tests.support.api import Api
from tests.support.processes import still_at_work, wait_until
from tests.support.world import DAY_ONE, World

CLIENTS = 6
CAMPAIGN_DAYS = 43
"""Of a batch, and of the changeover after it."""
CAMPAIGNS = 40
"""Places for a campaign in each slot, one after the other."""
FIRST_IN_DAYS = 35
"""From today to the first place: near enough for every band of notice but the last, and near no band's edge."""


@dataclass
class Market:
    """What clients ask about, and the key they have."""

    key: Mapping[str, str]
    slots: Sequence[str]
    product: str
    first_on: date

    def start(self, turn: int) -> str:
        """The first day of one of the places, each in its turn."""
        return str(self.first_on + timedelta(days=CAMPAIGN_DAYS * (turn % CAMPAIGNS)))


@dataclass
class Service:
    """The API on a PostgreSQL of its own, which can be killed."""

    postgres: EmbeddedPostgres
    api: Api
    market: Market
    settings: Settings = field(repr=False)

    def kill_postgres(self) -> float:
        """Kill the server, and return when it was gone, with the backends that were in a statement and outlived it."""
        server = psutil.Process(self.postgres.pid)
        processes = [server, *server.children()]
        server.kill()
        assert still_at_work(processes) == []
        wait_until(lambda: self.postgres.pid is None, seconds=5, what="the end of the killed server")
        return time.monotonic()

    def start_postgres(self) -> float:
        """Start the server again, and return when it served."""
        self.postgres.stop()
        self.postgres.start()
        return time.monotonic()

    def bookings(self) -> dict[str, str]:
        """The bookings that the database has, each with its status."""
        return {str(booking): status for booking, status in self.rows("SELECT id, status FROM bookings")}

    def rows(self, question: str) -> list[Any]:
        """What the database answers to a question, whoever owns the rows."""

        async def read() -> list[Any]:
            assert self.settings.database_owner_url is not None
            engine = make_engine(self.settings.database_owner_url, self.settings, is_owner=True)
            async with engine.connect() as connection:
                found = list(await connection.execute(text(question)))
            await engine.dispose()
            return found

        return asyncio.run(read())


async def prepare(settings: Settings) -> Market:
    """Make a market with a slot for each client, on a unit of its own, where every confirmation counts at once."""
    assert settings.database_owner_url is not None
    engine = make_engine(settings.database_owner_url, settings, is_owner=True)
    world = World(make_session_factory(engine))
    await world.add_modalities()
    cdmo, _ = await world.cdmo()
    first_on = today() + timedelta(days=FIRST_IN_DAYS)
    start = (first_on - DAY_ONE).days
    end = start + CAMPAIGN_DAYS * CAMPAIGNS
    units = [await world.unit(cdmo) for _ in range(CLIENTS)]
    slots = [str((await world.slot(unit, start, end, approval=Approval.INSTANT)).id) for unit in units]
    startup, key = await world.startup()
    product = await world.product(startup)
    await engine.dispose()
    return Market(key, slots, str(product.id), first_on)


@contextmanager
def running(log: Path) -> Iterator[Service]:
    """Give a service on a new database server, with a market; both end with the block."""
    folder = Path(tempfile.mkdtemp(prefix="creneau-gone-"))
    postgres = EmbeddedPostgres(folder, max_connections=40)
    try:
        postgres.start()
        settings = Settings(
            database_url=SecretStr(postgres.app_url()), database_owner_url=SecretStr(postgres.owner_url)
        )
        migrate_database(SecretStr(postgres.owner_url), SecretStr(postgres.app_url()))
        market = asyncio.run(prepare(settings))
        limits = {name.upper(): str(limit) for name, limit in server.UNLIMITED.items()}
        with Api(postgres.app_url(), log, LOG_LEVEL="WARNING", **limits) as api:
            yield Service(postgres, api, market, settings)
    finally:
        postgres.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service whose database can be killed, for the tests of one file."""
    with running(tmp_path_factory.mktemp("gone") / "api.log") as made:
        yield made
