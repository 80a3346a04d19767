"""Scores of drills: worked out from the plan and its answers, kept at the end, and compared over time."""

from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from app.core.database import transaction
from app.core.vocabulary import Reserve
from app.crisis.ending import expire_crises
from tests.app.crisis.conftest import CONTESTED_TARGET, Crises, Maker, contested, declaration, iso, maker, power, scalar
from tests.support.world import World

pytestmark = pytest.mark.database

DRILL: dict[str, Any] = {"mode": "drill", "powers": [power("exercise")], "scenario": "flu"}
TWO_BATCHES = [{"by": iso(60), "quantity": 40_000}]


async def two_makers(world: World) -> tuple[Maker, Maker]:
    """A contested line and an idle one: one batch of 20,000 doses by day 60 from each, released on day 52 or later."""
    place, idle = await contested(world), await maker(world)
    await world.slot(idle.unit, 0, 60, reserve=Reserve.CRISIS)
    return place.made, idle


async def played(crises: Crises, world: World, **given: Any) -> tuple[str, dict[str, Any]]:
    """Play a drill in which the contested line's CDMO counters and the other accepts; return its score so far."""
    slow, quick = await two_makers(world)
    crisis_id, _ = await crises.activated(**{**DRILL, "targets": TWO_BATCHES, **given})
    orders = {one["organisation_id"]: one for one in (await crises.get(f"/{crisis_id}/orders"))["items"]}
    await crises.post(f"/{crisis_id}/orders/{orders[str(quick.cdmo.id)]['id']}/accept", by=quick.headers)
    counter = {"earliest": iso(200), "reason_code": "staff"}
    await crises.post(f"/{crisis_id}/orders/{orders[str(slow.cdmo.id)]['id']}/counter", counter, by=slow.headers)
    return crisis_id, await crises.get(f"/{crisis_id}/score")


def doses(low: int, expected: int, high: int) -> dict[str, int]:
    return {"low": low, "expected": expected, "high": high}


async def test_a_score_counts_what_was_planned_and_what_was_accepted(crises: Crises, world: World) -> None:
    """By litre 5, 10 and 20 doses: 10,000, 20,000 and 40,000 from a batch of 2,000 L."""
    crisis_id, score = await played(crises, world)
    assert [(one["day"], one["on"]) for one in score["doses"]] == [(30, iso(30)), (60, iso(60)), (90, iso(90))]
    by_60 = score["doses"][1]
    assert by_60["planned"] == doses(20_000, 40_000, 80_000)
    assert by_60["accepted"] == doses(10_000, 20_000, 40_000)
    assert score["doses"][0]["planned"] == doses(0, 0, 0)
    assert score["orders"] == {"issued": 2, "accepted": 1, "countered": 1, "unanswered": 0}
    assert score["bookings"] == {"moved": 1, "displaced": 0, "effective": 0}
    assert (score["planned_cost_cents"], score["accepted_cost_cents"]) == (210_000_000, 100_000_000)
    assert score["targets"] == [
        {"by": iso(60), "quantity": 40_000, "planned": 40_000, "accepted": 20_000, "met": False}
    ]
    assert score["targets_met"] == 0
    hours = [score[f"hours_to_{name}"] for name in ("plan", "signature", "activation")]
    assert all(0 <= one < 1 for one in hours)
    assert hours == sorted(hours)
    assert score["final"] is False
    await crises.post(f"/{crisis_id}/stand-down", {"reason_code": "exercise_over"})


async def test_the_score_is_kept_at_the_end_and_accepted_doses_stay_counted(
    crises: Crises, world: World, owner: AsyncEngine
) -> None:
    crisis_id, before = await played(crises, world)
    await crises.post(f"/{crisis_id}/stand-down", {"reason_code": "exercise_over"})
    kept = await crises.get(f"/{crisis_id}/score", by=crises.authority)
    assert kept == {**before, "final": True, "status": "stood_down"}
    assert await scalar(owner, "SELECT count(*) FROM audit_records WHERE action = 'drill.scored'") == 1


async def test_an_expired_drill_is_scored_too_and_one_that_was_never_planned(
    crises: Crises, world: World, owner: AsyncEngine
) -> None:
    crisis_id = await crises.declared(**DRILL)
    async with owner.begin() as connection:
        await connection.exec_driver_sql("UPDATE crises SET validity = '[2025-01-01,2025-06-01)'")
    async with transaction(world.sessions) as session:
        assert await expire_crises(session) == 1
    score = await crises.get(f"/{crisis_id}/score")
    assert (score["final"], score["status"]) == (True, "expired")
    assert (score["hours_to_plan"], score["hours_to_signature"], score["planned_cost_cents"]) == (None, None, 0)


async def test_drills_of_a_scenario_are_listed_in_the_order_of_their_ends(crises: Crises, world: World) -> None:
    await world.slot((await maker(world)).unit, 0, 120, reserve=Reserve.CRISIS)
    first, second, other = [await crises.declared(**{**DRILL, "scenario": name}) for name in ("flu", "flu", "plague")]
    for one in (second, first, other):
        await crises.post(f"/{one}/stand-down", {"reason_code": "exercise_over"})
    listed = await listing(crises, "?scenario=flu", by=crises.authority)
    assert [one["crisis_id"] for one in listed] == [second, first]
    assert len(await listing(crises, "", by=crises.coordinator)) == 3
    _, headers = await world.cdmo()
    assert (await crises.client.get("/v1/drill-scores", headers=headers)).status_code == 403


