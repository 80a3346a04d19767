"""The program that reads a file which may be hostile: alone in its process, within limits, its answer on JSON.

``python -P -m app.core.sheets.program MEMORY SECONDS ROWS COLUMNS < file``. It answers either
`{"refused": kind, "detail": text}` or `{"format", "sheet", "day_first", "header", "rows"}`, where a row is its number
as a spreadsheet program shows it and its cells. A cell is null, a text, a number, a boolean, `{"day": "2030-01-31"}`,
or `{"odd": text}` for what is none of these.
"""

import datetime as dt
import io
import json
import resource
import sys
from collections.abc import Iterator
from typing import Any

from app.core.sheets.delimited import read_csv
from app.core.sheets.parts import Limits, Refused, Table
from app.core.sheets.workbook import read_xlsx

ZIP, OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
MAX_ANSWER_BYTES = 64 * 1024**2


def confine(memory_bytes: int, cpu_seconds: int) -> None:
    """Limit this process, before it reads anything; where the system cannot limit memory, it limits the rest."""
    for kind, limit in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_CPU, cpu_seconds),
        (resource.RLIMIT_FSIZE, MAX_ANSWER_BYTES),
        *([(resource.RLIMIT_AS, memory_bytes)] if sys.platform == "linux" else []),
    ):
        _, most = resource.getrlimit(kind)
        lowered = limit if most == resource.RLIM_INFINITY else min(limit, most)
        resource.setrlimit(kind, (lowered, lowered))


def read(content: bytes, limits: Limits) -> Table:
    """Return the table in a file, by what the file is and not by what it is called.

    Raises
    ------
    Refused
        If it is none, or beyond the limits.
    """
    if not content.strip():
        raise Refused("unreadable", "The file is empty: its first row names the columns.")
    if content.startswith(OLE):
        raise Refused(
            "unreadable", "It is an old .xls file, or a workbook with a password: save it as .xlsx without a password."
        )
    if content.startswith(ZIP):
        return read_xlsx(io.BytesIO(content), limits)
    return read_csv(content, limits)


def answer(content: bytes, limits: Limits) -> dict[str, Any]:
    """Return what is said about a file."""
    try:
        table = read(content, limits)
        rows = list(_filled(table.rows, limits))
    except Refused as refusal:
        return {"refused": refusal.kind, "detail": str(refusal)}
    if not rows:
        return {"refused": "unreadable", "detail": "The file is empty: its first row names the columns."}
    (_, header), *others = rows
    return {
        "format": table.format,
        "sheet": table.sheet,
        "day_first": table.day_first,
        "header": header,
        "rows": others,
    }


def _filled(rows: Iterator[tuple[int, list[Any]]], limits: Limits) -> Iterator[tuple[int, list[Any]]]:
    """Yield the rows that hold anything, without the blanks at their end; refuse what is beyond the limits."""
    characters = 0
    for position, (number, cells) in enumerate((number, trimmed) for number, row in rows if (trimmed := _trimmed(row))):
        if position > limits.rows:
            raise Refused("unreadable", f"There are more than {limits.rows} rows: send them in several files.")
        if len(cells) > limits.columns:
            raise Refused("unreadable", f"Row {number} has more than {limits.columns} columns.")
        characters += sum(len(cell) for cell in cells if isinstance(cell, str))
        if characters > limits.characters:
            raise Refused("too-large", f"The texts of the file have more than {limits.characters} characters.")
        yield number, cells


def _trimmed(row: list[Any]) -> list[Any]:
    cells = [_cell(one) for one in row]
    while cells and cells[-1] is None:
        cells.pop()
    return cells


def _cell(value: Any) -> Any:
    """Return a cell as the answer shows it; a blank one is null."""
    if isinstance(value, str):
        return value if value.strip() else None
    if isinstance(value, dt.datetime):
        return {"day": value.date().isoformat()} if value.time() == dt.time() else {"odd": value.isoformat(" ")}
    if isinstance(value, dt.date):
        return {"day": value.isoformat()}
    if value is None or isinstance(value, bool | int | float | dict):
        return value
    return {"odd": str(value)}


def main() -> None:
    """Read the file on standard input, and answer on standard output."""
    memory_bytes, cpu_seconds, rows, columns = map(int, sys.argv[1:])
    confine(memory_bytes, cpu_seconds)
    said = answer(sys.stdin.buffer.read(), Limits(rows, columns))
    sys.stdout.write(json.dumps(said))


if __name__ == "__main__":
    main()
