"""The owner of a lot that gives way is asked first about the place held for it, and loses it by no mistake."""

from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.core.database import transaction
from app.core.tenancy import EVERYBODY, acting_for
from app.crisis.first_refusal import settle_unanswered
from tests.app.crisis.conftest import CONTESTED_TARGET, Contested, Crises, contested, iso, power, scalar
from tests.app.crisis.test_activation import rows
from tests.support.world import World

pytestmark = pytest.mark.database

COMPENSATION = "SELECT amount_cents FROM charges WHERE kind = 'displacement_compensation' ORDER BY id"
REPLACEMENT = "SELECT status FROM bookings WHERE source = 'replacement'"
REQUEST = "SELECT r.status FROM requests r JOIN bookings b ON b.request_id = r.id WHERE b.id = :booking"


@dataclass
class Asked:
    """A crisis in which the first lot of a slot is to give way, and its owner is asked about another place."""

    crises: Crises
    world: World
    owner: AsyncEngine
    place: Contested
    crisis_id: str

    async def displacement(self) -> Any:
        [found] = (await self.crises.get(f"/{self.crisis_id}/displacements"))["items"]
        return found

    async def order_answered(self, answer: str, body: Any = None) -> None:
        order = await self.crises.order_of(self.crisis_id)
        await self.crises.post(f"/{self.crisis_id}/orders/{order['id']}/{answer}", body, by=self.place.made.headers)

    async def answers(self, answer: str, **by: Any) -> Any:
        one = await self.displacement()
        who = {"by": self.place.first.headers, **by}
        return await self.crises.post(f"/{self.crisis_id}/displacements/{one['id']}/{answer}", **who)

    async def hours_pass(self, hours: int) -> None:
        """Let the question be so many hours older, and sweep until nothing is left to do."""
        earlier = ", ".join(f"{one} = {one} - :hours * interval '1 hour'" for one in ("answer_by_at", "reminded_at"))
        async with self.owner.begin() as connection:
            await connection.execute(text(f"UPDATE displacements SET {earlier}"), {"hours": hours})  # noqa: S608
        with acting_for(EVERYBODY):
            for _ in range(10):
                async with transaction(self.world.sessions) as session:
                    if not await settle_unanswered(session):
                        return
        raise AssertionError("the sweep finds no end")

    async def kinds(self) -> list[str]:
        found = (await self.crises.get(f"/{self.crisis_id}/notices", by=self.place.first.headers))["items"]
        return [one["kind"] for one in found]

    async def request_status(self) -> str:
        return str(await scalar(self.owner, REQUEST, booking=self.place.first.booking.id))


async def asked(crises: Crises, world: World, owner: AsyncEngine, **given: Any) -> Asked:
    place = await contested(world)
    crisis_id, _ = await crises.activated(targets=CONTESTED_TARGET, **given)
    return Asked(crises, world, owner, place, crisis_id)


async def test_a_place_taken_before_the_lot_gives_way_is_a_booking_only_when_it_does(
    crises: Crises, world: World, owner: AsyncEngine
) -> None:
    case = await asked(crises, world, owner)
    taken = await case.answers("accept")
    assert (taken["answer"], taken["status"], taken["answer_by_at"]) == ("accepted", "pending", None)
    assert await rows(owner, REPLACEMENT) == [("held",)]
    await case.order_answered("accept")
    assert await rows(owner, REPLACEMENT) == [("confirmed",)]
    assert await scalar(owner, "SELECT count(*) FROM bookings WHERE replaced_by_id IS NOT NULL") == 1
    assert (await case.displacement())["answer_by_at"] is None
    await case.hours_pass(10_000)
    assert await rows(owner, REPLACEMENT) == [("confirmed",)]


async def test_an_owner_that_keeps_its_place_loses_nothing_by_having_answered(
    crises: Crises, world: World, owner: AsyncEngine
) -> None:
    case = await asked(crises, world, owner)
    await case.answers("accept")
    await case.order_answered("counter", {"earliest": iso(60), "reason_code": "staff"})
    assert await rows(owner, REPLACEMENT) == [("released",)]
    assert await case.request_status() == "booked"
    await case.answers("decline", expect=409)


async def test_a_place_declined_at_once_is_free_and_the_lot_is_owed_as_one_without(
    crises: Crises, world: World, owner: AsyncEngine
) -> None:
    case = await asked(crises, world, owner)
    declined = await case.answers("decline")
    assert (declined["answer"], declined["kind"], declined["compensation_cents"]) == (
        "declined",
        "displaced",
        30_000_000,
    )
    assert await rows(owner, REPLACEMENT) == [("released",)]
    assert await rows(owner, COMPENSATION) == []
    assert await case.request_status() == "booked"
    await case.order_answered("accept")
    assert await rows(owner, COMPENSATION) == [(30_000_000,), (-30_000_000,)]
    assert await case.request_status() == "waitlisted"


