"""What tests keep from each other carries nothing over from one to the next, and hides nothing that one leaves open."""

import asyncio
import gc
from asyncio import Runner
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import QueuePool

from app.core.settings import Settings
from app.core.tenancy import NOBODY, acting_for
from tests.support.kept import MOST_IDLE, KeptEngines, KeptLoop


def in_turn(loop: KeptLoop, *tests: Callable[[], Coroutine[Any, Any, object]]) -> list[object]:
    """Run each as a test of its own would be."""
    results = []
    for test in tests:
        with Runner(loop_factory=lambda: loop) as runner:
            results.append(runner.run(test()))
    return results


@pytest.fixture
def own() -> Iterator[KeptLoop]:
    """A loop beside that of the tests."""
    made = KeptLoop()
    yield made
    made.end()


def test_a_connection_that_is_left_open_is_told_of(own: KeptLoop) -> None:
    async def leave() -> None:
        server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
        await asyncio.get_running_loop().create_connection(asyncio.Protocol, *server.sockets[0].getsockname())
        server.close()

    def leave_and_collect() -> None:
        in_turn(own, leave)
        gc.collect()

    with pytest.warns(ResourceWarning, match="unclosed"):
        leave_and_collect()


def test_nothing_goes_on_in_the_next_test(own: KeptLoop) -> None:
    went_on: list[str] = []
    left = []

    async def leave() -> None:
        loop = asyncio.get_running_loop()
        loop.call_later(0.01, went_on.append, "a timer")
        left.append(loop.create_task(lasts()))
        await asyncio.sleep(0)

    async def lasts() -> None:
        await asyncio.sleep(0.01)
        went_on.append("a task")

    async def generator() -> Any:
        yield await asyncio.to_thread(lambda: "a thread")

    async def goes_on() -> list[str]:
        await asyncio.sleep(0.03)
        return [one async for one in generator()]

    assert in_turn(own, leave, goes_on, goes_on) == [None, ["a thread"], ["a thread"]]
    assert went_on == []


def kept(engines: KeptEngines, settings: Settings) -> AsyncEngine:
    assert settings.database_url is not None
    return engines.engine(settings.database_url, settings, application_name="kept")


def pool(engine: AsyncEngine) -> QueuePool:
    assert isinstance(engine.sync_engine.pool, QueuePool)
    return engine.sync_engine.pool


async def asked(engine: AsyncEngine, *statements: str) -> list[Any]:
    async with engine.connect() as connection:
        results = [await connection.scalar(text(one)) for one in ("SELECT pg_backend_pid()", *statements)]
        await connection.commit()
    return results


async def test_a_connection_is_as_new_for_the_next_test(engines: KeptEngines, settings: Settings) -> None:
    state = (
        "SELECT current_setting('statement_timeout')",
        "SELECT current_user || coalesce(nullif(current_setting('app.role', true), ''), ' nobody')",
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()",
    )
    engine = kept(engines, settings)
    with acting_for(NOBODY):
        before = await asked(engine, *state)
    await asked(
        engine,
        "SELECT set_config('statement_timeout', '77', false)",
        "SELECT set_config('role', 'creneau_service', false)",
        "SELECT set_config('app.role', 'coordinator', false)",
        "SELECT 1 FROM (SELECT pg_advisory_lock(1)) AS locked",
    )
    await engine.dispose()
    with acting_for(NOBODY):
        assert await asked(kept(engines, settings), *state) == before


async def test_what_listens_is_one_tests_alone(engines: KeptEngines, settings: Settings) -> None:
    heard: list[str] = []
    engine, next_one = kept(engines, settings), kept(engines, settings)
    event.listen(engine.sync_engine, "before_cursor_execute", lambda *given: heard.append(given[2]))
    await asked(engine)
    assert len(heard) == 1
    await asked(next_one)
    assert len(heard) == 1
    await engine.dispose()


async def test_one_that_is_not_given_back_is_missing_to_no_other_test(engines: KeptEngines, settings: Settings) -> None:
    engine = kept(engines, settings)
    async with engine.connect() as held:
        await engine.dispose()
        assert pool(engine).checkedout() == 0
        await held.invalidate()
    await engine.dispose()


async def test_few_connections_are_kept(engines: KeptEngines, settings: Settings) -> None:
    engine = kept(engines, settings)
    for count, expected in ((MOST_IDLE, MOST_IDLE), (MOST_IDLE + 1, 0)):
        held = [await engine.connect() for _ in range(count)]
        for one in held:
            await one.close()
        await engine.dispose()
        assert pool(engine).checkedin() == expected
