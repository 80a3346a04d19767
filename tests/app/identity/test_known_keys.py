"""Keys seen alive a moment ago: they are not asked for again, and one that is revoked is dead within a second."""

import httpx
import pytest
from sqlalchemy import func, text, update
from sqlalchemy.ext.asyncio import AsyncEngine

from app.core.database import transaction
from app.identity import known_keys, repository
from app.identity.models import ApiKey
from tests.support.explain import general_plan, prepared_plan, settle
from tests.support.world import World

PATH = "/v1/slots"


class Clock:
    """The clock of a test, which stands still until it is set."""

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        """Return the time in seconds."""
        return self.seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock by which keys are trusted."""
    made = Clock()
    monkeypatch.setattr(known_keys, "monotonic", made)
    return made


@pytest.mark.parametrize("end", ["revoked_at", "expires_at"])
async def test_a_key_that_has_ended_is_dead_within_a_second(
    client: httpx.AsyncClient, world: World, clock: Clock, end: str
) -> None:
    _, headers = await world.startup()
    assert (await client.get(PATH, headers=headers)).status_code == 200
    async with transaction(world.sessions) as session:
        await session.execute(update(ApiKey).values({end: func.now()}))
    clock.seconds += 0.4
    assert (await client.get(PATH, headers=headers)).status_code == 200
    clock.seconds += 0.2
    assert (await client.get(PATH, headers=headers)).status_code == 401


async def test_a_key_in_use_all_the_time_is_asked_for_all_the_same(
    client: httpx.AsyncClient, world: World, clock: Clock
) -> None:
    _, headers = await world.startup()
    assert (await client.get(PATH, headers=headers)).status_code == 200
    await world.revoke_all_keys()
    told = []
    for _ in range(10):
        clock.seconds += 0.1
        told.append((await client.get(PATH, headers=headers)).status_code)
    assert told == [200] * 4 + [401] * 6


async def test_a_key_that_was_refused_is_asked_for_at_once(
    client: httpx.AsyncClient, world: World, clock: Clock
) -> None:
    _, headers = await world.startup()
    await world.revoke_all_keys()
    assert (await client.get(PATH, headers=headers)).status_code == 401
    async with transaction(world.sessions) as session:
        await session.execute(update(ApiKey).values(revoked_at=None))
    assert clock.seconds == 1_000
    assert (await client.get(PATH, headers=headers)).status_code == 200


async def test_one_key_is_not_taken_for_another(client: httpx.AsyncClient, world: World, clock: Clock) -> None:
    startup, own = await world.startup()
    _, other = await world.startup()
    product = await world.product(startup)
    for headers, seen in [(own, [str(product.id)]), (other, [])] * 2:
        answer = await client.get("/v1/products", headers=headers)
        assert [one["id"] for one in answer.json()["items"]] == seen
    assert (await client.get(PATH, headers={"Authorization": own["Authorization"] + "x"})).status_code == 401
    assert clock.seconds == 1_000


async def test_no_more_keys_are_remembered_than_a_set_number(
    client: httpx.AsyncClient, world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known_keys, "KNOWN_AT_MOST", 2)
    keys = [(await world.startup())[1] for _ in range(3)]
    for headers in keys:
        assert (await client.get(PATH, headers=headers)).status_code == 200
    await world.revoke_all_keys()
    assert clock.seconds == 1_000
    assert [(await client.get(PATH, headers=headers)).status_code for headers in keys] == [401, 401, 200]


async def test_a_key_is_found_by_either_of_its_secrets_through_an_index(world: World, owner: AsyncEngine) -> None:
    startup, _ = await world.startup()
    many = text(
        "INSERT INTO api_keys (id, organisation_id, role, name, prefix, secret_sha256)"
        " SELECT gen_random_uuid(), :startup, 'startup_member', 'k', 'crn_', sha256(n::text::bytea)"
        " FROM generate_series(1, 5000) n"
    )
    async with owner.begin() as connection:
        await connection.execute(many, {"startup": startup.id})
    await settle(owner)
    async with transaction(world.sessions) as session:
        plans = [
            await prepared_plan(session, repository._LIVE_KEY, {"sha256": b"1" * 32}),
            await general_plan(session, repository._LIVE_KEY),
        ]
    for plan in plans:
        assert "uq_api_keys_secret_sha256" in plan
        assert "uq_api_keys_previous_sha256" in plan
        assert "Seq Scan" not in plan
