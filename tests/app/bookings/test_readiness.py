"""Readiness fees on the real database: each quarter once, when it is over, for what was recorded of the promise."""

import asyncio
import csv
import io
from datetime import UTC, date, datetime
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from openpyxl import load_workbook
from sqlalchemy import insert, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from app.audit.author import Author
from app.bookings import readiness_repository
from app.bookings.models import Charge, ChargeKind
from app.bookings.readiness import charge_readiness
from app.capacity import readiness_repository as days_repository
from app.core.constraints import constraint_of
from app.core.database import SessionFactory, transaction
from app.core.model import new_id
from app.identity.models import OrganisationKind, Role
from app.jobs.sweeping import Sweeper
from app.worker import RARE_SWEEPS, SWEEPS
from tests.app.bookings.readiness_rows import FEE, charged, days, funded, on, recorded
from tests.support.explain import plans_of, settle
from tests.support.world import World, day

pytestmark = pytest.mark.database

AUTHOR = Author.of_job("test")
FIRST, SECOND, THIRD, FOURTH = (date(2020, month, 1) for month in (1, 4, 7, 10))


@pytest.fixture
async def sessions(app: FastAPI) -> SessionFactory:
    """Sessions of the application's role."""
    factory: SessionFactory = app.state.sessions
    return factory


async def charge(sessions: SessionFactory, **given: Any) -> int:
    async with transaction(sessions) as session:
        return await charge_readiness(session, AUTHOR, **given)


async def test_each_quarter_that_is_over_is_charged_once_for_what_was_recorded(
    client: httpx.AsyncClient, world: World, sessions: SessionFactory
) -> None:
    cdmo, seller = await world.cdmo()
    made = await funded(world, cdmo, FIRST, date(2020, 11, 1))
    ready = [*days(FIRST, 30), *days(date(2020, 6, 24), 10), *days(THIRD, 4)]
    await recorded(world, made, FIRST, date(2020, 11, 1), ready)
    other = await funded(world, cdmo, FIRST, SECOND, funder_id=made.funder_id)
    await recorded(world, other, FIRST, SECOND)
    assert await charge(sessions, most=3) == 4
    assert await charge(sessions, most=3) == 1
    assert await charge(sessions) == 0
    # Beyond the promise earns no more; 7 of 10 in the second quarter; 3 + 4 of 10 in the third; nothing of the 4 that
    # are promised in the fourth.
    expected = [("2020-01-01", FEE), ("2020-04-01", 630_000), ("2020-07-01", 630_000), ("2020-10-01", 0)]
    assert await charged(client, seller) == [*expected, ("2020-01-01", 0)]
    quarters = (await client.get(f"/v1/agreements/{made.id}/compliance", headers=seller)).json()["quarters"]
    assert [one["published_batch_days"] for one in quarters] == [30, 7, 7, 0]
    assert [one["readiness_charged_cents"] for one in quarters] == [cents for _, cents in expected]
    async with transaction(world.sessions) as session:
        await session.execute(
            text("UPDATE agreements SET period = '[2020-02-01,2020-08-01)', readiness_fee_cents = 7, version = 1")
        )
    assert await charge(sessions) == 0
    assert await charged(client, seller) == [*expected, ("2020-01-01", 0)]
    quarters = (await client.get(f"/v1/agreements/{made.id}/compliance", headers=seller)).json()["quarters"]
    assert [one["published_batch_days"] for one in quarters] == [0, 7, 7]
    assert [one["readiness_charged_cents"] for one in quarters] == [FEE, 630_000, 630_000]


async def test_a_charge_says_what_it_is_for_and_how_it_came_about(world: World, sessions: SessionFactory) -> None:
    cdmo, _ = await world.cdmo()
    made = await funded(world, cdmo, date(2020, 5, 17), THIRD)
    await recorded(world, made, date(2020, 5, 17), THIRD, [date(2020, 5, 17)])
    assert await charge(sessions) == 1
    async with transaction(sessions) as session:
        row = (await session.execute(text("SELECT * FROM charges"))).mappings().one()
        record = (await session.execute(text("SELECT * FROM audit_records"))).mappings().one()
    # 45 of 91 days: ten batch-days are five, one of which was there. 900,000 x 45/91 x 1/5 = 89,010.99
    assert row["detail"] == {
        "code": "kept_in_part",
        "policy_version": "readiness/1",
        "readiness_fee_cents": FEE,
        "start": "2020-05-17",
        "end": "2020-07-01",
        "quarter_days": 91,
        "promised_batch_days": 5,
        "published_batch_days": 1,
    }
    assert (row["kind"], row["amount_cents"], row["quarter_on"]) == ("readiness_fee", 89_011, SECOND)
    parties = made.funder_id, made.organisation_id, made.id
    assert (row["organisation_id"], row["counterparty_id"], row["agreement_id"]) == parties
    assert (record["action"], record["object_id"], record["job"]) == ("charge.added", row["id"], "test")


