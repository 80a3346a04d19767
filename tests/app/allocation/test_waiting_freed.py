"""Whatever frees days is told to those who wait, and days that are not free are offered to nobody."""

from typing import Any

import pytest

from app.core.clock import today
from tests.app.allocation.waiting_room import Room, days_of
from tests.support.world import day

pytestmark = pytest.mark.database


async def begun(room: Room, start: int = 0) -> str:
    """A campaign of `holder` in production."""
    booking = await room.book("holder", start)
    await room.post(room.seller, f"/v1/bookings/{booking}/start", {"actual_start_on": str(today())})
    return booking


async def slipped(room: Room, booking: str, end: int) -> None:
    body = {"expected_end_on": str(day(end)), "reason_code": "process"}
    await room.post(room.seller, f"/v1/bookings/{booking}/slip", body, expect=201)


async def test_days_that_a_slip_runs_over_are_not_offered_when_a_neighbour_leaves(room: Room) -> None:
    await room.sql("UPDATE slots SET period = '[2030-01-01,2030-04-16)'")
    first = await begun(room)
    second = await room.book("neighbour", 43)
    await slipped(room, first, 60)
    await room.wait("patient")
    await room.cancel("neighbour", second)
    assert await room.decided()
    [offer] = await room.offers("patient")
    assert days_of(offer) == (day(60), day(103))


async def test_days_that_a_new_slip_lets_go_of_are_offered(room: Room) -> None:
    await room.sql("UPDATE slots SET period = '[2030-01-01,2030-03-28)'")
    first = await begun(room)
    await slipped(room, first, 50)
    await room.wait("patient")
    await slipped(room, first, 43)
    assert await room.decided()
    [offer] = await room.offers("patient")
    assert days_of(offer) == (day(43), day(86))
    [decision] = await room.decisions()
    freed: list[dict[str, Any]] = decision["place"]["freed"]
    told = [(one["start"], one["end"], one["reason_code"]) for one in freed]
    assert told == [(str(day(43)), str(day(50)), "slipped_less")]


@pytest.mark.parametrize("how", ["complete", "fail"])
async def test_what_a_campaign_leaves_of_its_days_is_offered_when_it_ends(room: Room, how: str) -> None:
    booking = await begun(room)
    await room.wait("patient")
    body: dict[str, Any] = {"actual_end_on": str(today())}
    if how == "fail":
        body = {"failed_on": str(today()), "reason_code": "raw_material", "cause": "product"}
    await room.post(room.seller, f"/v1/bookings/{booking}/{how}", body)
    assert await room.scalar("SELECT count(*) FROM jobs.pgqueuer") == 1
    assert await room.decided()
    assert len(await room.offers("patient")) == 1
    assert (await room.decisions())[0]["place"]["freed"][0]["reason_code"] in {"completed", "raw_material"}


async def test_a_unit_that_has_broken_down_is_offered_to_nobody(room: Room) -> None:
    booking = await begun(room)
    await room.wait("patient")
    body = {"failed_on": str(today()), "reason_code": "equipment_failure", "cause": "cdmo"}
    await room.post(room.seller, f"/v1/bookings/{booking}/fail", body)
    assert not await room.decided()
    assert await room.offers("patient") == []
    [decision] = await room.decisions()
    assert (decision["outcome"], decision["reason_code"]) == ("withheld", "out_of_service")
