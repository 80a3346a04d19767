"""The ledger of charges: rows are only ever added, in cents."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.author import Author
from app.audit.service import record, record_all
from app.bookings import ledger_repository as repository
from app.bookings.fees import BookingTerms, cdmo_cancellation_cents
from app.bookings.models import Booking, Charge, ChargeKind
from app.core.paging import PageQuery


async def add_charge(
    session: AsyncSession,
    author: Author,
    *,
    organisation_id: UUID,
    kind: ChargeKind,
    amount_cents: int,
    counterparty_id: UUID | None = None,
    booking_id: UUID | None = None,
    crisis_id: UUID | None = None,
    resale_id: UUID | None = None,
    detail: Mapping[str, Any] | None = None,
) -> Charge | None:
    """Add one amount, owed by an organisation (positive) or credited to it (negative); nothing for zero.

    Parameters
    ----------
    counterparty_id
        To whom it is owed, or who credits it.
    resale_id
        The booking that took days which this one had given up, where that is what the amount is for.
    detail
        How the amount came about: figures and codes, nothing confidential, for both sides read it.
    """
    if amount_cents == 0:
        return None
    charge = Charge(
        organisation_id=organisation_id,
        counterparty_id=counterparty_id,
        booking_id=booking_id,
        crisis_id=crisis_id,
        resale_id=resale_id,
        kind=kind,
        amount_cents=amount_cents,
        detail=dict(detail or {}),
    )
    session.add(charge)
    await record(session, author, "charge.added", charge)
    return charge


async def charge(
    session: AsyncSession,
    author: Author,
    booking: Booking,
    kind: ChargeKind,
    amount_cents: int,
    *,
    detail: Mapping[str, Any],
    resale_id: UUID | None = None,
) -> Charge | None:
    """Add one amount between the two sides of a booking, owed by its start-up if positive; nothing for zero."""
    if amount_cents == 0:
        return None
    return await add_charge(
        session,
        author,
        organisation_id=booking.organisation_id,
        counterparty_id=await repository.seller_of(session, booking.unit_id),
        booking_id=booking.id,
        kind=kind,
        amount_cents=amount_cents,
        resale_id=resale_id,
        detail=detail,
    )


async def charge_quarters(session: AsyncSession, author: Author, charges: Sequence[Charge]) -> list[Charge]:
    """Add readiness fees, those of nothing too, and return them; a quarter that is charged already is left out.

    Whoever does the same at the same time is waited for.
    """
    added = await repository.add_missing_quarters(session, charges)
    await record_all(session, author, "charge.added", added)
    return added


async def charge_reservation(session: AsyncSession, author: Author, booking: Booking) -> None:
    """Charge the reservation fee that was quoted; a booking without terms owes none."""
    if not booking.terms:
        return
    terms = BookingTerms.model_validate(booking.terms)
    detail = {"policy_version": terms.policy_version, "price_cents": terms.price_cents}
    await charge(session, author, booking, ChargeKind.RESERVATION_FEE, terms.reservation_fee_cents, detail=detail)


async def charge_cdmo(session: AsyncSession, author: Author, booking: Booking) -> None:
    """Charge a CDMO with what it owes its start-up for a confirmed booking that it has cancelled.

    As its terms say, whatever the line says by now; a booking without terms, such as a replacement, is owed nothing.
    """
    if not booking.terms:
        return
    terms = BookingTerms.model_validate(booking.terms)
    await add_charge(
        session,
        author,
        organisation_id=await repository.seller_of(session, booking.unit_id),
        counterparty_id=booking.organisation_id,
        booking_id=booking.id,
        kind=ChargeKind.CANCELLATION_FEE,
        amount_cents=cdmo_cancellation_cents(terms),
        detail={
            "cancelled_by": "cdmo",
            "percent": terms.cdmo_cancellation_percent,
            "price_cents": terms.price_cents,
            "policy_version": terms.policy_version,
        },
    )


async def charged_by_kind(session: AsyncSession, booking_id: UUID) -> dict[ChargeKind, int]:
    """Return what is charged to a booking's start-up so far, by kind: what its CDMO owes is no part of it."""
    return await repository.sums_of(session, booking_id)


async def charged_cents(session: AsyncSession, booking_id: UUID) -> int:
    """Return the sum of what its start-up is charged for a booking's reservation and cancellation so far."""
    charged = await repository.sums_of(session, booking_id)
    return sum(charged.get(kind, 0) for kind in (ChargeKind.RESERVATION_FEE, ChargeKind.CANCELLATION_FEE))


TOLD_TO_ITS_CDMO_ALONE: Mapping[str, frozenset[str]] = {
    "resale_cancelled": frozenset({"resale_fee_cents", "given_cents"}),
}
"""By code, figures of a charge that are another start-up's: what it paid for leaving, and what all were given."""


def detail_told(charge: Charge, reader_id: UUID | None) -> dict[str, Any]:
    """Return how an amount came about, as a party to it may know; None stands for who sees everything."""
    hidden = TOLD_TO_ITS_CDMO_ALONE.get(str(charge.detail.get("code")), frozenset())
    if reader_id != charge.organisation_id or not hidden:
        return dict(charge.detail)
    return {name: value for name, value in charge.detail.items() if name not in hidden}


async def list_charges(
    session: AsyncSession, organisation_id: UUID | None, paging: PageQuery
) -> tuple[list[Charge], str | None]:
    """Return one page of the charges that an organisation owes or is owed, oldest first; None for all there are."""
    return await repository.page_charges(session, organisation_id, paging)
