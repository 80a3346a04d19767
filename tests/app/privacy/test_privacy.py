"""All that is held of a person is given out, and erased, and the trail is as sound after it as it was before."""

import asyncio
import json
import sys
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from app.bookings.models import Booking, BookingStatus
from app.capacity.models import Approval
from app.cli import main
from app.core import clock
from app.core.database import SessionFactory, transaction
from app.core.settings import Settings
from app.identity.issuing import issue_key
from app.identity.known_keys import TRUSTED_SECONDS
from app.identity.models import OrganisationKind, Person, Role
from app.privacy.errors import AlreadyErased, ErasureRefused
from app.privacy.models import ErasureReason
from app.privacy.service import erase_person, forget_past
from tests.app.audit.conftest import sessions
from tests.app.audit.trails import exported, faults, seal_all
from tests.support.world import World, day

pytestmark = pytest.mark.database

__all__ = ["sessions"]

NAME, EMAIL = "Ada Canaria", "ada.canaria@example.org"
Headers = Mapping[str, str]
Creneau = Callable[..., tuple[int, str, str]]


async def issued(
    sessions_of_owner: SessionFactory, email: str = EMAIL, role: Role = Role.STARTUP_MEMBER
) -> tuple[UUID, Headers]:
    """Give a person a key as the command does, and return who they are and the headers that carry it."""
    async with transaction(sessions_of_owner) as session:
        made = await issue_key(session, organisation=f"Home {role.value}", role=role, person=NAME, email=email)
    async with transaction(sessions_of_owner) as session:
        person_id = await session.scalar(text("SELECT id FROM people WHERE email = :email"), {"email": email})
    assert person_id is not None
    return person_id, {"Authorization": f"Bearer {made.key.plain}"}


async def everything(owner: AsyncEngine) -> str:
    """Return all that stands in the database, as text."""
    async with owner.connect() as connection:
        tables = await connection.scalars(
            text("SELECT tablename FROM pg_tables WHERE schemaname IN ('public', 'jobs')")
        )
        told: list[str] = []
        for table in tables:
            schema = "jobs." if table.startswith("pgqueuer") else ""
            rows = await connection.scalars(text(f"SELECT row_to_json(t)::text FROM {schema}{table} t"))  # noqa: S608
            told += rows
    return "\n".join(told)


