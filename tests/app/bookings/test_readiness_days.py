"""What is published of agreements with a fee, recorded day by day on the real database: nothing else earns anything."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, date, datetime

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from app.audit.author import Author
from app.bookings.readiness import charge_readiness
from app.capacity.models import Agreement, Slot
from app.capacity.readiness import record_readiness
from app.core.database import SessionFactory, transaction
from app.core.vocabulary import Reserve
from app.jobs.sweeping import Sweeper
from app.worker import RARE_SWEEPS, SWEEPS
from tests.app.bookings.readiness_rows import FEE, at_noon, charged, days, funded, on, published, recorded
from tests.support.world import World, day

pytestmark = pytest.mark.database


@pytest.fixture
async def sessions(app: FastAPI) -> SessionFactory:
    """Sessions of the application's role."""
    factory: SessionFactory = app.state.sessions
    return factory


async def record(sessions: SessionFactory) -> int:
    async with transaction(sessions) as session:
        return await record_readiness(session)


async def charge(sessions: SessionFactory) -> int:
    async with transaction(sessions) as session:
        return await charge_readiness(session, Author.of_job("test"))


async def known(sessions: SessionFactory, made: Agreement) -> list[tuple[date, int]]:
    """What is recorded of an agreement."""
    statement = text("SELECT day, published_batch_days FROM readiness_days WHERE agreement_id = :id ORDER BY day")
    async with transaction(sessions) as session:
        return [(one, count) for one, count in await session.execute(statement, {"id": made.id})]


async def withdraw(client: httpx.AsyncClient, slot: Slot, headers: Mapping[str, str]) -> None:
    answer = await client.delete(f"/v1/slots/{slot.id}", headers=headers)
    assert answer.status_code == 204, answer.text


