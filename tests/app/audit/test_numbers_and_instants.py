"""Records are numbered in their order and dated within reason, so that each can be sealed."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from app.audit import seal_repository as repository
from app.core.database import SessionFactory, transaction
from app.core.model import plausible
from tests.app.audit.trails import faults, seal_all, spoil, write

pytestmark = pytest.mark.database


async def test_identifiers_are_given_out_in_their_order(owner: AsyncEngine) -> None:
    async with owner.connect() as connection:
        cached = text("SELECT seqcache FROM pg_sequence WHERE seqrelid = 'audit_records_id_seq'::regclass")
        assert await connection.scalar(cached) == 1


async def test_each_instant_has_one_text_and_those_that_were_sealed_have_theirs(superuser: AsyncEngine) -> None:
    instants = {
        "2030-01-31 08:00:00+00": "2030-01-31T08:00:00.000000Z",
        "1999-12-31 23:59:59.999999+00": "1999-12-31T23:59:59.999999Z",
        "2030-01-31 08:00:00+00 BC": "2030-01-31T08:00:00.000000Z BC",
        "infinity": "infinity",
        "-infinity": "-infinity",
        "12030-01-31 08:00:00+00": "12030-01-31T08:00:00.000000Z",
    }
    async with superuser.connect() as connection:
        for instant, expected in instants.items():
            row = f"(SELECT CAST('{instant}' AS timestamptz) AS at) one"
            told = text(f"SELECT {repository.INSTANT.format('at')} FROM {row}")  # noqa: S608
            assert await connection.scalar(told) == expected


async def test_an_instant_that_no_seal_may_have_keeps_nothing_from_being_sealed(
    sessions: SessionFactory, superuser: AsyncEngine
) -> None:
    first, second, _ = written = await write(sessions, 3)
    unchecked = "ALTER TABLE audit_records DROP CONSTRAINT ck_audit_records_at"
    odd = "UPDATE audit_records SET at = '{}' WHERE id = {}"
    try:
        await spoil(superuser, unchecked, odd.format("infinity", first), odd.format("2029-01-31 BC", second))
        assert await seal_all(sessions) == len(written)
        assert await faults(sessions) == []
        await spoil(superuser, odd.format("2029-01-31", second))
        assert [fault.partition(":")[0] for fault in await faults(sessions)] == [f"record {second} is altered"]
    finally:
        check = f"CHECK ({plausible('at')})"
        await spoil(
            superuser,
            odd.format("2029-01-31", first),
            odd.format("2029-01-31", second),
            f"ALTER TABLE audit_records ADD CONSTRAINT ck_audit_records_at {check}",
        )


@pytest.mark.parametrize(
    ("columns", "values", "refusal"),
    [
        ("id, at", "1000000, now()", "permission denied"),
        ("id, at", "0, now()", "permission denied"),
        ("at", "'infinity'", "ck_audit_records_at"),
        ("at", "'2029-01-01 BC'", "ck_audit_records_at"),
    ],
)
async def test_the_application_numbers_no_record_and_dates_none_beyond_reason(
    sessions: SessionFactory, columns: str, values: str, refusal: str
) -> None:
    columns += ", actor, action, object_type, object_id"
    values += ", 'job', 'row.made', 'rows', gen_random_uuid()"
    with pytest.raises(DBAPIError, match=refusal):
        async with transaction(sessions) as session:
            await session.execute(
                text(f"INSERT INTO audit_records ({columns}) OVERRIDING SYSTEM VALUE VALUES ({values})")  # noqa: S608
            )
