"""For whom clients of the issuer act: who may say so, who sees it, and what such a client may not do."""

from typing import Any

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.core.settings import Settings
from app.identity.models import Organisation, OrganisationKind, Role
from app.main import create_app
from tests.app.core.test_rate_limit import at, limited, statuses
from tests.app.identity.issuer import AUDIENCE, Issuer
from tests.app.identity.keyring import bearer
from tests.app.identity.trusting import BOOKINGS, act, client, issuer, startup, trusting
from tests.support.rate_window import early_in_a_window
from tests.support.world import World

__all__ = ["client", "issuer", "limited", "startup", "trusting"]

CLIENTS = "/v1/token-clients"


def wanted(owner: Organisation, **given: Any) -> dict[str, Any]:
    usual = {"organisation_id": str(owner.id), "name": "ERP", "client_id": "erp", "role": "startup_member"}
    return {**usual, **given}


async def test_the_coordinator_says_for_whom_a_client_acts(
    client: httpx.AsyncClient, world: World, issuer: Issuer, owner: AsyncEngine
) -> None:
    member, own = await world.startup()
    coordinator = await world.coordinator()
    token = issuer.token(sub="service-account-erp")
    assert (await client.get(BOOKINGS, headers=bearer(token))).status_code == 401
    made = await client.post(CLIENTS, json=wanted(member, subject="service-account-erp"), headers=coordinator)
    assert made.status_code == 201, made.text
    told = made.json()
    assert (told["issuer"], told["client_id"], told["subject"]) == (issuer.url, "erp", "service-account-erp")
    assert (told["scopes"], told["revoked_at"], made.headers["etag"]) == (["read"], None, '"1"')
    assert (await client.get(BOOKINGS, headers=bearer(token))).status_code == 200
    assert (await client.get(CLIENTS, headers=own)).json()["items"] == [told]
    assert (await client.get(f"{CLIENTS}/{told['id']}", headers=own)).json() == told
    stale = await client.post(f"{CLIENTS}/{told['id']}/revoke", headers={**own, "If-Match": '"9"'})
    assert stale.status_code == 412
    revoked = await client.post(f"{CLIENTS}/{told['id']}/revoke", headers=own)
    assert (revoked.status_code, revoked.json()["version"]) == (200, 2)
    again = await client.post(f"{CLIENTS}/{told['id']}/revoke", headers=own)
    assert (again.status_code, again.json()["type"]) == (409, "urn:creneau:problem:wrong-status")
    anew = await client.post(CLIENTS, json=wanted(member, subject="service-account-erp"), headers=coordinator)
    assert anew.status_code == 201
    async with owner.connect() as connection:
        query = "SELECT action FROM audit_records WHERE object_type = 'token_clients' ORDER BY id"
        actions = list((await connection.execute(text(query))).scalars())
    assert actions == ["token_client.created", "token_client.revoked", "token_client.created"]


async def test_a_client_acts_for_one_organisation(client: httpx.AsyncClient, world: World) -> None:
    coordinator = await world.coordinator()
    first, second = [(await world.startup())[0] for _ in range(2)]
    assert (await client.post(CLIENTS, json=wanted(first), headers=coordinator)).status_code == 201
    refused = await client.post(CLIENTS, json=wanted(second), headers=coordinator)
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:creneau:problem:conflict")
    assert (await client.post(CLIENTS, json=wanted(second, subject="x"), headers=coordinator)).status_code == 201


@pytest.mark.parametrize(
    ("given", "pointer"),
    [
        ({"role": "cdmo_planner"}, "/role"),
        ({"client_id": ""}, "/client_id"),
        ({"client_id": "a b"}, "/client_id"),
        ({"subject": "é"}, "/subject"),
        ({"scopes": ["read", "read"]}, "/scopes"),
        ({"scopes": []}, "/scopes"),
        ({"name": " "}, "/name"),
        ({"issuer": "https://elsewhere.example.org"}, "/issuer"),
    ],
)
async def test_what_makes_no_sense_is_refused_by_field(
    client: httpx.AsyncClient, world: World, given: dict[str, Any], pointer: str
) -> None:
    member, _ = await world.startup()
    refused = await client.post(CLIENTS, json=wanted(member, **given), headers=await world.coordinator())
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, pointer)


@pytest.mark.parametrize(
    ("role", "kind"), [("authority", OrganisationKind.AUTHORITY), ("admin", OrganisationKind.STARTUP)]
)
async def test_some_roles_are_an_administrators_to_give(
    client: httpx.AsyncClient, world: World, role: str, kind: OrganisationKind
) -> None:
    owner = await world.organisation(kind)
    administrator = await world.headers(await world.organisation(OrganisationKind.COORDINATOR), Role.ADMIN)
    for headers, status in ((await world.coordinator(), 403), (administrator, 201)):
        assert (await client.post(CLIENTS, json=wanted(owner, role=role), headers=headers)).status_code == status


async def test_a_client_makes_nothing_that_outlasts_it(client: httpx.AsyncClient, world: World, issuer: Issuer) -> None:
    coordinator = await world.organisation(OrganisationKind.COORDINATOR)
    await act(world, issuer, coordinator, role=Role.COORDINATOR)
    headers = bearer(issuer.token())
    key = (
        await client.post("/v1/keys", json={"label": "x"}, headers=await world.headers(coordinator, Role.COORDINATOR))
    ).json()
    for path, body in (
        ("/v1/keys", {"label": "x"}),
        (f"/v1/keys/{key['id']}/rotate", {}),
        (CLIENTS, wanted(coordinator, client_id="other", role="coordinator")),
    ):
        refused = await client.post(path, json=body, headers=headers)
        assert (refused.status_code, refused.json()["type"]) == (403, "urn:creneau:problem:not-allowed"), path
        assert "outlast" in refused.json()["detail"]


async def test_where_no_tokens_are_accepted_no_client_acts(world: World, composed: Any, owner: AsyncEngine) -> None:
    member, _ = await world.startup()
    transport = httpx.ASGITransport(composed)
    async with (
        composed.router.lifespan_context(composed),
        httpx.AsyncClient(transport=transport, base_url="http://t") as client,
    ):
        refused = await client.post(CLIENTS, json=wanted(member), headers=await world.coordinator())
    assert (refused.status_code, "JWT_ISSUER" in refused.json()["detail"]) == (409, True)


async def test_tokens_are_counted_by_their_client_once_they_have_proved_to_be_some(
    settings: Settings, issuer: Issuer, startup: Organisation
) -> None:
    """A client has one limit, however many tokens it has; whoever tries tokens out has that of an address."""
    limits = {"rate_limit_reads": 3, "rate_limit_address": 5, "jwt_issuer": issuer.url, "jwt_audience": AUDIENCE}
    app = create_app(settings.model_copy(update=limits))
    tokens = [bearer(issuer.token(jti=str(number))) for number in range(3)]
    async with app.router.lifespan_context(app), at(app) as client, at(app, "192.0.2.9") as stranger:
        await early_in_a_window()
        first = [await statuses(client, 1, headers) for headers in tokens]
        assert first == [[200]] * 3  # unproven: each was counted by the address
        assert await statuses(client, 2, tokens[0]) + await statuses(client, 2, tokens[1]) == [200, 200, 200, 429]
        guesses = [await statuses(stranger, 1, bearer(issuer.token(jti=str(n), aud="x"))) for n in range(6)]
    assert guesses == [[401]] * 5 + [[429]]
