"""What a notice may still say by mail: a letter can wait for days, and what it asks may be answered or over by then.

Pure. What has happened is told however late; a question, or what a later notice tells otherwise, is not.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.capacity.occupancy import span_of
from app.crisis.models import (
    Crisis,
    CrisisOrder,
    CrisisStatus,
    Displacement,
    DisplacementStatus,
    OrderStatus,
    PlaceAnswer,
)
from app.crisis.notice_models import Notice, NoticeKind
from app.crisis.restoring_models import Restoration, RestorationStatus

OF_OPEN_ORDERS = frozenset({NoticeKind.ORDER_ISSUED, NoticeKind.ORDER_REMINDER, NoticeKind.ORDER_ESCALATED})
TO_MAKERS = frozenset({NoticeKind.ORDER_ISSUED, NoticeKind.ORDER_REMINDER})
TO_OWNERS = frozenset({NoticeKind.WILL_GIVE_WAY, NoticeKind.GAVE_WAY, NoticeKind.ANSWER_REMINDER})
QUESTIONS = frozenset({NoticeKind.ORDER_REMINDER, NoticeKind.ANSWER_REMINDER, NoticeKind.PLACE_OFFERED_BACK})
"""Kinds that do nothing but ask."""
OVERTAKEN = frozenset({NoticeKind.ORDER_ANSWERED, NoticeKind.KEEPS_PLACE})
"""Kinds that a later notice about the same order, or the same lot, makes untrue."""
GONE = frozenset({PlaceAnswer.DECLINED, PlaceAnswer.LAPSED})


@dataclass(frozen=True, slots=True)
class Standing:
    """How things stand that a notice is about.

    Attributes
    ----------
    overtaken
        Its organisation was told something later about the same order, or the same lot.
    """

    crisis: Crisis
    order: CrisisOrder | None
    displacement: Displacement | None
    restoration: Restoration | None
    overtaken: bool


@dataclass(frozen=True, slots=True)
class Tellable:
    """What is left of a notice to tell; without `asks` there is nothing to answer."""

    facts: Mapping[str, Any]
    respond_by_at: datetime | None
    asks: bool


def tellable(notice: Notice, standing: Standing, at: datetime) -> Tellable | None:
    """Return what a notice may still tell at an instant, without a question that is over; None if that is nothing."""
    asks = _asks(notice, standing, at)
    if (notice.kind in QUESTIONS and not asks) or not _holds(notice, standing):
        return None
    if asks or notice.kind not in TO_MAKERS | TO_OWNERS:
        return Tellable(notice.facts, notice.respond_by_at, asks)
    given_up = standing.displacement is not None and standing.displacement.answer in GONE
    left_out = {"silence", "answer_hours", *({"to"} if given_up else ())}
    return Tellable({name: fact for name, fact in notice.facts.items() if name not in left_out}, None, asks=False)


def _asks(notice: Notice, standing: Standing, at: datetime) -> bool:
    """Tell whether its reader has something to answer, in time."""
    if notice.respond_by_at is not None and notice.respond_by_at <= at:
        return False
    if notice.kind in TO_MAKERS:
        order = standing.order
        return order is not None and order.status is OrderStatus.ISSUED and order.respond_by_at > at
    if notice.kind in TO_OWNERS:
        return standing.displacement is not None and _awaits_owner(standing.displacement, at)
    if notice.kind is NoticeKind.PLACE_OFFERED_BACK:
        return standing.restoration is not None and standing.restoration.status is RestorationStatus.OFFERED
    return False


def _awaits_owner(lot: Displacement, at: datetime) -> bool:
    has_place = lot.status is not DisplacementStatus.DROPPED and lot.replacement is not None
    return has_place and lot.answer is None and (lot.answer_by_at is None or lot.answer_by_at > at)


def _holds(notice: Notice, standing: Standing) -> bool:
    """Tell whether what it says is still so."""
    if notice.kind in OF_OPEN_ORDERS:
        return standing.order is not None and standing.order.status is OrderStatus.ISSUED
    if notice.kind is NoticeKind.WILL_GIVE_WAY:
        return standing.displacement is not None and standing.displacement.status is DisplacementStatus.PENDING
    if notice.kind is NoticeKind.EXPIRES_SOON:
        ends_on = span_of(standing.crisis.validity).end_on.isoformat()
        return standing.crisis.status not in _ENDED and notice.facts.get("validity_end_on") == ends_on
    return not (notice.kind in OVERTAKEN and standing.overtaken)


_ENDED = frozenset({CrisisStatus.STOOD_DOWN, CrisisStatus.EXPIRED})
