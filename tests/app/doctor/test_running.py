"""What the doctor says of what runs: server, schema, clocks, workers, jobs, and a database that is away."""

import asyncio
import os
import re
from collections.abc import Iterator
from datetime import datetime, timedelta

import asyncpg
import pytest
from pydantic import SecretStr
from sqlalchemy import text

from app.core.clock import now
from app.core.database import make_engine, make_session_factory, transaction
from app.core.settings import OWNER_ROLE, Settings
from app.doctor import repository, running_checks
from app.doctor.examination import OF_DATABASE, examine
from app.doctor.findings import Finding, Level
from tests.app.doctor.conftest import A_WORKER, Patient, the
from tests.support import server
from tests.support.ports import free_port

pytestmark = pytest.mark.database


@pytest.mark.parametrize("check", ["server", "transport", "schema", "clocks", "jobs"])
def test_a_fresh_database_is_well(patient: Patient, check: str) -> None:
    assert patient.is_well(check)


def test_an_old_server_is_a_fault(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running_checks, "OLDEST_VERSION", 990_000)
    assert "older than 15" in the(Level.FAULT, patient.found("server")).fact


@pytest.fixture
def ascii_database(database: str) -> Iterator[str]:
    name = f"creneau_doctor_ascii_{os.getpid()}"
    statement = f"CREATE DATABASE {name} OWNER {OWNER_ROLE} TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE 'C'"
    asyncio.run(server.run(server.address("postgres"), statement))
    yield name
    server.drop(name)


def test_another_encoding_is_a_fault(patient: Patient, ascii_database: str) -> None:
    patient.name = ascii_database
    assert "encoded in SQL_ASCII" in the(Level.FAULT, patient.found("server")).fact


@pytest.mark.parametrize(
    "change", ["SET timezone = 'Europe/Paris'", "SET statement_timeout = 0", "SET lock_timeout = 7"]
)
def test_a_connection_that_does_not_keep_what_it_asks_for_is_a_fault(patient: Patient, change: str) -> None:
    async def look() -> list[Finding]:
        settings = patient.settings()
        assert settings.database_url is not None
        engine = make_engine(settings.database_url, settings)
        async with transaction(make_session_factory(engine)) as session:
            await session.execute(text(change))
            findings = await running_checks.check_server(session, patient.deployment())
        await engine.dispose()
        return findings

    assert "do not keep what they ask for" in the(Level.FAULT, asyncio.run(look())).fact


@pytest.mark.parametrize("timeouts", [(100, 100), (3_600_000, 60_000), (1_500, 90_000)])
def test_timeouts_are_read_in_whatever_unit_they_are_shown(patient: Patient, timeouts: tuple[int, int]) -> None:
    assert patient.is_well("server", lock_timeout_ms=timeouts[0], statement_timeout_ms=timeouts[1])


@pytest.mark.parametrize(
    ("client", "encrypted", "level"),
    [("192.0.2.7", False, Level.WARNING), ("192.0.2.7", True, Level.OK), ("127.0.0.1", False, Level.OK)],
)
def test_a_way_to_the_database_that_others_may_read_is_told(
    patient: Patient, monkeypatch: pytest.MonkeyPatch, client: str, encrypted: bool, level: Level
) -> None:
    async def seen(_: object) -> repository.Transport:
        return repository.Transport(client, encrypted)  # the tests' own server is reached by a socket alone

    monkeypatch.setattr(repository, "transport", seen)
    (finding,) = patient.found("transport")
    assert (finding.level, "?ssl=require" in finding.advice) == (level, level is Level.WARNING)


def test_a_schema_behind_is_a_fault(patient: Patient) -> None:
    patient.sql("UPDATE alembic_version SET version_num = '0001'")
    found = the(Level.FAULT, patient.found("schema"))
    assert "The schema is at 0001" in found.fact
    assert "creneau migrate" in found.advice


