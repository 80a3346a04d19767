"""Openings that can matter to nobody any more are forgotten, and those that still do are not."""

from datetime import timedelta
from typing import Any

from sqlalchemy import func, select, text

from app.capacity.models import OpeningCause, Slot, SlotOpening
from app.core.clock import now, today
from app.core.database import transaction
from app.core.model import period
from app.requests.models import Alert, AlertHit
from app.worker import RARE_SWEEPS, SWEEPS
from tests.support.world import World


async def forget(world: World) -> list[tuple[str, bool]]:
    """Do what the sweep does until nothing is left, and return what is: cause, and whether it is told."""
    async with transaction(world.sessions) as session:
        while await SWEEPS["old_openings"](session):
            continue
        rows = await session.scalars(select(SlotOpening))
        return sorted((one.cause.value, one.evaluated_at is not None) for one in rows)


async def test_what_is_told_and_hit_nobody_goes_and_a_release_once_its_slot_is_over(world: World) -> None:
    cdmo, _ = await world.cdmo()
    startup, _ = await world.startup()
    unit = await world.unit(cdmo)
    slots = {}
    for name, first, last in (("over", -20, 0), ("ahead", 20, 50)):
        days = period(today() + timedelta(days=first), today() + timedelta(days=last))
        slots[name] = await world.add(Slot(unit_id=unit.id, period=days))
    hit = SlotOpening(slot_id=slots["ahead"].id, cause=OpeningCause.LENT, evaluated_at=now())
    alert = Alert(organisation_id=startup.id, filters={})
    released: dict[str, Any] = {"cause": OpeningCause.RELEASED, "released_on": today() - timedelta(days=30)}
    async with transaction(world.sessions) as session:
        await session.execute(
            text("UPDATE slot_openings SET evaluated_at = now() WHERE slot_id = :over"), {"over": slots["over"].id}
        )
        session.add_all(
            [
                hit,
                alert,
                SlotOpening(slot_id=slots["ahead"].id, cause=OpeningCause.RECLASSIFIED, evaluated_at=now()),
                SlotOpening(slot_id=slots["ahead"].id, evaluated_at=now(), **released),
                SlotOpening(slot_id=slots["over"].id, evaluated_at=now(), **released),
            ]
        )
        await session.flush()
        session.add(AlertHit(alert_id=alert.id, opening_id=hit.id, slot_id=slots["ahead"].id))
    # Of the slot ahead: what an alert was told of, what is yet to be told, and that it was released.
    assert await forget(world) == [("lent", True), ("published", False), ("released", True)]
    assert await forget(world) == [("lent", True), ("published", False), ("released", True)]
    assert RARE_SWEEPS["old_openings"] >= 3_600


async def test_many_are_forgotten_a_thousand_at_a_time(world: World) -> None:
    cdmo, _ = await world.cdmo()
    slot = await world.slot(await world.unit(cdmo))
    many = text(
        "INSERT INTO slot_openings (slot_id, cause, evaluated_at)"
        " SELECT :slot, 'reclassified', now() FROM generate_series(1, 1500)"
    )
    async with transaction(world.sessions) as session:
        await session.execute(many, {"slot": slot.id})
        done = [await SWEEPS["old_openings"](session) for _ in range(3)]
        left = await session.scalar(select(func.count()).select_from(SlotOpening))
    assert (done, left) == ([1_000, 500, 0], 1)
