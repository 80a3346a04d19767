"""`kill -9` of the API, or of PostgreSQL, in the middle of an activation leaves the old state or the new one.

Whichever it is, and whether or not anybody was told, the same request under the same key ends in the new one.
"""

import asyncio
import os
import random
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import psutil
import pytest
from pydantic import SecretStr
from sqlalchemy.engine import make_url

from app.commands.migrate import migrate_database
from app.core.embedded import EmbeddedPostgres
from app.core.settings import Settings
from tests.support import server
from tests.support.api import Api
from tests.support.large_crisis import LargeCrisis, large_crises
from tests.support.processes import wait_until

pytestmark = [pytest.mark.races, pytest.mark.timeout(3600)]

PROVE = "CRENEAU_PROVE" in os.environ
SIZE = {"free": 250, "moved": 250} if PROVE else {"free": 20, "moved": 20}
"""Orders in free places, and of lots that move: as many bookings are made."""
KILLS, LEAST_INSIDE = (20, 10) if PROVE else (2, 1)
SLOWED = f"""
    CREATE FUNCTION slowly() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN PERFORM pg_sleep({0.002 if PROVE else 0.01}); RETURN NEW; END $$;
    CREATE TRIGGER tr_slowly BEFORE INSERT ON bookings FOR EACH ROW EXECUTE FUNCTION slowly();
    CREATE TRIGGER tr_slowly BEFORE INSERT ON crisis_notices FOR EACH ROW EXECUTE FUNCTION slowly()
"""
"""So that the transaction lasts wherever it runs, and the kills fall inside it."""

COUNTS = """
    SELECT (SELECT count(*) FROM crisis_orders WHERE crisis_id = $1) AS orders,
        (SELECT count(*) FROM bookings WHERE crisis_id = $1 AND source = 'crisis' AND status = 'awaiting_cdmo')
            AS campaigns,
        (SELECT count(*) FROM bookings WHERE crisis_id = $1 AND source = 'replacement' AND status = 'held')
            AS replacements,
        (SELECT count(*) FROM displacements WHERE crisis_id = $1 AND status = 'pending') AS displacements,
        (SELECT count(*) FROM crisis_notices WHERE crisis_id = $1) AS notices,
        (SELECT count(*) FROM slot_freezes WHERE holder_id = $1) AS freezes,
        (SELECT count(*) FROM audit_records WHERE after ->> 'crisis_id' = $1::text AND (object_type, action) IN (
            ('crisis_orders', 'crisis_order.issued'), ('displacements', 'displacement.pending'),
            ('crisis_notices', 'crisis_notice.sent'), ('bookings', 'booking.held'),
            ('bookings', 'booking.awaiting_cdmo'))) AS trail,
        (SELECT count(*) FROM idempotency_keys WHERE key = $1::text) AS keys,
        (SELECT status FROM crises WHERE id = $1) AS crisis,
        (SELECT status FROM crisis_plans WHERE crisis_id = $1) AS plan
"""
WRITING = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'creneau-api' AND backend_xid IS NOT NULL"
CONNECTED = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'creneau-api'"


def expected(*, new: bool) -> dict[str, Any]:
    """Return the counts before an activation, or after it."""
    free, moved = SIZE["free"], SIZE["moved"]
    made = {
        "orders": free + moved,
        "campaigns": free,
        "replacements": moved,
        "displacements": moved,
        "notices": free + 2 * moved,
        "trail": 2 * (free + moved) + free + 3 * moved,
        "keys": 1,
    }
    if new:
        return {**made, "freezes": 0, "crisis": "active", "plan": "activated"}
    return {**dict.fromkeys(made, 0), "freezes": free + moved, "crisis": "signed", "plan": "signed"}


OLD, NEW = expected(new=False), expected(new=True)


@dataclass
class Arena:
    """The API on a PostgreSQL of its own, with a signed crisis for each kill, and one to see how long it takes."""

    postgres: EmbeddedPostgres
    log: Path
    crises: list[LargeCrisis]
    api: Api = field(init=False)

    def __post_init__(self) -> None:
        self.serve()

    def serve(self) -> None:
        """Start the API, anew."""
        self.api = Api(self.postgres.app_url(), self.log, LOG_LEVEL="ERROR")

    def ask(self, query: str, *parameters: Any) -> dict[str, Any]:
        """Return the one row of a query, as the owner sees it."""

        async def read() -> dict[str, Any]:
            connection = await asyncpg.connect(self.postgres.owner_url.replace("+asyncpg", ""))
            try:
                return dict(await connection.fetchrow(query, *parameters))
            finally:
                await connection.close()

        return asyncio.run(read())

    def state(self, crisis: LargeCrisis) -> dict[str, Any]:
        return self.ask(COUNTS, crisis.crisis_id)

    def kill_api(self) -> None:
        self.api.kill()
        quiet = lambda: self.ask(CONNECTED)["count"] == 0  # noqa: E731
        wait_until(quiet, seconds=30, what="the end of the dead API's connections")
        self.serve()

    def kill_postgres(self) -> None:
        psutil.Process(self.postgres.pid).kill()
        wait_until(lambda: self.postgres.pid is None, seconds=10, what="the end of the killed server")
        self.postgres.stop()
        self.postgres.start()