async def listing(crises: Crises, query: str, *, by: Any) -> Any:
    answer = await crises.client.get(f"/v1/drill-scores{query}", headers=by)
    assert answer.status_code == 200, answer.text
    return answer.json()["items"]


async def test_a_real_crisis_is_scored_as_it_stands_and_nothing_is_kept(
    crises: Crises, world: World, owner: AsyncEngine
) -> None:
    place = await contested(world)
    crisis_id, _ = await crises.activated(targets=CONTESTED_TARGET)
    order = await crises.order_of(crisis_id)
    await crises.post(f"/{crisis_id}/orders/{order['id']}/accept", by=place.made.headers)
    await crises.post(f"/{crisis_id}/stand-down")
    score = await crises.get(f"/{crisis_id}/score")
    assert (score["final"], score["targets_met"], score["bookings"]["effective"]) == (False, 1, 1)
    assert score["accepted_cost_cents"] == 110_000_000
    assert await scalar(owner, "SELECT count(*) FROM drill_scores") == 0


async def test_only_a_drill_plays_a_scenario(crises: Crises) -> None:
    answer = await crises.post("", {**declaration(), "scenario": "flu"}, expect=422)
    assert [fault["pointer"] for fault in answer["errors"]] == ["/scenario"]


async def test_the_coordinator_plays_a_cdmos_answer_and_the_trail_says_so(
    crises: Crises, world: World, owner: AsyncEngine
) -> None:
    await contested(world)
    crisis_id, _ = await crises.activated(**{**DRILL, "targets": CONTESTED_TARGET})
    order = await crises.order_of(crisis_id)
    path = f"/{crisis_id}/orders/{order['id']}/play"
    await crises.post(path, {"answer": "counter"}, expect=422)
    await crises.post(path, {"answer": "accept", "reason_code": "staff"}, expect=422)
    answered = await crises.post(path, {"answer": "accept"})
    assert (answered["status"], answered["displacements"][0]["status"]) == ("accepted", "effective")
    played_by = "SELECT reason_code FROM audit_records WHERE action = 'crisis_order.answer_played'"
    assert await scalar(owner, played_by) == "exercise"
    same = """
        SELECT count(DISTINCT person_id) = 1 AND count(DISTINCT organisation_id) = 2 FROM audit_records
         WHERE action IN ('crisis_order.accepted', 'crisis_order.answer_played')
    """
    assert await scalar(owner, same) is True
    await crises.post(path, {"answer": "accept"}, expect=409)


async def test_a_played_counter_frees_its_place(crises: Crises, world: World) -> None:
    await contested(world)
    crisis_id, _ = await crises.activated(**{**DRILL, "targets": CONTESTED_TARGET})
    order = await crises.order_of(crisis_id)
    body = {"answer": "counter", "earliest": iso(200), "reason_code": "equipment"}
    answered = await crises.post(f"/{crisis_id}/orders/{order['id']}/play", body)
    assert (answered["status"], answered["displacements"][0]["status"]) == ("countered", "dropped")


async def test_in_a_real_crisis_nobody_answers_for_a_cdmo(crises: Crises, world: World) -> None:
    await contested(world)
    crisis_id, _ = await crises.activated(targets=CONTESTED_TARGET)
    order = await crises.order_of(crisis_id)
    path = f"/{crisis_id}/orders/{order['id']}/play"
    refused = await crises.post(path, {"answer": "accept"}, expect=409)
    assert refused["type"].endswith("wrong-status")
    await crises.post(path, {"answer": "accept"}, by=crises.authority, expect=403)
    assert (await crises.order_of(crisis_id))["status"] == "issued"


async def test_what_is_out_of_service_makes_nothing_and_takes_nobody_in(crises: Crises, world: World) -> None:
    place, other = await contested(world), await maker(world)
    await world.slot(other.unit, 0, 200, reserve=Reserve.OPEN)
    down = {"scope": {"excluded_organisation_ids": [str(other.cdmo.id)]}}
    _, plan = await crises.sketched(**{**DRILL, "targets": TWO_BATCHES, **down})
    assert {one["organisation_id"] for one in plan["body"]["campaigns"]} == {str(place.made.cdmo.id)}
    [moved] = plan["body"]["displacements"]
    assert moved["to"]["organisation_id"] == str(place.made.cdmo.id)
    assert str(other.unit.id) not in plan["body"]["calendar_versions"]
    site = {"scope": {"excluded_site_ids": [str(plan["body"]["campaigns"][0]["site_id"])]}}
    _, plan = await crises.sketched(**{**DRILL, "targets": TWO_BATCHES, **site})
    assert {one["organisation_id"] for one in plan["body"]["campaigns"]} == {str(other.cdmo.id)}


@pytest.mark.parametrize("field", ["excluded_organisation_ids", "excluded_site_ids"])
async def test_what_is_out_of_service_has_to_be_known(crises: Crises, field: str) -> None:
    unknown = "00000000-0000-7000-8000-000000000000"
    answer = await crises.post("", {**declaration(), "scope": {field: [unknown]}}, expect=422)
    assert [fault["pointer"] for fault in answer["errors"]] == [f"/scope/{field}/0"]
