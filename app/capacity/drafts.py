"""Between a slot as it is stored and as its CDMO wants it, and what stands against a slot where it is."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from app.capacity.errors import SlotBooked, SlotFrozen, SlotOrdered
from app.capacity.models import Agreement, Slot, SlotStatus
from app.capacity.occupancy import Claims, span_of
from app.capacity.rules import (
    Promise,
    SlotDraft,
    agreement_faults,
    in_the_way,
    is_given_up,
    is_shrunk,
    lending_of,
    slot_faults,
)
from app.capacity.supply import Span
from app.catalogue.place import UnitPlace
from app.core.errors import FieldFault
from app.core.model import period

_KEPT = tuple(name for name in SlotDraft.__slots__ if name not in {"start", "end"})


def draft_of(slot: Slot) -> SlotDraft:
    """Return a stored slot as its CDMO wants it."""
    span = span_of(slot.period)
    return SlotDraft(start=span.start_on, end=span.end_on, **{name: getattr(slot, name) for name in _KEPT})


def columns_of(draft: SlotDraft) -> dict[str, Any]:
    """Return the columns of a slot."""
    return {name: getattr(draft, name) for name in _KEPT} | {"period": period(draft.start, draft.end)}


def action_of(before: SlotDraft | None, after: SlotDraft) -> str:
    """Return the verb of a change, or of a new slot."""
    if before is not None and before.status is after.status:
        return "slot.updated"
    if after.status is SlotStatus.PUBLISHED:
        return "slot.published"
    return "slot.drafted" if before is None else "slot.withdrawn"


def contradiction(
    slot_id: UUID, before: SlotDraft, after: SlotDraft, claims: Claims, *, holders: Sequence[str], today: date
) -> SlotBooked | SlotOrdered | SlotFrozen | None:
    """Return the refusal of a change that what relies on the slot stands against, or None.

    Parameters
    ----------
    holders
        What holds the slot still: rounds and crises, by kind.
    """
    contradicted = in_the_way(before, after, claims.booked, today)
    if contradicted:
        return SlotBooked.by(contradicted)
    given_up = is_given_up(before, after)
    broken = [one for one in claims.ordered if given_up or one.start_on < after.start or after.end < one.end_on]
    if broken:
        return SlotOrdered.by(broken)
    if holders and (given_up or is_shrunk(before, after)):
        return SlotFrozen.by(slot_id, holders)
    return None


def draft_faults(
    place: UnitPlace, draft: SlotDraft, agreements: Mapping[UUID, Agreement], before: SlotDraft | None = None
) -> list[FieldFault]:
    """Return what in a slot contradicts itself, its line or its agreement, field by field.

    Parameters
    ----------
    before
        The slot as it is, where it is to be changed.
    """
    faults = list(slot_faults(draft, before))
    if place.commissioned_on is not None and draft.start < place.commissioned_on:
        faults.append(FieldFault("/start", f"The line is commissioned on {place.commissioned_on}."))
    if draft.agreement_id is not None:
        faults += _agreement_faults(place, draft, agreements.get(draft.agreement_id), before)
    return faults


def _days_under(slot: SlotDraft) -> tuple[UUID | None, Span]:
    """Return which agreement a slot names for which days: what it has of one that ended early, it keeps."""
    return slot.agreement_id, slot.span


def _agreement_faults(
    place: UnitPlace, draft: SlotDraft, found: Agreement | None, before: SlotDraft | None
) -> list[FieldFault]:
    if found is None:
        return [FieldFault("/agreement_id", "There is no such agreement among those you can see.")]
    promise = Promise(
        found.organisation_id,
        found.reserve,
        found.line_id,
        found.modality,
        span_of(found.period) if before is None or _days_under(before) != _days_under(draft) else draft.span,
        found.recoverable_within_days if before is None or lending_of(before) != lending_of(draft) else 0,
    )
    return list(
        agreement_faults(
            promise,
            draft,
            organisation_id=place.organisation_id,
            line_id=place.line_id,
            modalities=place.modalities,
        )
    )
