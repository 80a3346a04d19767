"""How long it takes on the national calendar to plan a crisis anew after one counter, and how many orders that changes.

From the request to the amendment that can be signed, through the interface and the worker's job, on a database of its
own. Every CDMO but one has accepted; the one with the largest order counters by 60 days.
"""

import asyncio
import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
from rich.console import Console
from rich.table import Table
from sqlalchemy import text

from app.core.clock import today
from app.core.database import make_engine, make_session_factory
from app.core.jobs import Entrypoint
from app.core.settings import APPLICATION_ROLE, OWNER_ROLE, Settings
from app.identity.models import Organisation, Role
from app.main import create_app
from seed.loading import LoadPlan, load
from seed.scenario.sizes import SizeName
from tests.bench.demands import Demand, at_most
from tests.support import server
from tests.support.client import Client
from tests.support.jobs import perform
from tests.support.world import World

DATABASE = "creneau_bench_replan"
LIMIT_S = 5.0
LATER_DAYS = 60
TARGETS = {"within reach": ((90, 10_000), (180, 60_000)), "beyond reach": ((90, 60_000), (180, 180_000))}
"""Doses by days from today: what can be made good elsewhere, and what all lines together cannot make."""

PREPARED = "SELECT DISTINCT l.site_id::text FROM production_lines l WHERE 'monoclonal_antibody' = ANY (l.modalities)"


@dataclass(frozen=True, slots=True)
class Measured:
    """One planning anew."""

    seed: int
    targets: str
    seconds: float
    orders: int
    changed_orders: int
    kept_orders: int
    displacements: int
    targets_met: bool
    tiers_tried: int


def run(seeds: int) -> list[Measured]:
    """Measure on calendars of several seeds."""
    started = server.start(durable=True)
    try:
        return [_on_calendar(seed, targets) for seed in range(1, seeds + 1) for targets in TARGETS]
    finally:
        if started is not None:
            server.discard(started)


def _on_calendar(seed: int, targets: str) -> Measured:
    server.copy_template(DATABASE)
    try:
        return asyncio.run(_measured(seed, targets))
    finally:
        server.drop(DATABASE)


async def _measured(seed: int, targets: str) -> Measured:
    settings = Settings(
        database_url=server.secret(server.address(DATABASE, APPLICATION_ROLE)),
        database_owner_url=server.secret(server.address(DATABASE, OWNER_ROLE)),
        log_level="ERROR",
        **server.UNLIMITED,
    )
    await load(settings, LoadPlan(SizeName.NATIONAL, seed, today()))
    owner = make_engine(
        server.secret(server.address(DATABASE, OWNER_ROLE)), settings, application_name="bench", is_owner=True
    )
    app = create_app(settings)
    try:
        async with (
            app.router.lifespan_context(app),
            Client(transport=httpx.ASGITransport(app), base_url="http://test", timeout=600) as client,
        ):
            story = _Story(client, World(make_session_factory(owner)), settings, {}, {})
            return await story.told(seed, targets)
    finally:
        await owner.dispose()


