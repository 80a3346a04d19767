"""A deprecation is said in one place, and told in the description and on every answer."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated

import httpx
import pytest
from fastapi import APIRouter, FastAPI

from app.core import http
from app.core.deprecation import Notice, deprecated, deprecated_query
from app.core.errors import NotFound
from app.core.request_context import RequestContext
from app.core.security_headers import SecurityHeaders

NOTICE = Notice(
    since=datetime(2026, 1, 1, tzinfo=UTC),
    documentation="https://creneau.example/changes#old",
    sunset=datetime(2027, 6, 30, 23, 59, 59, tzinfo=UTC),
)
LINK = '<https://creneau.example/changes#old>; rel="deprecation"; type="text/html"'

router = APIRouter()


@router.get("/old/{number}", **deprecated(NOTICE))
async def old(number: int) -> int:
    if number == 0:
        raise NotFound("There is no 0.")
    return number


@router.get("/new")
async def new(
    current: str = "", former: Annotated[str | None, deprecated_query(NOTICE, max_length=3)] = None
) -> str | None:
    return former


@pytest.fixture
async def small_client() -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    http.install(app)
    app.add_middleware(RequestContext, on_failure=http.on_failure, security=SecurityHeaders(None))
    app.include_router(router)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        yield client


@pytest.mark.parametrize(("number", "status"), [("1", 200), ("0", 404), ("x", 422)])
async def test_a_deprecated_operation_says_so_on_every_answer(
    small_client: httpx.AsyncClient, number: str, status: int
) -> None:
    answer = await small_client.get(f"/old/{number}")
    assert answer.status_code == status
    assert answer.headers["deprecation"] == "@1767225600"
    assert answer.headers["sunset"] == "Wed, 30 Jun 2027 23:59:59 GMT"
    assert answer.headers["link"] == LINK


async def test_a_deprecated_parameter_is_told_to_whoever_uses_it(small_client: httpx.AsyncClient) -> None:
    used = await small_client.get("/new?former=abc")
    assert (used.json(), used.headers["deprecation"], used.headers["link"]) == ("abc", "@1767225600", LINK)
    unused = await small_client.get("/new?current=a")
    assert unused.is_success
    assert not {"deprecation", "sunset", "link"} & unused.headers.keys()
    assert (await small_client.get("/new?former=abcd")).status_code == 422


async def test_the_description_marks_both(small_client: httpx.AsyncClient) -> None:
    paths = (await small_client.get("/openapi.json")).json()["paths"]
    assert paths["/old/{number}"]["get"]["deprecated"] is True
    assert "deprecated" not in paths["/new"]["get"]
    marks = {one["name"]: one.get("deprecated", False) for one in paths["/new"]["get"]["parameters"]}
    assert marks == {"current": False, "former": True}


def test_nothing_ends_before_it_is_deprecated() -> None:
    with pytest.raises(ValueError, match="before the deprecation"):
        Notice(since=NOTICE.since, documentation="https://creneau.example", sunset=datetime(2025, 1, 1, tzinfo=UTC))
