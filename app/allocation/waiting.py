"""Freed days offered to whoever waits: asked about by a job, decided by the engine, written with every skip.

A job takes up the freed days of one unit, reads who waits, and stores the problem as a run. The end of the run makes
the offer and writes the decision in its own transaction, if nothing that it rests on has changed; else the list is
asked again. What a round or a crisis holds still waits for the end of that.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.allocation import repository
from app.allocation import waiting_repository as waiting_list
from app.allocation.entrants import move
from app.allocation.models import (
    Offer,
    Run,
    RunKind,
    RunState,
    WaitingDecision,
    WaitingLine,
    WaitingOutcome,
    WaitingResult,
)
from app.allocation.offer_letters import tell_of_offers
from app.allocation.places import Place, offer_of
from app.allocation.runs import create_run
from app.allocation.waiting_case import Case, lock_waiting, read_case, read_passed_over
from app.allocation.waiting_rules import OUT_OF_SERVICE, SkipReason, Verdict, left_without, told_apart
from app.audit.author import Author
from app.audit.service import record, record_all
from app.bookings.errors import BookingRefused, SlotFrozen
from app.bookings.models import BookingSource, FreedPeriod
from app.bookings.service import BookingDraft, create_bookings
from app.capacity.service import calendar_versions, lock_units
from app.core.clock import now
from app.core.database import snapshot_beside
from app.core.jobs import Entrypoint, enqueue
from app.core.settings import get_settings
from app.requests.models import RequestStatus

AUTHOR = Author.of_job("waiting_list")
MOST_ATTEMPTS = 10
"""What kills its worker would do so again; and a calendar that never rests is left to those who book there."""

PARAMETERS = {"time_limit_s": 10.0, "budget": 20.0, "longest_s": 60.0, "workers": 1, "baselines": False}
"""For one unit and a score of requests: proven in a second, and the same whenever it is solved again."""


async def count_attempt(session: AsyncSession, unit_id: UUID) -> None:
    """Count one more attempt at the freed days of a unit: after so many they are decided as failed."""
    await waiting_list.count_attempt(session, unit_id)


async def ask_waiting_list(session: AsyncSession, unit_id: UUID) -> Run | None:
    """Take up the freed days of a unit: decided at once where nobody fits, else solved as a run, which is returned.

    Nothing happens where a run about the unit is under way: its end asks again.
    """
    undecided = await waiting_list.lock_undecided(session, unit_id)
    if await waiting_list.any_active(session, [one.run_id for one in undecided if one.run_id]):
        return None
    if max((one.attempts for one in undecided), default=0) > MOST_ATTEMPTS:
        await _give_up(session, undecided, WaitingOutcome.FAILED, SkipReason.NO_PLAN)
        return None
    if broken := [one for one in undecided if one.reason_code in OUT_OF_SERVICE]:
        await _give_up(session, broken, WaitingOutcome.WITHHELD, SkipReason.OUT_OF_SERVICE)
    freed = [one for one in undecided if one.reason_code not in OUT_OF_SERVICE]
    if not freed:
        return None
    await lock_waiting(session, unit_id, shared=True)
    async with snapshot_beside(session) as reading:
        case = await read_case(reading, unit_id, freed)
        versions = await calendar_versions(reading, [unit_id])
    if not case.contenders:
        outcome = WaitingOutcome.NOBODY if case.has_days else WaitingOutcome.TAKEN
        await _decide(session, case, freed, outcome, case.verdicts)
        return None
    return await _solve(session, unit_id, case, freed, versions)


async def _give_up(
    session: AsyncSession, undecided: Sequence[FreedPeriod], outcome: WaitingOutcome, reason: SkipReason
) -> None:
    """Decide that days are offered to nobody, with a line for each who waited; nothing of them is weighed."""
    case = await read_passed_over(session, undecided[0].unit_id, reason)
    await _decide(session, case, undecided, outcome, case.verdicts, reason_code=reason.value)


async def _solve(
    session: AsyncSession, unit_id: UUID, case: Case, freed: Sequence[FreedPeriod], versions: dict[UUID, int]
) -> Run:
    built = case.problem()
    run = await create_run(
        session,
        AUTHOR,
        kind=RunKind.WAITING,
        problem=built.document,
        references={**built.references, "unit_id": str(unit_id), "turn": case.turn},
        calendar_versions={str(one): version for one, version in versions.items()},
        parameters={**PARAMETERS, "seed": case.policy.seed, "policy_version": case.policy.version},
    )
    for one in freed:
        one.run_id = run.id
    await session.flush()
    return run


async def offer_freed(session: AsyncSession, run: Run) -> None:
    """Offer freed days as a run has decided, and write down why everybody else was passed over.

    If the calendar, the order of those who wait, or what they ask has changed since, the list is asked again.
    """
    unit_id = UUID(run.references["unit_id"])
    await lock_units(session, [unit_id])
    freed = await waiting_list.lock_of_run(session, run.id)
    if not freed:
        return
    placed = (run.solution or {}).get("placed", ()) if run.state is RunState.SUCCEEDED else ()
    if not placed or await _has_changed(session, unit_id, run):
        await enqueue(session, Entrypoint.WAITING, unit_id)
        return
    await lock_waiting(session, unit_id)
    case = await read_case(session, unit_id, freed)
    origin = date.fromisoformat(run.problem["origin"])
    drafts = await _drafts(session, case, origin, placed) if case.turn == run.references["turn"] else []
    if len(drafts) != len(placed):
        await enqueue(session, Entrypoint.WAITING, unit_id)
        return
    await _offer(session, case, run, freed, drafts)


async def _has_changed(session: AsyncSession, unit_id: UUID, run: Run) -> bool:
    present = await calendar_versions(session, [unit_id])
    return {str(one): version for one, version in present.items()} != run.calendar_versions


async def _drafts(
    session: AsyncSession, case: Case, origin: date, placed: Sequence[dict[str, Any]]
) -> list[BookingDraft]:
    """Return the holds to make; fewer than are placed where matching no longer gives the option that was planned."""
    if case.as_of_on != origin:
        return []
    expires_at = now() + timedelta(hours=get_settings().offer_hours)
    verdicts = {one.waiting.request.request_id: one for one in case.contenders}
    drafts = []
    for item in placed:
        verdict = verdicts[UUID(item["demand"])]
        request = await repository.lock_request(session, verdict.waiting.request.request_id)
        place = Place.of(request, origin, item)
        if option := place.option_among(verdict.options):
            drafts.append(
                place.draft(verdict.waiting.request, option, source=BookingSource.WAITING, hold_expires_at=expires_at)
            )
    return drafts


async def _offer(
    session: AsyncSession, case: Case, run: Run, freed: Sequence[FreedPeriod], drafts: Sequence[BookingDraft]
) -> None:
    """Hold the places, offer them, and write the decision; what the calendar refuses for good is decided as failed."""
    try:
        async with session.begin_nested():
            bookings = await create_bookings(session, AUTHOR, drafts)
    except SlotFrozen:
        return  # a sweep takes the days up again when nothing holds their slot still any more
    except BookingRefused as refusal:
        verdicts = left_without(case.verdicts, refusal.type)
        await _decide(session, case, freed, WaitingOutcome.FAILED, verdicts, run=run, reason_code=refusal.type)
        return
    offers = {offer.request_id: offer for offer in (offer_of(run, booking) for booking in bookings)}
    session.add_all(offers.values())
    await record_all(session, AUTHOR, "offer.made", offers.values())
    await tell_of_offers(session, offers.values())
    verdicts = told_apart(case.verdicts, offers)
    await _decide(session, case, freed, WaitingOutcome.OFFERED, verdicts, run=run, offers=offers)
    for request_id in offers:
        if (await repository.lock_request(session, request_id)).status is RequestStatus.WAITLISTED:
            await move(session, AUTHOR, request_id, RequestStatus.OFFERED, reason_code="place_freed")


async def _decide(
    session: AsyncSession,
    case: Case,
    freed: Sequence[FreedPeriod],
    outcome: WaitingOutcome,
    verdicts: Sequence[Verdict],
    *,
    run: Run | None = None,
    offers: dict[UUID, Offer] | None = None,
    reason_code: str | None = None,
) -> None:
    """Write a decision with a line for everybody who waited; its lines are its own trail, and only ever added."""
    decision = WaitingDecision(
        unit_id=freed[0].unit_id,
        run_id=run.id if run else None,
        as_of_on=case.as_of_on,
        policy=case.policy.model_dump(mode="json"),
        outcome=outcome,
        reason_code=reason_code,
    )
    session.add(decision)
    await record(session, AUTHOR, f"waiting.{outcome.value}", decision, reason_code=reason_code)
    for one in freed:
        one.decision_id = decision.id
    session.add_all(_line(decision.id, verdict, (offers or {})) for verdict in verdicts)
    await session.flush()


def _line(decision_id: UUID, verdict: Verdict, offers: dict[UUID, Offer]) -> WaitingLine:
    waiting = verdict.waiting
    offer = offers.get(waiting.request.request_id)
    return WaitingLine(
        decision_id=decision_id,
        request_id=waiting.request.request_id,
        organisation_id=waiting.request.organisation_id,
        position=verdict.position,
        tier=waiting.tier,
        points=waiting.points,
        waiting_since_at=waiting.since_at,
        result=WaitingResult.OFFERED if offer else WaitingResult.SKIPPED,
        reason_code=None if offer else verdict.reason,
        facts=verdict.facts,
        offer_id=offer.id if offer else None,
    )


async def ask_again(session: AsyncSession) -> int:
    """Have the list asked about freed days that no job is about, and return on how many units; a sweep.

    So it is with those whose slot was held still, and with any whose job was lost.
    """
    units = await waiting_list.units_to_ask_about(session)
    for unit_id in units:
        await enqueue(session, Entrypoint.WAITING, unit_id)
    return len(units)
