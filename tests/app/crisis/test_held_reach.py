"""Which slots a run holds still: those that a power opens to it, and those to which whom it lets give way may move."""

import asyncio
from unittest.mock import Mock
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.capacity.service import lock_units
from app.core.database import transaction
from app.core.vocabulary import Reserve
from app.crisis import holding_still
from app.matching.match import match_line
from tests.app.crisis.active_crises import rows
from tests.app.crisis.conftest import CONTESTED_TARGET, Crises, booked, contested, iso, maker, power, scalar
from tests.support.world import World, day

pytestmark = pytest.mark.database

ADVISORY_WAITS = text(
    "SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = database"
    " WHERE datname = current_database() AND locktype = 'advisory' AND NOT granted"
)


async def held_by(crises: Crises, owner: AsyncEngine, **given: object) -> set[UUID]:
    """Have a crisis planned, see that its problem draws on nothing else, and return what is held still for it."""
    run_id = await crises.run_of(await crises.declared(**given))
    held = {slot_id for (slot_id,) in await rows(owner, "SELECT slot_id FROM slot_freezes")}
    run = await crises.begun(run_id)
    if run.references["campaigns"]:
        assert {UUID(slot_id) for slot_id in run.references["places"]} <= held
    return held


async def test_reserve_contracts_hold_no_open_and_no_startup_slot(
    crises: Crises, world: World, owner: AsyncEngine
) -> None:
    """Nor one to which a lot in an open slot could move, for it has agreed to no recall."""
    unit = (await maker(world)).unit
    crisis_slot = await world.slot(unit, 0, 150, reserve=Reserve.CRISIS)
    opened = await world.slot(unit, 150, 300, reserve=Reserve.OPEN)
    await booked(world, await world.slot((await maker(world)).unit, 0, 150, reserve=Reserve.OPEN), 60, 103)
    startup = await world.slot((await maker(world)).unit, 0, 150, reserve=Reserve.STARTUP)
    assert await held_by(crises, owner, powers=[power("reserve_contract")]) == {crisis_slot.id}
    assert {opened.id, startup.id} < await held_by(crises, owner, powers=[power("requisition_or_order")])


async def test_what_may_be_recalled_may_move_and_its_places_are_held(
    crises: Crises, world: World, owner: AsyncEngine
) -> None:
    unit = (await maker(world)).unit
    lent = await world.slot(unit, 0, 150, reserve=Reserve.CRISIS, lendable=True, recall_notice_days=10)
    await booked(world, lent, 60, 103, recallable=True)
    to = await world.slot(unit, 150, 300, reserve=Reserve.OPEN)
    assert await held_by(crises, owner, powers=[power("reserve_contract")]) == {lent.id, to.id}


async def test_a_power_over_one_site_holds_no_slot_of_another(crises: Crises, world: World, owner: AsyncEngine) -> None:
    slots = [await world.slot((await maker(world)).unit, 0, 150, reserve=Reserve.CRISIS) for _ in range(2)]
    site = "SELECT site_id FROM production_lines JOIN units ON line_id = production_lines.id WHERE units.id = :id"
    site_id = await scalar(owner, site, id=slots[0].unit_id)
    within = power("reserve_contract", scope={"site_ids": [str(site_id)]})
    assert await held_by(crises, owner, powers=[within]) == {slots[0].id}


async def test_a_power_that_is_over_before_a_slot_begins_does_not_hold_it(
    crises: Crises, world: World, owner: AsyncEngine
) -> None:
    unit = (await maker(world)).unit
    first = await world.slot(unit, 0, 100, reserve=Reserve.CRISIS)
    await world.slot(unit, 100, 200, reserve=Reserve.CRISIS)
    powers = [power("reserve_contract", end=iso(30)), power("voluntary")]
    targets = [{"by": iso(180), "quantity": 20_000}]
    assert await held_by(crises, owner, powers=powers, targets=targets) == {first.id}


