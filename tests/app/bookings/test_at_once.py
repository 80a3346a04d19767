"""What is done at once is what the operation itself does: same answer, same rows; what stands against it is told."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.bookings import direct
from app.capacity import slots
from tests.app.bookings.conftest import Market
from tests.support.world import day

OTHER_JSON = "application/vnd.creneau+json"
"""FastAPI reads it as JSON, and what is done at once does not."""
OWN = {"id", "created_at", "at", "request_id", "object_id", "hold_expires_at", "etag", "location", "key", "body"}
"""What differs between two holds of the same kind, beside their places."""
PLACES = {"slot_id", "unit_id", "line_id", "site_id", "request_sha256"}
TABLES = {
    "requests": "SELECT to_jsonb(one) FROM requests one ORDER BY id",
    "bookings": "SELECT to_jsonb(one) FROM bookings one ORDER BY id",
    "audit_records": "SELECT to_jsonb(one) FROM audit_records one ORDER BY id",
    "idempotency_keys": "SELECT to_jsonb(one) FROM idempotency_keys one ORDER BY id",
}


async def stored(owner: AsyncEngine) -> dict[str, list[dict[str, Any]]]:
    """All rows that a hold writes, by table and in order."""
    async with owner.connect() as connection:
        return {name: list((await connection.execute(text(sql))).scalars()) for name, sql in TABLES.items()}


def comparable(value: Any) -> Any:
    """Leave out what is each hold's own, at any depth."""
    if isinstance(value, Mapping):
        return {name: comparable(one) for name, one in value.items() if name not in OWN | PLACES}
    return [comparable(one) for one in value] if isinstance(value, list) else value


async def body_of(market: Market) -> dict[str, Any]:
    unit = await market.world.unit(market.cdmo)
    slot = await market.world.slot(unit, approval=market.slot.approval)
    return {"slot_id": str(slot.id), "start": str(day(10)), "product_id": str(market.product.id), "batches": 1}


