"""How long planning a crisis takes on the national calendar: to a first plan, and to those to choose from."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import httpx
from rich.console import Console
from rich.table import Table

from app.allocation.models import Run
from app.core.clock import today
from app.core.database import make_engine, make_session_factory
from app.core.jobs import Entrypoint
from app.core.settings import APPLICATION_ROLE, OWNER_ROLE, Settings
from app.core.tenancy import EVERYBODY, acting_for
from app.main import create_app
from seed.catalogue import DATA, read_catalogue
from seed.crisis_problems import CRISIS_BOOKED_SHARE
from seed.loader import load_world
from seed.scenario.generate import generate
from seed.scenario.sizes import SizeName
from tests.support import server
from tests.support.client import Client
from tests.support.jobs import perform
from tests.support.world import World

DATABASE = "creneau_bench_crisis"
MODALITY = "recombinant_protein"
"""Of those that a countermeasure could be, the one that most lines make."""
TARGETS = ((90, 60_000), (150, 180_000), (240, 400_000))
"""More than free places can give: a plan that displaces nobody leaves nothing to choose between."""
WORKERS = 2
FIRST_LIMIT_S, SECOND_LEVEL_S = 10.0, 60.0


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured, in seconds; the gap is that of the displacement after its minute at most."""

    movable: int
    campaigns: int
    reading: float
    first_plan: float
    output_proven: bool
    gap: float
    choices: float
    plans: int
    points: int
    explained: int
    proven: int


def declaration(on: date, site_ids: list[str]) -> dict[str, Any]:
    """Return a drill from a day on, under every power, for what the given sites are ready to make."""
    start, end = str(on), str(on + timedelta(days=365))
    kinds = ("reserve_contract", "voluntary", "requisition_or_order")
    return {
        "title": "Benchmark",
        "mode": "drill",
        "start": start,
        "end": end,
        "as_of_on": start,
        "powers": [
            {"kind": kind, "act_reference": kind, "signatory": "S", "start": start, "end": end} for kind in kinds
        ],
        "countermeasure": {
            "name": "Protein",
            "modality": MODALITY,
            "gmp_phase": "phase_1",
            "doses_per_litre": {"low": 2, "expected": 4, "high": 9},
            "prequalified_site_ids": site_ids,
        },
        "targets": [{"by": str(on + timedelta(days=days)), "quantity": doses} for days, doses in TARGETS],
    }


def run(choices_s: float) -> Figures:
    """Load the national calendar, booked as in a full year, and plan a crisis on it."""
    started = server.start()
    try:
        server.copy_template(DATABASE)
        return asyncio.run(_measured(choices_s))
    finally:
        if started is not None:
            server.discard(started)


async def _measured(choices_s: float) -> Figures:
    settings = Settings(
        database_url=server.secret(server.address(DATABASE, APPLICATION_ROLE)),
        database_owner_url=server.secret(server.address(DATABASE, OWNER_ROLE)),
        log_level="ERROR",
        solver_workers=WORKERS,
        **server.UNLIMITED,
    )
    assert settings.database_owner_url is not None
    assert settings.database_url is not None
    scenario = generate(read_catalogue(DATA), SizeName.NATIONAL, 1, today(), booked_share=CRISIS_BOOKED_SHARE)
    owner = make_engine(settings.database_owner_url, settings, is_owner=True)
    async with owner.begin() as connection:
        await load_world(connection, scenario.world, about={"benchmark": True})
    world = World(make_session_factory(owner))
    coordinator = await world.coordinator()
    lines = {row.line_id for row in scenario.world.line_modalities if row.modality == MODALITY}
    sites = sorted({str(line.site_id) for line in scenario.world.lines if line.id in lines})
    app = create_app(settings)
    async with (
        app.router.lifespan_context(app),
        Client(transport=httpx.ASGITransport(app), base_url="http://test", timeout=120) as client,
    ):
        bench = _Bench(client, coordinator, world, settings, choices_s)
        figures = await bench.measured(declaration(today(), sites))
    await owner.dispose()
    return figures


