"""What a file of slots says, and the rules of single slots for all of its rows at once."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.capacity import agreement_repository, import_repository, repository
from app.capacity import import_cells as cells
from app.capacity.crossings import Periods
from app.capacity.drafts import action_of, columns_of, contradiction, draft_faults, draft_of
from app.capacity.errors import LineNotBookable
from app.capacity.import_flow import Kind, Planned, window_of
from app.capacity.import_report import Entry, refuse_overlaps
from app.capacity.import_rows import PERIOD_COLUMNS, PLACE_COLUMNS, Column, Row
from app.capacity.models import Agreement, Commitment, Slot, SlotStatus
from app.capacity.occupancy import Claims, claims_on_each, span_of
from app.capacity.rules import TRANSITIONS, SlotDraft, changed_draft
from app.capacity.schemas import SlotCreate, SlotUpdate
from app.capacity.supply import Span
from app.core.clock import today

SLOT_COLUMNS = (
    *PLACE_COLUMNS,
    *PERIOD_COLUMNS,
    Column("reserve", cells.word, "reserve"),
    Column("status", cells.word, "status"),
    Column("releases_on", cells.day, "releases_on"),
    Column("lendable", cells.flag, "lendable"),
    Column("recall_notice_days", cells.whole, "recall_notice_days"),
    Column("max_lent_days", cells.whole, "max_lent_days"),
    Column("divisible", cells.flag, "divisible"),
    Column("approval", cells.word, "approval"),
    Column("price_eur", cells.cents_of_euros, "price_cents"),
    Column("price_cents", cells.whole, "price_cents"),
    Column("agreement_id", cells.identifier, "agreement_id"),
)
FIELDS = tuple(SlotDraft.__slots__)
CLEARED_BY_BLANK = frozenset({"releases_on", "recall_notice_days", "max_lent_days", "price_cents", "agreement_id"})
"""Fields that may have no value: a blank cell takes it away, where another's leaves the field as it is."""

PlannedSlot = Planned[Slot, SlotDraft]
NO_CLAIMS = Claims([], [])


def _added(row: Row, unit_id: UUID) -> SlotDraft | None:
    command = row.checked(SlotCreate, {"unit_id": unit_id, **row.given(*FIELDS)})
    return SlotDraft(**command.model_dump(exclude={"unit_id"})) if command is not None else None


def changed(row: Row, before: SlotDraft) -> SlotDraft | None:
    """Return what a row makes of a slot, or None with the faults noted; what it does not name stays."""
    command = row.checked(SlotUpdate, row.changed(FIELDS, CLEARED_BY_BLANK))
    return changed_draft(before, command.model_dump(exclude_unset=True)) if command is not None else None


async def _judge(session: AsyncSession, planned: Sequence[PlannedSlot], others: Sequence[Slot]) -> None:
    """Note what stands against slots in themselves, their lines, agreements, bookings and calendars."""
    wanted = {one.after.agreement_id for one in planned if one.after is not None and one.after.agreement_id is not None}
    agreements = await agreement_repository.agreements_by_id(session, wanted) if wanted else {}
    touched = [one.stored.id for one in planned if one.stored is not None and one.changes]
    claims = await claims_on_each(session, touched)
    holders: dict[UUID, list[str]] = defaultdict(list)
    for freeze in await repository.freezes_of_slots(session, touched):
        holders[freeze.slot_id].append(freeze.holder.value)
    for one in planned:
        if one.changes:
            slot_id = one.stored.id if one.stored is not None else None
            _judge_one(one, agreements, claims[slot_id] if slot_id else NO_CLAIMS, holders[slot_id] if slot_id else ())
    await _refuse_conflicts(session, planned, others)


def _judge_one(one: PlannedSlot, agreements: Mapping[UUID, Agreement], claims: Claims, holders: Sequence[str]) -> None:
    row, before, after = one.row, one.before, one.after
    if after is None:
        return
    if before is None and after.status is SlotStatus.WITHDRAWN:
        row.refuse("status", "A new slot is published or a draft.")
    if before is not None and after.status is not before.status and after.status not in TRANSITIONS[before.status]:
        row.refuse("status", f"A {before.status.value} slot cannot become {after.status.value}.")
    if before is None or after != replace(before, status=SlotStatus.WITHDRAWN):
        row.refuse_all(draft_faults(one.place, after, agreements, before))
        if after.status is SlotStatus.PUBLISHED and one.place.not_bookable_reason is not None:
            row.refuse("line", LineNotBookable.because(one.place.not_bookable_reason).detail)
    if before is None or one.stored is None:
        return
    refusal = contradiction(one.stored.id, before, after, claims, holders=holders, today=today())
    if refusal is not None:
        relied_on = [*(claim.period for claim in claims.booked), *claims.ordered]
        row.refuse(_kept_field(before, after, relied_on), refusal.detail)


def _kept_field(before: SlotDraft, after: SlotDraft, booked: Sequence[Span]) -> str:
    """Return the field of a change that live bookings stand against."""
    for name in ("status", "reserve"):
        if getattr(before, name) is not getattr(after, name):
            return name
    if any(one.start_on < after.start for one in booked):
        return "start"
    return "end" if any(after.end < one.end_on for one in booked) else "divisible"


async def _refuse_conflicts(session: AsyncSession, planned: Sequence[PlannedSlot], others: Sequence[Slot]) -> None:
    """Note where the calendar that the file comes to has two published slots on a day, or one and a commitment."""
    units = {one.place.unit_id for one in planned if one.after != one.before}
    committed = await _commitments(session, units, window_of(planned))
    calendars: dict[UUID, list[Entry]] = defaultdict(list)
    for slot in others:
        if slot.status is SlotStatus.PUBLISHED:
            calendars[slot.unit_id].append((span_of(slot.period), None, f"the published slot {slot.id}"))
    for one in planned:
        if one.span is None or not _publishes(one):
            continue
        calendars[one.place.unit_id].append((one.span, one.row, f"row {one.row.number} of this file"))
        periods = committed.get(one.place.unit_id) if one.after is None or one.changes else None
        if periods is not None and (over := periods.over(one.span)) is not None:
            one.row.refuse("start", f"The unit is committed from {over[0].start_on} to {over[0].end_on}.")
    for entries in calendars.values():
        refuse_overlaps(entries)


async def _commitments(session: AsyncSession, units: set[UUID], window: Span | None) -> dict[UUID, Periods[Commitment]]:
    found: dict[UUID, list[tuple[Span, Commitment]]] = defaultdict(list)
    for one in await import_repository.entries_within(session, Commitment, units, window):
        found[one.unit_id].append((span_of(one.period), one))
    return {unit_id: Periods(entries) for unit_id, entries in found.items()}


def _publishes(one: PlannedSlot) -> bool:
    """Tell whether a row leaves its slot published, also where something else is wrong with it."""
    if one.after is not None:
        return one.after.status is SlotStatus.PUBLISHED
    default = one.before.status if one.before is not None else SlotStatus.PUBLISHED
    return bool((one.row.values.get("status") or default) == SlotStatus.PUBLISHED)


SLOTS = Kind(Slot, "slot", SLOT_COLUMNS, _added, changed, draft_of, columns_of, action_of, _judge)
"""Files of slots."""