def test_what_cannot_be_looked_at_for_want_of_a_table_is_said_and_stops_nothing(patient: Patient) -> None:
    patient.sql("DROP TABLE worker_heartbeats")
    assert "a table is missing" in the(Level.WARNING, patient.found("worker")).fact
    patient.sql("REVOKE SELECT ON ALL TABLES IN SCHEMA jobs FROM creneau_app")
    assert "42501" in the(Level.FAULT, patient.found("jobs")).fact


@pytest.mark.parametrize(
    ("seconds", "level"), [(5, Level.WARNING), (-5, Level.WARNING), (60, Level.FAULT), (-60, Level.FAULT)]
)
def test_clocks_apart_are_told(patient: Patient, monkeypatch: pytest.MonkeyPatch, seconds: int, level: Level) -> None:
    def off() -> datetime:
        return now() + timedelta(seconds=seconds)

    monkeypatch.setattr(running_checks, "now", off)
    [apart] = re.findall(r"(\d+) s apart", the(level, patient.found("clocks")).fact)
    assert abs(seconds) - int(apart) in {0, 1}  # asking takes time, too


@pytest.mark.parametrize(("state", "level"), [(0, Level.OK), (4, Level.OK), (-1, Level.OK), (5, Level.WARNING)])
async def test_whether_the_clock_is_kept_is_told_where_it_can_be(patient: Patient, state: int, level: Level) -> None:
    (finding,) = await running_checks.check_ntp(patient.deployment(), lambda: state)
    assert finding.level is level
    (real,) = await running_checks.check_ntp(patient.deployment())
    assert real.fact


def test_a_worker_must_have_been_seen(patient: Patient) -> None:
    assert "No worker was seen" in the(Level.FAULT, patient.found("worker")).fact
    patient.sql(A_WORKER)
    assert patient.is_well("worker")
    patient.sql("UPDATE worker_heartbeats SET seen_at = now() - interval '1 minute'")
    assert "No worker was seen" in the(Level.FAULT, patient.found("worker")).fact


def test_jobs_that_are_parked_or_late_are_told(patient: Patient) -> None:
    job = "INSERT INTO jobs.pgqueuer (priority, entrypoint, status, execute_after) VALUES (0, 'test', '{}', now() - {})"
    patient.sql(job.format("failed", "interval '1 day'"))
    assert "1 jobs have failed" in the(Level.WARNING, patient.found("jobs")).fact
    patient.sql("DELETE FROM jobs.pgqueuer", job.format("queued", "interval '20 minutes'"))
    assert "waited for 20 min" in the(Level.FAULT, patient.found("jobs")).fact
    patient.sql("UPDATE jobs.pgqueuer SET execute_after = now() + interval '1 hour'")
    assert patient.is_well("jobs")


def away(patient: Patient, **given: object) -> Finding:
    results = asyncio.run(examine(patient.deployment(**given), OF_DATABASE, {}))  # type: ignore[arg-type]
    assert [one.check for one in results] == ["database"]
    finding = the(Level.FAULT, [one.finding for one in results])
    assert "sesame" not in str(finding)
    return finding


def test_a_database_that_is_away_is_one_fault(patient: Patient) -> None:
    nobody = SecretStr(f"postgresql+asyncpg://creneau_app:sesame@127.0.0.1:{free_port()}/creneau")
    found = away(patient, database_url=nobody)
    assert f"{len(OF_DATABASE)} checks could not be made" in found.fact
    missing = server.secret(server.address("no_such_database", "creneau_app"))
    assert "3D000" in away(patient, database_url=missing).fact
    assert (
        "DATABASE_URL is not set"
        in the(
            Level.FAULT,
            [
                one.finding
                for one in asyncio.run(examine(patient.deployment()._replace(settings=Settings()), OF_DATABASE, {}))
            ],
        ).fact
    )


def test_no_connection_is_left(patient: Patient) -> None:
    asyncio.run(examine(patient.deployment()))

    async def count() -> int:
        address = server.secret(server.address(patient.name)).get_secret_value().replace("+asyncpg", "")
        connection = await asyncpg.connect(address)
        try:
            return int(
                await connection.fetchval(
                    "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'creneau-doctor' AND datname = $1",
                    patient.name,
                )
            )
        finally:
            await connection.close()

    assert asyncio.run(count()) == 0
