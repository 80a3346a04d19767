"""What matching answers: options, or typed reasons why not, each with the numbers on both sides."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from uuid import UUID

from app.core.vocabulary import Basis, Origin, Reserve

Value = str | int | float | date | tuple[str, ...] | None
"""One side of a reason: what is asked, or what is offered."""


class ReasonCode(StrEnum):
    """Why a line, or a slot of it, cannot serve a request; part of the public interface."""

    NOT_BOOKABLE = "not_bookable"
    MODALITY = "modality"
    TERMS_UNKNOWN = "terms_unknown"
    AUTHORISATION_MODALITY = "authorisation_modality"
    AUTHORISATION_PHASE = "authorisation_phase"
    GMP_PHASE = "gmp_phase"
    GMP_PHASE_UNKNOWN = "gmp_phase_unknown"
    PLATFORM = "platform"
    PLATFORM_UNKNOWN = "platform_unknown"
    CONTAINMENT = "containment"
    CONTAINMENT_UNKNOWN = "containment_unknown"
    VOLUME_TOO_SMALL = "volume_too_small"
    VOLUME_TOO_LARGE = "volume_too_large"
    VOLUME_UNKNOWN = "volume_unknown"
    YIELD_UNKNOWN = "yield_unknown"
    YIELD_UNIT = "yield_unit"
    COUNTRY = "country"
    SITE_EXCLUDED = "site_excluded"
    FEASIBILITY_MISSING = "feasibility_missing"
    FEASIBILITY_EXPIRED = "feasibility_expired"
    NOT_FEASIBLE = "not_feasible"
    TIME_TOO_SHORT = "time_too_short"
    TOO_LATE = "too_late"
    COMMISSIONING = "commissioning"
    TRANSFER = "transfer"
    NO_SLOT = "no_slot"
    RESERVED_FOR_STARTUPS = "reserved_for_startups"
    RESERVED_FOR_CRISES = "reserved_for_crises"
    RECALLABLE_NOT_ACCEPTED = "recallable_not_accepted"
    LENT_TOO_LONG = "lent_too_long"
    SLOT_TOO_SHORT = "slot_too_short"
    SLOT_TOO_EARLY = "slot_too_early"
    SLOT_TOO_LATE = "slot_too_late"
    SLOT_TAKEN = "slot_taken"
    PRICE_UNKNOWN = "price_unknown"
    OVER_BUDGET = "over_budget"


class CautionCode(StrEnum):
    """What to know before taking an option; it refuses nothing."""

    GMP_CERTIFICATE_ENDS = "gmp_certificate_ends"
    CONTINUITY_AT_RISK = "continuity_at_risk"
    ILLUSTRATIVE_FIGURES = "illustrative_figures"
    REVIEW_PENDING = "review_pending"
    FEASIBLE_IF = "feasible_if"
    RECALLABLE = "recallable"
    TRANSFER_NOT_PRICED = "transfer_not_priced"


@dataclass(frozen=True, slots=True)
class Reason:
    """One cause of refusal: of the line as a whole, or of one slot where `slot_id` is given.

    `wording.sentence` renders it in English or French.
    """

    code: ReasonCode
    asked: Value = None
    offered: Value = None
    slot_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Caution:
    """One thing to know, with the value that it is about."""

    code: CautionCode
    value: Value = None


@dataclass(frozen=True, slots=True)
class Terms:
    """How a request would run on a line, whatever the slot.

    Attributes
    ----------
    batches, engineering_batches
        Batches delivered, and those made before them to prove the process at the site.
    production_days
        First day of the campaign to the end of its last batch.
    changeover_days
        Kept free on the unit after production.
    earliest_start_on, latest_start_on
        Bounds of the first day of the campaign, both included; they may have crossed, and a reason then says so.
    transfer_days
        Days from today before which the campaign cannot start; 0 where the product is qualified.
    """

    batches: int
    engineering_batches: int
    production_days: int
    changeover_days: int
    release_days: int
    transfer_days: int
    earliest_start_on: date
    latest_start_on: date
    is_standard: bool
    is_reviewed: bool

    @property
    def duration_days(self) -> int:
        """Occupancy of the unit: production, then changeover."""
        return self.production_days + self.changeover_days


@dataclass(frozen=True, slots=True)
class Price:
    """The package of an option, in cents; None is a part for which the CDMO publishes no figure."""

    batches_cents: int
    engineering_cents: int = 0
    lending_discount_cents: int = 0
    transfer_cents: int | None = 0
    release_cents: int | None = None

    @property
    def package_cents(self) -> int:
        """The sum of what is known, the discount taken off."""
        known = (self.batches_cents, self.engineering_cents, self.transfer_cents or 0, self.release_cents or 0)
        return sum(known) - self.lending_discount_cents


@dataclass(frozen=True, slots=True)
class StartWindow:
    """Days on which a campaign may start in a free stretch, both included."""

    first_on: date
    last_on: date


@dataclass(frozen=True, slots=True)
class Option:
    """One slot that can serve a request: any start in `start_windows` fits it and delivers in time.

    Attributes
    ----------
    duration_days
        Occupancy, changeover included; the whole slot where it cannot be divided.
    lag_days
        From the end of the occupancy to delivery; negative where changeover outlasts release.
    delivery_on
        Delivery for the first free start.
    preference
        Position of the site among those preferred, from 0; their number for any other site.
    rank
        1 for the best: by preference, then by price; equal for equals. 0 until `ranked` has set it.
    reserve
        The reserve whose rules apply: `open` for a start-up slot that has been released.
    instant
        Booking it is confirmed at once: the slot says so, and the CDMO need not look at the product first.
    cdmo_cancellation_percent
        Share of the price that the CDMO owes if it cancels the booking once that is confirmed.
    basis, origin
        Whose figures these are, and whether slot and line are about the real world.
    """

    slot_id: UUID
    unit_id: UUID
    line_id: UUID
    site_id: UUID
    terms: Terms
    duration_days: int
    lag_days: int
    start_windows: tuple[StartWindow, ...]
    delivery_on: date
    price: Price
    reserve: Reserve
    recallable: bool
    instant: bool
    preference: int
    rank: int = 0
    cdmo_cancellation_percent: int = 0
    basis: Basis = Basis.ILLUSTRATIVE
    origin: Origin = Origin.REAL
    cautions: tuple[Caution, ...] = ()

    @property
    def confirmed_by_acceptance(self) -> bool:
        """Whether a start-up that accepts it as an offer is confirmed at once: on a standard line whatever the slot."""
        return self.instant or self.terms.is_standard

    @property
    def earliest_start_on(self) -> date:
        """The first free start."""
        return self.start_windows[0].first_on

    @property
    def latest_start_on(self) -> date:
        """The last free start."""
        return self.start_windows[-1].last_on


@dataclass(frozen=True, slots=True)
class Match:
    """All that one unit can do for one request: it serves it exactly when there are options.

    `reasons` are those of the line first, then those of each slot that does not fit.
    """

    request_id: UUID
    unit_id: UUID
    line_id: UUID
    terms: Terms | None
    options: tuple[Option, ...] = ()
    reasons: tuple[Reason, ...] = ()

    @property
    def line_reasons(self) -> tuple[Reason, ...]:
        """What stands against the line as a whole."""
        return tuple(reason for reason in self.reasons if reason.slot_id is None)

    @property
    def nearest(self) -> tuple[Reason, ...]:
        """What stands between the request and this unit: nothing if there is an option, else the shortest list.

        The line's own reasons, and those of the slot against which the fewest stand.
        """
        if self.options:
            return ()
        by_slot: dict[UUID, list[Reason]] = {}
        for reason in self.reasons:
            if reason.slot_id is not None:
                by_slot.setdefault(reason.slot_id, []).append(reason)
        fewest: list[Reason] = min(by_slot.values(), key=len, default=[])
        return (*self.line_reasons, *fewest)


def ranked(options: Iterable[Option]) -> tuple[Option, ...]:
    """Return the options best first, each with its rank: by preference, then by price; equals share a rank.

    Options of equal rank follow each other by delivery, then by slot.
    """
    found = sorted(options, key=lambda one: (one.preference, one.price.package_cents, one.delivery_on, one.slot_id.int))
    keys = sorted({(one.preference, one.price.package_cents) for one in found})
    position = {key: index for index, key in enumerate(keys, start=1)}
    return tuple(replace(one, rank=position[one.preference, one.price.package_cents]) for one in found)


__all__ = [
    "Caution",
    "CautionCode",
    "Match",
    "Option",
    "Price",
    "Reason",
    "ReasonCode",
    "StartWindow",
    "Terms",
    "Value",
    "ranked",
]
