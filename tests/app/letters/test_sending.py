"""A letter is sent once, to who is still there, whatever becomes of the mail server, of workers, of other letters."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import event, text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.ext.asyncio import AsyncEngine

from app.core.clock import now
from app.core.database import transaction
from app.core.jobs import Entrypoint, enqueue
from app.core.mail import TAKING_SECONDS, send_mail
from app.core.model import new_id
from app.core.tenancy import EVERYBODY, acting_for
from app.identity.models import Organisation, OrganisationKind, Role
from app.jobs.queue import take_jobs
from app.jobs.running import JobContext, Kind, Places, Runner
from app.letters import sending
from app.letters.models import Letter, LetterKind
from app.letters.service import Told, forget_old_letters, write_letters
from app.letters.wording import Bilingual, Content
from app.privacy.models import ErasureReason
from app.privacy.service import erase_person, export_person
from app.worker import JOBS, LETTER_TRIES
from tests.app.letters.conftest import Postroom
from tests.support.jobs import deliver
from tests.support.mail_server import MailServer

pytestmark = pytest.mark.database


@pytest.fixture
async def startup(post: Postroom, monkeypatch: pytest.MonkeyPatch) -> Organisation:
    """A start-up with one member, whose letters say something whatever they are about."""

    async def write(_session: Any, subject_id: Any, _organisation_id: Any) -> Content:
        return Content(
            Bilingual("news", "nouvelles"), [Bilingual(f"About {subject_id}.", f"De {subject_id}.")], asks=False
        )

    monkeypatch.setitem(sending_writers(), LetterKind.NOTICE, write)
    made = await post.world.organisation(OrganisationKind.STARTUP)
    await post.world.headers(made, Role.STARTUP_MEMBER)
    return made


def sending_writers() -> Any:
    return JOBS[Entrypoint.LETTER].handler.keywords["writers"]  # type: ignore[attr-defined]


async def written(post: Postroom, organisation: Organisation, *subjects: Any) -> list[Any]:
    """Have the people of an organisation told of things, and return what these are."""
    told = list(subjects or (new_id(),))
    async with transaction(post.sessions) as session:
        await write_letters(session, LetterKind.NOTICE, [Told(one, organisation.id) for one in told])
    return told


async def test_a_letter_waits_only_if_its_transaction_commits(post: Postroom, startup: Organisation) -> None:
    async with post.sessions() as session:
        await write_letters(session, LetterKind.NOTICE, [Told(new_id(), startup.id)])
        await session.rollback()
    assert (await post.waiting(), await post.fates()) == ([], [])


async def test_who_is_told_twice_of_one_thing_has_one_letter(post: Postroom, startup: Organisation) -> None:
    [subject] = await written(post, startup)
    await post.go_out()
    await written(post, startup, subject)
    assert await post.go_out() == []
    assert len(post.server.taken) == 1


async def test_a_further_job_about_a_letter_that_is_sent_sends_nothing(post: Postroom, startup: Organisation) -> None:
    await written(post, startup)
    [letter_id] = await post.waiting()
    await post.go_out()
    async with transaction(post.sessions) as session:
        await enqueue(session, Entrypoint.LETTER, letter_id)
    assert await post.waiting() == [letter_id]
    assert await post.go_out() == []
    assert await post.waiting() == []


async def test_as_many_statements_for_a_hundred_as_for_one(post: Postroom, startup: Organisation, app: Any) -> None:
    for number in range(4):
        await post.colleague(startup, f"c{number}@example.org")
    counts = []
    for many in (1, 100):
        sent: list[str] = []
        note = lambda *told, sent=sent: sent.append(told[2])  # noqa: E731
        event.listen(app.state.engine.sync_engine, "before_cursor_execute", note)
        await written(post, startup, *(new_id() for _ in range(many)))
        event.remove(app.state.engine.sync_engine, "before_cursor_execute", note)
        counts.append(len(sent))
    assert counts[0] == counts[1] <= 4
    assert len(await post.waiting()) == 505


async def test_what_a_crisis_tells_does_not_wait_behind_offers(post: Postroom, startup: Organisation) -> None:
    async with transaction(post.sessions) as session:
        await write_letters(session, LetterKind.OFFER, [Told(new_id(), startup.id) for _ in range(3)])
    [urgent] = await written(post, startup)
    begun, stop = [], asyncio.Event()

    async def begin(job: JobContext) -> None:
        begun.append(job.subject_id)
        stop.set()

    kinds: dict[str, Kind] = {Entrypoint.LETTER: Kind(begin, Places(1))}
    async with asyncio.timeout(60):
        await take_jobs(post.settings, Runner(post.sessions, post.settings, kinds, stop))
    assert await post.scalar("SELECT subject_id FROM letters WHERE id = :id", id=begun[0]) == urgent


async def test_a_letter_that_a_server_takes_late_is_sent_once(
    post: Postroom, startup: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.core.mail.SEND_SECONDS", 1.5)
    post.server.late = 2.5
    await written(post, startup)
    assert len(await post.go_out()) == 1
    assert await post.fates() == [(True, None)]
    assert (JOBS[Entrypoint.LETTER].seconds or 0) > TAKING_SECONDS >= 300


async def test_while_the_mail_server_is_away_letters_wait_and_go_out_when_it_is_back(
    post: Postroom, startup: Organisation
) -> None:
    server, post.server = post.server, MailServer()
    async with post.server.listening():
        post.settings = _by(post, post.server.port)
    await written(post, startup)
    for _ in range(6):
        assert await post.go_out() == []
    assert await post.fates() == [(False, None)]
    assert LETTER_TRIES > 6
    async with post.server.listening():
        assert len(await post.go_out()) == 1
        assert await post.go_out() == []
    assert await post.fates() == [(True, None)]
    assert server.taken == []


def _by(post: Postroom, port: int) -> Any:
    return post.settings.model_copy(update={"smtp_url": SecretStr(f"smtp://127.0.0.1:{port}")})


async def test_an_address_that_is_refused_keeps_nobody_else_from_their_letter(
    post: Postroom, startup: Organisation
) -> None:
    for email in ("poison@example.org", "c@example.org"):
        await post.colleague(startup, email)
    await post.colleague(startup, "no address")
    post.server.answers["RCPT TO:<POISON@EXAMPLE.ORG>"] = "550 nobody here"
    await written(post, startup)
    sent = await post.go_out()
    assert {one.to for one in sent} == {"c@example.org", await post.scalar(FIRST, id=startup.id)}
    assert sorted(await post.fates()) == [(False, "refused")] * 2 + [(True, None)] * 2
    assert await post.waiting() == []


@pytest.mark.parametrize(
    ("verb", "answer"),
    [("RCPT", "450 not now"), ("RCPT", "554 5.7.1 relay access denied"), ("MAIL", "550 who is that")],
)
async def test_what_is_not_for_good_or_not_the_addressees_is_tried_again_and_then_parked(
    post: Postroom, startup: Organisation, verb: str, answer: str
) -> None:
    post.server.answers[verb] = answer
    await written(post, startup)
    for _ in range(LETTER_TRIES):
        assert await post.go_out() == []
    assert await post.fates() == [(False, None)]
    assert await post.rows("SELECT status::text FROM jobs.pgqueuer") == [("failed",)]
    assert answer[:3] in str(await post.rows("SELECT error FROM job_attempts WHERE outcome = 'parked'"))


FIRST = "SELECT email FROM people WHERE organisation_id = :id ORDER BY id LIMIT 1"


async def test_a_worker_that_dies_once_the_server_has_a_letter_sends_it_under_the_same_identifier(
    post: Postroom, startup: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the server's word and the commit nobody can know: mailboxes know the two for one."""
    under_way = asyncio.Event()

    async def sends_and_falls_silent(settings: Any, mail: Any, **_: Any) -> None:
        await send_mail(settings, mail)
        under_way.set()
        await asyncio.Event().wait()

    await written(post, startup)
    [letter_id] = await post.waiting()
    with monkeypatch.context() as patch:
        patch.setattr(sending, "send_mail", sends_and_falls_silent)
        delivery = await deliver(post.sessions, Entrypoint.LETTER, letter_id)
        runner = Runner(post.sessions, post.settings, JOBS, asyncio.Event())
        silent = asyncio.create_task(runner.perform(delivery))
        await under_way.wait()
        silent.cancel()
        with pytest.raises(asyncio.CancelledError):
            await silent
    await post.send(letter_id)
    first, second = post.server.messages
    assert first == second
    assert first.message_id == f"<{letter_id}@example.org>"
    assert await post.waiting() == []


