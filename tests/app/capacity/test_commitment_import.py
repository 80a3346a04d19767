"""Busy periods from files: never over a published slot, over each other as often as it happens."""

import httpx
from sqlalchemy import select
from sqlmodel import col

from app.audit.models import AuditRecord
from app.capacity.models import Commitment, CommitmentKind, SlotStatus
from app.core.database import transaction
from tests.app.capacity.files import as_csv, faults, send
from tests.app.capacity.rows import commitment
from tests.support.world import World, day

HEADER = ("id", "start", "end", "kind", "note")


async def stored(world: World) -> list[Commitment]:
    """Return all commitments in the order of their creation."""
    async with transaction(world.sessions) as session:
        return list(await session.scalars(select(Commitment).order_by(col(Commitment.id))))


async def test_a_calendar_of_busy_periods_comes_in_with_a_trail(client: httpx.AsyncClient, world: World) -> None:
    cdmo, own = await world.cdmo()
    unit = await world.unit(cdmo)
    changed, kept = await commitment(world, unit.id, 0, 10), await commitment(world, unit.id, 10, 20)
    rows = [
        HEADER,
        (changed.id, "", day(15), "Maintenance", "'=1+1"),
        (kept.id, day(10), day(20), "", ""),
        ("", day(5), day(30), "media_fill", ""),
        ("", day(5), day(30), "media_fill", ""),
    ]
    tried = await send(client, as_csv(rows), own, dry_run=None, what="commitments")
    assert tried.json()["rows"][0]["changes"] == [
        {"field": "end", "before": str(day(10)), "after": str(day(15))},
        {"field": "kind", "before": "other", "after": "maintenance"},
        {"field": "note", "before": None, "after": "=1+1"},
    ]
    assert [one.version for one in await stored(world)] == [1, 1]
    done = await send(client, as_csv(rows), own, what="commitments")
    assert done.json()["counts"] == {"create": 2, "update": 1, "unchanged": 1, "refused": 0}
    found = await stored(world)
    assert (found[0].kind, found[0].note, found[0].period.upper) == (CommitmentKind.MAINTENANCE, "=1+1", day(15))
    assert [one.version for one in found] == [2, 1, 1, 1]
    again = await send(client, as_csv(rows), own, what="commitments")
    assert again.json()["counts"] == {"create": 0, "update": 0, "unchanged": 4, "refused": 0}
    async with transaction(world.sessions) as session:
        records = list(await session.scalars(select(AuditRecord).order_by(col(AuditRecord.id))))
    assert [one.action for one in records] == ["commitment.updated", "commitment.created", "commitment.created"]


async def test_a_published_slot_is_in_the_way(client: httpx.AsyncClient, world: World) -> None:
    cdmo, own = await world.cdmo()
    unit = await world.unit(cdmo)
    slot = await world.slot(unit, 50, 80)
    await world.slot(unit, 0, 50, status=SlotStatus.DRAFT)
    moved = await commitment(world, unit.id, 0, 10)
    rows = [
        HEADER,
        ("", day(79), day(90), "", ""),
        (moved.id, "", day(51), "", ""),
        ("", day(80), day(90), "", ""),
        ("", day(90), day(90), "", ""),
        ("", day(100), day(110), "holiday", "x" * 401),
    ]
    answer = await send(client, as_csv(rows), own, what="commitments")
    over = f"Slot {slot.id} is published from {day(50)} to {day(80)} on this unit."
    assert faults(answer) == [
        ("/rows/2/start", over),
        ("/rows/3/start", over),
        ("/rows/5/end", f"end ({day(90)}) must be after start ({day(90)})"),
        (
            "/rows/6/kind",
            "Input should be 'sold_elsewhere', 'maintenance', 'media_fill', 'shutdown' or 'other'",
        ),
        ("/rows/6/note", "String should have at most 400 characters"),
    ]
    turned = await send(client, as_csv([HEADER, (moved.id, day(9), day(3), "", "")]), own, what="commitments")
    assert faults(turned) == [("/rows/2/end", f"end ({day(3)}) must be after start ({day(9)})")]
    assert [one.version for one in await stored(world)] == [1]
