"""One line a request, an object of JSON; no line holds a secret or the name of a product, whatever fails."""

import asyncio
import io
import json
import logging
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog
from sqlalchemy.engine import make_url

from app.core import logs
from app.core.database import make_engine, make_session_factory
from app.core.settings import APPLICATION_ROLE, OWNER_ROLE, Settings
from tests.support import server
from tests.support.api import Api
from tests.support.processes import wait_until
from tests.support.world import World

SECRET_NAME = "Obelisk-77"
PASSWORD = "p4ssw0rd-of-the-database"
BREAKS_WITH_THE_NAME = """
    CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        RAISE EXCEPTION 'refused: %', NEW.code_name USING DETAIL = 'about ' || NEW.code_name; END $$;
    CREATE TRIGGER tr_tell BEFORE INSERT ON products FOR EACH ROW EXECUTE FUNCTION tell()
"""


@pytest.fixture
def talkative(database: str) -> Iterator[str]:
    """A database of its own, that tells the names of products in its errors."""
    name = f"{database}_logs_{os.getpid()}"
    server.copy_template(name)
    asyncio.run(server.run(server.address(name, OWNER_ROLE), BREAKS_WITH_THE_NAME))
    yield name
    server.drop(name)


async def make_keys(database: str) -> tuple[Mapping[str, str], Mapping[str, str], str]:
    """Store a start-up and the coordinator; return their keys, and the start-up's id."""
    settings = Settings(database_owner_url=server.secret(server.address(database, OWNER_ROLE)))
    assert settings.database_owner_url is not None
    engine = make_engine(settings.database_owner_url, settings, is_owner=True)
    world = World(make_session_factory(engine))
    await world.add_modalities()
    startup, member = await world.startup()
    made = member, await world.coordinator(), str(startup.id)
    await engine.dispose()
    return made


def lines_of(log: Path) -> list[dict[str, Any]]:
    """The lines of a log after the greeting of the command, each of which must be an object."""
    found = [json.loads(line) for line in log.read_text().splitlines() if not line.startswith("Serving on ")]
    assert all(isinstance(one, dict) for one in found)
    return found


def test_a_request_is_one_line_and_nothing_confidential_is_in_any(talkative: str, tmp_path: Path) -> None:
    member, coordinator, startup_id = asyncio.run(make_keys(talkative))
    url = make_url(server.secret(server.address(talkative, APPLICATION_ROLE)).get_secret_value())
    log = tmp_path / "api.log"
    product = {"code_name": SECRET_NAME, "modality": "monoclonal_antibody", "platform": "CHO"}
    with (
        Api(url.set(password=PASSWORD).render_as_string(hide_password=False), log) as api,
        httpx.Client(base_url=api.url, trust_env=False, headers={"X-Request-ID": "mine-1"}) as client,
    ):
        assert client.get("/v1/products", headers=member).status_code == 200
        assert client.post("/v1/products", json=product, headers=member).status_code == 500
        assert client.post("/v1/products", json={**product, "more": SECRET_NAME}, headers=member).status_code == 422
        assert client.get(f"/v1/products?cursor={SECRET_NAME}", headers=member).status_code == 422
        assert client.get(f"/v1/products/{SECRET_NAME}%0A%7B%7D/x", headers=member).status_code == 404
        assert client.get("/v1/products", headers={"Authorization": f"Bearer {SECRET_NAME}"}).status_code == 401
        assert client.request("PROPFIND", "/v1/products", headers=member).status_code == 405
        assert client.get("/v1/requests", headers={**coordinator, "X-Request-ID": 'a"b'}).status_code == 200
        # A line follows its answer, and the process is killed.
        wait_until(lambda: '"/v1/requests"' in log.read_text(), seconds=10, what="the last line")

    told = log.read_text()
    for secret in (SECRET_NAME, PASSWORD, *(key["Authorization"].split()[1] for key in (member, coordinator))):
        assert secret not in told
    access = [line for line in lines_of(log) if line["event"] == "request" and line["route"] != "/healthz"]
    assert [(line["method"], line["route"], line["status"], line.get("problem")) for line in access] == [
        ("GET", "/v1/products", 200, None),
        ("POST", "/v1/products", 500, "internal"),
        ("POST", "/v1/products", 422, "invalid-input"),
        ("GET", "/v1/products", 422, "invalid-input"),
        ("GET", None, 404, "not-found"),
        ("GET", "/v1/products", 401, "not-authenticated"),
        ("OTHER", "/v1/products", 405, "http"),
        ("GET", "/v1/requests", 200, None),
    ]
    assert {line["organisation_id"] for line in access[:4]} == {startup_id}
    assert all(line["api_key_id"] for line in access[:4])
    assert all(isinstance(line["milliseconds"], float) for line in access)
    assert [line["request_id"] for line in access[:7]] == ["mine-1"] * 7
    assert len(access[7]["request_id"]) == 32
    [failure] = [line for line in lines_of(log) if line["event"] == "unhandled_error"]
    assert failure["request_id"] == "mine-1"
    assert failure["route"] == "/v1/products"
    assert "RaiseError: P0001" in failure["exception"]
    assert "/app/requests/products.py:" in failure["exception"]


