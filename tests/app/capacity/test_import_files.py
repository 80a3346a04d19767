"""Files over HTTP: what is none is told what to do, a bomb goes off elsewhere, other paths stay as narrow as before."""

from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from app.core.body_limit import FORM_BYTES, MAX_BODY_BYTES
from app.core.settings import Settings
from app.main import create_app
from tests.app.capacity.files import as_csv, as_xlsx, send
from tests.app.core.sheets.test_reading import BOMBS
from tests.support.client import Client
from tests.support.world import World, day

URL = "/v1/slots/import"


@pytest.mark.parametrize("bomb", BOMBS)
async def test_a_bomb_is_refused_and_the_service_goes_on(client: httpx.AsyncClient, world: World, bomb: str) -> None:
    cdmo, own = await world.cdmo()
    await world.unit(cdmo)
    answer = await send(client, BOMBS[bomb](), own)
    assert answer.status_code in {413, 422}, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["errors"][0]["pointer"] == "/file"
    good = await send(client, as_xlsx([("start", "end"), (day(0), day(9))]), own)
    assert good.json()["written"] is True


NO_TABLES: list[tuple[bytes, str, str]] = [
    (b"", "/file", "is empty"),
    (as_csv([("start", "ende")]), "/columns/ende", "Is 'end' meant?"),
    (as_csv([("2030-01-01", "2030-02-01")]), "/columns/2030_01_01", "The first row names columns among"),
    (as_csv([("start", "end", "End ")]), "/columns/end", "is there twice"),
    ("début\n".encode("cp1252"), "/file", "CSV UTF-8"),
    (as_csv([("start", "end")] + [("x",)] * 5_001), "/file", "more than 5000 rows"),
    (as_csv([["x"] * 65]), "/file", "more than 64 columns"),
]


async def test_what_is_no_table_of_slots_is_refused(client: httpx.AsyncClient, world: World) -> None:
    _, own = await world.cdmo()
    for content, pointer, said in NO_TABLES:
        answer = await send(client, content, own)
        assert answer.status_code == 422, said
        problem = answer.json()
        assert problem["type"] == "urn:creneau:problem:unreadable-file"
        assert problem["errors"][0]["pointer"] == pointer
        assert said in problem["detail"]


async def test_forms_that_are_none_are_told_so(client: httpx.AsyncClient, world: World) -> None:
    _, own = await world.cdmo()
    form = {"content-type": "multipart/form-data; boundary=x"}
    sent: list[tuple[dict[str, Any], int, str]] = [
        ({}, 422, "/file"),
        ({"json": {"file": "a"}}, 415, ""),
        ({"data": {"file": "a"}, "files": {"other": b"a"}}, 422, "/file"),
        ({"files": {"file": b"a"}, "params": {"dry_run": "perhaps"}}, 422, "query/dry_run"),
        ({"files": [("file", b"a"), ("file", b"b")]}, 400, ""),
        ({"content": b"no form", "headers": form}, 400, ""),
    ]
    for request, status, pointer in sent:
        answer = await client.post(URL, **request | {"headers": {**own, **request.get("headers", {})}})
        assert answer.status_code == status, answer.text
        problem = answer.json()
        assert (
            problem["errors"][0]["pointer"] == pointer
            if pointer
            else problem["type"].endswith(("malformed-form", "unsupported-media-type"))
        )


async def test_only_files_may_be_large(client: httpx.AsyncClient, settings: Settings, world: World) -> None:
    cdmo, own = await world.cdmo()
    await world.unit(cdmo)
    padded = as_csv([("start", "end"), (day(0), day(9))]) + b"\n" * (2 * MAX_BODY_BYTES)
    assert (await send(client, padded, own)).status_code == 200
    most = settings.import_max_bytes
    just_beyond = await send(client, b"start\n" + b"\n" * most, own)
    assert (just_beyond.status_code, just_beyond.json()["type"]) == (413, "urn:creneau:problem:file-too-large")
    beyond = await send(client, b"\n" * (most + FORM_BYTES), own)
    assert (beyond.status_code, beyond.headers["content-type"]) == (413, "application/problem+json")
    for path in ("/v1/slots", "/v1/slots/import/", "/v1/commitments", "/v1/bookings"):
        headers = {**own, "Content-Type": "application/json"}
        refused = await client.post(path, content=b" " * (MAX_BODY_BYTES + 1), headers=headers)
        assert refused.status_code == (404 if path.endswith("/") else 413), path


async def test_a_narrow_reader_refuses_more_rows(settings: Settings, world: World) -> None:
    _, own = await world.cdmo()
    narrow = create_app(settings.model_copy(update={"import_max_rows": 2}))
    async with narrow.router.lifespan_context(narrow):
        transport = httpx.ASGITransport(narrow)
        async with Client(transport=transport, base_url="http://test") as client:
            assert "more than 2 rows" in (await send(client, as_csv([("start",)] + [("x",)] * 3), own)).text


async def test_the_interface_describes_files_and_reports(app: FastAPI) -> None:
    described = app.openapi()
    post = described["paths"][URL]["post"]
    reference = post["requestBody"]["content"]["multipart/form-data"]["schema"]["$ref"]
    form = described["components"]["schemas"][reference.rsplit("/", 1)[1]]
    assert form["properties"].keys() == {"file", "dry_run"}
    assert form["required"] == ["file"]
    assert "ImportReport" in post["responses"]["200"]["content"]["application/json"]["schema"]["$ref"]
    assert "id,site,line,unit,start,end" in post["description"]
    files = described["paths"]["/v1/slots/export"]["get"]["responses"]["200"]["content"]
    assert len(files) == 2
