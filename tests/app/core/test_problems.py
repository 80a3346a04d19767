"""Every refusal is problem+json, and the description of the interface says so of every operation."""

import json
import re
from collections.abc import AsyncIterator
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI

from tests.support.world import World

OPERATIONS = {"get", "post", "put", "patch", "delete"}


async def test_every_operation_describes_its_refusals(client: httpx.AsyncClient) -> None:
    described = (await client.get("/openapi.json")).json()
    schemas = described["components"]["schemas"]
    assert {"type", "title", "status", "detail", "instance", "errors"} == schemas["Problem"]["properties"].keys()
    assert "HTTPValidationError" not in schemas
    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            assert method in OPERATIONS, path
            refusals = {status: one for status, one in operation["responses"].items() if status >= "4"}
            expected = {"503"}
            expected |= {"401", "403"} if "security" in operation else set()
            expected |= {"404"} if "{" in path else set()
            expected |= {"409"} if method != "get" else set()
            expected |= {"422"} if "parameters" in operation or "requestBody" in operation else set()
            assert expected <= refusals.keys(), (method, path)
            for status, refusal in refusals.items():
                reference = refusal["content"]["application/problem+json"]["schema"]["$ref"]
                assert reference == "#/components/schemas/Problem", (method, path, status)


@pytest.mark.parametrize(
    "content",
    [b"{nope", b'{"name": "\xe9"}', b"[" * 50_000, b'{"name": ' + b"9" * 6_000 + b"}"],
    ids=["no JSON", "another encoding", "nested beyond measure", "a number beyond measure"],
)
async def test_what_no_parser_takes_is_malformed(client: httpx.AsyncClient, world: World, content: bytes) -> None:
    headers = {**await world.coordinator(), "content-type": "application/json"}
    answer = await client.post("/v1/organisations", content=content, headers=headers)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == "urn:creneau:problem:malformed-json"


async def test_a_body_beyond_measure_is_refused_before_it_is_read_whole(
    client: httpx.AsyncClient, world: World
) -> None:
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        for _ in range(64):
            read += 1
            yield b" " * 65_536

    headers = {**await world.coordinator(), "content-type": "application/json"}
    answer = await client.post("/v1/organisations", content=endless(), headers=headers)
    assert answer.status_code == 413
    assert answer.headers["content-type"] == "application/problem+json"
    assert "1048576 bytes" in answer.json()["detail"]
    assert read < 20


async def test_a_method_that_a_path_has_not_is_told_those_that_it_has(client: httpx.AsyncClient, app: FastAPI) -> None:
    told, described = {}, {}
    for path, operations in app.openapi()["paths"].items():
        answer = await client.put(path.replace("{", "").replace("}", ""))
        assert (answer.status_code, answer.headers["content-type"]) == (405, "application/problem+json"), path
        told[path] = answer.headers["allow"]
        methods = {method.upper() for method in operations}
        described[path] = ", ".join(sorted(methods | {"HEAD"} if "GET" in methods else methods))
    assert told == described
    assert described["/v1/slots"] == "GET, HEAD, POST"
    assert set((await client.put("/docs")).headers["allow"].split(", ")) == {"GET", "HEAD"}


async def test_the_rule_is_told_in_its_own_words(client: httpx.AsyncClient, world: World) -> None:
    body = {"kind": "startup", "name": "A\x00B"}
    answer = await client.post("/v1/organisations", json=body, headers=await world.coordinator())
    assert answer.status_code == 422
    told = "must not contain the character U+0000: it must be one line, without controls"
    assert answer.json()["errors"] == [
        {"pointer": "/name", "detail": f"{told} and without marks of the direction of writing"}
    ]


async def test_a_code_that_is_none_is_told_in_words(client: httpx.AsyncClient, world: World) -> None:
    _, startup = await world.startup()
    body = {"code_name": "X-1", "modality": "monoclonal antibody"}
    answer = await client.post("/v1/products", json=body, headers=startup)
    [fault] = answer.json()["errors"]
    assert fault["pointer"] == "/modality"
    assert fault["detail"].startswith("must be a code of 1 to 40 letters")
    assert "GET /v1/modalities" in fault["detail"]


@pytest.mark.parametrize(
    ("path", "body", "pointer", "detail"),
    [
        ("/v1/products", ["X-1"], "", "Input should be a JSON object"),
        ("/v1/products", {"containment": 2}, "/containment", "Input should be a JSON array"),
        ("/v1/feasibilities", {"consent": False}, "/consent", "Input should be true"),
        (
            f"/v1/feasibilities/{UUID(int=1)}/answer",
            {"status": "yes"},
            "/status",
            "Input should be 'feasible', 'feasible_if' or 'not_feasible'",
        ),
    ],
)
async def test_a_rule_is_told_in_the_terms_of_json(
    client: httpx.AsyncClient, world: World, path: str, body: object, pointer: str, detail: str
) -> None:
    _, headers = await (world.cdmo() if path.endswith("/answer") else world.startup())
    answer = await client.post(path, json=body, headers=headers)
    assert {"pointer": pointer, "detail": detail} in answer.json()["errors"], answer.text


async def test_the_description_speaks_of_the_interface_and_not_of_its_code(client: httpx.AsyncClient) -> None:
    described = (await client.get("/openapi.json")).json()
    assert not [name for name in described["components"]["schemas"] if name.startswith("app__")]
    assert not re.findall(r"[^\"]*(?:\\n---|`rules`|app\.\w+)[^\"]*", json.dumps(described))
