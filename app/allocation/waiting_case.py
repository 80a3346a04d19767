"""What the waiting list is asked: the freed days of a unit, everybody who waits for its kind, and the policy."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.allocation import repository
from app.allocation import waiting_repository as waiting_list
from app.allocation.planner import Built, Supply, build_problem
from app.allocation.policy import RoundPolicy
from app.allocation.waiting_rules import (
    GivenUp,
    SkipReason,
    Usage,
    Verdict,
    Waiting,
    freed_stretches,
    judged,
    only_free,
    passed_over,
    strictly_ordered,
    weighed,
)
from app.bookings.models import Booking, BookingSource, BookingStatus, FreedPeriod
from app.bookings.service import lock_with_run_out
from app.capacity.facts import slot_facts, unit_facts
from app.capacity.occupancy import span_of
from app.core.clock import now, today
from app.matching.outcome import ReasonCode
from app.requests.facts import priorities, request_facts
from app.requests.models import Request
from app.requests.service import lock_requests
from app.requests.waiting import awaits_approval

HOW_GIVEN_UP = {
    BookingStatus.RELEASED: SkipReason.RELEASED_HERE,
    BookingStatus.EXPIRED: SkipReason.EXPIRED_HERE,
    BookingStatus.CANCELLED: SkipReason.CANCELLED_HERE,
    BookingStatus.DECLINED: SkipReason.REFUSED_BY_CDMO,
}
OFFER_DECLINED = "offer_declined"
NEVER_TAKEN = frozenset({BookingStatus.RELEASED, BookingStatus.EXPIRED})


@dataclass(frozen=True, slots=True)
class Case:
    """A decision to be made on freed days of one unit, as of a day.

    Attributes
    ----------
    supply
        The unit with the slots of which days were freed; no other day of them is free.
    verdicts
        On everybody who waits for a modality of the unit, first to be served first.
    """

    as_of_on: date
    policy: RoundPolicy
    supply: Supply
    verdicts: tuple[Verdict, ...]

    @property
    def has_days(self) -> bool:
        """Whether any of the freed days are still free."""
        return bool(self.supply.slots)

    @property
    def contenders(self) -> list[Verdict]:
        """Those who could have the days."""
        return [one for one in self.verdicts if one.reason is None]

    @property
    def turn(self) -> list[str]:
        """Who could have the days, by identifier, first to be served first."""
        return [str(one.waiting.request.request_id) for one in self.contenders]

    def problem(self) -> Built:
        """Return the engine's problem: everything that is booked is pinned, and contenders are served in turn."""
        return build_problem(weighed(self.contenders), self.supply, strictly_ordered(self.policy), self.as_of_on)


async def current_policy(session: AsyncSession) -> tuple[RoundPolicy, tuple[UUID, datetime] | None]:
    """Return the policy of the round published last, with what its caps count from; the default before the first."""
    found = await waiting_list.published_policy(session)
    if found is None:
        return RoundPolicy(), None
    round_id, policy, published_at = found
    return RoundPolicy.model_validate(policy), (round_id, published_at)


async def lock_waiting(session: AsyncSession, unit_id: UUID, *, shared: bool = False) -> None:
    """Let nothing that keeps a request from a unit's days end between the reading of a case and its decision.

    Whoever ends an offer, a hold or the like locks the request, and then looks for the decisions that it was passed
    over in: a decision that was not committed yet would be missed, and the days never asked about again.

    Parameters
    ----------
    shared
        See `lock_requests`; otherwise the unit is locked, and the requests of what has run out on it with these.
    """
    units = await unit_facts(session, unit_ids=[unit_id])
    requests = await waiting_list.requests_waiting_for(session, units[unit_id].modalities)
    ids = [request.id for request in requests]
    if shared:
        await lock_requests(session, ids, shared=True)
    else:
        await lock_with_run_out(session, [unit_id], ids)


async def read_case(session: AsyncSession, unit_id: UUID, freed: Sequence[FreedPeriod]) -> Case:
    """Return what there is to decide about freed days of a unit, as of today."""
    as_of_on = today()
    policy, counted_from = await current_policy(session)
    supply = await _supply(session, unit_id, freed)
    if not supply.slots:
        return await read_passed_over(session, unit_id, ReasonCode.SLOT_TAKEN)
    requests = await waiting_list.requests_waiting_for(session, supply.units[unit_id].modalities)
    by_crisis = await _freed_by_crisis(session, freed)
    waiting = await read_waiting(session, requests, policy, as_of_on, unit_id=unit_id, by_crisis=by_crisis)
    if counted_from is not None and (policy.per_party or policy.days_per_party):
        waiting = await _with_usage(session, waiting, *counted_from)
    return Case(as_of_on, policy, supply, tuple(judged(waiting, supply, as_of_on, policy)))


async def read_passed_over(session: AsyncSession, unit_id: UUID, reason: str) -> Case:
    """Return the case of days that are offered to nobody: all who wait for the unit are passed over for one reason."""
    as_of_on = today()
    policy, _ = await current_policy(session)
    units = await unit_facts(session, unit_ids=[unit_id])
    requests = await waiting_list.requests_waiting_for(session, units[unit_id].modalities)
    waiting = await read_waiting(session, requests, policy, as_of_on)
    return Case(as_of_on, policy, Supply(units, {}), tuple(passed_over(waiting, reason)))


