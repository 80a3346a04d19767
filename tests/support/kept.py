"""What a process of a test run keeps from one test to the next: its event loop, and engines with their connections.

A new engine has to learn every statement, and a new connection every table, which takes longer than most tests.
"""

import asyncio
import selectors
from collections.abc import AsyncIterator, Hashable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, cast

import asyncpg
import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import QueuePool

from app.core.database import DATABASE_FAILURES, make_engine
from app.core.driver import Driver, driver_of
from app.core.settings import Settings
from app.core.tenancy import TenantConnection

MOST_IDLE = 4
"""How many connections of an engine are kept; a test that has made more closes them all."""

AS_NEW = (
    "RESET ROLE; RESET ALL; SELECT pg_advisory_unlock_all(); CLOSE ALL; UNLISTEN *; DISCARD TEMP; DISCARD SEQUENCES"
)


class KeptLoop(asyncio.SelectorEventLoop):
    """An event loop for one test after the other: closed, it drops all that is left but the kept connections.

    By then its runner has cancelled every task. What a test has left open is collected as garbage, and told of, just
    as with a loop of its own.
    """

    def __init__(self) -> None:
        self._watched = selectors.DefaultSelector()
        super().__init__(self._watched)
        self.kept = [{key.fd for key in self._watched.get_map().values()}]
        """File descriptors that stay, in sets that others keep up."""

    def close(self) -> None:
        """Be as a new one."""
        inner = cast("Any", self)
        inner._ready.clear()
        inner._scheduled.clear()
        inner._timer_cancelled_count = 0
        for number in list(inner._signal_handlers):
            self.remove_signal_handler(number)
        for descriptor in {key.fd for key in self._watched.get_map().values()}.difference(*self.kept):
            self._watched.unregister(descriptor)

    async def shutdown_asyncgens(self) -> None:
        """End the generators of the test."""
        await super().shutdown_asyncgens()
        cast("Any", self)._asyncgens_shutdown_called = False

    async def shutdown_default_executor(self, *given: Any) -> None:
        """End the threads of the test."""
        await super().shutdown_default_executor(*given)
        inner = cast("Any", self)
        inner._default_executor, inner._executor_shutdown_called = None, False

    def end(self) -> None:
        """Close it for good."""
        super().close()


class _KeptEngine(AsyncEngine):
    """One test's view of an engine that is kept: what listens to its statements is the test's alone."""

    def __init__(self, kept: AsyncEngine, descriptors: set[int]) -> None:
        """Note in `descriptors` those of the connections that are kept."""
        super().__init__(kept.sync_engine.execution_options())
        self._descriptors = descriptors

    async def dispose(self, close: bool = True) -> None:
        """Keep the idle connections as if they were new; close them all where one has not been given back."""
        self._descriptors.clear()
        pool = cast("QueuePool", self.sync_engine.pool)
        if pool.checkedout() or pool.checkedin() > MOST_IDLE:
            await super().dispose(close)
            return
        try:
            async with AsyncExitStack() as stack:
                for _ in range(pool.checkedin()):
                    driver = await driver_of(await stack.enter_async_context(self.connect()))
                    await _renew(driver)
                    self._descriptors.add(driver._transport.get_extra_info("socket").fileno())
        except BaseException as error:
            self._descriptors.clear()
            await super().dispose(close)
            if not isinstance(error, DATABASE_FAILURES):
                raise


async def _renew(driver: Driver) -> None:
    """Take off a connection whatever a test has set."""
    await asyncpg.Connection.execute(driver, AS_NEW)
    if type(driver) is TenantConnection:  # asyncpg calls any connection an instance of any class of them
        driver._told = None


class KeptEngines:
    """Engines on the database of a process, each made once, and the applications that run on them."""

    def __init__(self, loop: KeptLoop) -> None:
        self._loop = loop
        self._engines: dict[Hashable, tuple[AsyncEngine, set[int]]] = {}

    def engine(self, url: SecretStr, settings: Settings, **options: Any) -> AsyncEngine:
        """Return what `make_engine` does, on the connections of the tests before."""
        limits = settings.database_pool_size, settings.database_pool_timeout_s
        timeouts = settings.lock_timeout_ms, settings.statement_timeout_ms
        key = url.get_secret_value(), limits, timeouts, *sorted(options.items())
        if key not in self._engines:
            self._engines[key] = make_engine(url, settings, **options), set()
            self._loop.kept.append(self._engines[key][1])
        return _KeptEngine(*self._engines[key])

    @asynccontextmanager
    async def started(self, app: FastAPI) -> AsyncIterator[FastAPI]:
        """Start an application on a kept engine, and stop it."""
        async with AsyncExitStack() as stack:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr("app.main.make_engine", self.engine)
                await stack.enter_async_context(app.router.lifespan_context(app))
            yield app

    def end(self) -> None:
        """Close every connection."""
        for engine, descriptors in self._engines.values():
            self._loop.run_until_complete(engine.dispose())
            descriptors.clear()
