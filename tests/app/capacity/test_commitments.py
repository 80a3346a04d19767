"""Commitments: a CDMO's own, seen by nobody else, never over a published slot."""

from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import select
from sqlmodel import col

from app.audit.models import AuditRecord
from app.capacity.models import Commitment
from app.core.database import transaction
from tests.app.capacity.rows import commitment
from tests.support.world import World, day


def body(unit_id: object, start: int = 0, end: int = 30, **given: Any) -> dict[str, Any]:
    """Return what adds a commitment over the days [start, end) after `DAY_ONE`."""
    return {"unit_id": str(unit_id), "start": str(day(start)), "end": str(day(end)), **given}


async def test_a_commitment_is_added_changed_and_removed_with_a_trail(client: httpx.AsyncClient, world: World) -> None:
    cdmo, own = await world.cdmo()
    unit = await world.unit(cdmo)
    made = await client.post("/v1/commitments", json=body(unit.id, kind="media_fill"), headers=own)
    assert made.status_code == 201, made.text
    url = f"/v1/commitments/{made.json()['id']}"
    changed = await client.patch(url, json={"end": str(day(40)), "note": "yearly"}, headers=own)
    assert changed.status_code == 200, changed.text
    assert changed.json() == made.json() | {"end": str(day(40)), "note": "yearly", "version": 2}
    assert (await client.get(url, headers=own)).json() == changed.json()
    assert (await client.delete(url, headers=own)).status_code == 204
    assert (await client.get(url, headers=own)).status_code == 404
    async with transaction(world.sessions) as session:
        records = list(await session.scalars(select(AuditRecord).order_by(col(AuditRecord.id))))
    assert [one.action for one in records] == ["commitment.created", "commitment.updated", "commitment.deleted"]
    assert records[2].before is not None
    assert records[2].before["note"] == "yearly"
    assert records[2].after is None


async def test_commitments_may_overlap_each_other_but_no_slot(client: httpx.AsyncClient, world: World) -> None:
    cdmo, own = await world.cdmo()
    unit = await world.unit(cdmo)
    slot = await world.slot(unit, 50, 80)
    first = (await client.post("/v1/commitments", json=body(unit.id, 0, 30), headers=own)).json()
    assert (await client.post("/v1/commitments", json=body(unit.id, 10, 50), headers=own)).status_code == 201
    refusals = (
        await client.post("/v1/commitments", json=body(unit.id, 79, 90), headers=own),
        await client.patch(f"/v1/commitments/{first['id']}", json={"end": str(day(51))}, headers=own),
    )
    for refused in refusals:
        assert refused.status_code == 409
        assert refused.json()["type"] == "urn:creneau:problem:slot-overlap"
        assert (refused.json()["slot_id"], refused.json()["end"]) == (str(slot.id), str(day(80)))
    async with transaction(world.sessions) as session:
        assert len(list(await session.scalars(select(Commitment)))) == 2
    await client.delete(f"/v1/slots/{slot.id}", headers=own)
    assert (await client.post("/v1/commitments", json=body(unit.id, 60, 70), headers=own)).status_code == 201


async def test_only_its_own_cdmo_sees_or_writes_it(client: httpx.AsyncClient, world: World) -> None:
    cdmo, own = await world.cdmo()
    _, other = await world.cdmo()
    _, startup = await world.startup()
    unit = await world.unit(cdmo)
    made = await commitment(world, unit.id, 0, 30)
    url = f"/v1/commitments/{made.id}"
    for headers, one, listed in (
        (None, 401, 401),
        (startup, 403, 403),
        (await world.coordinator(), 403, 403),
        (other, 404, 200),
        (own, 200, 200),
    ):
        assert (await client.get(url, headers=headers)).status_code == one
        answer = await client.get("/v1/commitments", headers=headers)
        assert answer.status_code == listed
        if listed == 200:
            assert len(answer.json()["items"]) == (headers is own)
        if headers is not own:
            assert (await client.patch(url, json={"note": "x"}, headers=headers)).status_code == one
            assert (await client.delete(url, headers=headers)).status_code == one
            assert (await client.post("/v1/commitments", json=body(unit.id), headers=headers)).status_code == one


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"end": str(day(-1))}, "/end"),
        ({"end": str(day(0))}, "/end"),
        ({"end": None}, "/end"),
        ({"kind": "holiday"}, "/kind"),
        ({"note": "x" * 10_000}, "/note"),
        ({"customer": "X"}, "/customer"),
    ],
)
async def test_bad_commitments_are_refused_by_field(
    client: httpx.AsyncClient, world: World, change: dict[str, Any], pointer: str
) -> None:
    cdmo, own = await world.cdmo()
    unit = await world.unit(cdmo)
    answer = await client.post("/v1/commitments", json=body(unit.id) | change, headers=own)
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["pointer"] == pointer
    made = await commitment(world, unit.id, 0, 30)
    if pointer != "/customer":
        patched = await client.patch(f"/v1/commitments/{made.id}", json=change, headers=own)
        assert patched.json()["errors"][0]["pointer"] == pointer


async def test_filters_and_pages(client: httpx.AsyncClient, world: World) -> None:
    cdmo, own = await world.cdmo()
    units = [await world.unit(cdmo) for _ in range(2)]
    for unit in units:
        for start in (0, 0, 40):
            await commitment(world, unit.id, start, start + 10)
    seen: list[str] = []
    url: str | None = "/v1/commitments?limit=2"
    while url:
        page = (await client.get(url, headers=own)).json()
        seen += [one["id"] for one in page["items"]]
        url = page["next"]
    assert len(seen) == len(set(seen)) == 6
    for query, count in (
        (f"unit_id={units[0].id}", 3),
        (f"line_id={units[1].line_id}&start={day(10)}", 1),
        (f"end={day(1)}", 4),
        (f"start={day(10)}&end={day(40)}", 0),
        (f"unit_id={uuid4()}", 0),
        ("kind=shutdown", 0),
    ):
        assert len((await client.get(f"/v1/commitments?{query}", headers=own)).json()["items"]) == count, query
    refused = await client.get(f"/v1/commitments?start={day(3)}&end={day(3)}", headers=own)
    assert refused.json()["errors"][0]["pointer"] == "query/end"


async def test_no_slot_is_extended_or_published_over_a_commitment(client: httpx.AsyncClient, world: World) -> None:
    cdmo, own = await world.cdmo()
    unit = await world.unit(cdmo)
    slot, draft = await world.slot(unit, 0, 20), await world.slot(unit, 25, 60, status="draft")
    busy = await commitment(world, unit.id, 20, 30)
    for url, change in ((slot.id, {"end": str(day(21))}), (draft.id, {"status": "published"})):
        refused = await client.patch(f"/v1/slots/{url}", json=change, headers=own)
        assert (refused.status_code, refused.json()["type"]) == (409, "urn:creneau:problem:commitment-overlap")
        assert refused.json()["commitment_id"] == str(busy.id)
        assert (refused.json()["start"], refused.json()["end"]) == (str(day(20)), str(day(30)))
