"""Alerts: a start-up is told once of each slot that comes to be for booking, whoever works and whenever."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update
from sqlmodel import col

from app.audit.models import AuditRecord
from app.bookings.models import Booking, BookingStatus
from app.core.clock import today
from app.core.database import transaction
from app.core.errors import DomainError
from app.requests.alerting import evaluate_alerts
from app.requests.models import AlertHit, Request
from tests.app.capacity.rows import book
from tests.app.requests.conftest import Waiting
from tests.support.world import day


async def test_a_published_slot_is_told_once(waiting: Waiting) -> None:
    alert = await waiting.wait()
    assert (alert["hits"], alert["last_hit_at"]) == (0, None)
    slot = await waiting.publish()
    assert await waiting.sweep() == 1
    assert await waiting.sweep() == 0
    assert await waiting.hits(alert) == [(slot["id"], "published", True)]
    (hit,) = (await waiting.client.get(f"/v1/alerts/{alert['id']}/hits", headers=waiting.buyer)).json()["items"]
    assert hit["slot"] == (await waiting.client.get(f"/v1/slots/{slot['id']}", headers=waiting.buyer)).json()
    (listed,) = (await waiting.client.get("/v1/alerts", headers=waiting.buyer)).json()["items"]
    assert (listed["id"], listed["hits"], listed["last_hit_at"] is not None) == (alert["id"], 1, True)
    async with transaction(waiting.world.sessions) as session:
        told = await session.scalar(select(func.count()).where(col(AuditRecord.action) == "alert.hit"))
    assert told == 1


@pytest.mark.parametrize("needs", [None, {"modality": "monoclonal_antibody", "min_days": 43}])
async def test_each_way_to_be_for_booking_is_told_of(waiting: Waiting, needs: dict[str, Any] | None) -> None:
    alert = await waiting.wait(filters=needs) if needs else await waiting.wait()
    async with transaction(waiting.world.sessions) as session:
        await session.execute(update(Request).values(accepts_recallable=True))
    kept = await waiting.publish(0, 60, reserve="crisis")
    draft = await waiting.publish(60, 120, status="draft")
    short = await waiting.publish(120, 150)
    full = await waiting.publish(200, 250)
    row = await waiting.row(full)
    stranger, _ = await waiting.world.startup()
    booking = await book(waiting.world, row, stranger, 200, 250)
    assert await waiting.sweep() == 0
    expected = []
    lend = {"recall_notice_days": 30}
    assert (
        await waiting.client.post(f"/v1/slots/{kept['id']}/lend", json=lend, headers=waiting.seller)
    ).status_code == 200
    expected.append((kept["id"], "lent", True))
    assert await waiting.sweep() == 1
    await waiting.change(draft, status="published")
    expected.append((draft["id"], "published", True))
    assert await waiting.sweep() == 1
    await waiting.change(short, end=str(day(170)))
    expected.append((short["id"], "extended", True))
    assert await waiting.sweep() == 1
    async with transaction(waiting.world.sessions) as session:
        await session.execute(
            update(Booking).where(col(Booking.id) == booking.id).values(status=BookingStatus.CANCELLED)
        )
    expected.append((full["id"], "freed", True))
    assert await waiting.sweep() == 1
    await waiting.client.post(f"/v1/slots/{kept['id']}/recall", headers=waiting.seller)
    expected[0] = (kept["id"], "lent", False)
    assert await waiting.sweep() == 0
    await waiting.change(kept, reserve="open")
    expected[0] = (kept["id"], "lent", True)
    expected.append((kept["id"], "reclassified", True))
    assert await waiting.sweep() == 1
    assert await waiting.hits(alert) == expected


@pytest.mark.parametrize("by_filters", [True, False])
async def test_a_release_is_told_on_its_day_to_who_had_no_share_in_the_reserve(
    waiting: Waiting, by_filters: bool
) -> None:
    foreign, abroad = await waiting.world.startup(country="DE")
    request = await waiting.world.request(await waiting.world.product(foreign))
    body: dict[str, Any] = {"filters": {"min_days": 43}} if by_filters else {"request_id": str(request.id)}
    alert = await waiting.wait(headers=abroad, **body)
    at_home = await waiting.wait(**(body if by_filters else {}))
    slot = await waiting.publish(reserve="startup", releases_on=str(today() + timedelta(days=1)))
    assert await waiting.sweep() == 1
    await waiting.change(slot, releases_on=str(today()))
    assert await waiting.sweep() == 2
    assert await waiting.sweep() == 0
    assert await waiting.hits(alert, abroad) == [(slot["id"], "released", True)]
    assert [cause for _, cause, _ in await waiting.hits(at_home)] == ["published", "released"]


@pytest.mark.parametrize("needs", [None, {"min_days": 43}])
async def test_days_that_make_no_difference_are_not_told(waiting: Waiting, needs: dict[str, Any] | None) -> None:
    slot = await waiting.publish(0, 120)
    row = await waiting.row(slot)
    stranger, _ = await waiting.world.startup()
    bookings = [await book(waiting.world, row, stranger, start, start + 20) for start in (0, 30, 60)]
    given: dict[str, Any] = {"filters": needs} if needs else {}
    await waiting.wait(**given)
    assert await waiting.sweep() == 0, "nowhere do 43 days fit"

    async def end(*ended: Booking) -> int:
        async with transaction(waiting.world.sessions) as session:
            ids = [one.id for one in ended]
            await session.execute(
                update(Booking).where(col(Booking.id).in_(ids)).values(status=BookingStatus.CANCELLED)
            )
        return await waiting.sweep()

    # Free are [20, 30), [50, 60), [80, 120); with the last one [50, 120), where a batch of 43 days fits.
    assert await end(bookings[2]) == 1
    assert await end(bookings[0]) == 0
    assert await end(bookings[1]) == 0


async def test_a_hit_says_why_it_is_available_no_longer(waiting: Waiting) -> None:
    alert = await waiting.wait()
    slots = [await waiting.publish(start, start + 50) for start in (0, 60)]
    assert await waiting.sweep() == 2
    url = f"/v1/alerts/{alert['id']}/hits"

    async def reasons() -> list[str | None]:
        items = (await waiting.client.get(url, headers=waiting.buyer)).json()["items"]
        assert [one["available"] for one in items] == [one["unavailable_because"] is None for one in items]
        assert all((one["slot"] is None) is (one["unavailable_because"] == "withdrawn") for one in items)
        return [one["unavailable_because"] for one in items]

    assert await reasons() == [None, None]
    row = await waiting.row(slots[0])
    stranger, _ = await waiting.world.startup()
    await book(waiting.world, row, stranger, 0, 50)
    await waiting.client.delete(f"/v1/slots/{slots[1]['id']}", headers=waiting.seller)
    assert await reasons() == ["taken_or_changed", "withdrawn"]
    async with transaction(waiting.world.sessions) as session:
        await session.execute(update(Request).values(status="withdrawn"))
    assert await reasons() == ["request_settled", "withdrawn"]
    await waiting.publish(200, 300)
    assert await waiting.sweep() == 0


async def test_nothing_is_told_of_what_a_start_up_may_not_book(waiting: Waiting) -> None:
    alert = await waiting.wait(filters={"region": "Île-de-France"})
    await waiting.publish(0, 60, reserve="crisis")
    await waiting.publish(60, 120, status="draft")
    assert (await waiting.sweep(), await waiting.hits(alert)) == (0, [])


async def test_of_two_workers_at_once_one_tells(waiting: Waiting) -> None:
    alert = await waiting.wait()
    _, other = await waiting.world.startup()
    by_filters = await waiting.wait(headers=other, filters={"modality": "monoclonal_antibody"})
    for number in range(4):
        await waiting.publish(number * 60, number * 60 + 60)
        done = await asyncio.gather(*(waiting.sweep() for _ in range(3)), return_exceptions=True)
        assert not [one for one in done if isinstance(one, DomainError)]
        await waiting.sweep()
        assert len(await waiting.hits(alert)) == number + 1
        assert len(await waiting.hits(by_filters, other)) == number + 1


async def test_what_is_rolled_back_is_told_to_nobody_and_what_waits_is_told_late(waiting: Waiting) -> None:
    await waiting.wait()
    slot = await waiting.publish()

    async def die() -> None:
        async with transaction(waiting.world.sessions) as session:
            assert await evaluate_alerts(session) == 1
            raise InterruptedError

    with pytest.raises(InterruptedError):
        await die()
    async with transaction(waiting.world.sessions) as session:
        assert await session.scalar(select(func.count()).select_from(AlertHit)) == 0
    late = await waiting.wait(filters={"min_days": 43})
    assert await waiting.sweep() == 2
    assert await waiting.hits(late) == [(slot["id"], "published", True)]


async def test_slots_that_nobody_waits_for_are_looked_at_once(waiting: Waiting) -> None:
    await waiting.publish()
    assert await waiting.sweep() == 0
    await waiting.wait()
    assert await waiting.sweep() == 0
