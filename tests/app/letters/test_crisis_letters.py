"""What a crisis tells by mail: to those whom it concerns, what is theirs, in the words of its notices."""

from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.core.database import transaction
from app.core.jobs import Entrypoint, enqueue
from app.core.tenancy import EVERYBODY, acting_for
from app.letters.models import Letter, LetterKind
from tests.app.crisis.active_crises import answer, countered_at_once
from tests.app.crisis.conftest import CONTESTED_TARGET, Contested, Crises, contested, power
from tests.app.crisis.test_restoring import displaced
from tests.app.crisis.test_silence import hours_pass, ordered
from tests.app.letters.conftest import HERE, Postroom
from tests.support.mail_server import Taken
from tests.support.world import World

pytestmark = pytest.mark.database


async def activated(crises: Crises, world: World, **given: Any) -> tuple[Contested, str]:
    place = await contested(world)
    crisis_id, _ = await crises.activated(targets=CONTESTED_TARGET, **given)
    return place, crisis_id


def missing(message: Taken, *said: object) -> list[str]:
    return [str(one) for one in said if str(one) not in message.text]


async def mailed(crises: Crises, crisis_id: str, **by: Any) -> list[Any]:
    return [one["mailed"] for one in (await crises.get(f"/{crisis_id}/notices", **by))["items"]]


async def leaders(post: Postroom) -> set[str]:
    query = "SELECT email FROM people WHERE role IN ('coordinator', 'authority')"
    return {address for (address,) in await post.rows(query)}


async def test_activation_writes_to_the_maker_and_to_whose_lot_gives_way_and_to_nobody_else(
    crises: Crises, world: World, post: Postroom
) -> None:
    place, crisis_id = await activated(crises, world)
    maker, owner = [await post.person_of(one) for one in (place.made.cdmo.id, place.first.startup.id)]
    order = await crises.order_of(crisis_id)
    assert await mailed(crises, crisis_id) == [{"people": 1, "sent": 0, "dropped": 0}] * 2
    sent = await post.go_out()
    assert await mailed(crises, crisis_id, by=place.first.headers) == [{"people": 1, "sent": 1, "dropped": 0}]
    assert sorted(one.to for one in sent) == sorted([maker, owner])
    [issued], [coming] = post.to(maker), post.to(owner)
    assert issued.subject.startswith("Créneau : crise, Outbreak : répondre avant le ")
    assert " / crisis, Outbreak: answer by " in issued.subject
    both = ("Bonjour ", "Hello ", "\n\n--\n\n", f"To answer, sign in: {HERE}/sign-in\n", crisis_id)
    assert missing(issued, *both, "Vous avez reçu un ordre.", "You have received an order.", order["id"]) == []
    assert missing(issued, "Acceptez-le", "Accept it, or name your earliest day, by ", "The minister") == []
    assert missing(coming, *both, place.first.booking.id, "Votre lot devra", "Your lot will have to give way") == []
    assert missing(coming, "Reason: its days are needed", "R. 421-1", "100\u202f000,00\u00a0€", "€100,000.00") == []
    theirs = (str(place.first.booking.id), place.first.startup.name, "100,000.00")
    assert missing(issued, *theirs) == list(theirs)
    assert missing(coming, str(place.second.booking.id), place.second.startup.name) != []
    assert await post.fates() == [(True, None)] * 2
    assert await post.rows(
        "SELECT action, actor, job, count(*) FROM audit_records WHERE object_type = 'letters' GROUP BY 1, 2, 3"
    ) == [("letter.sent", "job", "letter", 2)]


async def test_everybody_of_an_organisation_is_written_to_in_their_language(
    crises: Crises, world: World, post: Postroom
) -> None:
    place = await contested(world)
    first = await post.person_of(place.made.cdmo.id)
    await post.colleague(place.made.cdmo, "en@example.org", language="en")
    await post.colleague(place.made.cdmo, "fr@example.org", language="fr")
    await crises.activated(targets=CONTESTED_TARGET)
    await post.go_out()
    told = {address: post.to(address)[0] for address in ("en@example.org", "fr@example.org")}
    [both] = post.to(first)
    for message, words, left_out in (
        (told["en@example.org"], ("Hello N. en@", "You have received an order."), ("Bonjour", "Vous avez")),
        (told["fr@example.org"], ("Bonjour N. fr@", "Vous avez reçu un ordre."), ("Hello", "You have")),
    ):
        assert missing(message, *words) == []
        assert missing(message, *left_out) == list(left_out)
    assert missing(both, "Bonjour", "Hello") == []
    assert told["en@example.org"].subject.startswith("Créneau : crisis, Outbreak: answer by ")
    assert told["fr@example.org"].subject.startswith("Créneau : crise, Outbreak : répondre avant le ")


async def test_an_acceptance_writes_to_the_owner_and_to_those_who_lead(
    crises: Crises, world: World, post: Postroom
) -> None:
    place, crisis_id = await activated(crises, world)
    await post.go_out()
    order = await crises.order_of(crisis_id)
    await crises.post(f"/{crisis_id}/orders/{order['id']}/accept", by=place.made.headers)
    sent = await post.go_out()
    owner = await post.person_of(place.first.startup.id)
    assert {one.to for one in sent} == {owner, *await leaders(post)}
    [gone] = [one for one in sent if one.to == owner]
    assert missing(gone, "Votre lot a laissé la place", "accept or decline it by ", "How to contest this:") == []
    told = next(one for one in sent if one.to != owner)
    words = (
        "An order was answered: accepted.",
        "Un ordre a reçu une réponse : accepté.",
        f"\nSign in: {HERE}/sign-in\n",
    )
    assert missing(told, *words, place.made.cdmo.name) == []
    assert missing(told, "To answer", "Pour répondre") == ["To answer", "Pour répondre"]
    assert str(place.first.booking.id) not in told.text


