"""`kill -9` of the API in the middle of an activation leaves the old state or the new one, every time."""

import asyncio
import os
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from app.core.database import make_engine, make_session_factory
from app.core.settings import APPLICATION_ROLE, OWNER_ROLE, Settings
from app.core.vocabulary import Reserve
from app.main import create_app
from tests.app.crisis.conftest import Crises, booked, iso, maker
from tests.support import server
from tests.support.api import Api
from tests.support.client import FREE_HAND, Client
from tests.support.processes import wait_until
from tests.support.world import World

pytestmark = [pytest.mark.database, pytest.mark.races, pytest.mark.timeout(600)]

FREE_UNITS, HELD_UNITS = 40, 10
ORDERS = FREE_UNITS + HELD_UNITS
KILLS = 10 if "CRENEAU_PROVE" in os.environ else 2
"""Ten under `make prove`, two under `make test`; they are spread over the length of the transaction."""
SLOWED = """
    CREATE FUNCTION slowly() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.01); RETURN NEW; END $$;
    CREATE TRIGGER tr_slowly BEFORE INSERT ON bookings FOR EACH ROW EXECUTE FUNCTION slowly()
"""
"""So that the transaction lasts, and the kills fall inside it."""

COUNTS = """
    SELECT (SELECT count(*) FROM crisis_orders) AS orders,
        (SELECT count(*) FROM bookings WHERE source = 'crisis' AND status = 'awaiting_cdmo') AS campaigns,
        (SELECT count(*) FROM bookings WHERE source = 'replacement') AS replacements,
        (SELECT count(*) FROM displacements WHERE status = 'pending') AS displacements,
        (SELECT count(*) FROM bookings WHERE source = 'direct' AND status = 'confirmed') AS standing,
        (SELECT count(*) FROM slot_freezes) AS freezes,
        (SELECT count(*) FROM audit_records WHERE action IN ('crisis_order.issued', 'displacement.pending')) AS trail,
        (SELECT status FROM crises) AS crisis,
        (SELECT status FROM crisis_plans) AS plan
"""
OLD = {
    "orders": 0,
    "campaigns": 0,
    "replacements": 0,
    "displacements": 0,
    "standing": HELD_UNITS,
    "freezes": ORDERS,
    "trail": 0,
    "crisis": "signed",
    "plan": "signed",
}
NEW = {
    "orders": ORDERS,
    "campaigns": FREE_UNITS,
    "replacements": HELD_UNITS,
    "displacements": HELD_UNITS,
    "standing": HELD_UNITS,
    "freezes": 0,
    "trail": ORDERS + HELD_UNITS,
    "crisis": "active",
    "plan": "activated",
}


def settings_of(database: str) -> Settings:
    return Settings(
        database_url=server.secret(server.address(database, APPLICATION_ROLE)),
        database_owner_url=server.secret(server.address(database, OWNER_ROLE)),
        log_level="CRITICAL",
    )


async def ask(database: str, query: str) -> Any:
    url = server.secret(server.address(database, OWNER_ROLE)).get_secret_value().replace("+asyncpg", "")
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetch(query)
    finally:
        await connection.close()


def state(database: str) -> dict[str, Any]:
    [row] = asyncio.run(ask(database, COUNTS))
    return dict(row)


@dataclass
class Signed:
    """A database in which a crisis of 50 orders is signed, and who may activate it."""

    database: str
    crisis_id: str
    coordinator: Mapping[str, str]


@pytest.fixture
def signed(database: str) -> Iterator[Signed]:
    """Prepare the database that each attempt starts from a copy of."""
    name = f"{database}_signed"
    server.copy_template(name)
    made = asyncio.run(_sign(name))
    yield made
    server.drop(name)


