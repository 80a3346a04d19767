"""The invariants are in the database: each named constraint exists, and refuses what it says, by its name."""

import json
from collections.abc import AsyncIterator

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.engine import URL

from app.core.database import transaction
from app.core.model import Versioned
from app.tables import metadata
from tests.migrations.examples import Violation
from tests.migrations.specimens import specimens
from tests.migrations.violations import IMPLIED, declared
from tests.support.world import World

pytestmark = pytest.mark.database

APPEND_ONLY = {
    "audit_checkpoints",
    "audit_records",
    "audit_seals",
    "charges",
    "crisis_closings",
    "crisis_notices",
    "crisis_signatures",
    "drill_scores",
    "erasures",
    "indicator_editions",
    "readiness_days",
    "slips",
    "waiting_decisions",
    "waiting_lines",
}
OTHER_TRIGGERS = {
    "tr_api_keys_person_active",
    "tr_audit_personal_values_erasure",
    "tr_bookings_calendar",
    "tr_bookings_freed",
    "tr_bookings_in_slot",
    "tr_bookings_waiting_not_frozen",
    "tr_bookings_lent_anew",
    "tr_bookings_opening",
    "tr_charges_crisis_over",
    "tr_commitments_calendar",
    "tr_commitments_shadow",
    "tr_crises_within_acts",
    "tr_crisis_powers_within_acts",
    "tr_line_modalities_noted",
    "tr_invitations_inviter_active",
    "tr_organisations_noted",
    "tr_production_lines_noted",
    "tr_sessions_person_active",
    "tr_sites_noted",
    "tr_units_noted",
    "tr_slots_calendar",
    "tr_slots_keep_bookings",
    "tr_slots_opened",
    "tr_slots_opened_further",
    "tr_slots_shadow",
    "tr_slots_shadow_change",
    "tr_units_calendar",
}


@pytest.fixture
async def connection(world: World, owner_url: URL) -> AsyncIterator[asyncpg.Connection]:
    """The owner's connection, in a transaction that ends with the test."""
    made = await asyncpg.connect(owner_url.set(drivername="postgresql").render_as_string(hide_password=False))
    transaction = made.transaction()
    await transaction.start()
    yield made
    await transaction.rollback()
    await made.close()


async def names(connection: asyncpg.Connection, query: str) -> set[str]:
    return {row[0] for row in await connection.fetch(query)}


async def refusal(connection: asyncpg.Connection, statement: str, *parameters: object) -> str | None:
    """Return the name of the constraint that refuses a statement, which leaves no trace; None if none does."""
    attempt = connection.transaction()
    await attempt.start()
    try:
        await connection.execute(statement, *parameters)
        await connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
    except asyncpg.IntegrityConstraintViolationError as error:
        return str(error.constraint_name)
    finally:
        await attempt.rollback()
    return None


async def store_specimens(world: World) -> None:
    for row in specimens():
        if row.__tablename__ != "modalities":
            await world.add(row)
    async with transaction(world.sessions) as session:  # what a trigger has noted is no specimen
        await session.execute(text("DELETE FROM slot_openings WHERE cause = 'published'"))


async def test_the_database_has_the_constraints_that_the_models_declare(connection: asyncpg.Connection) -> None:
    found = await names(
        connection,
        "SELECT conname FROM pg_constraint"
        " WHERE connamespace = 'public'::regnamespace AND contype IN ('c', 'f', 'u', 'x')",
    )
    assert found == set(declared(metadata))


async def test_each_constraint_refuses_what_it_says_by_its_name(world: World, connection: asyncpg.Connection) -> None:
    await store_specimens(world)
    answers = {
        name: await refusal(connection, violation.sql, json.dumps(violation.changes))
        for name, violation in declared(metadata).items()
        if name not in IMPLIED
    }
    assert {name: answer for name, answer in answers.items() if name != answer} == {}
    assert len(answers) > 150


async def test_the_database_has_the_triggers_that_keep_what_no_constraint_can(connection: asyncpg.Connection) -> None:
    found = await names(
        connection,
        "SELECT tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid"
        " WHERE NOT tgisinternal AND c.relnamespace = 'public'::regnamespace AND tgenabled = 'O'",
    )
    versioned = {f"tr_{model.__tablename__}_version" for model in Versioned.__subclasses__()}
    assert found == versioned | {f"tr_{table}_append_only" for table in APPEND_ONLY} | OTHER_TRIGGERS


