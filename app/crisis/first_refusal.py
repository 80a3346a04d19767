"""First refusal: the owner of a lot that gives way answers about its place; who does not is reminded, and then told.

A place lapses by a sweep, never by a clock alone: only once its owner was reminded, and had the time that the rules
give it from the reminder on, however long no worker ran. By the rules an owner who is silent can have its place too.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.author import Author
from app.audit.service import record, snapshot
from app.bookings.service import lock_with_run_out
from app.capacity.service import lock_units
from app.core.clock import now
from app.core.errors import NotFound, StateConflict
from app.core.preconditions import require_seen
from app.core.tenancy import go_across
from app.crisis import refusal_repository, repository
from app.crisis.declaration import CrisisRules, Silence
from app.crisis.effects import Outside
from app.crisis.models import CrisisOrder, Displacement, DisplacementStatus, PlaceAnswer
from app.crisis.notice_models import NoticeKind
from app.crisis.orders import outside_of
from app.crisis.places import answer_by, give_up_place, least_notice, take_place
from app.crisis.service import SEES_ALL, get_whole_crisis
from app.crisis.telling import tell_owner
from app.identity.actor import Actor
from app.identity.models import Role

ANSWERS = Author.of_job("crisis_places")
OPEN = frozenset({DisplacementStatus.PENDING, DisplacementStatus.EFFECTIVE})


async def accept_place(session: AsyncSession, actor: Actor, crisis_id: UUID, displacement_id: UUID) -> Displacement:
    """Take the place that is held for the actor's lot: a booking as soon as the lot has given way.

    Raises
    ------
    NotFound
        If no lot of the actor's organisation gives way so in a real crisis.
    StateConflict
        If there is no place to be had, it was answered, or its time is over.
    """
    outside, displacement, order = await _to_answer(session, actor, crisis_id, displacement_id)
    before = snapshot(displacement)
    await take_place(outside, displacement, order)
    await record(session, actor, "displacement.place_accepted", displacement, before=before)
    await tell_owner(outside, displacement, NoticeKind.REPLACEMENT_TAKEN)
    return displacement


async def decline_place(session: AsyncSession, actor: Actor, crisis_id: UUID, displacement_id: UUID) -> Displacement:
    """Give up the place that is held for the actor's lot: it is free for others, and the lot is owed as one without.

    Raises
    ------
    NotFound, StateConflict
        As `accept_place` does.
    """
    outside, displacement, _ = await _to_answer(session, actor, crisis_id, displacement_id)
    await give_up_place(outside, displacement, PlaceAnswer.DECLINED)
    await tell_owner(outside, displacement, NoticeKind.REPLACEMENT_DECLINED)
    return displacement


async def settle_unanswered(session: AsyncSession) -> int:
    """Remind one owner, or settle the place of one who has not answered in time, and return 1; 0 if there is none.

    A sweep calls it until then: one in a transaction, for the units of each are locked by one call.
    """
    due = await refusal_repository.due_answer(session, now())
    if due is None:
        return 0
    displacement_id, crisis_id = due
    outside, displacement, order = await _locked(session, ANSWERS, crisis_id, displacement_id)
    if displacement.answer is not None or displacement.answer_by_at is None or displacement.replacement is None:
        return 1
    rules = CrisisRules.model_validate(outside.crisis.rules)
    if displacement.reminded_at is None:
        await _remind(outside, displacement, order, rules)
    elif displacement.answer_by_at <= now():
        await _settle_silence(outside, displacement, order, rules)
    return 1


async def _remind(outside: Outside, displacement: Displacement, order: CrisisOrder, rules: CrisisRules) -> None:
    """Remind an owner, who has the rules' time from now on; where the place begins before, it is taken for them."""
    at = now()
    before = snapshot(displacement)
    if displacement.replacement is None or displacement.answer_by_at is None:
        return
    if answer_by(rules, displacement.replacement, at) is None:
        await take_place(outside, displacement, order)
        kind, verb = NoticeKind.REPLACEMENT_TAKEN, "place_accepted"
    else:
        displacement.reminded_at = at
        displacement.answer_by_at = max(displacement.answer_by_at, at + least_notice(rules))
        kind, verb = NoticeKind.ANSWER_REMINDER, "owner_reminded"
    await record(outside.session, outside.author, f"displacement.{verb}", displacement, before=before)
    await tell_owner(outside, displacement, kind)


async def _settle_silence(outside: Outside, displacement: Displacement, order: CrisisOrder, rules: CrisisRules) -> None:
    if rules.silence is Silence.LAPSES:
        await give_up_place(outside, displacement, PlaceAnswer.LAPSED)
        await tell_owner(outside, displacement, NoticeKind.REPLACEMENT_LAPSED)
        return
    before = snapshot(displacement)
    await take_place(outside, displacement, order)
    await record(
        outside.session,
        outside.author,
        "displacement.place_accepted",
        displacement,
        before=before,
        reason_code="silence",
    )
    await tell_owner(outside, displacement, NoticeKind.REPLACEMENT_TAKEN)


async def _to_answer(
    session: AsyncSession, actor: Actor, crisis_id: UUID, displacement_id: UUID
) -> tuple[Outside, Displacement, CrisisOrder]:
    """Return what the actor's organisation is asked about, locked with all that its answer touches."""
    if actor.role in SEES_ALL:
        await get_whole_crisis(session, actor, crisis_id)
        actor.require(Role.STARTUP_MEMBER)
    if not await refusal_repository.is_owners(session, crisis_id, displacement_id, actor.organisation_id):
        raise NotFound.of("displacement", displacement_id)
    await go_across(session)
    outside, displacement, order = await _locked(session, actor, crisis_id, displacement_id)
    require_seen(session, displacement)
    _require_open(displacement, now())
    return outside, displacement, order


async def _locked(
    session: AsyncSession, author: Author, crisis_id: UUID, displacement_id: UUID
) -> tuple[Outside, Displacement, CrisisOrder]:
    """Return a displacement and the order that it gives way to: the crisis locked first, as by every other step."""
    crisis = await repository.lock_crisis(session, crisis_id)
    displacement = await refusal_repository.lock_displacement(session, displacement_id)
    if crisis is None or displacement is None:
        raise NotFound.of("displacement", displacement_id)
    order = await session.get_one(CrisisOrder, displacement.order_id)
    outside = await outside_of(session, author, crisis, order.plan_id)
    if displacement.replacement_id is not None:
        place, lot = await outside.booking_of(displacement.replacement_id), displacement.booking_id
        await lock_units(session, {place.unit_id})
        await lock_with_run_out(session, {place.unit_id}, [(await outside.booking_of(lot)).request_id])
    return outside, displacement, order


def _require_open(displacement: Displacement, at: datetime) -> None:
    """Let pass only a question that is open: a place is held, nobody has answered, and it is not too late."""
    facts = {
        "displacement_status": displacement.status.value,
        "answer": displacement.answer and displacement.answer.value,
        "answer_by_at": displacement.answer_by_at and displacement.answer_by_at.isoformat(),
    }
    if displacement.replacement_id is None or displacement.status not in OPEN:
        raise StateConflict("No place is held for this lot: there is nothing to answer.", facts=facts)
    if displacement.answer is not None:
        raise StateConflict(f"This was answered before: the place is {displacement.answer.value}.", facts=facts)
    if displacement.reminded_at and displacement.answer_by_at and displacement.answer_by_at <= at:
        raise StateConflict(
            f"The time to answer was over at {displacement.answer_by_at:%Y-%m-%d %H:%M} UTC.", facts=facts
        )
