"""Reserve agreements: written by the coordinator, seen by their CDMO, kept or not quarter by quarter."""

from datetime import date
from typing import Any
from uuid import uuid4

import httpx
import pytest

from app.core.model import period
from app.core.vocabulary import Reserve
from app.identity.models import OrganisationKind, Role
from tests.app.capacity.rows import agreement
from tests.support.world import World, day

NEW = {
    "funder": "State",
    "reserve": "startup",
    "modality": "monoclonal_antibody",
    "start": "2030-01-01",
    "end": "2031-01-01",
    "batch_days_per_quarter": 45,
    "capped_price_cents": 50_000_000,
}


async def test_the_coordinator_writes_it_down_and_its_cdmo_reads_it(client: httpx.AsyncClient, world: World) -> None:
    cdmo, own = await world.cdmo()
    _, other = await world.cdmo()
    _, startup = await world.startup()
    coordinator = await world.coordinator()
    unit = await world.unit(cdmo)
    command = NEW | {"organisation_id": str(cdmo.id), "line_id": str(unit.line_id)}
    for headers, status in ((None, 401), (own, 403), (startup, 403), (coordinator, 201)):
        made = await client.post("/v1/agreements", json=command, headers=headers)
        assert made.status_code == status, made.text
    assert made.json() | command == made.json()
    url = f"/v1/agreements/{made.json()['id']}"
    for headers, status, count in ((coordinator, 200, 1), (own, 200, 1), (other, 404, 0), (startup, 403, None)):
        for path in (url, f"{url}/compliance"):
            assert (await client.get(path, headers=headers)).status_code == status
        listed = (await client.get("/v1/agreements", headers=headers)).json()
        assert (len(listed["items"]) if count is not None else None) == count
    for query, count in (("reserve=crisis", 0), ("reserve=startup", 1), (f"line_id={uuid4()}", 0)):
        assert len((await client.get(f"/v1/agreements?{query}", headers=coordinator)).json()["items"]) == count


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"end": "2030-01-01"}, "/end"),
        ({"end": None}, "/end"),
        ({"modality": "alchemy"}, "/modality"),
        ({"modality": None}, "/line_id"),
        ({"reserve": "open"}, "/reserve"),
        ({"capped_price_cents": -1}, "/capped_price_cents"),
        ({"readiness_fee_cents": -1}, "/readiness_fee_cents"),
        ({"batch_days_per_quarter": 0}, "/batch_days_per_quarter"),
        ({"funder": "x" * 10_000}, "/funder"),
    ],
)
async def test_bad_agreements_are_refused_by_field(
    client: httpx.AsyncClient, world: World, change: dict[str, Any], pointer: str
) -> None:
    cdmo, _ = await world.cdmo()
    headers = await world.coordinator()
    answer = await client.post("/v1/agreements", json=NEW | {"organisation_id": str(cdmo.id)} | change, headers=headers)
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert (await client.get("/v1/agreements", headers=headers)).json()["items"] == []


async def test_it_is_about_what_the_organisation_has(client: httpx.AsyncClient, world: World) -> None:
    cdmo, _ = await world.cdmo()
    other, _ = await world.cdmo()
    startup, _ = await world.startup()
    headers = await world.coordinator()
    unit = await world.unit(cdmo)
    for change, status, pointer in (
        ({"organisation_id": str(startup.id)}, 422, "/organisation_id"),
        ({"organisation_id": str(other.id), "line_id": str(unit.line_id)}, 422, "/line_id"),
        ({"line_id": str(unit.line_id), "modality": "viral_vector_aav"}, 422, "/modality"),
        ({"organisation_id": str(uuid4())}, 404, None),
        ({"line_id": str(uuid4())}, 404, None),
    ):
        command = NEW | {"organisation_id": str(cdmo.id)} | change
        answer = await client.post("/v1/agreements", json=command, headers=headers)
        assert answer.status_code == status, answer.text
        if pointer:
            assert answer.json()["errors"][0]["pointer"] == pointer