async def test_every_update_raises_the_version(world: World, connection: asyncpg.Connection) -> None:
    await store_specimens(world)
    for model in Versioned.__subclasses__():
        table = model.__tablename__
        versions = await connection.fetch(f"UPDATE {table} SET version = 40 RETURNING version")  # noqa: S608
        assert versions, table
        assert {row["version"] for row in versions} == {2}, table


BOOK = Violation("bookings", {}).sql
FAR = "[2030-02-20,2030-02-28)"


LET_GO = ("DELETE FROM slot_freezes", "UPDATE crisis_orders SET status = 'released'")
WITHDRAW = (
    *LET_GO,
    "UPDATE bookings SET status = 'expired', hold_expires_at = NULL",
    "UPDATE slots SET status = 'withdrawn'",
)
RUNS_OVER = "UPDATE bookings SET status = 'in_production', hold_expires_at = NULL, expected_end_on = '2030-02-21'"
HAS_ENDED = (
    "UPDATE bookings SET status = 'completed', hold_expires_at = NULL,"
    " actual_end_on = '2030-02-17', free_from_on = '2030-02-21'"
)
STARTED_EARLY = (
    "UPDATE bookings SET status = 'in_production', hold_expires_at = NULL,"
    " actual_start_on = '2030-01-02', expected_end_on = '2030-01-06'"
)
BEFORE_PLAN = "[2030-01-05,2030-01-09)"
NOT_ENDED = {"actual_end_on": None, "free_from_on": None}
HELD = {"status": "held", "hold_expires_at": "2030-01-01T00:00:00Z"}


@pytest.mark.parametrize(
    ("name", "before", "changes"),
    [
        ("ck_bookings_slot_published", WITHDRAW, HELD),
        ("ck_bookings_inside_slot", (), {"period": "[2030-04-25,2030-05-02)"}),
        ("ck_bookings_slot_whole", ("UPDATE slots SET divisible = false",), {"period": FAR}),
        ("ck_bookings_not_kept", (RUNS_OVER,), {"source": "crisis", "period": FAR}),
        ("ck_bookings_not_kept", (STARTED_EARLY,), {"source": "crisis", "period": BEFORE_PLAN, **HELD}),
        ("ck_bookings_not_kept", (HAS_ENDED,), {"source": "crisis", "period": FAR, **HELD, **NOT_ENDED}),
        ("ck_bookings_slot_not_frozen", (), {"source": "direct", "period": FAR}),
        (
            "ck_bookings_slot_not_frozen",
            ("UPDATE slot_freezes SET holder = 'crisis'",),
            {"source": "round", "period": FAR},
        ),
        ("ck_bookings_slot_not_frozen", (), {"source": "waiting", "period": FAR}),
        ("ck_bookings_slot_not_frozen", (), {"source": "move", "period": FAR}),
        ("ck_bookings_slot_not_frozen", (), {"source": "repeat", "period": FAR}),
        (
            "ck_bookings_not_ordered",
            ("DELETE FROM slot_freezes",),
            {"source": "direct", "crisis_id": None, "period": "[2030-03-05,2030-03-10)"},
        ),
    ],
)
async def test_each_rule_between_a_booking_and_its_slot_is_kept(
    world: World, connection: asyncpg.Connection, name: str, before: tuple[str, ...], changes: dict[str, str | None]
) -> None:
    await store_specimens(world)
    for statement in before:
        await connection.execute(statement)
    changed = json.dumps({"id": "01900000-0000-7000-8000-000000000001", **changes})
    assert await refusal(connection, BOOK, changed) == name


@pytest.mark.parametrize(
    ("name", "statement"),
    [
        ("ck_slots_keep_published", "UPDATE slots SET status = 'withdrawn'"),
        ("ck_slots_keep_period", "UPDATE slots SET period = '[2030-01-12,2030-05-01)'"),
        ("ck_slots_keep_reserve", "UPDATE slots SET reserve = 'crisis'"),
        ("ck_slots_keep_divisible", "UPDATE slots SET divisible = false"),
        ("ck_audit_records_append_only", "UPDATE audit_records SET action = 'row.unmade'"),
        ("ck_audit_seals_append_only", "UPDATE audit_seals SET total_records = 9"),
        ("ck_audit_checkpoints_append_only", "DELETE FROM audit_checkpoints"),
        ("ck_charges_append_only", "DELETE FROM charges"),
        ("ck_crisis_closings_append_only", "UPDATE crisis_closings SET is_balanced = false"),
        ("ck_crisis_signatures_append_only", "DELETE FROM crisis_signatures"),
        ("ck_crises_within_acts", "UPDATE crises SET validity = '[2030-01-01,2031-01-03)'"),
        ("ck_crises_within_acts", "UPDATE crisis_powers SET validity = '[2030-01-01,2030-02-01)'"),
        ("ck_crisis_notices_append_only", "DELETE FROM crisis_notices"),
        ("ck_crisis_notices_append_only", "UPDATE crisis_notices SET reason_code = 'other'"),
        ("ck_drill_scores_append_only", "UPDATE drill_scores SET figures = '{}'"),
        ("ck_waiting_decisions_append_only", "UPDATE waiting_decisions SET as_of_on = '2030-01-01'"),
        ("ck_waiting_lines_append_only", "DELETE FROM waiting_lines"),
        ("ck_readiness_days_append_only", "UPDATE readiness_days SET published_batch_days = 90"),
        ("ck_slips_append_only", "UPDATE slips SET reason_code = 'other'"),
    ],
)
async def test_each_rule_on_what_may_change_is_kept_even_for_the_owner(
    world: World, connection: asyncpg.Connection, name: str, statement: str
) -> None:
    await store_specimens(world)
    second = json.dumps({"id": "01900000-0000-7000-8000-000000000001", "period": FAR})
    await connection.execute(BOOK, second)
    assert await refusal(connection, statement) == name


