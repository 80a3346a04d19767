"""The owner's answer to a place that is offered back: taken, declined, or never given; and whose turn it is then."""

from collections.abc import Mapping, Sequence
from functools import partial
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.author import Author
from app.audit.service import record, snapshot
from app.bookings.giving_back import take_back
from app.bookings.ledger import add_charge
from app.bookings.models import LIVE, BookingStatus, ChargeKind
from app.bookings.service import end_booking, lock_with_run_out
from app.capacity.service import lock_units
from app.core.clock import now
from app.core.errors import NotFound, StateConflict
from app.core.paging import PageQuery
from app.core.preconditions import require_seen
from app.core.tenancy import go_across
from app.crisis import repository, restoring_repository
from app.crisis.calendar_repository import bookings_by_id
from app.crisis.declaration import CrisisRules
from app.crisis.errors import OfferOver
from app.crisis.models import Crisis, Displacement, PlaceAnswer
from app.crisis.paging import page_for
from app.crisis.restoring import Offering, end_offer, why_not_wanted
from app.crisis.restoring_models import Restoration, RestorationStatus
from app.crisis.restoring_repository import Lost
from app.crisis.restoring_rules import returned_cents
from app.crisis.service import SEES_ALL, get_whole_crisis
from app.identity.actor import Actor
from app.identity.models import Role

OPEN = (RestorationStatus.WAITING, RestorationStatus.OFFERED)
EXPIRY = Author.of_job("expire_restorations")


async def list_restorations(
    session: AsyncSession, actor: Actor, crisis_id: UUID, paging: PageQuery
) -> tuple[list[Restoration], str | None]:
    """Return one page of the places offered back, to an owner its own; as `page_for` has it."""
    page = partial(restoring_repository.page, session, crisis_id, paging)
    return await page_for(session, actor, crisis_id, paging, page)


async def accept(session: AsyncSession, actor: Actor, crisis_id: UUID, restoration_id: UUID) -> Restoration:
    """Take one's place back, under the terms that one had there.

    The place that one has had instead is left at no charge, and what of the compensation is not to be kept is owed
    back, as the rules of the crisis say.

    Raises
    ------
    NotFound
        If there is no such offer to the actor's organisation.
    StateConflict
        If it is not on offer, or the lot is made elsewhere by now.
    OfferOver
        If its time is over.
    """
    crisis, rows, row = await _to_answer(session, actor, crisis_id, restoration_id)
    places = await _locked_places(session, crisis, rows)
    lost = places[row.displacement_id]
    if row.booking_id is None:
        raise StateConflict("Nothing is held for this offer.", facts={"restoration_status": row.status.value})
    held = (await bookings_by_id(session, [row.booking_id]))[row.booking_id]
    if held.status is not BookingStatus.HELD:
        raise OfferOver("This place is no longer held: the offer is over.")
    if reason := await why_not_wanted(session, lost):
        raise StateConflict(f"This lot has no use for its place any more: {reason}.", facts={"reason_code": reason})
    await take_back(session, actor, lost.booking, held, instead_of=lost.replacement)
    await _owe_back(session, actor, crisis, lost)
    await _answer_for(session, actor, lost.displacement)
    await end_offer(session, actor, row, RestorationStatus.ACCEPTED)
    await _pass_on(session, actor, crisis, rows, places)
    return row


async def decline(session: AsyncSession, actor: Actor, crisis_id: UUID, restoration_id: UUID) -> Restoration:
    """Leave one's place to the next: what one has had instead stays as it is, and so does the compensation.

    Raises
    ------
    NotFound
        If there is no such offer to the actor's organisation.
    StateConflict
        If it is not on offer.
    OfferOver
        If its time is over.
    """
    crisis, rows, row = await _to_answer(session, actor, crisis_id, restoration_id)
    places = await _locked_places(session, crisis, rows)
    await _let_go(session, actor, row, BookingStatus.RELEASED, "offer_declined")
    await end_offer(session, actor, row, RestorationStatus.DECLINED)
    await _pass_on(session, actor, crisis, rows, places)
    return row


async def expire_restorations(session: AsyncSession) -> int:
    """End the offers of one crisis whose time is over, pass them on, and return how many there were; a sweep."""
    crisis = await restoring_repository.crisis_with_overdue(session, now())
    if crisis is None:
        return 0
    rows = await restoring_repository.lock_restorations(session, crisis.id, OPEN)
    places = await _locked_places(session, crisis, rows)
    overdue = [row for row in rows if row.respond_by_at is not None and row.respond_by_at <= now()]
    for row in overdue:
        await _let_go(session, EXPIRY, row, BookingStatus.EXPIRED, "offer_expired")
        await end_offer(session, EXPIRY, row, RestorationStatus.EXPIRED)
    await _pass_on(session, EXPIRY, crisis, rows, places)
    return len(overdue)