async def test_a_hold_at_once_is_the_hold_that_the_operation_makes(
    market: Market, owner: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    hold = direct.hold

    async def noted(*given: Any, **named: Any) -> Any:
        seen.append("hold")
        return await hold(*given, **named)

    monkeypatch.setattr(direct, "hold", noted)
    answers, written = [], []
    for content_type, times in (("application/json", 0), (OTHER_JSON, 1)):
        before = await stored(owner)
        headers = {**market.buyer, "Content-Type": content_type}
        answer = await market.client.post("/v1/bookings", json=await body_of(market), headers=headers)
        assert answer.status_code == 201, answer.text
        assert len(seen) == times
        assert answer.headers["etag"] == '"1"'
        assert answer.headers["location"] == f"/v1/bookings/{answer.json()['id']}"
        again = await market.client.get(answer.headers["location"], headers=market.buyer)
        assert again.json() == answer.json()
        answers.append(comparable(answer.json()))
        after = await stored(owner)
        written.append({name: comparable(after[name][len(before[name]) :]) for name in TABLES})
    assert answers[0] == answers[1]
    assert written[0] == written[1]
    assert {name: len(rows) for name, rows in written[0].items()} == {
        "requests": 1,
        "bookings": 1,
        "audit_records": 2,
        "idempotency_keys": 1,
    }


async def test_its_records_are_stored_as_they_are(market: Market, owner: AsyncEngine) -> None:
    await market.send("/v1/bookings", await body_of(market), headers=market.buyer, expect=201)
    sql = "SELECT action FROM audit_records WHERE pg_column_compression(after) IS NOT NULL"
    async with owner.connect() as connection:
        assert list((await connection.execute(text(sql))).scalars()) == []


async def test_the_same_key_again_is_answered_alike_and_does_nothing(market: Market, owner: AsyncEngine) -> None:
    body, headers = await body_of(market), {**market.buyer, "Idempotency-Key": "once"}
    first = await market.client.post("/v1/bookings", json=body, headers=headers)
    again = await market.client.post("/v1/bookings", json=body, headers=headers)
    assert first.status_code == again.status_code == 201
    assert first.content == again.content
    assert again.headers["idempotent-replayed"] == "true"
    assert len((await stored(owner))["bookings"]) == 1


async def test_what_stands_against_it_is_told_and_nothing_is_written(market: Market, owner: AsyncEngine) -> None:
    body = await body_of(market)
    await market.send("/v1/bookings", body, headers=market.buyer, expect=201)
    kept = await stored(owner)
    for change, status, kind in (
        ({}, 409, "slot-taken"),
        ({"start": "2001-01-01"}, 422, "in-the-past"),
        ({"batches": 0}, 422, "invalid-input"),
        ({"product_id": body["slot_id"]}, 404, "not-found"),
        ({"slot_id": body["product_id"]}, 404, "not-found"),
    ):
        answer = await market.client.post("/v1/bookings", json=body | change, headers=market.buyer)
        assert (answer.status_code, answer.json()["type"]) == (status, f"urn:creneau:problem:{kind}"), answer.text
    assert await stored(owner) == kept


async def test_a_hold_that_has_run_out_is_not_in_the_way(market: Market, owner: AsyncEngine) -> None:
    body = await body_of(market)
    stale = await market.send("/v1/bookings", body, headers=market.buyer, expect=201)
    async with owner.begin() as connection:
        await connection.execute(text("UPDATE bookings SET hold_expires_at = now() - interval '1 second'"))
    await market.send("/v1/bookings", body, headers=market.buyer, expect=201)
    assert (await market.read(f"/v1/bookings/{stale['id']}", market.buyer))["status"] == "expired"


@pytest.mark.parametrize("key", ["", "crn_nobody"])
async def test_without_a_key_the_answer_is_401(market: Market, key: str) -> None:
    headers = {"Authorization": f"Bearer {key}"}
    assert (await market.client.post("/v1/bookings", json=await body_of(market), headers=headers)).status_code == 401
    assert (await market.client.get("/v1/slots", headers=headers)).status_code == 401


async def test_a_search_at_once_is_what_the_operation_finds(market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    await body_of(market)
    path = "/v1/slots?modality=monoclonal_antibody&limit=1"
    quick = await market.client.get(path, headers=market.buyer)

    async def given_up(*_given: Any) -> tuple[list[str], str | None]:
        return [], None

    monkeypatch.setattr(slots, "search_slots_at_once", given_up)
    told = await market.client.get(path, headers=market.buyer)
    assert quick.json() == told.json()
    assert quick.headers["link"] == told.headers["link"]
    assert len(quick.json()["items"]) == 1


@asynccontextmanager
async def unit_busy(owner: AsyncEngine, slot_id: str) -> AsyncIterator[None]:
    """Hold the unit of a slot as something long would, such as the publication of a round."""
    lock = "SELECT pg_advisory_xact_lock(hashtextextended(CAST(unit_id AS text), 0)) FROM slots WHERE id = :slot"
    async with owner.begin() as connection:
        await connection.execute(text(lock), {"slot": slot_id})
        yield


async def test_a_hold_that_waits_too_long_for_its_unit_may_be_sent_again(market: Market, owner: AsyncEngine) -> None:
    body = await body_of(market)
    async with unit_busy(owner, body["slot_id"]):
        answer = await market.client.post("/v1/bookings", json=body, headers=market.buyer)
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:creneau:problem:busy"), answer.text
    assert "retry-after" in answer.headers
    await market.send("/v1/bookings", body, headers=market.buyer, expect=201)


async def test_a_place_that_is_taken_is_told_to_be_so_though_its_unit_is_busy(
    market: Market, owner: AsyncEngine
) -> None:
    body = await body_of(market)
    await market.send("/v1/bookings", body, headers=market.buyer, expect=201)
    kept = await stored(owner)
    async with unit_busy(owner, body["slot_id"]):
        answer = await market.client.post("/v1/bookings", json=body | {"start": str(day(20))}, headers=market.buyer)
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:creneau:problem:slot-taken"), answer.text
    assert answer.json()["in_the_way"] == [{"start": str(day(10)), "end": str(day(53))}]
    assert await stored(owner) == kept
