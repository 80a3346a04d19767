"""Lines: whose word each figure is, who sees prices, filters, and who may write."""

from typing import Any

import httpx
import pytest
from sqlalchemy import select
from sqlmodel import col

from app.audit.models import AuditRecord
from app.catalogue.models import ProductionLine
from app.core.database import transaction
from app.identity.models import OrganisationKind, Role
from tests.support.world import World

TERMS = {"modality": "monoclonal_antibody", "release_days": 35, "price_cents": 90_000_000}
NEW_LINE = {
    "name": "Suite 3",
    "modalities": ["monoclonal_antibody"],
    "platforms": ["CHO"],
    "gmp_phases": ["phase_1"],
    "first_batch_days": 30,
    "working_volume_l": 500,
    "units": ["Vessel A", "Vessel B"],
    "terms": [TERMS],
}


async def _line_of(world: World, unit_line_id: Any) -> ProductionLine:
    async with transaction(world.sessions) as session:
        line = await session.get(ProductionLine, unit_line_id)
        assert line is not None
        return line


async def test_every_figure_names_its_basis(client: httpx.AsyncClient, world: World) -> None:
    cdmo, _ = await world.cdmo()
    unit = await world.unit(cdmo, sourced_fields=["working_volume_l", "existence"], declared_fields=["cadence_days"])
    line = (await client.get(f"/v1/lines/{unit.line_id}")).json()
    assert line["basis"]["working_volume_l"] == "sourced"
    assert line["basis"]["existence"] == "sourced"
    assert line["basis"]["cadence_days"] == "declared"
    assert line["basis"]["first_batch_days"] == "illustrative"
    assert line["units"] == [{"id": str(unit.id), "name": "Unit 1"}]


async def test_a_figure_that_the_cdmo_writes_becomes_declared(client: httpx.AsyncClient, world: World) -> None:
    cdmo, headers = await world.cdmo()
    unit = await world.unit(cdmo, sourced_fields=["working_volume_l"])
    url = f"/v1/lines/{unit.line_id}"
    answer = await client.patch(url, json={"working_volume_l": 1500, "cadence_days": None}, headers=headers)
    assert answer.status_code == 200, answer.text
    line = answer.json()
    assert (line["working_volume_l"], line["cadence_days"]) == (1500, None)
    assert {name for name, basis in line["basis"].items() if basis == "declared"} == {
        "working_volume_l",
        "cadence_days",
    }
    assert line["version"] == 2


async def test_a_figure_that_the_coordinator_writes_is_never_the_cdmos_own(
    client: httpx.AsyncClient, world: World
) -> None:
    cdmo, _ = await world.cdmo()
    headers = await world.coordinator()
    url = f"/v1/lines/{(await world.unit(cdmo, declared_fields=['working_volume_l'])).line_id}"
    sourced = await client.patch(url, json={"working_volume_l": 100, "source": "annual report"}, headers=headers)
    assert sourced.json()["basis"]["working_volume_l"] == "sourced"
    bare = await client.patch(url, json={"working_volume_l": 200, "terms": [TERMS]}, headers=headers)
    assert bare.json()["basis"]["working_volume_l"] == "illustrative"
    assert bare.json()["terms"][0]["basis"] == "illustrative"


async def test_prices_are_for_those_who_buy_or_allocate_and_the_owner(client: httpx.AsyncClient, world: World) -> None:
    cdmo, own = await world.cdmo()
    _, competitor = await world.cdmo()
    integrator = await world.headers(await world.organisation(OrganisationKind.INTEGRATOR), Role.CDMO_PLANNER)
    observer = await world.headers(await world.organisation(OrganisationKind.OBSERVER), Role.OBSERVER)
    _, startup = await world.startup()
    unit = await world.unit(cdmo)
    seeing = (own, startup, await world.coordinator(), await world.authority())
    blind = (None, competitor, integrator, observer)
    for url in (f"/v1/lines/{unit.line_id}", "/v1/lines"):
        for headers in seeing:
            line = (await client.get(url, headers=headers)).json()
            line = line["items"][0] if "items" in line else line
            assert line["terms"][0]["price_cents"] == 100_000_000
            assert line["prices_visible"]
        for without in blind:
            answer = await client.get(url, headers=without)
            line = answer.json()["items"][0] if "items" in answer.json() else answer.json()
            assert line["terms"][0]["price_cents"] is None
            assert not line["prices_visible"]
            assert "100000000" not in answer.text


