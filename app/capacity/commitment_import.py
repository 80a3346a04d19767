"""What a file of commitments says: anonymous busy periods, never over a published slot."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.capacity import import_cells as cells
from app.capacity import import_repository
from app.capacity.commitment_schemas import CommitmentCreate, CommitmentUpdate
from app.capacity.crossings import Periods
from app.capacity.errors import SlotOverlap
from app.capacity.import_flow import Kind, Planned, window_of
from app.capacity.import_rows import PERIOD_COLUMNS, PLACE_COLUMNS, Column, Row
from app.capacity.models import Commitment, CommitmentKind, Slot, SlotStatus
from app.capacity.occupancy import span_of
from app.capacity.supply import Span
from app.core.model import period

COMMITMENT_COLUMNS = (
    *PLACE_COLUMNS,
    *PERIOD_COLUMNS,
    Column("kind", cells.word, "kind"),
    Column("note", cells.text, "note"),
)


@dataclass(frozen=True, slots=True)
class Busy:
    """A commitment as its CDMO wants it; a blank note is none."""

    start: date
    end: date
    kind: CommitmentKind
    note: str | None


PlannedBusy = Planned[Commitment, Busy]


def _added(row: Row, unit_id: UUID) -> Busy | None:
    command = row.checked(CommitmentCreate, {"unit_id": unit_id, **row.given("start", "end", "kind", "note")})
    return Busy(command.start, command.end, command.kind, command.note or None) if command is not None else None


def _changed(row: Row, before: Busy) -> Busy | None:
    command = row.checked(CommitmentUpdate, row.changed(("start", "end", "kind", "note"), {"note"}))
    if command is None:
        return None
    after = replace(before, **command.model_dump(exclude_unset=True))
    if after.end <= after.start:
        row.refuse("end", f"end ({after.end}) must be after start ({after.start})")
    return replace(after, note=after.note or None)


def _draft_of(stored: Commitment) -> Busy:
    span = span_of(stored.period)
    return Busy(span.start_on, span.end_on, stored.kind, stored.note or None)


def _columns_of(draft: Busy) -> dict[str, Any]:
    return {"period": period(draft.start, draft.end), "kind": draft.kind, "note": draft.note}


def _verb_of(before: Busy | None, _: Busy) -> str:
    return "commitment.created" if before is None else "commitment.updated"


async def _judge(session: AsyncSession, planned: Sequence[PlannedBusy], _: Sequence[Commitment]) -> None:
    """Note where a period lies over a published slot; over each other they may lie."""
    units = {one.place.unit_id for one in planned if one.after != one.before}
    published: dict[UUID, list[tuple[Span, Slot]]] = defaultdict(list)
    for slot in await import_repository.entries_within(session, Slot, units, window_of(planned)):
        if slot.status is SlotStatus.PUBLISHED:
            published[slot.unit_id].append((span_of(slot.period), slot))
    calendars = {unit_id: Periods(entries) for unit_id, entries in published.items()}
    for one in planned:
        if one.span is not None and (one.after is None or one.changes) and one.place.unit_id in calendars:
            over = calendars[one.place.unit_id].over(one.span)
            if over is not None:
                one.row.refuse("start", SlotOverlap.of(over[1].id, over[0]).detail)


COMMITMENTS = Kind(
    Commitment, "commitment", COMMITMENT_COLUMNS, _added, _changed, _draft_of, _columns_of, _verb_of, _judge
)
"""Files of commitments."""
