"""Publishing, changing, withdrawing and searching slots."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.service import record, snapshot
from app.capacity import agreement_repository, calendar_repository, repository
from app.capacity.drafts import action_of, columns_of, contradiction, draft_faults, draft_of
from app.capacity.errors import CommitmentOverlap, LineNotBookable, SlotOverlap
from app.capacity.models import Slot, SlotStatus
from app.capacity.occupancy import claims_on, span_of
from app.capacity.rules import TRANSITIONS, SlotDraft, changed_draft, is_given_up, is_shrunk
from app.capacity.schemas import SlotCreate, SlotFilter, SlotNeeds, SlotUpdate
from app.capacity.search_repository import slots_meeting
from app.capacity.slot_views import page_texts
from app.capacity.supply import Span
from app.catalogue.place import UnitPlace
from app.catalogue.service import place_of, require_modalities, require_volume_order
from app.core.clock import today
from app.core.driver import Driver, driver_of
from app.core.errors import FieldFault, Invalid, NotAllowed, NotFound, StateConflict
from app.core.preconditions import require_seen
from app.identity.actor import Actor
from app.identity.models import Role

BUYERS = frozenset({Role.STARTUP_MEMBER, Role.COORDINATOR, Role.AUTHORITY, Role.ADMIN})
"""Roles that see every published slot; a CDMO sees its own slots alone."""


def _owner_filter(actor: Actor) -> UUID | None:
    """Return whose slots the actor is confined to, or None if to all that are published.

    Raises
    ------
    NotAllowed
        If the actor's role sees no slots at all.
    """
    if actor.role in BUYERS:
        return None
    if actor.role is Role.CDMO_PLANNER:
        return actor.organisation_id
    raise NotAllowed("Slots are for those who buy, sell or allocate them; observers see aggregates.")


async def search_slots(session: AsyncSession, actor: Actor, query: SlotFilter) -> tuple[list[str], str | None]:
    """Return one page of the slots that pass every filter, by their first day, as JSON, and the cursor of the next.

    Raises
    ------
    NotAllowed
        If the actor's role sees no slots at all.
    Invalid
        If the filters contradict each other, or name an unknown modality.
    """
    owner_id = _owner_filter(actor)
    await require_sound_needs(session, query, "query/")
    return await page_texts(await driver_of(session), query, owner_id)


async def search_slots_at_once(driver: Driver, actor: Actor, query: SlotFilter) -> tuple[list[str], str | None]:
    """Do what `search_slots` does, but for telling an unknown modality from one of which there are no slots."""
    owner_id = _owner_filter(actor)
    _require_sound_bounds(query, "query/")
    return await page_texts(driver, query, owner_id)


async def require_sound_needs(session: AsyncSession, needs: SlotNeeds, at: str) -> None:
    """Let pass only needs that do not contradict each other, and name a known modality.

    Parameters
    ----------
    at
        Where the fields come from: `query/`, or the pointer of an object in a body, `/filters/`.

    Raises
    ------
    Invalid
        For any others.
    """
    _require_sound_bounds(needs, at)
    await require_modalities(session, [needs.modality] if needs.modality else [], f"{at}modality")


def _require_sound_bounds(needs: SlotNeeds, at: str) -> None:
    if needs.start is not None and needs.end is not None and needs.end <= needs.start:
        detail = f"end ({needs.end}) must be after start ({needs.start})"
        raise Invalid(detail, faults=[FieldFault(f"{at}end", detail)])
    require_volume_order(needs.volume_min, needs.volume_max, f"{at}volume_max")


async def free_slots_meeting(
    session: AsyncSession, needs: SlotNeeds, slot_ids: Collection[UUID], *, taken: Mapping[UUID, Sequence[Span]]
) -> set[UUID]:
    """Return which of these slots are published, and still have free days that meet the needs today.

    Parameters
    ----------
    taken
        Further days that are to count as booked, by slot.
    """
    query = SlotFilter(**needs.model_dump(), available=True)
    return await slots_meeting(session, query, slot_ids, today=today(), taken=taken)


async def read_slot(session: AsyncSession, actor: Actor, slot_id: UUID) -> Slot:
    """Return one slot that the actor may see.

    Raises
    ------
    NotFound
        If there is none, it is another CDMO's, or it is not published and not one's own.
    """
    owner_id = _owner_filter(actor)
    slot = await repository.find_slot(session, slot_id, owner_id=owner_id)
    if slot is None or (owner_id is None and slot.status is not SlotStatus.PUBLISHED):
        raise NotFound.of("slot", slot_id)
    return slot


async def own_place(session: AsyncSession, actor: Actor, unit_id: UUID) -> UnitPlace:
    """Return where a unit of the actor's own stands.

    Raises
    ------
    NotFound
        If there is no such unit, or it is another's.
    """
    place = await place_of(session, unit_id)
    if place.organisation_id != actor.organisation_id:
        raise NotFound.of("unit", unit_id)
    return place


async def create_slot(session: AsyncSession, actor: Actor, command: SlotCreate) -> Slot:
    """Publish a slot, or store a draft of one.

    Raises
    ------
    NotFound
        If the unit is another's, or none.
    Invalid
        If the slot contradicts itself, its line or its agreement.
    LineNotBookable, SlotOverlap, CommitmentOverlap
        If it cannot be published.
    """
    actor.require(Role.CDMO_PLANNER)
    place = await own_place(session, actor, command.unit_id)
    draft = SlotDraft(**command.model_dump(exclude={"unit_id"}))
    if draft.status is SlotStatus.WITHDRAWN:
        raise Invalid.field("status", "A new slot is published or a draft.")
    await repository.lock_units(session, [place.unit_id])
    await _check(session, place, draft)
    slot = Slot(unit_id=place.unit_id, **columns_of(draft))
    session.add(slot)
    await calendar_repository.flush_calendar(session)
    await record(session, actor, action_of(None, draft), slot)
    return slot


async def update_slot(session: AsyncSession, actor: Actor, slot_id: UUID, command: SlotUpdate) -> Slot:
    """Change a slot of one's own; what is left out stays.

    Raises
    ------
    NotFound
        If there is none, or it is another's.
    StateConflict
        If its status may not become the one asked for.
    SlotBooked, SlotOrdered, SlotFrozen
        If a live booking, a crisis order, or the plan of a round or a crisis stands against the change.
    Invalid, LineNotBookable, SlotOverlap, CommitmentOverlap
        As for a new slot.
    """
    return await change_slot(session, actor, slot_id, command.model_dump(exclude_unset=True))


async def withdraw_slot(session: AsyncSession, actor: Actor, slot_id: UUID) -> Slot:
    """Take a slot of one's own out of the market; nothing happens if it is out already.

    Raises
    ------
    NotFound
        If there is none, or it is another's.
    SlotBooked, SlotOrdered, SlotFrozen
        If it has a live booking or an order, or is held still.
    """
    return await change_slot(session, actor, slot_id, {"status": SlotStatus.WITHDRAWN})


async def own_slot(session: AsyncSession, actor: Actor, slot_id: UUID) -> tuple[Slot, UnitPlace]:
    """Return a slot of the actor's own as it is now, its unit locked, and where it stands.

    Raises
    ------
    NotFound
        If there is none, or it is another's.
    """
    actor.require(Role.CDMO_PLANNER)
    place = await own_place(session, actor, (await read_slot(session, actor, slot_id)).unit_id)
    await repository.lock_units(session, [place.unit_id])
    return require_seen(session, await read_slot(session, actor, slot_id)), place


async def change_slot(
    session: AsyncSession, actor: Actor, slot_id: UUID, changes: Mapping[str, Any], *, action: str | None = None
) -> Slot:
    """Change a slot of one's own: see `update_slot`.

    Parameters
    ----------
    action
        What the audit record calls it; None goes by the change of status.
    """
    slot, place = await own_slot(session, actor, slot_id)
    before = draft_of(slot)
    after = changed_draft(before, changes)
    if after == before:
        return slot
    if after.status is not before.status and after.status not in TRANSITIONS[before.status]:
        raise StateConflict(f"A {before.status.value} slot cannot become {after.status.value}.")
    only_withdrawn = after == replace(before, status=SlotStatus.WITHDRAWN)
    if not only_withdrawn:
        await _check(session, place, after, before=before, slot_id=slot.id)
    await _refuse_contradictions(session, slot.id, before, after)
    old = snapshot(slot)
    slot.sqlmodel_update(columns_of(after))
    await calendar_repository.flush_calendar(session)
    await record(session, actor, action or action_of(before, after), slot, before=old)
    return slot


async def _refuse_contradictions(session: AsyncSession, slot_id: UUID, before: SlotDraft, after: SlotDraft) -> None:
    """Let pass only a change that contradicts nothing which relies on the slot; the unit is locked."""
    holders: list[str] = []
    if is_given_up(before, after) or is_shrunk(before, after):
        holders = [one.holder.value for one in await repository.freezes_of_slots(session, [slot_id])]
    refusal = contradiction(slot_id, before, after, await claims_on(session, slot_id), holders=holders, today=today())
    if refusal is not None:
        raise refusal


async def _check(
    session: AsyncSession,
    place: UnitPlace,
    draft: SlotDraft,
    *,
    before: SlotDraft | None = None,
    slot_id: UUID | None = None,
) -> None:
    """Let pass only a slot that its line, its agreement and the unit's calendar allow; the unit is locked."""
    wanted = [draft.agreement_id] if draft.agreement_id is not None else []
    agreements = await agreement_repository.agreements_by_id(session, wanted) if wanted else {}
    faults = draft_faults(place, draft, agreements, before)
    if faults:
        raise Invalid("The slot contradicts itself, its line or its agreement.", faults=faults)
    if draft.status is not SlotStatus.PUBLISHED:
        return
    if place.not_bookable_reason is not None:
        raise LineNotBookable.because(place.not_bookable_reason)
    other = await calendar_repository.slot_over(session, place.unit_id, draft.span, but=slot_id)
    if other is not None:
        raise SlotOverlap.of(other.id, span_of(other.period))
    commitment = await calendar_repository.commitment_over(session, place.unit_id, draft.span)
    if commitment is not None:
        raise CommitmentOverlap.of(commitment.id, span_of(commitment.period))
