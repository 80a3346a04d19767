"""Every answer, whoever gives it, tells browsers and caches what they may do with it."""

import base64
import hashlib
import re
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from app.core.security_headers import SecurityHeaders
from app.core.settings import APPLICATION_ROLE, Settings
from app.main import create_app
from tests.support import server
from tests.support.api import Api
from tests.support.client import Client
from tests.support.rate_window import early_in_a_window
from tests.support.world import World

POLICY = "default-src 'none'; frame-ancestors 'none'"
PAGES = ["/docs", "/redoc"]


def assert_guarded(answer: httpx.Response) -> None:
    told = answer.headers
    assert told.get_list("x-content-type-options") == ["nosniff"]
    assert told.get_list("referrer-policy") == ["no-referrer"]
    assert told["vary"] == "authorization, cookie"  # one ETag stands for what anybody and its owner read
    assert len(told.get_list("content-security-policy")) == 1
    assert "default-src 'none'" in told["content-security-policy"]
    assert "frame-ancestors 'none'" in told["content-security-policy"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/healthz", 200),
        ("HEAD", "/healthz", 200),
        ("GET", "/", 307),
        ("GET", "/openapi.json", 200),
        ("GET", "/docs", 200),
        ("GET", "/redoc", 200),
        ("GET", "/v1/organisations", 200),
        ("GET", "/v1/bookings", 401),
        ("GET", "/nowhere", 404),
        ("PUT", "/docs", 405),
        ("POST", "/v1/organisations", 422),
    ],
)
async def test_every_answer_is_guarded(
    client: httpx.AsyncClient, world: World, method: str, path: str, status: int
) -> None:
    headers = await world.coordinator() if method == "POST" else {}
    body: dict[str, str] | None = {} if method == "POST" else None
    answer = await client.request(method, path, json=body, headers=headers)
    assert answer.status_code == status
    assert_guarded(answer)
    assert (answer.headers["content-security-policy"] == POLICY) == (not (path in PAGES and status == 200))
    assert "strict-transport-security" not in answer.headers


async def test_a_failure_and_a_refusal_of_too_many_requests_are_guarded_too(
    settings: Settings, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = create_app(settings.model_copy(update={"rate_limit_address": 1}))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with Client(
        transport=transport, base_url="http://test"
    ) as client:  # not started: a request with a session fails
        await early_in_a_window()
        answers = [await client.get("/v1/organisations") for _ in range(2)]
    assert [one.status_code for one in answers] == [500, 429]
    for answer in answers:
        assert_guarded(answer)


async def test_answers_under_a_key_are_kept_by_nobody(client: httpx.AsyncClient, world: World) -> None:
    startup, headers = await world.startup()
    product = await world.product(startup)
    one = await client.get(f"/v1/products/{product.id}", headers=headers)
    assert (one.headers["etag"], one.headers["cache-control"]) == ('"1"', "no-store")
    for path in ("/v1/products", "/v1/slots", "/v1/organisations", "/v1/products/nothing"):
        assert (await client.get(path, headers=headers)).headers.get_list("cache-control") == ["no-store"], path
    assert "cache-control" not in (await client.get("/v1/organisations")).headers


async def test_what_an_answer_says_itself_stands(client: httpx.AsyncClient, world: World) -> None:
    _, headers = await world.cdmo()
    file = await client.get("/v1/slots/import/template", headers=headers)
    assert file.headers.get_list("cache-control") == ["no-store"]
    said = SecurityHeaders(None).beside([(b"cache-control", b"no-cache")], [(b"authorization", b"Bearer x")])
    assert [name for name, _ in said] == [
        b"x-content-type-options",
        b"vary",
        b"referrer-policy",
        b"content-security-policy",
    ]


@pytest.mark.parametrize("path", PAGES)
async def test_the_pages_may_run_what_they_hold_and_nothing_else(client: httpx.AsyncClient, path: str) -> None:
    page = await client.get(path)
    policy = dict(part.strip().split(" ", 1) for part in page.headers["content-security-policy"].split(";"))
    inline = re.findall(r"<script>(.*?)</script>", page.text, re.DOTALL)
    digests = {base64.b64encode(hashlib.sha256(one.encode()).digest()).decode() for one in inline}
    allowed = policy["script-src"].split()
    assert set(allowed) == {"'self'"} | {f"'sha256-{one}'" for one in digests}
    sources = re.findall(r'(?:script src|stylesheet" href)="([^"]+)"', page.text)
    assert sources
    for one in sources:
        loaded = await client.get(page.url.join(one))
        kind = "text/css" if one.endswith(".css") else "text/javascript"
        assert (loaded.status_code, loaded.headers["content-type"].partition(";")[0]) == (200, kind)
        assert loaded.headers["cache-control"] == "public, max-age=86400"
        assert_guarded(loaded)
    assert not re.search(r"\son\w+=", page.text)
    assert not re.search("https?://", page.text)
    assert "openapi.json" in page.text


@pytest.mark.parametrize(
    ("url", "told"), [("https://creneau.example.org", True), ("http://127.0.0.1:8000", False), (None, False)]
)
async def test_who_comes_by_https_is_told_to_come_by_nothing_else(
    settings: Settings, url: str | None, told: bool
) -> None:
    app = create_app(settings.model_copy(update={"public_url": url}))
    async with Client(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        answer = await client.get("/healthz")
    assert answer.headers.get("strict-transport-security") == ("max-age=31536000" if told else None)


def test_the_server_does_not_say_what_it_is(database: str, tmp_path: Path) -> None:
    url = server.address(database, APPLICATION_ROLE).set(drivername="postgresql")
    with Api(url.render_as_string(hide_password=False), tmp_path / "log") as api:
        answer = httpx.get(f"{api.url}/healthz", trust_env=False)
    assert_guarded(answer)
    assert not {"server", "x-powered-by"} & set(answer.headers)


def test_nothing_but_the_head_of_an_answer_is_made_outside(composed: FastAPI) -> None:
    """What stands before the headers are added answers without them: nothing may that makes answers of its own."""
    outermost = [getattr(one.cls, "__name__", "") for one in composed.user_middleware]
    assert outermost[: outermost.index("RequestContext")] == ["HeadAlone"]
