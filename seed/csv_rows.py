"""Reading of the reference tables: every cell is checked, and the first fault says where it is."""

from __future__ import annotations

import csv
from pathlib import Path
from textwrap import shorten
from typing import TypeVar

from pydantic import BaseModel, ValidationError


class MalformedRow(Exception):
    """A cell that cannot be used.

    Attributes
    ----------
    file
        Name of the file.
    row
        Row as a spreadsheet counts it: the header is row 1.
    column
        Name of the column; empty where the fault is the row's own.
    reason
        What is wrong, and what would be right.
    """

    def __init__(self, file: str, row: int, column: str, reason: str) -> None:
        place = f"{file}, row {row}" + (f", column {column}" if column else "")
        super().__init__(f"{place}: {reason}")
        self.file = file
        self.row = row
        self.column = column
        self.reason = reason


Row = TypeVar("Row", bound=BaseModel)


def read_rows(path: Path, kind: type[Row]) -> list[tuple[int, Row]]:
    """The rows of a table with their numbers, in the order of the file.

    Parameters
    ----------
    path
        UTF-8, comma separated, with one header row that names exactly the fields of `kind`.
    kind
        Model of a row; its field validators see the cell's text.

    Raises
    ------
    MalformedRow
        The file is missing, is not UTF-8, has other columns, or a cell breaks a rule.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise MalformedRow(path.name, 1, "", "there is no such file") from None
    except UnicodeDecodeError as error:
        row = 1 + error.object[: error.start].count(b"\n")
        raise MalformedRow(path.name, row, "", "the file is not UTF-8") from None
    reader = csv.reader(text.splitlines(keepends=True), strict=True)
    try:
        header = next(reader, [])
        _check_header(path.name, header, kind)
        return [
            (number, _read_row(path.name, number, header, cells, kind)) for number, cells in enumerate(reader, start=2)
        ]
    except csv.Error as error:
        raise MalformedRow(path.name, reader.line_num, "", f"not comma-separated values: {error}") from None


def _check_header(file: str, header: list[str], kind: type[BaseModel]) -> None:
    expected = list(kind.model_fields)
    for column in expected:
        if column not in header:
            raise MalformedRow(file, 1, column, "the column is missing")
    for position, column in enumerate(header):
        if column not in expected:
            raise MalformedRow(file, 1, column, "no such column is expected")
        if column in header[:position]:
            raise MalformedRow(file, 1, column, "the column is there twice")


def _read_row(file: str, number: int, header: list[str], cells: list[str], kind: type[Row]) -> Row:
    if len(cells) != len(header):
        raise MalformedRow(file, number, "", f"{len(cells)} cells where the header has {len(header)}")
    try:
        return kind.model_validate(dict(zip(header, cells, strict=True)))
    except ValidationError as error:
        fault = error.errors()[0]
        column = str(fault["loc"][0]) if fault["loc"] else ""
        found = f"; found {shorten(cells[header.index(column)], 80)!r}" if column else ""
        reason = fault["msg"].removeprefix("Value error, ")
        raise MalformedRow(file, number, column, f"{reason}{found}") from None
