"""Tokens of a real issuer: what proves to be one acts as its client may, and nothing else acts at all."""

import asyncio
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.core.settings import Settings
from app.identity import issuer_keys
from app.identity.models import Organisation, OrganisationKind
from tests.app.identity.issuer import AUDIENCE, Issuer
from tests.app.identity.keyring import bearer
from tests.app.identity.test_known_keys import Clock
from tests.app.identity.trusting import BOOKINGS, act, client, issuer, refused, startup, trusting
from tests.support.api import Api
from tests.support.processes import wait_until
from tests.support.world import World, day

__all__ = ["client", "issuer", "startup", "trusting"]


@pytest.mark.parametrize("kid", ["rsa", "ec", "ed"])
async def test_a_token_of_the_issuer_acts_for_whom_its_client_does(
    client: httpx.AsyncClient, startup: Organisation, issuer: Issuer, kid: str
) -> None:
    product = {"code_name": "X-1", "modality": "monoclonal_antibody"}
    made = await client.post("/v1/products", json=product, headers=bearer(issuer.token(kid)))
    assert made.status_code == 201, made.text
    assert made.json()["organisation_id"] == str(startup.id)
    assert issuer.asked == ["/.well-known/openid-configuration", "/keys"]


async def test_the_trail_tells_which_client_acted(
    client: httpx.AsyncClient, world: World, issuer: Issuer, startup: Organisation, owner: AsyncEngine
) -> None:
    """By the operation itself, and by the short way, which writes its record another way."""
    cdmo, _ = await world.cdmo()
    slot, product = await world.slot(await world.unit(cdmo)), await world.product(startup)
    body = {"slot_id": str(slot.id), "start": str(day(10)), "product_id": str(product.id)}
    for number, kind in enumerate(("application/json", "application/vnd.creneau+json")):
        headers = {**bearer(issuer.token()), "Content-Type": kind}
        body["start"] = str(day(10 + 50 * number))
        held = await client.post(BOOKINGS, json=body, headers=headers)
        assert held.status_code == 201, held.text
    query = (
        "SELECT DISTINCT actor, api_key_id, r.organisation_id, c.client_id"
        " FROM audit_records r LEFT JOIN token_clients c ON c.id = r.token_client_id WHERE action = 'booking.held'"
    )
    async with owner.connect() as connection:
        [told] = (await connection.execute(text(query))).all()
    assert tuple(told) == ("key", None, startup.id, "erp")
    records = (await client.get("/v1/audit", headers=bearer(issuer.token()))).json()["items"]
    assert {one["token_client_id"] for one in records} == {records[0]["token_client_id"]} != {None}


async def test_nothing_but_the_database_says_for_whom_and_as_what(
    client: httpx.AsyncClient, startup: Organisation, issuer: Issuer
) -> None:
    wishes: dict[str, Any] = {
        "role": "admin",
        "roles": ["admin"],
        "organisation_id": "x",
        "org": "x",
        "scope": "read write admin",
    }
    answer = await client.post("/v1/organisations", json={}, headers=bearer(issuer.token(**wishes)))
    assert answer.status_code == 403
    assert "yours is startup_member" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("scope", "reads", "writes"),
    [("read", 200, 403), ("write", 403, 201), ("write read", 200, 201), ("openid email", 403, 403), ("", 403, 403)],
)
async def test_the_scope_of_a_token_narrows(
    client: httpx.AsyncClient, startup: Organisation, issuer: Issuer, scope: str, reads: int, writes: int
) -> None:
    headers = bearer(issuer.token(scope=scope))
    assert (await client.get(BOOKINGS, headers=headers)).status_code == reads
    product = {"code_name": "X-1", "modality": "monoclonal_antibody"}
    assert (await client.post("/v1/products", json=product, headers=headers)).status_code == writes


async def test_the_scope_of_a_token_never_widens(client: httpx.AsyncClient, world: World, issuer: Issuer) -> None:
    await act(world, issuer, await world.organisation(OrganisationKind.STARTUP), scopes=["read"])
    answer = await client.post("/v1/products", json={}, headers=bearer(issuer.token(scope="read write")))
    assert (answer.status_code, answer.json()["scope"]) == (403, "write")


