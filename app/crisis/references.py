"""What the identifiers in a plan's problems stand for: kept with the run, and read back when it has ended.

In a problem a window is a slot, a line is a unit, a movable booking is a booking: each by its identifier. Campaigns
and moves are told apart by their position in the list of options.
"""

from datetime import date
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from app.core.vocabulary import Origin


class _Kept(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PlaceReference(_Kept):
    """A slot with its unit, line, site and CDMO."""

    slot_id: UUID
    unit_id: UUID
    line_id: UUID
    site_id: UUID
    organisation_id: UUID
    site_name: str
    line_name: str
    unit_name: str
    region: str
    origin: Origin


class CampaignReference(_Kept):
    """One option of the surge; `releases` are days from the start to release, and batches."""

    slot_id: UUID
    tier: int
    batches: int
    engineering_batches: int
    releases: tuple[tuple[int, int], ...]
    low: int
    expected: int
    high: int
    price_cents: int


class MoveReference(_Kept):
    """One option of a movable booking; `lag_days` from the end of its occupancy to delivery may be negative."""

    slot_id: UUID
    batches: int
    lag_days: int
    instant: bool


class BookingReference(_Kept):
    """A booking that may be asked to give way, from a tier on; by its own clause, with the notice that this names."""

    booking_id: UUID
    organisation_id: UUID
    slot_id: UUID
    unit_id: UUID
    start_on: date
    end_on: date
    delivery_on: date
    tier: int
    recallable: bool
    price_cents: int
    product_id: UUID | None = None
    notice_days: int | None = None
    moves: tuple[MoveReference, ...]


class UnmetReason(_Kept):
    """A cause for which lines or slots make none of the countermeasure, with how many of each it concerns."""

    code: str
    units: int
    en: str
    fr: str


class References(_Kept):
    """All that a plan is written from beside the problem and its solution."""

    as_of_on: date
    tiers: tuple[int, ...]
    places: dict[UUID, PlaceReference]
    campaigns: tuple[CampaignReference, ...]
    bookings: dict[UUID, BookingReference]
    reasons: tuple[UnmetReason, ...]