async def test_what_cannot_be_booked_is_listed_with_its_reason(client: httpx.AsyncClient, world: World) -> None:
    cdmo, _ = await world.cdmo()
    open_line = (await world.unit(cdmo)).line_id
    closed = (await world.unit(cdmo, not_bookable_reason="captive use")).line_id
    everything = (await client.get("/v1/lines")).json()["items"]
    assert {line["id"]: line["not_bookable_reason"] for line in everything} == {
        str(open_line): None,
        str(closed): "captive use",
    }
    for value, line_id in (("true", open_line), ("false", closed)):
        found = (await client.get(f"/v1/lines?bookable={value}")).json()["items"]
        assert [line["id"] for line in found] == [str(line_id)]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("volume_min=500", {"mid", "large"}),
        ("volume_min=500&volume_max=500", {"mid"}),
        ("volume_max=400", {"small"}),
        ("platform=HEK293", {"small"}),
        ("phase=commercial", {"large"}),
        ("modality=viral_vector_aav", {"small"}),
        ("region=Bretagne", {"large"}),
        ("kind=integrator", {"unknown"}),
        ("modality=monoclonal_antibody&volume_min=1000&region=Bretagne", {"large"}),
    ],
)
async def test_filters_combine_and_unknown_volumes_are_in_no_bound(
    client: httpx.AsyncClient, world: World, query: str, expected: set[str]
) -> None:
    cdmo, _ = await world.cdmo()
    await world.unit(cdmo, name="small", working_volume_l=50.0, platforms=["HEK293"], modalities=["viral_vector_aav"])
    await world.unit(cdmo, name="mid", working_volume_l=500.0)
    await world.unit(cdmo, site={"region": "Bretagne"}, name="large", gmp_phases=["phase_2", "commercial"])
    await world.unit(cdmo, site={"kind": "integrator"}, name="unknown", working_volume_l=None)
    answer = await client.get(f"/v1/lines?{query}")
    assert {line["name"] for line in answer.json()["items"]} == expected


async def test_a_cdmo_adds_a_line_with_units_and_terms(client: httpx.AsyncClient, world: World) -> None:
    cdmo, headers = await world.cdmo()
    site_id = (await _line_of(world, (await world.unit(cdmo)).line_id)).site_id
    answer = await client.post("/v1/lines", json=NEW_LINE | {"site_id": str(site_id)}, headers=headers)
    assert answer.status_code == 201, answer.text
    line = answer.json()
    assert [unit["name"] for unit in line["units"]] == ["Vessel A", "Vessel B"]
    assert line["terms"][0] | TERMS == line["terms"][0]
    assert line["terms"][0]["basis"] == "declared"
    assert line["basis"]["first_batch_days"] == "declared"
    assert line["basis"]["changeover_days"] == "illustrative"
    assert line["changeover_days"] == 0
    again = await client.post("/v1/lines", json=NEW_LINE | {"site_id": str(site_id)}, headers=headers)
    assert again.status_code == 422
    assert again.json()["errors"][0]["pointer"] == "/name"


async def test_roles_and_owners(client: httpx.AsyncClient, world: World) -> None:
    cdmo, _ = await world.cdmo()
    _, other = await world.cdmo()
    _, startup = await world.startup()
    line = await _line_of(world, (await world.unit(cdmo)).line_id)
    body = NEW_LINE | {"site_id": str(line.site_id)}
    for headers, status in ((None, 401), (startup, 403), (await world.authority(), 403), (other, 404)):
        changed = await client.patch(f"/v1/lines/{line.id}", json={"cadence_days": 5}, headers=headers)
        assert changed.status_code == status, changed.text
        added = await client.post("/v1/lines", json=body, headers=headers)
        assert added.status_code == status, added.text


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"modalities": ["alchemy"]}, "/modalities/0"),
        ({"modalities": []}, "/modalities"),
        ({"terms": [TERMS | {"price_cents": -1}]}, "/terms/0/price_cents"),
        ({"terms": [TERMS | {"modality": "viral_vector_aav"}]}, "/terms/0/modality"),
        ({"terms": [TERMS, TERMS]}, "/terms"),
        ({"working_volume_l": 0}, "/working_volume_l"),
        ({"first_batch_days": None}, "/first_batch_days"),
        ({"changeover_days": None}, "/changeover_days"),
        ({"cdmo_cancellation_percent": -1}, "/cdmo_cancellation_percent"),
        ({"cdmo_cancellation_percent": 101}, "/cdmo_cancellation_percent"),
        ({"cdmo_cancellation_percent": 12.5}, "/cdmo_cancellation_percent"),
        ({"cdmo_cancellation_percent": None}, "/cdmo_cancellation_percent"),
        ({"name": "x" * 10_000}, "/name"),
        ({"units": ["A", "A"]}, "/units"),
        ({"units": []}, "/units"),
    ],
)
async def test_bad_lines_are_refused_by_field(
    client: httpx.AsyncClient, world: World, change: dict[str, Any], pointer: str
) -> None:
    cdmo, headers = await world.cdmo()
    line = await _line_of(world, (await world.unit(cdmo)).line_id)
    body = NEW_LINE | {"site_id": str(line.site_id)} | change
    answer = await client.post("/v1/lines", json=body, headers=headers)
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert len((await client.get("/v1/lines")).json()["items"]) == 1


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("modality=alchemy", "query/modality"),
        ("volume_min=nan", "query/volume_min"),
        ("volume_min=9&volume_max=8", "query/volume_max"),
        ("phase=9", "query/phase"),
    ],
)
async def test_bad_filters_are_refused_by_name(
    client: httpx.AsyncClient, world: World, query: str, pointer: str
) -> None:
    answer = await client.get(f"/v1/lines?{query}")
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["pointer"] == pointer


