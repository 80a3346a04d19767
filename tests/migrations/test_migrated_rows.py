"""What becomes of rows that are there when migrations come and go."""

import asyncio
import json
from collections.abc import Iterator

import asyncpg
import pytest
from alembic import command
from sqlalchemy.engine import URL

from app.bookings.fees import BookingTerms, cdmo_cancellation_cents, terms_of
from app.core.settings import Settings
from app.matching.outcome import Price
from tests.migrations.conftest import answer, configured, copied, store
from tests.support import server

pytestmark = pytest.mark.database


@pytest.mark.parametrize(("source", "after"), [("waiting", "waitlisted"), ("round", "offered")])
def test_a_request_with_an_offer_of_the_list_waits_again(
    migrated: URL, settings: Settings, source: str, after: str
) -> None:
    config = configured(migrated)
    statements = ["UPDATE requests SET status = 'offered', waiting_since_at = now()"]
    if source == "waiting":
        statements.append("UPDATE offers SET source = 'waiting', round_id = NULL, status = 'offered'")
    asyncio.run(store(migrated, settings, *statements))
    command.downgrade(config, "0011")
    assert answer(migrated, "SELECT status FROM requests") == after
    assert answer(migrated, "SELECT count(*) FROM offers") == (0 if source == "waiting" else 1)
    command.upgrade(config, "head")
    assert answer(migrated, "SELECT status FROM requests") == after


PUBLIC_BODIES = (
    "INSERT INTO organisations (id, kind, name, country, size_class, origin, version)"
    " SELECT gen_random_uuid(), kind, name, 'FR', 'unknown', 'real', 1"
    " FROM (VALUES ('coordinator', 'National'), ('authority', 'Ministry'), ('startup', 'Young')) made (kind, name)"
)
FUNDED = (
    "UPDATE agreements SET funder = '{}', readiness_fee_cents = 5,"
    " funder_id = (SELECT id FROM organisations WHERE name = 'National')"
)
WRITTEN_BY = (
    "INSERT INTO audit_records (actor, action, object_type, object_id, organisation_id)"
    " SELECT 'person', 'agreement.created', 'agreements', a.id, o.id FROM agreements a, organisations o"
    " WHERE o.name = '{}'"
)
NOTHING_EARNED = (
    "INSERT INTO charges (id, organisation_id, agreement_id, quarter_on, kind, amount_cents, detail)"
    " SELECT gen_random_uuid(), funder_id, id, '2030-04-01', 'readiness_fee', 0, '{\"quarter_days\": 91}'"
    " FROM agreements"
)


@pytest.mark.parametrize(
    ("funder", "writer", "owes"),
    [
        ("Ministry", "National", "Ministry"),
        ("State", "Ministry", "Ministry"),
        ("State", "nobody", "National"),
        ("Maker", "Maker", "National"),
        ("Young", "Young", "National"),
    ],
)
def test_a_readiness_fee_keeps_what_it_is_for_and_an_agreement_has_who_owes_it(
    migrated: URL, settings: Settings, funder: str, writer: str, owes: str
) -> None:
    config = configured(migrated)
    statements = (PUBLIC_BODIES, FUNDED.format(funder), WRITTEN_BY.format(writer), NOTHING_EARNED)
    asyncio.run(store(migrated, settings, *statements))
    fee = "SELECT concat_ws(' ', a.id, quarter_on, detail) FROM charges c JOIN agreements a ON a.id = c.agreement_id"
    before = answer(migrated, fee)
    assert str(before).endswith(' 2030-04-01 {"quarter_days": 91}')
    command.downgrade(config, "0023")
    assert answer(migrated, "SELECT detail ->> 'quarter_on' FROM charges WHERE amount_cents = 0") == "2030-04-01"
    command.upgrade(config, "head")
    assert answer(migrated, fee) == before
    assert answer(migrated, "SELECT o.name FROM agreements JOIN organisations o ON o.id = funder_id") == owes
    with pytest.raises(asyncpg.CheckViolationError, match="only ever added"):
        answer(migrated, "UPDATE charges SET amount_cents = 2 RETURNING 1")


ENDED = """
INSERT INTO bookings SELECT (jsonb_populate_record(one, jsonb_build_object(
    'id', gen_random_uuid(), 'status', 'completed', 'period', '[2030-01-01,2030-02-13)',
    'hold_expires_at', NULL, 'actual_start_on', '2030-01-01', 'expected_end_on', {expected}, 'actual_end_on', '{ended}'
))).* FROM bookings one WHERE status = 'confirmed'
"""


