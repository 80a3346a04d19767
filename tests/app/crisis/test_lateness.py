"""What was planned in time is not done too late: neither a campaign of the past, nor a lot within the frozen days."""

import asyncio
import json
from datetime import date
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from app.allocation.engine import Limits
from app.allocation.models import Run
from app.allocation.runs import Success, end_run
from app.core.database import transaction
from app.core.settings import Settings
from app.crisis import lateness, scoping
from app.crisis.declaration import CrisisRules
from app.crisis.searching import task_of
from app.jobs.running import JobContext
from app.worker import FOLLOW_UPS
from scheduler.problem import Problem
from tests.app.crisis.active_crises import countered_at_once
from tests.app.crisis.conftest import CONTESTED_TARGET, Crises, contested, iso, power, scalar
from tests.support.greedy_solver import solved_by_greed
from tests.support.world import World, day

pytestmark = pytest.mark.database

DISPLACED = "SELECT count(*) FROM bookings WHERE status = 'displaced'"


async def no_hold(session: AsyncSession, job_id: int, attempt: int, *, shared: bool = False) -> None:
    """Hold no job: there is none."""


def greedily(run: Run) -> dict[str, Any]:
    return solved_by_greed(Problem.from_json(json.dumps(run.problem)))


def let_it_be(monkeypatch: pytest.MonkeyPatch, present: date) -> None:
    monkeypatch.setattr(lateness, "today", lambda: present)


def test_the_first_day_that_is_not_frozen_and_today_are_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    let_it_be(monkeypatch, day(6))
    rules = CrisisRules()
    assert lateness.too_late(rules, [day(6)], [day(20)]) == {}
    assert lateness.too_late(rules, [day(6)], [day(19)])["lots_frozen"] == [iso(19)]
    assert lateness.too_late(rules, [day(5)], [day(20)])["campaigns_past"] == [iso(5)]


@pytest.mark.parametrize(
    ("lot", "notice_days", "pending", "late"),
    [
        (22, None, {}, None),
        (21, None, {}, "lots_frozen"),
        (36, 30, {}, None),
        (35, 30, {}, "recalls_short"),
        (36, 30, {"passed_on": [{"start": iso(22)}], "shared": [{"start": iso(22)}]}, None),
        (36, 30, {"passed_on": [{"start": iso(21)}]}, "lots_frozen"),
        (36, 30, {"passed_on": [], "shared": [{"start": iso(21)}]}, "lots_frozen"),
    ],
)
def test_an_order_is_not_issued_that_could_not_be_accepted_until_its_time_is_over(
    monkeypatch: pytest.MonkeyPatch, lot: int, notice_days: int | None, pending: dict[str, Any], late: str | None
) -> None:
    """Signed on day 6, it may be accepted until day 8: 14 days later is day 22. A recall is told on day 6."""
    let_it_be(monkeypatch, day(6))
    body = {
        "rules": CrisisRules().model_dump(mode="json"),
        "campaigns": [{"start": iso(6)}],
        "displacements": [{"from": {"start": iso(lot)}, "notice_days": notice_days}],
        "pending_displacements": pending,
    }
    found = lateness.lateness_of(body)
    assert [name for name, days in found.items() if isinstance(days, list) and days] == ([late] if late else [])


@pytest.mark.parametrize("as_of", [3, 4])
async def test_who_is_planned_to_give_way_can_do_so_until_the_time_to_answer_is_over(
    crises: Crises, world: World, owner: AsyncEngine, monkeypatch: pytest.MonkeyPatch, as_of: int
) -> None:
    """The lot starts on day 20, so 14 days after day 6: planned on day 3, signed within one day, accepted within two.

    A day later it is not asked at all, though its frozen days begin only two days after that.
    """
    place = await contested(world)
    crisis_id, plan = await crises.activated(targets=CONTESTED_TARGET, as_of_on=iso(as_of), rules={"signing_hours": 24})
    assert len(plan["body"]["displacements"]) == (as_of == 3)
    if as_of == 3:
        let_it_be(monkeypatch, day(6))
        order = await crises.order_of(crisis_id)
        await crises.post(f"/{crisis_id}/orders/{order['id']}/accept", by=place.made.headers)
        assert await scalar(owner, DISPLACED) == 1