async def test_a_reminder_goes_to_the_maker_and_an_escalation_to_those_who_lead(
    crises: Crises, world: World, owner: AsyncEngine, post: Postroom
) -> None:
    made, _ = await ordered(crises, world)
    maker = await post.person_of(made.cdmo.id)
    await post.go_out()
    await hours_pass(world, owner, 37)
    [reminder] = await post.go_out()
    assert (reminder.to, missing(reminder, "Rappel : un ordre", "Reminder: an order")) == (maker, [])
    await hours_pass(world, owner, 12)
    escalated = await post.go_out()
    assert {one.to for one in escalated} == await leaders(post)
    assert all(not missing(one, "was not answered in time", made.cdmo.name) for one in escalated)


async def test_a_place_offered_back_is_told_to_its_owner(crises: Crises, world: World, post: Postroom) -> None:
    place = await contested(world)
    crisis_id = await displaced(crises, place)
    await post.go_out()
    await crises.post(f"/{crisis_id}/stand-down")
    owner = await post.person_of(place.first.startup.id)
    back = [one for one in await post.go_out() if one.to == owner]
    assert len(back) == 1
    assert missing(back[0], "est de nouveau libre", "is free again", "It is offered to you first: answer by ") == []


async def test_an_amendment_writes_to_whom_it_changes_anything_for(
    crises: Crises, world: World, post: Postroom
) -> None:
    crisis_id, place, amendment = await countered_at_once(crises, world)
    await post.go_out()
    before = {one["id"] for one in (await crises.get(f"/{crisis_id}/notices"))["items"]}
    await crises.put_into_force(crisis_id, amendment)
    notices = [one for one in (await crises.get(f"/{crisis_id}/notices"))["items"] if one["id"] not in before]
    assert notices
    told = sorted([await post.person_of(one["organisation_id"]) for one in notices])
    assert sorted(one.to for one in await post.go_out()) == told
    assert await post.person_of(place.made.cdmo.id) in told


async def test_a_drill_writes_to_nobody_at_any_step(
    crises: Crises, world: World, owner: AsyncEngine, post: Postroom
) -> None:
    """Nor does a letter about a notice of it go out that is there for whatever reason."""
    place, crisis_id = await activated(crises, world, mode="drill", powers=[power("exercise")])
    await hours_pass(world, owner, 100)
    await answer(crises, crisis_id, place.made, "accept")
    await crises.post(f"/{crisis_id}/stand-down")
    told = (await crises.get(f"/{crisis_id}/notices"))["items"]
    assert len({one["kind"] for one in told}) >= 5
    assert [one["mailed"] for one in told] == [None] * len(told)
    assert (await crises.get(f"/{crisis_id}/notices?unreached=true"))["items"] == []
    assert (await post.waiting(), await post.scalar("SELECT count(*) FROM letters")) == ([], 0)
    [person_id] = [
        row[0]
        for row in await post.rows("SELECT id FROM people WHERE organisation_id = :id", id=place.first.startup.id)
    ]
    [notice_id, *_] = [one["id"] for one in told if one["organisation_id"] == str(place.first.startup.id)]
    await _forged(post, world, notice_id, person_id)
    assert await post.go_out() == []
    assert await post.fates() == [(False, "moot")]


async def test_those_who_lead_find_whom_no_letter_has_reached(
    crises: Crises, world: World, owner: AsyncEngine, post: Postroom
) -> None:
    """Whether nobody is there to be written to, or the address is refused; not those whose letter was overtaken."""
    place = await contested(world)
    async with owner.begin() as connection:
        query = "UPDATE people SET deactivated_at = now() WHERE organisation_id = :id"
        await connection.execute(text(query), {"id": place.first.startup.id})
    crisis_id, _ = await crises.activated(targets=CONTESTED_TARGET)
    maker = await post.person_of(place.made.cdmo.id)
    post.server.answers[f"RCPT TO:<{maker}>".upper()] = "550 nobody here"
    await post.go_out()
    path = f"/{crisis_id}/notices?unreached=true"
    found = {one["kind"]: one["mailed"] for one in (await crises.get(path))["items"]}
    assert found == {"order_issued": {"people": 1, "sent": 0, "dropped": 1}, "will_give_way": None}
    await crises.get(path, by=place.made.headers, expect=403)
    post.server.answers.clear()
    order = await crises.order_of(crisis_id)
    await crises.post(f"/{crisis_id}/orders/{order['id']}/accept", by=place.made.headers)
    await post.go_out()
    kinds = [one["kind"] for one in (await crises.get(path))["items"]]
    assert sorted(kinds) == ["gave_way", "order_issued", "will_give_way"]


async def test_a_letter_about_a_notice_to_another_organisation_is_not_sent(
    crises: Crises, world: World, owner: AsyncEngine, post: Postroom
) -> None:
    place, crisis_id = await activated(crises, world)
    await post.go_out()
    [(stranger,)] = await post.rows("SELECT id FROM people WHERE organisation_id = :id", id=place.second.startup.id)
    for notice in (await crises.get(f"/{crisis_id}/notices"))["items"]:
        await _forged(post, world, notice["id"], stranger)
    assert await post.go_out() == []
    assert await post.fates() == [(True, None)] * 2 + [(False, "moot")] * 2


async def _forged(post: Postroom, world: World, subject_id: Any, person_id: Any) -> None:
    """Have a letter wait that nothing in the service writes."""
    letter = await world.add(Letter(kind=LetterKind.NOTICE, subject_id=subject_id, person_id=person_id))
    with acting_for(EVERYBODY):
        async with transaction(post.sessions) as session:
            await enqueue(session, Entrypoint.LETTER, letter.id)
