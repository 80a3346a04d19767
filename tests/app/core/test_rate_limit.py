"""Requests are counted by key, and by address until a key has proved to be one."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from app.core.rate_limit import Counters, RateLimit, policies
from app.core.settings import Settings
from app.identity.known_keys import TRUSTED_SECONDS
from app.main import create_app
from tests.support.rate_window import early_in_a_window
from tests.support.world import World

LIMITS = {"rate_limit_reads": 4, "rate_limit_writes": 2, "rate_limit_address": 3}


@pytest.fixture
async def limited(settings: Settings, world: World) -> AsyncIterator[FastAPI]:
    """The application with small limits, in a window that does not end before the test."""
    app = create_app(settings.model_copy(update=LIMITS))
    async with app.router.lifespan_context(app):
        await early_in_a_window()
        yield app


@asynccontextmanager
async def at(app: FastAPI, address: str = "192.0.2.1") -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application at an address."""
    transport = httpx.ASGITransport(app, client=(address, 4711))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


async def statuses(client: httpx.AsyncClient, times: int, headers: Mapping[str, str] | None = None) -> list[int]:
    """Ask so many times: for what everybody may read, or with a key for what needs one."""
    path = "/v1/organisations" if headers is None else "/v1/bookings"
    return [(await client.get(path, headers=headers)).status_code for _ in range(times)]


async def test_an_address_without_a_key_is_limited_on_an_included_router(limited: FastAPI) -> None:
    async with at(limited) as client, at(limited, "192.0.2.2") as other:
        assert await statuses(client, 4) == [200, 200, 200, 429]
        assert await statuses(other, 1) == [200]
        refused = await client.get("/v1/sites")
    assert refused.status_code == 429
    assert refused.headers["content-type"] == "application/problem+json"
    problem = refused.json()
    assert problem["type"] == "urn:creneau:problem:rate-limited"
    assert problem["violated-policies"] == ["address"]
    assert problem["instance"] == "/v1/sites"
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert refused.headers["ratelimit-policy"] == '"address";q=3;w=60'
    assert refused.headers["ratelimit"] == f'"address";r=0;t={refused.headers["retry-after"]}'
    assert refused.headers["x-request-id"]


async def test_every_answer_tells_what_is_left(limited: FastAPI) -> None:
    async with at(limited) as client:
        left = [(await client.get(f"/v1/sites/{number}")).headers["ratelimit"] for number in range(3)]
    assert [one.partition(";t=")[0] for one in left] == ['"address";r=2', '"address";r=1', '"address";r=0']


async def test_a_key_has_limits_of_its_own_for_reads_and_for_writes(limited: FastAPI, world: World) -> None:
    key, other = await world.coordinator(), await world.authority()
    async with at(limited) as client:
        assert await statuses(client, 6, key) == [200, 200, 200, 200, 200, 429]  # the first one counts as the address's
        assert await statuses(client, 1, other) == [200]
        writes = [await client.post("/v1/organisations", json={}, headers=key) for _ in range(3)]
        assert [one.status_code for one in writes] == [422, 422, 429]
        assert [one.headers["ratelimit-policy"] for one in writes] == ['"writes";q=2;w=60'] * 3


async def test_reads_and_writes_are_counted_apart_also_where_as_many_are_allowed(
    settings: Settings, world: World
) -> None:
    app = create_app(settings.model_copy(update={"rate_limit_reads": 50, "rate_limit_writes": 50}))
    key = await world.coordinator()
    async with app.router.lifespan_context(app), at(app) as client:
        await statuses(client, 2, key)  # the first one counts as the address's
        written = await client.post("/v1/organisations", json={}, headers=key)
    assert written.headers["ratelimit"].startswith('"writes";r=49;')


async def test_guessed_keys_count_against_the_address(limited: FastAPI) -> None:
    async with at(limited) as client:
        guesses = [{"Authorization": f"Bearer crn_{number}"} for number in range(4)]
        assert [(await statuses(client, 1, guess))[0] for guess in guesses] == [401, 401, 401, 429]


async def test_a_key_that_is_revoked_counts_as_the_address_again(limited: FastAPI, world: World) -> None:
    key = await world.coordinator()
    async with at(limited) as client:
        assert await statuses(client, 2, key) == [200, 200]
        await world.revoke_all_keys()
        await asyncio.sleep(TRUSTED_SECONDS)
        assert await statuses(client, 4, key) == [401, 401, 401, 429]