@dataclass
class _Story:
    """A crisis from its declaration to the counter, and on."""

    client: Client
    world: World
    settings: Settings
    coordinator: Mapping[str, str]
    authority: Mapping[str, str]

    async def told(self, seed: int, targets: str) -> Measured:
        self.coordinator, self.authority = await self.world.coordinator(), await self.world.authority()
        crisis_id = (await self.post("/v1/crises", await self._declaration(targets), expect=201))["id"]
        plan = await self._planned(crisis_id, "plan", {"time_limit_s": 5, "choices_s": 0})
        await self._put_into_force(crisis_id, plan)
        orders = await self._answered(crisis_id)
        began = time.perf_counter()
        amendment = (await self._planned(crisis_id, "replan", {"reason_code": "order_countered"}))["body"]
        seconds = time.perf_counter() - began
        return Measured(
            seed,
            targets,
            round(seconds, 2),
            orders,
            amendment["changed_orders"],
            len(amendment["orders"]["kept"]),
            len(amendment["displacements"]),
            amendment["targets_met"],
            len(amendment["tiers"]),
        )

    async def post(self, path: str, body: Any = None, *, by: Mapping[str, str] | None = None, expect: int = 200) -> Any:
        answer = await self.client.post(path, json=body, headers=dict(by or self.coordinator))
        if answer.status_code != expect:
            raise RuntimeError(f"{path} was refused: {answer.text}")
        return answer.json()

    async def get(self, path: str) -> list[Any]:
        found: list[Any] = []
        while path:
            answer = (await self.client.get(path, headers=dict(self.coordinator))).json()
            found += answer["items"]
            path = answer["next"]
        return found

    async def _declaration(self, targets: str) -> dict[str, Any]:
        async with self.world.sessions() as session:
            sites = [site for (site,) in await session.execute(text(PREPARED))]
        return declaration(today(), sites, TARGETS[targets])

    async def _planned(self, crisis_id: str, verb: str, body: Any) -> Any:
        """Have the crisis planned, or planned anew, as a worker does, and return what came of it."""
        run = await self.post(f"/v1/crises/{crisis_id}/{verb}", body, expect=202)
        await perform(self.world.sessions, Entrypoint.SOLVE, UUID(run["id"]), self.settings)
        [plan, *_] = [one for one in await self.get(f"/v1/crises/{crisis_id}/plans") if one["run_id"] == run["id"]]
        return plan

    async def _put_into_force(self, crisis_id: str, plan: Any) -> None:
        signature = {"plan_id": plan["id"], "plan_hash": plan["plan_hash"]}
        for signatory in (self.coordinator, self.authority):
            await self.post(f"/v1/crises/{crisis_id}/sign", signature, by=signatory)
        await self.post(f"/v1/crises/{crisis_id}/activate")

    async def _answered(self, crisis_id: str) -> int:
        """Have the largest order countered and all others accepted, and return how many there are."""
        orders = sorted(await self.get(f"/v1/crises/{crisis_id}/orders"), key=lambda one: (-one["output"], one["id"]))
        keys: dict[str, Mapping[str, str]] = {}
        for number, order in enumerate(orders):
            cdmo = order["organisation_id"]
            if cdmo not in keys:
                async with self.world.sessions() as session:
                    organisation = await session.get_one(Organisation, UUID(cdmo))
                keys[cdmo] = await self.world.headers(organisation, Role.CDMO_PLANNER)
            path = f"/v1/crises/{crisis_id}/orders/{order['id']}"
            if number:
                await self.post(f"{path}/accept", by=keys[cdmo])
            else:
                later = date.fromisoformat(order["start"]) + timedelta(days=LATER_DAYS)
                await self.post(f"{path}/counter", {"earliest": str(later), "reason_code": "staff"}, by=keys[cdmo])
        return len(orders)


def declaration(first: date, sites: list[str], targets: Iterable[tuple[int, int]]) -> dict[str, Any]:
    """A real crisis that every power serves, over antibodies that all their sites are ready to make."""
    start, end = str(first), str(first + timedelta(days=365))
    kinds = ("reserve_contract", "voluntary", "requisition_or_order")
    return {
        "title": "Benchmark",
        "mode": "real",
        "start": start,
        "end": end,
        "as_of_on": start,
        "powers": [
            {"kind": kind, "act_reference": kind, "signatory": "S", "start": start, "end": end} for kind in kinds
        ],
        "countermeasure": {
            "name": "Antibody",
            "modality": "monoclonal_antibody",
            "gmp_phase": "phase_2",
            "doses_per_litre": {"low": 2, "expected": 4, "high": 9},
            "prequalified_site_ids": sites,
        },
        "targets": [{"by": str(first + timedelta(days=days)), "quantity": doses} for days, doses in targets],
    }


def table(results: list[Measured]) -> Table:
    """Return the results as they are shown."""
    shown = Table(title=f"Planning anew after one counter, on the national calendar (allowed: {LIMIT_S:.0f} s)")
    for column in (
        "seed",
        "targets",
        "seconds",
        "orders",
        "changed",
        "kept",
        "displaced",
        "tiers tried",
        "targets met",
    ):
        shown.add_column(column, justify="right")
    for one in results:
        figures = (
            one.seed,
            one.targets,
            one.seconds,
            one.orders,
            one.changed_orders,
            one.kept_orders,
            one.displacements,
        )
        shown.add_row(*(str(figure) for figure in figures), str(one.tiers_tried), "yes" if one.targets_met else "no")
    return shown


def command(seeds: int, console: Console, results: Path) -> list[Demand]:
    """Measure, show, keep the figures, and return what must hold."""
    measured = run(seeds)
    console.print(table(measured))
    results.mkdir(exist_ok=True)
    (results / "replan.json").write_text(json.dumps([asdict(one) for one in measured], indent=2) + "\n")
    return [_demand(one) for one in measured]


def _demand(one: Measured) -> Demand:
    """Return that it took no longer than is allowed, and say how many orders it changed."""
    what = f"calendar {one.seed}, targets {one.targets}: {one.changed_orders} of {one.orders} orders changed"
    return at_most("replan", what, LIMIT_S, one.seconds, " s")
