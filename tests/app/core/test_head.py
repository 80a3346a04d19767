"""HEAD is answered wherever GET is: with the same headers, and nothing after them."""

import httpx
import pytest
from fastapi import FastAPI
from starlette.types import Message

from app.core.settings import Settings
from app.main import create_app
from tests.support.rate_window import early_in_a_window
from tests.support.world import World

OWN = {"x-request-id", "ratelimit", "ratelimit-policy"}
"""Headers that no two answers share."""


def shared(answer: httpx.Response) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name not in OWN}


async def test_it_has_the_status_and_the_headers_of_get_and_no_body(
    client: httpx.AsyncClient, app: FastAPI, world: World
) -> None:
    headers = await world.coordinator()
    paths = [path for path, operations in app.openapi()["paths"].items() if "get" in operations and "{" not in path]
    assert len(paths) > 15
    for path in [*paths, "/docs", "/openapi.json", "/v1/slots?modality=monoclonal_antibody"]:
        get, head = await client.get(path, headers=headers), await client.head(path, headers=headers)
        assert (head.status_code, shared(head)) == (get.status_code, shared(get)), path
        assert head.content == b"", path


async def test_it_tells_the_version_and_the_length_of_what_get_would_show(
    client: httpx.AsyncClient, world: World
) -> None:
    startup, headers = await world.startup()
    path = f"/v1/organisations/{startup.id}"
    get, head = await client.get(path, headers=headers), await client.head(path, headers=headers)
    assert head.status_code == 200
    assert head.headers["etag"] == get.headers["etag"] == '"1"'
    assert head.headers["content-length"] == str(len(get.content))


@pytest.mark.parametrize(
    ("path", "status"), [("/v1/nothing", 404), ("/v1/products", 401), ("/v1/requests/x/submit", 405)]
)
async def test_a_refusal_has_no_body_either(client: httpx.AsyncClient, path: str, status: int) -> None:
    get, head = await client.get(path), await client.head(path)
    assert (get.status_code, head.status_code, head.content) == (status, status, b"")
    assert shared(head) == shared(get)
    assert get.json()["status"] == status


async def sent(app: FastAPI, path: str) -> tuple[int, list[bytes]]:
    """The status with which the application answers HEAD, and the bodies, which clients and servers would drop."""
    messages: list[Message] = []
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "HEAD",
        "scheme": "http",
        "path": path,
        "query_string": b"",
        "root_path": "",
        "headers": [],
        "client": ("192.0.2.1", 4711),
    }

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        messages.append(message)

    await app(scope, receive, send)
    start, *bodies = messages
    return start["status"], [one["body"] for one in bodies]


async def test_the_application_sends_no_body_whoever_answers(settings: Settings, world: World) -> None:
    """A route, the router, what nothing has handled, and the limit of requests."""
    app = create_app(settings.model_copy(update={"rate_limit_address": 3}))

    @app.get("/broken")
    async def fail() -> None:
        raise RuntimeError("broken")

    async with app.router.lifespan_context(app):
        await early_in_a_window()
        answers = [await sent(app, path) for path in ("/v1/organisations", "/v1/nothing", "/broken", "/v1/sites")]
    assert answers == [(status, [b""]) for status in (200, 404, 500, 429)]


def test_the_document_leaves_it_unsaid(composed: FastAPI) -> None:
    assert not any("head" in operations for operations in composed.openapi()["paths"].values())
