"""What is held of how a person comes in goes with the person: identities, invitations, links and sessions."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.core.clock import now
from app.core.database import SessionFactory, transaction
from app.core.model import metadata
from app.identity.models import Person, Role
from app.privacy.models import ErasureReason
from app.privacy.service import erase_person, export_person, forget_past
from tests.app.audit.conftest import sessions
from tests.app.privacy.test_privacy import EMAIL, NAME, everything, issued
from tests.support.world import World

WAYS_IN = ("invitations", "person_identities", "sessions", "sign_in_links")

pytestmark = pytest.mark.database

__all__ = ["sessions"]


async def add(world: World, table: str, **values: Any) -> None:
    """Store a row of a table."""
    async with transaction(world.sessions) as session:
        await session.execute(metadata.tables[table].insert().values(**values))


async def test_all_that_is_held_of_ways_in_is_given_out_and_then_erased(
    world: World, owner: AsyncEngine, sessions: SessionFactory
) -> None:
    person_id, _ = await issued(world.sessions)
    later = now() + timedelta(days=1)
    async with transaction(world.sessions) as session:
        person = await session.get_one(Person, person_id)
    invited = {"organisation_id": person.organisation_id, "invited_by_id": person_id, "role": Role.STARTUP_MEMBER}
    await add(world, "invitations", **invited, name=NAME, email=EMAIL, expires_at=later)
    await add(
        world, "person_identities", person_id=person_id, issuer="https://issuer.example.org", subject=f"sub {NAME}"
    )
    await add(world, "sign_in_links", email=EMAIL, language="en", secret_sha256=b"1" * 32, expires_at=later)
    session_of_person = {"person_id": person_id, "secret_sha256": b"2" * 32, "device": f"Browser of {NAME}"}
    await add(world, "sessions", **session_of_person, method="link", last_seen_at=now(), expires_at=later)

    async with transaction(sessions) as session:
        told = {part.table: part.rows for part in (await export_person(session, person_id)).parts}
    assert all(len(told[table]) == 1 for table in WAYS_IN)
    assert "secret_sha256" not in str(told)
    async with transaction(sessions) as session:
        done = await erase_person(session, person_id, ErasureReason.ASKED_BY_PERSON)
    assert all(done.rows[table] == 1 for table in WAYS_IN)
    left = await everything(owner)
    assert NAME not in left
    assert EMAIL not in left


async def test_who_was_invited_is_forgotten_some_time_after_the_invitation_ended(
    world: World, owner: AsyncEngine, sessions: SessionFactory
) -> None:
    person_id, _ = await issued(world.sessions)
    async with transaction(world.sessions) as session:
        person = await session.get_one(Person, person_id)
    invited = {"organisation_id": person.organisation_id, "invited_by_id": person_id, "role": Role.STARTUP_MEMBER}
    for name, days in (("Past", 181), ("Recent", 179)):
        ended = now() - timedelta(days=days)
        await add(world, "invitations", **invited, name=name, email=f"{name.lower()}@example.org", expires_at=ended)
    counts = []
    for _ in range(2):
        async with transaction(sessions) as session:
            counts.append(await forget_past(session))
    assert counts == [1, 0]
    async with owner.connect() as connection:
        names = set(await connection.scalars(text("SELECT name FROM invitations")))
        records = text("SELECT * FROM audit_records WHERE object_type = 'invitations'")
        [record] = (await connection.execute(records)).all()
        invitation = text("SELECT id FROM invitations WHERE name = 'Erased person'")
        assert record.object_id == await connection.scalar(invitation)
    assert names == {"Erased person", "Recent"}
    assert (record.action, record.actor, record.job) == ("invitation.erased", "job", "erase_person")
    for column in ("name", "email"):
        assert record.before[column].keys() == record.after[column].keys() == {"commitment"}
        assert record.before[column] != record.after[column]
    assert "past@example.org" not in await everything(owner)