@dataclass(frozen=True, slots=True)
class _Bench:
    client: httpx.AsyncClient
    headers: Mapping[str, str]
    world: World
    settings: Settings
    choices_s: float

    async def measured(self, crisis: Mapping[str, Any]) -> Figures:
        """Plan a crisis, once for a first plan and once for those to choose from."""
        path = f"/v1/crises/{(await self._post('/v1/crises', crisis))['id']}"
        began = time.perf_counter()
        given = {"time_limit_s": SECOND_LEVEL_S, "choices_s": self.choices_s}
        run_id = (await self._post(f"{path}/plan", given))["id"]
        read = time.perf_counter() - began
        await self._solve(run_id)
        first = time.perf_counter() - began
        [plan] = (await self._get(f"{path}/plans"))["items"]
        levels = {level["objective"]: level for level in plan["body"]["solved_for"]["levels"]}
        trade_off = await self._get(f"{path}/trade-off")
        began = time.perf_counter()
        await self._solve(trade_off["run_id"])
        choices = time.perf_counter() - began
        plans = (await self._get(f"{path}/plans?limit=100"))["items"]
        said = [one["why"] for made in plans for one in (made["grounds"] or {"bookings": []})["bookings"]]
        gap = levels["displacement"]
        async with self.world.sessions() as session:
            problem = (await session.get_one(Run, UUID(run_id))).problem
        return Figures(
            movable=len(problem.get("movable", ())),
            campaigns=len(problem["surges"][0].get("options", ())),
            reading=read,
            first_plan=first,
            output_proven=levels["surge_output"]["proven"],
            gap=abs(gap["bound"] - gap["value"]) / max(1, gap["value"]),
            choices=choices,
            plans=len(plans),
            points=sum("trade_off" in made["labels"] for made in plans),
            explained=len(said),
            proven=sum(one["proof"] == "proven" or one["code"] == "kept_ties" for one in said),
        )

    async def _solve(self, run_id: str) -> None:
        with acting_for(EVERYBODY):
            await perform(self.world.sessions, Entrypoint.SOLVE, UUID(run_id), self.settings)
        run = await self._get(f"/v1/runs/{run_id}")
        if run["state"] != "succeeded":
            raise RuntimeError(f"the run {run['state']}: {run['error']}")

    async def _post(self, path: str, body: Mapping[str, Any]) -> Any:
        answer = await self.client.post(path, json=body, headers=self.headers)
        answer.raise_for_status()
        return answer.json()

    async def _get(self, path: str) -> Any:
        answer = await self.client.get(path, headers=self.headers)
        answer.raise_for_status()
        return answer.json()


def table(figures: Figures) -> Table:
    """Return the figures as people read them."""
    made = Table(title=f"Planning a crisis on the national calendar, {WORKERS} workers")
    made.add_column("what")
    made.add_column("measured", justify="right")
    made.add_column("wanted", justify="right")
    proven = "proven" if figures.output_proven else "not proven"
    rows = (
        ("bookings that may give way, and campaigns", f"{figures.movable}, {figures.campaigns}", ""),
        ("reading the calendars (s)", f"{figures.reading:.1f}", ""),
        (f"a first plan, its output {proven} (s)", f"{figures.first_plan:.1f}", f"under {FIRST_LIMIT_S:.0f}"),
        (f"gap of the displacement within {SECOND_LEVEL_S:.0f} s", f"{figures.gap:.1%}", ""),
        ("the plans to choose from (s)", f"{figures.choices:.1f}", ""),
        ("plans, and points of the curve", f"{figures.plans}, {figures.points}", "5 points or more"),
        ("bookings with why, and of those proven", f"{figures.explained}, {figures.proven}", ""),
    )
    for row in rows:
        made.add_row(*row)
    return made


def command(choices_s: float, console: Console) -> int:
    """Measure and show; the exit code is 1 if the first plan, proven in its output, takes too long."""
    figures = run(choices_s)
    console.print(table(figures))
    return 0 if figures.output_proven and figures.first_plan < FIRST_LIMIT_S else 1
