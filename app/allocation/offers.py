"""Answering an offer: accepted it is a booking, declined or expired its period is free again."""

from collections.abc import Collection, Iterable
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.allocation import repository
from app.allocation.entrants import end_offer
from app.allocation.errors import OfferExpired
from app.allocation.models import Offer, OfferSource, OfferStatus, RoundStatus
from app.allocation.schemas import Decline
from app.allocation.service import change_status, is_coordinator
from app.audit.author import Author
from app.audit.service import record, snapshot
from app.bookings.models import BookingStatus
from app.bookings.service import confirm, end_booking, locked
from app.capacity.service import lock_units
from app.core.clock import now
from app.core.errors import NotFound, StateConflict
from app.core.paging import PageQuery
from app.core.preconditions import require_seen
from app.core.tenancy import go_across
from app.identity.actor import Actor
from app.identity.models import Role
from app.requests.models import RequestStatus
from app.requests.service import lock_requests
from app.requests.waiting import end_wish

SWEEPER = Author.of_job("expire_offers")
MOST_AT_ONCE = 50


async def list_offers(
    session: AsyncSession, actor: Actor, paging: PageQuery, *, status: OfferStatus | None, round_id: UUID | None
) -> tuple[list[Offer], str | None]:
    """Return one page of offers: all for the coordinator, else those to the actor's organisation."""
    own = None if is_coordinator(actor) else actor.organisation_id
    return await repository.page_offers(session, paging, organisation_id=own, status=status, round_id=round_id)


async def get_offer(session: AsyncSession, actor: Actor, offer_id: UUID) -> Offer:
    """Return an offer to the actor's organisation, or any one for the coordinator.

    Raises
    ------
    NotFound
        If there is none, or it is another's.
    """
    offer = await repository.find_offer(session, offer_id)
    if offer is None or not actor.sees(offer.organisation_id):
        raise NotFound.of("offer", offer_id)
    return offer


async def _to_answer(session: AsyncSession, actor: Actor, offer_id: UUID) -> Offer:
    """Return an offer that its addressee may still answer, locked.

    Raises
    ------
    NotFound
        If there is none, or it is another's.
    OfferExpired
        If it was not answered in time, whether or not the sweep has been there.
    StateConflict
        If it has been answered.
    """
    actor.require(Role.STARTUP_MEMBER)
    offer = await repository.lock_offer(session, offer_id)
    if offer is None or not actor.sees(offer.organisation_id):
        raise NotFound.of("offer", offer_id)
    require_seen(session, offer)
    ran_out = offer.status is OfferStatus.OFFERED and offer.expires_at <= now()
    if ran_out or offer.status is OfferStatus.EXPIRED:
        raise OfferExpired(
            "This offer has expired: its period is free again.", facts={"expired_at": offer.expires_at.isoformat()}
        )
    if offer.status is not OfferStatus.OFFERED:
        raise StateConflict(f"This offer is {offer.status.value} already.", facts={"offer_status": offer.status.value})
    await go_across(session)
    return offer


async def accept_offer(session: AsyncSession, actor: Actor, offer_id: UUID) -> Offer:
    """Accept an offer: its booking is confirmed at once on a standard line, else goes to its CDMO.

    A request that wanted an earlier place leaves its own, at no cost, as soon as the new one is confirmed: at once, or
    when the CDMO approves it, and not before.

    Raises
    ------
    NotFound
        If there is none, or it is another's.
    OfferExpired
        If it was not answered in time.
    StateConflict
        If it has been answered.
    """
    offer = await _to_answer(session, actor, offer_id)
    booking = await locked(session, offer.booking_id, to_confirm=True)
    if offer.source is OfferSource.WAITING and await repository.is_in_production(session, offer.request_id):
        raise StateConflict(
            "Production of this lot has begun in the place that it has: decline the earlier one.",
            facts={"request_id": str(offer.request_id)},
        )
    await confirm(session, actor, booking)
    await _answer(session, actor, offer, OfferStatus.ACCEPTED)
    await end_offer(session, actor, offer.request_id, RequestStatus.BOOKED, reason_code="offer_accepted")
    await settle(session, actor, [offer])
    return offer


async def decline_offer(session: AsyncSession, actor: Actor, offer_id: UUID, command: Decline) -> Offer:
    """Decline an offer: its period is free again, and its request is unmet until it is submitted anew.

    An offer from the waiting list passes on to the next; the request waits on, for other places than this one.

    Raises
    ------
    NotFound
        If there is none, or it is another's.
    OfferExpired
        If it was not answered in time.
    StateConflict
        If it has been answered.
    """
    offer = await _to_answer(session, actor, offer_id)
    booking = await locked(session, offer.booking_id)
    await end_booking(session, actor, booking, BookingStatus.RELEASED, reason_code="offer_declined")
    await _answer(
        session,
        actor,
        offer,
        OfferStatus.DECLINED,
        reason_code=command.reason_code.value,
        reason_text=command.reason_text,
    )
    waits_on = offer.source is OfferSource.WAITING
    status = RequestStatus.WAITLISTED if waits_on else RequestStatus.UNMET
    await end_offer(session, actor, offer.request_id, status, reason_code="offer_declined")
    await settle(session, actor, [offer])
    return offer


async def _answer(
    session: AsyncSession,
    author: Author,
    offer: Offer,
    status: OfferStatus,
    *,
    reason_code: str | None = None,
    reason_text: str | None = None,
) -> None:
    before = snapshot(offer)
    offer.status = status
    offer.answered_at = now()
    action = f"offer.{status.value}"
    await record(session, author, action, offer, before=before, reason_code=reason_code, reason_text=reason_text)


async def expire_offers(session: AsyncSession) -> int:
    """Expire offers that ran out, some at a time, and return how many there were; a sweep.

    Whoever does not answer waits no more: its request leaves the waiting list, and may join it anew.
    """
    offers = await repository.lock_expired_offers(session, now(), MOST_AT_ONCE)
    await lock_units(session, await repository.units_of_bookings(session, [offer.booking_id for offer in offers]))
    await lock_requests(session, [offer.request_id for offer in offers])
    for offer in offers:
        booking = await locked(session, offer.booking_id)
        if booking.status is BookingStatus.HELD:
            await end_booking(session, SWEEPER, booking, BookingStatus.EXPIRED, reason_code="offer_expired")
        await _answer(session, SWEEPER, offer, OfferStatus.EXPIRED, reason_code="offer_expired")
        await end_offer(session, SWEEPER, offer.request_id, RequestStatus.UNMET, reason_code="offer_expired")
        if offer.source is OfferSource.WAITING:
            request = await repository.lock_request(session, offer.request_id)
            await end_wish(session, SWEEPER, request, "offer_expired")
    await settle(session, SWEEPER, offers)
    return len(offers)


async def settle(session: AsyncSession, author: Author, offers: Iterable[Offer]) -> None:
    """Settle those published rounds of answered offers of which every offer is answered: see `settle_rounds`."""
    await settle_rounds(session, author, {offer.round_id for offer in offers if offer.round_id is not None})


async def settle_rounds(session: AsyncSession, author: Author, round_ids: Collection[UUID]) -> None:
    """Settle those of the published rounds of which every offer is answered.

    The rounds are locked before their offers are read: of two last answers at once, the second one settles.
    """
    rounds = await repository.lock_published_rounds(session, round_ids)
    waiting = await repository.rounds_with_open_offers(session, round_ids)
    for row in rounds:
        if row.id not in waiting:
            await change_status(session, author, row, RoundStatus.SETTLED)
