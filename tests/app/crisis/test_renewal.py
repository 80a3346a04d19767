"""A crisis that has not ended can be given a later end, on acts that are in force until then."""

from typing import Any

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from app.core.database import transaction
from app.crisis.ending import expire_crises
from app.crisis.expiring import warn_of_expiry
from tests.app.crisis.conftest import CONTESTED_TARGET, Crises, contested, iso, power, scalar
from tests.support.world import World

pytestmark = pytest.mark.database

LONGER = {"end": iso(500), "powers": [power(start=iso(-10), end=iso(500))]}


async def test_an_active_crisis_is_renewed_and_its_plan_goes_on(crises: Crises, world: World) -> None:
    await contested(world)
    crisis_id, plan = await crises.activated(targets=CONTESTED_TARGET)
    renewed = await crises.post(f"/{crisis_id}/renew", LONGER)
    assert (renewed["status"], renewed["end"]) == ("active", iso(500))
    assert [(one["act_reference"], one["end"]) for one in renewed["powers"]] == [
        ("Act on requisition_or_order", iso(500))
    ]
    assert (await crises.get(f"/{crisis_id}/plans"))["items"][-1]["plan_hash"] == plan["plan_hash"]
    told = await crises.client.get(f"/v1/audit?object_id={crisis_id}", headers=crises.coordinator)
    record = next(one for one in told.json()["items"] if one["action"] == "crisis.renewed")
    assert record["before"]["validity"] != record["after"]["validity"]


async def test_an_act_that_lasts_longer_than_the_crisis_is_ground_enough(crises: Crises) -> None:
    crisis_id = await crises.declared()
    assert (await crises.post(f"/{crisis_id}/renew", {"end": iso(400)}))["end"] == iso(400)
    new = {"end": iso(450), "powers": [power("voluntary", start=iso(400), end=iso(450))]}
    assert len((await crises.post(f"/{crisis_id}/renew", new))["powers"]) == 2


@pytest.mark.parametrize(
    ("given", "pointer"),
    [
        ({"end": iso(300)}, "/end"),
        ({"end": iso(401)}, "/end"),
        ({"end": iso(500), "powers": [power("voluntary", start=iso(410), end=iso(500))]}, "/powers"),
        ({"end": iso(500), "powers": [power("exercise", start=iso(0), end=iso(500))]}, "/powers/0/kind"),
        ({"end": iso(500), "powers": [power(start=iso(401), end=iso(500))]}, "/powers/0/start"),
        ({"end": iso(500), "powers": [power(start=iso(-11), end=iso(500))]}, "/powers/0/start"),
        ({"end": iso(350), "powers": [power(end=iso(390))]}, "/powers/0/end"),
        ({"end": iso(500), "powers": [power(end=iso(500), scope={"regions": ["Bretagne"]})]}, "/powers/0/scope"),
        ({"end": iso(500), "powers": [power(end=iso(500)), power(end=iso(501))]}, "/powers/1/act_reference"),
        (
            {"end": iso(500), "powers": [power("voluntary", end=iso(500), scope={"modalities": ["moon_dust"]})]},
            "/powers/0/scope/modalities/0",
        ),
        ({"end": iso(500), "until": iso(500)}, "/until"),
    ],
)
async def test_each_fault_names_its_field(crises: Crises, given: dict[str, Any], pointer: str) -> None:
    crisis_id = await crises.declared()
    refused = await crises.post(f"/{crisis_id}/renew", given, expect=422)
    assert pointer in {fault["pointer"] for fault in refused["errors"]}, refused
    assert (await crises.get(f"/{crisis_id}"))["end"] == iso(300)


async def test_what_has_ended_is_not_renewed(crises: Crises, owner: AsyncEngine, world: World) -> None:
    crisis_id = await crises.declared()
    await crises.post(f"/{crisis_id}/stand-down")
    await crises.post(f"/{crisis_id}/renew", LONGER, expect=409)
    over = await crises.declared()
    async with owner.begin() as connection:
        await connection.exec_driver_sql("UPDATE crises SET validity = '[2025-01-01,2025-06-01)'")
    refused = await crises.post(f"/{over}/renew", LONGER, expect=409)
    assert refused["type"].endswith("crisis-expired")
    await crises.post(f"/{over}/renew", LONGER, by=crises.authority, expect=403)


async def test_a_renewal_says_which_version_it_saw(crises: Crises) -> None:
    crisis_id = await crises.declared()
    stale: httpx.Response = await crises.client.post(
        f"/v1/crises/{crisis_id}/renew", json=LONGER, headers={**crises.coordinator, "If-Match": '"7"'}
    )
    assert stale.status_code == 412


@pytest.mark.parametrize("status", ["declared", "planned", "signed", "active"])
async def test_it_expires_by_itself_wherever_it_stands(
    crises: Crises, world: World, owner: AsyncEngine, status: str
) -> None:
    await contested(world)
    steps = {"declared": crises.declared, "planned": crises.sketched, "signed": crises.signed}
    made = await steps.get(status, crises.activated)(targets=CONTESTED_TARGET)
    crisis_id = made if isinstance(made, str) else made[0]
    assert (await crises.get(f"/{crisis_id}"))["status"] == status
    async with owner.begin() as connection:
        await connection.exec_driver_sql("UPDATE crises SET validity = '[2025-01-01,2025-06-01)'")
    assert (await crises.get(f"/{crisis_id}"))["expires_in_days"] == 0
    async with transaction(world.sessions) as session:
        assert await expire_crises(session) == 1
    ended = await crises.get(f"/{crisis_id}")
    assert (ended["status"], ended["expires_in_days"]) == ("expired", None)
    assert await scalar(owner, "SELECT count(*) FROM slot_freezes") == 0
    assert await scalar(owner, "SELECT count(*) FROM bookings WHERE status IN ('held', 'awaiting_cdmo')") == 0


async def test_the_coordinator_is_warned_once_for_each_end(crises: Crises, world: World, owner: AsyncEngine) -> None:
    crisis_id = await crises.declared()

    async def warned() -> int:
        async with transaction(world.sessions) as session:
            return await warn_of_expiry(session)

    assert await warned() == 0
    async with owner.begin() as connection:
        await connection.exec_driver_sql("UPDATE crisis_powers SET validity = daterange('2025-01-01', '2040-01-01')")
        await connection.exec_driver_sql("UPDATE crises SET validity = daterange('2025-01-01', CURRENT_DATE + 10)")
    left = (await crises.get(f"/{crisis_id}"))["expires_in_days"]
    assert left in range(9, 12)
    assert [await warned(), await warned()] == [1, 0]
    notices = (await crises.get(f"/{crisis_id}/notices"))["items"]
    assert {one["kind"] for one in notices} == {"expires_soon"}
    assert f"in {left} days" in notices[0]["text"]["en"]
    assert f"dans {left} jours" in notices[0]["text"]["fr"]
    await crises.post(f"/{crisis_id}/renew", {"end": "2039-01-01"})
    assert await warned() == 0


async def test_a_drill_is_renewed_on_its_own_act(crises: Crises) -> None:
    crisis_id = await crises.declared(mode="drill", powers=[power("exercise")])
    longer = {"end": iso(500), "powers": [power("exercise", start=iso(-10), end=iso(500))]}
    assert (await crises.post(f"/{crisis_id}/renew", longer))["end"] == iso(500)
