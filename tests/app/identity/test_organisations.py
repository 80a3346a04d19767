"""Organisations: read by all, written by the coordinator and their own people."""

import httpx

from tests.support.world import World


async def test_pages_are_the_whole_list(client: httpx.AsyncClient, world: World) -> None:
    made = {str((await world.cdmo())[0].id) for _ in range(7)}
    url: str | None = "/v1/organisations?limit=3"
    seen: list[str] = []
    while url:
        page = (await client.get(url)).json()
        seen += [item["id"] for item in page["items"]]
        url = page["next"]
    assert set(seen) == made
    assert len(seen) == len(made)


async def test_a_startup_may_not_add_one(client: httpx.AsyncClient, world: World) -> None:
    _, headers = await world.startup()
    answer = await client.post("/v1/organisations", json={"kind": "startup", "name": "New"}, headers=headers)
    assert answer.status_code == 403
    assert answer.headers["content-type"] == "application/problem+json"


async def test_anothers_organisation_is_not_found_for_writing(client: httpx.AsyncClient, world: World) -> None:
    other, _ = await world.startup()
    _, headers = await world.startup()
    answer = await client.patch(f"/v1/organisations/{other.id}", json={"city": "Lyon"}, headers=headers)
    assert answer.status_code == 404


async def test_a_name_of_10000_characters_is_refused_by_field(client: httpx.AsyncClient, world: World) -> None:
    headers = await world.coordinator()
    body = {"kind": "startup", "name": "x" * 10_000}
    answer = await client.post("/v1/organisations", json=body, headers=headers)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/name"


async def test_a_body_that_is_not_json_is_refused(client: httpx.AsyncClient, world: World) -> None:
    headers = {**await world.coordinator(), "content-type": "application/json"}
    answer = await client.post("/v1/organisations", content=b"{nope", headers=headers)
    assert answer.status_code == 400
    assert answer.json()["type"] == "urn:creneau:problem:malformed-json"


async def test_an_unknown_key_is_refused(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/organisations", headers={"Authorization": "Bearer crn_nobody"})
    assert answer.status_code == 200
    answer = await client.post("/v1/organisations", json={}, headers={"Authorization": "Bearer crn_nobody"})
    assert answer.status_code == 401


async def test_a_version_rises_with_each_change(client: httpx.AsyncClient, world: World) -> None:
    made, headers = await world.startup()
    answer = await client.patch(f"/v1/organisations/{made.id}", json={"city": "Lyon"}, headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.json()["version"] == 2
    assert answer.json()["city"] == "Lyon"
