"""What a change of a slot may not contradict, and what may be lent: kept by the database, whoever writes."""

import json

import asyncpg
import pytest

from app.core.clock import today
from tests.migrations.test_constraints import BOOK, FAR, LET_GO, connection, refusal, store_specimens
from tests.support.world import World

__all__ = ["connection"]
pytestmark = pytest.mark.database

ID = "01900000-0000-7000-8000-000000000001"
END = "UPDATE bookings SET status = 'released', hold_expires_at = NULL"
THAW, ANSWER = LET_GO
CRISIS = "UPDATE slots SET reserve = 'crisis', lendable = true, recall_notice_days = 30, max_lent_days = 40"
LENT = "UPDATE bookings SET source = 'direct', recallable = true, reserve = 'crisis'"
STARTUP = "UPDATE slots SET reserve = 'startup', releases_on = '2020-01-01'"
LIVE_AGAIN = "UPDATE bookings SET status = 'held', hold_expires_at = '2030-01-01'"
AS_LENT = (THAW, ANSWER, END, CRISIS, LIVE_AGAIN, LENT)


@pytest.mark.parametrize(
    ("before", "change", "name"),
    [
        ((END,), "status = 'withdrawn'", "ck_slots_keep_ordered"),
        ((END,), "reserve = 'startup'", "ck_slots_keep_ordered"),
        ((THAW,), "period = '[2030-01-01,2030-04-01)'", "ck_slots_keep_ordered"),
        ((THAW,), "period = '[2030-01-01,2030-04-12)'", None),
        ((END, ANSWER), "status = 'withdrawn'", "ck_slots_keep_frozen"),
        ((END, ANSWER), "reserve = 'startup'", "ck_slots_keep_frozen"),
        ((ANSWER,), "period = '[2030-01-01,2030-04-30)'", "ck_slots_keep_frozen"),
        ((ANSWER,), "period = '[2029-12-01,2030-06-01)', price_cents = 7", None),
        (AS_LENT, "recall_notice_days = 29", "ck_slots_keep_notice"),
        (AS_LENT, "recall_notice_days = NULL, lendable = false", "ck_slots_keep_notice"),
        (AS_LENT, "recall_notice_days = 31, lendable = false", None),
        (AS_LENT, "max_lent_days = 39", "ck_slots_keep_lent"),
        (AS_LENT, "max_lent_days = NULL", None),
        ((*AS_LENT, END), "recall_notice_days = 1, max_lent_days = 1", None),
        ((THAW, ANSWER, END, STARTUP, LIVE_AGAIN), "releases_on = NULL", "ck_slots_keep_release"),
        ((THAW, ANSWER, END, STARTUP, LIVE_AGAIN), "releases_on = '2099-01-01'", "ck_slots_keep_release"),
        ((THAW, ANSWER, END, STARTUP, LIVE_AGAIN), "releases_on = '{today}'", None),
        ((THAW, ANSWER, END, STARTUP), "releases_on = NULL", None),
        (
            (THAW, ANSWER, END, STARTUP, LIVE_AGAIN, "UPDATE bookings SET reserve = 'startup'"),
            "releases_on = NULL",
            None,
        ),
    ],
)
async def test_a_slot_keeps_what_relies_on_it(
    world: World, connection: asyncpg.Connection, before: tuple[str, ...], change: str, name: str | None
) -> None:
    await store_specimens(world)
    for statement in before:
        await connection.execute(statement)
    assert await refusal(connection, f"UPDATE slots SET {change.format(today=today())}") == name  # noqa: S608 - our own statements


async def test_a_hold_that_has_run_out_keeps_nothing(world: World, connection: asyncpg.Connection) -> None:
    await store_specimens(world)
    for statement in (*AS_LENT, "UPDATE bookings SET hold_expires_at = now()"):
        await connection.execute(statement)
    assert await refusal(connection, "UPDATE slots SET recall_notice_days = 1, max_lent_days = 1") is None


