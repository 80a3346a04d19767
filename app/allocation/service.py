"""Rounds from draft to close, and their end without a plan; solving and publication have modules of their own."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.allocation import repository
from app.allocation.entrants import enrol
from app.allocation.errors import NothingInScope
from app.allocation.models import Round, RoundRequest, RoundStatus, Run, RunState
from app.allocation.policy import RoundPolicy
from app.allocation.rules import CHANGEABLE, SOLVABLE, require_transition
from app.allocation.runs import ACTIVE, cancel_run
from app.allocation.schemas import RoundCreate, RoundUpdate
from app.allocation.scope import supply_in_scope
from app.audit.author import Author
from app.audit.service import record, snapshot
from app.bookings.freed import look_again
from app.capacity.models import FreezeHolder
from app.capacity.service import freeze_slots, thaw
from app.catalogue.service import require_modalities
from app.core.clock import now, today
from app.core.errors import Invalid, NotFound, StateConflict
from app.core.model import period
from app.core.paging import PageQuery
from app.core.preconditions import require_seen
from app.core.settings import get_settings
from app.identity.actor import Actor
from app.identity.models import Role
from app.requests.service import lock_requests

MODALITIES = "/modalities/{}"
COORDINATES = (Role.COORDINATOR, Role.ADMIN)


def is_coordinator(actor: Actor) -> bool:
    """Tell whether an actor sees drafts, runs, and everybody's part of a round."""
    return actor.role in COORDINATES


async def create_round(session: AsyncSession, actor: Actor, command: RoundCreate) -> Round:
    """Draft a round.

    Raises
    ------
    Invalid
        If its horizon ends before the day it reasons from, or it names an unknown modality.
    """
    actor.require(*COORDINATES)
    await require_modalities(session, command.modalities, MODALITIES)
    as_of_on = command.as_of_on or today()
    if command.end <= as_of_on:
        raise Invalid.field("end", f"The horizon ends on {command.end}, not after {as_of_on}, when the round begins.")
    row = Round(
        name=command.name,
        reserves=[reserve.value for reserve in command.reserves],
        modalities=command.modalities,
        regions=command.regions,
        horizon=command.period,
        as_of_on=as_of_on,
        closes_at=command.closes_at,
        offer_hours=command.offer_hours or get_settings().offer_hours,
        policy=command.policy.model_dump(mode="json"),
        policy_version=command.policy.version,
    )
    session.add(row)
    await record(session, actor, "round.created", row)
    return row


async def locked_round(session: AsyncSession, actor: Actor, round_id: UUID) -> Round:
    """Return a round for the coordinator to act on, locked until the transaction ends.

    Raises
    ------
    NotFound
        If there is none.
    """
    actor.require(*COORDINATES)
    row = await repository.lock_round(session, round_id)
    if row is None:
        raise NotFound.of("round", round_id)
    return require_seen(session, row)


async def update_round(session: AsyncSession, actor: Actor, round_id: UUID, command: RoundUpdate) -> Round:
    """Change a round; what is left out stays.

    Raises
    ------
    StateConflict
        If what is to change has been relied on already.
    Invalid
        If its horizon would end before the day it reasons from, or it names an unknown modality.
    """
    row = await locked_round(session, actor, round_id)
    await require_modalities(session, command.modalities, MODALITIES)
    before = snapshot(row)
    changes = _changes(command)
    settled = sorted(set(changes) - CHANGEABLE.get(row.status, frozenset()))
    if settled:
        raise StateConflict(
            f"A round that is {row.status.value} no longer changes its {', '.join(settled)}.",
            facts={"round_status": row.status.value, "settled": settled},
        )
    for name, value in changes.items():
        setattr(row, name, value)
    if row.horizon.upper is not None and row.horizon.upper <= row.as_of_on:
        raise Invalid.field("end", f"The horizon ends on {row.horizon.upper}, not after {row.as_of_on}.")
    if "policy" in changes:
        row.policy_version = command.policy.version
    await record(session, actor, "round.updated", row, before=before)
    return row


def _changes(command: RoundUpdate) -> dict[str, Any]:
    changes = command.model_dump(exclude_unset=True, exclude={"start", "end", "policy", "reserves"})
    if command.start is not None and command.end is not None:
        changes["horizon"] = period(command.start, command.end)
    if "policy" in command.model_fields_set:
        changes["policy"] = command.policy.model_dump(mode="json")
    if "reserves" in command.model_fields_set:
        changes["reserves"] = [reserve.value for reserve in command.reserves]
    return changes