async def test_who_publishes_late_and_withdraws_earns_what_was_there_day_by_day(
    client: httpx.AsyncClient, world: World, sessions: SessionFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    cdmo, seller = await world.cdmo()
    late = await funded(world, cdmo, day(80), day(90), batch_days_per_quarter=90)
    ready = await funded(world, cdmo, day(80), day(90), batch_days_per_quarter=90, funder_id=late.funder_id)
    until_the_last = await published(world, ready, day(70), 100)
    for number in range(80, 89):
        on(monkeypatch, day(number))
        assert await record(sessions) == 2
    on(monkeypatch, day(89))
    await withdraw(client, until_the_last, seller)
    of_the_last = await published(world, late, day(0), 90, created_at=at_noon(day(89)))
    assert await record(sessions) == 2
    await withdraw(client, of_the_last, seller)
    on(monkeypatch, day(90))
    assert await charge(sessions) == 2
    # Ten of ninety days count; of the ten batch-days promised in them, one was there, and nine.
    assert await charged(client, seller) == [("2030-01-01", FEE // 9 // 10), ("2030-01-01", FEE // 9 // 10 * 9)]
    for made, count in ((late, 1), (ready, 9)):
        (quarter,) = (await client.get(f"/v1/agreements/{made.id}/compliance", headers=seller)).json()["quarters"]
        assert (quarter["promised_batch_days"], quarter["published_batch_days"]) == (10, count)


async def test_a_day_is_recorded_once_as_it_stands_first(
    client: httpx.AsyncClient, world: World, sessions: SessionFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    cdmo, seller = await world.cdmo()
    made = await funded(world, cdmo, day(0), day(90))
    await funded(world, cdmo, day(0), day(90), readiness_fee_cents=0, funder_id=None)
    await funded(world, cdmo, day(11), day(90))
    await funded(world, cdmo, day(0), day(10))
    first, _ = [await published(world, made, day(start), 20) for start in (10, 5)]
    on(monkeypatch, datetime(2030, 1, 10, 22, 59, tzinfo=UTC))
    assert await record(sessions) == 1 + 1
    on(monkeypatch, datetime(2030, 1, 10, 23, 0, tzinfo=UTC))  # midnight in Paris
    assert await record(sessions) == 1
    assert await record(sessions) == 0
    await withdraw(client, first, seller)
    assert await record(sessions) == 0
    assert await known(sessions, made) == [(day(9), 1), (day(10), 2)]
    compliance = f"/v1/agreements/{made.id}/compliance"
    # As published now: days 5 to 8, from before anything was recorded, today, and those to come, through day 24.
    assert (await client.get(compliance, headers=seller)).json()["published_batch_days"] == 4 + 1 + 15
    on(monkeypatch, day(11))
    assert (await client.get(compliance, headers=seller)).json()["published_batch_days"] == 4 + 1 + 2 + 14


async def test_workers_record_at_once_and_each_day_once(
    world: World, sessions: SessionFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    cdmo, _ = await world.cdmo()
    made = await funded(world, cdmo, day(0), day(90))
    on(monkeypatch, day(3))
    async with sessions() as first, sessions() as second:
        assert await record_readiness(first) == 1
        other = asyncio.create_task(record_readiness(second))
        await asyncio.sleep(0.3)
        assert not other.done(), "it waits for the first to end"
        await published(world, made, day(0), 90)
        await first.commit()
        await other
        await second.commit()
    assert await known(sessions, made) == [(day(3), 0)]
    on(monkeypatch, day(4))
    sweeps = {"readiness_days": SWEEPS["readiness_days"]}
    workers = [Sweeper(sessions, sweeps, RARE_SWEEPS.__getitem__, asyncio.Event()) for _ in range(4)]
    await asyncio.gather(*(worker.sweep() for worker in workers))
    await asyncio.gather(*(record(sessions) for _ in range(4)))
    assert await known(sessions, made) == [(day(3), 0), (day(4), 1)]


async def test_days_without_a_worker_are_filled_in_from_what_stands_when_it_is_back(
    client: httpx.AsyncClient, world: World, sessions: SessionFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    cdmo, seller = await world.cdmo()
    made = await funded(world, cdmo, day(0), day(90))
    over = await funded(world, cdmo, day(0), day(6))
    withdrawn = await published(world, made, day(0), 90)
    await published(world, made, day(0), 90)
    on(monkeypatch, day(3))
    assert await record(sessions) == 2
    on(monkeypatch, day(8))
    await withdraw(client, withdrawn, seller)
    await published(world, made, day(0), 90, created_at=at_noon(day(7)))
    meanwhile = await funded(world, cdmo, day(0), day(90), created_at=at_noon(day(6)))
    to_come = await funded(world, cdmo, day(5), day(90))
    assert await record(sessions) == 4
    # Nothing before the first day that was recorded at all, which is that of the upgrade.
    assert await known(sessions, made) == list(zip(days(day(3), 6), [2, 1, 1, 1, 2, 2], strict=True))
    assert [one for one, _ in await known(sessions, over)] == days(day(3), 3)
    assert [one for one, _ in await known(sessions, meanwhile)] == days(day(6), 3)
    assert [one for one, _ in await known(sessions, to_come)] == days(day(5), 4)


@pytest.mark.parametrize("by_upgrade", [False, True])
async def test_nothing_is_charged_for_days_before_it_was_written_down_or_recorded(
    client: httpx.AsyncClient,
    world: World,
    sessions: SessionFactory,
    monkeypatch: pytest.MonkeyPatch,
    *,
    by_upgrade: bool,
) -> None:
    cdmo, seller = await world.cdmo()
    on(monkeypatch, day(45))
    since = {} if by_upgrade else {"created_at": at_noon(day(45))}
    made = await funded(world, cdmo, date(2029, 4, 1), date(2031, 1, 1), **since)
    if not by_upgrade:  # others have been recorded for a while
        other = await funded(world, cdmo, day(0), day(46), funder_id=made.funder_id)
        await recorded(world, other, day(0), day(46))
    await published(world, made, date(2029, 1, 1), 900)
    assert await record(sessions) == 1
    assert await charge(sessions) == 0
    on(monkeypatch, day(90))
    await record(sessions)
    charges = await charge(sessions)
    # Half of the ninety days count; nothing of the three quarters before.
    assert charges == (1 if by_upgrade else 2)
    assert ("2030-01-01", FEE // 2) in await charged(client, seller)
    assert await charge(sessions) == 0


async def test_only_what_was_reserved_counts_and_only_from_when_it_was_there(
    client: httpx.AsyncClient, world: World, sessions: SessionFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    cdmo, seller = await world.cdmo()
    made = await funded(world, cdmo, day(0), day(90))
    since = {"created_at": at_noon(day(20))}
    await published(world, made, day(0), 90, releases_on=day(20), **since)
    await published(world, made, day(0), 90, releases_on=day(21), **since)
    await published(world, made, day(0), 90, releases_on=day(5), agreement_id=None, **since)
    await published(world, made, day(0), 90, reserve=Reserve.OPEN, agreement_id=None, **since)
    on(monkeypatch, day(22))
    compliance = f"/v1/agreements/{made.id}/compliance"
    assert (await client.get(compliance, headers=seller)).json()["published_batch_days"] == 70
    assert await record(sessions) == 1
    assert await known(sessions, made) == [(day(22), 1)]


async def test_the_parts_of_a_slot_count_from_when_the_whole_was_there(
    client: httpx.AsyncClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    cdmo, seller = await world.cdmo()
    made = await funded(world, cdmo, day(0), day(90))
    slot = await published(world, made, day(0), 90, created_at=at_noon(day(-10)), releases_on=day(-5))
    split = await client.post(f"/v1/slots/{slot.id}/split", json={"at": [str(day(40))]}, headers=seller)
    assert split.status_code == 200, split.text
    async with transaction(world.sessions) as session:
        made_at = (await session.scalars(text("SELECT DISTINCT created_at FROM slots"))).all()
    assert made_at == [at_noon(day(-10))]


async def test_an_agreement_that_ends_early_is_charged_for_the_days_it_covered(
    client: httpx.AsyncClient, world: World, sessions: SessionFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    cdmo, seller = await world.cdmo()
    made = await funded(world, cdmo, day(0), day(365))
    await published(world, made, day(0), 365)
    coordinator = await world.coordinator()
    await recorded(world, made, day(0), day(45), days(day(0), 45))
    on(monkeypatch, day(45))
    assert await record(sessions) == 1
    ended = await client.post(f"/v1/agreements/{made.id}/end", json={"end": str(day(45))}, headers=coordinator)
    assert ended.status_code == 200, ended.text
    assert await record(sessions) == 0
    assert await charge(sessions) == 1
    assert await charged(client, seller) == [("2030-01-01", FEE // 2)]
    on(monkeypatch, day(95))
    assert (await record(sessions), await charge(sessions)) == (0, 0)


async def test_an_agreement_that_fails_keeps_no_other_from_being_recorded(
    world: World, sessions: SessionFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    cdmo, _ = await world.cdmo()
    unlucky = await funded(world, cdmo, day(0), day(90))
    lucky = await funded(world, cdmo, day(0), day(90))
    on(monkeypatch, day(3))
    condition = f"agreement_id <> '{unlucky.id}'"
    async with transaction(world.sessions) as session:
        await session.execute(text(f"ALTER TABLE readiness_days ADD CONSTRAINT unlucky CHECK ({condition})"))
    try:
        assert await record(sessions) == 1
        assert (await known(sessions, unlucky), await known(sessions, lucky)) == ([], [(day(3), 0)])
    finally:
        async with transaction(world.sessions) as session:
            await session.execute(text("ALTER TABLE readiness_days DROP CONSTRAINT unlucky"))
