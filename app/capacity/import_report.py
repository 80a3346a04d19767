"""From the rows of a file, judged, to the report of it, or to its refusal."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from app.capacity.crossings import crossing
from app.capacity.errors import ImportRefused
from app.capacity.import_rows import Row
from app.capacity.import_schemas import FieldChange, ImportCounts, ImportReport, RowAction, RowRead, Shown
from app.capacity.supply import Span
from app.core.errors import FieldFault
from app.core.sheets.reading import Sheet


def note_changes(row: Row, before: Mapping[str, Shown] | None, after: Mapping[str, Shown]) -> None:
    """Note what a row changes, and with it whether it adds, changes, or leaves all as it is."""
    if before is None:
        row.action = RowAction.CREATE
        row.changes = [FieldChange(field=name, before=None, after=it) for name, it in after.items() if it is not None]
        return
    row.changes = [
        FieldChange(field=name, before=before[name], after=it) for name, it in after.items() if before[name] != it
    ]
    row.action = RowAction.UPDATE if row.changes else RowAction.UNCHANGED


def refuse_twice(rows: Sequence[Row], what: str) -> None:
    """Note a fault in rows that name the same object."""
    first: dict[Any, Row] = {}
    for row in rows:
        if (identifier := row.values.get("id")) is None:
            continue
        other = first.setdefault(identifier, row)
        if other is not row:
            row.refuse("id", f"Row {other.number} names the same {what}.")
            other.refuse("id", f"Row {row.number} names the same {what}.")


Entry = tuple[Span, Row | None, str]
"""A period in a unit's calendar; the row it comes from, if any; and how a refusal names it."""


def refuse_overlaps(entries: Sequence[Entry]) -> None:
    """Note a fault in each row whose period shares a day with another's of the same unit, naming that one."""
    for one, other in crossing((entry[0], entry) for entry in entries):
        for (_, row, _), (span, _, name) in ((one, other), (other, one)):
            if row is not None:
                row.refuse("start", f"It overlaps {name}, from {span.start_on} to {span.end_on}.")


def report_of(sheet: Sheet, columns: Sequence[str], rows: Sequence[Row], *, dry_run: bool) -> ImportReport:
    """Return what a file changes, or would change.

    Raises
    ------
    ImportRefused
        If a row is refused: then nothing of the file may be written. The refusal carries the report.
    """
    for row in rows:
        if row.is_refused:
            row.action, row.changes = RowAction.REFUSED, []
            row.faults.sort(key=lambda fault: _position(columns, fault.column))
    report = ImportReport(
        dry_run=dry_run,
        written=False,
        format=sheet.format,
        sheet=sheet.name,
        columns=list(columns),
        counts=ImportCounts(**Counter(row.action.value for row in rows)),
        rows=[_read(row) for row in rows],
    )
    if report.counts.refused:
        raise _refusal(report)
    return report


def written(report: ImportReport, rows: Sequence[Row]) -> ImportReport:
    """Return the report of a file that has been written."""
    return report.model_copy(update={"written": True, "rows": [_read(row) for row in rows]})


def _position(columns: Sequence[str], column: str) -> int:
    return columns.index(column) if column in columns else len(columns)


def _read(row: Row) -> RowRead:
    return RowRead(row=row.number, action=row.action, id=row.id, changes=row.changes, faults=row.faults)


def _refusal(report: ImportReport) -> ImportRefused:
    faults = [FieldFault(f"/rows/{row.row}/{one.column}", one.rule) for row in report.rows for one in row.faults]
    numbers = [str(row.row) for row in report.rows if row.action is RowAction.REFUSED]
    named = ", ".join(numbers[:10]) + (", …" if len(numbers) > 10 else "")
    return ImportRefused(
        f"{len(numbers)} of {len(report.rows)} rows are refused: {named}. Nothing is written until all are right.",
        faults=faults,
        facts={"report": report.model_dump(mode="json")},
    )
