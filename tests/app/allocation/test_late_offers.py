"""What begins soon is offered no longer than it can be taken: by a round, and from the waiting list."""

from datetime import UTC, datetime, time, timedelta
from typing import Any

import httpx
import pytest

from app.core.clock import SITE_ZONE, today
from tests.app.allocation.conftest import Contest, Rounds, solved_by_greed
from tests.app.allocation.waiting_room import Room
from tests.support.world import DAY_ONE, World

pytestmark = pytest.mark.database


def begin_of(days: int) -> datetime:
    """The midnight at the sites with which the day so many days from today begins."""
    return datetime.combine(today() + timedelta(days=days), time.min, SITE_ZONE)


async def round_from(world: World, rounds: Rounds, days: int) -> tuple[Contest, str]:
    """Two requests that share a slot from so many days from today on, planned as of that day: on it, and 43 later."""
    begin = today() + timedelta(days=days)
    cdmo, _ = await world.cdmo()
    offset = (begin - DAY_ONE).days
    await world.slot(await world.unit(cdmo), offset, offset + 86, reserve="startup")
    made = Contest({}, {})
    for name in ("one", "other"):
        startup, made.headers[name] = await world.startup()
        made.requests[name] = await world.request(await world.product(startup), earliest_on=begin)
    horizon = {"start": str(begin), "end": str(begin + timedelta(days=365))}
    round_id = await rounds.closed(as_of_on=str(begin), **horizon)
    await solved_by_greed(rounds, world, round_id)
    return made, round_id


async def offers_of(client: httpx.AsyncClient, made: Contest) -> list[Any]:
    found = [(await client.get("/v1/offers", headers=headers)).json()["items"] for headers in made.headers.values()]
    return sorted((offer for listed in found for offer in listed), key=lambda offer: str(offer["start"]))


async def test_a_round_offers_what_begins_today_until_midnight(
    client: httpx.AsyncClient, world: World, rounds: Rounds
) -> None:
    made, round_id = await round_from(world, rounds, 0)
    assert (await rounds.post(f"/v1/rounds/{round_id}/publish"))["offers"] == 2
    at_once, later = await offers_of(client, made)
    assert (at_once["start"], datetime.fromisoformat(at_once["expires_at"])) == (str(today()), begin_of(1))
    left = datetime.fromisoformat(later["expires_at"]) - datetime.now(UTC)
    assert timedelta(hours=71) < left <= timedelta(hours=72)


async def test_a_round_offers_nothing_that_has_begun_and_its_request_waits_on(
    client: httpx.AsyncClient, world: World, rounds: Rounds
) -> None:
    made, round_id = await round_from(world, rounds, -1)
    published = await rounds.post(f"/v1/rounds/{round_id}/publish")
    assert (published["offers"], published["waitlisted"]) == (1, 1)
    [offer] = await offers_of(client, made)
    assert offer["start"] == str(today() + timedelta(days=42))
    states = {
        (await client.get(f"/v1/requests/{request.id}", headers=made.headers[name])).json()["status"]
        for name, request in made.requests.items()
    }
    assert states == {"offered", "waitlisted"}


async def freed(room: Room, days: int, approval: str, answer: str | None = None) -> None:
    """Have a booking from today on cancelled, in a slot of so many days, while somebody waits.

    The line is standard, unless its CDMO has answered each request.
    """
    await room.sql(
        "UPDATE slots SET period = daterange(CAST(:start AS date), CAST(:end AS date))",
        start=today(),
        end=today() + timedelta(days=days),
    )
    await room.ask("holder", earliest_on=today())
    booking = await room.book("holder", (today() - DAY_ONE).days)
    await room.wait("next", earliest_on=today())
    await room.sql("UPDATE slots SET approval = CAST(:approval AS text)", approval=approval)
    if answer is not None:
        await room.sql("UPDATE line_modalities SET is_standard = false")
        await room.sql(
            "INSERT INTO feasibilities"
            " (id, request_id, line_id, disclosed_summary, consented_at, status, condition, origin)"
            " SELECT gen_random_uuid(), r.id, l.id, 's', now(), :answer, :condition, 'real'"
            " FROM requests r, production_lines l",
            answer=answer,
            condition="if the titre is shown" if answer == "feasible_if" else None,
        )
    await room.cancel("holder", booking)


@pytest.mark.parametrize(("approval", "answer"), [("instant", None), ("by_cdmo", None), ("instant", "feasible")])
async def test_the_waiting_list_offers_what_begins_today_until_midnight_where_acceptance_confirms_it(
    room: Room, approval: str, answer: str | None
) -> None:
    await freed(room, 43, approval, answer)
    assert await room.decided()
    [offer] = await room.offers("next")
    assert (offer["start"], datetime.fromisoformat(offer["expires_at"])) == (str(today()), begin_of(1))
    assert (await room.answer("next", "accept"))["booking_status"] == "confirmed"


@pytest.mark.parametrize("days", [43, 44])
@pytest.mark.parametrize(("approval", "answer"), [("by_cdmo", "feasible"), ("instant", "feasible_if")])
async def test_where_the_cdmo_approves_the_waiting_list_offers_nothing_that_begins_today(
    room: Room, approval: str, answer: str, days: int
) -> None:
    """43 days are one campaign; of 44, it may begin tomorrow."""
    await freed(room, days, approval, answer)
    tomorrow = (str(today() + timedelta(days=1)), begin_of(1))
    expected = [tomorrow] if days == 44 else []
    assert await room.decided() is bool(expected)
    offers = await room.offers("next")
    assert [(one["start"], datetime.fromisoformat(one["expires_at"])) for one in offers] == expected
    assert await room.expired() == 0
    if not expected:
        assert (await room.own("next"))["decisions"][0]["reason_code"] == "slot_taken"
        assert await room.status("next") == "waitlisted"
