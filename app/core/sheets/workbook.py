"""XLSX through calamine: its first visible sheet, with the errors in cells that calamine passes over."""

import re
import zipfile
from collections.abc import Iterator
from typing import Any, BinaryIO
from xml.etree import ElementTree as ET

from python_calamine import (
    CalamineError,
    CalamineWorkbook,
    SheetTypeEnum,
    SheetVisibleEnum,
)

from app.core.sheets.parts import Limits, Refused, Table

BOOK = "xl/workbook.xml"
LINKS = "xl/_rels/workbook.xml.rels"
_RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_CELL = re.compile(rb"<(?:\w+:)?c\s[^>]*>")
_IS_ERROR = re.compile(rb"""\st=["']e["']""")
_ADDRESS = re.compile(rb"""\sr=["']([A-Z]{1,3})([0-9]{1,7})["']""")
_CHUNK = 1 << 18
_LONGEST_TAG = 4096

DAMAGED = "The workbook is damaged, or not what Excel calls .xlsx: open it, and save it again as .xlsx."


def read_xlsx(file: BinaryIO, limits: Limits) -> Table:
    """Return the table on the first visible sheet of a workbook; of a formula, what it came to when it was saved.

    Raises
    ------
    Refused
        If it is another kind of archive, damaged, or more than the limits when unpacked.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            if BOOK not in archive.namelist():
                raise Refused("unreadable", "It is not an .xlsx workbook: save the table as .xlsx, or as CSV.")
            _require_measure(archive, limits)
            file.seek(0)
            book = CalamineWorkbook.from_filelike(file)
            name = _first_visible(book)
            errors = set(_error_cells(archive, _part_of(archive, name)))
        sheet = book.get_sheet_by_name(name)
    except (zipfile.BadZipFile, CalamineError, ET.ParseError, KeyError, NotImplementedError) as error:
        raise Refused("unreadable", DAMAGED) from error
    left = sheet.start[1] if sheet.start else 0
    return Table("xlsx", _marked(sheet.iter_rows(), left, errors), sheet=name)


def _require_measure(archive: zipfile.ZipFile, limits: Limits) -> None:
    """Unpack all that is read later, to nowhere: what an archive says of its size is nobody's proof."""
    unpacked = 0
    for part in archive.infolist():
        if part.filename.endswith((".xml", ".rels")):
            with archive.open(part) as content:
                while chunk := content.read(_CHUNK):
                    unpacked += len(chunk)
                    if unpacked > limits.unpacked_bytes:
                        measure = limits.unpacked_bytes // 1024**2
                        raise Refused("too-large", f"The workbook is more than {measure} MiB when unpacked.")


def _first_visible(book: CalamineWorkbook) -> str:
    for sheet in book.sheets_metadata:
        if sheet.visible is SheetVisibleEnum.Visible and sheet.typ is SheetTypeEnum.WorkSheet:
            return sheet.name
    raise Refused("unreadable", "The workbook has no visible sheet.")


def _part_of(archive: zipfile.ZipFile, sheet: str) -> str:
    """Return the part of the archive that a sheet is in."""
    book = ET.fromstring(archive.read(BOOK))  # noqa: S314 - in a process with limits
    links = ET.fromstring(archive.read(LINKS))  # noqa: S314
    link = next(one.get(_RELATION) for one in book.iter() if one.tag.endswith("}sheet") and one.get("name") == sheet)
    target = next(str(one.get("Target")) for one in links if one.get("Id") == link)
    return target.removeprefix("/") if target.startswith("/") else f"xl/{target}"


def _error_cells(archive: zipfile.ZipFile, part: str) -> Iterator[tuple[int, int]]:
    """Yield row and column, from one, of the cells of a part that hold an error such as #REF!."""
    rest = b""
    with archive.open(part) as content:
        while chunk := content.read(_CHUNK):
            rest += chunk
            for tag in _CELL.finditer(rest):
                address = _ADDRESS.search(tag[0])
                if address and _IS_ERROR.search(tag[0]):
                    yield int(address[2]), _column_number(address[1])
            rest = rest[rest.rfind(b"<") :][:_LONGEST_TAG] if b"<" in rest else b""


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - ord("A") + 1
    return number


def _marked(rows: Iterator[list[Any]], left: int, errors: set[tuple[int, int]]) -> Iterator[tuple[int, list[Any]]]:
    """Yield the rows with their numbers, from the first column on.

    Calamine leaves out the blank columns before the table, as many as `left`, and takes an error for a blank cell.
    """
    wrong_rows = {row for row, _ in errors}
    for number, cells in enumerate(rows, 1):
        row = [None] * left + cells
        if number in wrong_rows:
            for column in range(len(row)):
                if (number, column + 1) in errors:
                    row[column] = {"odd": "an error such as #N/A or #REF!"}
        yield number, row
