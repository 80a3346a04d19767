"""PostgreSQL is killed under load, stays away, and comes back: 503 meanwhile, then all goes on without a restart."""

import asyncio
import os
import shutil
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import httpx
import psutil
import pytest
from pydantic import SecretStr
from sqlalchemy import text

from app.commands.migrate import migrate_database
from app.core.database import make_engine, make_session_factory
from app.core.embedded import EmbeddedPostgres
from app.core.settings import Settings
from tests.support import server
from tests.support.api import Api
from tests.support.client import Client
from tests.support.processes import wait_until
from tests.support.world import World, day

pytestmark = [pytest.mark.races, pytest.mark.timeout(600)]

GONE_S = 10.0 if os.environ.get("CRENEAU_PROVE") else 2.0
LOAD_S = 1.5
CLIENTS = 6
LONGEST_S = 8.0
"""No answer may take longer, away or not; a connection is given up after 5 s."""


@dataclass
class Market:
    """What clients ask about, and the key they have."""

    key: Mapping[str, str]
    slots: Sequence[str]
    product: str


@dataclass
class Answer:
    """One answer, and when its request was sent."""

    sent_at: float
    seconds: float
    response: httpx.Response


class Load(threading.Thread):
    """Clients that search, hold and let go, each again and again, until told to stop."""

    def __init__(self, url: str, market: Market) -> None:
        super().__init__()
        self._url, self._market = url, market
        self._stop_wanted = threading.Event()
        self.answers: list[Answer] = []
        self.broken: list[Exception] = []

    def run(self) -> None:
        asyncio.run(self._all())

    def stop(self) -> None:
        self._stop_wanted.set()
        self.join()

    def held(self) -> set[str]:
        """The bookings that were acknowledged."""
        return {one.response.json()["id"] for one in self.answers if one.response.status_code == 201}

    def since(self, moment: float) -> list[Answer]:
        return [one for one in self.answers if one.sent_at >= moment]

    async def _all(self) -> None:
        async with Client(base_url=self._url, headers=dict(self._market.key), timeout=30, trust_env=False) as client:
            await asyncio.gather(*(self._one(client, number) for number in range(CLIENTS)))

    async def _one(self, client: httpx.AsyncClient, number: int) -> None:
        for turn in count():
            if self._stop_wanted.is_set():
                return
            try:
                await self._send(client, "GET", "/v1/slots?modality=monoclonal_antibody&limit=5")
                body = {
                    "slot_id": self._market.slots[number],
                    "start": str(day(turn % 50)),
                    "product_id": self._market.product,
                    "batches": 1,
                }
                answer = await self._send(client, "POST", "/v1/bookings", body)
                if answer.status_code == httpx.codes.CREATED:
                    await self._send(client, "POST", f"/v1/bookings/{answer.json()['id']}/release")
            except httpx.TransportError as error:
                self.broken.append(error)

    async def _send(
        self, client: httpx.AsyncClient, method: str, path: str, body: Mapping[str, object] | None = None
    ) -> httpx.Response:
        sent_at = time.monotonic()
        response = await client.request(method, path, json=body)
        self.answers.append(Answer(sent_at, time.monotonic() - sent_at, response))
        return response


@dataclass
class Service:
    """The API on a PostgreSQL of its own, which can be killed."""

    postgres: EmbeddedPostgres
    api: Api
    market: Market
    settings: Settings = field(repr=False)

    def kill_postgres(self) -> float:
        """Kill the server, and return when it was gone."""
        psutil.Process(self.postgres.pid).kill()
        wait_until(lambda: self.postgres.pid is None, seconds=5, what="the end of the killed server")
        return time.monotonic()

    def start_postgres(self) -> float:
        """Start the server again, and return when it served."""
        self.postgres.stop()
        self.postgres.start()
        return time.monotonic()

    def bookings(self) -> set[str]:
        """The bookings that the database has."""

        async def read() -> set[str]:
            assert self.settings.database_owner_url is not None
            engine = make_engine(self.settings.database_owner_url, self.settings)
            async with engine.connect() as connection:
                found = {str(one) for one in await connection.scalars(text("SELECT id FROM bookings"))}
            await engine.dispose()
            return found

        return asyncio.run(read())


async def prepare(settings: Settings) -> Market:
    """Make a market with a slot for each client."""
    assert settings.database_owner_url is not None
    engine = make_engine(settings.database_owner_url, settings)
    world = World(make_session_factory(engine))
    await world.add_modalities()
    cdmo, _ = await world.cdmo()
    slots = [str((await world.slot(await world.unit(cdmo))).id) for _ in range(CLIENTS)]
    startup, key = await world.startup()
    product = await world.product(startup)
    await engine.dispose()
    return Market(key, slots, str(product.id))


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
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
        with Api(postgres.app_url(), tmp_path_factory.mktemp("gone") / "api.log", LOG_LEVEL="WARNING", **limits) as api:
            yield Service(postgres, api, market, settings)
    finally:
        postgres.stop()
        shutil.rmtree(folder, ignore_errors=True)


def test_under_load_the_answer_is_503_while_it_is_away_and_right_again_after(service: Service) -> None:
    load = Load(service.api.url, service.market)
    load.start()
    try:
        time.sleep(LOAD_S)
        gone_at = service.kill_postgres()
        time.sleep(GONE_S)
        back_at = service.start_postgres()
        time.sleep(LOAD_S)
    finally:
        load.stop()

    assert load.broken == []
    statuses = Counter(one.response.status_code for one in load.answers)
    assert statuses.keys() <= {200, 201, 409, 503}, statuses
    assert max(one.seconds for one in load.answers) < LONGEST_S
    refused = [one.response for one in load.answers if one.response.status_code == 503]
    assert {one.headers["content-type"] for one in refused} == {"application/problem+json"}
    assert all(int(one.headers["retry-after"]) >= 1 for one in refused)
    away = [one for one in load.since(gone_at) if one.sent_at + one.seconds < gone_at + GONE_S]
    assert len(away) >= CLIENTS
    assert {one.response.status_code for one in away} == {503}
    after = Counter(one.response.status_code for one in load.since(back_at))
    assert after.keys() <= {200, 201, 409}, f"after the return: {after}"
    assert after[201] >= 1
    assert load.held() <= service.bookings(), "acknowledged, and lost"
    assert service.api.process.poll() is None


def test_nobody_notices_when_it_was_away_while_nobody_asked(service: Service) -> None:
    with httpx.Client(base_url=service.api.url, headers=dict(service.market.key), trust_env=False) as client:
        load = Load(service.api.url, service.market)
        load.start()  # so that there are connections that can grow stale
        time.sleep(LOAD_S / 3)
        load.stop()
        for _ in range(2):
            service.kill_postgres()
            service.start_postgres()
            assert [client.get("/v1/bookings").status_code for _ in range(CLIENTS * 2)] == [200] * CLIENTS * 2
