"""What the readers of single formats share."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of a table is taken: rows below the header, columns, and characters and packed bytes in all."""

    rows: int
    columns: int
    characters: int = 16_000_000
    unpacked_bytes: int = 64 * 1024**2


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of a file, each with its number as a spreadsheet program shows it, blank ones included.

    `day_first`: a date such as 31/01/2030 says its day first, for certain.
    """

    format: str
    rows: Iterator[tuple[int, list[Any]]]
    sheet: str | None = None
    day_first: bool = False


class Refused(Exception):
    """The file is not taken; `kind` is `unreadable` or `too-large`."""

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(detail)
        self.kind = kind
