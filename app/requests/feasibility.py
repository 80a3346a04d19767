"""Asking a CDMO whether a request is feasible on its line, on what its owner consents to disclose."""

from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.service import record, snapshot
from app.core.clock import day_of, now, today
from app.core.errors import FieldFault, Invalid, NotFound
from app.core.preconditions import require_seen
from app.identity.actor import Actor
from app.identity.models import Role
from app.requests import feasibility_repository as repository
from app.requests.errors import AlreadyAsked, RequestSettled, ReviewNotNeeded
from app.requests.models import Feasibility, FeasibilityState, FeasibilityStatus
from app.requests.rules import WAITING, answer_faults
from app.requests.schemas import FeasibilityAnswer, FeasibilityCreate, FeasibilityFilter, FeasibilitySummary
from app.requests.service import get_request
from app.requests.visibility import confined_to


async def ask_feasibility(session: AsyncSession, actor: Actor, command: FeasibilityCreate) -> Feasibility:
    """Disclose a summary of the actor's request to the CDMO of a line, and ask; an answer that has ended is asked anew.

    Raises
    ------
    NotFound
        If there is no such request of the actor's.
    Invalid
        If there is no such line, or it cannot be booked.
    AlreadyAsked
        If the question is open, or its answer still holds.
    ReviewNotNeeded
        If the line is standard for the product's modality.
    """
    actor.require(Role.STARTUP_MEMBER)
    request = await get_request(session, actor, command.request_id, lock=True)
    if request.status not in WAITING:
        raise RequestSettled(f"The request is {request.status.value}: there is nothing left to ask.")
    owner = await repository.line_owner(session, command.line_id)
    if owner is None:
        raise Invalid.field("line_id", f"There is no line {command.line_id}.")
    if owner.not_bookable_reason is not None:
        raise Invalid.field("line_id", f"This line cannot be booked: {owner.not_bookable_reason}.")
    if await repository.is_standard(session, request.product_id, command.line_id):
        raise ReviewNotNeeded("The line is standard for this modality: book it, without disclosing anything.")
    if command.answer_by_on is not None and command.answer_by_on < today():
        raise Invalid.field("answer_by_on", "has gone by")
    disclosed: dict[str, Any] = {
        "disclosed_summary": command.disclosed_summary,
        "nda_reference": command.nda_reference,
        "consented_at": now(),
        "answer_by_on": command.answer_by_on,
    }
    row = await repository.feasibility_on(session, request.id, command.line_id)
    if row is not None:
        return await _ask_again(session, actor, row, disclosed)
    row = Feasibility(request_id=request.id, line_id=command.line_id, **disclosed)
    session.add(row)
    await record(session, actor, "feasibility.asked", row)
    return row


async def _ask_again(session: AsyncSession, actor: Actor, row: Feasibility, disclosed: dict[str, Any]) -> Feasibility:
    """Put a question again whose answer has ended."""
    if row.valid_until_on is None or row.valid_until_on >= today():
        raise AlreadyAsked(
            f"This line has been asked already: {row.status.value}.", facts={"feasibility_id": str(row.id)}
        )
    before = snapshot(row)
    cleared = {"condition": None, "reason_code": None, "answered_at": None, "valid_until_on": None}
    for name, value in {**disclosed, **cleared, "status": FeasibilityStatus.ASKED}.items():
        setattr(row, name, value)
    await record(session, actor, "feasibility.asked", row, before=before)
    return row


async def get_feasibility(session: AsyncSession, actor: Actor, feasibility_id: UUID) -> Feasibility:
    """Return a feasibility to the request's owner, the line's CDMO or the coordinator.

    Raises
    ------
    NotFound
        If there is none, or it concerns others.
    """
    found = await repository.find_feasibility(session, feasibility_id)
    if found is None or not (actor.sees(found[1].organisation_id) or actor.sees(found[2].organisation_id)):
        raise NotFound.of("feasibility", feasibility_id)
    return found[0]


async def list_feasibilities(
    session: AsyncSession, actor: Actor, query: FeasibilityFilter
) -> tuple[list[Feasibility], str | None]:
    """Return one page of the actor's questions and of those put to its lines; the coordinator sees all.

    Those to which an answer is wanted come first, by the day by which it is.
    """
    return await repository.page_feasibilities(session, query, today(), organisation_id=confined_to(actor))


async def summarise(session: AsyncSession, actor: Actor) -> FeasibilitySummary:
    """Return how many of the questions that the actor sees stand where."""
    counts, oldest = await repository.count_feasibilities(session, today(), organisation_id=confined_to(actor))
    return FeasibilitySummary(
        **{state.value: counts.get(state, 0) for state in FeasibilityState},
        oldest_open_days=(today() - day_of(oldest)).days if oldest else None,
    )


async def answer_feasibility(
    session: AsyncSession, actor: Actor, feasibility_id: UUID, command: FeasibilityAnswer
) -> Feasibility:
    """Record the word of the line's CDMO; it may change its mind, and the trail keeps both.

    Raises
    ------
    NotFound
        If there is none on the actor's lines.
    Invalid
        If the answer lacks its condition or reason, or has ended before it is given.
    """
    actor.require(Role.CDMO_PLANNER)
    found = await repository.find_feasibility(session, feasibility_id, lock=True)
    if found is None or found[2].organisation_id != actor.organisation_id:
        raise NotFound.of("feasibility", feasibility_id)
    row = require_seen(session, found[0])
    faults = list(answer_faults(command))
    if command.valid_until_on is not None and command.valid_until_on < today():
        faults.append(FieldFault("/valid_until_on", "has gone by"))
    if faults:
        raise Invalid("The answer is not complete.", faults=faults)
    before = snapshot(row)
    for name, value in (command.model_dump() | {"status": FeasibilityStatus(command.status)}).items():
        setattr(row, name, value)
    row.answered_at = now()
    await record(session, actor, "feasibility.answered", row, before=before, reason_code=command.reason_code)
    return row
