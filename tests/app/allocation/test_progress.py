"""A run followed as it goes: events over a real connection, and nothing held open between them."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.allocation.progress import watch
from app.allocation.runs import Failure, claim_run, end_run, note_progress
from app.core.database import SessionFactory, transaction
from app.core.metrics import REGISTRY
from app.worker import FOLLOW_UPS
from tests.app.allocation.conftest import Rounds, contest
from tests.support.client import Client
from tests.support.ports import free_port
from tests.support.world import World

pytestmark = pytest.mark.database

STREAM = {"Accept": "text/event-stream"}
STEPS = [
    {"objective": "weight", "value": 4, "bound": 9, "elapsed": 1.0, "level": 1, "levels": 2, "done": False},
    {"objective": "weight", "value": 8, "bound": 8, "elapsed": 2.0, "level": 1, "levels": 2, "done": True},
]


@pytest.fixture
async def served(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application behind a real server: events come as they are sent."""
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, port=port, lifespan="off", log_config=None))
    task = asyncio.create_task(server._serve())
    while not server.started:  # noqa: ASYNC110 - the server has no event for it
        await asyncio.sleep(0.02)
    async with Client(base_url=f"http://127.0.0.1:{port}", timeout=20, trust_env=False) as client:
        yield client
    server.should_exit = True
    await task


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at a run that is followed five times a second."""
    monkeypatch.setattr(watch, "__kwdefaults__", {"seconds": 0.2})


@asynccontextmanager
async def following(
    client: httpx.AsyncClient, path: str, headers: dict[str, str]
) -> AsyncIterator[AsyncIterator[tuple[str, Any]]]:
    """Open a stream, and give its events as they come; comments are left out."""
    async with client.stream("GET", path, headers=headers) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-store"
        yield _events(answer)


async def _events(answer: httpx.Response) -> AsyncIterator[tuple[str, Any]]:
    name = ""
    async for line in answer.aiter_lines():
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield name, json.loads(line.removeprefix("data: "))


@pytest.mark.usefixtures("often")
@pytest.mark.parametrize("suffix", ["/progress", ""])
async def test_progress_is_told_as_it_is_stored_and_the_stream_ends_with_the_run(
    app: FastAPI, served: httpx.AsyncClient, world: World, rounds: Rounds, suffix: str
) -> None:
    await contest(world)
    run_id = await rounds.solve(await rounds.closed())
    sessions: SessionFactory = app.state.sessions
    headers = {**rounds.headers, **STREAM, "Last-Event-ID": "no-such-event"}
    async with following(served, f"/v1/runs/{run_id}{suffix}", headers) as events:
        async with transaction(sessions) as session:
            run = await claim_run(session, run_id, FOLLOW_UPS)  # type: ignore[arg-type]
        assert run is not None
        for step in STEPS:
            async with transaction(sessions) as session:
                await note_progress(session, run.id, run.attempt, step)
            assert await anext(events) == ("progress", {"attempt": 1, **step})
        async with transaction(sessions) as session:
            await end_run(session, run.id, run.attempt, Failure("no plan"), FOLLOW_UPS)
        end = {"state": "failed", "has_plan": False, "error": "no plan", "run": f"/v1/runs/{run_id}"}
        assert [event async for event in events] == [("end", end)]
    async with following(served, f"/v1/runs/{run_id}/progress", headers) as events:
        assert [event async for event in events] == [("progress", {"attempt": 1, **STEPS[-1]}), ("end", end)]


@pytest.mark.parametrize("suffix", ["/progress", ""])
async def test_nothing_is_held_open_while_a_run_is_followed(
    served: httpx.AsyncClient, world: World, rounds: Rounds, superuser: AsyncEngine, suffix: str
) -> None:
    await contest(world)
    run_id = await rounds.solve(await rounds.closed())
    held = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in%'"
        " AND xact_start < clock_timestamp() - interval '0.5 s'"  # a look takes some milliseconds
    )
    async with streams(served, f"/v1/runs/{run_id}{suffix}", rounds, count=20):
        seen = []
        for _ in range(8):
            await asyncio.sleep(0.15)
            async with superuser.connect() as connection:
                seen.append(await connection.scalar(held))
        assert seen == [0] * 8
        answer = await served.get(f"/v1/runs/{run_id}", headers=rounds.headers)
        assert answer.json()["state"] == "queued"


async def test_a_real_server_sends_the_head_alone_and_goes_on_with_what_comes_next(
    served: httpx.AsyncClient, world: World, rounds: Rounds
) -> None:
    await contest(world)
    path = f"/v1/runs/{await rounds.solve(await rounds.closed())}"
    head, get = await served.head(path, headers=rounds.headers), await served.get(path, headers=rounds.headers)
    assert (head.status_code, head.content) == (get.status_code, b"") == (200, b"")
    assert head.headers["content-length"] == get.headers["content-length"] == str(len(get.content))


async def test_a_stream_of_which_only_the_head_is_asked_ends_at_once(
    served: httpx.AsyncClient, world: World, rounds: Rounds
) -> None:
    await contest(world)
    run_id = await rounds.solve(await rounds.closed())
    async with asyncio.timeout(5):
        answer = await served.head(f"/v1/runs/{run_id}/progress", headers={**rounds.headers, **STREAM})
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["cache-control"] == "no-store"
    async with asyncio.timeout(5):
        while REGISTRY.get_sample_value("creneau_http_requests_in_progress"):  # noqa: ASYNC110 - the server has no event for it
            await asyncio.sleep(0.02)


@asynccontextmanager
async def streams(client: httpx.AsyncClient, path: str, rounds: Rounds, *, count: int) -> AsyncIterator[None]:
    """Follow a run so many times at once, each of which has begun."""
    looked = asyncio.Semaphore(0)

    async def follow() -> None:
        async with client.stream("GET", path, headers={**rounds.headers, **STREAM}) as answer:
            lines = answer.aiter_lines()
            assert await anext(lines) == ": the run is watched"
            looked.release()
            async for _ in lines:
                continue

    tasks = [asyncio.create_task(follow()) for _ in range(count)]
    async with asyncio.timeout(60):
        for _ in range(count):
            await looked.acquire()
    yield
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.usefixtures("often")
async def test_a_quiet_stream_is_kept_alive_by_comments(
    served: httpx.AsyncClient, world: World, rounds: Rounds, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.allocation.run_events.SILENT_LOOKS", 1)
    await contest(world)
    run_id = await rounds.solve(await rounds.closed())
    async with served.stream("GET", f"/v1/runs/{run_id}/progress", headers=rounds.headers) as answer:
        lines = answer.aiter_lines()
        said = [line async for line in _first(lines, 4)]
    assert said == [": the run is watched", "", ": nothing new", ""]


async def _first(lines: AsyncIterator[str], count: int) -> AsyncIterator[str]:
    for _ in range(count):
        yield await anext(lines)


@asynccontextmanager
async def asking(app: FastAPI, is_stopping: Callable[[], bool]) -> AsyncIterator[None]:
    """Let the application ask this whether its server stops, and afterwards what it asked before."""
    before, app.state.is_stopping = app.state.is_stopping, is_stopping
    try:
        yield
    finally:
        app.state.is_stopping = before


@pytest.mark.usefixtures("often")
async def test_a_server_that_stops_is_not_held_up_by_its_streams(
    app: FastAPI, served: httpx.AsyncClient, world: World, rounds: Rounds
) -> None:
    await contest(world)
    run_id = await rounds.solve(await rounds.closed())
    told: list[str] = []
    path, headers = f"/v1/runs/{run_id}/progress", {**rounds.headers, **STREAM}
    async with asyncio.timeout(5), asking(app, lambda: bool(told)), following(served, path, headers) as events:
        told.append("stop")
        assert [event async for event in events] == []


@pytest.mark.usefixtures("often")
@pytest.mark.parametrize("suffix", ["/progress", ""])
async def test_a_stream_ends_soon_after_its_key(
    served: httpx.AsyncClient, world: World, rounds: Rounds, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.allocation.run_events.LOOKS_A_KEY", 2)
    await contest(world)
    run_id = await rounds.solve(await rounds.closed())
    path, headers = f"/v1/runs/{run_id}{suffix}", {**rounds.headers, **STREAM}
    async with asyncio.timeout(15), following(served, path, headers) as events:
        told = asyncio.create_task(anext(events, "the end"))
        await asyncio.sleep(1)
        assert not told.done()
        await world.revoke_all_keys()
        assert await told == "the end"
    assert (await served.get(path, headers=headers)).status_code == 401


async def test_only_who_decides_on_a_run_may_follow_it(client: httpx.AsyncClient, world: World, rounds: Rounds) -> None:
    made = await contest(world)
    run_id = await rounds.solve(await rounds.closed())
    for path in (f"/v1/runs/{run_id}/progress", f"/v1/runs/{run_id}"):
        assert (await client.get(path, headers=STREAM)).status_code == 401
        answer = await client.get(path, headers={**made.headers["first"], **STREAM})
        assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
    plain = await client.get(f"/v1/runs/{run_id}", headers={**rounds.headers, "Accept": "*/*"})
    assert plain.json()["id"] == run_id


@pytest.mark.parametrize(
    ("operation", "answers"),
    [
        ("get /progress", {"200"}),
        ("post /cancel", {"200", "202", "409", "415"}),
        ("post /replay", {"202", "400", "409", "415"}),
        ("get /explanations/{request_id}", {"200", "409"}),
        ("get /certificate", {"200", "202", "409"}),
    ],
)
async def test_each_operation_on_a_run_is_described_with_its_refusals(
    client: httpx.AsyncClient, operation: str, answers: set[str]
) -> None:
    method, path = operation.split()
    described = (await client.get("/openapi.json")).json()["paths"][f"/v1/runs/{{run_id}}{path}"][method]["responses"]
    assert set(described) == answers | {"401", "403", "404", "422", "429", "503"}
    assert all("application/problem+json" in one["content"] for code, one in described.items() if code >= "4")
    if path == "/progress":
        assert list(described["200"]["content"]) == ["text/event-stream"]
