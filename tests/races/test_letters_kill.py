"""A worker that is killed among its letters: what it has sent is not sent again, and what it has not, goes out."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.core.database import make_session_factory, transaction
from app.core.health import REPOSITORY
from app.core.model import period
from app.core.settings import Settings
from app.crisis.models import Crisis, CrisisMode
from app.crisis.notice_models import Notice, NoticeKind
from app.identity.models import OrganisationKind, Person, Role
from app.letters.models import LetterKind
from app.letters.service import Told, write_letters
from app.worker import POST
from tests.support.mail_server import MailServer
from tests.support.world import World, day

pytestmark = [pytest.mark.database, pytest.mark.races]

LETTERS, SENT_BEFORE = 12, 5
PATIENCE = 60
COORDINATOR = Role.COORDINATOR

StartWorker = Callable[[int], subprocess.Popen[bytes]]


@pytest.fixture
def start_worker(scratch: Settings) -> Iterator[StartWorker]:
    """Start workers on the scratch database that send mail to a port of this machine."""
    started: list[subprocess.Popen[bytes]] = []
    assert scratch.database_url is not None
    told = {
        "DATABASE_URL": scratch.database_url.get_secret_value(),
        "LOG_LEVEL": "CRITICAL",
        "MAIL_FROM": "creneau@example.org",
        "PUBLIC_URL": "https://creneau.example.org",
    }

    def start(port: int) -> subprocess.Popen[bytes]:
        environment = {**os.environ, **told, "SMTP_URL": f"smtp://127.0.0.1:{port}"}
        words = [sys.executable, "-m", "app.cli", "worker"]
        started.append(subprocess.Popen(words, env=environment, cwd=REPOSITORY))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not await condition():  # noqa: ASYNC110 - what the worker does is in the database
            await asyncio.sleep(0.1)


async def test_each_letter_arrives_once_though_a_worker_is_killed_among_them(
    scratch_owner: AsyncEngine, start_worker: StartWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.letters.service.get_settings", _with_mail)
    sessions = make_session_factory(scratch_owner)

    async def count(what: str) -> Any:
        async with sessions() as session:
            return await session.scalar(text(f"SELECT count(*) FROM {what}"))  # noqa: S608

    async def noted() -> bool:
        return bool(await count("letters WHERE sent_at IS NOT NULL") == SENT_BEFORE)

    async def over() -> bool:
        return bool(await count("jobs.pgqueuer WHERE entrypoint = 'letter'") == 0)

    await _letters(World(sessions))
    async with MailServer(most=SENT_BEFORE).listening() as server:
        first = start_worker(server.port)
        async with asyncio.timeout(PATIENCE):
            await server.silent.wait()
        await until(noted)
        first.kill()
        first.wait()
        assert await count("jobs.pgqueuer WHERE status = 'picked'") in range(1, POST.count + 1)
        server.most = None
        start_worker(server.port)
        await until(over)
    assert await count("letters WHERE sent_at IS NOT NULL") == LETTERS
    assert len({one.message_id for one in server.messages}) == len(server.messages) == LETTERS


def _with_mail() -> Settings:
    return Settings(mail_to_console=True, public_url="http://127.0.0.1")


async def _letters(world: World) -> None:
    """Have as many people of a coordinator told that a crisis is to end."""
    organisation = await world.organisation(OrganisationKind.COORDINATOR)
    people = [
        await world.add(Person(organisation_id=organisation.id, name="P", email=f"{one}@example.org", role=COORDINATOR))
        for one in range(LETTERS)
    ]
    told: dict[str, Any] = {"title": "Flu", "mode": CrisisMode.REAL, "as_of_on": day(0)}
    crisis = await world.add(Crisis(validity=period(day(0), day(9)), declared_by_id=people[0].id, **told))
    facts = {"crisis": {"title": "Flu"}, "validity_end_on": day(9).isoformat(), "days_left": 9}
    about: dict[str, Any] = {
        "crisis_id": crisis.id,
        "organisation_id": organisation.id,
        "kind": NoticeKind.EXPIRES_SOON,
    }
    notice = await world.add(Notice(facts=facts, **about))
    async with transaction(world.sessions) as session:
        await write_letters(session, LetterKind.NOTICE, [Told(notice.id, organisation.id)])
