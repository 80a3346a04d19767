"""Production as its CDMO tells it: contract, start, end, failure."""

from collections.abc import Sequence
from datetime import date, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.service import record, snapshot
from app.bookings import ledger, repeats, repository, service, slip_repository
from app.bookings.access import require_not_ordered, view_for
from app.bookings.approvals import require_in_time
from app.bookings.changing import change_status, has_run_out
from app.bookings.errors import MovePending, SlotTaken
from app.bookings.fees import DEFAULT_POLICY, BookingTerms, share_cents
from app.bookings.invoicing import InvoiceLine, failure_invoice, price_invoice
from app.bookings.life_schemas import CompleteBody, ContractBody, FailBody, StartBody
from app.bookings.models import Booking, BookingSource, BookingStatus, ChargeKind, FailureCause
from app.bookings.obstacles import days_as_json
from app.bookings.rules import free_from, require_amendable, require_contract_step, require_transition
from app.capacity.facts import unit_facts
from app.capacity.occupancy import span_of
from app.capacity.service import lock_units
from app.capacity.supply import Span
from app.core.clock import day_of, today
from app.core.errors import Invalid
from app.core.model import period
from app.identity.actor import Actor

PRICED_WITHOUT_TERMS = frozenset({BookingSource.REPLACEMENT, BookingSource.REPEAT})
"""What was made at the price of another booking; the orders of a crisis are charged when they are accepted."""


async def advance_contract(session: AsyncSession, actor: Actor, booking_id: UUID, command: ContractBody) -> None:
    """The CDMO says how far the contract is; both sides see it.

    Raises
    ------
    ApprovalOverdue
        If the booking was not approved in time.
    StateConflict
        If it would go back, or the booking is held or over.
    MovePending
        If it is a place to which a booking asks to move.
    """
    await view_for(session, actor, booking_id, "contract")
    booking = await service.locked(session, booking_id)
    require_in_time(booking)
    if booking.moves_id is not None:
        raise MovePending(
            "This is a place to which a booking asks to move: the contract is that one's. Take it further there.",
            facts={"moves_id": str(booking.moves_id)},
        )
    require_amendable("contract", booking.status)
    require_contract_step(booking.contract_status, command.contract_status)
    before = snapshot(booking)
    booking.contract_status = command.contract_status
    await record(session, actor, f"booking.contract_{command.contract_status.value}", booking, before=before)


async def start(session: AsyncSession, actor: Actor, booking_id: UUID, command: StartBody) -> None:
    """Production has started: the booking is neither moved nor cancelled any more.

    Raises
    ------
    Invalid
        If it starts in the future, or before the day on which it was booked.
    StateConflict
        If it is not confirmed.
    SlotTaken
        If it starts before its planned period, and would take days that others have booked.
    """
    await view_for(session, actor, booking_id, "start")
    booking = await service.locked(session, booking_id)
    require_transition(booking.status, BookingStatus.IN_PRODUCTION)
    _require_past("actual_start_on", command.actual_start_on)
    made_on = day_of(booking.created_at)
    if command.actual_start_on < made_on:
        told = f"Nothing starts before it is booked: not before {made_on}, the day on which this booking was made."
        raise Invalid.field("actual_start_on", told, made_on=str(made_on))
    await _require_nobody_there(session, booking, command.actual_start_on)
    changes = {"actual_start_on": command.actual_start_on}
    await change_status(session, actor, booking, BookingStatus.IN_PRODUCTION, changes=changes)


async def complete(session: AsyncSession, actor: Actor, booking_id: UUID, command: CompleteBody) -> None:
    """Production has ended well: the invoice is charged, and its days are free, but for the changeover after it.

    Raises
    ------
    Invalid
        If it ends in the future or before it started, or more batches are released than were planned.
    StateConflict
        If it is not in production.
    """
    await view_for(session, actor, booking_id, "complete")
    booking = await service.locked(session, booking_id)
    require_transition(booking.status, BookingStatus.COMPLETED)
    _require_after_start(booking, "actual_end_on", command.actual_end_on)
    released = command.batches_released
    if released is not None and released > booking.batches:
        raise Invalid.field("batches_released", f"{booking.batches} were planned.", batches=booking.batches)
    changes = {**await _ended(session, booking, command.actual_end_on), "batches_released": released}
    await change_status(session, actor, booking, BookingStatus.COMPLETED, changes=changes)
    if booking.terms:
        charged = await ledger.charged_by_kind(session, booking.id)
        terms = BookingTerms.model_validate(booking.terms)
        await _invoice(session, actor, booking, price_invoice(terms, charged), terms.policy_version)
    elif booking.source in PRICED_WITHOUT_TERMS:
        await _invoice_without_terms(session, actor, booking, booking.price_cents)


