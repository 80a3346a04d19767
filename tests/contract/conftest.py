"""A service of its own process on the demonstration scenario, with a key of each role."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import httpx
import pytest

from app.core.database import make_engine, make_session_factory, transaction
from app.core.settings import APPLICATION_ROLE, OWNER_ROLE, Settings
from app.identity import key_uses
from app.identity.issuing import issue_key
from app.identity.models import Role
from app.main import create_app
from seed.demo_keys import HOLDERS
from seed.loading import LoadPlan, load
from seed.scenario.sizes import SizeName
from tests.contract.policy.stage import Stage, staged
from tests.support import server
from tests.support.client import Client
from tests.support.ports import free_port
from tests.support.processes import wait_until
from tests.support.world import World

LISTS = {
    "booking_id": "/v1/bookings",
    "crisis_id": "/v1/crises",
    "line_id": "/v1/lines",
    "offer_id": "/v1/offers",
    "organisation_id": "/v1/organisations",
    "product_id": "/v1/products",
    "request_id": "/v1/requests",
    "round_id": "/v1/rounds",
    "site_id": "/v1/sites",
    "slot_id": "/v1/slots",
    "feasibility_id": "/v1/feasibilities",
    "agreement_id": "/v1/agreements",
    "alert_id": "/v1/alerts",
    "commitment_id": "/v1/commitments",
    "slip_move_id": "/v1/slip-moves",
}
"""Where identifiers of a kind are listed, so that a call can be about something that exists.

Not people, their sessions, and keys: a call may be about those that are staged, and never put out who makes the calls.
"""

STAGED = {"staged_startup": Role.STARTUP_MEMBER, "staged_cdmo": Role.CDMO_PLANNER}
"""Who acts for an organisation of the stage: it is party to a round, to slips, and to a crisis."""


ROLE_OF = {name: holder.role for name, holder in HOLDERS.items()} | {"admin": Role.ADMIN} | STAGED
"""What each of the keys may do."""


@pytest.fixture(autouse=True)
def no_uses_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """Write no use of a key beside the requests of a test, whose statements are compared."""
    monkeypatch.setattr(key_uses, "WRITE_SECONDS", 3_600.0)


@dataclass(frozen=True, slots=True)
class Service:
    """A running service: its address, a key for each role, and identifiers that each role sees, by parameter."""

    url: str
    keys: Mapping[str, str]
    known: Mapping[str, Mapping[str, list[str]]]


@pytest.fixture(scope="session")
def service(database: str, worker_id: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The service on a database that every call of the contract's tests shares."""
    name = f"creneau_contract_{worker_id}_{os.getpid()}"
    server.copy_template(name)
    owner, application = server.address(name, OWNER_ROLE), server.address(name, APPLICATION_ROLE)
    settings = Settings(
        database_url=server.secret(application), database_owner_url=server.secret(owner), log_level="ERROR"
    )
    keys_file = tmp_path_factory.mktemp("contract") / "keys.json"
    plan = LoadPlan(size=SizeName.DEMO, seed=7, as_of=date(2027, 1, 4), keys_file=keys_file)
    asyncio.run(load(settings, plan))
    entries = json.loads(keys_file.read_text())
    keys = {role: entry["key"] for role, entry in entries.items()}
    keys["admin"] = asyncio.run(_administrator(settings, entries["coordinator"]["organisation"]))
    stage = asyncio.run(_staged(settings))
    keys |= {name: stage.keys[role]["Authorization"].removeprefix("Bearer ") for name, role in STAGED.items()}
    port = free_port()
    plain = application.set(drivername="postgresql").render_as_string(hide_password=False)
    command = [sys.executable, "-m", "uvicorn", "app.main:create_app", "--factory", "--port", str(port)]
    process = subprocess.Popen(
        [*command, "--no-access-log", "--log-level", "warning"],
        env=os.environ | {"DATABASE_URL": plain, "LOG_LEVEL": "CRITICAL"},
    )
    try:
        url = f"http://127.0.0.1:{port}"
        with httpx.Client(base_url=url, trust_env=False, timeout=30) as client:
            wait_until(lambda: _answers(client), seconds=60, what="a service that answers")
            explored = _explored(client, keys, stage)
        yield Service(url, keys, explored)
    finally:
        process.terminate()
        process.wait(20)
        server.drop(name)


def _answers(client: httpx.Client) -> bool:
    try:
        return client.get("/healthz").status_code == 200
    except httpx.TransportError:
        return False


async def _administrator(settings: Settings, organisation: str) -> str:
    """Return a key of an administrator, for whom the scenario has none."""
    assert settings.database_owner_url is not None
    engine = make_engine(settings.database_owner_url, settings, is_owner=True)
    try:
        async with transaction(make_session_factory(engine)) as session:
            issued = await issue_key(
                session, organisation=organisation, role=Role.ADMIN, person="Administrator", email="admin@example.org"
            )
    finally:
        await engine.dispose()
    return issued.key.plain


async def _staged(settings: Settings) -> Stage:
    """Store what the scenario has none of: rounds and their runs, crises and their orders, slips, sessions."""
    assert settings.database_owner_url is not None
    engine = make_engine(settings.database_owner_url, settings, is_owner=True)
    app = create_app(settings)
    client = Client(transport=httpx.ASGITransport(app), base_url="http://test")
    try:
        async with app.router.lifespan_context(app), client:
            return await staged(World(make_session_factory(engine)), client)
    finally:
        await engine.dispose()


def _explored(client: httpx.Client, keys: Mapping[str, str], stage: Stage) -> Mapping[str, Mapping[str, list[str]]]:
    return {name: _known(client, key, stage, ROLE_OF[name]) for name, key in keys.items()}


def _known(client: httpx.Client, key: str, stage: Stage, role: Role) -> dict[str, list[str]]:
    """Return identifiers by parameter: some that are listed, and those of both sides of the stage.

    They are in one order for all of a crisis, so that an order is looked for in its own.
    """
    listed = {name: _listed(client, path, key) for name, path in LISTS.items()}
    sides = stage.own[role], stage.foreign[role]
    names = sides[0].keys() | sides[1].keys()
    shown = {name: [str(side[name]) for side in sides if name in side] for name in names}
    return {name: [*listed.get(name, ()), *shown.get(name, ())] for name in listed.keys() | names}


def _listed(client: httpx.Client, path: str, key: str) -> list[str]:
    answer = client.get(path, params={"limit": 3}, headers={"Authorization": f"Bearer {key}"})
    body: dict[str, Any] = answer.json()
    return [one["id"] for one in body.get("items", [])]
