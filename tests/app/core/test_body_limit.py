"""A body that is too large, or does not come, is refused, and whoever sends it keeps nobody else waiting."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from starlette.types import Message
from structlog.testing import CapturingLogger

from app.core.body_limit import CALLER_GONE, MAX_BODY_BYTES
from app.core.settings import Settings
from app.main import create_app
from tests.support.client import Client
from tests.support.visitors import HERE, Browser, Visitors
from tests.support.world import World

JSON = {"content-type": "application/json"}
WITHOUT_BODY = f"/v1/requests/{UUID(int=1)}/wait"
WITH_BODY = "/v1/organisations"


class SlowBody:
    """A body that stops after its first byte, until it is let go on."""

    def __init__(self, first: bytes = b" ") -> None:
        self.first = first
        self.is_read = asyncio.Event()
        self.goes_on = asyncio.Event()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self.first
        self.is_read.set()
        await self.goes_on.wait()


@asynccontextmanager
async def served(settings: Settings, **changed: Any) -> AsyncIterator[tuple[FastAPI, httpx.AsyncClient]]:
    """The application under other settings, and a client of it."""
    app = create_app(settings.model_copy(update=changed))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with app.router.lifespan_context(app), Client(transport=transport, base_url="http://test") as made:
        yield app, made


def narrow(settings: Settings, **changed: Any) -> Any:
    """The application with a single connection to its database."""
    return served(settings, database_pool_size=1, database_pool_timeout_s=1.0, **changed)


async def is_served_beside(slow: SlowBody, sending: asyncio.Task[httpx.Response], client: httpx.AsyncClient) -> None:
    """Check that somebody else is served while a body is waited for."""
    async with asyncio.timeout(30):
        await slow.is_read.wait()
    assert (await client.get("/v1/organisations")).status_code == 200
    assert not sending.done()
    slow.goes_on.set()


@pytest.mark.parametrize("path", [WITHOUT_BODY, WITH_BODY, "/v1/bookings", f"/v1/keys/{UUID(int=1)}/revoke"])
async def test_a_slow_body_holds_no_connection(settings: Settings, world: World, path: str) -> None:
    _, startup = await world.startup()
    slow = SlowBody()
    async with narrow(settings) as (_, client):
        sending = asyncio.create_task(client.post(path, content=slow, headers={**startup, **JSON}))
        await is_served_beside(slow, sending, client)
        assert (await sending).status_code in {400, 403, 404}


@pytest.mark.parametrize("path", ["/account/sign-out", "/sign-in"])
async def test_a_slow_form_of_a_page_holds_no_connection(settings: Settings, visitors: Visitors, path: str) -> None:
    browser = await visitors.signed_in(await visitors.member())
    token = (await browser.csrf())["X-CSRF-Token"]
    slow = SlowBody(f"csrf_token={token}&email=a@example.org".encode())
    headers = {"Origin": HERE, "content-type": "application/x-www-form-urlencoded"}
    async with narrow(settings, public_url=HERE, mail_to_console=True) as (app, client):
        same = Browser(app)
        same.cookies = browser.cookies
        sending = asyncio.create_task(same.post(path, content=slow, headers=headers))
        await is_served_beside(slow, sending, client)
        assert (await sending).status_code == (303 if path == "/account/sign-out" else 403)
        await same.aclose()


@pytest.mark.parametrize("path", [WITHOUT_BODY, WITH_BODY, "/v1/bookings", "/account/sign-out"])
async def test_a_body_that_does_not_come_is_refused(settings: Settings, world: World, path: str) -> None:
    headers = {**await world.coordinator(), **JSON}
    async with served(settings, body_seconds=0.05) as (_, client):
        async with asyncio.timeout(30):
            answer = await client.post(path, content=SlowBody(), headers=headers)
        assert (answer.status_code, answer.headers["content-type"]) == (408, "application/problem+json")
        assert answer.headers["connection"] == "close"
        assert "0.05 s" in answer.json()["detail"]


@pytest.mark.parametrize("path", [WITHOUT_BODY, WITH_BODY, "/v1/bookings"])
async def test_a_body_said_to_be_too_large_is_refused_unread(
    client: httpx.AsyncClient, world: World, path: str
) -> None:
    read = 0

    async def content() -> AsyncIterator[bytes]:
        nonlocal read
        read += 1
        yield b" "

    length = {"content-length": str(MAX_BODY_BYTES + 1)}
    answer = await client.post(path, content=content(), headers={**await world.coordinator(), **JSON, **length})
    assert (answer.status_code, answer.headers["content-type"]) == (413, "application/problem+json")
    assert read == 0


@pytest.mark.parametrize("path", [WITHOUT_BODY, WITH_BODY, "/v1/bookings", "/account/sign-out"])
async def test_whoever_goes_away_in_the_middle_is_no_failure(
    app: FastAPI, world: World, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = CapturingLogger()
    for module in ("http", "request_context"):
        monkeypatch.setattr(f"app.core.{module}.log", log)
    await leave_in_the_middle(app, path, {**await world.coordinator(), **JSON, "idempotency-key": "k", "if-match": "*"})
    assert [(line.method_name, line.args, line.kwargs["status"]) for line in log.calls] == [
        ("info", ("request",), CALLER_GONE)
    ]


async def leave_in_the_middle(app: FastAPI, path: str, headers: Mapping[str, str]) -> None:
    """Send the first byte of a body, and go away."""
    coming: list[Message] = [
        {"type": "http.request", "body": b" ", "more_body": True},
        {"type": "http.disconnect"},
    ]

    async def receive() -> Message:
        return coming.pop(0) if len(coming) > 1 else coming[0]

    async def send(_message: Message) -> None:
        return

    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        "client": ("192.0.2.1", 4711),
        "server": ("test", 80),
        "root_path": "",
    }
    await app(scope, receive, send)
