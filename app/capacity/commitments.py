"""Telling when a unit is busy, without telling with what: its own CDMO does, and nobody else sees it."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.service import record, record_all, snapshot
from app.capacity import calendar_repository, commitment_repository, repository
from app.capacity.commitment_schemas import CommitmentCreate, CommitmentFilter, CommitmentUpdate
from app.capacity.errors import SlotOverlap
from app.capacity.models import Commitment
from app.capacity.occupancy import span_of
from app.capacity.slots import own_place
from app.capacity.supply import Span
from app.core.errors import FieldFault, Invalid, NotFound
from app.core.model import period
from app.core.preconditions import require_seen
from app.identity.actor import Actor
from app.identity.models import Role


async def list_commitments(
    session: AsyncSession, actor: Actor, query: CommitmentFilter
) -> tuple[list[Commitment], str | None]:
    """Return one page of the actor's own commitments, and the cursor of the next.

    Raises
    ------
    Invalid
        If `end` is not after `start`.
    """
    actor.require(Role.CDMO_PLANNER)
    if query.start is not None and query.end is not None and query.end <= query.start:
        detail = f"end ({query.end}) must be after start ({query.start})"
        raise Invalid(detail, faults=[FieldFault("query/end", detail)])
    return await commitment_repository.page_commitments(session, query, owner_id=actor.organisation_id)


async def get_commitment(session: AsyncSession, actor: Actor, commitment_id: UUID) -> Commitment:
    """Return one commitment of the actor's own.

    Raises
    ------
    NotFound
        If there is none, or it is another's.
    """
    actor.require(Role.CDMO_PLANNER)
    found = await commitment_repository.find_commitment(session, commitment_id, owner_id=actor.organisation_id)
    if found is None:
        raise NotFound.of("commitment", commitment_id)
    return found


async def create_commitment(session: AsyncSession, actor: Actor, command: CommitmentCreate) -> Commitment:
    """Add a busy period to a unit of the actor's own.

    Raises
    ------
    NotFound
        If the unit is another's, or none.
    SlotOverlap
        If a published slot is in the way.
    """
    actor.require(Role.CDMO_PLANNER)
    place = await own_place(session, actor, command.unit_id)
    await repository.lock_units(session, [place.unit_id])
    await _refuse_over_slot(session, place.unit_id, Span(command.start, command.end))
    made = Commitment(unit_id=place.unit_id, period=command.period, kind=command.kind, note=command.note)
    session.add(made)
    await calendar_repository.flush_calendar(session)
    await record(session, actor, "commitment.created", made)
    return made


async def update_commitment(
    session: AsyncSession, actor: Actor, commitment_id: UUID, command: CommitmentUpdate
) -> Commitment:
    """Change a commitment of the actor's own; what is left out stays.

    Raises
    ------
    NotFound
        If there is none, or it is another's.
    Invalid
        If it would end before it starts.
    SlotOverlap
        If a published slot is in the way.
    """
    found = await get_commitment(session, actor, commitment_id)
    await repository.lock_units(session, [found.unit_id])
    found = require_seen(session, await get_commitment(session, actor, commitment_id))
    kept = span_of(found.period)
    span = Span(command.start or kept.start_on, command.end or kept.end_on)
    if span.end_on <= span.start_on:
        raise Invalid.field("end", f"end ({span.end_on}) must be after start ({span.start_on})")
    await _refuse_over_slot(session, found.unit_id, span)
    before = snapshot(found)
    changes = command.model_dump(exclude_unset=True, exclude={"start", "end"})
    found.sqlmodel_update(changes | {"period": period(*span)})
    await calendar_repository.flush_calendar(session)
    await record(session, actor, "commitment.updated", found, before=before)
    return found


async def delete_commitment(session: AsyncSession, actor: Actor, commitment_id: UUID) -> None:
    """Remove a commitment of the actor's own; its audit record keeps what it was.

    Raises
    ------
    NotFound
        If there is none, or it is another's.
    """
    found = await get_commitment(session, actor, commitment_id)
    await repository.lock_units(session, [found.unit_id])
    found = require_seen(session, await get_commitment(session, actor, commitment_id))
    await record_all(session, actor, "commitment.deleted", [found], gone=True)
    await session.delete(found)
    await session.flush()


async def _refuse_over_slot(session: AsyncSession, unit_id: UUID, span: Span) -> None:
    slot = await calendar_repository.slot_over(session, unit_id, span)
    if slot is not None:
        raise SlotOverlap.of(slot.id, span_of(slot.period))
