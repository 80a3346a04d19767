"""A letter may wait for days: it asks nothing that is answered or over, and tells nothing that is not so any more."""

from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.app.crisis.active_crises import answer
from tests.app.crisis.conftest import CONTESTED_TARGET, Crises, contested
from tests.app.crisis.test_first_refusal import asked
from tests.app.crisis.test_restoring import displaced
from tests.app.crisis.test_silence import hours_pass, ordered
from tests.app.letters.conftest import Postroom
from tests.support.world import World

pytestmark = pytest.mark.database

ISSUED, BY = "You have received an order.", "Accept it, or name your earliest day"
COMING, GONE, KEPT = "will have to give way", "Your lot has given way", "Your lot keeps its place."
FIRST = "It is yours first: accept or decline it by "


async def told(post: Postroom, organisation: Any) -> list[str]:
    """Return what its one person is told, once all letters that wait have gone out."""
    await post.go_out()
    return [one.text for one in post.to(await post.person_of(organisation.id))]


async def test_a_lot_that_gives_way_or_keeps_its_place_is_no_longer_told_that_it_will(
    crises: Crises, world: World, post: Postroom
) -> None:
    place = await contested(world)
    crisis_id, _ = await crises.activated(targets=CONTESTED_TARGET)
    await crises.post(f"/{crisis_id}/stand-down")
    [kept] = await told(post, place.first.startup)
    assert KEPT in kept
    assert COMING not in kept
    [released] = await told(post, place.made.cdmo)
    assert "You are released from an order." in released
    assert "Reason: the threat is over." in released
    assert ISSUED not in released


async def test_of_a_lot_that_has_given_way_what_is_answered_is_not_asked(
    crises: Crises, world: World, owner: AsyncEngine, post: Postroom
) -> None:
    case = await asked(crises, world, owner)
    await case.order_answered("accept")
    await case.answers("decline")
    gone, declined = await told(post, case.place.first.startup)
    assert GONE in gone
    assert "How to contest this:" in gone
    assert (FIRST in gone, "A place is held for you" in gone, "declined" in declined) == (False, False, True)
    assert not any("answer by" in one.subject for one in post.server.messages)


async def test_a_reminder_is_not_sent_once_its_question_is_over(
    crises: Crises, world: World, owner: AsyncEngine, post: Postroom
) -> None:
    case = await asked(crises, world, owner)
    await case.order_answered("accept")
    await post.go_out()
    await case.hours_pass(73)
    assert (await case.kinds())[-1] == "answer_reminder"
    await case.answers("accept")
    texts = await told(post, case.place.first.startup)
    assert [one for one in texts if "Reminder" in one] == []
    assert "The place held for you is yours." in texts[-1]


async def test_an_order_whose_time_is_over_is_told_without_its_deadline_and_its_reminder_not_at_all(
    crises: Crises, world: World, owner: AsyncEngine, post: Postroom
) -> None:
    """It may still be accepted."""
    made, _ = await ordered(crises, world)
    await hours_pass(world, owner, 37)
    await hours_pass(world, owner, 12)
    [issued] = await told(post, made.cdmo)
    assert (ISSUED in issued, BY in issued) == (True, False)
    escalated = [one for one in post.server.messages if "was not answered in time" in one.text]
    assert len(escalated) == 2
    assert not any("answer by" in one.subject for one in post.server.messages)


async def test_an_order_that_is_answered_is_neither_told_to_its_maker_nor_that_it_is_silent_to_those_who_lead(
    crises: Crises, world: World, owner: AsyncEngine, post: Postroom
) -> None:
    made, crisis_id = await ordered(crises, world)
    await hours_pass(world, owner, 100)
    await answer(crises, crisis_id, made, "accept")
    assert await told(post, made.cdmo) == []
    assert ["An order was answered" in one.text for one in post.server.messages] == [True, True]


async def test_a_place_offered_back_is_told_while_it_is_on_offer(crises: Crises, world: World, post: Postroom) -> None:
    place = await contested(world)
    crisis_id = await displaced(crises, place)
    await post.go_out()
    before = len(post.server.taken)
    await crises.post(f"/{crisis_id}/stand-down")
    [offer] = (await crises.get(f"/{crisis_id}/restorations", by=place.first.headers))["items"]
    await crises.post(f"/{crisis_id}/restorations/{offer['id']}/accept", by=place.first.headers)
    await post.go_out()
    assert not any("is free again" in one.text for one in post.server.messages[before:])


async def test_an_acceptance_is_not_told_once_the_order_is_withdrawn_from(
    crises: Crises, world: World, post: Postroom
) -> None:
    made, crisis_id = await ordered(crises, world)
    await answer(crises, crisis_id, made, "accept")
    await answer(crises, crisis_id, made, "withdraw", {"reason_code": "equipment"})
    await post.go_out()
    texts = [one.text for one in post.server.messages]
    assert [one for one in texts if "An order was answered" in one] == []
    assert sum("has withdrawn from an order" in one for one in texts) == 2


async def test_a_letter_says_on_which_day_its_notice_was_written(
    crises: Crises, world: World, owner: AsyncEngine, post: Postroom
) -> None:
    made, _ = await ordered(crises, world)
    async with owner.begin() as connection:
        await connection.exec_driver_sql("ALTER TABLE crisis_notices DISABLE TRIGGER USER")
        await connection.exec_driver_sql("UPDATE crisis_notices SET created_at = '2030-01-01T23:30:00Z'")
        await connection.exec_driver_sql("ALTER TABLE crisis_notices ENABLE TRIGGER USER")
    [issued] = await told(post, made.cdmo)
    assert "Written on 2 January 2030." in issued
    assert "Écrit le 2 janvier 2030." in issued
