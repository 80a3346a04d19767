"""What a booking costs, and what it costs to leave it: a policy that is data, and pure functions over it.

All amounts are whole euro cents, a share of an amount rounded to the nearest cent, half a cent up.

Source: bands of notice, their fall-back to nothing when the contractor is the cause, and sums paid deducted are
public in filed manufacturing agreements (Lonza and Forty Seven; Proteon filing of 16 September 2014, section 18.3);
the percentages are blacked out there, and those below are illustrative.
"""

from datetime import date, timedelta

from pydantic import BaseModel, ConfigDict, Field

from app.bookings.models import FailureCause
from app.matching.outcome import Price


class Frozen(BaseModel):
    """A value stored with a decision and read back from it, as it was."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class FeeBand(Frozen):
    """What leaving costs with at least so many days of notice; the band with the most days that fits applies."""

    notice_days_from: int | None = Field(description="Least notice, in days before the start; null: any, even none")
    percent: int | None = Field(description="Share of the price; null: the reservation fee, no more and no less")


class MoveTerms(Frozen):
    """What a move costs: so many with enough notice are free, any other is a share of the price moved from."""

    free: int = Field(ge=0, description="How many moves cost nothing, if asked for in time")
    free_notice_days: int = Field(description="Least notice of a free move, in days before the present start")
    percent: int = Field(ge=0, le=100, description="Share of the present price that any other move costs")


class FailureTerms(Frozen):
    """What is due in all, as a share of the price, when a batch fails; which side the cause lies on decides."""

    cdmo_percent: int = Field(ge=0, le=100)
    product_percent: int = Field(ge=0, le=100)
    unknown_percent: int = Field(ge=0, le=100)

    def percent(self, cause: FailureCause) -> int:
        """Return the share for a cause."""
        return {
            FailureCause.CDMO: self.cdmo_percent,
            FailureCause.PRODUCT: self.product_percent,
            FailureCause.UNKNOWN: self.unknown_percent,
        }[cause]


MOVES = MoveTerms(free=1, free_notice_days=60, percent=10)
"""One free move with two months' notice, then a tenth of the price."""

FAILURES = FailureTerms(cdmo_percent=0, product_percent=100, unknown_percent=100)
"""Nothing when the CDMO is the cause; otherwise it has worked, and is paid. A repeat is at the failed one's price."""


class FeePolicy(Frozen):
    """The fees of the marketplace, in one version."""

    version: str
    reservation_percent: int = Field(ge=0, le=100)
    moves: MoveTerms
    failures: FailureTerms
    bands: tuple[FeeBand, ...] = Field(description="Most notice first")
    short_bands: tuple[FeeBand, ...] = Field(description="Those of modalities with short bands")
    short_modalities: frozenset[str]


DEFAULT_POLICY = FeePolicy(
    version="fees/2",
    reservation_percent=15,
    moves=MOVES,
    failures=FAILURES,
    bands=(
        FeeBand(notice_days_from=181, percent=None),
        FeeBand(notice_days_from=91, percent=25),
        FeeBand(notice_days_from=31, percent=55),
        FeeBand(notice_days_from=None, percent=100),
    ),
    short_bands=(
        FeeBand(notice_days_from=31, percent=0),
        FeeBand(notice_days_from=15, percent=25),
        FeeBand(notice_days_from=7, percent=50),
        FeeBand(notice_days_from=None, percent=100),
    ),
    short_modalities=frozenset({"cell_therapy_autologous"}),
)
"""What holds unless a CDMO and the coordinator have agreed on other terms."""


class PriceLine(Frozen):
    """One line of a price; a discount is negative, and null is a part for which no figure is published."""

    kind: str
    amount_cents: int | None


class BookingTerms(Frozen):
    """What was quoted when the hold was made, and is what is charged."""

    policy_version: str
    instant: bool = Field(description="Confirmed at once by the start-up, without the CDMO's approval")
    price_lines: tuple[PriceLine, ...]
    price_cents: int
    reservation_fee_cents: int
    bands: tuple[FeeBand, ...]
    moves: MoveTerms = MOVES
    failures: FailureTerms = FAILURES
    """Terms of version fees/1 name neither moves nor failures: these were the rules, unwritten."""
    cdmo_cancellation_percent: int = Field(
        default=0,
        ge=0,
        le=100,
        description="Share of the price that the CDMO owes if it cancels once confirmed: as its line had accepted then",
    )


