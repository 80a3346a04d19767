"""Tables written as CSV or XLSX, a few rows in memory at a time."""

import asyncio
import csv
import io
import tempfile
from collections.abc import AsyncIterable, Iterable, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import IO, Protocol

from openpyxl import Workbook
from openpyxl.cell import Cell, WriteOnlyCell
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter

from app.core.sheets.errors import TooManyRows
from app.core.sheets.formats import Delimiter, FileFormat
from app.core.sheets.text import escaped_for_xlsx, neutralised

MAX_WORKBOOK_ROWS = 50_000
CHUNK_ROWS = 500
IN_MEMORY_BYTES = 1 << 20

Value = str | int | bool | Decimal | date | datetime | None
"""What a cell may hold: a text, a count, yes or no, an amount in euros, a day, an instant in UTC."""


class _Writer(Protocol):
    def add(self, rows: Iterable[Sequence[Value]]) -> None: ...

    def finish(self) -> None: ...

    def give_up(self) -> None: ...


async def write_table(
    file_format: FileFormat,
    title: str,
    columns: Sequence[str],
    rows: AsyncIterable[Sequence[Value]],
    *,
    delimiter: Delimiter = Delimiter.COMMA,
) -> IO[bytes]:
    """Return a file with a table, at its beginning; the caller closes it.

    Texts are neutralised: none of them is taken for a formula.

    Parameters
    ----------
    title
        Name of the sheet.

    Raises
    ------
    TooManyRows
        If there are more than a workbook is written with.
    """
    file = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY_BYTES)  # noqa: SIM115 - the caller closes it
    try:
        writer = _CsvWriter(file, columns, delimiter) if file_format is FileFormat.CSV else _Book(file, title, columns)
        try:
            await _write(writer, rows)
        except BaseException:
            writer.give_up()
            raise
    except BaseException:
        file.close()
        raise
    file.seek(0)
    return file


async def _write(writer: _Writer, rows: AsyncIterable[Sequence[Value]]) -> None:
    chunk: list[Sequence[Value]] = []
    async for row in rows:
        chunk.append(row)
        if len(chunk) == CHUNK_ROWS:
            await asyncio.to_thread(writer.add, chunk)
            chunk = []
    await asyncio.to_thread(writer.add, chunk)
    await asyncio.to_thread(writer.finish)


class _CsvWriter:
    def __init__(self, file: IO[bytes], columns: Sequence[str], delimiter: Delimiter) -> None:
        french = delimiter is Delimiter.SEMICOLON
        self._decimal_sign = "," if french else "."
        self._text = io.TextIOWrapper(file, encoding="utf-8-sig" if french else "utf-8", newline="")
        self._csv = csv.writer(self._text, delimiter=";" if french else ",")
        self._csv.writerow(columns)

    def add(self, rows: Iterable[Sequence[Value]]) -> None:
        self._csv.writerows([self._shown(one) for one in row] for row in rows)

    def finish(self) -> None:
        self._text.flush()
        self._text.detach()

    def give_up(self) -> None:
        with suppress(ValueError):
            self._text.detach()

    def _shown(self, value: Value) -> str:
        if isinstance(value, str):
            return neutralised(value)
        if isinstance(value, Decimal):
            return f"{value:.2f}".replace(".", self._decimal_sign)
        if isinstance(value, datetime):
            return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        return "" if value is None else str(value).lower()  # a day, a count, true or false


class _Book:
    def __init__(self, file: IO[bytes], title: str, columns: Sequence[str]) -> None:
        self._file, self._rows = file, 0
        self._book = Workbook(write_only=True)
        self._sheet = self._book.create_sheet(title)
        self._sheet.freeze_panes = "A2"
        for position, name in enumerate(columns, 1):
            wide = name.endswith("id") or name in {"site", "line", "unit", "note"}
            self._sheet.column_dimensions[get_column_letter(position)].width = 38 if wide else 18
        self._sheet.append([self._cell(name, font=Font(bold=True)) for name in columns])

    def add(self, rows: Iterable[Sequence[Value]]) -> None:
        for row in rows:
            self._rows += 1
            if self._rows > MAX_WORKBOOK_ROWS:
                raise TooManyRows.field(
                    "query/format", f"There are more than {MAX_WORKBOOK_ROWS} rows: take `csv`, or narrow the choice."
                )
            self._sheet.append([self._cell(one) for one in row])

    def finish(self) -> None:
        self._book.save(self._file)

    def give_up(self) -> None:
        self._sheet.close()

    def _cell(self, value: Value, *, font: Font | None = None) -> Cell:
        """Return a cell; a text is marked as one, whatever it looks like."""
        kept, number_format = value, None
        if isinstance(value, str):
            kept = escaped_for_xlsx(neutralised(value))
        elif isinstance(value, datetime):
            kept, number_format = value.astimezone(UTC).replace(tzinfo=None), "yyyy-mm-dd hh:mm:ss"
        elif isinstance(value, date):
            number_format = "yyyy-mm-dd"
        elif isinstance(value, Decimal):
            number_format = "0.00"
        cell: Cell = WriteOnlyCell(self._sheet, kept)  # type: ignore[arg-type] # it takes them all
        if isinstance(kept, str):
            cell.data_type = "s"
        if number_format is not None:
            cell.number_format = number_format
        if font is not None:
            cell.font = font
        return cell