async def test_who_owes_the_fee_is_named_or_bears_the_funders_name_or_writes_it_down(
    client: httpx.AsyncClient, world: World
) -> None:
    cdmo, _ = await world.cdmo()
    agency = await world.organisation(OrganisationKind.OBSERVER, name="Agency")
    startup, _ = await world.startup(name="Young")
    national = await world.organisation(OrganisationKind.COORDINATOR)
    headers = await world.headers(national, Role.COORDINATOR)
    command = NEW | {"organisation_id": str(cdmo.id)}
    for change, funder_id in (
        ({}, None),
        ({"readiness_fee_cents": 1}, national.id),
        ({"readiness_fee_cents": 1, "funder": "Agency"}, agency.id),
        ({"readiness_fee_cents": 1, "funder": "Young"}, national.id),
        ({"readiness_fee_cents": 1, "funder_id": str(agency.id)}, agency.id),
    ):
        made = await client.post("/v1/agreements", json=command | change, headers=headers)
        assert made.status_code == 201, made.text
        assert made.json()["funder_id"] == (None if funder_id is None else str(funder_id))
        read = await client.get(f"/v1/agreements/{made.json()['id']}", headers=headers)
        assert read.json()["funder_id"] == made.json()["funder_id"]
    for funder in (cdmo, startup):
        refused = await client.post("/v1/agreements", json=command | {"funder_id": str(funder.id)}, headers=headers)
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/funder_id")
    unknown = await client.post("/v1/agreements", json=command | {"funder_id": str(uuid4())}, headers=headers)
    assert unknown.status_code == 404


@pytest.mark.parametrize(
    ("kind", "role"),
    [(OrganisationKind.AUTHORITY, Role.AUTHORITY), (OrganisationKind.OBSERVER, Role.OBSERVER)],
)
async def test_who_funds_it_reads_it_and_no_other_of_its_kind(
    client: httpx.AsyncClient, world: World, kind: OrganisationKind, role: Role
) -> None:
    cdmo, _ = await world.cdmo()
    funder, another = await world.organisation(kind), await world.organisation(kind)
    own, others = await world.headers(funder, role), await world.headers(another, role)
    made = await agreement(world, cdmo, funder_id=funder.id)
    await agreement(world, cdmo)
    url = f"/v1/agreements/{made.id}"
    for headers, status, listed in ((own, 200, [str(made.id)]), (others, 404, [])):
        for path in (url, f"{url}/compliance"):
            assert (await client.get(path, headers=headers)).status_code == status
        found = (await client.get("/v1/agreements", headers=headers)).json()["items"]
        assert [one["id"] for one in found] == listed
        ended = await client.post(f"{url}/end", json={"end": "2030-02-01"}, headers=headers)
        assert ended.status_code == 403, ended.text


async def test_whoever_may_read_the_compliance_reads_the_same(client: httpx.AsyncClient, world: World) -> None:
    """A funder sees neither the slots that count, nor the other agreements that they count towards."""
    cdmo, own = await world.cdmo()
    unit = await world.unit(cdmo)
    for kind, role in ((OrganisationKind.OBSERVER, Role.OBSERVER), (OrganisationKind.AUTHORITY, Role.AUTHORITY)):
        funder = await world.organisation(kind)
        older = await agreement(world, cdmo, line_id=unit.line_id)
        made = await agreement(world, cdmo, funder_id=funder.id, line_id=unit.line_id)
        if role is Role.OBSERVER:
            await world.slot(unit, 0, 30, reserve=Reserve.STARTUP)
            await world.slot(unit, 40, 60, reserve=Reserve.STARTUP, agreement_id=made.id)
        assert older.id < made.id
        readers = (own, await world.coordinator(), await world.headers(funder, role))
        url = f"/v1/agreements/{made.id}/compliance"
        answers = [(await client.get(url, headers=headers)).json() for headers in readers]
        assert answers[0] == answers[1] == answers[2]
        assert answers[0]["published_batch_days"] == (20 if role is Role.OBSERVER else 0)


