"""`GET /v1/audit`: each organisation reads what it did and what that did to its own, the coordinator reads all."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.audit import reading_repository as repository
from app.audit.models import ActorKind
from app.audit.schemas import AuditFilter
from app.core.database import transaction
from app.core.model import new_id
from app.core.paging import encode_cursor
from app.identity.models import OrganisationKind, Role
from tests.app.audit.trails import record
from tests.support.explain import plans_of, settle
from tests.support.world import World, day

pytestmark = pytest.mark.database


async def read(client: httpx.AsyncClient, headers: Mapping[str, str], **query: Any) -> list[dict[str, Any]]:
    """Return all pages, two records a page."""
    items: list[dict[str, Any]] = []
    url: str | None = str(httpx.URL("/v1/audit", params={"limit": 2, **query}))
    while url:
        answer = await client.get(url, headers=headers)
        assert answer.status_code == 200, answer.text
        items += answer.json()["items"]
        url = answer.json()["next"]
    return items


async def test_each_reads_what_it_did_and_the_coordinator_all(client: httpx.AsyncClient, world: World) -> None:
    cdmo, seller = await world.cdmo()
    startup, buyer = await world.startup()
    _, other = await world.startup()
    slot = await world.slot(await world.unit(cdmo))
    product = await world.product(startup)
    body = {"slot_id": str(slot.id), "start": str(day(0)), "product_id": str(product.id), "batches": 1}
    held = await client.post("/v1/bookings", json=body, headers=buyer)
    assert held.status_code == 201, held.text
    booking = held.json()["id"]
    for act, who in (("confirm", buyer), ("approve", seller)):
        done = await client.post(f"/v1/bookings/{booking}/{act}", headers=who)
        assert done.status_code == 200, done.text

    own = await read(client, buyer)
    assert {one["organisation_id"] for one in own} == {str(startup.id)}
    assert {"booking.held", "booking.awaiting_cdmo"} <= {one["action"] for one in own}
    mine = [one for one in own if one["object_type"] == "bookings"]
    assert all(one["after"]["id"] == booking and not one["content_hidden"] for one in mine)

    sold = await read(client, seller)
    assert {one["organisation_id"] for one in sold} == {str(cdmo.id)}
    (approved,) = [one for one in sold if one["action"] == "booking.confirmed"]
    assert (approved["before"], approved["after"], approved["content_hidden"]) == (None, None, True)

    assert await read(client, other) == []
    everything = await read(client, await world.coordinator())
    moments = [datetime.fromisoformat(one["at"]) for one in everything]
    assert moments == sorted(moments)
    assert len({one["id"] for one in everything}) == len(everything)
    assert {one["id"] for one in own + sold} <= {one["id"] for one in everything}
    (approved,) = [one for one in everything if one["action"] == "booking.confirmed"]
    assert approved["after"]["organisation_id"] == str(startup.id)


@pytest.mark.parametrize("role", list(Role))
async def test_of_whose_acts_each_role_reads(client: httpx.AsyncClient, world: World, role: Role) -> None:
    mine = await world.organisation(OrganisationKind.CDMO)
    other = await world.organisation(OrganisationKind.CDMO)
    reader = await world.headers(mine, role)
    secret = {"organisation_id": str(other.id), "code_name": "Y-9", "price_cents": 9}
    kinds = {
        "own": record(organisation_id=mine.id, after={"organisation_id": str(mine.id)}),
        "creates_other": record(organisation_id=mine.id, after=secret),
        "passes_on": record(organisation_id=mine.id, before={"organisation_id": str(mine.id)}, after=secret),
        "nobodys": record(organisation_id=mine.id, after={"price_cents": 9}, object_type="rows"),
        "slot": record(organisation_id=mine.id, after={"price_cents": 9}, object_type="slots"),
        "foreign": record(organisation_id=other.id, after={"organisation_id": str(mine.id)}),
        "job": record(after={"organisation_id": str(mine.id)}),
    }
    names = {(await world.add(row)).id: name for name, row in kinds.items()}
    found = {names[one["id"]]: not one["content_hidden"] for one in await read(client, reader)}
    if role in {Role.COORDINATOR, Role.ADMIN}:
        assert found == dict.fromkeys(kinds, True)
    else:
        hidden = {"creates_other": False, "passes_on": False, "nobodys": False, "slot": role is Role.CDMO_PLANNER}
        assert found == {"own": True, **hidden}


async def test_nobody_reads_without_a_key(client: httpx.AsyncClient) -> None:
    assert (await client.get("/v1/audit")).status_code == 401


async def test_filters_hold_together(client: httpx.AsyncClient, world: World) -> None:
    mine = await world.organisation(OrganisationKind.CDMO)
    headers = await world.headers(mine, Role.CDMO_PLANNER)
    thing = new_id()
    rows = [
        record(organisation_id=mine.id, action="slot.created", object_type="slots", object_id=thing),
        record(organisation_id=mine.id, action="slot.updated", object_type="slots", object_id=thing),
        record(organisation_id=mine.id, action="slot.created", object_type="slots", actor=ActorKind.KEY),
        record(organisation_id=mine.id, action="line.created", object_type="production_lines"),
    ]
    made = [(await world.add(row)) for row in rows]

    async def numbers(**query: Any) -> list[int]:
        ids = [row.id for row in made]
        return [ids.index(one["id"]) for one in await read(client, headers, **query)]

    assert await numbers() == [0, 1, 2, 3]
    assert await numbers(object_type="slots") == [0, 1, 2]
    assert await numbers(object_type="slots", object_id=str(thing)) == [0, 1]
    assert await numbers(action="slot.created") == [0, 2]
    assert await numbers(action="slot.created", actor="key") == [2]
    assert await numbers(**{"from": made[1].at.isoformat()}) == [1, 2, 3]
    assert await numbers(**{"from": made[1].at.isoformat(), "to": made[3].at.isoformat()}) == [1, 2]
    for query, pointer in (
        ({"from": "2030-01-01"}, "query/from"),
        ({"actor": "nobody"}, "query/actor"),
        ({"object_id": "1"}, "query/object_id"),
        ({"cursor": encode_cursor([made[0].at, 2**63])}, "query/cursor"),
    ):
        answer = await client.get("/v1/audit", params=query, headers=headers)
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)
    far = await client.get("/v1/audit", params={"cursor": encode_cursor([made[3].at, 2**40])}, headers=headers)
    assert (far.status_code, far.json()["items"]) == (200, [])


MANY = text(
    """
    INSERT INTO audit_records (at, actor, action, object_type, object_id, organisation_id, after)
    SELECT TIMESTAMPTZ '2029-01-01' + n * interval '1 minute', CASE WHEN n % 9 = 0 THEN 'job' ELSE 'key' END,
        'row.' || CASE WHEN n % 2 = 0 THEN 'made' ELSE 'changed' END, 'rows',
        CASE WHEN n % 2000 = 0 THEN CAST(:thing AS uuid) ELSE gen_random_uuid() END,
        CASE WHEN n % 40 = 0 THEN CAST(:mine AS uuid) ELSE gen_random_uuid() END,
        jsonb_build_object('text', repeat('x', 200))
    FROM generate_series(1, 40000) n
    """
)


async def test_whatever_is_asked_of_the_trail_is_read_through_an_index(world: World, owner: AsyncEngine) -> None:
    """However little matches: to look through all the trail takes longer the older it is."""
    mine, thing = new_id(), new_id()
    async with owner.begin() as connection:
        await connection.execute(MANY, {"mine": mine, "thing": thing})
    await settle(owner)
    middle, later = (datetime(2029, 1, days, tzinfo=UTC) for days in (14, 15))
    after = encode_cursor([middle, 4_000])
    async with transaction(world.sessions) as session:
        for wanted, organisation_id, index in (
            (AuditFilter(), mine, "ix_audit_records_organisation_id"),
            (AuditFilter(cursor=after), mine, "ix_audit_records_organisation_id"),
            (AuditFilter(action="row.made", actor=ActorKind.KEY), mine, "ix_audit_records_organisation_id"),
            (AuditFilter(start=middle), mine, "ix_audit_records_organisation_id"),
            (AuditFilter(object_type="rows", object_id=thing), None, "ix_audit_records_object_id"),
            (AuditFilter(object_id=thing), None, "ix_audit_records_object_id"),
            (AuditFilter(), None, "ix_audit_records_at"),
            (AuditFilter(cursor=after), None, "ix_audit_records_at"),
            (AuditFilter(start=middle), None, "ix_audit_records_at"),
            (AuditFilter(start=middle, end=later, action="row.made"), None, "ix_audit_records_at"),
            (AuditFilter(action="row.made"), None, "ix_audit_records_at"),
            (AuditFilter(action="nothing.such"), None, "ix_audit_records_kind"),
            (AuditFilter(object_type="nothing"), None, "ix_audit_records_kind"),
            (AuditFilter(actor=ActorKind.PERSON), None, "ix_audit_records_kind"),
        ):

            async def page(wanted: AuditFilter = wanted, organisation_id: Any = organisation_id) -> object:
                return await repository.page_records(session, wanted, organisation_id)

            (plan,) = await plans_of(session, page)
            assert index in plan, (wanted, plan)
            assert "Seq Scan" not in plan, (wanted, plan)
