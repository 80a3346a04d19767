"""Sites: read by all, written by their own people and the coordinator."""

from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import select
from sqlmodel import col

from app.audit.models import AuditRecord
from app.core.database import transaction
from app.identity.models import OrganisationKind
from tests.support.world import World

NEW_SITE = {"name": "Évry 2", "city": "Évry", "region": "Île-de-France", "modalities": ["monoclonal_antibody"]}


async def test_anybody_reads_sites_without_a_key(client: httpx.AsyncClient, world: World) -> None:
    cdmo, _ = await world.cdmo()
    await world.unit(cdmo)
    items = (await client.get("/v1/sites")).json()["items"]
    assert [item["organisation_id"] for item in items] == [str(cdmo.id)]
    one = (await client.get(f"/v1/sites/{items[0]['id']}")).json()
    assert one == items[0]
    assert one["organisation_name"] == cdmo.name


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("region=Bretagne", {"B"}),
        ("modality=viral_vector_aav", {"B", "C"}),
        ("modality=viral_vector_aav&phase=phase_3", {"C"}),
        ("platform=HEK293", {"B", "C"}),
        ("kind=integrator", {"C"}),
        ("cluster=Genopole", {"A"}),
        ("country=BE", {"C"}),
        ("region=Bretagne&country=BE", set()),
    ],
)
async def test_filters_combine(client: httpx.AsyncClient, world: World, query: str, expected: set[str]) -> None:
    cdmo, _ = await world.cdmo()
    await world.unit(cdmo, site={"name": "A", "clusters": ["Genopole"]})
    vector: dict[str, Any] = {"modalities": ["viral_vector_aav"], "platforms": ["HEK293"]}
    await world.unit(cdmo, site={"name": "B", "region": "Bretagne", **vector})
    await world.unit(
        cdmo, site={"name": "C", "kind": "integrator", "country": "BE", "gmp_phases": ["phase_3"], **vector}
    )
    answer = await client.get(f"/v1/sites?{query}")
    assert {item["name"] for item in answer.json()["items"]} == expected


async def test_a_cdmo_adds_and_changes_its_own_site(client: httpx.AsyncClient, world: World) -> None:
    cdmo, headers = await world.cdmo()
    made = await client.post("/v1/sites", json=NEW_SITE, headers=headers)
    assert made.status_code == 201, made.text
    assert made.json()["organisation_id"] == str(cdmo.id)
    changed = await client.patch(f"/v1/sites/{made.json()['id']}", json={"clusters": ["Genopole"]}, headers=headers)
    assert changed.json()["clusters"] == ["Genopole"]
    assert changed.json()["city"] == "Évry"
    assert changed.json()["version"] == 2
    async with transaction(world.sessions) as session:
        records = await session.scalars(select(col(AuditRecord.action)).order_by(col(AuditRecord.id)))
        assert list(records) == ["site.created", "site.updated"]


async def test_the_coordinator_adds_a_site_for_a_maker_only(client: httpx.AsyncClient, world: World) -> None:
    headers = await world.coordinator()
    maker = await world.organisation(OrganisationKind.INTEGRATOR)
    startup = await world.organisation(OrganisationKind.STARTUP)
    made = await client.post("/v1/sites", json=NEW_SITE | {"organisation_id": str(maker.id)}, headers=headers)
    assert made.status_code == 201, made.text
    refused = await client.post(
        "/v1/sites", json=NEW_SITE | {"name": "Other", "organisation_id": str(startup.id)}, headers=headers
    )
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == "/organisation_id"


async def test_roles_and_owners(client: httpx.AsyncClient, world: World) -> None:
    cdmo, own = await world.cdmo()
    _, other = await world.cdmo()
    _, startup = await world.startup()
    site_id = (await client.post("/v1/sites", json=NEW_SITE, headers=own)).json()["id"]
    for headers, status in ((None, 401), (startup, 403), (other, 404)):
        answer = await client.patch(f"/v1/sites/{site_id}", json={"city": "Lyon"}, headers=headers)
        assert answer.status_code == status, answer.text
    foreign = NEW_SITE | {"name": "X", "organisation_id": str(cdmo.id)}
    assert (await client.post("/v1/sites", json=foreign, headers=other)).status_code == 404
    assert (await client.post("/v1/sites", json=NEW_SITE, headers=startup)).status_code == 403
    assert (await client.get(f"/v1/sites/{uuid4()}")).status_code == 404


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"name": "x" * 10_000}, "/name"),
        ({"name": "   "}, "/name"),
        ({"modalities": ["monoclonal_antibody", "alchemy"]}, "/modalities/1"),
        ({"modalities": ["monoclonal_antibody"] * 2}, "/modalities"),
        ({"latitude": 91}, "/latitude"),
        ({"gmp_phases": ["phase_9"]}, "/gmp_phases/0"),
        ({"country": "France"}, "/country"),
        ({"surprise": 1}, "/surprise"),
    ],
)
async def test_bad_sites_are_refused_by_field(
    client: httpx.AsyncClient, world: World, change: dict[str, Any], pointer: str
) -> None:
    _, headers = await world.cdmo()
    answer = await client.post("/v1/sites", json=NEW_SITE | change, headers=headers)
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert (await client.get("/v1/sites")).json()["items"] == []


async def test_a_name_is_taken_once(client: httpx.AsyncClient, world: World) -> None:
    _, headers = await world.cdmo()
    await client.post("/v1/sites", json=NEW_SITE, headers=headers)
    answer = await client.post("/v1/sites", json=NEW_SITE, headers=headers)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/name"
