"""How long planning a crisis takes on the national calendar: to a plan to look at, to a good one, and to all others.

Two crises on one calendar, see `crisis_cases`.
"""

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
from rich.console import Console
from rich.table import Table
from sqlalchemy import text

from app.allocation.models import Run
from app.core.clock import today
from app.core.database import make_engine, make_session_factory
from app.core.jobs import Entrypoint
from app.core.settings import APPLICATION_ROLE, OWNER_ROLE, Settings
from app.core.tenancy import EVERYBODY, acting_for
from app.crisis.models import Crisis
from app.crisis.scoping import board_of, brief_of, read_calendars
from app.main import create_app
from seed.catalogue import DATA, read_catalogue
from seed.crisis_problems import CRISIS_BOOKED_SHARE
from seed.loader import load_world
from seed.scenario.generate import generate
from seed.scenario.sizes import SizeName
from tests.bench.crisis_cases import Case, cases, declaration, sites
from tests.bench.demands import Demand, at_least, at_most, is_so
from tests.support import server
from tests.support.client import Client
from tests.support.jobs import perform
from tests.support.world import World

DATABASE = "creneau_bench_crisis"
WORKERS = 2
FIRST_GIVEN_S = 4.0
"""What the engine is given for a plan to look at; the rest of the time is for making its problems and checking it."""
FIRST_LIMIT_S, SECOND_LEVEL_S = 10.0, 60.0
MOST_GAP, LEAST_POINTS = 0.1, 5


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured of one crisis, in seconds; gaps are those of the displacement.

    Attributes
    ----------
    live, in_the_way, movable
        Bookings of the calendar, those of them in a slot that a campaign could use, and those that may give way.
    campaigns
        Campaigns of the problem that the plan was solved for.
    making
        From the request to the problems, in the first plan.
    """

    name: str
    modality: str
    live: int
    in_the_way: int
    movable: int
    campaigns: int
    making: float
    first_plan: float
    output_proven: bool
    first_gap: float
    displaced: int
    gap: float
    choices: float | None
    plans: int
    points: int
    explained: int
    proven: int


def run(choices_s: float) -> list[Figures]:
    """Load the national calendar, booked as in a full year, and plan crises on it."""
    started = server.start()
    try:
        server.copy_template(DATABASE)
        return asyncio.run(_measured(choices_s))
    finally:
        if started is not None:
            server.discard(started)


async def _measured(choices_s: float) -> list[Figures]:
    settings = Settings(
        database_url=server.secret(server.address(DATABASE, APPLICATION_ROLE)),
        database_owner_url=server.secret(server.address(DATABASE, OWNER_ROLE)),
        log_level="ERROR",
        solver_workers=WORKERS,
        **server.UNLIMITED,
    )
    assert settings.database_owner_url is not None
    rows = generate(read_catalogue(DATA), SizeName.NATIONAL, 1, today(), booked_share=CRISIS_BOOKED_SHARE).world
    owner = make_engine(settings.database_owner_url, settings, is_owner=True)
    async with owner.begin() as connection:
        await load_world(connection, rows, about={"benchmark": True})
    world = World(make_session_factory(owner))
    coordinator = await world.coordinator()
    app = create_app(settings)
    async with (
        app.router.lifespan_context(app),
        Client(transport=httpx.ASGITransport(app), base_url="http://test", timeout=120) as client,
    ):
        bench = _Bench(client, coordinator, world, settings, choices_s)
        found = [await bench.measured(case, declaration(today(), case, sites(rows, case))) for case in cases(rows)]
    await owner.dispose()
    return found


@dataclass(frozen=True, slots=True)
class _Bench:
    client: httpx.AsyncClient
    headers: Mapping[str, str]
    world: World
    settings: Settings
    choices_s: float

    async def measured(self, case: Case, crisis: Mapping[str, Any]) -> Figures:
        """Plan a crisis: at once for a plan to look at, with more time, and where wanted for those to choose from."""
        crisis_id = (await self._post("/v1/crises", crisis))["id"]
        path = f"/v1/crises/{crisis_id}"
        began = time.perf_counter()
        first_run = await self._planned(path, FIRST_GIVEN_S, 0)
        first = time.perf_counter() - began
        at_once = _levels(await self._proposed(path))
        run_id = await self._planned(path, SECOND_LEVEL_S, self.choices_s if case.choices else 0)
        plan = await self._proposed(path)
        choices = await self._choices(path) if case.choices else None
        plans = (await self._get(f"{path}/plans?limit=100"))["items"] if case.choices else [plan]
        said = [one["why"] for made in plans for one in (made["grounds"] or {"bookings": []})["bookings"]]
        live, in_the_way, movable = await self._bookings(UUID(crisis_id))
        async with self.world.sessions() as session:
            problem = (await session.get_one(Run, UUID(run_id))).problem
        return Figures(
            name=case.name,
            modality=case.modality,
            live=live,
            in_the_way=in_the_way,
            movable=movable,
            campaigns=len(problem["surges"][0].get("options", ())),
            making=await self._making(UUID(first_run)),
            first_plan=first,
            output_proven=at_once["surge_output"]["proven"],
            first_gap=_gap(at_once["displacement"]),
            displaced=len(plan["body"]["displacements"]),
            gap=_gap(_levels(plan)["displacement"]),
            choices=choices,
            plans=len(plans),
            points=sum("trade_off" in made["labels"] for made in plans),
            explained=len(said),
            proven=sum(one["proof"] == "proven" or one["code"] == "kept_ties" for one in said),
        )

    async def _planned(self, path: str, seconds: float, choices_s: float) -> str:
        run_id: str = (await self._post(f"{path}/plan", {"time_limit_s": seconds, "choices_s": choices_s}))["id"]
        await self._solve(run_id)
        return run_id

    async def _proposed(self, path: str) -> Any:
        plans = (await self._get(f"{path}/plans?limit=100"))["items"]
        return next(plan for plan in plans if plan["status"] == "proposed")

    async def _choices(self, path: str) -> float:
        """Return the seconds that the plans to choose from take."""
        trade_off = await self._get(f"{path}/trade-off")
        began = time.perf_counter()
        await self._solve(trade_off["run_id"])
        return time.perf_counter() - began

    async def _bookings(self, crisis_id: UUID) -> tuple[int, int, int]:
        """Return how many bookings there are, lie in a slot that a campaign could use, and may give way."""
        async with self.world.sessions() as session:
            brief = await brief_of(session, await session.get_one(Crisis, crisis_id))
            calendars = await read_calendars(session, brief)
        board, _ = board_of(brief, calendars)
        wanted = {one.slot_id for one in board.campaigns}
        return len(board.bookings), sum(one.slot_id in wanted for one in board.bookings), len(board.movable)

    async def _making(self, run_id: UUID) -> float:
        """Return the seconds from the request of a run to its problems, as the trail tells them."""
        told = text("SELECT action, at FROM audit_records WHERE object_id = :id")
        async with self.world.sessions() as session:
            at = {row.action: row.at for row in await session.execute(told, {"id": run_id})}
        seconds: float = (at["run.prepared"] - at["run.requested"]).total_seconds()
        return seconds

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


def _levels(plan: Mapping[str, Any]) -> dict[str, Any]:
    return {level["objective"]: level for level in plan["body"]["solved_for"]["levels"]}


def _gap(level: Mapping[str, Any]) -> float:
    gap: float = abs(level["bound"] - level["value"]) / max(1, abs(level["value"]))
    return gap


def table(found: list[Figures]) -> Table:
    """Return the figures as people read them."""
    made = Table(title=f"Planning crises on the national calendar, {WORKERS} workers")
    made.add_column("what")
    for one in found:
        made.add_column(f"{one.name}: {one.modality}", justify="right")
    rows = [
        ("bookings of the calendar", *(f"{one.live:,}" for one in found)),
        ("of them in a slot that a campaign could use", *(f"{one.in_the_way:,}" for one in found)),
        ("of them free to give way", *(f"{one.movable:,}" for one in found)),
        ("campaigns that could run", *(f"{one.campaigns:,}" for one in found)),
        ("making the problems (s)", *(f"{one.making:.1f}" for one in found)),
        (f"a first plan, the engine given {FIRST_GIVEN_S:g} s (s)", *(f"{one.first_plan:.1f}" for one in found)),
        ("its output", *("proven" if one.output_proven else "not proven" for one in found)),
        ("gap of its displacement", *(f"{one.first_gap:.1%}" for one in found)),
        (f"the same, given {SECOND_LEVEL_S:g} s", *(f"{one.gap:.1%}" for one in found)),
        ("bookings that give way then", *(f"{one.displaced:,}" for one in found)),
        ("the plans to choose from (s)", *("-" if one.choices is None else f"{one.choices:.1f}" for one in found)),
        ("plans, and points of the curve", *(f"{one.plans}, {one.points}" for one in found)),
        ("bookings with why, and of those proven", *(f"{one.explained}, {one.proven}" for one in found)),
    ]
    for row in rows:
        made.add_row(*row)
    return made


def demands(one: Figures) -> list[Demand]:
    """Return what must hold of one crisis."""
    found = [
        at_most("crisis", f"{one.name}: a plan to look at", FIRST_LIMIT_S, one.first_plan, " s", 1),
        is_so("crisis", f"{one.name}: its output proven", holds=one.output_proven),
        at_most("crisis", f"{one.name}: gap of the displacement in {SECOND_LEVEL_S:g} s", MOST_GAP, one.gap),
    ]
    if one.choices is not None:
        found.append(at_least("crisis", f"{one.name}: points of the curve", LEAST_POINTS, one.points, digits=0))
    return found


def command(choices_s: float, console: Console, results: Path) -> list[Demand]:
    """Measure, show, keep the figures, and return what must hold."""
    found = run(choices_s)
    console.print(table(found))
    results.mkdir(exist_ok=True)
    (results / "crisis.json").write_text(json.dumps([asdict(one) for one in found], indent=2) + "\n")
    return [demand for one in found for demand in demands(one)]
