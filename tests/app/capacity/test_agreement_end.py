"""Ending reserve agreements early: by the coordinator, on a day still to come, and nothing else of them changes."""

from collections.abc import Mapping
from datetime import UTC, datetime, time
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import text

from app.core import clock
from app.core.database import transaction
from app.core.model import period
from app.core.vocabulary import Reserve
from tests.app.capacity.rows import agreement
from tests.support.world import World, day


async def test_the_coordinator_ends_it_early_and_its_slots_keep_it(client: httpx.AsyncClient, world: World) -> None:
    cdmo, own = await world.cdmo()
    made = await agreement(world, cdmo)
    unit = await world.unit(cdmo)
    slot = await world.slot(unit, 90, 120, reserve=Reserve.STARTUP, agreement_id=made.id)
    coordinator = await world.coordinator()
    url = f"/v1/agreements/{made.id}"
    before = (await client.get(url, headers=own)).json()
    once = {**coordinator, "If-Match": '"1"', "Idempotency-Key": "end it"}
    for _ in range(2):
        ended = await client.post(f"{url}/end", json={"end": "2030-02-15"}, headers=once)
        assert ended.status_code == 200, ended.text
        assert ended.json() == before | {"end": "2030-02-15", "version": 2}
        assert ended.headers["ETag"] == '"2"'
    (quarter,) = (await client.get(f"{url}/compliance", headers=own)).json()["quarters"]
    assert (quarter["end"], quarter["promised_batch_days"]) == ("2030-02-15", 15)
    async with transaction(world.sessions) as session:
        records = (await session.execute(text("SELECT * FROM audit_records"))).mappings().all()
    assert [(one["action"], one["before"]["period"], one["after"]["period"]) for one in records] == [
        (
            "agreement.ended",
            {"start": "2030-01-01", "end": "2031-01-01"},
            {"start": "2030-01-01", "end": "2030-02-15"},
        )
    ]
    # The slot lies after it by now: it keeps it whatever else changes of it, but it is not given new days under it.
    url = f"/v1/slots/{slot.id}"
    changed = await client.patch(url, json={"price_cents": 5}, headers=own)
    assert (changed.status_code, changed.json()["agreement_id"]) == (200, str(made.id)), changed.text
    moved = await client.patch(url, json={"end": str(day(110))}, headers=own)
    assert (moved.status_code, moved.json()["errors"][0]["pointer"]) == (422, "/agreement_id")


@pytest.mark.parametrize(
    ("header", "status"), [({"If-Match": ""}, 428), ({"If-Match": '"7"'}, 412), ({"Idempotency-Key": ""}, 400)]
)
async def test_ending_says_which_version_was_seen_and_is_done_once(
    client: httpx.AsyncClient, world: World, header: Mapping[str, str], status: int
) -> None:
    cdmo, _ = await world.cdmo()
    made = await agreement(world, cdmo)
    headers = {**await world.coordinator(), **header}
    answer = await client.post(f"/v1/agreements/{made.id}/end", json={"end": "2030-02-15"}, headers=headers)
    assert answer.status_code == status, answer.text


@pytest.mark.parametrize(
    ("today", "end", "status"),
    [(-5, 0, 422), (-5, 1, 200), (40, 39, 422), (40, 40, 200), (40, 100, 200), (40, 101, 422), (100, 100, 409)],
)
async def test_it_ends_after_its_start_not_before_today_and_not_later(
    client: httpx.AsyncClient, world: World, monkeypatch: pytest.MonkeyPatch, today: int, end: int, status: int
) -> None:
    cdmo, _ = await world.cdmo()
    made = await agreement(world, cdmo, period=period(day(0), day(100)))
    instant = datetime.combine(day(today), time(12), UTC)
    monkeypatch.setattr(clock, "now", lambda: instant)
    headers = await world.coordinator()
    answer = await client.post(f"/v1/agreements/{made.id}/end", json={"end": str(day(end))}, headers=headers)
    assert answer.status_code == status, answer.text
    if status == 422:
        assert [one["pointer"] for one in answer.json()["errors"]] == ["/end"]
    if status == 409:
        assert answer.json()["end"] == str(day(100))


async def test_nobody_else_ends_it_nor_on_no_day(client: httpx.AsyncClient, world: World) -> None:
    cdmo, own = await world.cdmo()
    _, startup = await world.startup()
    made = await agreement(world, cdmo)
    coordinator = await world.coordinator()
    url = f"/v1/agreements/{made.id}/end"
    for headers in (own, startup, await world.authority()):
        assert (await client.post(url, json={"end": str(day(50))}, headers=headers)).status_code == 403
    elsewhere = f"/v1/agreements/{uuid4()}/end"
    assert (await client.post(elsewhere, json={"end": str(day(50))}, headers=coordinator)).status_code == 404
    for body in ({}, {"end": None}, {"end": "soon"}, {"end": "2030-02-01", "start": "2030-01-01"}):
        assert (await client.post(url, json=body, headers=coordinator)).status_code == 422
