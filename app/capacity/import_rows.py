"""The rows of a sheet under the names of its columns, with the values that could be read from them."""

import difflib
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from pydantic import BaseModel, ValidationError

from app.capacity import import_cells as cells
from app.capacity.import_schemas import FieldChange, RowAction, RowFault
from app.catalogue.place import UnitPlace
from app.core.errors import FieldFault
from app.core.sheets.errors import UnreadableFile
from app.core.sheets.reading import Cell, Sheet, SheetRow

Command = TypeVar("Command", bound=BaseModel)


class Column(NamedTuple):
    """A column of a file: its name, how its cells are read, and the field that they are for."""

    name: str
    parser: cells.Parser
    field: str


PLACE_COLUMNS = (
    Column("id", cells.identifier, "id"),
    Column("site", cells.text, "site"),
    Column("line", cells.text, "line"),
    Column("unit", cells.text, "unit"),
    Column("unit_id", cells.identifier, "unit_id"),
)
PERIOD_COLUMNS = (Column("start", cells.day, "start"), Column("end", cells.day, "end"))


@dataclass(slots=True)
class Row:
    """A row under way: what was read of it, and what becomes of it.

    Attributes
    ----------
    values
        By field, those that could be read; None where the cell is blank.
    columns
        By field, the name of the column that it was read from.
    """

    number: int
    cells: Mapping[str, Cell]
    values: dict[str, Any] = field(default_factory=dict)
    columns: dict[str, str] = field(default_factory=dict)
    faults: list[RowFault] = field(default_factory=list)
    place: UnitPlace | None = None
    action: RowAction = RowAction.UNCHANGED
    id: UUID | None = None
    changes: list[FieldChange] = field(default_factory=list)

    @property
    def is_refused(self) -> bool:
        """Whether anything is wrong with it."""
        return bool(self.faults)

    def refuse(self, name: str, rule: str) -> None:
        """Note a fault of a field, given by name or by JSON Pointer, under the name of its column."""
        column = self.columns.get(name.removeprefix("/"), name.removeprefix("/"))
        fault = RowFault(column=column, rule=rule, value=cells.shown(self.cells.get(column)))
        if fault not in self.faults:
            self.faults.append(fault)

    def refuse_all(self, faults: Sequence[FieldFault]) -> None:
        """Note faults of fields."""
        for fault in faults:
            self.refuse(fault.pointer, fault.detail)

    def has_fault(self, name: str) -> bool:
        """Tell whether a field has a fault already."""
        column = self.columns.get(name, name)
        return any(fault.column == column for fault in self.faults)

    def given(self, *names: str) -> dict[str, Any]:
        """Return the values of these fields that are not blank."""
        return {name: value for name in names if (value := self.values.get(name)) is not None}

    def changed(self, names: Iterable[str], cleared_by_blank: Container[str]) -> dict[str, Any]:
        """Return the values of those of these fields that have a column; a blank one counts only where it clears."""
        found = {name: self.values[name] for name in names if name in self.values}
        return {name: it for name, it in found.items() if it is not None or name in cleared_by_blank}

    def checked(self, schema: type[Command], values: Mapping[str, Any]) -> Command | None:
        """Return the values in their schema, or None with the faults noted; one fault a field is enough."""
        try:
            made = schema.model_validate(values)
        except ValidationError as error:
            for fault in error.errors(include_url=False, include_input=False):
                name = str(fault["loc"][0]) if fault["loc"] else "row"
                if not self.has_fault(name):
                    self.refuse(name, _rule(fault["type"], fault["msg"]))
            return None
        return None if self.is_refused else made


def _rule(kind: str, message: str) -> str:
    return "A new row needs it." if kind == "missing" else message.removeprefix("Value error, ")


def read_rows(sheet: Sheet, columns: Sequence[Column]) -> tuple[list[str], list[Row]]:
    """Return the names of a sheet's columns, and its rows with what could be read of them.

    Raises
    ------
    UnreadableFile
        If the header names a column twice, or one that there is not.
    """
    names = _header(sheet.header, [one.name for one in columns])
    known = {one.name: _dated(one, sheet) for one in columns}
    return [name for name in names if name], [_row(one, names, known) for one in sheet.rows]


def _dated(column: Column, sheet: Sheet) -> Column:
    if sheet.day_first and column.parser is cells.day:
        return column._replace(parser=cells.day_or_day_first)
    return column


def _header(header: Sequence[Cell], known: Sequence[str]) -> list[str]:
    """Return the names in a header; a column without one is left out of account, as long as it is blank."""
    names = [(cells.shown(cell) or "").strip().lower().replace(" ", "_").replace("-", "_") for cell in header]
    for position, name in enumerate(names):
        if name and name not in known:
            close = difflib.get_close_matches(name, known, 1)
            meant = f" Is {close[0]!r} meant?" if close else ""
            raise UnreadableFile.because(
                f"There is no column {name[:80]!r}.{meant} The first row names columns among: {', '.join(known)}.",
                f"/columns/{name[:80]}",
            )
        if name and name in names[:position]:
            raise UnreadableFile.because(f"The column {name!r} is there twice: leave one.", f"/columns/{name}")
    return names


def _row(source: SheetRow, names: Sequence[str], known: Mapping[str, Column]) -> Row:
    named = list(zip_longest(names, source.cells))
    row = Row(source.number, {name: cell for name, cell in named if name})
    for position, (name, cell) in enumerate(named, 1):
        if name:
            _read(row, known[name], cell)
        elif cell is not None:
            rule = "The column has no name in the first row."
            row.faults.append(RowFault(column=letters(position), rule=rule, value=cells.shown(cell)))
    return row


def _read(row: Row, column: Column, cell: Cell) -> None:
    row.columns.setdefault(column.field, column.name)
    try:
        value = None if cell is None else column.parser(cell)
    except cells.CellRefused as refusal:
        row.faults.append(RowFault(column=column.name, rule=str(refusal), value=cells.shown(cell)))
        return
    _set(row, column, column.name, value)


def _set(row: Row, column: Column, name: str, value: Any) -> None:
    """Note a value; two columns of one field, such as a price in euros and in cents, must agree."""
    earlier = row.values.get(column.field)
    if value is None:
        row.values.setdefault(column.field, None)
        return
    if earlier is not None and earlier != value:
        row.faults.append(
            RowFault(
                column=name,
                rule=f"It contradicts {row.columns[column.field]}: leave one of the two blank.",
                value=cells.shown(row.cells[name]),
            )
        )
        return
    row.values[column.field], row.columns[column.field] = value, name


def letters(position: int) -> str:
    """Return the letters by which a spreadsheet program names a column, counted from one."""
    name = ""
    while position:
        position, rest = divmod(position - 1, 26)
        name = chr(ord("A") + rest) + name
    return name
