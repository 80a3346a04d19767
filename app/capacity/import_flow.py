"""The way of a file into a calendar, the same for slots and commitments: read, judge, then write all or nothing."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any, Generic, TypeVar
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.service import record_changes, snapshot
from app.capacity import calendar_repository, import_repository, repository
from app.capacity.import_places import OwnPlaces
from app.capacity.import_report import note_changes, refuse_twice, report_of, written
from app.capacity.import_repository import Entry
from app.capacity.import_rows import Column, Row, read_rows
from app.capacity.import_schemas import ImportReport, RowAction
from app.capacity.supply import Span
from app.catalogue.place import UnitPlace
from app.catalogue.service import places_of_organisation
from app.core.sheets.reading import Sheet
from app.identity.actor import Actor

Draft = TypeVar("Draft")


@dataclass(slots=True)
class Planned(Generic[Entry, Draft]):
    """A row with a place: what it is about, if that is stored, as it is and as it will be.

    Attributes
    ----------
    after
        None where the row cannot be read.
    span
        The period that the row means, also where something else is wrong with it.
    """

    row: Row
    place: UnitPlace
    stored: Entry | None
    before: Draft | None
    after: Draft | None
    span: Span | None

    @property
    def changes(self) -> bool:
        """Whether it leaves things other than they are."""
        return self.after is not None and self.after != self.before


Judge = Callable[[AsyncSession, Sequence[Planned[Entry, Draft]], Sequence[Entry]], Awaitable[None]]
"""Notes what stands against rows, given what else is stored around them."""


@dataclass(frozen=True, slots=True)
class Kind(Generic[Entry, Draft]):
    """What a file is about: its table, its columns, and how a row becomes a draft, which is a frozen dataclass."""

    model: type[Entry]
    word: str
    columns: Sequence[Column]
    added: Callable[[Row, UUID], Draft | None]
    changed: Callable[[Row, Draft], Draft | None]
    draft_of: Callable[[Entry], Draft]
    columns_of: Callable[[Draft], dict[str, Any]]
    verb_of: Callable[[Draft | None, Draft], str]
    judge: Judge[Entry, Draft]


async def import_sheet(
    session: AsyncSession, actor: Actor, kind: Kind[Entry, Draft], sheet: Sheet, *, dry_run: bool
) -> ImportReport:
    """Return what a file changes in the actor's own calendar, after it is written unless this is a dry run.

    A row with an `id` changes what has it, where it differs; one without adds, unless the same is there already.
    The number of queries does not depend on the number of rows.

    Raises
    ------
    UnreadableFile
        If the header does not fit.
    ImportRefused
        If a row is wrong: then nothing is written.
    """
    # What takes long of thousands of rows, and waits for nobody, leaves the event loop to other requests.
    columns, rows = await asyncio.to_thread(read_rows, sheet, kind.columns)
    refuse_twice(rows, kind.word)
    places = OwnPlaces(await places_of_organisation(session, actor.organisation_id))
    named = {row.values["id"] for row in rows if row.values.get("id") is not None}
    stored = await _own(session, kind, places, named)
    _find_places(kind, rows, places, stored)
    units = {row.place.unit_id for row in rows if row.place is not None}
    if not dry_run:
        await repository.lock_units(session, units)
        stored = await _own(session, kind, places, named)
    planned = await asyncio.to_thread(_plan, kind, rows, stored)
    around = await import_repository.entries_within(session, kind.model, units, window_of(planned))
    _match(kind, planned, [one for one in around if one.id not in named])
    for one in planned:
        _note_changes(one)
    known = {one.stored.id for one in planned if one.stored is not None}
    await kind.judge(session, planned, [one for one in around if one.id not in known])
    report = report_of(sheet, columns, rows, dry_run=dry_run)
    if dry_run:
        return report
    await _write(session, actor, kind, planned)
    return written(report, rows)


async def _own(session: AsyncSession, kind: Kind[Entry, Draft], places: OwnPlaces, ids: set[UUID]) -> dict[UUID, Entry]:
    found = await import_repository.entries_by_id(session, kind.model, ids)
    return {entry_id: entry for entry_id, entry in found.items() if entry.unit_id in places.by_id}


def _find_places(
    kind: Kind[Entry, Draft], rows: Sequence[Row], places: OwnPlaces, stored: Mapping[UUID, Entry]
) -> None:
    for row in rows:
        entry_id = row.values.get("id")
        if entry_id is None:
            row.place = places.find(row) if not row.has_fault("id") else None
        elif entry_id in stored:
            row.id, row.place = entry_id, places.by_id[stored[entry_id].unit_id]
            places.stays(row, row.place, kind.word)
        else:
            row.refuse("id", f"There is no {kind.word} {entry_id} among those you can see.")


def _plan(kind: Kind[Entry, Draft], rows: Sequence[Row], stored: Mapping[UUID, Entry]) -> list[Planned[Entry, Draft]]:
    """Return what each row that has a place makes of what it is about; faults of the others' cells are noted too."""
    planned = []
    for row in rows:
        entry = stored.get(row.id) if row.id is not None else None
        before = kind.draft_of(entry) if entry is not None else None
        if before is not None:
            after = kind.changed(row, before)
        elif row.values.get("id") is None and not row.has_fault("id"):
            after = kind.added(row, row.place.unit_id if row.place is not None else UUID(int=0))
        else:  # an identifier that says nothing makes nothing new
            after = None
        if row.place is not None and not row.has_fault("id"):
            planned.append(Planned(row, row.place, entry, before, after, _span(row, before)))
    return planned


