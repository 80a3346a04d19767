"""A body is JSON that is said to be JSON, or a form where a file is sent; any other kind is refused, named and told."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from tests.support.world import World

BODY = b'{"kind": "startup", "name": "A"}'
PATH = "/v1/organisations"


@pytest.mark.parametrize(
    "said",
    [
        None,
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/xml",
        "application/jsonx",
        "text/json",
        "text/json+json",
        "application/json, text/plain",
        "x" * 5_000,
    ],
)
async def test_a_body_that_is_not_said_to_be_json_is_refused(
    client: httpx.AsyncClient, world: World, said: str | None
) -> None:
    headers = {**await world.coordinator()} | ({} if said is None else {"Content-Type": said})
    answer = await client.post(PATH, content=BODY, headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (415, "application/problem+json")
    told = answer.json()
    assert told["type"] == "urn:creneau:problem:unsupported-media-type"
    assert told["accepted"] == ["application/json", "application/*+json"]
    assert answer.headers["accept"] == "application/json, application/*+json"
    assert "`Content-Type: application/json`" in told["detail"]
    assert (said or "not said to be of any kind")[:100] in told["detail"]
    assert len(told["detail"]) < 300
    assert (await client.get(PATH, params={"kind": "startup"})).json()["items"] == []


@pytest.mark.parametrize(
    "said",
    ["application/json", "Application/JSON; charset=utf-8", "application/vnd.creneau+json", "application/ld+json;x=y"],
)
async def test_json_under_any_of_its_names_is_taken(client: httpx.AsyncClient, world: World, said: str) -> None:
    headers = {**await world.coordinator(), "Content-Type": said}
    answer = await client.post(PATH, content=BODY, headers=headers)
    assert answer.status_code == 201, answer.text


async def test_a_body_in_parts_is_a_body(client: httpx.AsyncClient, world: World) -> None:
    async def parts() -> AsyncIterator[bytes]:
        yield BODY

    answer = await client.post(
        PATH, content=parts(), headers={**await world.coordinator(), "Content-Type": "text/plain"}
    )
    assert answer.request.headers["transfer-encoding"] == "chunked"
    assert answer.status_code == 415


async def test_a_file_is_sent_as_a_form_and_in_no_other_way(client: httpx.AsyncClient, world: World) -> None:
    _, headers = await world.cdmo()
    for content_type in ("application/json", "text/csv", "application/x-www-form-urlencoded"):
        sent = {**headers, "Content-Type": content_type}
        answer = await client.post("/v1/slots/import", content=b"{}", headers=sent)
        assert (answer.status_code, answer.json()["accepted"]) == (415, ["multipart/form-data"])
    answer = await client.post("/v1/slots/import", files={"file": ("a.csv", b"id\n")}, headers=headers)
    assert answer.status_code != 415


async def test_a_body_where_none_is_wanted_is_json_too(client: httpx.AsyncClient, world: World) -> None:
    _, headers = await world.startup()
    path = "/v1/bookings/00000000-0000-0000-0000-000000000001/confirm"
    for content, said, status in ((b"x=1", "application/x-www-form-urlencoded", 415), (b"{}", "application/json", 404)):
        answer = await client.post(path, content=content, headers={**headers, "Content-Type": said})
        assert answer.status_code == status, answer.text


async def test_what_has_no_body_needs_no_word_on_it(client: httpx.AsyncClient, world: World) -> None:
    _, headers = await world.startup()
    path = "/v1/bookings/00000000-0000-0000-0000-000000000001/confirm"
    assert (await client.post(path, headers=headers)).status_code == 404
    empty = {**headers, "Content-Type": "application/x-www-form-urlencoded"}
    assert (await client.post(path, content=b"", headers=empty)).status_code == 404
    assert (await client.request("GET", "/v1/slots", content=b"x", headers=headers)).status_code == 200


async def test_every_operation_that_writes_refuses_other_bodies(app: FastAPI, client: httpx.AsyncClient) -> None:
    paths: dict[str, dict[str, dict[str, Any]]] = app.openapi()["paths"]
    writes = [(method, path, one) for path, told in paths.items() for method, one in told.items() if method != "get"]
    assert len(writes) > 50
    for method, path, operation in writes:
        answer = await client.request(method, path, content=b"x", headers={"Content-Type": "text/plain"})
        assert answer.status_code == 415, (method, path)
        assert "415" in operation["responses"]