class CancellationCost(Frozen):
    """What leaving costs in all on the days [start, end); null: no bound on that side."""

    start: date | None
    end: date | None
    notice_days_from: int | None
    total_cents: int
    due_cents: int = Field(description="Beyond what is already charged; negative: credited")


def share_cents(amount_cents: int, percent: int) -> int:
    """Return a share of an amount, rounded to the nearest cent, half a cent up."""
    return part_cents(amount_cents, percent, 100)


def part_cents(amount_cents: int, part: int, whole: int) -> int:
    """Return an amount times `part / whole`, neither negative, rounded to the nearest cent, half a cent up."""
    return (2 * amount_cents * part + whole) // (2 * whole)


def terms_of(
    price: Price,
    modality: str,
    *,
    instant: bool,
    cdmo_cancellation_percent: int = 0,
    policy: FeePolicy = DEFAULT_POLICY,
) -> BookingTerms:
    """Return the terms of a booking at a price that matching worked out.

    Parameters
    ----------
    instant
        Whether the start-up's confirmation is enough.
    cdmo_cancellation_percent
        What the line's CDMO has accepted to owe when it cancels: no policy of the marketplace, but a term of its own.
    """
    lines = [PriceLine(kind="batches", amount_cents=price.batches_cents)]
    if price.engineering_cents:
        lines.append(PriceLine(kind="engineering_batch", amount_cents=price.engineering_cents))
    if price.lending_discount_cents:
        lines.append(PriceLine(kind="lending_discount", amount_cents=-price.lending_discount_cents))
    lines.append(PriceLine(kind="technology_transfer", amount_cents=price.transfer_cents))
    lines.append(PriceLine(kind="release_testing", amount_cents=price.release_cents))
    return BookingTerms(
        policy_version=policy.version,
        instant=instant,
        price_lines=tuple(lines),
        price_cents=price.package_cents,
        reservation_fee_cents=share_cents(price.package_cents, policy.reservation_percent),
        bands=policy.short_bands if modality in policy.short_modalities else policy.bands,
        moves=policy.moves,
        failures=policy.failures,
        cdmo_cancellation_percent=cdmo_cancellation_percent,
    )


def band_for(terms: BookingTerms, notice_days: int) -> FeeBand:
    """Return the band that so many days of notice fall into; the notice is negative after the start."""
    fits = [band for band in terms.bands if band.notice_days_from is None or notice_days >= band.notice_days_from]
    return max(fits, key=lambda band: band.notice_days_from if band.notice_days_from is not None else -(10**9))


def cancellation_fee_cents(terms: BookingTerms, notice_days: int, *, by_cdmo: bool) -> int:
    """Return what a cancellation costs the start-up in all, reservation fee included: nothing where by its CDMO."""
    if by_cdmo:
        return 0
    percent = band_for(terms, notice_days).percent
    return terms.reservation_fee_cents if percent is None else share_cents(terms.price_cents, percent)


def cdmo_cancellation_cents(terms: BookingTerms) -> int:
    """Return what a CDMO owes its start-up for cancelling a confirmed booking, whenever and for whatever reason."""
    return share_cents(terms.price_cents, terms.cdmo_cancellation_percent)


def cancellation_schedule(
    terms: BookingTerms, start_on: date, charged_cents: int, *, from_on: date = date.min
) -> tuple[CancellationCost, ...]:
    """Return what a cancellation by the start-up costs on every day, as periods without a gap, earliest first.

    Parameters
    ----------
    from_on
        What ends on or before this day is over, and left out.
    start_on
        First day of the booking.
    charged_cents
        What is charged by the time of the cancellation, and counts towards the total.
    """
    costs: list[CancellationCost] = []
    begins: date | None = None
    for band in terms.bands:
        least = band.notice_days_from
        ends = None if least is None else start_on - timedelta(days=least - 1)
        if ends is not None and ends <= from_on:
            continue
        total = terms.reservation_fee_cents if band.percent is None else share_cents(terms.price_cents, band.percent)
        costs.append(
            CancellationCost(
                start=begins,
                end=ends,
                notice_days_from=least,
                total_cents=total,
                due_cents=total - charged_cents,
            )
        )
        begins = ends
    return tuple(costs)


def free_of_charge(charged_cents: int) -> tuple[CancellationCost, ...]:
    """Return the schedule of a booking of which the CDMO is the cause that it is left: nothing, on whatever day."""
    return (CancellationCost(start=None, end=None, notice_days_from=None, total_cents=0, due_cents=-charged_cents),)
