"""An organisation's own keys: seen, made and revoked by who acts for it, and by nobody else."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pydantic import ValidationError
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.core.clock import now
from app.core.settings import Settings
from app.identity.keys import digest
from app.identity.models import OrganisationKind, Role
from tests.app.identity.keyring import BOTH, KEYS, SLOTS, bearer, make, status
from tests.support.world import World

pytestmark = pytest.mark.usefixtures("untrusting")


async def test_a_key_is_made_used_and_listed_without_its_secret(client: httpx.AsyncClient, world: World) -> None:
    _, headers = await world.startup()
    made = await make(client, headers, label="ERP, production")
    assert made["secret"].startswith(made["prefix"])
    assert await status(client, made["secret"]) == 200
    listed = (await client.get(KEYS, headers=headers)).json()["items"]
    assert len(listed) == 2
    assert listed[1] == {name: value for name, value in made.items() if name != "secret"}
    assert (made["label"], made["role"], made["scopes"]) == ("ERP, production", "startup_member", BOTH)
    assert (made["status"], made["person_id"], made["last_used_at"]) == ("live", None, None)
    read = await client.get(f"{KEYS}/{made['id']}", headers=headers)
    assert read.json() == listed[1]
    assert read.headers["etag"] == '"1"'


async def test_the_pages_of_keys_are_the_whole_list(client: httpx.AsyncClient, world: World) -> None:
    _, headers = await world.startup()
    made = [(await make(client, headers))["id"] for _ in range(4)]
    seen: list[str] = []
    url: str | None = f"{KEYS}?limit=2"
    while url:
        page = (await client.get(url, headers=headers)).json()
        seen += [one["id"] for one in page["items"]]
        url = page["next"]
    assert seen[1:] == made


async def test_a_secret_is_stored_nowhere(client: httpx.AsyncClient, world: World, owner: AsyncEngine) -> None:
    """Neither in the key, nor in the trail, nor in the answer kept for the Idempotency-Key."""
    _, headers = await world.startup()
    made = await make(client, {**headers, "Idempotency-Key": "once"})
    rotated = await client.post(f"{KEYS}/{made['id']}/rotate", json={}, headers={**headers, "Idempotency-Key": "twice"})
    async with owner.connect() as connection:
        tables = list(await connection.scalars(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")))
        for table in tables:
            rows = (await connection.execute(text(f"SELECT * FROM {table}"))).all()  # noqa: S608 - our own tables
            for secret in (made["secret"], rotated.json()["secret"]):
                needles = (secret, secret.encode())
                assert not [row for row in rows for cell in row if any(_holds(cell, one) for one in needles)], table
        actions = await connection.scalars(
            text("SELECT action FROM audit_records WHERE object_type = 'api_keys' ORDER BY id")
        )
        assert list(actions) == ["api_key.created", "api_key.rotated"]


def _holds(cell: object, needle: str | bytes) -> bool:
    if isinstance(cell, bytes):
        return isinstance(needle, bytes) and needle in cell
    return isinstance(needle, str) and needle in str(cell)


async def test_the_same_request_again_makes_no_second_key_and_tells_no_secret(
    client: httpx.AsyncClient, world: World
) -> None:
    _, headers = await world.startup()
    sent = {**headers, "Idempotency-Key": "once"}
    made = await make(client, sent)
    again = await client.post(KEYS, json={"label": "ERP", "scopes": BOTH}, headers=sent)
    assert (again.status_code, again.headers["idempotent-replayed"]) == (201, "true")
    assert again.json() == made | {"secret": None}
    assert len((await client.get(KEYS, headers=headers)).json()["items"]) == 2


async def test_a_revoked_key_opens_nothing_and_stays_in_the_list(client: httpx.AsyncClient, world: World) -> None:
    _, headers = await world.startup()
    made = await make(client, headers)
    rotated = (await client.post(f"{KEYS}/{made['id']}/rotate", json={}, headers=headers)).json()
    revoked = await client.post(f"{KEYS}/{made['id']}/revoke", headers=headers)
    assert (revoked.status_code, revoked.json()["status"]) == (200, "revoked")
    assert [await status(client, one["secret"]) for one in (made, rotated)] == [401, 401]
    listed = (await client.get(KEYS, headers=headers)).json()["items"]
    assert [one["status"] for one in listed] == ["live", "revoked"]
    for action in ("revoke", "rotate"):
        again = await client.post(f"{KEYS}/{made['id']}/{action}", json={}, headers=headers)
        assert (again.status_code, again.json()["type"]) == (409, "urn:creneau:problem:wrong-status"), action


async def test_a_change_names_the_version_that_was_seen(client: httpx.AsyncClient, world: World) -> None:
    _, headers = await world.startup()
    made = await make(client, headers)
    for action in ("rotate", "revoke"):
        path = f"{KEYS}/{made['id']}/{action}"
        assert (await client.post(path, json={}, headers={**headers, "If-Match": ""})).status_code == 428
        assert (await client.post(path, json={}, headers={**headers, "If-Match": '"7"'})).status_code == 412
    rotated = await client.post(f"{KEYS}/{made['id']}/rotate", json={}, headers={**headers, "If-Match": '"1"'})
    assert (rotated.status_code, rotated.headers["etag"]) == (200, '"2"')


@pytest.mark.parametrize("role", ["startup", "coordinator"])
async def test_anothers_key_is_not_found(client: httpx.AsyncClient, world: World, role: str) -> None:
    _, headers = await world.startup()
    made = await make(client, headers)
    other = await world.coordinator() if role == "coordinator" else (await world.startup())[1]
    for method, path in (("GET", ""), ("POST", "/rotate"), ("POST", "/revoke")):
        answer = await client.request(method, f"{KEYS}/{made['id']}{path}", json={}, headers=other)
        assert (answer.status_code, answer.json()["type"]) == (404, "urn:creneau:problem:not-found"), path
    assert made["id"] not in [one["id"] for one in (await client.get(KEYS, headers=other)).json()["items"]]
    assert await status(client, made["secret"]) == 200


async def test_a_key_is_of_ones_own_role_unless_an_administrator_makes_it(
    client: httpx.AsyncClient, world: World
) -> None:
    public = await world.organisation(OrganisationKind.COORDINATOR)
    admin, coordinator = [await world.headers(public, role) for role in (Role.ADMIN, Role.COORDINATOR)]
    refused = await client.post(KEYS, json={"label": "x", "role": "admin"}, headers=coordinator)
    assert (refused.status_code, refused.json()["type"]) == (403, "urn:creneau:problem:not-allowed")
    admins = await make(client, admin)
    for action in ("rotate", "revoke"):
        answer = await client.post(f"{KEYS}/{admins['id']}/{action}", json={}, headers=coordinator)
        assert answer.status_code == 403, action
    given = await make(client, admin, role="coordinator")
    assert given["role"] == "coordinator"
    foreign = await client.post(KEYS, json={"label": "x", "role": "cdmo_planner"}, headers=admin)
    assert (foreign.status_code, foreign.json()["errors"][0]["pointer"]) == (422, "/role")


async def test_a_key_gives_no_scope_that_it_lacks(client: httpx.AsyncClient, world: World) -> None:
    _, headers = await world.startup()
    both, writing = await make(client, headers), await make(client, headers, scopes=["write"])
    limited = bearer(writing["secret"])
    refused = [
        await client.post(KEYS, json={"label": "x", "scopes": BOTH}, headers=limited),
        await client.post(f"{KEYS}/{both['id']}/rotate", json={}, headers=limited),
    ]
    assert [(one.status_code, one.json()["scope"]) for one in refused] == [(403, "read")] * 2
    assert (await client.post(KEYS, json={"label": "x", "scopes": ["write"]}, headers=limited)).status_code == 201


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"scopes": []}, "/scopes"),
        ({"scopes": ["read", "read"]}, "/scopes"),
        ({"scopes": ["admin"]}, "/scopes/0"),
        ({"label": " "}, "/label"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "/expires_at"),
        ({"expires_at": "2090-01-01T00:00:00Z"}, "/expires_at"),
        ({"expires_at": "2030-01-01T00:00:00"}, "/expires_at"),
    ],
)
async def test_what_makes_no_key_is_told_by_its_field(
    client: httpx.AsyncClient, world: World, change: dict[str, Any], pointer: str
) -> None:
    _, headers = await world.startup()
    answer = await client.post(KEYS, json={"label": "x", **change}, headers=headers)
    assert answer.status_code == 422
    assert [fault["pointer"] for fault in answer.json()["errors"]] == [pointer]


@pytest.mark.parametrize("days", [365, 0])
async def test_a_key_lasts_no_longer_than_the_service_allows(
    client: httpx.AsyncClient, app: FastAPI, world: World, days: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app.state, "settings", app.state.settings.model_copy(update={"key_longest_days": days}))
    _, headers = await world.startup()
    made = await make(client, headers)
    if days:
        assert timedelta(days=364) < datetime.fromisoformat(made["expires_at"]) - now() <= timedelta(days=365)
    else:
        assert made["expires_at"] is None
    far = await client.post(KEYS, json={"label": "x", "expires_at": "2090-01-01T00:00:00Z"}, headers=headers)
    assert far.status_code == (422 if days else 201)


async def test_an_organisation_has_a_bounded_number_of_live_keys(
    client: httpx.AsyncClient, app: FastAPI, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each key has rates of its own: without a bound they would be multiplied at will."""
    monkeypatch.setattr(app.state, "settings", app.state.settings.model_copy(update={"key_most_live": 3}))
    _, headers = await world.startup()
    _, others = await world.startup()
    send = [client.post(KEYS, json={"label": "x"}, headers=headers) for _ in range(5)]
    answers = await asyncio.gather(*send)
    assert sorted(one.status_code for one in answers) == [201, 201, 409, 409, 409]
    [refused] = {(one.json()["type"], one.json()["most"]) for one in answers if one.status_code == 409}
    assert refused == ("urn:creneau:problem:too-many-keys", 3)
    await make(client, others)
    made = next(one.json() for one in answers if one.status_code == 201)
    assert (await client.post(f"{KEYS}/{made['id']}/rotate", json={}, headers=headers)).status_code == 200
    assert (await client.post(f"{KEYS}/{made['id']}/revoke", headers=headers)).status_code == 200
    await make(client, headers)


@pytest.mark.parametrize("days", [-1, 36_501, 10**9])
def test_the_longest_life_of_a_key_is_a_sensible_number_of_days(days: int) -> None:
    with pytest.raises(ValidationError, match="key_longest_days"):
        Settings(key_longest_days=days)


async def test_an_expired_key_is_refused_as_an_unknown_one(
    client: httpx.AsyncClient, world: World, owner: AsyncEngine
) -> None:
    _, headers = await world.startup()
    made = await make(client, headers)
    async with owner.begin() as connection:
        await connection.execute(
            text("UPDATE api_keys SET expires_at = now() WHERE secret_sha256 = :sha"), {"sha": digest(made["secret"])}
        )
    ended = await client.get(SLOTS, headers=bearer(made["secret"]))
    unknown = await client.get(SLOTS, headers=bearer("crn_" + "x" * 43))
    assert ended.status_code == unknown.status_code == 401
    assert ended.json() == unknown.json()
    rotated = await client.post(f"{KEYS}/{made['id']}/rotate", json={}, headers=headers)
    assert (rotated.status_code, rotated.json()["key_status"]) == (409, "expired")
