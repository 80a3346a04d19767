"""When a key was last used: written beside the requests, once a minute at most, and told in the list of keys."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.core.clock import now
from app.core.database import make_engine, make_session_factory
from app.core.settings import Settings
from app.identity import key_repository
from app.identity.key_uses import KeyUses
from tests.support.server import secret
from tests.support.world import World


async def last_use(client: httpx.AsyncClient, headers: Mapping[str, str]) -> datetime | None:
    [key] = (await client.get("/v1/keys", headers=headers)).json()["items"]
    return datetime.fromisoformat(key["last_used_at"]) if key["last_used_at"] else None


@contextmanager
def statements(app: FastAPI) -> Iterator[list[str]]:
    """What goes through SQLAlchemy to the database of the application meanwhile."""
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        seen.append(statement)

    engine: AsyncEngine = app.state.engine
    event.listen(engine.sync_engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(engine.sync_engine, "before_cursor_execute", note)


async def test_the_last_use_is_written_once_a_minute_and_not_in_requests(
    app: FastAPI, client: httpx.AsyncClient, world: World, owner: AsyncEngine
) -> None:
    _, headers = await world.startup()
    uses: KeyUses = app.state.key_uses
    with statements(app) as seen:
        for _ in range(3):
            assert (await client.get("/v1/slots", headers=headers)).status_code == 200
        assert not [one for one in seen if "api_key_uses" in one]
        await uses.write()
        assert len([one for one in seen if "INSERT INTO api_key_uses" in one]) == 1
        await uses.write()
        assert len([one for one in seen if "INSERT INTO api_key_uses" in one]) == 1
    first = await last_use(client, headers)
    assert first is not None
    assert now() - first < timedelta(seconds=30)
    await uses.write()
    assert await last_use(client, headers) == first
    async with owner.begin() as connection:
        await connection.execute(text("UPDATE api_key_uses SET last_used_at = last_used_at - interval '61 seconds'"))
    await uses.write()
    again = await last_use(client, headers)
    assert again is not None
    assert again >= first


async def test_what_was_not_written_is_written_at_the_end(
    composed: FastAPI, settings: Settings, world: World, owner: AsyncEngine
) -> None:
    _, headers = await world.startup()
    transport = httpx.ASGITransport(composed, raise_app_exceptions=False)
    async with (
        composed.router.lifespan_context(composed),
        httpx.AsyncClient(transport=transport, base_url="http://test") as client,
    ):
        assert (await client.get("/v1/slots", headers=headers)).status_code == 200
    async with owner.connect() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM api_key_uses")) == 1


async def test_a_use_that_cannot_be_written_is_kept_for_the_next_time(
    app: FastAPI, client: httpx.AsyncClient, world: World, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, headers = await world.startup()
    assert (await client.get("/v1/slots", headers=headers)).status_code == 200
    uses: KeyUses = app.state.key_uses
    gone = make_engine(secret(app.state.engine.url.set(host="127.0.0.1", port=1, query={})), settings)
    working = uses._sessions
    monkeypatch.setattr(uses, "_sessions", make_session_factory(gone))
    await uses.write()
    monkeypatch.setattr(uses, "_sessions", working)
    await uses.write()
    assert await last_use(client, headers) is not None
    await gone.dispose()


async def test_a_use_whose_writing_is_cut_short_is_written_at_the_end(
    app: FastAPI, client: httpx.AsyncClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, headers = await world.startup()
    assert (await client.get("/v1/slots", headers=headers)).status_code == 200
    uses: KeyUses = app.state.key_uses
    writing = asyncio.Event()

    async def never(*_: object) -> None:
        writing.set()
        await asyncio.Event().wait()

    with monkeypatch.context() as patched:
        patched.setattr(key_repository, "write_uses", never)
        task = asyncio.create_task(uses.write())
        await writing.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    await uses.write()
    assert await last_use(client, headers) is not None


async def test_the_use_of_a_key_does_not_raise_its_version(
    app: FastAPI, client: httpx.AsyncClient, world: World
) -> None:
    _, headers = await world.startup()
    await client.get("/v1/slots", headers=headers)
    await app.state.key_uses.write()
    assert [one["version"] for one in (await client.get("/v1/keys", headers=headers)).json()["items"]] == [1]