async def test_the_vocabulary_is_public(client: httpx.AsyncClient, world: World) -> None:
    items = (await client.get("/v1/modalities")).json()["items"]
    assert [(one["code"], one["is_product"]) for one in items] == [
        ("fill_finish", False),
        ("monoclonal_antibody", True),
        ("viral_vector_aav", True),
    ]


async def test_terms_of_a_modality_that_the_line_has_given_up_are_not_shown(
    client: httpx.AsyncClient, world: World
) -> None:
    cdmo, headers = await world.cdmo()
    unit = await world.unit(cdmo, modalities=["monoclonal_antibody", "viral_vector_aav"])
    answer = await client.patch(f"/v1/lines/{unit.line_id}", json={"modalities": ["viral_vector_aav"]}, headers=headers)
    assert [terms["modality"] for terms in answer.json()["terms"]] == ["viral_vector_aav"]


async def test_a_cdmo_accepts_to_owe_something_when_it_cancels_and_others_accept_nothing_for_it(
    client: httpx.AsyncClient, world: World
) -> None:
    cdmo, own = await world.cdmo()
    url = f"/v1/lines/{(await world.unit(cdmo, declared_fields=['cadence_days'])).line_id}"
    assert (await client.get(url, headers=own)).json()["cdmo_cancellation_percent"] == 0
    accepted = await client.patch(url, json={"cdmo_cancellation_percent": 20}, headers=own)
    assert accepted.json()["cdmo_cancellation_percent"] == 20
    assert "cdmo_cancellation_percent" not in accepted.json()["basis"]
    async with transaction(world.sessions) as session:
        [record] = await session.scalars(select(AuditRecord).where(col(AuditRecord.action) == "line.updated"))
    assert (record.before or {})["cdmo_cancellation_percent"] == 0
    assert (record.after or {})["cdmo_cancellation_percent"] == 20
    coordinator = await world.coordinator()
    refused = await client.patch(url, json={"cdmo_cancellation_percent": 30}, headers=coordinator)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/cdmo_cancellation_percent")
    for kept in ({}, {"cdmo_cancellation_percent": 20}):
        changed = await client.patch(url, json={"cadence_days": 9, **kept}, headers=coordinator)
        assert changed.status_code == 200, changed.text
    relieved = await client.patch(url, json={"cdmo_cancellation_percent": 0}, headers=coordinator)
    assert relieved.status_code == 422
    assert (await client.get(url, headers=own)).json()["cdmo_cancellation_percent"] == 20


async def test_a_line_is_added_with_what_its_cdmo_owes_by_the_cdmo_alone(
    client: httpx.AsyncClient, world: World
) -> None:
    cdmo, own = await world.cdmo()
    line = await _line_of(world, (await world.unit(cdmo)).line_id)
    body = NEW_LINE | {"site_id": str(line.site_id), "cdmo_cancellation_percent": 100}
    coordinator = await world.coordinator()
    refused = await client.post("/v1/lines", json=body, headers=coordinator)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/cdmo_cancellation_percent")
    nothing = body | {"name": "Owes nothing", "cdmo_cancellation_percent": 0}
    assert (await client.post("/v1/lines", json=nothing, headers=coordinator)).status_code == 201
    added = await client.post("/v1/lines", json=body, headers=own)
    assert (added.status_code, added.json()["cdmo_cancellation_percent"]) == (201, 100)


async def test_competitors_do_not_see_what_a_cdmo_owes(client: httpx.AsyncClient, world: World) -> None:
    cdmo, own = await world.cdmo()
    _, competitor = await world.cdmo()
    _, startup = await world.startup()
    url = f"/v1/lines/{(await world.unit(cdmo, cdmo_cancellation_percent=37)).line_id}"
    for headers, seen in ((own, 37), (startup, 37), (competitor, None), (None, None)):
        assert (await client.get(url, headers=headers)).json()["cdmo_cancellation_percent"] == seen