@pytest.mark.parametrize("until", [400, 2_000])
async def test_a_lot_that_is_due_late_holds_only_lines_that_serve_it(
    crises: Crises, world: World, owner: AsyncEngine, until: int
) -> None:
    """Years ahead where its own line is concerned, and on no line that is of its modality but does not suit it."""
    place = await contested(world)
    far = await world.slot(place.made.unit, 1_000, 1_100, reserve=Reserve.OPEN)
    small = await maker(world, gmp_phases=["preclinical"])
    unfit = await world.slot(small.unit, 1_000, 1_100, reserve=Reserve.OPEN)
    async with owner.begin() as connection:
        due = text("UPDATE requests SET latest_delivery_on = :due")
        await connection.execute(due, {"due": day(until)})
    held = await held_by(crises, owner, targets=CONTESTED_TARGET)
    assert unfit.id not in held
    assert (far.id in held) is (until == 2_000)


async def test_what_one_lot_reaches_is_not_looked_at_for_the_next(
    crises: Crises, world: World, owner: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two lots in the way only the second may be delivered years ahead; a third finds no slot that is not held."""
    near, far = (await maker(world)).unit, (await maker(world)).unit
    reached = {(await world.slot(near, 100, 200)).id, (await world.slot(far, 1_000, 1_100)).id}
    lots = [await booked(world, await world.slot((await maker(world)).unit, 0, 80), 20, 63) for _ in range(3)]
    async with owner.begin() as connection:
        due = text("UPDATE requests SET latest_delivery_on = :due WHERE id != :first")
        await connection.execute(due, {"due": day(2_000), "first": lots[0].booking.request_id})
    match = Mock(wraps=match_line)
    monkeypatch.setattr(holding_still, "match_line", match)
    assert reached < await held_by(crises, owner, targets=CONTESTED_TARGET)
    # Twice, before the units are locked and after: both lines for the first lot, the far one for the second.
    assert match.call_count <= 2 * 3


async def test_what_is_published_while_the_units_are_waited_for_is_held_too(
    crises: Crises, world: World, owner: AsyncEngine
) -> None:
    unit = (await maker(world)).unit
    first = await world.slot(unit, 0, 60, reserve=Reserve.CRISIS)
    crisis_id = await crises.declared()
    async with transaction(world.sessions) as session:
        await lock_units(session, [unit.id])
        task = asyncio.create_task(crises.run_of(crisis_id))
        async with asyncio.timeout(10):
            while not await session.scalar(ADVISORY_WAITS):  # noqa: ASYNC110 - it is the database's word
                await asyncio.sleep(0.02)
        second = await world.slot(unit, 60, 120, reserve=Reserve.CRISIS)
    await task
    held = {slot_id for (slot_id,) in await rows(owner, "SELECT slot_id FROM slot_freezes")}
    assert held == {first.id, second.id}


async def test_what_a_run_draws_on_is_held_and_what_it_cannot_use_is_not(
    crises: Crises, world: World, owner: AsyncEngine
) -> None:
    """The lots of the site in scope could move to the open slots of another line, and to no crisis slot of it."""
    place = await contested(world)
    other = await maker(world)
    to = await world.slot(other.unit, 100, 180, reserve=Reserve.OPEN)
    await world.slot(other.unit, 200, 280, reserve=Reserve.CRISIS, lendable=True)
    vectors = await maker(world, modalities=["viral_vector_aav"])
    await world.slot(vectors.unit, 0, 200, reserve=Reserve.OPEN)
    await world.slot(place.made.unit, 200, 300, reserve=Reserve.OPEN)  # after the last target, and where lots can go
    far = await world.slot(place.made.unit, 3000, 3100, reserve=Reserve.OPEN)
    site_id = await scalar(owner, "SELECT site_id FROM production_lines WHERE id = :id", id=place.made.unit.line_id)
    crisis_id = await crises.declared(targets=CONTESTED_TARGET, scope={"site_ids": [str(site_id)]})
    run = await crises.begun(await crises.run_of(crisis_id))
    held = {slot_id for (slot_id,) in await rows(owner, "SELECT slot_id FROM slot_freezes")}
    assert {UUID(slot_id) for slot_id in run.references["places"]} <= held
    assert {place.slot.id, to.id} <= held
    assert len(held) == 3
    assert far.id not in held
