"""Figures by template and type, for operators alone; they parse, and name nobody."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from app.audit.sealing import seal_records
from app.core.clock import now
from app.core.database import SessionFactory, transaction
from app.core.jobs import Entrypoint, enqueue
from app.core.settings import Settings
from app.main import create_app
from tests.app.audit.trails import record
from tests.support.client import Client
from tests.support.world import World

NOBODY = UUID("00000000-0000-7000-8000-000000000000")
Samples = Mapping[tuple[str, frozenset[tuple[str, str]]], float]


@asynccontextmanager
async def at(app: FastAPI, address: str = "127.0.0.1") -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application at an address."""
    transport = httpx.ASGITransport(app, client=(address, 4711))
    async with Client(transport=transport, base_url="http://test") as client:
        yield client


async def scrape(client: httpx.AsyncClient) -> Samples:
    answer = await client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def value(samples: Samples, name: str, **labels: str) -> float:
    return samples.get((f"creneau_{name}", frozenset(labels.items())), 0.0)


async def test_requests_on_included_routers_are_counted_by_template(app: FastAPI, world: World) -> None:
    key = await world.coordinator()
    labels = {"method": "GET", "route": "/v1/bookings/{booking_id}"}
    async with at(app) as client:
        before = await scrape(client)
        for _ in range(2):
            await client.get(f"/v1/bookings/{NOBODY}", headers=key)
        await client.get("/v1/bookings/not-an-id", headers=key)
        await client.get(f"/{NOBODY}/nowhere")
        after = await scrape(client)
    assert value(after, "http_requests_total", **labels, status="404") == (
        value(before, "http_requests_total", **labels, status="404") + 2
    )
    assert value(after, "http_requests_total", **labels, status="422") == (
        value(before, "http_requests_total", **labels, status="422") + 1
    )
    assert value(after, "http_request_seconds_count", **labels) == (
        value(before, "http_request_seconds_count", **labels) + 3
    )
    unmatched = {"method": "GET", "route": "unmatched", "status": "404"}
    assert value(after, "http_requests_total", **unmatched) == value(before, "http_requests_total", **unmatched) + 1
    assert value(after, "http_requests_in_progress") == 1  # the scrape itself


async def test_every_operation_is_counted_under_the_path_that_describes_it(app: FastAPI) -> None:
    async with at(app) as client:
        paths = (await client.get("/openapi.json")).json()["paths"]
        for path, operations in paths.items():
            for method in operations:
                await client.request(method, path.replace("{", "").replace("}", ""))
        samples = await scrape(client)
    counted = {dict(labels)["route"] for name, labels in samples if name == "creneau_http_requests_total"}
    assert paths.keys() <= counted


async def test_steps_of_bookings_are_counted_by_what_became_of_them(app: FastAPI, world: World) -> None:
    startup, buyer = await world.startup()
    cdmo, _ = await world.cdmo()
    slot = await world.slot(await world.unit(cdmo))
    product = await world.product(startup, code_name="Obelisk-77")
    body = {"slot_id": str(slot.id), "start": "2030-01-11", "product_id": str(product.id), "batches": 1}
    async with at(app) as client:
        before = await scrape(client)
        held = await client.post("/v1/bookings", json=body, headers=buyer)
        assert held.status_code == 201, held.text
        taken = await client.post("/v1/bookings", json=body, headers=buyer)
        assert taken.status_code == 409
        await client.post(f"/v1/bookings/{NOBODY}/confirm", headers=buyer)
        await client.post(f"/v1/bookings/{held.json()['id']}/release", headers=buyer)
        text = (await client.get("/metrics")).text
        after = await scrape(client)
    kind = taken.json()["type"].removeprefix("urn:creneau:problem:")
    for step, outcome in (("hold", "done"), ("hold", kind), ("confirm", "not-found")):
        labels = {"step": step, "outcome": outcome}
        assert value(after, "bookings_total", **labels) == value(before, "bookings_total", **labels) + 1, labels
    assert value(after, "unit_lock_seconds_count") > value(before, "unit_lock_seconds_count")
    for word in ("Obelisk-77", startup.name, str(startup.id), held.json()["id"], buyer["Authorization"].split()[1]):
        assert word not in text


async def test_connections_jobs_and_workers_are_told(app: FastAPI, settings: Settings) -> None:
    sessions: SessionFactory = app.state.sessions
    async with at(app) as client:
        async with transaction(sessions) as session:
            await enqueue(session, Entrypoint.SOLVE, NOBODY)
        samples = await scrape(client)
    assert value(samples, "jobs", kind="solve", state="waiting") == 1
    assert 0 <= value(samples, "jobs_longest_due_seconds") < 60
    assert value(samples, "database_up") == 1
    assert value(samples, "database_pool_size") == settings.database_pool_size
    assert value(samples, "database_pool_in_use") == 0
    assert value(samples, "workers") == 0


async def test_how_long_the_trail_waits_for_its_seal_is_told(
    app: FastAPI, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.core.gauges.FRESH_SECONDS", 0.0)
    sessions: SessionFactory = app.state.sessions
    async with at(app) as client:
        assert value(await scrape(client), "audit_unsealed_seconds") == 0
        for age in (90, 30):
            await world.add(record(at=now() - timedelta(seconds=age)))
        assert 90 <= value(await scrape(client), "audit_unsealed_seconds") < 120
        async with transaction(sessions) as session:
            assert await seal_records(session, most=1) == 1
        assert 30 <= value(await scrape(client), "audit_unsealed_seconds") < 60
        async with transaction(sessions) as session:
            assert await seal_records(session) == 1
        assert value(await scrape(client), "audit_unsealed_seconds") == 0


async def test_without_a_database_the_other_figures_are_still_there(settings: Settings) -> None:
    nowhere = SecretStr("postgresql+asyncpg://creneau_app@127.0.0.1:1/creneau")
    app = create_app(settings.model_copy(update={"database_url": nowhere}))
    async with app.router.lifespan_context(app), at(app) as client:
        samples = await scrape(client)
    assert ("creneau_database_up", frozenset()) in samples
    assert value(samples, "database_up") == 0
    assert not [name for name, _ in samples if name.startswith("creneau_jobs")]
    assert ("creneau_http_requests_in_progress", frozenset()) in samples


@pytest.mark.parametrize(
    ("address", "headers", "status"),
    [
        ("127.0.0.1", {}, 200),
        ("::1", {}, 200),
        ("192.0.2.1", {}, 403),
        ("testclient", {}, 403),
        ("127.0.0.1", {"X-Forwarded-For": "127.0.0.1"}, 403),
        ("127.0.0.1", {"Forwarded": "for=127.0.0.1"}, 403),
    ],
)
async def test_without_a_token_only_this_machine_may_read(
    app: FastAPI, address: str, headers: Mapping[str, str], status: int
) -> None:
    async with at(app, address) as client:
        assert (await client.get("/metrics", headers=headers)).status_code == status


@pytest.mark.parametrize(
    ("header", "status"), [("Bearer right", 200), ("Bearer wrong", 401), ("right", 401), ("Bearer é", 401), ("", 401)]
)
async def test_with_a_token_whoever_has_it_may_read(settings: Settings, header: str, status: int) -> None:
    app = create_app(settings.model_copy(update={"metrics_token": SecretStr("right")}))
    async with app.router.lifespan_context(app):
        for address in ("127.0.0.1", "192.0.2.1"):
            async with at(app, address) as client:
                answer = await client.get("/metrics", headers=[(b"Authorization", header.encode())])
                assert answer.status_code == status
