"""No two clients ever hold the same days: by the lock and the constraint together, or by the constraint alone."""

import os

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.races.conftest import without_guards, without_lock
from tests.races.contest import CLIENTS, Contest

pytestmark = [pytest.mark.races, pytest.mark.timeout(600)]

ROUNDS = 38 if os.environ.get("CRENEAU_PROVE") else 8
"""1,520 attempts under `make prove`, 320 under `make test`."""


async def test_each_period_has_one_winner_and_every_loser_gets_409(contest: Contest) -> None:
    outcome = await contest.run(ROUNDS)
    assert list(outcome.faults()) == []
    assert outcome.statuses == {201: 4 * ROUNDS, 409: (CLIENTS - 4) * ROUNDS}
    assert outcome.connections >= CLIENTS


async def test_the_constraint_alone_lets_nothing_overlap(
    contest: Contest, scratch_owner: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    await without_lock(scratch_owner, monkeypatch)
    outcome = await contest.run(1)
    assert outcome.overlaps == 0
    assert all(wins <= 1 for wins in outcome.winners.values())


async def test_without_constraint_and_lock_the_same_contest_fails(
    contest: Contest, scratch_owner: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    await without_guards(scratch_owner, monkeypatch)
    outcome = await contest.run(1)
    faults = " ".join(outcome.faults())
    assert "overlaps in the database" in faults
    assert "not won exactly once" in faults
