"""No false alarm, and nothing passed over, while many write, two seal, and one checks."""

import asyncio
import os

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.audit.seal_repository import RECORDS_BETWEEN
from app.core.database import SessionFactory, make_engine, make_session_factory, transaction
from app.core.settings import Settings
from tests.app.audit.trails import faults, seal_all

pytestmark = [pytest.mark.database, pytest.mark.races, pytest.mark.timeout(600)]

CLIENTS = 40
ROUNDS = 150 if os.environ.get("CRENEAU_PROVE") else 12
"""Transactions of each client."""

ADD = text(
    "INSERT INTO audit_records (actor, action, object_type, object_id, after)"
    " VALUES ('job', 'row.made', 'rows', gen_random_uuid(), '{\"n\": 1.50}')"
)


async def client(sessions: SessionFactory, number: int) -> int:
    """Write one to three records a transaction, some slowly, and give up every fifth; return how many are there."""
    written = 0
    for turn in range(ROUNDS):
        count = 1 + (number + turn) % 3
        async with sessions() as session:
            for one in range(count):
                await session.execute(ADD)
                await asyncio.sleep(0.002 * ((number * 7 + turn * 3 + one) % 11))
            if (number + turn) % 5 == 0:
                await session.rollback()
            else:
                await session.commit()
                written += count
    return written


async def test_there_is_no_false_alarm_while_forty_clients_write_and_two_seal(
    settings: Settings, owner: AsyncEngine
) -> None:
    assert settings.database_url is not None
    engine = make_engine(settings.database_url, settings.model_copy(update={"database_pool_size": CLIENTS + 3}))
    sessions = make_session_factory(engine)
    writing = True

    async def seal() -> int:
        done = 0
        while writing:
            done += await seal_all(sessions, most=50)
        return done

    async def check() -> tuple[int, list[str]]:
        times, found = 0, []
        while writing:
            found += await faults(sessions)
            times += 1
        return times, found

    sealers, checker = [asyncio.create_task(seal()) for _ in range(2)], asyncio.create_task(check())
    written = sum(await asyncio.gather(*(client(sessions, number) for number in range(CLIENTS))))
    writing = False
    meanwhile = sum(await asyncio.gather(*sealers))
    times, alarms = await checker
    assert alarms == []
    assert times > 3
    assert meanwhile > written / 10
    assert meanwhile + await seal_all(sessions) == written
    assert await faults(sessions) == []
    async with transaction(sessions) as session:
        sealed = await session.scalars(
            text("SELECT one FROM audit_seals, unnest(record_ids) one ORDER BY sequence, one")
        )
        there = await session.execute(RECORDS_BETWEEN, {"after": 0, "through": 2**62, "most": None})
        assert list(sealed) == [row.id for row in there]
    await engine.dispose()