async def test_the_days_of_a_frozen_slot_may_go_to_a_part_that_is_as_frozen(
    world: World, connection: asyncpg.Connection
) -> None:
    await store_specimens(world)
    part = json.dumps({"id": ID, "period": "[2030-03-01,2030-05-01)"})
    insert = "INSERT INTO slots SELECT part.* FROM slots, jsonb_populate_record(slots, $1) part"
    await connection.execute(ANSWER)
    await connection.execute("SET CONSTRAINTS ex_slots_published_overlap DEFERRED")
    await connection.execute(insert, part)
    cut = "UPDATE slots SET period = '[2030-01-01,2030-03-01)' WHERE period @> '2030-01-01'::date"
    assert await refusal(connection, cut) == "ck_slots_keep_frozen"
    await connection.execute(
        f"INSERT INTO slot_freezes (id, slot_id, holder, holder_id) SELECT gen_random_uuid(), '{ID}', holder, holder_id"  # noqa: S608
        " FROM slot_freezes"
    )
    assert await refusal(connection, cut.replace("-03-01)", "-02-28)")) == "ck_slots_keep_frozen"
    assert await refusal(connection, cut) is None


@pytest.mark.parametrize(
    ("slot", "booking", "name"),
    [
        ("lendable = true", {}, None),
        ("lendable = false", {}, "ck_bookings_lent"),
        ("lendable = false", {"source": "round"}, "ck_bookings_lent"),
        ("lendable = false", {"source": "crisis"}, None),
        ("lendable = true", {"recallable": False}, "ck_bookings_lent"),
        ("max_lent_days = 7", {}, "ck_bookings_lent"),
        ("max_lent_days = 8", {}, None),
        ("reserve = 'open', lendable = false", {"recallable": False}, None),
    ],
)
async def test_what_is_lent_is_lent_under_its_terms(
    world: World, connection: asyncpg.Connection, slot: str, booking: dict[str, object], name: str | None
) -> None:
    await store_specimens(world)
    for statement in (THAW, ANSWER, END, CRISIS, f"UPDATE slots SET {slot}"):  # noqa: S608
        await connection.execute(statement)
    made = {
        "id": ID,
        "status": "held",
        "hold_expires_at": "2030-01-01T00:00:00Z",
        "source": "direct",
        "recallable": True,
        "reserve": "crisis",
        "crisis_id": None,
        "period": FAR,
    }
    assert await refusal(connection, BOOK, json.dumps(made | booking)) == name


async def test_a_lent_booking_stays_in_a_recalled_slot_and_may_not_be_moved_in_it(
    world: World, connection: asyncpg.Connection
) -> None:
    await store_specimens(world)
    for statement in (*AS_LENT, "UPDATE slots SET lendable = false"):
        await connection.execute(statement)
    move = "UPDATE bookings SET period = '[2030-01-12,2030-02-15)'"
    assert await refusal(connection, "UPDATE bookings SET status = 'confirmed', hold_expires_at = NULL") is None
    assert await refusal(connection, move) == "ck_bookings_lent"


OPENED = "SELECT cause || coalesce(' ' || period::text, '') FROM slot_openings WHERE cause <> 'released' ORDER BY 1"


@pytest.mark.parametrize(
    ("before", "change", "opened"),
    [
        ((END,), "UPDATE slots SET reserve = 'startup'", ["reclassified"]),
        ((END, "UPDATE slots SET status = 'withdrawn'"), "UPDATE slots SET status = 'published'", ["published"]),
        ((END, "UPDATE slots SET reserve = 'crisis'"), CRISIS, ["lent"]),
        ((END, CRISIS), "UPDATE slots SET lendable = false, recall_notice_days = 60", []),
        (
            (),
            "UPDATE slots SET period = '[2029-12-01,2030-06-01)'",
            ["extended [2029-12-01,2030-01-01)", "extended [2030-05-01,2030-06-01)"],
        ),
        ((), "UPDATE slots SET price_cents = 9", []),
        ((END,), "UPDATE slots SET status = 'withdrawn'", []),
        ((), END, ["freed [2030-01-11,2030-02-20)"]),
        ((END,), "UPDATE bookings SET ended_reason_code = 'x'", []),
        ((), "UPDATE bookings SET status = 'confirmed', hold_expires_at = NULL", []),
        (
            (),
            "UPDATE bookings SET period = '[2030-01-21,2030-03-01)'",
            ["freed [2030-01-11,2030-01-21)"],
        ),
    ],
)
async def test_what_comes_to_be_for_booking_is_noted_in_the_same_transaction(
    world: World, connection: asyncpg.Connection, before: tuple[str, ...], change: str, opened: list[str]
) -> None:
    await store_specimens(world)
    for statement in (*LET_GO, *before, "DELETE FROM slot_openings WHERE cause <> 'released'"):
        await connection.execute(statement)
    await connection.execute(change)
    assert [row[0] for row in await connection.fetch(OPENED)] == opened
