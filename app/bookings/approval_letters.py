"""Telling a CDMO by mail that a booking, or a move, awaits its approval."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.bookings import ledger_repository, repository
from app.bookings.changing import has_run_out
from app.bookings.models import Booking, BookingStatus
from app.bookings.wording import place_in_words
from app.core.spelling import instant_in_words
from app.letters.models import LetterKind
from app.letters.service import Told, write_letters
from app.letters.wording import Bilingual, Content

_BOOKING = Bilingual(
    "A booking on your line awaits your approval.", "Une réservation sur votre ligne attend votre accord."
)
_MOVE = Bilingual(
    "A booking on your line is to be moved, and awaits your approval.",
    "Une réservation sur votre ligne doit être déplacée et attend votre accord.",
)


async def ask_by_letter(session: AsyncSession, booking: Booking) -> None:
    """Have the CDMO of a booking that awaits it told so."""
    cdmo_id = await ledger_repository.seller_of(session, booking.unit_id)
    await write_letters(session, LetterKind.APPROVAL, [Told(booking.id, cdmo_id)])


async def approval_letter(session: AsyncSession, booking_id: UUID, organisation_id: UUID) -> Content | None:
    """Return what a CDMO is told by mail of a booking that awaits it; nothing once it does not, or it is too late.

    It is told of its own calendar alone: whose lot it is, and what, it reads where it signs in.
    """
    booking = await repository.find(session, booking_id)
    if booking is None or await ledger_repository.seller_of(session, booking.unit_id) != organisation_id:
        return None
    if booking.status is not BookingStatus.AWAITING_CDMO or has_run_out(booking):
        return None
    paragraphs = [_BOOKING if booking.moves_id is None else _MOVE, await place_in_words(session, booking.id)]
    subject = Bilingual("a booking awaits your approval", "une réservation attend votre accord")
    if until := booking.approval_expires_at:
        english, french = (instant_in_words(until, french=one) for one in (False, True))
        paragraphs.append(
            Bilingual(
                f"Approve or decline it by {english}: unanswered, it counts as declined.",
                f"Acceptez-la ou refusez-la avant le {french} : sans réponse, elle compte comme refusée.",
            )
        )
        subject = Bilingual(f"{subject.en}, by {english}", f"{subject.fr} avant le {french}")
    paragraphs.append(Bilingual(f"Reference: booking {booking.id}.", f"Référence : réservation {booking.id}."))
    return Content(subject, paragraphs, asks=True)
