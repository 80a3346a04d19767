"""Telling start-ups by mail of the offers that are made to them."""

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.allocation import repository
from app.allocation.models import Offer, OfferSource, OfferStatus
from app.bookings.wording import place_in_words
from app.core.clock import now
from app.core.spelling import instant_in_words
from app.letters.models import LetterKind
from app.letters.service import Told, write_letters
from app.letters.wording import Bilingual, Content

_FOUND = {
    OfferSource.WAITING: Bilingual(
        "A place has fallen free for your request, which stood on the waiting list.",
        "Une place s'est libérée pour votre demande, qui était sur la liste d'attente.",
    ),
    OfferSource.ROUND: Bilingual(
        "The round has found a place for your request.", "Le tour d'attribution a trouvé une place à votre demande."
    ),
}


async def tell_of_offers(session: AsyncSession, offers: Iterable[Offer]) -> None:
    """Have those told to whom offers are made."""
    await write_letters(session, LetterKind.OFFER, [Told(offer.id, offer.organisation_id) for offer in offers])


async def offer_letter(session: AsyncSession, offer_id: UUID, organisation_id: UUID) -> Content | None:
    """Return what an organisation is told by mail of an offer to it; nothing once it is answered, or has expired."""
    offer = await repository.find_offer(session, offer_id)
    if offer is None or offer.organisation_id != organisation_id:
        return None
    if offer.status is not OfferStatus.OFFERED or offer.expires_at <= now():
        return None
    english, french = (instant_in_words(offer.expires_at, french=one) for one in (False, True))
    paragraphs = [
        _FOUND[offer.source],
        await place_in_words(session, offer.booking_id),
        Bilingual(
            f"It is held for you: accept or decline it by {english}. After that it is offered to others.",
            f"Elle vous est gardée : acceptez-la ou refusez-la avant le {french}. Ensuite elle ira à d'autres.",
        ),
        Bilingual(
            f"References: offer {offer.id}, request {offer.request_id}.",
            f"Références : proposition {offer.id}, demande {offer.request_id}.",
        ),
    ]
    subject = Bilingual(f"a place for you, answer by {english}", f"une place pour vous, répondre avant le {french}")
    return Content(subject, paragraphs, asks=True)
