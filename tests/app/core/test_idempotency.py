"""One key, one effect: the answer is kept with it, and given again to whoever repeats the request."""

import asyncio
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.core.database import make_session_factory, transaction
from app.core.idempotency import forget_old_keys
from tests.app.bookings.conftest import Market, market
from tests.support.client import Client
from tests.support.world import World, day

__all__ = ["market"]

PARALLEL = 50
AGE = text("UPDATE idempotency_keys SET created_at = now() - interval '25 hours'")


async def count(owner: AsyncEngine, table: str, where: str = "true") -> int:
    async with owner.connect() as connection:
        return int(await connection.scalar(text(f"SELECT count(*) FROM {table} WHERE {where}")) or 0)  # noqa: S608


def hold_of(market: Market, start: int = 10) -> dict[str, str]:
    return {"slot_id": str(market.slot.id), "start": str(day(start)), "request_id": str(market.request.id)}


async def test_fifty_holds_at_once_with_one_key_are_one(market: Market, client: Client, owner: AsyncEngine) -> None:
    headers = {**market.buyer, "Idempotency-Key": uuid4().hex}
    answers = await asyncio.gather(
        *(client.post("/v1/bookings", json=hold_of(market), headers=headers) for _ in range(PARALLEL))
    )
    statuses = {answer.status_code for answer in answers}
    assert 201 in statuses
    assert statuses <= {201, 409}
    assert len({answer.content for answer in answers if answer.status_code == 201}) == 1
    refused = {answer.json()["type"] for answer in answers if answer.status_code == 409}
    assert refused <= {"urn:creneau:problem:idempotency-key-in-flight"}
    assert await count(owner, "bookings") == 1
    assert await count(owner, "audit_records", "action = 'booking.held'") == 1


async def test_fifty_confirmations_at_once_with_one_key_charge_once(
    market: Market, client: Client, owner: AsyncEngine
) -> None:
    booking = await market.hold()
    headers = {**market.buyer, "Idempotency-Key": uuid4().hex, "If-Match": f'"{booking["version"]}"'}
    path = f"/v1/bookings/{booking['id']}/confirm"
    answers = await asyncio.gather(*(client.post(path, headers=headers) for _ in range(PARALLEL)))
    assert {answer.status_code for answer in answers} <= {200, 409}
    assert sum(answer.status_code == 200 for answer in answers) >= 1
    assert [kind for kind, _ in await market.charges()] == ["reservation_fee"]
    assert await count(owner, "audit_records", "action = 'booking.confirmed'") == 1


async def test_a_repeated_request_gets_the_same_answer_to_the_byte(market: Market, client: Client) -> None:
    headers = {**market.buyer, "Idempotency-Key": "once"}
    first = await client.post("/v1/bookings", json=hold_of(market), headers=headers)
    again = await client.post("/v1/bookings", json=hold_of(market), headers=headers)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    for name in ("location", "etag", "content-type"):
        assert again.headers[name] == first.headers[name]


async def test_the_same_key_with_another_body_is_refused(market: Market, client: Client, owner: AsyncEngine) -> None:
    headers = {**market.buyer, "Idempotency-Key": "once"}
    await client.post("/v1/bookings", json=hold_of(market), headers=headers)
    other = await client.post("/v1/bookings", json=hold_of(market, 60), headers=headers)
    assert (other.status_code, other.json()["type"]) == (422, "urn:creneau:problem:idempotency-key-reused")
    assert await count(owner, "bookings") == 1


async def test_two_senders_may_use_the_same_key(market: Market, client: Client, world: World) -> None:
    mine = {**market.buyer, "Idempotency-Key": "once"}
    _, others = await world.startup()
    first = await client.post("/v1/products", json=PRODUCT, headers=mine)
    other = await client.post("/v1/products", json=PRODUCT, headers={**others, "Idempotency-Key": "once"})
    assert (first.status_code, other.status_code) == (201, 201)
    assert first.json()["id"] != other.json()["id"]


PRODUCT = {"code_name": "K-1", "modality": "monoclonal_antibody", "platform": "CHO", "theme": "oncology"}


@pytest.mark.parametrize("key", ["", "\u00e9".encode().decode("latin-1"), "k" * 256, "tab\there"])
async def test_a_hold_without_a_usable_key_is_refused(
    market: Market, client: Client, owner: AsyncEngine, key: str
) -> None:
    headers = httpx.Headers({**market.buyer, "Idempotency-Key": key}, encoding="latin-1")
    answer = await client.post("/v1/bookings", json=hold_of(market), headers=headers)
    assert answer.status_code == 400
    kind = "malformed" if key else "missing"
    assert answer.json()["type"] == f"urn:creneau:problem:idempotency-key-{kind}"
    assert await count(owner, "bookings") == 0


async def test_a_refused_request_leaves_its_key_free(market: Market, client: Client, owner: AsyncEngine) -> None:
    headers = {**market.buyer, "Idempotency-Key": "once"}
    taken = await market.hold()
    refused = await client.post("/v1/bookings", json=hold_of(market, 11), headers=headers)
    assert refused.status_code == 409
    await market.step(taken, "release", by=market.buyer)
    made = await client.post("/v1/bookings", json=hold_of(market, 11), headers=headers)
    assert made.status_code == 201
    assert await count(owner, "bookings") == 2


async def test_after_a_day_a_key_serves_again(market: Market, client: Client, owner: AsyncEngine) -> None:
    headers = {**market.buyer, "Idempotency-Key": "once"}
    first = await client.post("/v1/products", json=PRODUCT, headers=headers)
    async with owner.begin() as connection:
        await connection.execute(AGE)
    later = await client.post("/v1/products", json=PRODUCT | {"code_name": "K-2"}, headers=headers)
    assert (first.status_code, later.status_code) == (201, 201)
    assert await count(owner, "idempotency_keys", "key = 'once'") == 1


async def test_old_keys_are_forgotten(market: Market, client: Client, owner: AsyncEngine) -> None:
    await market.hold()
    sessions = make_session_factory(owner)
    async with transaction(sessions) as session:
        assert await forget_old_keys(session) == 0
    async with owner.begin() as connection:
        await connection.execute(AGE)
    async with transaction(sessions) as session:
        assert await forget_old_keys(session) == 1
    assert await count(owner, "idempotency_keys") == 0