async def test_nothing_is_charged_before_the_end_of_the_quarter_at_the_sites(
    client: httpx.AsyncClient, world: World, sessions: SessionFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    cdmo, seller = await world.cdmo()
    made = await funded(world, cdmo, day(0), day(200))
    await funded(world, cdmo, day(0), day(200), readiness_fee_cents=0, funder_id=None)
    await recorded(world, made, day(0), day(200), days(day(0), 90))
    quarters = f"/v1/agreements/{made.id}/compliance"
    on(monkeypatch, datetime(2030, 3, 31, 21, 59, tzinfo=UTC))
    assert await charge(sessions) == 0
    shown = (await client.get(quarters, headers=seller)).json()["quarters"]
    assert [one["readiness_charged_cents"] for one in shown] == [None, None, None]
    on(monkeypatch, datetime(2030, 3, 31, 22, 0, tzinfo=UTC))  # midnight in Paris, where it is summer time
    assert await charge(sessions) == 1
    on(monkeypatch, datetime(2030, 7, 19, 12, 0, tzinfo=UTC))
    assert await charge(sessions) == 1
    assert await charged(client, seller) == [("2030-01-01", FEE), ("2030-04-01", 0)]
    on(monkeypatch, datetime(2030, 7, 20, 12, 0, tzinfo=UTC))  # day 200: the agreement is over, the quarter is not
    assert await charge(sessions) == 1


async def test_two_at_once_charge_once(world: World, sessions: SessionFactory) -> None:
    cdmo, _ = await world.cdmo()
    made = await funded(world, cdmo, FIRST, FOURTH)
    await recorded(world, made, FIRST, FOURTH)
    async with sessions() as first, sessions() as second:
        assert await charge_readiness(first, AUTHOR) == 3
        other = asyncio.create_task(charge_readiness(second, AUTHOR))
        await asyncio.sleep(0.3)
        assert not other.done(), "it waits for the first to end"
        await first.commit()
        assert await other == 0
        await second.commit()
    counts = await asyncio.gather(*(charge(sessions) for _ in range(8)))
    assert counts == [0] * 8
    async with transaction(sessions) as session:
        assert await session.scalar(text("SELECT count(*) FROM charges")) == 3
        assert await session.scalar(text("SELECT count(*) FROM audit_records WHERE action = 'charge.added'")) == 3


async def test_what_one_gives_up_another_charges(world: World, sessions: SessionFactory) -> None:
    cdmo, _ = await world.cdmo()
    made = await funded(world, cdmo, FIRST, SECOND)
    await recorded(world, made, FIRST, SECOND)
    async with sessions() as first, sessions() as second:
        assert await charge_readiness(first, AUTHOR) == 1
        other = asyncio.create_task(charge_readiness(second, AUTHOR))
        await asyncio.sleep(0.3)
        await first.rollback()
        assert await other == 1
        await second.commit()
    assert await charge(sessions) == 0


async def test_workers_sweep_at_once_and_charge_once(world: World, sessions: SessionFactory) -> None:
    cdmo, _ = await world.cdmo()
    for _ in range(5):
        made = await funded(world, cdmo, date(2018, 1, 1), date(2020, 1, 1))
        await recorded(world, made, date(2018, 1, 1), date(2020, 1, 1))
    sweeps = {"readiness_fees": SWEEPS["readiness_fees"]}
    workers = [Sweeper(sessions, sweeps, RARE_SWEEPS.__getitem__, asyncio.Event()) for _ in range(4)]
    await asyncio.gather(*(worker.sweep() for worker in workers))
    async with transaction(sessions) as session:
        assert await session.scalar(text("SELECT count(*) FROM charges")) == 5 * 8
        assert await session.scalar(text("SELECT count(DISTINCT (agreement_id, quarter_on)) FROM charges")) == 5 * 8


async def test_an_agreement_that_fails_keeps_no_other_from_being_charged(
    client: httpx.AsyncClient, world: World, sessions: SessionFactory, owner: AsyncEngine
) -> None:
    cdmo, seller = await world.cdmo()
    for fee in (1_000, 666, 2_000):
        made = await funded(world, cdmo, FIRST, SECOND, readiness_fee_cents=fee)
        await recorded(world, made, FIRST, SECOND, days(FIRST, 10))
    async with owner.begin() as connection:
        await connection.execute(text("ALTER TABLE charges ADD CONSTRAINT unlucky CHECK (amount_cents <> 666)"))
    try:
        assert await charge(sessions) == 2
        assert await charge(sessions) == 0
    finally:
        async with owner.begin() as connection:
            await connection.execute(text("ALTER TABLE charges DROP CONSTRAINT unlucky"))
    assert [cents for _, cents in await charged(client, seller)] == [1_000, 2_000]
    assert await charge(sessions) == 1


async def test_the_database_refuses_a_second_charge_for_a_quarter(world: World) -> None:
    cdmo, _ = await world.cdmo()
    made = await funded(world, cdmo, FIRST, FOURTH)

    def fee(quarter_on: date) -> Charge:
        return Charge(
            organisation_id=cdmo.id,
            kind=ChargeKind.READINESS_FEE,
            amount_cents=1,
            agreement_id=made.id,
            quarter_on=quarter_on,
        )

    await world.add(fee(FIRST))
    await world.add(fee(SECOND))
    with pytest.raises(IntegrityError) as refused:
        await world.add(fee(FIRST))
    assert constraint_of(refused.value) == "ix_charges_agreement_quarter"


async def test_no_search_for_what_is_due_reads_the_whole_ledger(
    world: World, sessions: SessionFactory, owner: AsyncEngine
) -> None:
    cdmo, _ = await world.cdmo()
    made = await funded(world, cdmo, date(2010, 1, 1), date(2020, 1, 1))
    await recorded(world, made, date(2010, 1, 1), date(2020, 1, 1))
    assert await charge(sessions) == 40
    prices = [
        {"id": new_id(), "organisation_id": cdmo.id, "kind": ChargeKind.PRICE, "amount_cents": 1} for _ in range(3_000)
    ]
    async with owner.begin() as connection:
        await connection.execute(insert(Charge), prices)
    await settle(owner)
    async with transaction(sessions) as session:
        plans = [
            *await plans_of(session, lambda: readiness_repository.quarters_due(session, day(0))),
            *await plans_of(session, lambda: readiness_repository.charged_quarters(session, made.id)),
            *await plans_of(session, lambda: days_repository.unrecorded(session, day(0))),
        ]
    assert len(plans) == 3
    for plan in plans:
        assert "Seq Scan on charges" not in plan, plan
        assert "Seq Scan on readiness_days" not in plan, plan


@pytest.mark.parametrize("kind", [OrganisationKind.COORDINATOR, OrganisationKind.OBSERVER])
async def test_both_parties_see_it_in_lists_and_files_and_nobody_else_does(
    client: httpx.AsyncClient, world: World, sessions: SessionFactory, kind: OrganisationKind
) -> None:
    role = Role.COORDINATOR if kind is OrganisationKind.COORDINATOR else Role.OBSERVER
    cdmo, seller = await world.cdmo()
    _, other = await world.cdmo()
    payer = await world.organisation(kind)
    funder = await world.headers(payer, role)
    made = await funded(world, cdmo, FIRST, SECOND, funder_id=payer.id)
    await recorded(world, made, FIRST, SECOND, days(FIRST, 5))
    await charge(sessions)
    assert await charged(client, other) == []
    for headers in (funder, seller, await world.coordinator()):
        assert await charged(client, headers) == [("2020-01-01", FEE // 2)]
        exported = await client.get("/v1/charges/export", headers=headers)
        (line,) = csv.DictReader(io.StringIO(exported.text))
        assert (line["organisation"], line["counterparty"]) == (payer.name, cdmo.name)
        assert (line["kind"], line["amount_eur"]) == ("readiness_fee", "4500.00")
        assert (line["agreement_id"], line["quarter_on"]) == (str(made.id), "2020-01-01")
        assert '"published_batch_days":5' in line["detail"]
        book = await client.get("/v1/charges/export", params={"format": "xlsx"}, headers=headers)
        sheet = load_workbook(io.BytesIO(book.content)).active
        assert sheet is not None
        header, row = ([cell.value for cell in cells] for cells in sheet.iter_rows())
        cells = dict(zip(header, row, strict=True))
        assert (cells["amount_cents"], cells["agreement_id"]) == (FEE // 2, str(made.id))
