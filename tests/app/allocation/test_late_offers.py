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


async def freed(room: Room, days: int, approval: str) -> None:
    """Have a booking from today on cancelled, in a slot of so many days, while somebody waits."""
    await room.sql(
        "UPDATE slots SET period = daterange(CAST(:start AS date), CAST(:end AS date))",
        start=today(),
        end=today() + timedelta(days=days),
    )
    await room.ask("holder", earliest_on=today())
    booking = await room.book("holder", (today() - DAY_ONE).days)
    await room.wait("next", earliest_on=today())
    await room.sql("UPDATE slots SET approval = CAST(:approval AS text)", approval=approval)
    await room.cancel("holder", booking)


async def test_the_waiting_list_offers_what_begins_today_until_midnight(room: Room) -> None:
    await freed(room, 43, "instant")
    assert await room.decided()
    [offer] = await room.offers("next")
    assert (offer["start"], datetime.fromisoformat(offer["expires_at"])) == (str(today()), begin_of(1))


@pytest.mark.parametrize(("days", "starts"), [(43, []), (44, [str(today() + timedelta(days=1))])])
async def test_where_the_cdmo_approves_the_waiting_list_offers_nothing_that_begins_today(
    room: Room, days: int, starts: list[str]
) -> None:
    await freed(room, days, "by_cdmo")
    assert await room.decided() is bool(starts)
    assert [offer["start"] for offer in await room.offers("next")] == starts