@pytest.fixture
def creneau(settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Creneau:
    assert settings.database_url is not None
    monkeypatch.setenv("DATABASE_URL", settings.database_url.get_secret_value())
    monkeypatch.setenv("COLUMNS", "200")

    def run(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["creneau", *words])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return run


async def test_a_person_and_the_coordinator_read_all_that_is_held_and_nobody_else(
    client: httpx.AsyncClient, world: World
) -> None:
    person_id, own = await issued(world.sessions)
    _, colleague = await issued(world.sessions, "other@example.org")
    made = await client.post("/v1/products", json={"code_name": "X", "modality": "monoclonal_antibody"}, headers=own)
    assert made.status_code == 201
    for headers in (own, await world.coordinator()):
        answer = await client.get(f"/v1/people/{person_id}/export", headers=headers)
        assert answer.status_code == 200, answer.text
        parts = {part["table"]: part["rows"] for part in answer.json()["parts"]}
        assert (parts["people"][0]["name"], parts["people"][0]["email"]) == (NAME, EMAIL)
        assert len(parts["api_keys"]) == 1
        assert [one["action"] for one in parts["audit_records"]] == ["product.created"]
        assert {one["value"] for one in parts["audit_personal_values"]} == {NAME, EMAIL, "Personal key"}
        assert "sha256" not in answer.text
        assert "other@example.org" not in answer.text
    for headers in (colleague, await world.authority()):
        assert (await client.get(f"/v1/people/{person_id}/export", headers=headers)).status_code == 404


async def test_erased_means_that_the_name_stands_nowhere_and_the_trail_is_sound_online_and_offline(
    client: httpx.AsyncClient,
    world: World,
    owner: AsyncEngine,
    sessions: SessionFactory,
    creneau: Creneau,
    tmp_path: Path,
) -> None:
    person_id, own = await issued(world.sessions)
    product = {"code_name": "X", "modality": "monoclonal_antibody"}
    assert (await client.post("/v1/products", json=product, headers=own)).status_code == 201
    await seal_all(sessions)
    before = await exported(sessions)
    kept = tmp_path / "kept.jsonl"
    kept.write_text("\n".join(before) + "\n")
    assert NAME not in "".join(before)
    assert EMAIL not in "".join(before)
    assert NAME in await everything(owner)

    async with transaction(sessions) as session:
        done = await erase_person(session, person_id, ErasureReason.ASKED_BY_PERSON)
    assert done.rows["people"] == 1
    assert done.rows["audit_personal_values"] == 7

    left = await everything(owner)
    assert NAME not in left
    assert EMAIL not in left
    await asyncio.sleep(TRUSTED_SECONDS + 0.1)
    assert (await client.get("/v1/products", headers=own)).status_code == 401
    assert await faults(sessions) == []
    await seal_all(sessions)
    after = await exported(sessions)
    assert after[: len(before) - 1] == before[:-1]  # the head alone has moved on
    file = tmp_path / "after.jsonl"
    file.write_text("\n".join(after) + "\n")
    run = asyncio.to_thread
    assert (await run(creneau, "audit", "verify", "--checkpoints", str(kept)))[0] == 0
    assert (await run(creneau, "audit", "verify", "--file", str(file)))[0] == 0
    assert (await run(creneau, "audit", "verify", "--file", str(kept)))[0] == 0

    told = (await client.get("/v1/audit?object_type=people", headers=await world.coordinator())).json()["items"]
    assert [(one["action"], one["reason_code"]) for one in told] == [
        ("person.created", None),
        ("person.erased", "asked_by_person"),
    ]
    assert [one["after"]["name"] for one in told] == [None, None]
    erasure = (await client.get("/v1/audit?object_type=erasures", headers=await world.coordinator())).json()["items"]
    assert [one["after"]["person_id"] for one in erasure] == [str(person_id)]
    with pytest.raises(AlreadyErased):
        async with transaction(sessions) as session:
            await erase_person(session, person_id, ErasureReason.ASKED_BY_PERSON)


async def test_before_an_erasure_the_trail_is_read_with_the_names(client: httpx.AsyncClient, world: World) -> None:
    await issued(world.sessions)
    told = (await client.get("/v1/audit?object_type=people", headers=await world.coordinator())).json()["items"]
    assert [(one["after"]["name"], one["after"]["email"]) for one in told] == [(NAME, EMAIL)]


async def test_names_in_records_from_before_they_were_kept_apart_are_no_longer_read_after_an_erasure(
    client: httpx.AsyncClient, world: World, sessions: SessionFactory, superuser: AsyncEngine
) -> None:
    person_id, _ = await issued(world.sessions)
    async with superuser.begin() as connection:
        await connection.execute(text("SET session_replication_role = replica"))
        await connection.execute(
            text(
                "UPDATE audit_records SET after = after || jsonb_build_object('name', CAST(:name AS text))"
                " WHERE object_type = 'people'"
            ),
            {"name": NAME},
        )
    coordinator = await world.coordinator()
    [told] = (await client.get("/v1/audit?object_type=people", headers=coordinator)).json()["items"]
    assert told["after"]["name"] == NAME
    async with transaction(sessions) as session:
        await erase_person(session, person_id, ErasureReason.UNLAWFUL)
    answer = await client.get("/v1/audit?object_type=people", headers=coordinator)
    assert NAME not in answer.text


async def test_a_person_who_decided_on_a_batch_is_kept_as_long_as_its_records_must_be_attributable(
    client: httpx.AsyncClient, world: World, sessions: SessionFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    person_id, own = await issued(world.sessions)
    cdmo, _ = await world.cdmo()
    slot = await world.slot(await world.unit(cdmo), approval=Approval.INSTANT)
    product = {"code_name": "X", "modality": "monoclonal_antibody", "platform": "CHO"}
    made = (await client.post("/v1/products", json=product, headers=own)).json()
    hold = {"slot_id": str(slot.id), "start": str(day(0)), "product_id": made["id"], "batches": 1}
    held = await client.post("/v1/bookings", json=hold, headers=own)
    assert held.status_code == 201, held.text
    booking_id = held.json()["id"]
    assert (await client.post(f"/v1/bookings/{booking_id}/confirm", headers=own)).status_code == 200

    async def refused() -> Any:
        with pytest.raises(ErasureRefused) as error:
            async with transaction(sessions) as session:
                await erase_person(session, person_id, ErasureReason.ASKED_BY_PERSON)
        return error.value.facts["duties"]

    assert await refused() == [{"rule": "live_production", "until_on": None}]
    async with transaction(world.sessions) as session:
        booking = await session.get_one(Booking, UUID(booking_id))
        booking.status, booking.actual_start_on = BookingStatus.COMPLETED, day(0)
        booking.actual_end_on, booking.free_from_on = day(40), day(44)
    until = day(40).replace(year=day(40).year + 5)
    assert await refused() == [{"rule": "batch_record", "until_on": until.isoformat()}]
    noon = clock.now().replace(year=until.year, month=until.month, day=until.day)
    monkeypatch.setattr(clock, "now", lambda: noon)
    async with transaction(sessions) as session:
        await erase_person(session, person_id, ErasureReason.ASKED_BY_PERSON)


async def test_the_sweep_erases_whom_nothing_holds_once_their_time_is_over(
    world: World, owner: AsyncEngine, sessions: SessionFactory
) -> None:
    past, _ = await issued(world.sessions)
    recent, _ = await issued(world.sessions, "recent@example.org")
    active, _ = await issued(world.sessions, "active@example.org")
    async with transaction(world.sessions) as session:
        for person_id, days in ((past, 1_096), (recent, 1_094)):
            person = await session.get_one(Person, person_id)
            person.deactivated_at = clock.now() - timedelta(days=days)
    counts = []
    for _ in range(2):
        async with transaction(sessions) as session:
            counts.append(await forget_past(session))
    assert counts == [1, 0]
    async with transaction(sessions) as session:
        emails = {who: (await session.get_one(Person, who)).email for who in (past, recent, active)}
    assert emails == {
        past: f"erased-{past}@erased.invalid",
        recent: "recent@example.org",
        active: "active@example.org",
    }
    async with owner.connect() as connection:
        assert list(await connection.scalars(text("SELECT reason_code FROM erasures"))) == ["retention"]


async def test_the_command_gives_out_erases_and_shows_what_is_due(
    world: World, creneau: Creneau, tmp_path: Path
) -> None:
    person_id, _ = await issued(world.sessions)
    run = asyncio.to_thread
    file = tmp_path / "ada.json"
    assert (await run(creneau, "privacy", "export", EMAIL.upper(), "-o", str(file)))[0] == 0
    assert json.loads(file.read_text())["person_id"] == str(person_id)
    assert file.stat().st_mode & 0o777 == 0o600
    code, _, error = await run(creneau, "privacy", "export", EMAIL, "-o", str(file))
    assert (code, "cannot be written" in error) == (1, True)
    code, output, _ = await run(creneau, "privacy", "erase", EMAIL, "--reason", "asked_by_person", "--yes")
    assert (code, output.startswith(f"Erased {person_id}: ")) == (0, True)
    code, _, error = await run(creneau, "privacy", "erase", str(person_id), "--reason", "retention", "--yes")
    assert (code, error.startswith("creneau: That was done on ")) == (1, True)
    code, _, error = await run(creneau, "privacy", "export", EMAIL)
    assert (code, error) == (1, f"creneau: There is nobody with the address {EMAIL}.\n")
    async with transaction(world.sessions) as session:
        home = await world.organisation(OrganisationKind.OBSERVER)
        gone = Person(organisation_id=home.id, name="Gone", email="gone@example.org", role=Role.OBSERVER)
        gone.deactivated_at = clock.now() - timedelta(days=2_000)
        session.add(gone)
        await session.flush()
        gone_id = gone.id
    code, output, _ = await run(creneau, "privacy", "retention")
    assert (code, f"{gone_id}: due" in output) == (0, True)
    assert (await run(creneau, "privacy", "retention", "--apply"))[1].endswith("1 erased.\n")
    for command in ("export", "erase", "retention"):
        code, output, _ = await run(creneau, "privacy", command, "--help")
        assert f"Example: creneau privacy {command}" in output


async def test_a_personal_value_can_be_erased_once_and_nothing_else(
    world: World, owner: AsyncEngine, superuser: AsyncEngine, creneau: Creneau
) -> None:
    await issued(world.sessions)
    for statement in (
        "UPDATE audit_personal_values SET value = 'Eve'",
        "UPDATE audit_personal_values SET value = NULL, salt = NULL, erased_at = now(), subject_id = gen_random_uuid()",
        "DELETE FROM audit_personal_values",
    ):
        with pytest.raises(DBAPIError, match="can be erased, once, and nothing else"):
            async with owner.begin() as connection:
                await connection.execute(text(statement))
    verify = asyncio.to_thread
    assert (await verify(creneau, "audit", "verify"))[0] == 0
    async with superuser.begin() as connection:
        await connection.execute(text("SET session_replication_role = replica"))
        await connection.execute(text("DELETE FROM audit_personal_values WHERE column_name = 'email'"))
    code, output, _ = await verify(creneau, "audit", "verify")
    assert (code, "email, is missing: it was not erased" in output) == (1, True)
