"""A crisis told through the interface, its runs solved by the real engine."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.allocation.escalation import is_met, steps_of
from app.allocation.models import Run
from app.allocation.runs import Success, end_run
from app.bookings.models import Booking, BookingStatus
from app.capacity.models import Slot
from app.catalogue.models import Unit
from app.core.database import transaction
from app.core.jobs import Entrypoint
from app.core.model import period
from app.core.settings import Settings
from app.core.vocabulary import Reserve
from app.identity.models import Organisation
from app.worker import FOLLOW_UPS
from scheduler.problem import Problem
from tests.support.greedy_solver import solved_by_greed
from tests.support.jobs import begun, perform
from tests.support.world import World, day

Headers = Mapping[str, str]
MEMORY_BYTES = 4 * 2**30
ENOUGH_SECONDS = 20
"""Far more than a small crisis takes to be proven, which ends it: what is planned must not hang on the machine."""


def iso(offset: int) -> str:
    """Return the day so many days after day one as JSON has it."""
    return day(offset).isoformat()


def power(kind: str = "requisition_or_order", **given: Any) -> dict[str, Any]:
    return {
        "kind": kind,
        "act_reference": f"Act on {kind}",
        "signatory": "The minister",
        "start": iso(-10),
        "end": iso(400),
        **given,
    }


def declaration(**given: Any) -> dict[str, Any]:
    """A real crisis as of day one: 10 doses a litre of an antibody that leaves testing after 10 days."""
    return {
        "title": "Outbreak",
        "mode": "real",
        "start": iso(0),
        "end": iso(300),
        "as_of_on": iso(0),
        "powers": [power()],
        "countermeasure": countermeasure(),
        "targets": [{"by": iso(86), "quantity": 60_000}],
        **given,
    }


def countermeasure(**given: Any) -> dict[str, Any]:
    return {
        "name": "Antibody",
        "modality": "monoclonal_antibody",
        "platform": "CHO",
        "gmp_phase": "phase_2",
        "doses_per_litre": {"low": 5, "expected": 10, "high": 20},
        "release_days": 10,
        **given,
    }


@dataclass
class Crises:
    """What the coordinator, the authority and the CDMOs do in a crisis, each step checked."""

    client: httpx.AsyncClient
    world: World
    coordinator: Headers
    authority: Headers

    async def post(self, path: str, body: Any = None, *, by: Headers | None = None, expect: int | None = None) -> Any:
        answer = await self.client.post(f"/v1/crises{path}", json=body, headers=by or self.coordinator)
        assert answer.status_code == (expect or 200), answer.text
        return answer.json()

    async def get(self, path: str, *, by: Headers | None = None, expect: int = 200) -> Any:
        answer = await self.client.get(f"/v1/crises{path}", headers=by or self.coordinator)
        assert answer.status_code == expect, answer.text
        return answer.json()

    async def declared(self, **given: Any) -> str:
        return str((await self.post("", declaration(**given), expect=201))["id"])

    async def run_of(self, crisis_id: str, **given: Any) -> UUID:
        """Have a plan asked for, alone unless choices are, and return the run that is to be solved."""
        asked = {"choices_s": 0, "time_limit_s": ENOUGH_SECONDS, **given}
        return UUID((await self.post(f"/{crisis_id}/plan", asked, expect=202))["id"])

    async def solve(self, run_id: UUID) -> Any:
        """Solve a run as a worker does, and return how it ended."""
        await perform(self.world.sessions, Entrypoint.SOLVE, run_id, Settings(solver_memory_bytes=MEMORY_BYTES))
        return (await self.client.get(f"/v1/runs/{run_id}", headers=self.coordinator)).json()

    async def plan_by_greed(self, crisis_id: str) -> Any:
        """Plan a crisis without the solver: the baseline's plan is a right one too, made at once."""
        await self.end_by_greed(await self.run_of(crisis_id))
        return (await self.get(f"/{crisis_id}/plans"))["items"][-1]

    async def end_by_greed(self, run_id: UUID) -> None:
        """End a run with the baseline's plan."""
        run = await self.begun(run_id)
        for document in steps_of(run.problem, run.references):
            solution = solved_by_greed(Problem.from_json(json.dumps(document)))
            if is_met(document, solution):
                break
        ending = Success(solution, {}, dict(document))
        async with transaction(self.world.sessions) as session:
            await end_run(session, run_id, run.attempt, ending, FOLLOW_UPS)

    async def replan_of(self, crisis_id: str, **given: Any) -> UUID:
        """Have an active crisis planned anew, and return the run that is to be solved."""
        asked = {"time_limit_s": ENOUGH_SECONDS, **given}
        return UUID((await self.post(f"/{crisis_id}/replan", asked, expect=202))["id"])

    async def amended(self, crisis_id: str, **given: Any) -> Any:
        """Plan an active crisis anew, and return the amendment."""
        run = await self.solve(await self.replan_of(crisis_id, **given))
        assert run["state"] == "succeeded", run["error"]
        return (await self.get(f"/{crisis_id}/plans"))["items"][-1]

    async def amended_by_greed(self, crisis_id: str, **given: Any) -> Any:
        """The same without the solver, nor the worker that leaves a trace of its own."""
        await self.end_by_greed(await self.replan_of(crisis_id, **given))
        return (await self.get(f"/{crisis_id}/plans"))["items"][-1]

    async def signed_by_both(self, crisis_id: str, plan: Any) -> None:
        await self.sign(crisis_id, plan, by=self.coordinator)
        await self.sign(crisis_id, plan, by=self.authority)

    async def put_into_force(self, crisis_id: str, amendment: Any) -> None:
        await self.signed_by_both(crisis_id, amendment)
        await self.post(f"/{crisis_id}/activate")

    async def orders(self, crisis_id: str) -> dict[str, Any]:
        """Return the orders of a crisis by the line's CDMO; the last one where it has several."""
        return {one["organisation_id"]: one for one in (await self.get(f"/{crisis_id}/orders"))["items"]}

    async def begun(self, run_id: UUID) -> Run:
        """Begin a run as a worker does, up to where its problem is to be solved."""
        return await begun(self.world.sessions, run_id)

    async def plan(self, crisis_id: str) -> Any:
        """Plan a crisis, and return the newest of its plans."""
        run = await self.solve(await self.run_of(crisis_id))
        assert run["state"] == "succeeded", run["error"]
        return (await self.get(f"/{crisis_id}/plans"))["items"][-1]

    async def planned(self, **given: Any) -> tuple[str, Any]:
        crisis_id = await self.declared(**given)
        return crisis_id, await self.plan(crisis_id)

    async def sketched(self, **given: Any) -> tuple[str, Any]:
        """Declare a crisis and plan it by greed: for what does not hang on the best plan."""
        crisis_id = await self.declared(**given)
        return crisis_id, await self.plan_by_greed(crisis_id)

    async def sign(self, crisis_id: str, plan: Any, *, by: Headers, expect: int = 200) -> Any:
        body = {"plan_id": plan["id"], "plan_hash": plan["plan_hash"]}
        return await self.post(f"/{crisis_id}/sign", body, by=by, expect=expect)

    async def signed(self, **given: Any) -> tuple[str, Any]:
        crisis_id, plan = await self.sketched(**given)
        await self.sign(crisis_id, plan, by=self.coordinator)
        await self.sign(crisis_id, plan, by=self.authority)
        return crisis_id, plan

    async def activated(self, **given: Any) -> tuple[str, Any]:
        crisis_id, plan = await self.signed(**given)
        await self.post(f"/{crisis_id}/activate")
        return crisis_id, plan

    async def order_of(self, crisis_id: str) -> Any:
        [order] = (await self.get(f"/{crisis_id}/orders"))["items"]
        return order


