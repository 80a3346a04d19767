"""A coordinator's hand in the plan: coded, checked, and paid for in the open."""

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.app.allocation.conftest import Rounds, contest, planned_by_greed
from tests.support.world import World, day

pytestmark = pytest.mark.database


async def test_a_changed_plan_is_reviewed_and_published_as_changed(
    client: httpx.AsyncClient, world: World, rounds: Rounds, owner: AsyncEngine
) -> None:
    made = await contest(world)
    round_id, run = await planned_by_greed(rounds, world)
    adjust = f"/v1/rounds/{round_id}/adjust"
    by_name = {made.name_of(item["request_id"]): item for item in run["placed"]}
    slot_id = by_name["second"]["slot_id"]
    first, second = (str(made.requests[name].id) for name in ("first", "second"))
    place = {"action": "place", "request_id": first, "slot_id": slot_id, "start": day(0).isoformat()}
    place |= {"reason_code": "continuity_of_care", "reason_text": "The running trial depends on it."}

    refused = await rounds.post(adjust, place, expect=409)
    assert refused["type"] == "urn:creneau:problem:adjustment-refused"
    assert all(rule.startswith("overlap:") for rule in refused["violations"])
    assert (await rounds.get(f"/v1/rounds/{round_id}"))["status"] == "solved"

    for name in ("second", "third"):
        out = {"action": "unplace", "request_id": str(made.requests[name].id), "reason_code": "data_error"}
        await rounds.post(adjust, out)
    changed = await rounds.post(adjust, place)
    assert [made.name_of(item["request_id"]) for item in changed["placed"]] == ["first"]
    assert changed["comparison"]["plan"]["requests_served"] == 1
    assert [step["action"] for step in changed["adjustments"]] == ["unplace", "unplace", "place"]
    cost = {level["objective"]: (level["before"], level["after"]) for level in changed["adjustments"][0]["levels"]}
    assert cost["parties"] == (2, 1)
    assert (await rounds.get(f"/v1/rounds/{round_id}"))["status"] == "reviewed"

    published = await rounds.post(f"/v1/rounds/{round_id}/publish")
    assert (published["offers"], published["waitlisted"]) == (1, 2)
    async with owner.connect() as connection:
        held = (await connection.execute(text("SELECT request_id::text FROM bookings"))).scalars().all()
        reasons = await connection.execute(
            text("SELECT reason_code, reason_text FROM audit_records WHERE action = 'run.adjusted' ORDER BY id")
        )
        assert held == [first]
        assert [tuple(row) for row in reasons][-1] == ("continuity_of_care", "The running trial depends on it.")
    await rounds.post(adjust, {"action": "unplace", "request_id": second, "reason_code": "other"}, expect=409)


async def test_a_change_without_a_coded_reason_is_refused(rounds: Rounds, world: World) -> None:
    round_id = await rounds.draft()
    body = {"action": "unplace", "request_id": round_id, "reason_text": "because"}
    refused = await rounds.post(f"/v1/rounds/{round_id}/adjust", body, expect=422)
    assert refused["errors"][0]["pointer"].endswith("/reason_code")
    await rounds.post(f"/v1/rounds/{round_id}/adjust", body | {"reason_code": "other"}, expect=409)
