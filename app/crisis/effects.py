"""What a crisis does to the calendars and the ledger outside its own records: nothing at all in a drill."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.author import Author
from app.bookings.drafts import BookingDraft
from app.bookings.giving_back import credit_reservation
from app.bookings.ledger import add_charge
from app.bookings.models import LIVE, Booking, BookingSource, BookingStatus, ChargeKind
from app.bookings.service import approve, confirm, create_booking, end_booking
from app.capacity.occupancy import span_of
from app.core.model import period
from app.crisis.calendar_repository import bookings_by_id
from app.crisis.models import Crisis, CrisisMode, CrisisOrder, Displacement, DisplacementKind

BEGUN = frozenset({BookingStatus.IN_PRODUCTION, BookingStatus.COMPLETED, BookingStatus.FAILED})
"""A campaign that has begun is not freed any more, however it has ended."""


def in_the_way(order: CrisisOrder, booking: Booking) -> bool:
    """Tell whether a live booking holds days that an order needs."""
    ordered, booked = span_of(order.period), span_of(booking.period)
    return (
        booking.status in LIVE
        and order.slot_id == booking.slot_id
        and ordered.start_on < booked.end_on
        and booked.start_on < ordered.end_on
    )


@dataclass(frozen=True, slots=True)
class Outside:
    """The world outside one crisis, and on whose behalf it is changed.

    Attributes
    ----------
    authority_id
        The organisation whose lots the campaigns are, and who pays.
    """

    session: AsyncSession
    author: Author
    crisis: Crisis
    authority_id: UUID

    @property
    def is_real(self) -> bool:
        """Whether anything is done at all."""
        return self.crisis.mode is CrisisMode.REAL

    async def reserve_campaign(self, order: CrisisOrder, status: BookingStatus) -> UUID | None:
        """Book the place of an order, and return the booking; `BookingRefused` if it is not free."""
        if not self.is_real:
            return None
        draft = BookingDraft(
            slot_id=order.slot_id,
            organisation_id=self.authority_id,
            period=order.period,
            delivery_on=order.delivery_on,
            batches=order.batches,
            price_cents=order.price_cents,
            source=BookingSource.CRISIS,
            status=status,
            crisis_id=self.crisis.id,
        )
        return (await create_booking(self.session, self.author, draft)).id

    async def hold_replacement(self, booking: Booking, place: Mapping[str, Any], until_on: date) -> UUID | None:
        """Hold the place to which a booking will move, at its own price and with nothing more to pay."""
        if not self.is_real:
            return None
        draft = BookingDraft(
            slot_id=UUID(place["slot_id"]),
            organisation_id=booking.organisation_id,
            period=period(date.fromisoformat(place["start"]), date.fromisoformat(place["end"])),
            delivery_on=date.fromisoformat(place["delivery_on"]),
            batches=place["batches"],
            price_cents=booking.price_cents,
            source=BookingSource.REPLACEMENT,
            hold_expires_at=datetime.combine(until_on, time.min, UTC),
            request_id=booking.request_id,
            product_id=booking.product_id,
            crisis_id=self.crisis.id,
            contract_status=booking.contract_status,
            origin=booking.origin,
        )
        return (await create_booking(self.session, self.author, draft)).id

    async def confirm_campaign(self, order: CrisisOrder) -> None:
        """Confirm the campaign of an accepted order, on the place that is free by now, and charge the order."""
        if not self.is_real:
            return
        reserved = await self._booking(order.booking_id) if order.booking_id else None
        if reserved is None or reserved.status not in LIVE:
            order.booking_id = await self.reserve_campaign(order, BookingStatus.CONFIRMED)
        elif reserved.status is BookingStatus.AWAITING_CDMO:
            await approve(self.session, self.author, reserved)
        await self._charge_order(order, order.price_cents, "accepted")

    async def free_campaign(self, order: CrisisOrder, status: BookingStatus, reason_code: str) -> bool:
        """Free the place of an order, credited if it was charged; False if its campaign has started."""
        if not self.is_real or order.booking_id is None:
            return True
        booking = await self._booking(order.booking_id)
        if booking.status in BEGUN or booking.status not in LIVE:
            return booking.status not in BEGUN
        charged = booking.status is BookingStatus.CONFIRMED
        await end_booking(self.session, self.author, booking, status, reason_code=reason_code)
        if charged:
            await self._charge_order(order, -order.price_cents, reason_code)
        return True

    async def displace(self, displacement: Displacement, order: CrisisOrder) -> bool:
        """Make a displacement take effect; False if its booking has ended or moved by itself, and need not give way."""
        if not self.is_real:
            return True
        booking = await self._booking(displacement.booking_id)
        if not in_the_way(order, booking):
            await self.drop_replacement(displacement, "no_longer_needed")
            return False
        await end_booking(
            self.session,
            self.author,
            booking,
            BookingStatus.DISPLACED,
            reason_code="crisis_displaced",
            replaced_by_id=displacement.replacement_id,
        )
        if displacement.replacement_id is not None:
            replacement = await self._booking(displacement.replacement_id)
            await self._take_up(replacement, displacement, agreed=replacement.unit_id == order.unit_id)
        else:
            await credit_reservation(self.session, self.author, booking, "displaced")
        await self._compensate(displacement, booking)
        return True

    async def drop_replacement(self, displacement: Displacement, reason_code: str) -> None:
        """Free the place that was held for a booking which keeps its own."""
        if not self.is_real or displacement.replacement_id is None:
            return
        replacement = await self._booking(displacement.replacement_id)
        if replacement.status in LIVE:
            held = replacement.status is BookingStatus.HELD
            status = BookingStatus.RELEASED if held else BookingStatus.CANCELLED
            await end_booking(self.session, self.author, replacement, status, reason_code=reason_code)

    async def _take_up(self, replacement: Booking, displacement: Displacement, *, agreed: bool) -> None:
        """Turn the hold into a booking: confirmed where the CDMO has agreed or need not, else before its CDMO."""
        if replacement.status is BookingStatus.HELD:
            replacement = await confirm(self.session, self.author, replacement)
        instant = bool((displacement.replacement or {}).get("instant"))
        if replacement.status is BookingStatus.AWAITING_CDMO and (agreed or instant):
            await approve(self.session, self.author, replacement)

    async def _compensate(self, displacement: Displacement, booking: Booking) -> None:
        """Charge the authority with what is owed to a booking's owner, and credit the owner with it."""
        moved = displacement.kind is DisplacementKind.MOVED
        detail = {"kind": displacement.kind.value, "moved": moved, "price_cents": booking.price_cents}
        for organisation_id, counterparty_id, sign in (
            (self.authority_id, booking.organisation_id, 1),
            (booking.organisation_id, self.authority_id, -1),
        ):
            await add_charge(
                self.session,
                self.author,
                organisation_id=organisation_id,
                counterparty_id=counterparty_id,
                booking_id=booking.id,
                crisis_id=self.crisis.id,
                kind=ChargeKind.DISPLACEMENT_COMPENSATION,
                amount_cents=sign * displacement.compensation_cents,
                detail=detail,
            )

    async def _charge_order(self, order: CrisisOrder, amount_cents: int, code: str) -> None:
        await add_charge(
            self.session,
            self.author,
            organisation_id=self.authority_id,
            counterparty_id=order.organisation_id,
            booking_id=order.booking_id,
            crisis_id=self.crisis.id,
            kind=ChargeKind.CRISIS_ORDER,
            amount_cents=amount_cents,
            detail={"order_id": str(order.id), "code": code},
        )

    async def _booking(self, booking_id: UUID) -> Booking:
        return (await bookings_by_id(self.session, [booking_id]))[booking_id]