async def test_a_place_declined_after_the_lot_gave_way_adds_what_is_owed_besides(
    crises: Crises, world: World, owner: AsyncEngine
) -> None:
    case = await asked(crises, world, owner)
    await case.order_answered("accept")
    assert await case.request_status() == "booked"
    await case.answers("decline")
    assert await rows(owner, COMPENSATION) == [(10_000_000,), (-10_000_000,), (20_000_000,), (-20_000_000,)]
    assert await case.request_status() == "waitlisted"
    assert await case.kinds() == ["will_give_way", "gave_way", "replacement_declined"]
    for answer in ("accept", "decline"):
        await case.answers(answer, expect=409)


async def test_silence_is_reminded_first_and_lapses_only_after_that(
    crises: Crises, world: World, owner: AsyncEngine
) -> None:
    """However late the worker comes: with 120 hours to answer and 48 from the reminder, it comes 500 hours late."""
    case = await asked(crises, world, owner)
    await case.order_answered("accept")
    await case.hours_pass(1)
    assert await case.kinds() == ["will_give_way", "gave_way"]
    await case.hours_pass(500)
    assert await case.kinds() == ["will_give_way", "gave_way", "answer_reminder"]
    assert await rows(owner, REPLACEMENT) == [("held",)]
    await case.hours_pass(47)
    assert await rows(owner, REPLACEMENT) == [("held",)]
    await case.hours_pass(2)
    assert await rows(owner, REPLACEMENT) == [("released",)]
    assert (await case.displacement())["answer"] == "lapsed"
    assert await rows(owner, COMPENSATION) == [(10_000_000,), (-10_000_000,), (20_000_000,), (-20_000_000,)]
    assert await case.request_status() == "waitlisted"
    assert (await case.kinds())[-1] == "replacement_lapsed"
    await case.answers("accept", expect=409)


async def test_an_answer_may_come_late_as_long_as_nobody_was_reminded(
    crises: Crises, world: World, owner: AsyncEngine
) -> None:
    case = await asked(crises, world, owner)
    await case.order_answered("accept")
    async with owner.begin() as connection:
        await connection.execute(text("UPDATE displacements SET answer_by_at = now() - interval '1 day'"))
    await case.answers("accept")
    assert await rows(owner, REPLACEMENT) == [("confirmed",)]


async def test_by_the_rules_a_silent_owner_can_have_its_place(crises: Crises, world: World, owner: AsyncEngine) -> None:
    case = await asked(crises, world, owner, rules={"silence": "takes"})
    await case.order_answered("accept")
    await case.hours_pass(500)
    await case.hours_pass(49)
    assert await rows(owner, REPLACEMENT) == [("confirmed",)]
    assert await rows(owner, COMPENSATION) == [(10_000_000,), (-10_000_000,)]
    assert (await case.kinds())[-1] == "replacement_taken"


async def test_the_hold_outlasts_the_question(crises: Crises, world: World, owner: AsyncEngine) -> None:
    """It runs out with the first day of the place itself, and no sweep of holds takes it before the crisis does."""
    case = await asked(crises, world, owner, end=iso(30))
    await case.order_answered("accept")
    until = await scalar(owner, "SELECT hold_expires_at::date::text FROM bookings WHERE source = 'replacement'")
    assert until == iso(143)


async def test_nobody_answers_for_another_nor_in_a_drill(crises: Crises, world: World, owner: AsyncEngine) -> None:
    case = await asked(crises, world, owner)
    for answer in ("accept", "decline"):
        await case.answers(answer, by=case.place.second.headers, expect=404)
        await case.answers(answer, by=case.place.made.headers, expect=404)
        await case.answers(answer, by=crises.coordinator, expect=403)
    path = f"/v1/bookings/{(await case.displacement())['replacement_id']}"
    for verb in ("confirm", "release"):
        refused = await crises.client.post(f"{path}/{verb}", headers=case.place.first.headers)
        assert refused.status_code == 409, refused.text


async def test_in_a_drill_nobody_is_asked(crises: Crises, world: World, owner: AsyncEngine) -> None:
    case = await asked(crises, world, owner, mode="drill", powers=[power("exercise")])
    await case.order_answered("accept")
    assert (await case.displacement())["answer_by_at"] is None
    await case.hours_pass(1_000)
    assert (await case.displacement())["answer"] is None
    await case.answers("accept", expect=404)
