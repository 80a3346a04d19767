"""What a funder owes for a quarter of a reserve agreement: pure, over what was promised and what was recorded."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from app.bookings.fees import Frozen, part_cents
from app.capacity.agreement_rules import QuarterCompliance, quarter_of

POLICY_VERSION = "readiness/1"


class Kept(StrEnum):
    """How far a promise was kept in a quarter."""

    WHOLLY = "kept"
    IN_PART = "kept_in_part"
    NOT_AT_ALL = "not_kept"


class ReadinessFigures(Frozen):
    """How a readiness fee came about, as it is kept with the charge.

    `[start, end)` are the days of the quarter that count, of `quarter_days` in all; on them the published batch-days
    were recorded.
    """

    code: Kept
    policy_version: str
    readiness_fee_cents: int
    start: date
    end: date
    quarter_days: int
    promised_batch_days: int
    published_batch_days: int


@dataclass(frozen=True, slots=True)
class ReadinessFee:
    """What is owed for one calendar quarter, whose first day is `quarter_on`; nothing where nothing was published."""

    quarter_on: date
    amount_cents: int
    figures: ReadinessFigures


def readiness_fee(fee_cents: int, kept: QuarterCompliance) -> ReadinessFee:
    """Return what is owed for a quarter of an agreement.

    The fee pays for readiness: it is owed in proportion to the promised batch-days that were published, of which more
    than promised earn no more, and to the days of the quarter that count. It is rounded once, to the nearest cent, half
    a cent up.

    Parameters
    ----------
    fee_cents
        For a whole quarter in which the promise is kept.
    kept
        Over the days that count: those that the agreement covered, from when it was written down and recorded.
    """
    quarter = quarter_of(kept.span.start_on)
    counted = min(kept.published_batch_days, kept.promised_batch_days)
    return ReadinessFee(
        quarter.start_on,
        part_cents(fee_cents, kept.span.days * counted, quarter.days * kept.promised_batch_days),
        ReadinessFigures(
            code=Kept.WHOLLY if kept.is_met else Kept.IN_PART if counted else Kept.NOT_AT_ALL,
            policy_version=POLICY_VERSION,
            readiness_fee_cents=fee_cents,
            start=kept.span.start_on,
            end=kept.span.end_on,
            quarter_days=quarter.days,
            promised_batch_days=kept.promised_batch_days,
            published_batch_days=kept.published_batch_days,
        ),
    )