@pytest.fixture(scope="module")
def at_0019(database: str, settings: Settings) -> Iterator[URL]:
    """A database with a confirmed booking, from before it was stored when a unit is free again after its campaign."""
    with copied() as url:
        confirmed = "UPDATE bookings SET status = 'confirmed', hold_expires_at = NULL"
        asyncio.run(store(url, settings, confirmed, "UPDATE production_lines SET changeover_days = 3"))
        command.downgrade(configured(url), "0019")
        yield url


@pytest.mark.parametrize(
    ("expected", "ended", "free"),
    [
        ("NULL", "2030-01-21", "2030-01-25"),  # early: changed over in the three days after it
        ("NULL", "2030-02-11", "2030-02-13"),  # as planned: the changeover ends with the period
        ("'2030-03-01'", "2030-02-27", "2030-03-01"),  # late, as was told
        ("'2030-02-20'", "2030-02-25", "2030-03-01"),  # later than was told: nothing told counts any more
        ("NULL", "2030-02-13", "2030-02-17"),  # late, and nothing was told
    ],
)
def test_campaigns_that_had_ended_keep_their_unit_through_the_changeover(
    at_0019: URL, expected: str, ended: str, free: str
) -> None:
    with copied(at_0019) as url:
        asyncio.run(server.run(url, ENDED.format(expected=expected, ended=ended)))
        command.upgrade(configured(url), "0020")
        assert answer(url, "SELECT free_from_on::text FROM bookings WHERE status = 'completed'") == free
        assert answer(url, "SELECT count(*) FROM bookings WHERE status = 'confirmed' AND free_from_on IS NULL") == 1


def test_records_stay_as_they_are_when_their_seals_come_and_go(migrated: URL, settings: Settings) -> None:
    config = configured(migrated)
    asyncio.run(store(migrated, settings))
    records = "SELECT string_agg(one::text, ';' ORDER BY id) FROM audit_records one"
    before = answer(migrated, records)
    command.downgrade(config, "0027")
    command.upgrade(config, "head")
    assert answer(migrated, records) == before
    assert answer(migrated, "SELECT count(*) FROM audit_seals") == 0


AGREED = "UPDATE bookings SET terms = '{}'"


def test_the_terms_of_bookings_are_what_they_were_before_cdmos_accepted_to_owe_anything(
    migrated: URL, settings: Settings
) -> None:
    config = configured(migrated)
    terms = terms_of(Price(batches_cents=100), "monoclonal_antibody", instant=True, cdmo_cancellation_percent=20)
    stored = json.dumps(terms.model_dump(mode="json"))
    asyncio.run(store(migrated, settings, AGREED.format(stored)))
    count = answer(migrated, "SELECT count(*) FROM bookings")
    command.downgrade(config, "0023")
    kept = "SELECT terms FROM bookings LIMIT 1"
    before = json.loads(str(answer(migrated, kept)))
    assert before == {key: value for key, value in json.loads(stored).items() if key != "cdmo_cancellation_percent"}
    command.upgrade(config, "head")
    assert answer(migrated, "SELECT count(*) FROM bookings WHERE NOT terms ? 'cdmo_cancellation_percent'") == count
    assert cdmo_cancellation_cents(BookingTerms.model_validate_json(str(answer(migrated, kept)))) == 0


LIMITED = (
    "INSERT INTO api_keys (id, organisation_id, role, name, prefix, secret_sha256, scopes)"
    " SELECT gen_random_uuid(), organisation_id, role, name, 'crn_read', '\\x01', '{read}' FROM api_keys"
)


def test_a_key_that_may_not_do_everything_ends_where_scopes_are_not_known(migrated: URL, settings: Settings) -> None:
    config = configured(migrated)
    asyncio.run(store(migrated, settings, LIMITED))
    command.downgrade(config, "0027")
    ended = "SELECT string_agg(prefix, ' ') FROM api_keys WHERE revoked_at IS NOT NULL"
    assert answer(migrated, ended) == "crn_read"
    command.upgrade(config, "head")
    assert answer(migrated, "SELECT count(*) FROM api_keys WHERE scopes = '{read,write}'") == 2
    assert answer(migrated, ended) == "crn_read"
