"""Products over HTTP: their owner and the coordinator alone see them, and what others rely on stays."""

import asyncio
from typing import Any

import httpx

from tests.support.world import World

PRODUCT = {"code_name": "NANO-7", "modality": "monoclonal_antibody", "platform": "CHO", "containment": ["bsl_2"]}


async def test_a_startup_adds_and_reads_its_product(client: httpx.AsyncClient, world: World) -> None:
    startup, key = await world.startup()
    made = await client.post("/v1/products", json=PRODUCT, headers=key)
    assert made.status_code == 201, made.text
    body = made.json()
    assert PRODUCT.items() <= body.items()
    assert body["organisation_id"] == str(startup.id)
    assert (await client.get(f"/v1/products/{body['id']}", headers=key)).json() == body


async def test_others_cannot_tell_that_it_exists(client: httpx.AsyncClient, world: World) -> None:
    startup, _ = await world.startup()
    product = await world.product(startup)
    _, rival = await world.startup()
    _, cdmo = await world.cdmo()
    for key in (rival, cdmo):
        assert (await client.get(f"/v1/products/{product.id}", headers=key)).status_code == 404
        assert (await client.get("/v1/products", headers=key)).json()["items"] == []
    patched = await client.patch(f"/v1/products/{product.id}", json={"code_name": "mine"}, headers=rival)
    assert patched.status_code == 404
    listed = await client.get("/v1/products", headers=await world.coordinator())
    assert [item["id"] for item in listed.json()["items"]] == [str(product.id)]


BAD: list[tuple[dict[str, Any], str]] = [
    ({"modality": "moonshine"}, "/modality"),
    ({"modality": "'; DROP TABLE"}, "/modality"),
    ({"code_name": "x" * 10_000}, "/code_name"),
    ({"code_name": "   "}, "/code_name"),
    ({"containment": ["lead_lined"]}, "/containment/0"),
    ({"theme": "astrology"}, "/theme"),
    ({"colour": "blue"}, "/colour"),
    ({"code_name": "a\x00b"}, "/code_name"),
]


async def test_bad_input_names_its_field_and_stores_nothing(client: httpx.AsyncClient, world: World) -> None:
    _, key = await world.startup()
    for change, pointer in BAD:
        refused = await client.post("/v1/products", json=PRODUCT | change, headers=key)
        assert refused.headers["content-type"] == "application/problem+json"
        named = [error["pointer"] for error in refused.json()["errors"]]
        assert (refused.status_code, named) == (422, [pointer]), change
    assert (await client.get("/v1/products", headers=key)).json()["items"] == []


async def test_an_unknown_modality_is_answered_with_those_known(client: httpx.AsyncClient, world: World) -> None:
    _, key = await world.startup()
    refused = await client.post("/v1/products", json=PRODUCT | {"modality": "moonshine"}, headers=key)
    assert refused.json()["known"] == ["fill_finish", "monoclonal_antibody", "viral_vector_aav"]


async def test_a_code_name_is_used_once_by_each_startup(client: httpx.AsyncClient, world: World) -> None:
    _, key = await world.startup()
    _, other = await world.startup()
    assert (await client.post("/v1/products", json=PRODUCT, headers=key)).status_code == 201
    again = await client.post("/v1/products", json=PRODUCT, headers=key)
    assert again.status_code == 422
    assert again.json()["errors"][0]["pointer"] == "/code_name"
    assert (await client.post("/v1/products", json=PRODUCT, headers=other)).status_code == 201
    second = (await client.post("/v1/products", json=PRODUCT | {"code_name": "B"}, headers=key)).json()
    renamed = await client.patch(f"/v1/products/{second['id']}", json={"code_name": "NANO-7"}, headers=key)
    assert (renamed.status_code, renamed.json()["errors"][0]["pointer"]) == (422, "/code_name")


async def test_of_many_products_of_one_name_made_at_once_one_is_made(client: httpx.AsyncClient, world: World) -> None:
    _, key = await world.startup()
    making = [client.post("/v1/products", json=PRODUCT, headers=key) for _ in range(6)]
    assert sorted([answer.status_code for answer in await asyncio.gather(*making)]) == [201, 422, 422, 422, 422, 422]


async def test_what_a_submitted_request_relies_on_is_settled(client: httpx.AsyncClient, world: World) -> None:
    startup, key = await world.startup()
    product = await world.product(startup)
    url = f"/v1/products/{product.id}"
    assert (await client.patch(url, json={"platform": "HEK293"}, headers=key)).json()["platform"] == "HEK293"
    await world.request(product)
    refused = await client.patch(url, json={"platform": "Vero"}, headers=key)
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:creneau:problem:request-settled")
    renamed = await client.patch(url, json={"code_name": "NEW", "platform": "HEK293"}, headers=key)
    assert renamed.json()["code_name"] == "NEW"


async def test_only_a_startup_adds_products(client: httpx.AsyncClient, world: World) -> None:
    _, key = await world.cdmo()
    assert (await client.post("/v1/products", json=PRODUCT, headers=key)).status_code == 403
    assert (await client.post("/v1/products", json=PRODUCT)).status_code == 401


async def test_qualifications(client: httpx.AsyncClient, world: World) -> None:
    startup, key = await world.startup()
    product = await world.product(startup)
    cdmo, cdmo_key = await world.cdmo()
    unit = await world.unit(cdmo)
    site = (await client.get(f"/v1/lines/{unit.line_id}", headers=key)).json()["site_id"]
    url = f"/v1/products/{product.id}/qualifications"
    body = {"site_id": site, "level": "engineering_run", "volume_l": 2000}
    made = await client.post(url, json=body, headers=key)
    assert made.status_code == 201, made.text
    assert (await client.get(url, headers=key)).json()["items"] == [made.json()]
    assert (await client.post(url, json=body, headers=key)).status_code == 409
    nowhere = await client.post(url, json=body | {"site_id": str(product.id)}, headers=key)
    assert (nowhere.status_code, nowhere.json()["errors"][0]["pointer"]) == (422, "/site_id")
    assert (await client.get(url, headers=cdmo_key)).status_code == 404
