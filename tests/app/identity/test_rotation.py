"""A key goes over to a new secret: the one before it holds for a while, and the key stays the same."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.core.clock import now
from app.identity.models import Role
from tests.app.identity.keyring import KEYS, bearer, make, own, status
from tests.support.world import World

pytestmark = pytest.mark.usefixtures("untrusting")


async def test_a_rotated_key_has_two_secrets_for_a_while_and_never_three(
    client: httpx.AsyncClient, world: World, owner: AsyncEngine
) -> None:
    _, headers = await world.startup()
    first = await make(client, headers)
    path = f"{KEYS}/{first['id']}/rotate"
    second = (await client.post(path, json={"overlap_minutes": 60}, headers=headers)).json()
    assert second["id"] == first["id"]
    assert second["secret"].startswith(second["prefix"])
    ends_in = datetime.fromisoformat(second["previous_ends_at"]) - now()
    assert timedelta(minutes=59) < ends_in <= timedelta(minutes=60)
    assert [await status(client, one["secret"]) for one in (first, second)] == [200, 200]
    third = (await client.post(path, json={}, headers=headers)).json()
    assert [await status(client, one["secret"]) for one in (first, second, third)] == [401, 200, 200]
    async with owner.begin() as connection:
        await connection.execute(text("UPDATE api_keys SET previous_ends_at = now() WHERE previous_ends_at > now()"))
    assert [await status(client, one["secret"]) for one in (second, third)] == [401, 200]
    fourth = (await client.post(path, json={"overlap_minutes": 0}, headers=headers)).json()
    assert [await status(client, one["secret"]) for one in (third, fourth)] == [401, 200]


async def test_the_secret_before_a_rotation_never_outlives_its_own_expiry(
    client: httpx.AsyncClient, world: World
) -> None:
    _, headers = await world.startup()
    soon, later = (now() + timedelta(minutes=minutes) for minutes in (30, 600))
    made = await make(client, headers, expires_at=soon.isoformat())
    rotated = await client.post(
        f"{KEYS}/{made['id']}/rotate", json={"expires_at": later.isoformat(), "overlap_minutes": 300}, headers=headers
    )
    assert datetime.fromisoformat(rotated.json()["previous_ends_at"]) == soon
    assert datetime.fromisoformat(rotated.json()["expires_at"]) == later


async def test_a_repeated_request_is_the_same_one_under_the_new_secret(client: httpx.AsyncClient, world: World) -> None:
    startup, headers = await world.startup()
    await world.product(startup)
    made = await make(client, headers)
    body = {"code_name": "X-9", "modality": "monoclonal_antibody", "platform": "CHO"}
    before = await client.post("/v1/products", json=body, headers={**bearer(made["secret"]), "Idempotency-Key": "k"})
    assert before.status_code == 201, before.text
    secret = (await client.post(f"{KEYS}/{made['id']}/rotate", json={}, headers=headers)).json()["secret"]
    after = await client.post("/v1/products", json=body, headers={**bearer(secret), "Idempotency-Key": "k"})
    assert (after.headers["idempotent-replayed"], after.json()) == ("true", before.json())


async def test_a_persons_key_is_rotated_by_that_person_alone(client: httpx.AsyncClient, world: World) -> None:
    """Whoever signs must be a person: with its secret a colleague, or a program, would sign in its name."""
    startup, anna = await world.startup()
    bert = await world.headers(startup, Role.STARTUP_MEMBER)
    key = await own(client, anna)
    path = f"{KEYS}/{key['id']}"
    program = bearer((await make(client, bert))["secret"])
    for other in (bert, program):
        assert (await client.post(f"{path}/rotate", json={}, headers=other)).status_code == 403
    secret = (await client.post(f"{path}/rotate", json={}, headers=anna)).json()["secret"]
    assert (await client.get(path, headers=bearer(secret))).json()["person_id"] == key["person_id"]
    assert (await client.post(f"{path}/revoke", headers=bert)).status_code == 200
    assert await status(client, secret) == 401


async def test_of_two_rotations_at_once_from_one_version_one_takes_place(
    client: httpx.AsyncClient, world: World
) -> None:
    _, headers = await world.startup()
    made = await make(client, headers)
    send: Callable[[], Any] = lambda: client.post(  # noqa: E731
        f"{KEYS}/{made['id']}/rotate",
        json={},
        headers={**headers, "If-Match": '"1"', "Idempotency-Key": uuid4().hex},
    )
    answers = await asyncio.gather(*(send() for _ in range(4)))
    assert sorted(one.status_code for one in answers) == [200, 412, 412, 412]