async def list_rounds(
    session: AsyncSession, actor: Actor, paging: PageQuery, *, status: RoundStatus | None
) -> tuple[list[Round], str | None]:
    """Return one page of rounds: all for the coordinator, those that were opened for everybody else."""
    return await repository.page_rounds(session, paging, status=status, drafts=is_coordinator(actor))


async def get_round(session: AsyncSession, actor: Actor, round_id: UUID) -> Round:
    """Return a round; a draft exists for the coordinator alone.

    Raises
    ------
    NotFound
        If there is none that the actor may see.
    """
    row = await repository.get_round(session, round_id)
    hidden = row is not None and row.status in {RoundStatus.DRAFT, RoundStatus.CANCELLED} and not is_coordinator(actor)
    if row is None or hidden:
        raise NotFound.of("round", round_id)
    return row


async def entries_of(session: AsyncSession, actor: Actor, round_id: UUID) -> list[tuple[RoundRequest, UUID]]:
    """Return the requests of a round with their organisations: all for the coordinator, else the actor's own."""
    own = None if is_coordinator(actor) else actor.organisation_id
    rows = await repository.entries_of(session, round_id, own)
    return [(entry, request.organisation_id) for entry, request in rows]


async def runs_of(session: AsyncSession, actor: Actor, round_id: UUID) -> list[Run]:
    """Return the runs of a round, newest first; only the coordinator sees any."""
    return await repository.runs_of(session, round_id) if is_coordinator(actor) else []


async def frozen_count(session: AsyncSession, round_id: UUID) -> int:
    """Return how many slots a round holds still."""
    return len(await repository.frozen_slots(session, round_id))


async def change_status(
    session: AsyncSession,
    author: Author,
    row: Round,
    status: RoundStatus,
    reason: Mapping[str, str | None] | None = None,
) -> Round:
    """Take a locked round to another status: the one place where it changes.

    Parameters
    ----------
    reason
        `reason_code` and `reason_text` for the audit record, where there is one.

    Raises
    ------
    StateConflict
        If the transition table does not know the change.
    """
    require_transition(row.status, status)
    before = snapshot(row)
    row.status = status
    await record(session, author, f"round.{status.value}", row, before=before, **(reason or {}))
    return row


async def open_round(session: AsyncSession, actor: Actor, round_id: UUID) -> Round:
    """Open a round: requests submitted from now on know of it.

    Raises
    ------
    StateConflict
        If it is not a draft.
    """
    row = await locked_round(session, actor, round_id)
    return await change_status(session, actor, row, RoundStatus.OPEN)


async def close_round(session: AsyncSession, actor: Actor, round_id: UUID) -> Round:
    """Close a round, in one transaction: slots in its scope are held still, waiting requests in its scope take part.

    Raises
    ------
    StateConflict
        If it is not open.
    NothingInScope
        If there is no slot to allocate.
    SlotFrozen
        If another round holds one of the slots.
    """
    row = await locked_round(session, actor, round_id)
    await change_status(session, actor, row, RoundStatus.CLOSED)
    row.closes_at = now()
    supply = await supply_in_scope(session, row)
    slot_ids = [slot.slot_id for slots in supply.slots.values() for slot in slots]
    if not slot_ids:
        raise NothingInScope("No published slot lies in this round's reserves, modalities, regions and horizon.")
    await freeze_slots(session, actor, FreezeHolder.ROUND, row.id, slot_ids)
    await enrol(session, actor, row, RoundPolicy.model_validate(row.policy))
    return row


async def cancel_round(session: AsyncSession, actor: Actor, round_id: UUID) -> Round:
    """Give up a round that is not published: its slots are free again, its requests wait as before.

    Raises
    ------
    StateConflict
        If it is published, settled or cancelled.
    """
    row = await locked_round(session, actor, round_id)
    await change_status(session, actor, row, RoundStatus.CANCELLED)
    for run in await repository.runs_of(session, row.id):
        if run.state in ACTIVE:
            await cancel_run(session, actor, run.id)
    await thaw(session, actor, row.id)
    request_ids = [entry.request_id for entry, _ in await repository.entries_of(session, row.id)]
    await lock_requests(session, request_ids)
    await look_again(session, request_ids)
    return row


async def round_run_ended(session: AsyncSession, run: Run) -> None:
    """Mark a round as solved when a run of it has ended with a plan; one cancelled meanwhile stays as it is.

    The plan that a cancelled run kept makes a round solved that has no other.
    """
    if run.solution is None or run.round_id is None:
        return
    row = await repository.lock_round(session, run.round_id)
    solvable = SOLVABLE if run.state is RunState.SUCCEEDED else {RoundStatus.CLOSED}
    if row is not None and row.status in solvable:
        await change_status(session, Author.of_job("solve"), row, RoundStatus.SOLVED)
