"""What serves and what works refuses a database that is not at the present schema, before it begins."""

import asyncio
import os
import sys
from collections.abc import Iterator

import httpx
import pytest

from app.cli import main
from app.core.settings import OWNER_ROLE, Settings
from app.main import create_app
from tests.support import server

pytestmark = pytest.mark.database


@pytest.fixture
def unmigrated(database: str) -> Iterator[str]:
    """The address of a database without tables."""
    name = f"creneau_unmigrated_{os.getpid()}"
    asyncio.run(server.run(server.address("postgres"), f"CREATE DATABASE {name} OWNER {OWNER_ROLE}"))
    yield server.secret(server.address(name, OWNER_ROLE)).get_secret_value()
    server.drop(name)


@pytest.mark.parametrize("command", ["serve", "worker"])
def test_what_runs_for_long_refuses_to_start_on_it(
    unmigrated: str, command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", unmigrated)
    monkeypatch.setattr(sys, "argv", ["creneau", command])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    assert capsys.readouterr() == ("", "creneau: The database is empty: run `creneau migrate`.\n")


async def test_a_service_that_runs_on_it_is_not_ready_and_says_why(unmigrated: str) -> None:
    app = create_app(Settings(database_url=unmigrated, log_level="CRITICAL"))
    transport = httpx.ASGITransport(app)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url="http://test") as one:
        answer = await one.get("/readyz")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    told = answer.json()
    assert (told["type"], told["title"]) == ("urn:creneau:problem:not-ready", "The service is not ready")
    assert told["detail"] == "The database is empty: run `creneau migrate`."
