"""What the interface shows to whoever tries its edges."""

from typing import Any

import httpx
import pytest
from fastapi import FastAPI


@pytest.mark.database
async def test_no_request_is_sent_back_as_it_came(client: httpx.AsyncClient) -> None:
    answer = await client.request("TRACE", "/v1/sites", headers={"X-Secret": "sesame"})
    assert answer.status_code == 405
    assert "sesame" not in answer.text


@pytest.mark.database
@pytest.mark.parametrize("path", ["/.git/config", "/.env", "/app/main.py", "/v1/../.env", "/static/", "/debug"])
async def test_no_file_is_served(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


@pytest.mark.database
@pytest.mark.parametrize("path", ["/docs", "/redoc"])
async def test_a_page_shares_no_window_with_another_origin(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.get(path)).headers["cross-origin-opener-policy"] == "same-origin"


def test_no_body_may_hold_more_than_its_description_names(composed: FastAPI) -> None:
    description = composed.openapi()
    schemas: dict[str, Any] = description["components"]["schemas"]
    bodies = {
        content["schema"]["$ref"].rpartition("/")[2]
        for path in description["paths"].values()
        for operation in path.values()
        for kind, content in operation.get("requestBody", {}).get("content", {}).items()
        if kind == "application/json" and "$ref" in content["schema"]
    }
    assert len(bodies) > 30
    assert [name for name in bodies if schemas[name].get("additionalProperties") is not False] == []


@pytest.mark.database
@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
async def test_no_other_origin_may_read_anything(client: httpx.AsyncClient, method: str) -> None:
    elsewhere = {"Origin": "https://elsewhere.example.net", "Access-Control-Request-Method": "GET"}
    answer = await client.request(method, "/v1/sites", headers=elsewhere)
    assert [name for name in answer.headers if name.startswith("access-control-")] == []


@pytest.mark.database
@pytest.mark.parametrize("path", ["/v1/me/", "/v1/sites/", "/account/", "/docs/"])
async def test_nobody_is_sent_to_the_host_that_a_request_names(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path, headers={"Host": "elsewhere.example.net"})
    assert (answer.status_code, answer.headers.get("location")) == (404, None)
