"""Those behind a campaign that slips: what is asked of them, when it slips and once one of them can be asked."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.author import Author
from app.audit.service import record, record_all, snapshot
from app.bookings import repository as booking_repository
from app.bookings import slip_repository as repository
from app.bookings.changing import has_run_out
from app.bookings.models import Booking, BookingSource, BookingStatus
from app.bookings.slip_models import Slip, SlipMove, SlipMoveStatus
from app.bookings.slip_rules import Follower, SlipPlan, Stretch, plan_slip
from app.capacity.occupancy import occupied_periods, span_of
from app.capacity.rules import effective_reserve
from app.capacity.supply import Span
from app.core.clock import today
from app.core.model import period
from app.core.schemas import LATEST_DAY
from app.core.vocabulary import Reserve

MOVABLE = frozenset({BookingStatus.AWAITING_CDMO, BookingStatus.CONFIRMED})
HELD = BookingStatus.HELD.value
MOVE_AWAITS_CDMO = "move_awaits_cdmo"
"""Why nothing is proposed to a place that is not firm yet: once it is, its booking is asked."""
ASKED = ("status", "slot_id", "period", "delivery_on", "unplaced_code", "answered_at")
"""What a slip asks of a booking, apart from which slip it is."""


async def ask(session: AsyncSession, author: Author, slipping: Booking, made: Slip) -> None:
    """Propose another period to each booking that the slip runs into, or say why there is none.

    What other slips propose to one booking is nobody else's to go to.
    """
    expected = _expected(slipping, made)
    horizon = period(expected.start_on, LATEST_DAY)
    live = [
        one
        for one in await repository.live_bookings_over(session, slipping.unit_id, horizon)
        if one.id != slipping.id and span_of(one.period).start_on >= expected.start_on and not has_run_out(one)
    ]
    proposed = await repository.proposed_on(session, slipping.unit_id)
    behind = [_follower(one, proposed.pop(one.id, ())) for one in live]
    # Where it started early, the planned period may lie behind what is expected: it is nobody's to go to either.
    taken = [span_of(slipping.period), *await _taken_beside(session, slipping, live, behind)]
    taken += [days for listed in proposed.values() for days in listed]
    plan = plan_slip(expected, behind, await _stretches(session, slipping.unit_id), taken)
    asked = _as_rows(plan, made.id, live)
    session.add_all(asked)
    await record_all(session, author, "slip_move.made", asked)


async def _taken_beside(
    session: AsyncSession, slipping: Booking, live: Sequence[Booking], behind: Sequence[Follower]
) -> list[Span]:
    """Return the days that others take on the unit of a campaign that slips, without what the plan knows of.

    That is what each of those behind it takes, and what it keeps by a slip of its own.
    """
    own = Counter((one.slot_id, span_of(one.period)) for one in live)
    kept = [one.kept for one in behind if one.kept is not None]
    taken = []
    for one in (await occupied_periods(session, [slipping.unit_id], leaving=slipping.id))[slipping.unit_id]:
        place = one.slot_id, one.period
        if own[place] > 0:
            own[place] -= 1
        elif not any(days.start_on <= one.period.start_on and one.period.end_on <= days.end_on for days in kept):
            taken.append(one.period)
    return taken


async def slips_that_could_not_ask(session: AsyncSession, booking_id: UUID, code: str) -> set[UUID]:
    """Return the slips for which there was nothing to propose to a booking, for a reason, and that still stand."""
    return {one.slip_id for one in await repository.open_moves_to(session, booking_id) if one.unplaced_code == code}


async def slips_that_ask(session: AsyncSession, booking_id: UUID) -> set[UUID]:
    """Return the slips that ask a booking to make way, or find no place to propose to it, and that still stand."""
    return {one.slip_id for one in await repository.open_moves_to(session, booking_id)}


async def ask_anew(session: AsyncSession, author: Author, booking: Booking, slip_ids: Collection[UUID]) -> None:
    """Ask a locked booking, which can be moved by now, to make way for slips on its unit, or say why it cannot.

    It alone is asked, and goes round all that is booked, kept or proposed to others: nobody else's answer changes. A
    slip asks a booking one thing: what it asked before gives way. Of a slip on a unit that it has left, or behind which
    it does not stand any more, it hears nothing.
    """
    for slip in (await repository.slips_by_id(session, slip_ids)).values():
        slipping = await booking_repository.find(session, slip.booking_id)
        assert slipping is not None  # noqa: S101 - a slip is some booking's
        expected = _expected(slipping, slip)
        if slipping.unit_id != booking.unit_id or span_of(booking.period).start_on < expected.start_on:
            continue
        occupied = (await occupied_periods(session, [booking.unit_id], leaving=booking.id))[booking.unit_id]
        proposed = await repository.proposed_on(session, booking.unit_id)
        proposed.pop(booking.id, None)
        taken = [*(one.period for one in occupied), *(days for listed in proposed.values() for days in listed)]
        plan = plan_slip(expected, [_follower(booking)], await _stretches(session, booking.unit_id), taken=taken)
        for asked in _as_rows(plan, slip.id, [booking]):
            before = await repository.lock_move_of(session, slip.id, booking.id)
            if before is None:
                session.add(asked)
                await record_all(session, author, "slip_move.made", [asked])
            else:
                state = snapshot(before)
                for name in ASKED:
                    setattr(before, name, getattr(asked, name))
                await record(session, author, "slip_move.made_anew", before, before=state)


def _expected(slipping: Booking, slip: Slip) -> Span:
    """Return the days that a campaign takes by a slip, from its planned start or the actual one, the earlier of them.

    Where it has started before its planned period, and is to end before it, that period is not among them.
    """
    planned_on = span_of(slipping.period).start_on
    return Span(min(planned_on, slipping.actual_start_on or planned_on), slip.expected_end_on)


async def _stretches(session: AsyncSession, unit_id: UUID) -> list[Stretch]:
    """Return the slots of a unit in which a place can be proposed."""
    return [
        Stretch(one.id, span_of(one.period), effective_reserve(one.reserve, one.releases_on, today()))
        for one in await booking_repository.bookable_slots(session, unit_id)
        if one.divisible and (one.lendable or one.reserve is not Reserve.CRISIS)
    ]


def _follower(booking: Booking, proposed: Iterable[Span] = ()) -> Follower:
    """Return a booking as the plan sees it; what is not a start-up's own firm place is gone round."""
    code = None
    if booking.source is BookingSource.CRISIS:
        code = "crisis_order"
    elif booking.moves_id is not None:
        code = MOVE_AWAITS_CDMO
    elif booking.status not in MOVABLE:
        code = booking.status.value
    # Who was served from the start-up reserve may be served from what is open to all.
    reserves = {Reserve.STARTUP, Reserve.OPEN} if booking.reserve is Reserve.STARTUP else {booking.reserve}
    days, kept = span_of(booking.period), None
    if code is None and booking.expected_end_on is not None and booking.expected_end_on > days.end_on:
        kept = Span(days.end_on, booking.expected_end_on)
    return Follower(booking.id, days, frozenset(reserves), code, kept, tuple(proposed))


def _as_rows(plan: SlipPlan, slip_id: UUID, bookings: Iterable[Booking]) -> list[SlipMove]:
    by_id = {one.id: one for one in bookings}
    asked = [
        SlipMove(
            slip_id=slip_id,
            booking_id=one.booking_id,
            slot_id=one.slot_id,
            period=period(*one.days),
            delivery_on=by_id[one.booking_id].delivery_on
            + (one.days.start_on - span_of(by_id[one.booking_id].period).start_on),
        )
        for one in plan.proposals
    ]
    return asked + [
        SlipMove(slip_id=slip_id, booking_id=one.booking_id, status=SlipMoveStatus.UNPLACED, unplaced_code=one.code)
        for one in plan.unplaced
    ]
