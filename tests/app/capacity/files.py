"""Files of calendars for tests, and their way in and out over HTTP."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import httpx
from openpyxl import Workbook

CSV = ("calendar.csv", "text/csv")


def as_csv(rows: Iterable[Sequence[object]], delimiter: str = ",", encoding: str = "utf-8") -> bytes:
    """Return rows as CSV."""
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter).writerows(rows)
    return text.getvalue().encode(encoding)


def as_xlsx(rows: Iterable[Sequence[Any]]) -> bytes:
    """Return rows on the only sheet of a workbook."""
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for row in rows:
        sheet.append(list(row))
    return saved(book)


def saved(book: Workbook) -> bytes:
    """Return a workbook as a spreadsheet program saves it."""
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


async def send(
    client: httpx.AsyncClient,
    content: bytes,
    headers: Mapping[str, str],
    *,
    dry_run: bool | None = False,
    what: str = "slots",
) -> httpx.Response:
    """Import a file; None leaves `dry_run` out."""
    query = {} if dry_run is None else {"dry_run": dry_run}
    name, kind = CSV
    return await client.post(f"/v1/{what}/import", files={"file": (name, content, kind)}, params=query, headers=headers)


async def fetch(
    client: httpx.AsyncClient,
    headers: Mapping[str, str],
    file_format: str = "csv",
    *,
    what: str = "slots",
    **query: Any,
) -> bytes:
    """Export a file."""
    answer = await client.get(f"/v1/{what}/export", params={"format": file_format, **query}, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.content


def faults(answer: httpx.Response) -> list[tuple[str, str]]:
    """Return the pointers and rules of a refused file."""
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    return [(one["pointer"], one["detail"]) for one in answer.json()["errors"]]
