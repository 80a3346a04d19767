"""From the request of a plan until its run has ended, nobody books what the run may draw on; and then everybody may.

A hold lies at [145, 188), in the only slot, [0, 200), that the crisis of `contested` can use.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from app.allocation.runs import Failure, Success, cancel_run, claim_run, end_run, give_up_run
from app.audit.author import Author
from app.capacity.models import Slot
from app.capacity.service import lock_units
from app.core.database import transaction
from app.core.vocabulary import Reserve
from app.crisis.ending import expire_crises
from app.worker import FOLLOW_UPS
from tests.app.allocation.problems import greedy_solution
from tests.app.crisis.active_crises import COUNTER, answer, rows, two_of_three
from tests.app.crisis.conftest import CONTESTED_TARGET, Contested, Crises, contested, iso, maker, power, scalar
from tests.app.crisis.test_drill import contents
from tests.support.greedy_solver import take_the_place_of_the_solver
from tests.support.world import World

pytestmark = pytest.mark.database

AUTHOR = Author.of_job("test")
HELD = "SELECT DISTINCT slot_id FROM slot_freezes"
HOLDS = "SELECT slot_id, holder_id FROM slot_freezes"
ADVISORY_WAITS = text(
    "SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = database"
    " WHERE datname = current_database() AND locktype = 'advisory' AND NOT granted"
)


async def hold(crises: Crises, world: World, slot: Slot, start: int = 145) -> httpx.Response:
    """Have a start-up try to hold days of a slot."""
    startup, headers = await world.startup()
    request = await world.request(await world.product(startup))
    body = {"slot_id": str(slot.id), "request_id": str(request.id), "start": iso(start)}
    return await crises.client.post("/v1/bookings", json=body, headers=headers)


async def is_refused(crises: Crises, world: World, slot: Slot) -> None:
    """See that a buyer is told why, and where."""
    refused = await hold(crises, world, slot)
    assert refused.status_code == 409, refused.text
    told = refused.json()
    assert told["type"].endswith(":slot-frozen")
    assert "held still while the plan of a round or a crisis is being made or decided on" in told["detail"]
    assert [one["pointer"] for one in told["errors"]] == ["/slot_id"]


async def asked(crises: Crises, world: World) -> tuple[Contested, str, UUID]:
    """Have a plan asked for that no worker has begun."""
    place = await contested(world)
    crisis_id = await crises.declared(targets=CONTESTED_TARGET)
    return place, crisis_id, await crises.run_of(crisis_id)


async def test_a_plan_succeeds_on_a_market_that_goes_on_booking(
    crises: Crises, world: World, owner: AsyncEngine
) -> None:
    """Before the run is begun, while it is solved, and until the plan is activated."""
    place, crisis_id, run_id = await asked(crises, world)
    await is_refused(crises, world, place.slot)
    run = await crises.begun(run_id)
    await is_refused(crises, world, place.slot)
    async with transaction(world.sessions) as session:
        ended = await end_run(session, run_id, run.attempt, Success(greedy_solution(run.problem), {}), FOLLOW_UPS)
    assert ended is not None
    assert ended.state == "succeeded"
    await is_refused(crises, world, place.slot)
    assert await rows(owner, "SELECT DISTINCT holder_id::text FROM slot_freezes") == [(crisis_id,)], "it is the plan's"


async def begin(crises: Crises, run_id: UUID) -> int:
    return (await crises.begun(run_id)).attempt


async def fail(session: AsyncSession, run_id: UUID, attempt: int) -> None:
    assert await end_run(session, run_id, attempt, Failure("no plan"), FOLLOW_UPS)


async def a_failure(crises: Crises, _: str, run_id: UUID) -> None:
    attempt = await begin(crises, run_id)
    async with transaction(crises.world.sessions) as session:
        await fail(session, run_id, attempt)


async def a_cancellation_while_it_waits(crises: Crises, _: str, run_id: UUID) -> None:
    done = await crises.client.post(f"/v1/runs/{run_id}/cancel", headers=crises.coordinator)
    assert done.json()["state"] == "cancelled"


async def a_cancellation_while_it_is_solved(crises: Crises, _: str, run_id: UUID) -> None:
    attempt = await begin(crises, run_id)
    async with transaction(crises.world.sessions) as session:
        await cancel_run(session, AUTHOR, run_id)
    async with transaction(crises.world.sessions) as session:
        await fail(session, run_id, attempt)


async def a_cancellation_whose_worker_has_died(crises: Crises, _: str, run_id: UUID) -> None:
    await begin(crises, run_id)
    async with transaction(crises.world.sessions) as session:
        await cancel_run(session, AUTHOR, run_id)
    async with transaction(crises.world.sessions) as session:
        assert await claim_run(session, run_id, FOLLOW_UPS) is None


async def a_job_given_up(crises: Crises, _: str, run_id: UUID) -> None:
    await begin(crises, run_id)
    async with transaction(crises.world.sessions) as session:
        await give_up_run(session, run_id, 3, follow_ups=FOLLOW_UPS)


async def a_stand_down_while_it_waits(crises: Crises, crisis_id: str, _: UUID) -> None:
    await crises.post(f"/{crisis_id}/stand-down")


async def a_stand_down_while_it_is_solved(crises: Crises, crisis_id: str, run_id: UUID) -> None:
    """Whose worker may never answer: the days are free at once."""
    await begin(crises, run_id)
    await crises.post(f"/{crisis_id}/stand-down")


async def a_stand_down_after_a_cancellation_whose_worker_has_died(crises: Crises, crisis_id: str, run_id: UUID) -> None:
    await begin(crises, run_id)
    async with transaction(crises.world.sessions) as session:
        await cancel_run(session, AUTHOR, run_id)
    await crises.post(f"/{crisis_id}/stand-down")


async def an_expiry(crises: Crises, _: str, run_id: UUID) -> None:
    await begin(crises, run_id)
    async with transaction(crises.world.sessions) as session:
        await session.execute(text("UPDATE crises SET validity = '[2025-01-01,2025-06-01)'"))
    async with transaction(crises.world.sessions) as session:
        assert await expire_crises(session) == 1


async def a_change_all_the_same(crises: Crises, _: str, run_id: UUID) -> None:
    await begin(crises, run_id)
    async with transaction(crises.world.sessions) as session:
        await session.execute(text("UPDATE bookings SET contract_status = 'signed'"))
    run = await crises.solve(run_id)
    assert (run["state"], "Calendars changed" in run["error"]) == ("failed", True)


ENDS = (
    a_failure,
    a_cancellation_while_it_waits,
    a_cancellation_while_it_is_solved,
    a_cancellation_whose_worker_has_died,
    a_job_given_up,
    a_stand_down_while_it_waits,
    a_stand_down_while_it_is_solved,
    a_stand_down_after_a_cancellation_whose_worker_has_died,
    an_expiry,
    a_change_all_the_same,
)


@pytest.mark.parametrize("end", ENDS)
async def test_whatever_ends_a_run_without_a_plan_lets_go(
    crises: Crises,
    world: World,
    owner: AsyncEngine,
    monkeypatch: pytest.MonkeyPatch,
    end: Callable[[Crises, str, UUID], Awaitable[None]],
) -> None:
    take_the_place_of_the_solver(monkeypatch)
    place, crisis_id, run_id = await asked(crises, world)
    assert await scalar(owner, "SELECT count(*) FROM slot_freezes") == 1
    await end(crises, crisis_id, run_id)
    assert await scalar(owner, "SELECT count(*) FROM slot_freezes") == 0
    let_go = "SELECT count(*) FROM audit_records WHERE action = 'slot.thawed'"
    assert await scalar(owner, let_go) == 1
    free = await hold(crises, world, place.slot)
    assert free.status_code == 201, free.text


async def test_a_run_that_is_asked_to_stop_holds_on_until_its_best_plan_is_taken_up(
    crises: Crises, world: World, owner: AsyncEngine
) -> None:
    place, crisis_id, run_id = await asked(crises, world)
    run = await crises.begun(run_id)
    async with transaction(world.sessions) as session:
        await cancel_run(session, AUTHOR, run_id)
    await is_refused(crises, world, place.slot)
    async with transaction(world.sessions) as session:
        assert await end_run(session, run_id, run.attempt, Success(greedy_solution(run.problem), {}), FOLLOW_UPS)
    assert (await crises.get(f"/{crisis_id}"))["status"] == "planned"
    assert await rows(owner, "SELECT DISTINCT holder_id::text FROM slot_freezes") == [(crisis_id,)]


async def test_another_worker_goes_on_with_what_is_held_still(
    crises: Crises, world: World, owner: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_the_place_of_the_solver(monkeypatch)
    place, crisis_id, run_id = await asked(crises, world)
    await crises.begun(run_id)  # and its worker is killed
    await is_refused(crises, world, place.slot)
    run = await crises.solve(run_id)
    assert (run["state"], run["attempt"]) == ("succeeded", 2)
    assert (await crises.get(f"/{crisis_id}"))["status"] == "planned"
    assert await rows(owner, "SELECT DISTINCT holder_id::text FROM slot_freezes") == [(crisis_id,)]


async def test_a_second_run_that_fails_leaves_the_plan_what_it_holds(
    crises: Crises, world: World, owner: AsyncEngine
) -> None:
    place = await contested(world)
    crisis_id, _ = await crises.signed(targets=CONTESTED_TARGET)
    held = [(place.slot.id, UUID(crisis_id))]
    assert await rows(owner, HOLDS) == held
    await world.slot((await maker(world)).unit, 0, 120, reserve=Reserve.OPEN)  # for the second alone
    run_id = await crises.run_of(crisis_id)
    assert len(await rows(owner, HELD)) == 2
    await a_failure(crises, crisis_id, run_id)
    assert await rows(owner, HOLDS) == held


@pytest.mark.parametrize("hold_is_first", [True, False])
async def test_a_hold_and_a_plan_of_one_moment_know_of_each_other(
    crises: Crises, world: World, *, hold_is_first: bool
) -> None:
    """The unit is kept from both until they wait for it one behind the other: whoever came first is served first."""
    place = await contested(world)
    crisis_id = await crises.declared(targets=CONTESTED_TARGET)
    calls: list[Callable[[], Coroutine[Any, Any, Any]]] = [
        partial(hold, crises, world, place.slot),
        partial(crises.run_of, crisis_id),
    ]
    tasks: list[asyncio.Task[Any]] = []
    async with transaction(world.sessions) as session:
        await lock_units(session, [place.made.unit.id])
        for number, call in enumerate(calls if hold_is_first else reversed(calls), 1):
            tasks.append(asyncio.create_task(call()))
            async with asyncio.timeout(10):
                while await session.scalar(ADVISORY_WAITS) != number:  # noqa: ASYNC110 - it is the database's word
                    await asyncio.sleep(0.02)
    await asyncio.gather(*tasks)
    booking, run_id = (task.result() for task in (tasks if hold_is_first else reversed(tasks)))
    run = await crises.begun(run_id)
    assert booking.status_code == (201 if hold_is_first else 409), booking.text
    assert ((145, 188) in {(one["start"], one["end"]) for one in run.problem["fixed"]}) is hold_is_first
    async with transaction(world.sessions) as session:
        assert await end_run(session, run_id, run.attempt, Success(greedy_solution(run.problem), {}), FOLLOW_UPS)
    assert (await crises.get(f"/{crisis_id}"))["status"] == "planned"


async def test_a_drill_holds_nothing_still(crises: Crises, world: World, owner: AsyncEngine) -> None:
    place = await contested(world)
    before = await contents(owner)
    crisis_id = await crises.declared(mode="drill", powers=[power("exercise")], targets=CONTESTED_TARGET)
    run_id = await crises.run_of(crisis_id)
    assert await contents(owner) == before
    attempt = await begin(crises, run_id)
    assert await contents(owner) == before
    async with transaction(world.sessions) as session:
        await fail(session, run_id, attempt)
    assert await contents(owner) == before
    await crises.run_of(crisis_id)
    free = await hold(crises, world, place.slot)
    assert free.status_code == 201, free.text


async def test_what_is_planned_anew_is_held_too(crises: Crises, world: World, owner: AsyncEngine) -> None:
    crisis_id, first, _, spare = await two_of_three(crises, world)
    await answer(crises, crisis_id, first, "counter", COUNTER)
    assert await scalar(owner, "SELECT count(*) FROM slot_freezes") == 0
    run_id = await crises.replan_of(crisis_id)
    assert len(await rows(owner, HELD)) == 3
    await crises.end_by_greed(run_id)
    of_amendment = "SELECT s.unit_id, f.holder_id::text FROM slot_freezes f JOIN slots s ON s.id = f.slot_id"
    assert await rows(owner, of_amendment) == [(spare.unit.id, crisis_id)]
    await a_failure(crises, crisis_id, await crises.replan_of(crisis_id))
    assert await rows(owner, of_amendment) == [(spare.unit.id, crisis_id)]