async def _sign(name: str) -> Signed:
    settings = settings_of(name)
    assert settings.database_owner_url is not None
    engine = make_engine(settings.database_owner_url, settings, is_owner=True)
    world = World(make_session_factory(engine))
    await world.add_modalities()
    for _ in range(FREE_UNITS):
        await world.slot((await maker(world)).unit, 0, 46, reserve=Reserve.CRISIS)
    for _ in range(HELD_UNITS):
        slot = await world.slot((await maker(world)).unit, 0, 110, reserve=Reserve.OPEN)
        await booked(world, slot, 20, 63)
    app = create_app(settings)
    async with (
        app.router.lifespan_context(app),
        Client(transport=httpx.ASGITransport(app), base_url="http://test") as client,
    ):
        crises = Crises(client, world, await world.coordinator(), await world.authority())
        crisis_id, plan = await crises.signed(targets=[{"by": iso(56), "quantity": 20_000 * ORDERS}])
        assert plan["body"]["targets_met"]
        made = Signed(name, crisis_id, crises.coordinator)
    await engine.dispose()
    await server.run(server.address(name, OWNER_ROLE), SLOWED)
    return made


def serve(database: str, log: Path) -> Api:
    """Start the API on one database."""
    url = settings_of(database).database_url
    assert url is not None
    return Api(url.get_secret_value(), log)


class Activation(threading.Thread):
    """One POST of the activation; `status` is that of its answer, or None if none came."""

    def __init__(self, api: Api, made: Signed) -> None:
        super().__init__()
        self._api, self._made = api, made
        self.status: int | None = None

    def run(self) -> None:
        url = f"{self._api.url}/v1/crises/{self._made.crisis_id}/activate"
        try:
            answer = httpx.post(url, headers={**self._made.coordinator, **FREE_HAND}, timeout=60, trust_env=False)
            self.status = answer.status_code
        except httpx.TransportError:
            self.status = None


WRITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND backend_xid IS NOT NULL"
CONNECTED = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'creneau-api'"
)


def is_any(database: str, query: str) -> bool:
    return bool(asyncio.run(ask(database, query))[0][0])


def attempt(made: Signed, database: str, log: Path, wait_s: float | None) -> tuple[float, int | None]:
    """Activate on a copy, and kill the API so long after its transaction has begun to write; None lets it finish.

    Returns how long the activation took, and the status of its answer.
    """
    api = serve(database, log)
    try:
        activation = Activation(api, made)
        activation.start()
        wait_until(lambda: is_any(database, WRITING), seconds=30, what="a transaction that writes")
        began = time.monotonic()
        if wait_s is None:
            activation.join()
        else:
            time.sleep(wait_s)
        took = time.monotonic() - began
    finally:
        api.kill()
    activation.join()
    wait_until(lambda: not is_any(database, CONNECTED), seconds=30, what="the end of the dead API's connections")
    return took, activation.status


async def activate_again(made: Signed, database: str) -> int:
    app = create_app(settings_of(database))
    async with (
        app.router.lifespan_context(app),
        Client(transport=httpx.ASGITransport(app), base_url="http://test") as client,
    ):
        answer = await client.post(f"/v1/crises/{made.crisis_id}/activate", headers=dict(made.coordinator))
        return answer.status_code


def copied(made: Signed, number: int) -> str:
    name = f"{made.database}_{number}"
    asyncio.run(
        server.run(
            server.address("postgres"),
            f"DROP DATABASE IF EXISTS {name} WITH (FORCE)",
            f"CREATE DATABASE {name} TEMPLATE {made.database} OWNER {OWNER_ROLE}",
        )
    )
    return name


def test_a_kill_leaves_all_of_an_activation_or_nothing(signed: Signed, tmp_path: Path) -> None:
    assert state(signed.database) == OLD
    whole = copied(signed, 0)
    duration, status = attempt(signed, whole, tmp_path / "whole.log", None)
    assert (status, state(whole)) == (200, NEW)
    server.drop(whole)

    killed_inside = 0
    for number in range(1, KILLS + 1):
        database = copied(signed, number)
        _, status = attempt(signed, database, tmp_path / f"{number}.log", duration * (number - 0.5) / KILLS)
        left = state(database)
        assert left in (OLD, NEW), f"kill {number}: {left}"
        if status == 200:
            assert left == NEW, f"kill {number}: answered, and lost"
        killed_inside += left == OLD
        assert asyncio.run(activate_again(signed, database)) == (200 if left == OLD else 409)
        assert state(database) == NEW, f"after kill {number}, activation could not be repeated"
        server.drop(database)
    assert killed_inside >= KILLS // 2, f"only {killed_inside} of {KILLS} kills fell into the transaction"
