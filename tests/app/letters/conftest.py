"""Letters that wait, a mail server that takes them, and what a worker does with them."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy import text

from app.core.database import SessionFactory, transaction
from app.core.jobs import Entrypoint
from app.core.settings import Settings
from app.identity.models import Organisation, Person, Role
from tests.app.crisis.conftest import crises
from tests.support.jobs import perform
from tests.support.mail_server import MailServer, Taken
from tests.support.world import World

__all__ = ["crises"]

HERE = "https://creneau.example.org"


@dataclass
class Postroom:
    """The letters of a test: those that wait are sent when they are looked for."""

    sessions: SessionFactory
    settings: Settings
    server: MailServer
    world: World

    async def rows(self, query: str, **parameters: Any) -> list[Any]:
        async with transaction(self.sessions) as session:
            return [tuple(row) for row in await session.execute(text(query), parameters)]

    async def scalar(self, query: str, **parameters: Any) -> Any:
        async with transaction(self.sessions) as session:
            return await session.scalar(text(query), parameters)

    async def waiting(self) -> list[UUID]:
        """Return the letters of which a job waits, in the order of its enqueuing."""
        query = "SELECT payload FROM jobs.pgqueuer WHERE entrypoint = 'letter' ORDER BY id"
        return [UUID(bytes=payload) for (payload,) in await self.rows(query)]

    async def go_out(self) -> list[Taken]:
        """Run the job of every letter that waits, once, and return what the server took."""
        before = len(self.server.taken)
        for letter_id in await self.waiting():
            await self.send(letter_id)
        return self.server.messages[before:]

    async def send(self, letter_id: UUID) -> None:
        await perform(self.sessions, Entrypoint.LETTER, letter_id, self.settings)

    async def fates(self) -> list[tuple[bool, str | None]]:
        """Return of each letter, in its order, whether it was sent, and why it was not."""
        return await self.rows("SELECT sent_at IS NOT NULL, dropped_as FROM letters ORDER BY id")

    async def person_of(self, organisation_id: object) -> str:
        """Return the address of the one person who acts for an organisation."""
        query = "SELECT email FROM people WHERE organisation_id = :id"
        [(address,)] = await self.rows(query, id=organisation_id)
        return str(address)

    async def colleague(self, organisation: Organisation, email: str, **given: Any) -> Person:
        """Store one more person of an organisation, in the role of those who are there."""
        role = await self.scalar("SELECT role FROM people WHERE organisation_id = :id LIMIT 1", id=organisation.id)
        told = {"name": f"N. {email}", "email": email, "role": Role(role), **given}
        return await self.world.add(Person(organisation_id=organisation.id, **told))

    def to(self, address: str) -> list[Taken]:
        """Return what was taken for an address."""
        return [one for one in self.server.messages if one.to == address]


@pytest.fixture
async def server() -> AsyncIterator[MailServer]:
    async with MailServer().listening() as made:
        yield made


@pytest.fixture
async def sessions(app: FastAPI) -> SessionFactory:
    """Sessions of the application's role, as workers have them."""
    factory: SessionFactory = app.state.sessions
    return factory


@pytest.fixture
async def post(
    sessions: SessionFactory, settings: Settings, server: MailServer, world: World, monkeypatch: pytest.MonkeyPatch
) -> Postroom:
    """A post room of a service that has mail set up, as its worker has."""
    told = {"SMTP_URL": f"smtp://127.0.0.1:{server.port}", "MAIL_FROM": "creneau@example.org", "PUBLIC_URL": HERE}
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("app.letters.service.get_settings", Settings)
    mailing = settings.model_copy(
        update={
            "smtp_url": SecretStr(f"smtp://127.0.0.1:{server.port}"),
            "mail_from": "creneau@example.org",
            "public_url": HERE,
            "job_backoff_seconds": 0.01,
        }
    )
    return Postroom(sessions, mailing, server, world)
