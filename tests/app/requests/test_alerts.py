"""Alerts: a start-up is told once of each slot that comes to be for booking, whoever works and whenever."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select, text, update
from sqlmodel import col

from app.audit.models import AuditRecord
from app.bookings.models import Booking, BookingStatus
from app.capacity.models import Slot
from app.catalogue.models import Unit
from app.core.clock import today
from app.core.database import transaction
from app.core.errors import DomainError
from app.identity.models import Organisation
from app.requests import alert_rules, alerts
from app.requests.alerting import evaluate_alerts
from app.requests.models import AlertHit, Request
from app.worker import SWEEPS
from tests.app.capacity.rows import book
from tests.support.world import World, day

Headers = Mapping[str, str]


@dataclass
class Waiting:
    """A start-up that waits, and a CDMO with a unit that it can use: 43 days a batch."""

    client: httpx.AsyncClient
    world: World
    startup: Organisation
    buyer: Headers
    seller: Headers
    unit: Unit
    request: Request

    async def wait(self, *, expect: int = 201, headers: Headers | None = None, **body: Any) -> Any:
        """Add an alert, for the request unless the body says otherwise."""
        body = body or {"request_id": str(self.request.id)}
        answer = await self.client.post("/v1/alerts", json=body, headers=headers or self.buyer)
        assert answer.status_code == expect, answer.text
        return answer.json()

    async def publish(self, start: int = 0, end: int = 120, **given: Any) -> Any:
        body = {"unit_id": str(self.unit.id), "start": str(day(start)), "end": str(day(end)), **given}
        answer = await self.client.post("/v1/slots", json=body, headers=self.seller)
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def change(self, slot: Any, **body: Any) -> None:
        answer = await self.client.patch(f"/v1/slots/{slot['id']}", json=body, headers=self.seller)
        assert answer.status_code == 200, answer.text

    async def row(self, slot: Any) -> Slot:
        async with transaction(self.world.sessions) as session:
            return await session.get_one(Slot, slot["id"])

    async def sweep(self) -> int:
        """Do what a worker does every few seconds, and return how many hits there are."""
        async with transaction(self.world.sessions) as session:
            done = await SWEEPS["alerts"](session)
        assert isinstance(done, int)
        return done

    async def hits(self, alert: Any, headers: Headers | None = None) -> list[tuple[str, str, bool]]:
        """What an alert was told of: slot, cause, and whether it is available."""
        items = (await self.client.get(f"/v1/alerts/{alert['id']}/hits", headers=headers or self.buyer)).json()["items"]
        return [(one["slot_id"], one["cause"], one["available"]) for one in items]


@pytest.fixture
async def waiting(client: httpx.AsyncClient, world: World) -> Waiting:
    cdmo, seller = await world.cdmo()
    startup, buyer = await world.startup()
    request = await world.request(await world.product(startup))
    return Waiting(client, world, startup, buyer, seller, await world.unit(cdmo), request)


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


async def test_alerts_are_ones_own(waiting: Waiting) -> None:
    alert = await waiting.wait()
    await waiting.publish()
    await waiting.sweep()
    _, stranger = await waiting.world.startup()
    coordinator = await waiting.world.coordinator()
    url = f"/v1/alerts/{alert['id']}"
    for headers, seen in ((stranger, False), (waiting.seller, False), (coordinator, True), (waiting.buyer, True)):
        for path in (url, f"{url}/hits"):
            assert (await waiting.client.get(path, headers=headers)).status_code == (200 if seen else 404)
        listed = (await waiting.client.get("/v1/alerts", headers=headers)).json()["items"]
        assert [one["id"] for one in listed] == ([alert["id"]] if seen else [])
    for headers, status in ((stranger, 404), (waiting.seller, 403), (coordinator, 403), (waiting.buyer, 204)):
        assert (await waiting.client.delete(url, headers=headers)).status_code == status
    assert (await waiting.client.get(url, headers=waiting.buyer)).status_code == 404
    await waiting.wait(headers=waiting.seller, filters={"min_days": 1}, expect=403)


async def test_an_alert_is_for_one_request_or_for_sound_filters(
    waiting: Waiting, monkeypatch: pytest.MonkeyPatch
) -> None:
    request_id = str(waiting.request.id)
    for body, pointer in (
        ({"request_id": None}, "/request_id"),
        ({"request_id": request_id, "filters": {"min_days": 3}}, "/request_id"),
        ({"filters": {}}, "/filters"),
        ({"filters": {"modality": "alchemy"}}, "/filters/modality"),
        ({"filters": {"start": str(day(3)), "end": str(day(3))}}, "/filters/end"),
        ({"filters": {"volume_min": 3, "volume_max": 2}}, "/filters/volume_max"),
        ({"filters": {"available": True}}, "/filters/available"),
        ({"filters": {"min_days": 0}}, "/filters/min_days"),
    ):
        assert (await waiting.wait(expect=422, **body))["errors"][0]["pointer"] == pointer, body
    _, stranger = await waiting.world.startup()
    await waiting.wait(headers=stranger, request_id=request_id, expect=404)
    first = await waiting.wait()
    again = await waiting.wait(expect=409)
    assert (again["type"], again["alert_id"]) == ("urn:creneau:problem:alert-exists", first["id"])
    monkeypatch.setattr(alerts, "MOST_ALERTS", 1)
    assert (await waiting.wait(filters={"min_days": 3}, expect=409))["most"] == 1
    async with transaction(waiting.world.sessions) as session:
        await session.execute(text("DELETE FROM alerts"))
        await session.execute(update(Request).values(status="booked"))
    assert (await waiting.wait(expect=409))["type"] == "urn:creneau:problem:request-settled"
    assert alert_rules.MOST_ALERTS >= 100


async def test_of_many_alerts_for_one_request_at_once_one_is_added(waiting: Waiting) -> None:
    body = {"request_id": str(waiting.request.id)}
    calls = [waiting.client.post("/v1/alerts", json=body, headers=waiting.buyer) for _ in range(5)]
    assert sorted(one.status_code for one in await asyncio.gather(*calls)) == [201, 409, 409, 409, 409]


async def test_slots_that_nobody_waits_for_are_looked_at_once(waiting: Waiting) -> None:
    await waiting.publish()
    assert await waiting.sweep() == 0
    await waiting.wait()
    assert await waiting.sweep() == 0