async def test_an_attempt_that_was_overtaken_notes_nothing(
    post: Postroom, startup: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    await written(post, startup)
    [letter_id] = await post.waiting()

    async def is_overtaken(settings: Any, mail: Any, **_: Any) -> None:
        monkeypatch.setattr(sending, "send_mail", send_mail)
        await post.send(letter_id)

    monkeypatch.setattr(sending, "send_mail", is_overtaken)
    await post.send(letter_id)
    assert len(post.server.taken) == 1
    assert await post.scalar("SELECT count(*) FROM audit_records WHERE action = 'letter.sent'") == 1
    assert await post.rows("SELECT outcome FROM job_attempts ORDER BY attempt") == [("lost",), ("done",)]


async def test_who_has_left_or_was_erased_gets_none_and_who_came_later_neither(
    post: Postroom, startup: Organisation, owner: AsyncEngine
) -> None:
    left = await post.colleague(startup, "left@example.org", deactivated_at=now())
    leaving, erased = [
        await post.colleague(startup, f"{one}@example.org", language="fr") for one in ("leaving", "erased")
    ]
    await written(post, startup)
    await post.colleague(startup, "later@example.org")
    async with owner.begin() as connection:
        query = "UPDATE people SET deactivated_at = now() WHERE id = :id"
        await connection.execute(text(query), {"id": leaving.id})
    async with transaction(post.sessions) as session:
        held = {part.table: part.rows for part in (await export_person(session, erased.id)).parts}
        await erase_person(session, erased.id, ErasureReason.ASKED_BY_PERSON)
    assert [one["dropped_as"] for one in held["letters"]] == [None]
    assert ([one["kind"] for one in held["letters"]], held["people"][0]["language"]) == (["notice"], "fr")
    assert await post.scalar("SELECT language FROM people WHERE id = :id", id=erased.id) is None
    sent = await post.go_out()
    assert [one.to for one in sent] == [await post.scalar(FIRST, id=startup.id)]
    assert sorted(await post.fates()) == [(False, "left"), (False, "left"), (True, None)]
    assert await post.scalar("SELECT count(*) FROM letters WHERE person_id = :id", id=left.id) == 0


async def test_where_no_mail_is_set_up_nothing_waits(
    post: Postroom, startup: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SMTP_URL")
    await written(post, startup)
    assert (await post.waiting(), await post.fates()) == ([], [])


async def test_a_worker_without_mail_leaves_a_letter_to_one_that_has_it(post: Postroom, startup: Organisation) -> None:
    having = post.settings
    post.settings = having.model_copy(update={"smtp_url": None})
    await written(post, startup)
    assert await post.go_out() == []
    post.settings = having
    assert len(await post.go_out()) == 1


async def test_letters_about_offers_and_approvals_are_forgotten_and_those_of_crises_kept(
    post: Postroom, startup: Organisation
) -> None:
    query = "SELECT id FROM people WHERE organisation_id = :id"
    person_id = await post.scalar(query, id=startup.id)
    for kind in LetterKind:
        for days in (29, 31):
            at = now() - timedelta(days=days)
            await post.world.add(Letter(kind=kind, subject_id=new_id(), person_id=person_id, created_at=at, sent_at=at))
    async with transaction(post.sessions) as session:
        assert await forget_old_letters(session) == 2
        assert await forget_old_letters(session) == 0
    query = "SELECT kind, count(*) FROM letters GROUP BY kind ORDER BY kind"
    assert await post.rows(query) == [("approval", 1), ("notice", 2), ("offer", 1)]


async def test_the_service_changes_only_what_became_of_a_letter_and_removes_none_about_a_crisis(
    post: Postroom, startup: Organisation
) -> None:
    await written(post, startup)
    with acting_for(EVERYBODY):
        for change in ("person_id = person_id", "kind = 'offer'", "subject_id = subject_id"):
            with pytest.raises(ProgrammingError, match="permission denied"):
                await post.rows(f"UPDATE letters SET {change} RETURNING id")  # noqa: S608
        assert len(await post.rows("UPDATE letters SET sent_at = now() RETURNING id")) == 1
        assert await post.rows("DELETE FROM letters RETURNING id") == []
