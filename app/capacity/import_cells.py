"""From a cell, as a person typed it or a spreadsheet program keeps it, to a value; pure."""

import math
import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from uuid import UUID

from app.core.sheets.reading import Cell, Odd

YES = frozenset({"true", "vrai", "yes", "oui", "1"})
NO = frozenset({"false", "faux", "no", "non", "0"})
_ISO_DAY = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?:[T ]00:00(?::00)?)?", re.ASCII)
_DAY_FIRST = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})", re.ASCII)
_SPACES = re.compile(r"[\s\u00a0\u202f]+", re.ASCII)
_EUROS = re.compile(r"-?\d+(?:[.,]\d{1,2})?", re.ASCII)
_GROUPED = re.compile(r"\d{1,3}(?:[\s\u00a0\u202f]\d{3})+(?:[.,]\d{1,2})?", re.ASCII)
_WHOLE = re.compile(r"-?\d{1,18}(?:[.,]0+)?", re.ASCII)


class CellRefused(Exception):
    """The cell does not hold what its column wants; the message is the rule."""


def shown(cell: Cell) -> str | None:
    """Return a cell as a report shows it, cut to a readable length."""
    if cell is None:
        return None
    if isinstance(cell, Odd):
        return cell.text
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    text = str(cell)
    return text if len(text) <= 200 else f"{text[:199]}…"


def text(cell: Cell) -> str:
    """Return the text in a cell; of a number, as it is shown."""
    if isinstance(cell, Odd):
        raise CellRefused("Write a text.")
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    return str(cell)


def word(cell: Cell) -> str:
    """Return a word of a vocabulary, whatever its case."""
    return text(cell).strip().lower()


def identifier(cell: Cell) -> UUID:
    """Return the identifier in a cell."""
    try:
        return UUID(text(cell).strip())
    except ValueError:
        raise CellRefused("Write an identifier such as 0190d3c0-0000-7000-8000-000000000000.") from None


def flag(cell: Cell) -> bool:
    """Return the yes or no in a cell, in English or French."""
    said = text(cell).strip().lower()
    if said in YES | NO:
        return said in YES
    raise CellRefused("Write true or false.")


def whole(cell: Cell) -> int:
    """Return the whole number in a cell."""
    said = _SPACES.sub("", text(cell)) if not isinstance(cell, bool) else ""
    if not _WHOLE.fullmatch(said):
        raise CellRefused("Write a whole number.")
    return int(re.split("[.,]", said)[0])


def cents_of_euros(cell: Cell) -> int:
    """Return the cents of an amount in euros, with a decimal point or comma and spaces between thousands.

    Raises
    ------
    CellRefused
        If it is no amount, or could be read in two ways, as 1,234 can.
    """
    if isinstance(cell, float):
        rounded = round(cell, 2)
        if not math.isfinite(cell) or not math.isclose(cell, rounded, rel_tol=1e-12, abs_tol=1e-9):
            raise CellRefused("Write an amount in euros with at most two decimals.")
        return int(Decimal(repr(rounded)) * 100)
    said = text(cell).strip().removesuffix("€").strip() if not isinstance(cell, bool) else ""
    if not _EUROS.fullmatch(said) and not _GROUPED.fullmatch(said):
        raise CellRefused("Write an amount in euros, such as 1250000 or 1250000.50: no comma between thousands.")
    return int(Decimal(_SPACES.sub("", said).replace(",", ".")) * 100)


def day(cell: Cell) -> date:
    """Return the day in a date cell, or in a text such as 2030-01-31."""
    if isinstance(cell, date):
        return cell
    if match := _ISO_DAY.fullmatch(text(cell).strip()):
        return _date(match[1], match[2], match[3])
    raise CellRefused("Write a day as 2030-01-31 (year-month-day), or as a date cell of an .xlsx workbook.")


def day_or_day_first(cell: Cell) -> date:
    """Return the day in a cell, where 31/01/2030 says its day first for certain."""
    match = _DAY_FIRST.fullmatch(cell.strip()) if isinstance(cell, str) else None
    return _date(match[3], match[2], match[1]) if match else day(cell)


def _date(year: str, month: str, day_of_month: str) -> date:
    try:
        return date(int(year), int(month), int(day_of_month))
    except ValueError:
        raise CellRefused("There is no such day.") from None


Parser = Callable[[Cell], object]