@pytest.mark.parametrize(
    ("claims", "told"),
    [
        ({"aud": "https://elsewhere.example.org"}, "another audience"),
        ({"aud": ["https://elsewhere.example.org"]}, "another audience"),
        ({"aud": None}, "another audience"),
        ({"aud": {AUDIENCE: 1}}, "another audience"),
        ({"iss": "https://elsewhere.example.org"}, "another issuer"),
        ({"iss": None}, "another issuer"),
        ({"exp": 0}, "has expired"),
        ({"exp": None}, "exp in seconds"),
        ({"exp": "4102444800"}, "exp in seconds"),
        ({"exp": True}, "exp in seconds"),
        ({"exp": 10**400}, "exp in seconds"),
        ({"iat": 4102444800}, "in the future"),
        ({"iat": None}, "iat in seconds"),
        ({"nbf": 4102444800}, "not valid yet"),
        ({"nbf": []}, "nbf in seconds"),
        ({"client_id": None}, "name its client"),
        ({"client_id": ""}, "name its client"),
        ({"client_id": "e\x00rp"}, "name its client"),
        ({"client_id": "e" * 300}, "name its client"),
        ({"sub": None}, "name its client"),
        ({"sub": ["erp"]}, "name its client"),
        ({"client_id": "other"}, "acts for nobody"),
        ({"sub": "a person"}, "acts for nobody"),
    ],
)
async def test_a_token_that_is_not_meant_for_here_and_now(
    client: httpx.AsyncClient, startup: Organisation, issuer: Issuer, claims: dict[str, Any], told: str
) -> None:
    assert told in await refused(client, issuer.token(**claims))


async def test_a_revoked_client_is_dead_within_a_second(
    client: httpx.AsyncClient, world: World, startup: Organisation, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr("app.identity.known_clients.monotonic", clock)
    headers = bearer(issuer.token())
    assert (await client.get(BOOKINGS, headers=headers)).status_code == 200
    [listed] = (await client.get("/v1/token-clients", headers=headers)).json()["items"]
    coordinator = await world.coordinator()
    revoked = await client.post(f"/v1/token-clients/{listed['id']}/revoke", headers=coordinator)
    assert revoked.status_code == 200, revoked.text
    clock.seconds += 0.4
    assert (await client.get(BOOKINGS, headers=headers)).status_code == 200
    clock.seconds += 0.2
    assert "acts for nobody" in await refused(client, issuer.token())


async def test_a_token_costs_no_connection_while_its_issuer_is_slow(
    client: httpx.AsyncClient, trusting: FastAPI, startup: Organisation, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = []
    find = issuer_keys.IssuerKeys.find

    async def noted(self: issuer_keys.IssuerKeys, identifier: str | None) -> Any:
        held.append(trusting.state.engine.pool.checkedout())
        return await find(self, identifier)

    monkeypatch.setattr(issuer_keys.IssuerKeys, "find", noted)
    for path in (BOOKINGS, "/v1/slots"):
        assert (await client.get(path, headers=bearer(issuer.token()))).status_code == 200
    assert set(held) == {0}


async def test_leeway_is_small(client: httpx.AsyncClient, startup: Organisation, issuer: Issuer) -> None:
    now = time.time()
    late = issuer.token(exp=now - 20, iat=now + 20, nbf=now + 20)
    assert (await client.get(BOOKINGS, headers=bearer(late))).status_code == 200
    assert "expired" in await refused(client, issuer.token(exp=now - 40))
    assert "not valid yet" in await refused(client, issuer.token(nbf=now + 40))


def logged(settings: Settings, issuer: Issuer, log: Path, tokens: list[str]) -> list[int]:
    """Send tokens to a service of its own process, and return what it answers; it logs into a file."""
    assert settings.database_url is not None
    url = make_url(settings.database_url.get_secret_value()).set(drivername="postgresql")
    environment = {"JWT_ISSUER": issuer.url, "JWT_AUDIENCE": AUDIENCE}
    with Api(url.render_as_string(hide_password=False), log, **environment) as api:
        told = [httpx.get(f"{api.url}{BOOKINGS}", headers=bearer(one), trust_env=False, timeout=30) for one in tokens]
        wait_until(lambda: log.read_text().count(f'"{BOOKINGS}"') == len(tokens), seconds=10, what="the last line")
    return [one.status_code for one in told]


async def test_no_log_holds_a_token(settings: Settings, startup: Organisation, issuer: Issuer, tmp_path: Path) -> None:
    log, tokens = tmp_path / "api.log", [issuer.token(), issuer.token(aud="elsewhere"), issuer.token("ec") + "x"]
    assert await asyncio.to_thread(logged, settings, issuer, log, tokens) == [200, 401, 401]
    written = log.read_text()
    assert '"token_client_id"' in written
    assert not [part for token in tokens for part in token.split(".") if part in written]