def rendered(processors: list[Any], **event: Any) -> str:
    """One line as the processors write it."""
    lines: list[str] = []

    class Kept:
        def error(self, line: str) -> None:
            lines.append(line)

    structlog.wrap_logger(Kept(), processors=processors, wrapper_class=structlog.BoundLogger).error("happened", **event)
    [line] = lines
    return line


def test_an_exception_tells_its_class_and_places_but_not_its_words() -> None:
    try:
        try:
            _ = dict[str, str]()[SECRET_NAME]
        except KeyError as error:
            raise ExceptionGroup(
                SECRET_NAME, [ValueError(SECRET_NAME), ConnectionRefusedError(111, "Refused")]
            ) from error
    except ExceptionGroup as error:
        told = json.loads(
            rendered([logs.describe_exceptions, structlog.processors.JSONRenderer()], exc_info=error, error=error)
        )
    assert SECRET_NAME not in str(told)
    assert told["error"] == "ExceptionGroup"
    for word in ("ExceptionGroup", "ValueError", "ConnectionRefusedError: Refused", "KeyError", __file__):
        assert word in told["exception"]


def test_no_value_can_begin_a_line_of_its_own_or_steer_a_terminal() -> None:
    hostile = 'x\n{"event": "forged"}\r\x1b[2J\u2028\x85'
    terminal = rendered([logs.escape_control_characters, structlog.dev.ConsoleRenderer(colors=False)], value=hostile)
    assert not set(terminal) & set("\n\r\x1b\u2028\x85")
    machine = rendered([structlog.processors.JSONRenderer()], value=hostile)
    assert len(machine.splitlines()) == 1
    assert json.loads(machine)["value"] == hostile


def test_libraries_log_the_same_way(capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    before = list(root.handlers)
    try:
        logs.configure(Settings())
        logs.configure(Settings())
        library = logging.getLogger("a.library")
        try:
            _ = int(SECRET_NAME)
        except ValueError:
            library.exception("it failed\n<Task exception=%s>", SECRET_NAME)
        library.info("not worth it")
        [line] = capsys.readouterr().err.splitlines()
    finally:
        root.handlers = before
    told = json.loads(line)
    assert (told["event"], told["level"]) == ("it failed", "error")
    assert "ValueError" in told["exception"]
    assert SECRET_NAME not in line


def test_a_logger_writes_to_what_standard_error_is_at_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """It lives as long as its module, and a standard error may be replaced and closed before it."""
    logs.configure(Settings())
    log = structlog.get_logger()
    for event in ("before", "after"):
        with io.StringIO() as error:
            monkeypatch.setattr(sys, "stderr", error)
            log.warning(event)
            assert json.loads(error.getvalue())["event"] == event
