"""What may follow what in a crisis, which kinds of power open which tiers, and which bookings are never touched."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import IntEnum
from typing import Any
from uuid import UUID

from app.bookings.fees import share_cents
from app.bookings.models import FailureCause
from app.core.vocabulary import Reserve
from app.crisis.declaration import CrisisRules, CrisisScope
from app.crisis.models import CrisisStatus, OrderStatus, PowerKind

HOURS_A_DAY = 24


class Tier(IntEnum):
    """The order in which capacity is called; a plan stops at the first tier that meets the targets."""

    IDLE_CRISIS = 1
    LENT_CRISIS = 2
    FREE_STARTUP = 3
    FREE_OPEN = 4
    RECALLABLE = 5
    CONFIRMED = 6


TRANSITIONS: Mapping[CrisisStatus, frozenset[CrisisStatus]] = {
    CrisisStatus.DECLARED: frozenset({CrisisStatus.PLANNED, CrisisStatus.STOOD_DOWN, CrisisStatus.EXPIRED}),
    CrisisStatus.PLANNED: frozenset(
        {
            CrisisStatus.DECLARED,
            CrisisStatus.PLANNED,
            CrisisStatus.SIGNED,
            CrisisStatus.STOOD_DOWN,
            CrisisStatus.EXPIRED,
        }
    ),
    CrisisStatus.SIGNED: frozenset(
        {
            CrisisStatus.DECLARED,
            CrisisStatus.PLANNED,
            CrisisStatus.ACTIVE,
            CrisisStatus.STOOD_DOWN,
            CrisisStatus.EXPIRED,
        }
    ),
    CrisisStatus.ACTIVE: frozenset({CrisisStatus.STOOD_DOWN, CrisisStatus.EXPIRED}),
    CrisisStatus.STOOD_DOWN: frozenset(),
    CrisisStatus.EXPIRED: frozenset(),
}
"""A signed or planned crisis falls back to `declared` when a calendar in its scope has changed."""

ORDER_TRANSITIONS: Mapping[OrderStatus, frozenset[OrderStatus]] = {
    OrderStatus.ISSUED: frozenset({OrderStatus.ACCEPTED, OrderStatus.COUNTERED, OrderStatus.RELEASED}),
    OrderStatus.ACCEPTED: frozenset(
        {OrderStatus.WITHDRAWN, OrderStatus.RELEASED, OrderStatus.COMPLETED, OrderStatus.FAILED}
    ),
    OrderStatus.COUNTERED: frozenset(),
    OrderStatus.WITHDRAWN: frozenset(),
    OrderStatus.RELEASED: frozenset(),
    OrderStatus.COMPLETED: frozenset(),
    OrderStatus.FAILED: frozenset(),
}

TIERS_OPENED: Mapping[PowerKind, frozenset[Tier]] = {
    PowerKind.RESERVE_CONTRACT: frozenset({Tier.IDLE_CRISIS, Tier.LENT_CRISIS}),
    PowerKind.VOLUNTARY: frozenset({Tier.FREE_STARTUP, Tier.FREE_OPEN, Tier.RECALLABLE}),
    PowerKind.REQUISITION_OR_ORDER: frozenset(Tier),
    PowerKind.EXERCISE: frozenset(Tier),
}
"""An exercise opens everything, for it touches nothing; only a drill may rest on one."""


@dataclass(frozen=True, slots=True)
class Power:
    """One power in force over [start_on, end_on), on the lines of its scope; see `power_scope`."""

    kind: PowerKind
    start_on: date
    end_on: date
    act_reference: str = ""
    scope: CrisisScope = field(default_factory=CrisisScope)


def tier_of_free_place(reserve: Reserve) -> Tier:
    """Return the tier at which unbooked days of a slot are called, by the reserve whose rules apply to it."""
    return {
        Reserve.CRISIS: Tier.IDLE_CRISIS,
        Reserve.STARTUP: Tier.FREE_STARTUP,
        Reserve.OPEN: Tier.FREE_OPEN,
    }[reserve]


@dataclass(frozen=True, slots=True)
class BookingFacts:
    """A live booking as a plan sees it: [start_on, end_on) in a slot.

    `firm`: confirmed, or awaiting its CDMO; a hold, a running batch or another crisis's campaign is not.
    `weight_tier` is the tier of its request. `displaced_on` is the last day on which a crisis displaced a booking of
    its product, which is its project, or one whose place it took.
    """

    booking_id: UUID
    slot_id: UUID
    unit_id: UUID
    organisation_id: UUID
    start_on: date
    end_on: date
    delivery_on: date
    price_cents: int
    firm: bool = True
    recallable: bool = False
    request_id: UUID | None = None
    weight_tier: int = 3
    displaced_on: date | None = None
    product_id: UUID | None = None


def days_of(hours: int) -> timedelta:
    """Return the days within which so many hours are over, whenever in the first one they begin."""
    return timedelta(days=-(-hours // HOURS_A_DAY))


def accepted_by(rules: CrisisRules, as_of_on: date) -> date:
    """Return the last day on which an order may be accepted that is planned on a day, signed and answered in time."""
    return as_of_on + days_of(rules.signing_hours) + days_of(rules.response_hours)


def frozen_until(rules: CrisisRules, accepted_on: date) -> date:
    """Return the first day on which a lot may start that gives way to an order accepted on a day."""
    return accepted_on + timedelta(days=rules.frozen_days)


def notice_days(rules: CrisisRules, recall_notice_days: int | None) -> int:
    """Return the notice of a recall, in days: the slot's own, where it names one."""
    return rules.recall_notice_days if recall_notice_days is None else recall_notice_days


