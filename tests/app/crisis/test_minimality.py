"""A signer knows whether it was looked at that nobody gives way needlessly; what is still compared is not signed."""

from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from app.core.vocabulary import Reserve
from app.crisis.body import plan_hash
from app.crisis.minimality import MINIMALITY, Minimality, known_of, said_in
from tests.app.crisis.conftest import CONTESTED_TARGET, Crises, contested, iso, maker, scalar
from tests.app.crisis.test_amendment_grounds import second_displaced
from tests.app.crisis.test_choices import FOLLOWING
from tests.support.greedy_solver import take_the_place_of_the_solver
from tests.support.world import World


async def last_of(crises: Crises, crisis_id: str) -> Any:
    return (await crises.get(f"/{crisis_id}/plans"))["items"][-1]


async def compared(crises: Crises, world: World) -> tuple[str, Any]:
    """Have a plan proposed that displaces a lot, beside which others are to be made."""
    await contested(world)
    crisis_id = await crises.declared(targets=CONTESTED_TARGET)
    await crises.solve(await crises.run_of(crisis_id, choices_s=20))
    return crisis_id, await last_of(crises, crisis_id)


@pytest.mark.database
async def test_a_plan_that_is_still_compared_is_not_signed(
    crises: Crises, world: World, owner: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_the_place_of_the_solver(monkeypatch)
    crisis_id, plan = await compared(crises, world)
    assert (plan["minimality"], plan["body"][MINIMALITY], plan["grounds"]) == ("under_way", "beside", None)
    following = await scalar(owner, FOLLOWING)
    to_do = {"cancel it": crises.coordinator, "ask the coordinator to cancel it": crises.authority}
    for said, signatory in to_do.items():
        refused = await crises.sign(crisis_id, plan, by=signatory, expect=409)
        assert refused["type"].endswith(":still-being-compared")
        assert (refused["run_id"], f"wait for the run, or {said}." in refused["detail"]) == (str(following), True)
    assert await scalar(owner, "SELECT count(*) FROM crisis_signatures") == 0
    assert (await crises.solve(following))["state"] == "succeeded"
    explained = (await crises.get(f"/{crisis_id}/plans"))["items"][0]
    assert (explained["minimality"], explained["plan_hash"]) == ("beside", plan["plan_hash"])
    assert explained["grounds"] is not None
    signed = await crises.sign(crisis_id, explained, by=crises.coordinator)
    assert signed["minimality"] == "beside"


@pytest.mark.database
async def test_a_comparison_that_is_cancelled_keeps_nobody_from_signing_and_the_plan_says_so(
    crises: Crises, world: World, owner: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_the_place_of_the_solver(monkeypatch)
    crisis_id, plan = await compared(crises, world)
    following = await scalar(owner, FOLLOWING)
    await crises.begun(following)
    cancelled = "UPDATE runs SET cancel_requested_at = now() WHERE follows_id IS NOT NULL"  # and it stops in seconds
    async with owner.begin() as connection:
        await connection.exec_driver_sql(cancelled)
    signed = await crises.sign(crisis_id, plan, by=crises.coordinator)
    assert (signed["minimality"], signed["body"][MINIMALITY]) == ("given_up", "beside")
    await crises.sign(crisis_id, plan, by=crises.authority)
    await crises.solve(following)
    [left] = (await crises.get(f"/{crisis_id}/plans"))["items"]
    assert (left["status"], left["minimality"], left["plan_hash"]) == ("signed", "given_up", plan["plan_hash"])


@pytest.mark.database
async def test_a_plan_made_without_comparison_says_so_in_what_is_signed(crises: Crises, world: World) -> None:
    await contested(world)
    crisis_id, plan = await crises.sketched(targets=CONTESTED_TARGET)
    assert (plan["minimality"], plan["body"][MINIMALITY]) == ("not_looked_at", "not_looked_at")
    without = {name: value for name, value in plan["body"].items() if name != MINIMALITY}
    assert plan_hash(plan["body"]) == plan["plan_hash"] != plan_hash(without)
    signed = await crises.sign(crisis_id, plan, by=crises.coordinator)
    assert signed["minimality"] == "not_looked_at"


@pytest.mark.database
async def test_where_nobody_gives_way_there_is_nothing_to_look_at(crises: Crises, world: World) -> None:
    await world.slot((await maker(world)).unit, 0, 120, reserve=Reserve.CRISIS)
    _, plan = await crises.sketched()
    assert (plan["minimality"], plan["body"][MINIMALITY]) == ("nobody_gives_way", "nobody_gives_way")


@pytest.mark.database
@pytest.mark.parametrize(("given", "told", "in_body"), [
    ({}, "under_way", "beside"),
    ({"grounds_s": 0}, "not_looked_at", "not_looked_at"),
])  # fmt: skip
async def test_an_amendment_says_it_too_and_is_signed_at_once(
    crises: Crises, world: World, given: dict[str, Any], told: str, in_body: str
) -> None:
    crisis_id, _, amendment = await second_displaced(crises, world, **given)
    assert (amendment["minimality"], amendment["body"][MINIMALITY]) == (told, in_body)
    await crises.put_into_force(crisis_id, amendment)


def test_what_is_known_follows_from_the_body_and_from_what_is_found_beside_it() -> None:
    displaced: dict[str, Any] = {"displacements": [{"booking_id": iso(0)}]}
    assert said_in({"displacements": []}, is_looked_at=False) is Minimality.NOBODY_GIVES_WAY
    assert said_in(displaced, is_looked_at=False) is Minimality.NOT_LOOKED_AT
    assert said_in(displaced, is_looked_at=True) is Minimality.BESIDE
    beside, not_looked_at = {MINIMALITY: Minimality.BESIDE}, {MINIMALITY: Minimality.NOT_LOOKED_AT}
    assert known_of(beside, None, is_under_way=True) is Minimality.UNDER_WAY
    assert known_of(beside, {}, is_under_way=False) is Minimality.BESIDE
    assert known_of(beside, None, is_under_way=False) is Minimality.GIVEN_UP
    assert known_of(not_looked_at, {}, is_under_way=False) is Minimality.NOT_LOOKED_AT
    assert known_of({}, {}, is_under_way=False) is Minimality.BESIDE, "a body of old"