async def test_what_has_become_too_late_is_not_signed(
    crises: Crises, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await contested(world)
    crisis_id, plan = await crises.sketched(targets=CONTESTED_TARGET)
    await crises.sign(crisis_id, plan, by=crises.coordinator)
    let_it_be(monkeypatch, day(7))
    refused = await crises.sign(crisis_id, plan, by=crises.authority, expect=409)
    assert (refused["type"].rpartition(":")[2], refused["lots_frozen"]) == ("too-late", [iso(20)])
    assert (await crises.get(f"/{crisis_id}"))["status"] == "planned"


@pytest.mark.parametrize(("present", "frozen"), [(3, []), (7, [iso(20)])])
async def test_a_late_acceptance_displaces_nobody(
    crises: Crises, world: World, owner: AsyncEngine, monkeypatch: pytest.MonkeyPatch, present: int, frozen: list[str]
) -> None:
    place = await contested(world)
    crisis_id, _ = await crises.activated(targets=CONTESTED_TARGET)
    path = f"/{crisis_id}/orders/{(await crises.order_of(crisis_id))['id']}/accept"
    let_it_be(monkeypatch, day(present))
    refused = await crises.post(path, by=place.made.headers, expect=409)
    assert (refused["type"].rpartition(":")[2], refused["lots_frozen"]) == ("too-late", frozen)
    assert await scalar(owner, DISPLACED) == 0
    let_it_be(monkeypatch, day(2))
    await crises.post(path, by=place.made.headers)
    assert await scalar(owner, DISPLACED) == 1


async def test_a_plan_that_is_late_goes_back_to_planning(
    crises: Crises, world: World, owner: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    await contested(world)
    crisis_id, _ = await crises.signed(targets=CONTESTED_TARGET)
    let_it_be(monkeypatch, day(7))
    refused = await crises.post(f"/{crisis_id}/activate", expect=409)
    assert (refused["type"].rpartition(":")[2], refused["crisis_status"]) == ("plan-outdated", "declared")
    assert (await crises.get(f"/{crisis_id}"))["status"] == "declared"
    assert await scalar(owner, "SELECT count(*) FROM crisis_orders") == 0


async def test_an_amendment_that_is_late_is_superseded(
    crises: Crises, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    crisis_id, _, amendment = await countered_at_once(crises, world)
    await crises.signed_by_both(crisis_id, amendment)
    let_it_be(monkeypatch, day(7))
    refused = await crises.post(f"/{crisis_id}/activate", expect=409)
    assert refused["crisis_status"] == "active"
    assert (await crises.get(f"/{crisis_id}/plans"))["items"][-1]["status"] == "superseded"


@pytest.mark.parametrize(("present", "is_late"), [(4, False), (5, True)])
async def test_an_order_that_waits_with_another_for_a_lot_is_issued_only_while_it_can_be_accepted(
    crises: Crises, world: World, owner: AsyncEngine, monkeypatch: pytest.MonkeyPatch, present: int, *, is_late: bool
) -> None:
    """A second batch by day 105 starts by day 55: behind the one ordered, and over the end of the lot [20, 63).

    Both wait for the lot. Signed on day 4, the new order may be accepted until day 6, 14 days before the lot.
    """
    place = await contested(world)
    crisis_id, _ = await crises.activated(targets=CONTESTED_TARGET)
    amendment = await crises.amended(crisis_id, targets=[*CONTESTED_TARGET, {"by": iso(105), "quantity": 40_000}])
    [kept], [new] = amendment["body"]["orders"]["kept"], amendment["body"]["campaigns"]
    assert kept["end"] <= new["start"] < iso(63)
    assert amendment["body"]["pending_displacements"]["stay"] == [str(place.first.booking.id)]
    [ground] = amendment["body"]["legal_grounds"]
    assert ground["displaced_booking_ids"] == [str(place.first.booking.id)]
    let_it_be(monkeypatch, day(present))
    if is_late:
        refused = await crises.sign(crisis_id, amendment, by=crises.coordinator, expect=409)
        assert (refused["type"].rpartition(":")[2], refused["lots_frozen"]) == ("too-late", [iso(20)])
        return
    await crises.put_into_force(crisis_id, amendment)
    let_it_be(monkeypatch, day(6))
    orders = (await crises.get(f"/{crisis_id}/orders"))["items"]
    [issued] = [one for one in orders if one["id"] != kept["order_id"]]
    await crises.post(f"/{crisis_id}/orders/{issued['id']}/accept", by=place.made.headers)
    assert await scalar(owner, DISPLACED) == 1


async def test_a_real_crisis_is_planned_from_today_where_its_own_day_has_passed(
    crises: Crises, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await contested(world)
    crisis_id = await crises.declared(targets=CONTESTED_TARGET)
    monkeypatch.setattr(scoping, "today", lambda: day(7))
    body = (await crises.plan_by_greed(crisis_id))["body"]
    assert (body["as_of"], body["displacements"]) == (iso(7), [])
    monkeypatch.setattr(scoping, "today", lambda: day(60))
    assert "No target" in (await crises.post(f"/{crisis_id}/plan", expect=409))["detail"]


async def test_a_plan_keeps_the_day_that_it_was_made_from_though_it_ends_on_a_later_one(
    crises: Crises, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await contested(world)
    crisis_id = await crises.declared(targets=CONTESTED_TARGET)
    run = await crises.begun(await crises.run_of(crisis_id))
    monkeypatch.setattr(scoping, "today", lambda: day(7))
    job = JobContext(0, "", run.id, 1, world.sessions, Settings(), asyncio.Event())
    monkeypatch.setattr("app.jobs.ledger.hold", no_hold)
    task = await task_of(job, run, Limits(0, asyncio.Event()), watch=None)  # type: ignore[arg-type]
    assert task.brief.as_of_on == day(0)
    async with transaction(world.sessions) as session:
        await end_run(session, run.id, run.attempt, Success(greedily(run), {}), FOLLOW_UPS)
    assert (await crises.get(f"/{crisis_id}/plans"))["items"][-1]["body"]["as_of"] == iso(0)


async def test_a_target_that_has_passed_is_left_out_and_the_next_is_planned_for(
    crises: Crises, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await contested(world)
    targets = [*CONTESTED_TARGET, {"by": iso(200), "quantity": 20_000}]
    crisis_id = await crises.declared(targets=targets)
    monkeypatch.setattr(scoping, "today", lambda: day(60))
    body = (await crises.plan_by_greed(crisis_id))["body"]
    assert [one["met"] for one in body["targets"]] == [False, True]


async def test_a_drill_is_planned_from_its_own_day_whatever_day_it_is(
    crises: Crises, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await contested(world)
    monkeypatch.setattr(scoping, "today", lambda: day(7))
    crisis_id = await crises.declared(targets=CONTESTED_TARGET, mode="drill", powers=[power("exercise")])
    assert (await crises.plan_by_greed(crisis_id))["body"]["as_of"] == iso(0)


async def test_a_drill_reasons_from_its_own_day(crises: Crises, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    place = await contested(world)
    let_it_be(monkeypatch, day(30))
    crisis_id, _ = await crises.activated(targets=CONTESTED_TARGET, mode="drill", powers=[power("exercise")])
    order = await crises.order_of(crisis_id)
    await crises.post(f"/{crisis_id}/orders/{order['id']}/accept", by=place.made.headers)
    assert (await crises.order_of(crisis_id))["status"] == "accepted"
