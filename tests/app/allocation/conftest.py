"""A round told through the interface, and a worker that solves it."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from app.allocation.runs import Success, end_run
from app.core.database import transaction
from app.core.settings import Settings
from app.requests.models import Request
from app.worker import FOLLOW_UPS, work
from tests.app.allocation.problems import greedy_solution
from tests.app.allocation.waiting_room import Room
from tests.support.jobs import begun
from tests.support.world import World, day

Headers = Mapping[str, str]
PATIENCE_SECONDS = 60


@dataclass
class Rounds:
    """What a coordinator does with a round, each step checked."""

    client: httpx.AsyncClient
    headers: Headers

    async def post(self, path: str, body: Any = None, *, expect: int = 200) -> Any:
        answer = await self.client.post(path, json=body, headers=self.headers)
        assert answer.status_code == expect, answer.text
        return answer.json()

    async def get(self, path: str, *, expect: int = 200) -> Any:
        answer = await self.client.get(path, headers=self.headers)
        assert answer.status_code == expect, answer.text
        return answer.json()

    async def draft(self, **given: Any) -> str:
        body: dict[str, Any] = {
            "name": "Round",
            "reserves": ["startup"],
            "start": day(0).isoformat(),
            "end": day(365).isoformat(),
            "as_of_on": day(-10).isoformat(),
            "policy": {"time_limit_s": 20},
        }
        made = await self.post("/v1/rounds", body | given, expect=201)
        return str(made["id"])

    async def closed(self, **given: Any) -> str:
        round_id = await self.draft(**given)
        await self.post(f"/v1/rounds/{round_id}/open")
        await self.post(f"/v1/rounds/{round_id}/close")
        return round_id

    async def solve(self, round_id: str) -> str:
        run = await self.post(f"/v1/rounds/{round_id}/solve", expect=202)
        return str(run["id"])

    async def ended(self, run_id: str) -> Any:
        """Wait until a run has ended, and return it."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                run = await self.get(f"/v1/runs/{run_id}")
                if run["state"] not in {"queued", "running"}:
                    return run
                await asyncio.sleep(0.2)

    async def solved(self, **given: Any) -> tuple[str, Any]:
        round_id = await self.closed(**given)
        run = await self.ended(await self.solve(round_id))
        assert run["state"] == "succeeded", run["error"]
        return round_id, run


@pytest.fixture
async def rounds(client: httpx.AsyncClient, world: World) -> Rounds:
    return Rounds(client, await world.coordinator())


@pytest.fixture
async def worker(settings: Settings, world: World) -> AsyncIterator[asyncio.Event]:
    """A worker in this very process, at work as long as the test lasts."""
    stop = asyncio.Event()
    task = asyncio.create_task(work(settings, stop))
    yield stop
    stop.set()
    with suppress(asyncio.CancelledError):
        await task


@dataclass
class Contest:
    """Three start-ups that want the one slot, in which two of their campaigns find room."""

    headers: dict[str, Headers]
    requests: dict[str, Request]

    def name_of(self, request_id: str) -> str:
        return next(name for name, request in self.requests.items() if str(request.id) == request_id)


async def contest(world: World, **line: Any) -> Contest:
    """Store a slot of 90 days on a standard line, where a batch takes 40 and 3 to change over, and three requests.

    Points: one each, one more for a French start-up, and those of the phase. `first` has 3 (phase 1) and came first
    with two batches (60 days in all); `second` and `third` have 4 (phase 2) for one batch (43 days): both fit, but
    neither beside `first`.
    """
    cdmo, _ = await world.cdmo()
    unit = await world.unit(cdmo, **line)
    await world.slot(unit, 0, 90, reserve="startup")
    made = Contest({}, {})
    for name, phase, batches in (("first", "phase_1", 2), ("second", "phase_2", 1), ("third", "phase_2", 1)):
        startup, made.headers[name] = await world.startup()
        product = await world.product(startup)
        made.requests[name] = await world.request(product, gmp_phase=phase, batches=batches)
    return made


async def planned_by_greed(rounds: Rounds, world: World) -> tuple[str, Any]:
    """Close a round and give its run the greedy plan, at once: for what does not hang on the best one."""
    round_id = await rounds.closed()
    return round_id, await solved_by_greed(rounds, world, round_id)


async def solved_by_greed(rounds: Rounds, world: World, round_id: str) -> Any:
    """Give a closed round a run whose plan is the greedy one, and return the run."""
    run_id = UUID(await rounds.solve(round_id))
    run = await begun(world.sessions, run_id)
    async with transaction(world.sessions) as session:
        await end_run(session, run_id, run.attempt, Success(greedy_solution(run.problem), {}), FOLLOW_UPS)
    return await rounds.get(f"/v1/runs/{run_id}")


@pytest.fixture
async def room(client: httpx.AsyncClient, world: World, owner: AsyncEngine, app: FastAPI) -> Room:
    """A slot with room for one campaign of one batch."""
    return await Room.of(client, world, owner, app.state.sessions)
