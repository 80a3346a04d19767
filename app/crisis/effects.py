"""What a crisis does to the calendars and the ledger outside its own records: nothing at all in a drill."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from types import MappingProxyType
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.author import Author
from app.bookings.drafts import BookingDraft
from app.bookings.giving_back import credit_reservation
from app.bookings.ledger import add_charge
from app.bookings.many import create_many
from app.bookings.models import LIVE, Booking, BookingSource, BookingStatus, ChargeKind
from app.bookings.rules import answer_deadline
from app.bookings.service import approve, create_booking, end_booking
from app.capacity.occupancy import span_of
from app.core.clock import today
from app.core.model import period
from app.crisis.calendar_repository import bookings_by_id
from app.crisis.models import Crisis, CrisisMode, CrisisOrder, Displacement, DisplacementKind, OrderStatus
from app.crisis.rules import due_cents
from app.crisis.standing import BEGUN


def in_the_way(order: CrisisOrder, booking: Booking) -> bool:
    """Tell whether a live booking holds days that an order needs."""
    ordered, booked = span_of(order.period), span_of(booking.period)
    return (
        booking.status in LIVE
        and order.slot_id == booking.slot_id
        and ordered.start_on < booked.end_on
        and booked.start_on < ordered.end_on
    )


def is_played(crisis: Crisis, order: CrisisOrder) -> bool:
    """Tell whether the campaign of a drill's accepted order is under way: by its days, for nobody makes anything."""
    is_accepted_in_drill = crisis.mode is CrisisMode.DRILL and order.status is OrderStatus.ACCEPTED
    return is_accepted_in_drill and span_of(order.period).start_on <= today()


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
        return (await create_booking(self.session, self.author, self.campaign_draft(order, status))).id

    async def hold_replacement(self, booking: Booking, place: Mapping[str, Any], until_on: date) -> UUID | None:
        """Hold the place to which a booking will move, at its own price and with nothing more to pay."""
        if not self.is_real:
            return None
        return (await create_booking(self.session, self.author, self.replacement_draft(booking, place, until_on))).id

    async def place_all(self, drafts: Sequence[BookingDraft]) -> list[UUID | None]:
        """Take places for campaigns and replacements, all or none, and return the booking of each, in their order.

        Raises
        ------
        BookingRefused
            For the first that is not free.
        """
        if not self.is_real:
            return [None for _ in drafts]
        return [booking.id for booking in await create_many(self.session, self.author, drafts)]

    def campaign_draft(self, order: CrisisOrder, status: BookingStatus) -> BookingDraft:
        """Return the campaign of an order as a booking of the authority's."""
        return BookingDraft(
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

    def replacement_draft(self, booking: Booking, place: Mapping[str, Any], until_on: date) -> BookingDraft:
        """Return the place to which a booking will move as a hold of its owner's, at the booking's own price.

        It is held for as long as it can be taken, whenever the crisis ends: the crisis lets go of it, not the clock.
        """
        start_on = date.fromisoformat(place["start"])
        until_at = max(datetime.combine(until_on, time.min, UTC), answer_deadline(start_on, instant=True))
        return BookingDraft(
            slot_id=UUID(place["slot_id"]),
            organisation_id=booking.organisation_id,
            period=period(start_on, date.fromisoformat(place["end"])),
            delivery_on=date.fromisoformat(place["delivery_on"]),
            batches=place["batches"],
            price_cents=booking.price_cents,
            source=BookingSource.REPLACEMENT,
            hold_expires_at=until_at,
            request_id=booking.request_id,
            product_id=booking.product_id,
            crisis_id=self.crisis.id,
            contract_status=booking.contract_status,
            origin=booking.origin,
        )

    async def confirm_campaign(self, order: CrisisOrder) -> None:
        """Confirm the campaign of an accepted order, on the place that is free by now, and charge the order."""
        if not self.is_real:
            return
        reserved = await self.booking_of(order.booking_id) if order.booking_id else None
        if reserved is None or reserved.status not in LIVE:
            order.booking_id = await self.reserve_campaign(order, BookingStatus.CONFIRMED)
        elif reserved.status is BookingStatus.AWAITING_CDMO:
            await approve(self.session, self.author, reserved)
        await self._charge_order(order, order.price_cents, "accepted")

    async def free_campaign(self, order: CrisisOrder, status: BookingStatus, reason_code: str) -> bool:
        """Free the place of an order, credited if it was charged; False if its booking tells that it has begun."""
        if not self.is_real or order.booking_id is None:
            return True
        booking = await self.booking_of(order.booking_id)
        if booking.status in BEGUN or booking.status not in LIVE:
            return booking.status not in BEGUN
        charged = booking.status is BookingStatus.CONFIRMED
        await end_booking(self.session, self.author, booking, status, reason_code=reason_code)
        if charged:
            await self._charge_order(order, -order.price_cents, reason_code)
        return True

    async def credit_failure(self, order: CrisisOrder, campaign: Booking) -> None:
        """Credit what is not due of an order whose campaign has failed; the crisis may have ended since."""
        due = due_cents(self.crisis.rules, order.price_cents, campaign.failure_cause)
        if due == order.price_cents:
            return
        cause = campaign.failure_cause.value if campaign.failure_cause else None
        detail = {"cause": cause, "corrects": str(order.id)}
        await self._charge_order(order, due - order.price_cents, "failed", detail)

    async def displace(self, displacement: Displacement, order: CrisisOrder) -> bool:
        """Make a displacement take effect; False if its booking has ended or moved by itself, and need not give way."""
        if not self.is_real:
            return True
        booking = await self.booking_of(displacement.booking_id)
        if not in_the_way(order, booking):
            await self.drop_replacement(displacement, "no_longer_needed")
            return False
        await end_booking(self.session, self.author, booking, BookingStatus.DISPLACED, reason_code="crisis_displaced")
        moved = displacement.kind is DisplacementKind.MOVED
        detail = {"kind": displacement.kind.value, "moved": moved, "price_cents": booking.price_cents}
        await self.compensate(booking, displacement.compensation_cents, detail)
        if not moved:
            await credit_reservation(self.session, self.author, booking, "displaced")
        return True

    async def drop_replacement(self, displacement: Displacement, reason_code: str) -> None:
        """Free the place that was held for a booking which keeps its own."""
        if not self.is_real or displacement.replacement_id is None:
            return
        replacement = await self.booking_of(displacement.replacement_id)
        if replacement.status in LIVE:
            held = replacement.status is BookingStatus.HELD
            status = BookingStatus.RELEASED if held else BookingStatus.CANCELLED
            await end_booking(self.session, self.author, replacement, status, reason_code=reason_code)

    async def compensate(self, booking: Booking, amount_cents: int, detail: Mapping[str, Any]) -> None:
        """Charge the authority with what is owed to a booking's owner, and credit the owner with it."""
        if not self.is_real:
            return
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
                amount_cents=sign * amount_cents,
                detail=detail,
            )

    async def _charge_order(
        self, order: CrisisOrder, amount_cents: int, code: str, detail: Mapping[str, Any] = MappingProxyType({})
    ) -> None:
        await add_charge(
            self.session,
            self.author,
            organisation_id=self.authority_id,
            counterparty_id=order.organisation_id,
            booking_id=order.booking_id,
            crisis_id=self.crisis.id,
            kind=ChargeKind.CRISIS_ORDER,
            amount_cents=amount_cents,
            detail={"order_id": str(order.id), "code": code, **detail},
        )

    async def booking_of(self, booking_id: UUID | None) -> Booking:
        """Return a booking as it is now.

        Raises
        ------
        LookupError
            If there is none.
        """
        if booking_id is None:
            raise LookupError("a drill has no bookings")
        return (await bookings_by_id(self.session, [booking_id]))[booking_id]
