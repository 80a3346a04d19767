"""No two clients ever hold the same days: by the lock and the constraint together, or by the constraint alone."""

import os
from collections.abc import Collection
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from app.capacity import repository
from tests.races.contest import CLIENTS, Contest

pytestmark = [pytest.mark.races, pytest.mark.timeout(600)]

ROUNDS = 38 if os.environ.get("CRENEAU_PROVE") else 8
"""1,520 attempts under `make prove`, 320 under `make test`."""


@pytest.fixture
def without_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the lock of the units out of the service."""

    async def no_lock(session: AsyncSession, unit_ids: Collection[UUID]) -> None:
        """Let everybody pass."""

    monkeypatch.setattr(repository, "lock_units", no_lock)


async def drop_constraint(owner: AsyncEngine) -> None:
    async with owner.begin() as connection:
        await connection.execute(text("ALTER TABLE bookings DROP CONSTRAINT ex_bookings_live_overlap"))


async def test_each_period_has_one_winner_and_every_loser_gets_409(contest: Contest) -> None:
    outcome = await contest.run(ROUNDS)
    assert list(outcome.faults()) == []
    assert outcome.statuses == {201: 4 * ROUNDS, 409: (CLIENTS - 4) * ROUNDS}
    assert outcome.connections >= CLIENTS


async def test_the_constraint_alone_lets_nothing_overlap(contest: Contest, without_lock: None) -> None:
    outcome = await contest.run(1)
    assert outcome.overlaps == 0
    assert all(wins <= 1 for wins in outcome.winners.values())


async def test_without_constraint_and_lock_the_same_contest_fails(
    contest: Contest, scratch_owner: AsyncEngine, without_lock: None
) -> None:
    await drop_constraint(scratch_owner)
    outcome = await contest.run(1)
    faults = " ".join(outcome.faults())
    assert "overlaps in the database" in faults
    assert "not won exactly once" in faults
