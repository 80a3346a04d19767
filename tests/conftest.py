"""One server a run, one database a worker made by the real migrations, emptied after each test that used it."""

import os
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx
import hypothesis
import pytest
from fastapi import FastAPI
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from app.core.garbage import importing

with importing():
    from app.core import logs
    from app.core.database import make_session_factory
    from app.core.embedded import EmbeddedPostgres
    from app.core.settings import APPLICATION_ROLE, OWNER_ROLE, Settings
    from app.core.tenancy import EVERYBODY, act_for
    from app.main import create_app
    from tests.support import server
    from tests.support.client import Client
    from tests.support.kept import KeptEngines, KeptLoop
    from tests.support.midnight import away_from_midnight
    from tests.support.visitors import HERE, Post, Visitors
    from tests.support.world import World

LONGEST_FIRST = (
    "tests/e2e/",
    "tests/races/",
    "tests/contract/",
    "tests/confidentiality/",
    "tests/machine/",
    "tests/app/crisis/test_choices.py",
    "tests/app/test_worker.py",
    "tests/app/allocation/test_replay.py",
    "tests/scheduler/test_cluster.py",
    "tests/migrations/test_migrated_rows.py",
    "tests/seed/simulation/",
    "tests/app/crisis/test_amendment_grounds.py",
    "tests/scheduler/test_stopping.py",
    "tests/seed/test_problems.py",
    "tests/supply/",
    "tests/bench/",
)
"""Where tests are that take many seconds: left for the end, one would keep a single core busy."""

hypothesis.settings.register_profile("clockless", parent=hypothesis.settings(), deadline=None)
hypothesis.settings.load_profile("clockless")  # how long an example takes is the machine's affair

_running: list[EmbeddedPostgres] = []


def pytest_configure(config: pytest.Config) -> None:
    """Start the server before the workers, for roles belong to the whole server.

    What a test calls without HTTP, it calls as a worker does: for all organisations.
    """
    act_for(EVERYBODY)
    if config.getoption("numprocesses", None) and not hasattr(config, "workerinput"):
        _start()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs a server, so that the same tests can be run once more on another one, and begin with the long."""
    for item in items:
        if isinstance(item, pytest.Function) and "database" in item.fixturenames:
            item.add_marker(pytest.mark.database)
    items.sort(key=_place)


def _place(item: pytest.Item) -> int:
    return next((place for place, long in enumerate(LONGEST_FIRST) if item.nodeid.startswith(long)), len(LONGEST_FIRST))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Have no collection of garbage look at what stays for the whole run: modules, and the tests themselves."""
    with importing():
        return (yield)


def _start() -> None:
    started = server.start()
    if started:
        _running.append(started)


def pytest_unconfigure() -> None:
    """Stop the server that this process started."""
    while _running:
        server.discard(_running.pop())


@pytest.fixture(scope="session")
def loop() -> Iterator[KeptLoop]:
    """The event loop of this process's tests, as new for each."""
    made = KeptLoop()
    yield made
    made.end()


@pytest.fixture(scope="session")
def anyio_backend(loop: KeptLoop) -> tuple[str, dict[str, Any]]:
    return "asyncio", {"loop_factory": lambda: loop}


@pytest.fixture(scope="session")
def database(worker_id: str) -> Iterator[str]:
    """The name of this worker's database, at the present schema."""
    if worker_id == "master":
        _start()
    name = f"creneau_test_{worker_id}_{os.getpid()}"
    server.copy_template(name)
    yield name
    server.drop(name)


@pytest.fixture(scope="session")
def owner_url(database: str) -> URL:
    """The address of the worker's database under the role that owns it."""
    return server.address(database, OWNER_ROLE)


@pytest.fixture(scope="session")
def settings(database: str, owner_url: URL) -> Settings:
    """Settings of a service on this worker's database, under the application's role."""
    return Settings(
        database_url=server.secret(server.address(database, APPLICATION_ROLE)),
        database_owner_url=server.secret(owner_url),
        log_level="ERROR",
        **server.UNLIMITED,
    )


@pytest.fixture(scope="session")
def empty(database: str) -> Iterator[Callable[[], None]]:
    """Remove all rows of this worker's database."""
    with server.emptying(database) as empty:
        yield empty


@pytest.fixture(scope="session")
def engines(database: str, loop: KeptLoop) -> Iterator[KeptEngines]:
    """Engines on this worker's database, their connections as new for each test."""
    made = KeptEngines(loop)
    yield made
    made.end()


@pytest.fixture
async def owner(settings: Settings, empty: Callable[[], None], engines: KeptEngines) -> AsyncIterator[AsyncEngine]:
    """An engine of the owner; afterwards every table is empty again."""
    assert settings.database_owner_url is not None
    await away_from_midnight()
    engine = engines.engine(settings.database_owner_url, settings, is_owner=True)
    yield engine
    await engine.dispose()
    empty()


@pytest.fixture
async def superuser(database: str) -> AsyncIterator[AsyncEngine]:
    """An engine of the server's superuser on the worker's database: no trigger stops it, and it sees what others do."""
    engine = create_async_engine(server.secret(server.address(database)).get_secret_value(), poolclass=NullPool)
    yield engine
    await engine.dispose()


@pytest.fixture
async def world(owner: AsyncEngine) -> World:
    """A small world of organisations, lines and slots, made as a test needs it."""
    made = World(make_session_factory(owner))
    await made.add_modalities()
    return made


@pytest.fixture(scope="session")
def composed(settings: Settings) -> FastAPI:
    """The application of this worker's tests, not started: its routes are put together once."""
    return create_app(settings)


@pytest.fixture
async def app(
    composed: FastAPI, settings: Settings, owner: AsyncEngine, engines: KeptEngines
) -> AsyncIterator[FastAPI]:
    """The application on this worker's database, started for one test."""
    logs.configure(settings)  # another test may have set up the logs of this process otherwise
    async with engines.started(composed):
        yield composed


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client without a key; `world.headers(...)` makes keys."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with Client(transport=transport, base_url="http://test") as made:
        yield made


@pytest.fixture(scope="session")
def welcoming(settings: Settings) -> FastAPI:
    """The application where people can sign in, not started."""
    return create_app(settings.model_copy(update={"public_url": HERE, "mail_to_console": True}))


@pytest.fixture
async def visitors(
    welcoming: FastAPI, settings: Settings, world: World, engines: KeptEngines, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Visitors]:
    """People who sign in, with browsers, and mail that goes nowhere else."""
    logs.configure(settings)
    async with engines.started(welcoming):
        made = Visitors(welcoming, world, Post(welcoming.state.sessions, welcoming.state.settings))
        monkeypatch.setattr("app.identity.link_mail.send_mail", made.post.take)
        yield made
        await made.close()
