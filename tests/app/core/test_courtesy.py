"""A drill's statements wait until the requests in flight are answered, for so long at most that it has an end."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from app.core import courtesy
from app.core.courtesy import Flight, Traffic, begin_flight, give_way
from app.core.database import make_session_factory, transaction

pytestmark = pytest.mark.database


@pytest.fixture
def traffic(monkeypatch: pytest.MonkeyPatch) -> Traffic:
    """A traffic of the test's own."""
    made = Traffic()
    monkeypatch.setattr(courtesy, "traffic", made)
    return made


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody's patience ends within a test."""
    monkeypatch.setattr(courtesy, "MOST_SECONDS", 600.0)
    monkeypatch.setattr(courtesy, "PATIENCE_SECONDS", 600.0)


@pytest.fixture
def sent(owner: AsyncEngine) -> Iterator[list[str]]:
    """The statements as they go to the server."""
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    event.listen(owner.sync_engine, "after_cursor_execute", note)
    yield statements
    event.remove(owner.sync_engine, "after_cursor_execute", note)


async def ask(session: AsyncSession, number: int) -> None:
    await session.execute(text(f"SELECT {number}"))


@pytest.mark.usefixtures("patient")
async def test_each_statement_waits_for_those_in_flight(owner: AsyncEngine, traffic: Traffic, sent: list[str]) -> None:
    async def drill() -> None:
        begin_flight()
        async with transaction(make_session_factory(owner)) as session:
            await ask(session, 1)
            await give_way(session)
            await give_way(session)
            await ask(session, 2)
            await ask(session, 3)

    booking = Flight()
    task = asyncio.create_task(drill())
    while "SELECT 1" not in sent:  # noqa: ASYNC110 - nobody would tell
        await asyncio.sleep(0.01)
    for _ in range(20):
        await asyncio.sleep(0.01)
        assert "SELECT 2" not in sent
    assert traffic.first == 1, "the drill counts no more"
    booking.leave()
    booking.leave()
    await task
    assert sent[-2:] == ["SELECT 2", "SELECT 3"]
    assert traffic.first == 0


async def test_it_comes_to_its_end_though_others_never_do(
    owner: AsyncEngine, traffic: Traffic, sent: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []

    async def quiet(seconds: float) -> None:
        waited.append(seconds)
        await asyncio.sleep(seconds)

    monkeypatch.setattr(courtesy, "PATIENCE_SECONDS", 0.05)
    monkeypatch.setattr(traffic, "quiet", quiet)
    Flight()
    begin_flight()
    async with transaction(make_session_factory(owner)) as session:
        await ask(session, 1)
        await give_way(session)
        for number in range(2, 12):
            await ask(session, number)
    assert sent[-1] == "SELECT 11"
    assert waited[0] == courtesy.MOST_SECONDS
    assert len(waited) <= 3, "three times 20 ms are more than all its patience"


@pytest.mark.usefixtures("patient")
async def test_the_next_transaction_and_a_job_give_way_to_nobody(owner: AsyncEngine, traffic: Traffic) -> None:
    sessions = make_session_factory(owner)
    async with transaction(sessions) as session:
        await ask(session, 1)
        await give_way(session)  # no request is served here
        Flight()
        await ask(session, 2)
    begin_flight()
    async with sessions() as session:
        async with session.begin():
            await ask(session, 3)
            traffic.first = 0
            await give_way(session)
        Flight()
        async with session.begin():
            await ask(session, 4)


async def test_waiting_ends_with_the_last_of_them_or_its_time(traffic: Traffic) -> None:
    first, second = Flight(), Flight()
    waiting = asyncio.create_task(traffic.quiet(600.0))
    await asyncio.sleep(0)
    first.leave()
    await asyncio.sleep(0.01)
    assert not waiting.done()
    second.leave()
    await waiting
    Flight()
    await traffic.quiet(0.01)
    assert traffic.first == 1


async def test_a_request_comes_first_until_its_answer_begins(
    app: FastAPI, client: httpx.AsyncClient, traffic: Traffic
) -> None:
    seen: list[int] = []

    async def parts() -> AsyncIterator[bytes]:
        seen.append(traffic.first)
        yield b"x"

    async def streamed() -> StreamingResponse:
        seen.append(traffic.first)
        return StreamingResponse(parts())

    app.add_api_route("/-/courtesy", streamed)
    try:
        assert (await client.get("/-/courtesy")).status_code == 200
    finally:
        app.router.routes.pop()
    assert seen == [1, 0]
    assert traffic.first == 0
