"""A booking to be made, by hand or from an option that matching has found."""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from app.bookings.fees import DEFAULT_POLICY, BookingTerms, FeePolicy, terms_of
from app.bookings.models import BookingSource, BookingStatus, ContractStatus
from app.bookings.move_costs import MoveOffer
from app.bookings.rules import answer_deadline
from app.core.model import Period, period
from app.core.vocabulary import Origin, Reserve
from app.matching.facts import RequestFacts
from app.matching.outcome import Option


@dataclass(frozen=True, slots=True, kw_only=True)
class BookingDraft:
    """A booking to be made; its unit is its slot's.

    Attributes
    ----------
    organisation_id
        Whose lot it is.
    period
        Occupancy of the unit, changeover included.
    delivery_on
        End of production plus release testing.
    status
        One of `rules.INITIAL`.
    hold_expires_at
        Given exactly when it is held.
    terms
        What was quoted, as `fees.terms_of` gives it; None where nothing is charged.
    approval_expires_at
        Until when its CDMO may approve it, where it awaits one and there is a limit.
    moves_id, move
        The booking that asks to move here, and what was quoted for it; the booking itself is not yet there.
    repeats_id
        The failed booking that this one repeats.
    reserve, origin
        None takes the slot's.
    request_version, product_version
        As `JudgedVersions` has them, where the request is a draft that may change while it is held.
    starts_between
        Days, half-open, on which it could start as well: a refusal looks for the nearest free period there only.
    """

    slot_id: UUID
    organisation_id: UUID
    period: Period
    delivery_on: date
    batches: int
    price_cents: int
    source: BookingSource
    status: BookingStatus = BookingStatus.HELD
    hold_expires_at: datetime | None = None
    approval_expires_at: datetime | None = None
    moves_id: UUID | None = None
    move: MoveOffer | None = None
    repeats_id: UUID | None = None
    request_id: UUID | None = None
    product_id: UUID | None = None
    request_version: int | None = None
    product_version: int | None = None
    crisis_id: UUID | None = None
    recallable: bool = False
    contract_status: ContractStatus = ContractStatus.NONE
    terms: BookingTerms | None = None
    reserve: Reserve | None = None
    origin: Origin | None = None
    starts_between: Period | None = field(default=None, compare=False)


class JudgedVersions(NamedTuple):
    """What a hold was judged by, in these versions: as long as they are the latest, its quote binds both sides."""

    request: int
    product: int


def draft_of(
    request: RequestFacts,
    option: Option,
    start_on: date,
    *,
    source: BookingSource,
    hold_expires_at: datetime | None = None,
    origin: Origin | None = None,
    judged: JudgedVersions | None = None,
    policy: FeePolicy = DEFAULT_POLICY,
) -> BookingDraft:
    """Return the hold of an option from a start day, at the option's price and under the terms of a fee policy.

    It ends no later than the place can be taken: see `rules.answer_deadline`.
    """
    terms = option.terms
    if hold_expires_at is not None:
        hold_expires_at = min(hold_expires_at, answer_deadline(start_on, instant=option.instant))
    return BookingDraft(
        slot_id=option.slot_id,
        organisation_id=request.organisation_id,
        request_id=request.request_id,
        product_id=request.product_id,
        request_version=judged.request if judged else None,
        product_version=judged.product if judged else None,
        source=source,
        hold_expires_at=hold_expires_at,
        batches=terms.batches,
        period=period(start_on, start_on + timedelta(days=option.duration_days)),
        delivery_on=start_on + timedelta(days=option.duration_days + option.lag_days),
        price_cents=option.price.package_cents,
        terms=terms_of(
            option.price,
            request.modality,
            instant=option.instant,
            cdmo_cancellation_percent=option.cdmo_cancellation_percent,
            policy=policy,
        ),
        reserve=option.reserve,
        recallable=option.recallable,
        origin=origin,
        starts_between=period(terms.earliest_start_on, terms.latest_start_on + timedelta(days=1)),
    )
