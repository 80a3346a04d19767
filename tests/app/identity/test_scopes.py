"""A key that may only read is refused whatever would change anything, at every operation there is."""

from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.support.world import World

WRITES = ("post", "put", "patch", "delete")
NOWHERE = str(UUID(int=1))


async def limited(client: httpx.AsyncClient, headers: Any, *scopes: str) -> dict[str, str]:
    """Return the headers of a new key with these scopes."""
    made = await client.post("/v1/keys", json={"label": "x", "scopes": list(scopes)}, headers=headers)
    assert made.status_code == 201, made.text
    return {"Authorization": f"Bearer {made.json()['secret']}"}


def _operations(app: FastAPI) -> list[tuple[str, str, dict[str, Any]]]:
    """Every operation with an unsafe method: method, path, description."""
    paths: dict[str, dict[str, dict[str, Any]]] = app.openapi()["paths"]
    return [(method, path, one) for path, told in paths.items() for method, one in told.items() if method in WRITES]


def _filled(path: str, operation: dict[str, Any]) -> str:
    for one in operation.get("parameters", []):
        if one["in"] == "path":
            path = path.replace(f"{{{one['name']}}}", NOWHERE)
    return path


async def test_every_operation_that_writes_refuses_a_key_that_may_only_read(
    app: FastAPI, client: httpx.AsyncClient, world: World, owner: AsyncEngine
) -> None:
    headers = await limited(client, await world.coordinator(), "read")
    operations = _operations(app)
    assert len(operations) > 50
    async with owner.connect() as connection:
        before = await connection.scalar(text("SELECT count(*) FROM audit_records"))
    for method, path, operation in operations:
        assert "security" in operation, path
        form = "multipart/form-data" in operation.get("requestBody", {}).get("content", {})
        body: dict[str, Any] = {"files": {"file": ("a.csv", b"id\n")}} if form else {"json": {}}
        answer = await client.request(method.upper(), _filled(path, operation), headers=headers, **body)
        told = (answer.status_code, answer.headers["content-type"], answer.json().get("type"))
        assert told == (403, "application/problem+json", "urn:creneau:problem:scope-missing"), (method, path)
        assert answer.json()["scope"] == "write"
        assert answer.headers["www-authenticate"] == 'Bearer error="insufficient_scope", scope="write"'
    async with owner.connect() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM audit_records")) == before


async def test_a_key_that_may_only_read_reads(client: httpx.AsyncClient, world: World) -> None:
    headers = await limited(client, (await world.startup())[1], "read")
    for path in ("/v1/slots", "/v1/bookings", "/v1/lines", "/v1/keys"):
        assert (await client.get(path, headers=headers)).status_code == 200
        assert (await client.head(path, headers=headers)).status_code == 200


@pytest.mark.parametrize("path", ["/v1/slots", "/v1/bookings", "/v1/lines"])
async def test_a_key_that_may_only_write_reads_nothing(client: httpx.AsyncClient, world: World, path: str) -> None:
    headers = await limited(client, (await world.startup())[1], "write")
    answer = await client.get(path, headers=headers)
    assert (answer.status_code, answer.json()["scope"]) == (403, "read")
    assert (await client.post("/v1/keys", json={"label": "x", "scopes": ["write"]}, headers=headers)).is_success


async def test_a_hold_takes_the_scope_write(client: httpx.AsyncClient, world: World) -> None:
    """The way that does not go through the dependencies of the operation keeps to it too."""
    startup, headers = await world.startup()
    cdmo, _ = await world.cdmo()
    slot, product = await world.slot(await world.unit(cdmo)), await world.product(startup)
    body = {"slot_id": str(slot.id), "start": "2030-01-11", "product_id": str(product.id), "batches": 1}
    refused = await client.post("/v1/bookings", json=body, headers=await limited(client, headers, "read"))
    assert (refused.status_code, refused.json()["scope"]) == (403, "write")
    held = await client.post("/v1/bookings", json=body, headers=await limited(client, headers, "write"))
    assert held.status_code == 201, held.text
