"""The job that sends one letter: a letter has a job of its own, so that none waits for another's address.

That it was sent is noted in the transaction that ends the job, right after the mail server has taken it. A worker that
dies between the two leaves a mail that is sent again, under the same `Message-ID`: SMTP tells nobody whether it took
one before, and nobody is to go without.
"""

from collections.abc import Awaitable, Callable, Mapping
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.author import Author
from app.audit.service import record, snapshot
from app.core.clock import now
from app.core.mail import TAKING_SECONDS, Mail, MailRefused, send_mail
from app.core.sign_in_settings import SignInSettings
from app.jobs.running import JobContext
from app.letters import repository
from app.letters.models import Dropped, Letter, LetterKind
from app.letters.wording import Content, Reader, subject_of, text_of

AUTHOR = Author.of_job("letter")

Writer = Callable[[AsyncSession, UUID, UUID], Awaitable[Content | None]]
"""Says what a letter about a thing tells an organisation; None if it is not its own, or needs no telling any more."""

Writers = Mapping[LetterKind, Writer]


async def send_letter(context: JobContext, *, writers: Writers) -> None:
    """Send a letter, or note why it is not sent; nothing, if it is sent or gone."""
    async with context.transaction() as session:
        letter = await repository.find_waiting(session, context.subject_id)
        if letter is None:
            return
        made = await _mail(session, context.settings, letter, writers)
    dropped = await _given(context.settings, made) if isinstance(made, Mail) else made
    async with context.last_transaction() as session:
        await _end(session, context.subject_id, dropped)


async def _given(settings: SignInSettings, mail: Mail) -> Dropped | None:
    """Give a mail to the server, and return what ends its letter instead if no later try could do better."""
    try:
        await send_mail(settings, mail, patience=TAKING_SECONDS)
    except MailRefused:
        return Dropped.REFUSED
    return None


async def _mail(session: AsyncSession, settings: SignInSettings, letter: Letter, writers: Writers) -> Mail | Dropped:
    """Return the mail as it is to be sent now, or why there is none."""
    person, organisation = await repository.addressee(session, letter)
    if person.deactivated_at is not None:
        return Dropped.LEFT
    content = await writers[letter.kind](session, letter.subject_id, person.organisation_id)
    if content is None:
        return Dropped.MOOT
    reader = Reader(person.name, organisation, person.language)
    text = text_of(content, reader, settings.public_url or "")
    return Mail(person.email, subject_of(content, reader), text, identifier=letter.id)


async def _end(session: AsyncSession, letter_id: UUID, dropped: Dropped | None) -> None:
    letter = await repository.find_waiting(session, letter_id)
    if letter is None:
        return
    before = snapshot(letter)
    if dropped is None:
        letter.sent_at = now()
    else:
        letter.dropped_as = dropped
    action = "letter.sent" if dropped is None else "letter.dropped"
    await record(session, AUTHOR, action, letter, before=before, reason_code=dropped and dropped.value)
