"""What stands against an erasure: duties that need to know who it was. Pure.

Source: Regulation (EU) 2016/679, article 17(3)(b) and (e); EU GMP Part I, 4.11 (batch documentation is kept for at
least five years after certification of the batch); the State's acts, whose signatories must be known as long as they
can be contested.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum


class Rule(StrEnum):
    """A duty that an erasure waits for."""

    LIVE_CRISIS = "live_crisis"
    CRISIS_RECORD = "crisis_record"
    LIVE_PRODUCTION = "live_production"
    BATCH_RECORD = "batch_record"


TOLD = {
    Rule.LIVE_CRISIS: "they declared or signed a crisis that is not over",
    Rule.CRISIS_RECORD: "they signed for the State or the coordinator in a crisis",
    Rule.LIVE_PRODUCTION: "they decided on a booking that is not over",
    Rule.BATCH_RECORD: "they decided on a batch that was produced",
}


@dataclass(frozen=True, slots=True)
class Duty:
    """One duty, and the first day on which it stands against an erasure no more; None: not known yet."""

    rule: Rule
    until_on: date | None


@dataclass(frozen=True, slots=True)
class Deeds:
    """What a person did that duties follow from."""

    in_live_crisis: bool = False
    signed_on: date | None = None
    on_live_booking: bool = False
    produced_on: date | None = None


@dataclass(frozen=True, slots=True)
class Periods:
    """For how many years records must be attributable."""

    crisis_years: int
    batch_years: int


def duties(deeds: Deeds, periods: Periods, day: date) -> Iterator[Duty]:
    """Yield what stands against an erasure on a day."""
    if deeds.in_live_crisis:
        yield Duty(Rule.LIVE_CRISIS, None)
    if deeds.signed_on is not None and (until := years_after(deeds.signed_on, periods.crisis_years)) > day:
        yield Duty(Rule.CRISIS_RECORD, until)
    if deeds.on_live_booking:
        yield Duty(Rule.LIVE_PRODUCTION, None)
    if deeds.produced_on is not None and (until := years_after(deeds.produced_on, periods.batch_years)) > day:
        yield Duty(Rule.BATCH_RECORD, until)


def years_after(day: date, years: int) -> date:
    """Return the same day so many years later; the first of March for a 29 February that there is not."""
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return date(day.year + years, 3, 1)
