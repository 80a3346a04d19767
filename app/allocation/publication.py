"""Making a plan public: offers and their holds in one transaction, unless anything that it rests on has changed."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.allocation import repository
from app.allocation.adjusting import newest_plan
from app.allocation.entrants import OPEN_TO_OFFERS, move
from app.allocation.errors import AlreadyPublished, CalendarChanged
from app.allocation.models import Offer, Round, RoundRequest, RoundStatus, Run
from app.allocation.offer_letters import tell_of_offers
from app.allocation.offers import settle_rounds
from app.allocation.places import Place, offer_of
from app.allocation.planner import Supply, match_policy, options_of
from app.allocation.policy import RoundPolicy
from app.allocation.rules import PLANNED, require_status
from app.allocation.scope import supply_in_scope
from app.allocation.service import change_status, locked_round
from app.audit.service import record, record_all, snapshot, stored
from app.bookings.freed import look_again
from app.bookings.models import BookingSource
from app.bookings.service import BookingDraft, create_bookings, lock_with_run_out
from app.capacity.service import calendar_versions, lock_units, thaw
from app.core.clock import now
from app.identity.actor import Actor
from app.matching.facts import RequestFacts
from app.requests.facts import request_facts
from app.requests.models import Request, RequestStatus


@dataclass(frozen=True, slots=True)
class Published:
    """A published round, and how many requests got what."""

    round: Round
    run: Run
    offers: int
    waitlisted: int
    unmet: int
    left_out: int


async def publish_round(session: AsyncSession, actor: Actor, round_id: UUID, run_id: UUID | None) -> Published:
    """Offer every placed request its period, held until the offer ends, and tell the others where they stand.

    A period is offered no longer than it can be taken, which is until the end of its first day, or before that day
    where its CDMO has to approve it. Of one that has begun by now nothing is offered: its request waits on.

    Raises
    ------
    AlreadyPublished
        If the round is published.
    NothingToPublish
        If no run of it has a plan.
    CalendarChanged
        If a calendar, a line or a request is no longer what the run saw: solve again.
    """
    row = await locked_round(session, actor, round_id)
    if row.status in {RoundStatus.PUBLISHED, RoundStatus.SETTLED}:
        raise AlreadyPublished("This round is published: its offers stand.", facts={"round_status": row.status.value})
    require_status(row.status, PLANNED, "Publishing")
    run = await newest_plan(session, round_id, run_id)
    await _require_same_calendars(session, run)
    entries = await repository.entries_of(session, round_id)
    units = [UUID(unit_id) for unit_id in run.calendar_versions]
    await lock_with_run_out(session, units, [request.id for _, request in entries])
    placed = {UUID(item["demand"]): item for item in (run.solution or {}).get("placed", ())}
    offered = [request for _, request in entries if request.id in placed and request.status in OPEN_TO_OFFERS]
    places = [Place.of(request, row.as_of_on, placed[request.id]) for request in offered]
    drafts = await _drafts(session, row, places)
    at = now()
    in_time = [draft for draft in drafts if draft.hold_expires_at is not None and draft.hold_expires_at > at]
    offers = await _offer(session, actor, row, run, in_time)
    begun = {draft.request_id for draft in drafts} - {draft.request_id for draft in in_time}
    counts = await _tell_outcomes(
        session, actor, entries, run, {offer.request_id: offer for offer in offers}, begun=begun
    )
    await thaw(session, actor, row.id)
    before = await stored(session, run)
    run.published_at = now()
    await record(session, actor, "run.published", run, before=before)
    await change_status(session, actor, row, RoundStatus.PUBLISHED)
    await look_again(session, [request.id for _, request in entries if request.status is RequestStatus.WAITLISTED])
    await settle_rounds(session, actor, [row.id])
    return Published(row, run, len(offers), **counts)


async def _require_same_calendars(session: AsyncSession, run: Run) -> None:
    """Lock every unit of the run's scope, and let pass only calendars that have not changed since it read them."""
    seen = {UUID(unit_id): version for unit_id, version in run.calendar_versions.items()}
    await lock_units(session, seen.keys())
    present = await calendar_versions(session, seen.keys())
    changed = sorted(str(unit_id) for unit_id, version in seen.items() if present.get(unit_id) != version)
    if changed:
        raise CalendarChanged(
            f"Calendars have changed in {len(changed)} places since the plan was made. Nothing was published: "
            "solve again.",
            facts={"unit_ids": changed},
        )


async def _drafts(session: AsyncSession, row: Round, places: Sequence[Place]) -> list[BookingDraft]:
    """Return the holds to make, each found again by matching, which must still give the option that was planned."""
    supply = await supply_in_scope(session, row, {place.slot_id for place in places})
    facts = await request_facts(session, [place.request.id for place in places])
    expires_at = now() + timedelta(hours=row.offer_hours)
    return [_draft(row, place, facts[place.request.id], supply, expires_at) for place in places]


def _draft(row: Round, place: Place, facts: RequestFacts, supply: Supply, expires_at: datetime) -> BookingDraft:
    policy = match_policy(RoundPolicy.model_validate(row.policy))
    found = options_of(facts, supply, row.as_of_on, policy)
    option = place.option_among(found)
    if option is None:
        raise CalendarChanged(
            "The line, its prices or the CDMO's answer have changed since the plan was made, so that a placed request "
            "no longer fits. Nothing was published: solve again.",
            facts={"request_id": str(place.request.id), "slot_id": str(place.slot_id)},
        )
    return place.draft(facts, option, source=BookingSource.ROUND, hold_expires_at=expires_at)


async def _offer(
    session: AsyncSession, actor: Actor, row: Round, run: Run, drafts: Sequence[BookingDraft]
) -> list[Offer]:
    """Hold the places, and offer each to whoever asked."""
    offers = [offer_of(run, booking, round_id=row.id) for booking in await create_bookings(session, actor, drafts)]
    session.add_all(offers)
    await record_all(session, actor, "offer.made", offers)
    await tell_of_offers(session, offers)
    return offers


async def _tell_outcomes(
    session: AsyncSession,
    actor: Actor,
    entries: Sequence[tuple[RoundRequest, Request]],
    run: Run,
    offers: dict[UUID, Offer],
    *,
    begun: Collection[UUID | None],
) -> dict[str, int]:
    """Write down what came of each request, and why; return the counts of those without an offer."""
    counts = {"waitlisted": 0, "unmet": 0, "left_out": 0}
    without_option: dict[str, Any] = run.references.get("without_option", {})
    for entry, request in entries:
        if offer := offers.get(request.id):
            outcome: dict[str, Any] = {"result": "offered", "offer_id": str(offer.id)}
            status = RequestStatus.OFFERED
        elif request.status not in OPEN_TO_OFFERS:
            outcome = {"result": "left_out", "request_status": request.status.value}
            status = request.status
        elif str(request.id) in without_option:
            outcome = {"result": "unmet", "reasons": without_option[str(request.id)]}
            status = RequestStatus.UNMET
        else:
            code = "place_begun" if request.id in begun else "outranked"
            outcome = {"result": "waitlisted", "reasons": [{"code": code}]}
            status = RequestStatus.WAITLISTED
        if outcome["result"] in counts:
            counts[outcome["result"]] += 1
        before = snapshot(entry)
        entry.derivation = {**entry.derivation, "outcome": {**outcome, "run_id": str(run.id)}}
        await record(session, actor, "round_request.decided", entry, before=before)
        await move(session, actor, request.id, status, reason_code=f"round_{outcome['result']}")
    return counts
