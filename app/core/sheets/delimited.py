"""CSV as spreadsheet programs write it: UTF-8, between commas, semicolons or tabs."""

import codecs
import csv
import io
from collections.abc import Iterator

from app.core.sheets.parts import Limits, Refused, Table

DELIMITERS = ";\t,"
OTHER_ENCODINGS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
HOW_TO_SAVE = "Save it as `CSV UTF-8`, or as .xlsx."


def read_csv(content: bytes, limits: Limits) -> Table:
    """Return the table in a CSV file.

    A semicolon is the list separator where the comma is the decimal sign, and nobody there writes the month first.

    Raises
    ------
    Refused
        If it is not text in UTF-8.
    """
    text = _decoded(content)
    delimiter = _delimiter(text)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    return Table("csv", _numbered(rows, limits), day_first=delimiter == ";")


def _decoded(content: bytes) -> str:
    if content.startswith(OTHER_ENCODINGS):
        raise Refused("unreadable", f"The text is in UTF-16. {HOW_TO_SAVE}")
    if b"\x00" in content:
        raise Refused("unreadable", "It is neither CSV nor XLSX: send a table in one of these formats.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise Refused("unreadable", f"Line {line} is not text in UTF-8. {HOW_TO_SAVE}") from error


def _delimiter(text: str) -> str:
    """Return what stands between the cells of the first row: of those possible, what parts it into most."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    return max(DELIMITERS, key=lambda one: _parted(first, one))


def _parted(line: str, delimiter: str) -> int:
    """Return into how many cells a delimiter parts a line; a line that no table begins with, into none."""
    try:
        return len(next(csv.reader([line], delimiter=delimiter), ()))
    except csv.Error:
        return 0


def _numbered(rows: Iterator[list[str]], limits: Limits) -> Iterator[tuple[int, list[str]]]:
    number = 0
    try:
        for number, row in enumerate(rows, 1):
            if len(row) > limits.columns and any(row[limits.columns :]):
                raise Refused("unreadable", f"Row {number} has more than {limits.columns} columns.")
            yield number, row
    except csv.Error as error:
        raise Refused("unreadable", f"Row {number + 1} is not well-formed CSV: {error}.") from error