def tier_of_booking(
    booking: BookingFacts,
    reserve: Reserve,
    recall_notice_days: int | None,
    rules: CrisisRules,
    as_of_on: date,
) -> Tier | None:
    """Return the tier from which a booking may be asked to give way, or None where it never is.

    Never: a running batch, a hold, one that starts within the frozen days, one displaced within the protection
    period. A recallable one whose notice can no longer be kept counts as any confirmed one. Frozen days are counted
    from the last day on which its CDMO could accept in time, notice from that by which the plan is to be activated.
    """
    activated_on = as_of_on + days_of(rules.signing_hours)
    if not booking.firm or booking.start_on < frozen_until(rules, accepted_by(rules, as_of_on)):
        return None
    protected_from = as_of_on - timedelta(days=rules.protection_days)
    if booking.displaced_on is not None and booking.displaced_on > protected_from:
        return None
    notice = timedelta(days=notice_days(rules, recall_notice_days))
    if not booking.recallable or booking.start_on < activated_on + notice:
        return Tier.CONFIRMED
    return Tier.LENT_CRISIS if reserve is Reserve.CRISIS else Tier.RECALLABLE


def compensation_cents(rules: CrisisRules, price_cents: int, *, moved: bool, recallable: bool) -> int:
    """Return what is owed to the owner of a booking that gives way, rounded down to the cent."""
    percent = rules.moved_compensation_percent if moved else rules.displaced_compensation_percent
    return price_cents * (rules.recalled_compensation_percent if recallable else percent) // 100


def due_cents(rules: Mapping[str, Any], price_cents: int, cause: FailureCause | None) -> int:
    """Return what is due of an order whose campaign has failed, by where the cause lies, as far as it is known.

    Parameters
    ----------
    rules
        Those of the crisis, as they are stored: where they were declared before they said so, all of it is due.
    """
    if "failures" not in rules:
        return price_cents
    return share_cents(price_cents, CrisisRules.model_validate(rules).failures.percent(cause or FailureCause.UNKNOWN))


def first_start_on(as_of_on: date, valid_from_on: date, rules: CrisisRules) -> date:
    """Return the first day on which a campaign can start: the CDMO's time to answer is over in the course of it."""
    return max(accepted_by(rules, as_of_on), valid_from_on)
