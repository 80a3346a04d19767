"""What the worker does every few seconds: each sweep there is, by itself, with nobody else at it."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from app import worker
from app.core.settings import Settings
from app.jobs.sweeping import Sweep
from app.worker import RARE_SWEEPS, SWEEPS, work
from tests.app.bookings.conftest import Market, market

__all__ = ["market"]

PATIENCE = 30
NAMES = {
    "expired_offers": "expire_offers",
    "stale_holds": "expire_stale_holds",
    "overdue_approvals": "decline_overdue",
    "expired_crises": "expire_crises",
    "runs_of_ended_crises": "give_up_left_runs",
    "left_freezes": "let_go_of_left",
    "ended_campaigns": "end_orders",
    "expiring_crises": "warn_of_expiry",
    "expired_restorations": "expire_restorations",
    "unanswered_orders": "escalate_silence",
    "unanswered_places": "settle_unanswered",
    "lost_runs": "requeue_lost",
    "old_idempotency_keys": "forget_old_keys",
    "old_attempts": "remove_old",
    "old_sign_ins": "forget_old_sign_ins",
    "freed_periods": "ask_again",
    "alerts": "evaluate_alerts",
    "old_openings": "forget_openings",
    "old_letters": "forget_old_letters",
    "readiness_days": "record_readiness",
    "readiness_fees": "charge_readiness",
    "audit_seals": "seal_records",
    "indicators": "make_edition",
    "past_their_time": "forget_past",
}
"""Every sweep, and the function that does it."""


@asynccontextmanager
async def working(settings: Settings) -> AsyncIterator[None]:
    """Have a worker work, with all that it does, as long as the block lasts."""
    stop = asyncio.Event()
    task = asyncio.create_task(work(settings, stop))
    try:
        yield
    finally:
        stop.set()
        await task


async def until(condition: Callable[[], Any]) -> None:
    """Wait until a condition that may look into the database holds."""
    async with asyncio.timeout(PATIENCE):
        while not await condition():  # noqa: ASYNC110 - what the worker does is in the database
            await asyncio.sleep(0.1)


def name_of(sweep: Sweep) -> str:
    return str((sweep.func if isinstance(sweep, partial) else sweep).__name__)


def test_every_sweep_is_done_by_its_function() -> None:
    assert {name: name_of(sweep) for name, sweep in SWEEPS.items()} == NAMES
    assert RARE_SWEEPS.keys() <= SWEEPS.keys()


async def test_the_worker_does_every_sweep(market: Market, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    done: Mapping[str, list[int]] = defaultdict(list)

    def noted(name: str, sweep: Sweep) -> Sweep:
        async def do(session: AsyncSession) -> int:
            count = await sweep(session)
            done[name].append(count)
            return count

        return do

    async def all_are_done() -> bool:
        return done.keys() == NAMES.keys()

    monkeypatch.setattr(worker, "SWEEPS", {name: noted(name, sweep) for name, sweep in SWEEPS.items()})
    async with working(settings):
        await until(all_are_done)


@pytest.mark.parametrize(
    ("column", "ending", "by"),
    [
        ("hold_expires_at", ("expired", "hold_expired"), "expire_holds"),
        ("approval_expires_at", ("declined", "approval_overdue"), "decline_overdue"),
    ],
)
async def test_what_has_run_out_is_ended_by_the_worker_alone(
    market: Market, owner: AsyncEngine, settings: Settings, column: str, ending: tuple[str, str], by: str
) -> None:
    """Nothing else is done on its unit, which would end it too."""
    await market.by_approval()
    booking = await market.hold()
    if column == "approval_expires_at":
        await market.step(booking, "confirm", by=market.buyer)
    async with owner.begin() as connection:
        past = text(f"UPDATE bookings SET {column} = now() - interval '1 second' WHERE id = :id")  # noqa: S608
        await connection.execute(past, {"id": booking["id"]})

    async def ended() -> bool:
        async with owner.connect() as connection:
            found = text("SELECT status, ended_reason_code FROM bookings WHERE id = :id")
            status, reason = (await connection.execute(found, {"id": booking["id"]})).one()
        return (status, reason) == ending

    assert not await ended()
    async with working(settings):
        await until(ended)
    async with owner.connect() as connection:
        last = text("SELECT action, job FROM audit_records WHERE object_id = :id ORDER BY id DESC LIMIT 1")
        action, job = (await connection.execute(last, {"id": booking["id"]})).one()
    assert (action, job) == (f"booking.{ending[0]}", by)