async def test_no_booking_moves_into_a_slot_that_is_held_still_unless_its_move_held_the_place_before(
    world: World, connection: asyncpg.Connection
) -> None:
    await store_specimens(world)
    into = f"UPDATE bookings SET period = '{FAR}' WHERE moves_id IS NULL"  # noqa: S608
    assert await refusal(connection, into) == "ck_bookings_slot_not_frozen"
    await connection.execute("ALTER TABLE bookings DISABLE TRIGGER tr_bookings_in_slot")
    asked: dict[str, object] = {
        "id": "01900000-0000-7000-8000-000000000001",
        "source": "move",
        "status": "awaiting_cdmo",
        "move": {},
    }
    asked |= {"hold_expires_at": None, "period": "[2030-03-01,2030-03-04)"}
    moves = await connection.fetchval("SELECT id::text FROM bookings")
    await connection.execute(BOOK, json.dumps(asked | {"moves_id": moves}))
    await connection.execute("ALTER TABLE bookings ENABLE TRIGGER tr_bookings_in_slot")
    assert await refusal(connection, into) is None
    out = "UPDATE bookings SET period = '[2030-04-25,2030-05-02)' WHERE moves_id IS NULL"
    assert await refusal(connection, out) == "ck_bookings_inside_slot"


async def test_what_stands_where_a_slip_runs_over_stays_and_moves_only_out_of_its_way(
    world: World, connection: asyncpg.Connection
) -> None:
    await store_specimens(world)
    for statement in (*LET_GO, RUNS_OVER.replace("2030-02-21", "2030-01-12")):
        await connection.execute(statement)
    second = {"id": "01900000-0000-7000-8000-000000000001", "period": FAR, **HELD}
    await connection.execute(BOOK, json.dumps(second))
    await connection.execute("UPDATE bookings SET expected_end_on = '2030-02-24' WHERE expected_end_on IS NOT NULL")
    move = f"UPDATE bookings SET period = '{{}}' WHERE id = '{second['id']}'"  # noqa: S608
    assert await refusal(connection, move.format("[2030-02-22,2030-02-28)")) == "ck_bookings_not_kept"
    assert await refusal(connection, move.format("[2030-02-24,2030-02-28)")) is None
    confirm = f"UPDATE bookings SET status = 'confirmed', hold_expires_at = NULL WHERE id = '{second['id']}'"  # noqa: S608
    assert await refusal(connection, confirm) is None


async def test_days_before_the_plan_are_free_from_the_end_that_a_slip_told(
    world: World, connection: asyncpg.Connection
) -> None:
    await store_specimens(world)
    for statement in (*LET_GO, STARTED_EARLY):
        await connection.execute(statement)
    second = {"id": "01900000-0000-7000-8000-000000000001", **HELD, "expected_end_on": None, "actual_start_on": None}
    after = {"period": BEFORE_PLAN.replace("2030-01-05", "2030-01-06")}
    assert await refusal(connection, BOOK, json.dumps(second | after)) is None


async def test_a_slot_may_change_what_contradicts_no_booking(world: World, connection: asyncpg.Connection) -> None:
    await store_specimens(world)
    for statement in LET_GO:
        await connection.execute(statement)
    assert await refusal(connection, "UPDATE slots SET period = '[2030-01-11,2030-02-20)'") is None
    await connection.execute("UPDATE bookings SET status = 'released', hold_expires_at = NULL")
    assert await refusal(connection, "UPDATE slots SET status = 'withdrawn', reserve = 'startup'") is None
