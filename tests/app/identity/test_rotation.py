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
from app.identity import known_keys
from app.identity.models import OrganisationKind, Role
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


@pytest.mark.parametrize("trusted_seconds", [0.0, 60.0], ids=["asked for again", "seen just before"])
async def test_a_secret_that_was_replaced_changes_no_keys(
    client: httpx.AsyncClient, world: World, trusted_seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rotation after a leak would help nothing if the thief could rotate in turn."""
    monkeypatch.setattr(known_keys, "TRUSTED_SECONDS", trusted_seconds)
    _, headers = await world.startup()
    leaked = await make(client, headers)
    path, thief = f"{KEYS}/{leaked['id']}", bearer(leaked["secret"])
    other = await make(client, thief)
    rotated = (await client.post(f"{path}/rotate", json={}, headers=thief)).json()
    refused = [
        await client.post(f"{path}/rotate", json={"overlap_minutes": 0}, headers=thief),
        await client.post(f"{path}/revoke", headers=thief),
        await client.post(f"{KEYS}/{other['id']}/rotate", json={}, headers=thief),
        await client.post(KEYS, json={"label": "x"}, headers=thief),
    ]
    told = {(one.status_code, one.json()["type"]) for one in refused}
    assert told == {(403, "urn:creneau:problem:secret-replaced")}
    assert [await status(client, one["secret"]) for one in (leaked, rotated)] == [200, 200]
    assert (await client.post(f"{path}/rotate", json={}, headers=bearer(rotated["secret"]))).status_code == 200


async def test_a_key_that_was_revoked_just_now_changes_no_keys(
    client: httpx.AsyncClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known_keys, "TRUSTED_SECONDS", 60.0)
    _, headers = await world.startup()
    made = await make(client, headers)
    await make(client, bearer(made["secret"]))
    assert (await client.post(f"{KEYS}/{made['id']}/revoke", headers=headers)).status_code == 200
    late = await client.post(KEYS, json={"label": "x"}, headers=bearer(made["secret"]))
    assert late.status_code == 401


async def test_a_program_makes_no_key_last_longer_than_its_own(client: httpx.AsyncClient, world: World) -> None:
    _, headers = await world.startup()
    soon, later = ((now() + timedelta(hours=hours)).isoformat() for hours in (1, 2))
    own_key = await make(client, headers, expires_at=soon)
    long_lived = await make(client, headers, expires_at=later)
    program = bearer(own_key["secret"])
    refused = [
        await client.post(f"{KEYS}/{own_key['id']}/rotate", json={"expires_at": later}, headers=program),
        await client.post(f"{KEYS}/{long_lived['id']}/rotate", json={}, headers=program),
        await client.post(KEYS, json={"label": "x", "expires_at": later}, headers=program),
    ]
    assert [(one.status_code, one.json()["errors"][0]["pointer"]) for one in refused] == [(422, "/expires_at")] * 3
    assert (await make(client, program))["expires_at"] == own_key["expires_at"]
    shortened = await client.post(f"{KEYS}/{long_lived['id']}/rotate", json={"expires_at": soon}, headers=program)
    assert shortened.json()["expires_at"] == own_key["expires_at"]
    rotated = await client.post(f"{KEYS}/{own_key['id']}/rotate", json={}, headers=program)
    assert rotated.json()["expires_at"] == own_key["expires_at"]


async def test_an_administrator_and_a_person_prolong_what_they_may_rotate(
    client: httpx.AsyncClient, world: World, owner: AsyncEngine
) -> None:
    """A person whose own key ends soon still gives programs theirs; so does an administrator's program."""
    public = await world.organisation(OrganisationKind.COORDINATOR)
    admin = await world.headers(public, Role.ADMIN)
    soon, later = ((now() + timedelta(hours=hours)).isoformat() for hours in (1, 2))
    program = bearer((await make(client, admin, expires_at=soon))["secret"])
    async with owner.begin() as connection:
        await connection.execute(text("UPDATE api_keys SET expires_at = now() + interval '1 hour'"))
    for who in (admin, program):
        made = await make(client, who, expires_at=later)
        rotated = await client.post(f"{KEYS}/{made['id']}/rotate", json={"expires_at": later}, headers=who)
        assert rotated.status_code == 200


async def test_an_overlap_that_is_a_truth_is_no_number(client: httpx.AsyncClient, world: World) -> None:
    _, headers = await world.startup()
    made = await make(client, headers)
    refused = await client.post(f"{KEYS}/{made['id']}/rotate", json={"overlap_minutes": True}, headers=headers)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/overlap_minutes")


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
