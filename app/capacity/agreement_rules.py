"""What an agreement promises and what counts towards it, quarter by quarter."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from app.capacity.supply import Span
from app.core.errors import FieldFault

QUARTER_MONTHS = 3


class Recorded(NamedTuple):
    """Batch-days that were published over some days, as recorded on each of them."""

    span: Span
    published_batch_days: int


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


def quarters(covered: Span) -> Iterator[Span]:
    """Yield each calendar quarter of a span, cut to the span."""
    start = covered.start_on
    while start < covered.end_on:
        following = quarter_of(start).end_on
        yield Span(start, min(following, covered.end_on))
        start = following


def promised_over(part: Span, batch_days_per_quarter: int) -> int:
    """Return the batch-days promised for a quarter or a part of one: in proportion to its days, rounded up."""
    return -(-batch_days_per_quarter * part.days // quarter_of(part.start_on).days)


def compliance(
    covered: Span, batch_days_per_quarter: int, published: Iterable[Span], recorded: Mapping[date, Recorded]
) -> list[QuarterCompliance]:
    """Return promised against published batch-days, quarter by quarter.

    Every day of a published slot counts as one batch-day of its unit, in the quarter it lies in; days that are recorded
    count as they were recorded.

    Parameters
    ----------
    recorded
        Days within the span, by the first day of their quarter.
    """
    spans = list(published)
    found = []
    for part in quarters(covered):
        batch_days = _days_in(part, spans)
        known = recorded.get(quarter_of(part.start_on).start_on)
        if known is not None:
            batch_days += known.published_batch_days - _days_in(known.span, spans)
        found.append(QuarterCompliance(part, promised_over(part, batch_days_per_quarter), batch_days))
    return found


def _days_in(part: Span, spans: Iterable[Span]) -> int:
    return sum(common.days for one in spans if (common := shared(part, one)))


def end_faults(covered: Span, end: date, today: date) -> Iterator[FieldFault]:
    """Yield why an agreement over these days cannot end on a day, the first that it does not cover."""
    if end <= covered.start_on:
        yield FieldFault("/end", f"It starts on {covered.start_on}: it ends after that day.")
    if end < today:
        yield FieldFault("/end", f"What is past stays covered: today ({today}) is the earliest end.")
    if end > covered.end_on:
        yield FieldFault("/end", f"It ends on {covered.end_on} already: it is not prolonged.")
