"""A service that accepts the tokens of an issuer, and a client of it that acts for somebody."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from app.core.settings import Settings
from app.identity.models import Organisation, OrganisationKind, Role
from app.identity.token_client_models import TokenClient
from app.main import create_app
from tests.app.identity.issuer import AUDIENCE, Issuer, serving
from tests.app.identity.keyring import bearer
from tests.support.client import Client
from tests.support.world import World

BOOKINGS = "/v1/bookings"
INVALID = 'Bearer error="invalid_token"'


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with serving() as made:
        yield made


@pytest.fixture
async def trusting(settings: Settings, owner: AsyncEngine, issuer: Issuer) -> AsyncIterator[FastAPI]:
    """The application that accepts the issuer's tokens."""
    app = create_app(settings.model_copy(update={"jwt_issuer": issuer.url, "jwt_audience": AUDIENCE}))
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture
async def client(trusting: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(trusting, raise_app_exceptions=False)
    async with Client(transport=transport, base_url="http://test") as made:
        yield made


@pytest.fixture
async def startup(world: World, issuer: Issuer) -> Organisation:
    """A start-up for which the client `erp` acts, and may read and write."""
    made = await world.organisation(OrganisationKind.STARTUP)
    await act(world, issuer, made)
    return made


async def act(world: World, issuer: Issuer, owner: Organisation, **given: Any) -> TokenClient:
    """Let a client act for an organisation."""
    usual = {"client_id": "erp", "subject": "erp", "role": Role.STARTUP_MEMBER, "scopes": ["read", "write"]}
    row = TokenClient(**{"organisation_id": owner.id, "issuer": issuer.url, "name": "ERP", **usual, **given})
    return await world.add(row)


async def refused(client: httpx.AsyncClient, token: str) -> str:
    """Check that a token is refused as such by either way, and return why."""
    for path in (BOOKINGS, "/v1/slots"):
        answer = await client.get(path, headers=bearer(token))
        assert (answer.status_code, answer.headers.get("www-authenticate")) == (401, INVALID), answer.text
        assert answer.json()["type"] == "urn:creneau:problem:not-authenticated"
        assert token not in answer.text
    return str(answer.json()["detail"])