async def _supply(session: AsyncSession, unit_id: UUID, freed: Sequence[FreedPeriod]) -> Supply:
    units = await unit_facts(session, unit_ids=[unit_id])
    found = (await slot_facts(session, slot_ids={one.slot_id for one in freed})).get(unit_id, [])
    slots = []
    for slot in found:
        days = [span_of(one.period) for one in freed if one.slot_id == slot.slot_id]
        if stretches := freed_stretches(slot, days):
            slots.append(only_free(slot, stretches))
    return Supply(units, {unit_id: slots} if slots else {})


async def _freed_by_crisis(session: AsyncSession, freed: Iterable[FreedPeriod]) -> bool:
    """Tell whether a crisis lets go of any of the days: of a campaign's, or of a place held for who gives way to it."""
    bookings = await repository.bookings_by_id(session, {one.booking_id for one in freed})
    return any(
        booking.source is BookingSource.CRISIS
        or (booking.source is BookingSource.REPLACEMENT and booking.status in NEVER_TAKEN)
        for booking in bookings.values()
    )


async def read_waiting(
    session: AsyncSession,
    requests: Sequence[Request],
    policy: RoundPolicy,
    as_of_on: date,
    *,
    unit_id: UUID | None = None,
    by_crisis: bool = False,
) -> list[Waiting]:
    """Return what decides on the turn of requests that wait; of the days that they gave up, those on one unit.

    Parameters
    ----------
    by_crisis
        A crisis has freed the days, and those whom one has displaced come first.
    """
    ids = [request.id for request in requests]
    facts = await request_facts(session, ids)
    ranks = await priorities(session, ids, as_of_on, policy.priority)
    bookings: dict[UUID | None, list[Booking]] = defaultdict(list)
    for booking in await waiting_list.live_bookings(session, ids, now()):
        bookings[booking.request_id].append(booking)
    offered = await waiting_list.offered_among(session, ids)
    deciding = await waiting_list.in_undecided_rounds(session, ids)
    displaced = await waiting_list.displaced_among(session, ids) if by_crisis else set()
    given_up = await _given_up(session, unit_id, ids) if unit_id else {}
    return [
        Waiting(
            request=facts[request.id],
            tier=ranks[request.id].tier,
            points=ranks[request.id].points,
            since_at=request.waiting_since_at or request.submitted_at or request.created_at,
            first_refusal=request.id in displaced and not request.wants_earlier,
            present_delivery_on=_present_delivery(bookings[request.id]) if request.wants_earlier else None,
            until_on=request.earlier_until_on,
            barred_by=_barred_by(request, bookings[request.id], offered, deciding),
            given_up=given_up.get(request.id, ()),
        )
        for request in requests
    ]


def _present_delivery(bookings: Iterable[Booking]) -> date | None:
    return min((booking.delivery_on for booking in bookings if booking.status is not BookingStatus.HELD), default=None)


def _barred_by(
    request: Request, bookings: Iterable[Booking], offered: Collection[UUID], deciding: Collection[UUID]
) -> SkipReason | None:
    """Return what keeps a request from any offer at the moment: one live offer or hold at a time, and no lot twice."""
    if request.id in offered:
        return SkipReason.OFFER_PENDING
    if request.id in deciding:
        return SkipReason.IN_ROUND
    for booking in bookings:
        if booking.status is BookingStatus.HELD:
            return SkipReason.HOLDS_A_PLACE
        if booking.status is BookingStatus.IN_PRODUCTION:
            return SkipReason.IN_PRODUCTION
        if booking.status is BookingStatus.AWAITING_CDMO and booking.source is BookingSource.WAITING:
            return SkipReason.APPROVAL_PENDING
    # One that is overdue is none of the live, and yet to be noted as declined.
    return SkipReason.APPROVAL_PENDING if awaits_approval(request) else None


async def _given_up(session: AsyncSession, unit_id: UUID, ids: Sequence[UUID]) -> Mapping[UUID, tuple[GivenUp, ...]]:
    found: dict[UUID, list[GivenUp]] = defaultdict(list)
    for booking in await waiting_list.given_up_on(session, unit_id, ids):
        if booking.request_id is not None:
            declined = booking.ended_reason_code == OFFER_DECLINED
            reason = SkipReason.DECLINED_HERE if declined else HOW_GIVEN_UP[booking.status]
            found[booking.request_id].append(GivenUp(span_of(booking.period), reason))
    return {request_id: tuple(listed) for request_id, listed in found.items()}


async def _with_usage(
    session: AsyncSession, waiting: Sequence[Waiting], round_id: UUID, since_at: datetime
) -> list[Waiting]:
    """Return the same with what counts against the caps of each: the places of its organisation's other requests."""
    parties = {one.request.organisation_id for one in waiting}
    held = await waiting_list.places_under_caps(session, parties, round_id, since_at)
    found = []
    for one in waiting:
        others = [
            place
            for place in held
            if place.organisation_id == one.request.organisation_id and place.request_id != one.request.request_id
        ]
        found.append(replace(one, usage=Usage(len(others), sum(place.days for place in others))))
    return found