async def fail(session: AsyncSession, actor: Actor, booking_id: UUID, command: FailBody) -> None:
    """Production has failed: what is due follows from the cause; the CDMO may offer to repeat it.

    Raises
    ------
    Invalid
        If it fails in the future or before it started, or the repeat is named by half, on another line or too short.
    StateConflict
        If it is not in production.
    BookingRefused
        If the place of the repeat is not free, or its slot is not open to the start-up.
    """
    named = command.repeat_slot_id
    is_seen = named is not None and bool(await repository.slots_by_id(session, [named]))
    view, _ = await view_for(session, actor, booking_id, "fail")
    if (command.repeat_slot_id is None) != (command.repeat_start is None):
        missing = "repeat_start" if command.repeat_start is None else "repeat_slot_id"
        raise Invalid.field(missing, "A repeat has a slot and a start.")
    repeat = None
    if command.repeat_slot_id is not None and command.repeat_start is not None:
        require_not_ordered(view.booking)
        repeat = await repeats.place_of_repeat(
            session, view, command.repeat_slot_id, command.repeat_start, is_seen=is_seen
        )
        await lock_units(session, {view.booking.unit_id, repeat.slot.unit_id})
    booking = await service.locked(session, booking_id)
    if repeat is not None:
        await service.lock_with_run_out(session, {booking.unit_id, repeat.slot.unit_id}, [booking.request_id])
    require_transition(booking.status, BookingStatus.FAILED)
    _require_after_start(booking, "failed_on", command.failed_on)
    reason = command.reason_code.value
    changes = {
        **await _ended(session, booking, command.failed_on),
        "failure_cause": command.cause,
        "batches_released": 0,
        "ended_reason_code": reason,
    }
    await change_status(
        session,
        actor,
        booking,
        BookingStatus.FAILED,
        reason_code=reason,
        reason_text=command.reason_text,
        changes=changes,
    )
    if booking.terms:
        terms = BookingTerms.model_validate(booking.terms)
        charged = await ledger.charged_by_kind(session, booking.id)
        lines = failure_invoice(terms, command.cause, charged)
        await _invoice(session, actor, booking, lines, terms.policy_version, cause=command.cause)
    elif booking.source in PRICED_WITHOUT_TERMS:
        due = share_cents(booking.price_cents, DEFAULT_POLICY.failures.percent(command.cause))
        await _invoice_without_terms(session, actor, booking, due)
    if repeat is not None:
        await repeats.hold_repeat(session, actor, booking, repeat)


async def _require_nobody_there(session: AsyncSession, booking: Booking, started_on: date) -> None:
    """Refuse a start before the planned period that would take days which another has booked.

    It takes the days that `days_kept` in the database tells from then on. To begin early is a choice: unlike what runs
    over its plan, it asks nobody to make way.
    """
    planned = span_of(booking.period)
    if started_on >= planned.start_on:
        return
    told_until = booking.expected_end_on or started_on + timedelta(days=planned.days)
    early = Span(started_on, min(planned.start_on, max(told_until, today() + timedelta(days=1))))
    others = [
        days_as_json(span_of(one.period))
        for one in await slip_repository.live_bookings_over(session, booking.unit_id, period(*early))
        if booking.id not in {one.id, one.moves_id} and not has_run_out(one)
    ]
    if others:
        told = (
            f"It is planned from {planned.start_on} on. Started on {started_on}, it takes the unit until"
            f" {early.end_on}, and others have booked days of these. Start it after those in the way, or as planned."
        )
        raise SlotTaken(told, pointer="/actual_start_on", in_the_way=others)


async def _ended(session: AsyncSession, booking: Booking, ended_on: date) -> dict[str, date]:
    """Return the days that an end of production sets: its own, and the one from which the unit is free."""
    unit = (await unit_facts(session, unit_ids=[booking.unit_id]))[booking.unit_id]
    told_until = max(span_of(booking.period).end_on, booking.expected_end_on or date.min)
    return {"actual_end_on": ended_on, "free_from_on": free_from(ended_on, told_until, unit.changeover_days)}


async def _invoice(
    session: AsyncSession,
    actor: Actor,
    booking: Booking,
    lines: Sequence[InvoiceLine],
    policy_version: str,
    *,
    cause: FailureCause | None = None,
) -> None:
    for line in lines:
        detail = {"line": line.line, "policy_version": policy_version}
        if cause is not None:
            detail["cause"] = cause.value
        await ledger.charge(session, actor, booking, line.kind, line.amount_cents, detail=detail)


async def _invoice_without_terms(session: AsyncSession, actor: Actor, booking: Booking, due_cents: int) -> None:
    """Charge what a displaced booking was to cost, on what replaced it: the fee paid for the first is credited."""
    detail = {"line": "replacement"}
    await ledger.charge(session, actor, booking, ChargeKind.PRICE, due_cents, detail=detail)
    for displaced in await repository.displaced_by(session, booking.id):
        paid = await ledger.charged_cents(session, displaced.id)
        await ledger.charge(session, actor, displaced, ChargeKind.RESERVATION_FEE, -paid, detail=detail)


def _require_past(field: str, day: date) -> None:
    if day > today():
        raise Invalid.field(field, f"This tells what has happened: not after today, {today()}.", today=str(today()))


def _require_after_start(booking: Booking, field: str, day: date) -> None:
    _require_past(field, day)
    started_on = booking.actual_start_on
    if started_on is not None and day < started_on:
        raise Invalid.field(field, f"Production started on {started_on}.", actual_start_on=str(started_on))