async def _to_answer(
    session: AsyncSession, actor: Actor, crisis_id: UUID, restoration_id: UUID
) -> tuple[Crisis, list[Restoration], Restoration]:
    """Return the crisis, its open offers, and the one that the actor's organisation is to answer, all locked."""
    if actor.role in SEES_ALL:
        await get_whole_crisis(session, actor, crisis_id)
        actor.require(Role.STARTUP_MEMBER)
    found = await restoring_repository.find(session, crisis_id, restoration_id)
    if found is None or found.is_drill or found.organisation_id != actor.organisation_id:
        raise NotFound.of("restoration", restoration_id)
    await go_across(session)
    crisis = await repository.lock_crisis(session, crisis_id)
    if crisis is None:
        raise NotFound.of("crisis", crisis_id)
    rows = await restoring_repository.lock_restorations(session, crisis_id, tuple(RestorationStatus))
    row = require_seen(session, next(one for one in rows if one.id == restoration_id))
    if row.status is not RestorationStatus.OFFERED:
        raise StateConflict(
            f"This place is {row.status.value}: it is not on offer.",
            facts={"restoration_status": row.status.value, "allowed": [RestorationStatus.OFFERED.value]},
        )
    if row.respond_by_at is not None and row.respond_by_at <= now():
        raise OfferOver("The time to take this place back is over.")
    return crisis, rows, row


async def _locked_places(session: AsyncSession, crisis: Crisis, rows: Sequence[Restoration]) -> dict[UUID, Lost]:
    """Return what open offers are about, by displacement: units and requests locked, each kind in one call."""
    concerned = [row.displacement_id for row in rows if row.status in OPEN]
    seen = await restoring_repository.lost_places(session, crisis.id, concerned)
    units = {one.booking.unit_id for one in seen} | {one.replacement.unit_id for one in seen if one.replacement}
    if not rows or not rows[0].is_drill:
        await lock_units(session, units)
        await lock_with_run_out(session, units, [one.booking.request_id for one in seen])
    places = await restoring_repository.lost_places(session, crisis.id, concerned)
    return {one.displacement.id: one for one in places}


async def _answer_for(session: AsyncSession, actor: Actor, displacement: Displacement) -> None:
    """Close the question about the place that was held instead: who is back in its own has no use for it."""
    if displacement.replacement is None or displacement.answer is not None:
        return
    before = snapshot(displacement)
    displacement.answer, displacement.answered_at = PlaceAnswer.DECLINED, now()
    await record(session, actor, "displacement.place_declined", displacement, before=before, reason_code="restored")


async def _pass_on(
    session: AsyncSession,
    author: Author,
    crisis: Crisis,
    rows: Sequence[Restoration],
    places: Mapping[UUID, Lost],
) -> None:
    await Offering(session, author, crisis).pass_on(rows, places, await repository.all_orders(session, crisis.id))


async def _let_go(
    session: AsyncSession, author: Author, row: Restoration, status: BookingStatus, reason_code: str
) -> None:
    """Free the place that is held for an offer; with the end of the last hold its days are freed for those who wait."""
    if row.booking_id is None:
        return
    held = (await bookings_by_id(session, [row.booking_id]))[row.booking_id]
    if held.status in LIVE:
        await end_booking(session, author, held, status, reason_code=reason_code)


async def _owe_back(session: AsyncSession, author: Author, crisis: Crisis, lost: Lost) -> None:
    """Charge the owner with what it does not keep of its compensation, and credit whoever has paid it."""
    rules = CrisisRules.model_validate(crisis.rules)
    for payer_id, paid_cents in await restoring_repository.compensations(session, crisis.id, lost.booking):
        owed = returned_cents(rules, paid_cents)
        detail = {
            "code": "restored",
            "corrects": str(lost.displacement.id),
            "paid_cents": paid_cents,
            "kept_cents": paid_cents - owed,
            "kept_percent": rules.restored_compensation_percent,
        }
        owner_id = lost.booking.organisation_id
        for organisation_id, counterparty_id, sign in ((owner_id, payer_id, 1), (payer_id, owner_id, -1)):
            await add_charge(
                session,
                author,
                organisation_id=organisation_id,
                counterparty_id=counterparty_id,
                booking_id=lost.booking.id,
                crisis_id=crisis.id,
                kind=ChargeKind.DISPLACEMENT_COMPENSATION,
                amount_cents=sign * owed,
                detail=detail,
            )
