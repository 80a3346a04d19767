"""Crediting those whose cancelled days are sold again, and taking it back if they are not sold after all."""

from collections import defaultdict
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.author import Author
from app.bookings import ledger
from app.bookings import resale_repository as repository
from app.bookings.models import Booking, ChargeKind
from app.bookings.resale_rules import Credited, Resale, Sold, common_days, resale_credit, taken_back
from app.capacity.occupancy import span_of


async def settle(session: AsyncSession, author: Author, booking: Booking) -> None:
    """Credit those who had given up days of a booking that binds now, at a fee: its unit is locked.

    After a move, what it gave for days that it no longer holds is taken back: they are not sold any more.
    """
    given = await repository.given_by(session, booking.id)
    over = await repository.cancelled_at_a_fee(session, booking.unit_id, booking.period)
    found = {one.booking_id: one for one in over}
    found.pop(booking.id, None)
    for booking_id in sorted(given.keys() - found.keys()):
        await _charge(session, author, booking_id, booking, -given[booking_id], detail={"code": "moved_away"})
    for booking_id, cancelled in sorted(found.items()):
        sold = Sold(span_of(cancelled.period), cancelled.price_cents)
        before = await _given_back(session, booking_id, sold, booking.id)
        resale = resale_credit(cancelled.fee_cents, sold, _sold(booking), before)
        if resale is not None:
            due = -resale.credit_cents - given.get(booking_id, 0)
            await _charge(session, author, booking_id, booking, due, detail=_figures(resale))


async def take_back(session: AsyncSession, author: Author, booking: Booking, *, own_fee_cents: int) -> None:
    """Take back what a resale gave, beyond what its own cancellation fee covers: it has ended, and not by its CDMO.

    Where the CDMO cancels it, what it gave stays: the CDMO is the cause that the days are not sold.
    """
    given = {booking_id: -cents for booking_id, cents in (await repository.given_by(session, booking.id)).items()}
    for booking_id, cents in taken_back(given, own_fee_cents).items():
        detail = {"code": "resale_cancelled", "resale_fee_cents": own_fee_cents, "given_cents": sum(given.values())}
        await _charge(session, author, booking_id, booking, cents, detail=detail)


async def _given_back(session: AsyncSession, booking_id: UUID, sold: Sold, but: UUID) -> list[Credited]:
    """Return what resales other than one have given back of a booking's fee."""
    cents: dict[UUID, int] = defaultdict(int)
    days = {}
    for other, period, amount in await repository.given_to(session, booking_id):
        shared = common_days(sold.days, span_of(period))
        if other != but and shared is not None:
            cents[other] -= amount
            days[other] = shared
    return [Credited(days[other], amount) for other, amount in sorted(cents.items()) if amount > 0]


def _sold(booking: Booking) -> Sold:
    return Sold(span_of(booking.period), booking.price_cents)


def _figures(resale: Resale) -> dict[str, Any]:
    """Return the figures of a credit, none of which tells who has bought: its price of a day is that of the slot."""
    return {"code": "sold_again", **resale._asdict()}


async def _charge(
    session: AsyncSession,
    author: Author,
    booking_id: UUID,
    resale: Booking,
    amount_cents: int,
    *,
    detail: dict[str, Any],
) -> None:
    cancelled = await repository.get(session, booking_id)
    kind = ChargeKind.RESALE_CREDIT
    await ledger.charge(session, author, cancelled, kind, amount_cents, detail=detail, resale_id=resale.id)