def _span(row: Row, before: object) -> Span | None:
    """Return the period that a row means, unless that itself is wrong: it would be in the way of many."""
    if row.has_fault("start") or row.has_fault("end"):
        return None
    start, end = (row.values.get(name) or getattr(before, name, None) for name in ("start", "end"))
    return Span(start, end) if isinstance(start, date) and isinstance(end, date) and start < end else None


def window_of(planned: Sequence[Planned[Entry, Draft]]) -> Span | None:
    """Return from the first to the last day of all periods, or None if there is none."""
    spans = [one.span for one in planned if one.span is not None]
    return Span(min(one.start_on for one in spans), max(one.end_on for one in spans)) if spans else None


def _match(kind: Kind[Entry, Draft], planned: Sequence[Planned[Entry, Draft]], unnamed: Sequence[Entry]) -> None:
    """Let each new row that is there already be that one, so that the same file can be sent twice."""
    same: dict[object, list[Entry]] = defaultdict(list)
    for entry in unnamed:
        same[entry.unit_id, kind.draft_of(entry)].append(entry)
    for one in planned:
        if one.stored is None and one.after is not None and (found := same[one.place.unit_id, one.after]):
            one.stored, one.before = found.pop(), one.after
            one.row.id = one.stored.id


def _note_changes(one: Planned[Entry, Draft]) -> None:
    if one.after is not None:
        before = None if one.before is None else asdict(one.before)  # type: ignore[call-overload] # see Kind
        note_changes(one.row, before, asdict(one.after))  # type: ignore[call-overload]


async def _write(
    session: AsyncSession, actor: Actor, kind: Kind[Entry, Draft], planned: Sequence[Planned[Entry, Draft]]
) -> None:
    """Write what differs, each with its audit record; two may change places."""
    changes: list[tuple[str, Entry, dict[str, Any] | None]] = []
    updates = []
    async with calendar_repository.overlaps_judged_at_the_end(session):
        for one in planned:
            if one.after is None or one.row.action is RowAction.UNCHANGED:
                continue
            verb, values = kind.verb_of(one.before, one.after), kind.columns_of(one.after)
            if one.stored is None:
                added = kind.model(unit_id=one.place.unit_id, **values)
                session.add(added)
                one.row.id = added.id
                changes.append((verb, added, None))
            else:
                updates.append({"id": one.stored.id, **values})
                changes.append((verb, one.stored, snapshot(one.stored)))
        await import_repository.update_entries(session, kind.model, updates)
    await import_repository.entries_by_id(session, kind.model, {one["id"] for one in updates})
    await record_changes(session, actor, changes)