async def test_compliance_counts_published_days_of_the_reserve_once(client: httpx.AsyncClient, world: World) -> None:
    cdmo, own = await world.cdmo()
    other, _ = await world.cdmo()
    unit, vector_unit = await world.unit(cdmo), await world.unit(cdmo, modalities=["viral_vector_aav"])
    covered = period(date(2030, 1, 1), date(2030, 8, 16))
    made = await agreement(world, cdmo, period=covered, batch_days_per_quarter=91)
    elsewhere = await agreement(world, cdmo, period=covered)
    reserved: dict[str, Any] = {"reserve": Reserve.STARTUP}
    await world.slot(unit, -10, 10, **reserved, agreement_id=made.id)
    await world.slot(unit, 80, 100, **reserved)
    await world.slot(unit, 20, 40)
    await world.slot(unit, 40, 50, **reserved, status="draft")
    await world.slot(unit, 50, 60, **reserved, agreement_id=elsewhere.id)
    await world.slot(vector_unit, 0, 90, **reserved)
    await world.slot(await world.unit(other), 0, 90, **reserved)
    answer = await client.get(f"/v1/agreements/{made.id}/compliance", headers=own)
    assert answer.status_code == 200, answer.text
    # 90 days in the first quarter: 10 of the first slot and 10 of the second; 91 in the second: its other 10.
    # The third is covered on 46 of its 92 days: half of 91, rounded up.
    assert answer.json() == {
        "agreement_id": str(made.id),
        "promised_batch_days": 91 + 91 + 46,
        "published_batch_days": 30,
        "quarters": [
            _quarter("2030-01-01", "2030-04-01", 91, 20),
            _quarter("2030-04-01", "2030-07-01", 91, 10),
            _quarter("2030-07-01", "2030-08-16", 46, 0),
        ],
    }
    assert day(90) == date(2030, 4, 1)


def _quarter(start: str, end: str, promised: int, published: int) -> dict[str, Any]:
    return {
        "start": start,
        "end": end,
        "promised_batch_days": promised,
        "published_batch_days": published,
        "is_met": published >= promised,
        "readiness_charged_cents": None,
    }


async def _published(client: httpx.AsyncClient, url: str, headers: Any) -> list[int]:
    answer = await client.get(f"{url}/compliance", headers=headers)
    assert answer.status_code == 200, answer.text
    return [one["published_batch_days"] for one in answer.json()["quarters"]]


async def test_what_is_withdrawn_or_shrunk_counts_no_more(client: httpx.AsyncClient, world: World) -> None:
    cdmo, own = await world.cdmo()
    unit = await world.unit(cdmo)
    made = await agreement(world, cdmo, period=period(date(2030, 1, 1), date(2030, 7, 1)))
    url = f"/v1/agreements/{made.id}"
    reserved: dict[str, Any] = {"reserve": Reserve.STARTUP, "agreement_id": made.id}
    across, second = await world.slot(unit, 60, 120, **reserved), await world.slot(unit, 120, 150, **reserved)
    assert await _published(client, url, own) == [30, 60]
    await client.patch(f"/v1/slots/{across.id}", json={"start": str(day(80)), "end": str(day(100))}, headers=own)
    assert await _published(client, url, own) == [10, 40]
    await client.delete(f"/v1/slots/{second.id}", headers=own)
    assert await _published(client, url, own) == [10, 10]
    await client.post(f"/v1/slots/{across.id}/split", json={"at": [str(day(90))]}, headers=own)
    assert await _published(client, url, own) == [10, 10]
    await client.patch(f"/v1/slots/{across.id}", json={"reserve": "open", "agreement_id": None}, headers=own)
    assert await _published(client, url, own) == [0, 10]


async def test_no_day_counts_towards_two_agreements(client: httpx.AsyncClient, world: World) -> None:
    cdmo, own = await world.cdmo()
    unit = await world.unit(cdmo)
    year = period(date(2030, 1, 1), date(2031, 1, 1))
    first = await agreement(world, cdmo, period=period(date(2030, 1, 1), date(2030, 4, 1)))
    on_line = await agreement(world, cdmo, period=year, line_id=unit.line_id, modality=None)
    later = await agreement(world, cdmo, period=year)
    await agreement(world, cdmo, period=year, modality="viral_vector_aav")
    reserved: dict[str, Any] = {"reserve": Reserve.STARTUP}
    await world.slot(unit, 80, 100, **reserved)
    await world.slot(unit, 100, 130, **reserved, agreement_id=later.id)
    await world.slot(await world.unit(cdmo), 80, 95, **reserved)
    counted = [await _published(client, f"/v1/agreements/{one.id}", own) for one in (first, on_line, later)]
    # Without a name: the days before April count towards the first, those after towards the next that they fit.
    assert counted == [[10 + 10], [0, 10, 0, 0], [0, 30 + 5, 0, 0]]
