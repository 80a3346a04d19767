"""What an agreement promises and what counts towards it, quarter by quarter."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date

from app.capacity.supply import Span
from app.core.errors import FieldFault

QUARTER_MONTHS = 3


@dataclass(frozen=True, slots=True)
class QuarterCompliance:
    """Promised and published batch-days of one calendar quarter, or of the part of it that the agreement covers."""

    span: Span
    promised_batch_days: int
    published_batch_days: int

    @property
    def is_met(self) -> bool:
        """Whether as much is published as is promised."""
        return self.published_batch_days >= self.promised_batch_days


def quarter_of(day: date) -> Span:
    """Return the calendar quarter that a day lies in."""
    first_month = (day.month - 1) // QUARTER_MONTHS * QUARTER_MONTHS + 1
    start = date(day.year, first_month, 1)
    following = first_month + QUARTER_MONTHS
    end = date(day.year + 1, 1, 1) if following > 12 else date(day.year, following, 1)
    return Span(start, end)


def shared(one: Span, other: Span) -> Span | None:
    """Return the days that two spans share, or None if there are none."""
    start, end = max(one.start_on, other.start_on), min(one.end_on, other.end_on)
    return Span(start, end) if start < end else None


def quarters(covered: Span) -> Iterator[tuple[Span, int]]:
    """Yield each calendar quarter of a span, cut to the span, with the days of the whole quarter."""
    start = covered.start_on
    while start < covered.end_on:
        whole = quarter_of(start)
        yield Span(start, min(whole.end_on, covered.end_on)), whole.days
        start = whole.end_on


def compliance(covered: Span, batch_days_per_quarter: int, published: Iterable[Span]) -> list[QuarterCompliance]:
    """Return promised against published batch-days, quarter by quarter.

    A quarter that the agreement covers in part promises in proportion, rounded up. Every day of a published slot
    counts as one batch-day of its unit, in the quarter it lies in.
    """
    spans = list(published)
    found = []
    for part, whole_days in quarters(covered):
        days = [common.days for one in spans if (common := shared(part, one))]
        promised = -(-batch_days_per_quarter * part.days // whole_days)
        found.append(QuarterCompliance(part, promised, sum(days)))
    return found


def end_faults(covered: Span, end: date, today: date) -> Iterator[FieldFault]:
    """Yield why an agreement over these days cannot end on a day, the first that it does not cover."""
    if end <= covered.start_on:
        yield FieldFault("/end", f"It starts on {covered.start_on}: it ends after that day.")
    if end < today:
        yield FieldFault("/end", f"What is past stays covered: today ({today}) is the earliest end.")
    if end > covered.end_on:
        yield FieldFault("/end", f"It ends on {covered.end_on} already: it is not prolonged.")