class Activation(threading.Thread):
    """One POST of an activation under a key; `status` is that of its answer, or None if none came."""

    def __init__(self, arena: Arena, crisis: LargeCrisis) -> None:
        super().__init__()
        self._url = f"{arena.api.url}{crisis.activation}"
        self._headers = {**crisis.coordinator, "If-Match": "*", "Idempotency-Key": crisis.crisis_id}
        self.status: int | None = None

    def run(self) -> None:
        try:
            answer = httpx.post(self._url, headers=self._headers, timeout=60, trust_env=False)
        except httpx.TransportError:
            return
        self.status = answer.status_code


def sent(arena: Arena, crisis: LargeCrisis) -> Activation:
    """Send the activation, and return when its transaction writes."""
    activation = Activation(arena, crisis)
    activation.start()
    begun = lambda: bool(arena.ask(WRITING)["count"]) or not activation.is_alive()  # noqa: E731
    wait_until(begun, seconds=30, what="a transaction that writes")
    return activation


def sent_until_answered(arena: Arena, crisis: LargeCrisis) -> int | None:
    """Send it again, under the same key, until the answer is not to send it again."""
    for _ in range(60):
        again = Activation(arena, crisis)
        again.run()
        if again.status not in {None, 503}:
            return again.status
        time.sleep(0.5)
    return None


@pytest.fixture(scope="module")
def arena(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    folder = Path(tempfile.mkdtemp(prefix="creneau-kills-"))
    postgres = EmbeddedPostgres(folder, max_connections=40)
    made: Arena | None = None
    try:
        postgres.start()
        application, owner = SecretStr(postgres.app_url()), SecretStr(postgres.owner_url)
        migrate_database(owner, application)
        settings = Settings(
            database_url=application, database_owner_url=owner, log_level="CRITICAL", **server.UNLIMITED
        )

        async def store() -> list[LargeCrisis]:
            async with large_crises(settings) as crises:
                return [await crises.signed(**SIZE) for _ in range(2 * KILLS + 1)]

        crises = asyncio.run(store())
        asyncio.run(server.run(make_url(postgres.owner_url), SLOWED))
        made = Arena(postgres, tmp_path_factory.mktemp("kills") / "api.log", crises)
        yield made
    finally:
        if made is not None:
            made.api.kill()
        postgres.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def duration(arena: Arena) -> float:
    """How long an activation lasts from its first write on, when nobody is killed."""
    crisis = arena.crises.pop()
    assert arena.state(crisis) == OLD
    activation = sent(arena, crisis)
    began = time.monotonic()
    activation.join()
    seconds = time.monotonic() - began
    assert (activation.status, arena.state(crisis)) == (200, NEW)
    return seconds


@pytest.mark.parametrize("victim", ["api", "postgres"])
def test_a_kill_leaves_all_of_an_activation_or_nothing_and_the_same_key_finishes_it(
    arena: Arena, duration: float, victim: str
) -> None:
    kill: Callable[[], None] = arena.kill_api if victim == "api" else arena.kill_postgres
    moment = random.Random(victim)
    killed_inside = 0
    for number in range(1, KILLS + 1):
        crisis = arena.crises.pop()
        activation = sent(arena, crisis)
        # The first as soon as it writes: the one that was measured may have been much slower than these.
        time.sleep(moment.uniform(0, duration) if number > 1 else 0.0)
        kill()
        activation.join()
        left = arena.state(crisis)
        assert left in (OLD, NEW), f"kill {number}: {left}"
        assert activation.status != 200 or left == NEW, f"kill {number}: answered, and lost"
        killed_inside += left == OLD
        assert sent_until_answered(arena, crisis) == 200, f"after kill {number}"
        assert arena.state(crisis) == NEW, f"after kill {number}"
    assert killed_inside >= LEAST_INSIDE, f"only {killed_inside} of {KILLS} kills fell into the transaction"
