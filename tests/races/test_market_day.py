"""A day of trade by forty clients leaves a history that one after the other could have left."""

import os
from datetime import UTC, datetime

import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from app.bookings import service
from app.core.database import make_session_factory
from app.core.settings import Settings
from app.main import create_app
from tests.races.conftest import without_guards
from tests.races.contest import CLIENTS
from tests.races.market_day import MarketDay
from tests.support.world import World

pytestmark = [pytest.mark.races, pytest.mark.timeout(1800)]

DEEDS_EACH = 40 if os.environ.get("CRENEAU_PROVE") else 12
"""1,600 transactions under `make prove`, 480 under `make test`."""

DEEDS_OF_ONE = 40


async def _day(owner: AsyncEngine, app: FastAPI, *, clients: int = CLIENTS) -> MarketDay:
    world = World(make_session_factory(owner))
    await world.add_modalities()
    return await MarketDay.on(app, owner, world, seed=1, clients=clients)


async def test_the_history_is_one_after_the_other(scratch: Settings, scratch_owner: AsyncEngine) -> None:
    app = create_app(scratch)
    async with app.router.lifespan_context(app):
        lived = await _day(scratch_owner, app)
        await lived.live(DEEDS_EACH)
        faults = await lived.faults()
    assert faults == []
    verbs = {deed.verb for deed in lived.deeds if deed.status in {200, 201}}
    assert verbs >= {"hold", "confirm", "move", "cancel"}
    assert {deed.status for deed in lived.deeds} >= {200, 201, 409}
    assert any(deed.late for deed in lived.deeds)


async def test_without_lock_and_constraint_the_same_day_fails(
    scratch: Settings, scratch_owner: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    await without_guards(scratch_owner, monkeypatch)
    app = create_app(scratch)
    async with app.router.lifespan_context(app):
        lived = await _day(scratch_owner, app)
        await lived.live(1)
        faults = await lived.faults()
    assert any("hold the same days" in fault for fault in faults)


async def test_without_the_check_of_expiry_the_same_day_fails(
    scratch: Settings, scratch_owner: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "now", lambda: datetime.min.replace(tzinfo=UTC))
    # Among many, whoever asks next for the same unit may mark the hold expired before its own confirmation comes.
    app = create_app(scratch)
    async with app.router.lifespan_context(app):
        lived = await _day(scratch_owner, app, clients=1)
        await lived.live(DEEDS_OF_ONE)
        faults = await lived.faults()
    assert "a confirm of a hold that had run out was acknowledged" in faults
    assert any("had run out and became confirmed" in fault for fault in faults)