@pytest.fixture
async def crises(client: httpx.AsyncClient, world: World) -> Crises:
    return Crises(client, world, await world.coordinator(), await world.authority())


@dataclass
class Maker:
    """A CDMO with a line of 2,000 L, so 20,000 doses a batch: 40 days for one, 17 more for each after, 3 to change."""

    cdmo: Organisation
    headers: Headers
    unit: Unit


async def maker(world: World, **line: Any) -> Maker:
    cdmo, headers = await world.cdmo()
    return Maker(cdmo, headers, await world.unit(cdmo, **line))


@dataclass
class Booked:
    """A confirmed lot of a start-up."""

    startup: Organisation
    headers: Headers
    booking: Booking


async def booked(world: World, slot: Slot, start: int, end: int, **given: Any) -> Booked:
    """Store a confirmed booking of one batch over the days [start, end), for a request deliverable within a year."""
    startup, headers = await world.startup()
    product = await world.product(startup)
    request = await world.request(product, status="booked", priority_tier=given.pop("priority_tier", None))
    booking = await world.add(
        Booking(
            **{
                "slot_id": slot.id,
                "unit_id": slot.unit_id,
                "organisation_id": startup.id,
                "request_id": request.id,
                "product_id": product.id,
                "batches": 1,
                "period": period(day(start), day(end)),
                "delivery_on": day(end + 39),
                "reserve": slot.reserve,
                "status": BookingStatus.CONFIRMED,
                "price_cents": 100_000_000,
                **given,
            }
        )
    )
    return Booked(startup, headers, booking)


@dataclass
class Contested:
    """A crisis that needs the place of one booking."""

    made: Maker
    slot: Slot
    first: Booked
    second: Booked


async def contested(world: World) -> Contested:
    """Store an open slot [0, 200) with lots at [20, 63) and [100, 143).

    A batch released by day 60 starts by day 10, and so needs [10, 20) at least: the first lot gives way. What is free
    after it, [63, 100), is too short for its 43 days; [143, 200) is not.
    """
    made = await maker(world)
    slot = await world.slot(made.unit, 0, 200, reserve=Reserve.OPEN)
    return Contested(made, slot, await booked(world, slot, 20, 63), await booked(world, slot, 100, 143))


CONTESTED_TARGET = [{"by": iso(60), "quantity": 20_000}]


async def scalar(owner: AsyncEngine, query: str, **parameters: Any) -> Any:
    async with owner.connect() as connection:
        return await connection.scalar(text(query), parameters)
