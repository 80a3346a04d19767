"""Slots: published, changed and withdrawn by their own CDMO, around what is booked and committed."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import select

from app.audit.models import AuditRecord
from app.bookings.models import BookingStatus
from app.capacity.models import Slot
from app.catalogue.models import Unit
from app.core.database import transaction
from app.identity.models import OrganisationKind, Role
from tests.app.capacity.rows import book, commitment
from tests.support.world import World, day


def body(unit: Unit, start: int = 0, end: int = 60, **given: Any) -> dict[str, Any]:
    """Return what publishes a slot over the days [start, end) after `DAY_ONE`."""
    return {"unit_id": str(unit.id), "start": str(day(start)), "end": str(day(end)), **given}


async def _slots(world: World) -> list[Slot]:
    async with transaction(world.sessions) as session:
        return list(await session.scalars(select(Slot)))


async def test_a_cdmo_publishes_and_a_startup_reads(client: httpx.AsyncClient, world: World) -> None:
    cdmo, own = await world.cdmo()
    _, startup = await world.startup()
    unit = await world.unit(cdmo)
    made = await client.post("/v1/slots", json=body(unit, approval="instant"), headers=own)
    assert made.status_code == 201, made.text
    slot = made.json()
    assert (slot["start"], slot["end"]) == (str(day(0)), str(day(60)))
    assert slot["free"] == [{"start": str(day(0)), "end": str(day(60))}]
    assert slot["organisation_name"] == cdmo.name
    assert (slot["price_cents"], slot["price_basis"]) == (100_000_000, "declared")
    read = await client.get(f"/v1/slots/{slot['id']}", headers=startup)
    assert read.json() == slot
    async with transaction(world.sessions) as session:
        record = (await session.scalars(select(AuditRecord))).one()
    assert (record.action, str(record.object_id)) == ("slot.published", slot["id"])


async def test_what_is_free_leaves_out_what_is_booked(client: httpx.AsyncClient, world: World) -> None:
    cdmo, own = await world.cdmo()
    buyer, _ = await world.startup()
    unit = await world.unit(cdmo)
    slot = await world.slot(unit, 0, 100)
    await book(world, slot, buyer, 10, 30)
    await book(world, slot, buyer, 30, 40)
    await book(world, slot, buyer, 90, 100)
    await book(world, slot, buyer, 50, 60, status=BookingStatus.CANCELLED)
    stale = datetime.now(UTC) - timedelta(minutes=1)
    await book(world, slot, buyer, 70, 80, status=BookingStatus.HELD, hold_expires_at=stale)
    free = (await client.get(f"/v1/slots/{slot.id}", headers=own)).json()["free"]
    assert free == [
        {"start": str(day(0)), "end": str(day(10))},
        {"start": str(day(40)), "end": str(day(90))},
    ]


async def test_a_whole_slot_is_free_or_it_is_not(client: httpx.AsyncClient, world: World) -> None:
    cdmo, own = await world.cdmo()
    buyer, _ = await world.startup()
    unit = await world.unit(cdmo)
    taken = await world.slot(unit, 0, 50, divisible=False)
    free = await world.slot(unit, 50, 100, divisible=False)
    await book(world, taken, buyer, 0, 10)
    assert (await client.get(f"/v1/slots/{taken.id}", headers=own)).json()["free"] == []
    assert (await client.get(f"/v1/slots/{free.id}", headers=own)).json()["free"] != []


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"end": str(day(-1))}, "/end"),
        ({"end": str(day(0))}, "/end"),
        ({"start": None}, "/start"),
        ({"end": None}, "/end"),
        ({"end": "infinity"}, "/end"),
        ({"end": "9999-12-31"}, "/end"),
        ({"price_cents": -1}, "/price_cents"),
        ({"price_cents": 10**20}, "/price_cents"),
        ({"reserve": "everyone"}, "/reserve"),
        ({"status": "withdrawn"}, "/status"),
        ({"releases_on": str(day(3))}, "/releases_on"),
        ({"lendable": True, "recall_notice_days": 5}, "/lendable"),
        ({"reserve": "crisis", "lendable": True}, "/recall_notice_days"),
        ({"reserve": "crisis", "max_lent_days": 9}, "/max_lent_days"),
        ({"agreement_id": str(uuid4())}, "/agreement_id"),
        ({"unit_id": "7"}, "/unit_id"),
        ({"note": "x" * 10_000}, "/note"),
    ],
)
async def test_bad_slots_are_refused_by_field(
    client: httpx.AsyncClient, world: World, change: dict[str, Any], pointer: str
) -> None:
    cdmo, headers = await world.cdmo()
    answer = await client.post("/v1/slots", json=body(await world.unit(cdmo)) | change, headers=headers)
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert await _slots(world) == []


async def test_a_body_that_is_not_json_is_refused(client: httpx.AsyncClient, world: World) -> None:
    _, headers = await world.cdmo()
    headers = {**headers, "content-type": "application/json"}
    assert (await client.post("/v1/slots", content=b"{no", headers=headers)).status_code == 400


async def test_an_overlap_names_the_slot_in_the_way(client: httpx.AsyncClient, world: World) -> None:
    cdmo, headers = await world.cdmo()
    unit = await world.unit(cdmo)
    first = (await client.post("/v1/slots", json=body(unit, 0, 60), headers=headers)).json()
    answer = await client.post("/v1/slots", json=body(unit, 59, 80), headers=headers)
    assert answer.status_code == 409
    problem = answer.json()
    assert problem["type"] == "urn:creneau:problem:slot-overlap"
    assert (problem["slot_id"], problem["start"], problem["end"]) == (first["id"], first["start"], first["end"])
    for free in (body(unit, 60, 80), body(unit, 10, 20, status="draft"), body(await world.unit(cdmo), 0, 60)):
        assert (await client.post("/v1/slots", json=free, headers=headers)).status_code == 201


async def test_a_draft_is_published_only_where_there_is_room(client: httpx.AsyncClient, world: World) -> None:
    cdmo, headers = await world.cdmo()
    _, startup = await world.startup()
    unit = await world.unit(cdmo)
    await client.post("/v1/slots", json=body(unit, 0, 60), headers=headers)
    draft = (await client.post("/v1/slots", json=body(unit, 50, 80, status="draft"), headers=headers)).json()
    url = f"/v1/slots/{draft['id']}"
    assert (await client.get(url, headers=startup)).status_code == 404
    assert (await client.patch(url, json={"status": "published"}, headers=headers)).status_code == 409
    moved = await client.patch(url, json={"status": "published", "start": str(day(60))}, headers=headers)
    assert moved.status_code == 200, moved.text
    assert moved.json()["version"] == 2
    assert (await client.get(url, headers=startup)).status_code == 200


async def test_a_commitment_is_in_the_way(client: httpx.AsyncClient, world: World) -> None:
    cdmo, headers = await world.cdmo()
    unit = await world.unit(cdmo)
    await commitment(world, unit.id, 20, 30)
    answer = await client.post("/v1/slots", json=body(unit, 0, 60), headers=headers)
    assert answer.status_code == 409
    assert answer.json()["type"] == "urn:creneau:problem:commitment-overlap"
    assert (answer.json()["start"], answer.json()["end"]) == (str(day(20)), str(day(30)))


async def test_a_line_that_is_not_bookable_gives_its_reason(client: httpx.AsyncClient, world: World) -> None:
    cdmo, headers = await world.cdmo()
    unit = await world.unit(cdmo, not_bookable_reason="captive use")
    answer = await client.post("/v1/slots", json=body(unit), headers=headers)
    assert answer.status_code == 409
    assert answer.json()["type"] == "urn:creneau:problem:line-not-bookable"
    assert answer.json()["reason"] == "captive use"
    assert await _slots(world) == []


async def test_a_slot_before_commissioning_is_refused(client: httpx.AsyncClient, world: World) -> None:
    cdmo, headers = await world.cdmo()
    unit = await world.unit(cdmo, commissioned_on=day(10))
    answer = await client.post("/v1/slots", json=body(unit, 9, 60), headers=headers)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/start"
    assert (await client.post("/v1/slots", json=body(unit, 10, 60), headers=headers)).status_code == 201


async def test_who_sees_and_who_writes(client: httpx.AsyncClient, world: World) -> None:
    cdmo, own = await world.cdmo()
    _, other = await world.cdmo()
    _, startup = await world.startup()
    observer = await world.headers(await world.organisation(OrganisationKind.OBSERVER), Role.OBSERVER)
    coordinator, authority = await world.coordinator(), await world.authority()
    unit = await world.unit(cdmo)
    slot = await world.slot(unit)
    url = f"/v1/slots/{slot.id}"
    for headers, status, seen in (
        (None, 401, None),
        (observer, 403, None),
        (other, 404, 0),
        (own, 200, 1),
        (startup, 200, 1),
        (coordinator, 200, 1),
        (authority, 200, 1),
    ):
        assert (await client.get(url, headers=headers)).status_code == status
        listed = await client.get("/v1/slots", headers=headers)
        assert (len(listed.json()["items"]) if seen is not None else None) == seen, listed.text
    for headers, status in ((startup, 403), (coordinator, 403), (other, 404)):
        assert (await client.patch(url, json={"divisible": False}, headers=headers)).status_code == status
        assert (await client.delete(url, headers=headers)).status_code == status
        assert (await client.post("/v1/slots", json=body(unit, 500, 600), headers=headers)).status_code == status
    assert [one.version for one in await _slots(world)] == [1]


async def test_a_withdrawn_slot_leaves_the_market(client: httpx.AsyncClient, world: World) -> None:
    cdmo, own = await world.cdmo()
    _, startup = await world.startup()
    slot = await world.slot(await world.unit(cdmo))
    url = f"/v1/slots/{slot.id}"
    for tag, status, kind in (("", 428, "precondition-required"), ('"2"', 412, "stale")):
        refused = await client.delete(url, headers={**own, "If-Match": tag})
        assert (refused.status_code, refused.json()["type"]) == (status, f"urn:creneau:problem:{kind}")
    assert (await client.delete(url, headers={**own, "If-Match": '"1"'})).status_code == 204
    assert (await client.delete(url, headers=own)).status_code == 204
    assert (await client.get(url, headers=startup)).status_code == 404
    assert (await client.get("/v1/slots", headers=startup)).json()["items"] == []
    listed = (await client.get("/v1/slots?status=withdrawn", headers=own)).json()["items"]
    assert [one["id"] for one in listed] == [str(slot.id)]
    refused = await client.patch(url, json={"status": "draft"}, headers=own)
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:creneau:problem:wrong-status")
    assert (await client.patch(url, json={"releases_on": str(day(1))}, headers=own)).status_code == 422
    assert (await client.patch(url, json={"status": "published"}, headers=own)).status_code == 200


@pytest.mark.parametrize(
    ("change", "in_the_way"),
    [
        ({"status": "withdrawn"}, [(10, 30), (40, 60)]),
        ({"reserve": "startup"}, [(10, 30), (40, 60)]),
        ({"divisible": False}, [(10, 30), (40, 60)]),
        ({"start": str(day(11))}, [(10, 30)]),
        ({"end": str(day(59))}, [(40, 60)]),
    ],
)
async def test_a_booking_keeps_its_slot(
    client: httpx.AsyncClient, world: World, change: dict[str, Any], in_the_way: list[tuple[int, int]]
) -> None:
    cdmo, own = await world.cdmo()
    buyer, _ = await world.startup()
    slot = await world.slot(await world.unit(cdmo), 0, 100)
    await book(world, slot, buyer, 10, 30)
    await book(world, slot, buyer, 40, 60)
    answer = await client.patch(f"/v1/slots/{slot.id}", json=change, headers=own)
    assert answer.status_code == 409, answer.text
    problem = answer.json()
    assert problem["type"] == "urn:creneau:problem:slot-booked"
    assert problem["booked"] == [{"start": str(day(start)), "end": str(day(end))} for start, end in in_the_way]
    assert buyer.name not in answer.text
    assert str(buyer.id) not in answer.text
    assert [one.version for one in await _slots(world)] == [1]


async def test_a_booked_slot_may_still_change_around_its_bookings(client: httpx.AsyncClient, world: World) -> None:
    cdmo, own = await world.cdmo()
    buyer, _ = await world.startup()
    slot = await world.slot(await world.unit(cdmo), 0, 100)
    await book(world, slot, buyer, 10, 30)
    change = {"start": str(day(10)), "end": str(day(200)), "divisible": False, "price_cents": 5}
    answer = await client.patch(f"/v1/slots/{slot.id}", json=change, headers=own)
    assert answer.status_code == 200, answer.text
    assert answer.json()["prices"] == [{"modality": "monoclonal_antibody", "price_cents": 5, "basis": "declared"}]


async def test_a_hold_that_has_run_out_keeps_no_slot(client: httpx.AsyncClient, world: World) -> None:
    cdmo, own = await world.cdmo()
    buyer, _ = await world.startup()
    slot = await world.slot(await world.unit(cdmo), 0, 100)
    stale = datetime.now(UTC) - timedelta(minutes=1)
    await book(world, slot, buyer, 70, 80, status=BookingStatus.HELD, hold_expires_at=stale)
    answer = await client.delete(f"/v1/slots/{slot.id}", headers=own)
    assert answer.status_code == 204


async def test_null_is_refused_where_there_is_always_a_value(client: httpx.AsyncClient, world: World) -> None:
    cdmo, own = await world.cdmo()
    slot = await world.slot(await world.unit(cdmo), price_cents=7)
    url = f"/v1/slots/{slot.id}"
    for name in ("start", "end", "reserve", "status", "divisible", "approval", "lendable"):
        answer = await client.patch(url, json={name: None}, headers=own)
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"] == f"/{name}"
    assert (await client.patch(url, json={"end": str(day(-5))}, headers=own)).json()["errors"][0]["pointer"] == "/end"
    cleared = await client.patch(url, json={"price_cents": None}, headers=own)
    assert cleared.json()["price_cents"] == 100_000_000
