"""What a notice says by mail: its words, as far as they still hold, and on which day it was written."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import SITE_ZONE, now
from app.core.spelling import day_in_words, instant_in_words
from app.crisis import notice_repository
from app.crisis.notice_models import Notice
from app.crisis.notice_standing import Tellable, tellable
from app.crisis.notice_text import notice_text
from app.letters.wording import Bilingual, Content


async def notice_letter(session: AsyncSession, notice_id: UUID, organisation_id: UUID) -> Content | None:
    """Return what an organisation is told by mail of a notice to it; nothing of another's, nor of a drill's.

    Nor of one that asks what is answered or over, or that a later one has overtaken: see `notice_standing`.
    """
    notice = await notice_repository.find_real_notice(session, notice_id, organisation_id)
    if notice is None:
        return None
    left = tellable(notice, await notice_repository.standing_of(session, notice), now())
    if left is None:
        return None
    told = notice_text(notice.kind, left.facts, notice.reason_code, left.respond_by_at)
    paragraphs = [Bilingual(told.en, told.fr), _references(notice), _written(notice)]
    return Content(_subject(notice, left), paragraphs, left.asks)


def _subject(notice: Notice, left: Tellable) -> Bilingual:
    title, until = notice.facts["crisis"]["title"], left.respond_by_at
    if until is None or not left.asks:
        return Bilingual(f"crisis, {title}", f"crise, {title}")
    return Bilingual(
        f"crisis, {title}: answer by {instant_in_words(until, french=False)}",
        f"crise, {title} : répondre avant le {instant_in_words(until, french=True)}",
    )


def _written(notice: Notice) -> Bilingual:
    """Return its day: a letter may arrive behind one about what came later."""
    english, french = (
        day_in_words(notice.created_at.astimezone(SITE_ZONE).date(), french=one) for one in (False, True)
    )
    return Bilingual(f"Written on {english}.", f"Écrit le {french}.")


def _references(notice: Notice) -> Bilingual:
    booking_id = notice.facts.get("booking_id")
    named = [(("crisis", "crise"), notice.crisis_id)]
    named += [(("order", "ordre"), notice.order_id)] if notice.order_id else []
    named += [(("booking", "réservation"), booking_id)] if booking_id else []
    english, french = (", ".join(f"{words[one]} {named_id}" for words, named_id in named) for one in (0, 1))
    return Bilingual(f"References: {english}.", f"Références : {french}.")