async def test_neighbours_in_one_ipv6_network_are_counted_together(limited: FastAPI) -> None:
    async with at(limited, "2001:db8:0:1::1") as one, at(limited, "2001:db8:0:1:ffff::2") as two:
        assert await statuses(one, 3) == [200, 200, 200]
        assert await statuses(two, 1) == [429]
    async with at(limited, "2001:db8:0:2::1") as elsewhere:
        assert await statuses(elsewhere, 1) == [200]


async def test_health_and_figures_are_never_limited(limited: FastAPI) -> None:
    async with at(limited, "127.0.0.1") as client:
        for path in ("/healthz", "/metrics"):
            assert {(await client.get(path)).status_code for _ in range(8)} == {200}
        assert "ratelimit" not in (await client.get("/healthz")).headers


async def test_a_limit_of_zero_is_none(settings: Settings, world: World) -> None:
    app = create_app(settings.model_copy(update=dict.fromkeys(LIMITS, 0)))
    async with app.router.lifespan_context(app), at(app) as client:
        assert set(await statuses(client, 8)) == {200}
        assert "ratelimit" not in (await client.get("/v1/sites")).headers


async def test_a_window_slides(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 60_000_000.0  # the first second of a window
    monkeypatch.setattr(time, "time", lambda: now)
    [limit] = policies(Settings(rate_limit_reads=60, rate_limit_writes=0, rate_limit_address=0)).values()
    limiter = RateLimit(FastAPI(), {}).limiter
    assert [await limiter.hit(limit.item, "k") for _ in range(61)] == [True] * 60 + [False]
    now += 60 + 30
    # Half of the window before still counts.
    assert [await limiter.hit(limit.item, "k") for _ in range(31)] == [True] * 30 + [False]


async def test_counters_that_have_expired_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 60_000_000.0
    monkeypatch.setattr(time, "time", lambda: now)
    counters = Counters()
    for number in range(100):
        await counters.incr(f"k{number}", 60)
    now += 61
    await counters.incr("last", 60)
    assert counters.storage == {"last": 1}
    assert counters.expirations.keys() == {"last"}
    assert await asyncio.gather(*(counters.incr("last", 60) for _ in range(3))) == [2, 3, 4]


async def test_a_key_is_counted_once_however_it_is_spelt_and_whatever_secret_it_has(
    limited: FastAPI, world: World
) -> None:
    key = await world.coordinator()
    secret = key["Authorization"].removeprefix("Bearer ")
    async with at(limited) as client:
        assert await statuses(client, 1, key) == [200]
        spelt = [{"Authorization": f"{scheme}{secret}"} for scheme in ("bearer ", "BEARER ", "Bearer  ", "bEARER \t")]
        assert [(await statuses(client, 1, one))[0] for one in spelt] == [200] * 4
        assert await statuses(client, 1, key) == [429]


async def test_the_secrets_of_a_key_have_one_limit(limited: FastAPI, world: World) -> None:
    key = await world.coordinator()
    async with at(limited) as client, at(limited, "192.0.2.2") as other:
        [own] = (await client.get("/v1/keys", headers=key)).json()["items"]
        path = f"/v1/keys/{own['id']}/rotate"
        rotated = await client.post(path, json={}, headers={**key, "If-Match": "*"})
        assert rotated.status_code == 200, rotated.text
        new = {"Authorization": f"Bearer {rotated.json()['secret']}"}
        assert await statuses(other, 1, new) == [200]  # counts as the address's
        assert [(await statuses(client, 1, one))[0] for one in (key, new, key, new)] == [200] * 4
        assert [(await statuses(client, 1, one))[0] for one in (key, new)] == [429, 429]


async def test_guesses_at_the_token_of_the_figures_are_limited(settings: Settings, world: World) -> None:
    app = create_app(settings.model_copy(update=LIMITS | {"metrics_token": SecretStr("figures")}))
    right = {"Authorization": "Bearer figures"}
    async with app.router.lifespan_context(app), at(app) as client, at(app, "192.0.2.2") as operator:
        await early_in_a_window()
        assert {(await client.get("/metrics", headers=right)).status_code for _ in range(8)} == {200}
        guessed = [(await client.get("/metrics", headers={"Authorization": f"Bearer {n}"})) for n in range(4)]
        assert [one.status_code for one in guessed] == [401, 401, 401, 429]
        assert guessed[-1].json()["violated-policies"] == ["address"]
        assert (await client.get("/metrics", headers=right)).status_code == 429
        assert (await operator.get("/metrics", headers=right)).status_code == 200
        assert (await client.get("/v1/sites")).status_code == 200
