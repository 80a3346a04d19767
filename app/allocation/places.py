"""Where a plan puts a request, and the hold that keeps the place for it."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from app.allocation.models import Offer, OfferSource, Run
from app.bookings.models import Booking, BookingSource
from app.bookings.service import BookingDraft, draft_of
from app.core.vocabulary import Origin
from app.matching.facts import RequestFacts
from app.matching.outcome import Option
from app.requests.models import Request


@dataclass(frozen=True, slots=True)
class Place:
    """Where the plan puts a request."""

    request: Request
    slot_id: UUID
    start_on: date
    days: int

    @classmethod
    def of(cls, request: Request, origin: date, item: dict[str, Any]) -> "Place":
        """Return the place of a placed item of a solution whose day 0 is `origin`."""
        start_on = origin + timedelta(days=item["start"])
        return cls(request, UUID(item["window"]), start_on, item["end"] - item["start"])

    def option_among(self, options: Iterable[Option]) -> Option | None:
        """Return the option that allows this place, or None if none does any more."""
        return next((option for option in options if self._fits(option)), None)

    def _fits(self, option: Option) -> bool:
        return (
            option.slot_id == self.slot_id
            and option.duration_days == self.days
            and any(window.first_on <= self.start_on <= window.last_on for window in option.start_windows)
        )

    def draft(
        self, facts: RequestFacts, option: Option, *, source: BookingSource, hold_expires_at: datetime
    ) -> BookingDraft:
        """Return the hold to make, under the terms of an offer: see `Option.confirmed_by_acceptance`."""
        return draft_of(
            facts,
            replace(option, instant=option.confirmed_by_acceptance),
            self.start_on,
            source=source,
            hold_expires_at=hold_expires_at,
            origin=Origin.of(self.request.origin, option.origin),
        )


def offer_of(run: Run, booking: Booking, *, round_id: UUID | None = None) -> Offer:
    """Return the offer of a place that is held for a request: of a round, or of the waiting list without one."""
    assert booking.request_id is not None  # noqa: S101 - it was made for one
    assert booking.hold_expires_at is not None  # noqa: S101
    return Offer(
        source=OfferSource.WAITING if round_id is None else OfferSource.ROUND,
        round_id=round_id,
        run_id=run.id,
        request_id=booking.request_id,
        organisation_id=booking.organisation_id,
        booking_id=booking.id,
        expires_at=booking.hold_expires_at,
    )
