"""What the model knows: slots, requests, bookings, and what a slip asks; days are ordinals, so that they shift."""

from dataclasses import dataclass, field
from datetime import date, datetime
from fractions import Fraction
from typing import Any, NamedTuple

FIRST_BATCH_DAYS = 40
CADENCE_DAYS = 17
CHANGEOVER_DAYS = 3
RELEASE_DAYS = 42
LINE_PRICE_CENTS = 100_000_000
CDMO_PERCENTS = (20, 0)
"""What the CDMO owes at first when it cancels, of the price, by line."""

LIVE = frozenset({"held", "awaiting_cdmo", "confirmed", "in_production"})


class Days(NamedTuple):
    """Whole days, half-open."""

    start: int
    end: int

    @property
    def number(self) -> int:
        return self.end - self.start

    def meets(self, other: "Days") -> bool:
        return self.start < other.end and other.start < self.end

    def holds(self, other: "Days") -> bool:
        return self.start <= other.start and other.end <= self.end

    def without(self, taken: "list[Days]") -> "list[Days]":
        """What is left of these days, in order."""
        left, free_from = [], self.start
        for one in sorted(taken):
            if one.start > free_from:
                left.append(Days(free_from, min(one.start, self.end)))
            free_from = max(free_from, one.end)
        left.append(Days(free_from, self.end))
        return [one for one in left if one.number > 0]

    def earlier(self, days: int) -> "Days":
        return Days(self.start - days, self.end - days)

    def told(self) -> dict[str, str]:
        return {"start": iso(self.start), "end": iso(self.end)}


def iso(day: int) -> str:
    return date.fromordinal(day).isoformat()


def ordinal(told: str) -> int:
    return date.fromisoformat(told).toordinal()


def days_of(told: Any) -> Days:
    return Days(ordinal(told["start"]), ordinal(told["end"]))


def production_days(batches: int) -> int:
    return FIRST_BATCH_DAYS + (batches - 1) * CADENCE_DAYS


def campaign_days(batches: int) -> int:
    return production_days(batches) + CHANGEOVER_DAYS


@dataclass(eq=False)
class Slot:
    """A slot of one of the CDMO's units."""

    id: str
    unit: str
    days: Days
    status: str = "published"
    instant: bool = True
    whole: bool = False
    price_cents: int | None = None
    reserve: str = "open"
    releases_on: int | None = None

    def reserve_on(self, day: int) -> str:
        """Whose rules apply: a start-up slot that is released is open."""
        released = self.releases_on is not None and self.releases_on <= day
        return "open" if self.reserve == "startup" and released else self.reserve


@dataclass(eq=False)
class Request:
    """What a start-up asks for."""

    id: str
    owner: int
    batches: int
    earliest: int
    latest: int
    status: str = "submitted"


class Place(NamedTuple):
    """A campaign in a slot from a day on, at the price and terms there."""

    slot: Slot
    days: Days
    delivery: int
    batches: int
    price_cents: int
    instant: bool
    reserve: str
    cdmo_percent: int


class Offer(NamedTuple):
    """What a move costs, as it was asked for."""

    fee_cents: int
    free: bool


class Sale(NamedTuple):
    """Days of a cancelled booking that another one has taken, and the price of a day there."""

    by: "Booking"
    days: int
    price_of_a_day: Fraction


@dataclass(eq=False)
class Booking:
    """A booking, or the place to which one asks to move: `moves` then is that one, and `held_days` what it lacks."""

    id: str
    owner: int
    request: Request
    place: Place
    source: str = "direct"
    status: str = "held"
    made: int = 0
    deadline: datetime | None = None
    version: int = 0
    contract: str = "none"
    ended: str | None = None
    moves: "Booking | None" = None
    held_days: Days | None = None
    offer: Offer | None = None
    repeats: "Booking | None" = None
    free_moves: int = 0
    expected_end: int | None = None
    actual_start: int | None = None
    actual_end: int | None = None
    released: int | None = None
    cause: str | None = None
    fees_cents: int = 0
    moves_cents: int = 0
    price_cents: int = 0
    owed_cents: int = 0
    """By its CDMO, which has cancelled it."""
    sales: list[Sale] = field(default_factory=list)
    resold_unclearly: bool = False
    unswept: bool = False
    """It has run out, and nothing may have noted it yet."""

    @property
    def live(self) -> bool:
        return self.status in LIVE

    @property
    def occupies(self) -> Days:
        return self.held_days or self.place.days

    def kept(self, today: int) -> list[Days]:
        """The days for which nobody else has the unit, beside those that it occupies.

        What its last slip says it takes as well; today, while it is made; what it takes before its place since it has
        started early; and, when it has ended, that day and the changeover after it, which is over by the end that was
        told unless production was not.
        """
        told = max(self.place.days.end, self.expected_end or 0)
        if self.actual_end is not None:
            return [Days(self.actual_end, self.clean_after(self.actual_end))]
        until = max(told, today + 1) if self.status == "in_production" else told
        late = self.status in {"confirmed", "in_production"} and until > self.place.days.end
        started = self.actual_start if self.status == "in_production" else None
        early = [] if started is None else self.before_its_place(started, today)
        return early + ([Days(self.place.days.end, until)] if late else [])

    def before_its_place(self, started: int, today: int) -> list[Days]:
        """The days before its place that it takes once it has started: as long as was told or planned, and today."""
        end = max(self.expected_end or started + self.place.days.number, today + 1)
        return [Days(started, min(end, self.place.days.start))] if started < self.place.days.start else []

    def clean_after(self, ended: int) -> int:
        """The day from which the unit is free once production has ended."""
        told, clean = max(self.place.days.end, self.expected_end or 0), ended + 1 + CHANGEOVER_DAYS
        return clean if told <= ended else min(told, clean)

    @property
    def begins(self) -> int:
        """The first day that a slip takes to be its own: the planned or the actual one, whichever is earlier."""
        return min(self.place.days.start, self.actual_start or self.place.days.start)

    @property
    def expected(self) -> Days:
        """The days that it takes as its last slip says."""
        return Days(self.begins, self.expected_end or self.place.days.end)

    def asks_by_slip(self, other: "Booking") -> bool:
        """Whether its last slip runs over days of another booking, which stands behind it."""
        behind = other.unit == self.unit and other.place.days.start >= self.begins
        return behind and other.place.days.meets(self.expected)

    def run_over(self, today: int) -> list[Days]:
        """The days beside its place that it takes as well, as its last slip or the day says, or that it has taken."""
        if self.actual_end is not None:
            until = self.clean_after(self.actual_end)
        elif self.status == "in_production":
            until = max(self.expected_end or 0, today + 1)
        else:
            until = self.expected_end or 0 if self.status == "confirmed" else 0
        return Days(self.begins, until).without([self.place.days])

    @property
    def unit(self) -> str:
        return self.place.slot.unit


@dataclass(eq=False)
class Proposal:
    """What a slip asks of a booking behind."""

    id: str
    slip: str
    slipped: Booking
    asked: Booking
    slot: Slot | None
    days: Days | None
    status: str


class Verdict(NamedTuple):
    """What stands against a step, by problem type; nothing: it must succeed.

    `either`: it may be refused for that, or succeed: whether a sweep has been there decides.
    """

    against: frozenset[str]
    either: bool = False

    @classmethod
    def of(cls, *against: str | None) -> "Verdict":
        return cls(frozenset(one for one in against if one is not None))

    def and_of(self, *against: str) -> "Verdict":
        return Verdict(self.against | set(against))
