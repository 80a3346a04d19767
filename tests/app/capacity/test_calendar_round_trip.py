"""A calendar that goes out as a file and comes in again changes nothing, whatever is in it and whoever saves it."""

import asyncio
import csv
import io
from collections.abc import AsyncIterator, Sequence
from datetime import date
from typing import Any
from uuid import uuid4

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook

from app.capacity import import_cells
from app.capacity.calendar_export import SLOT_HEADER, slot_row
from app.capacity.drafts import columns_of, draft_of
from app.capacity.import_rows import read_rows
from app.capacity.models import Approval, Commitment, CommitmentKind, Slot, SlotStatus
from app.capacity.rules import SlotDraft
from app.capacity.slot_import import SLOT_COLUMNS, changed
from app.core.model import period
from app.core.sheets.formats import Delimiter, FileFormat
from app.core.sheets.parts import Limits
from app.core.sheets.program import answer
from app.core.sheets.reading import Sheet, sheet_of
from app.core.sheets.writing import write_table
from app.core.vocabulary import Reserve
from tests.app.capacity.files import fetch, saved, send
from tests.app.capacity.rows import agreement
from tests.support.world import World, day

NAMES = st.sampled_from(
    ["Évry", "=2+3", "'=x", "+33 1", "-", "@site", 'a;b,c\t"d"', "007", "2030-01-01", "#N/A", "TRUE"]
)
DAYS = st.dates(date(2000, 1, 1), date(2099, 1, 1))
MONEY = st.none() | st.integers(0, 10**13)
"""Prices in cents."""


@st.composite
def drafts(draw: st.DrawFn) -> SlotDraft:
    """Return any slot that can be stored."""
    start, end = sorted(draw(st.lists(DAYS, min_size=2, max_size=2, unique=True)))
    reserve = draw(st.sampled_from(Reserve))
    lendable = reserve is Reserve.CRISIS and draw(st.booleans())
    return SlotDraft(
        start=start,
        end=end,
        reserve=reserve,
        status=draw(st.sampled_from(SlotStatus)),
        releases_on=draw(st.none() | DAYS) if reserve is Reserve.STARTUP else None,
        lendable=lendable,
        recall_notice_days=draw(st.integers(0, 3650)) if lendable else None,
        max_lent_days=draw(st.none() | st.integers(1, 3650)) if lendable else None,
        divisible=draw(st.booleans()),
        approval=draw(st.sampled_from(Approval)),
        price_cents=draw(MONEY),
        agreement_id=draw(st.none() | st.uuids()),
    )


def read_back(slots: Sequence[Slot], names: Sequence[str], file_format: FileFormat, delimiter: Delimiter) -> Sheet:
    """Return the table in the file that slots are written to."""

    async def rows() -> AsyncIterator[Any]:
        for slot in slots:
            yield slot_row(slot, *names)

    async def write() -> bytes:
        with await write_table(file_format, "slots", SLOT_HEADER, rows(), delimiter=delimiter) as file:
            return file.read()

    return sheet_of(answer(asyncio.run(write()), Limits(1_000, 64)))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(drafts(), min_size=1, max_size=8), st.tuples(NAMES, NAMES, NAMES), st.sampled_from(FileFormat),
    st.sampled_from(Delimiter),
)  # fmt: skip
def test_any_calendar_comes_back_as_it_was(
    calendar: list[SlotDraft], names: tuple[str, str, str], file_format: FileFormat, delimiter: Delimiter
) -> None:
    slots = [Slot(unit_id=uuid4(), **columns_of(one)) for one in calendar]
    columns, rows = read_rows(read_back(slots, names, file_format, delimiter), SLOT_COLUMNS)
    assert columns == list(SLOT_HEADER)
    for slot, row in zip(slots, rows, strict=True):
        assert not row.faults
        assert row.values["id"] == slot.id
        assert tuple(row.values[name] for name in ("site", "line", "unit")) == names
        before = draft_of(slot)
        assert changed(row, before) == before


async def calendar(world: World) -> dict[str, str]:
    """Store a calendar with something of everything, and return its planner's headers."""
    cdmo, own = await world.cdmo()
    promised = await agreement(world, cdmo)
    first = await world.unit(cdmo, site={"name": "=Usine; n° 1"}, name="Ligne, A")
    second = await world.unit(cdmo, site={"name": "Usine é"}, name="'+B")
    await world.slot(first, 0, 31, price_cents=125_000_050, divisible=False)
    await world.slot(first, 31, 60, reserve=Reserve.STARTUP, releases_on=day(20), agreement_id=promised.id)
    await world.slot(first, 10, 50, status=SlotStatus.DRAFT, approval=Approval.INSTANT)
    await world.slot(second, 0, 400, reserve=Reserve.CRISIS, lendable=True, recall_notice_days=0, price_cents=0)
    await world.slot(second, 0, 400, status=SlotStatus.WITHDRAWN)
    for unit, start, note in (
        (first, 60, "=HYPERLINK(1)"),
        (first, 60, "=HYPERLINK(1)"),
        (second, 500, "deux\nlignes"),
    ):
        await world.add(
            Commitment(
                unit_id=unit.id, period=period(day(start), day(start + 9)), kind=CommitmentKind.SHUTDOWN, note=note
            )
        )
    await world.add(Commitment(unit_id=second.id, period=period(day(600), day(601)), note=""))
    return dict(own)


def by_excel(content: bytes) -> bytes:
    """Return a workbook as a spreadsheet program leaves it that has opened and saved it."""
    return saved(load_workbook(io.BytesIO(content)))


def by_excel_in_french(content: bytes) -> bytes:
    """Return a CSV file as Excel in French leaves it: days, booleans and amounts in its own words."""
    rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), delimiter=";"))
    assert len(rows) > 1
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=";").writerows([[in_french(cell) for cell in row] for row in rows])
    return text.getvalue().encode("utf-8-sig")


def in_french(cell: str) -> str:
    """Return a cell as Excel in French writes it."""
    if cell in {"true", "false"}:
        return "VRAI" if cell == "true" else "FAUX"
    try:
        return date.fromisoformat(cell).strftime("%d/%m/%Y")
    except ValueError:
        return cell.removesuffix("0") if cell.endswith(",50") else cell


@pytest.mark.parametrize("what", ["slots", "commitments"])
async def test_an_export_that_is_imported_changes_nothing(client: httpx.AsyncClient, world: World, what: str) -> None:
    own = await calendar(world)
    workbook = await fetch(client, own, "xlsx", what=what)
    french = await fetch(client, own, what=what, delimiter="semicolon")
    for content in (
        await fetch(client, own, what=what),
        french,
        by_excel_in_french(french),
        workbook,
        by_excel(workbook),
    ):
        answer = await send(client, content, own, what=what)
        assert answer.status_code == 200, answer.text
        report = answer.json()
        assert report["counts"] == {"create": 0, "update": 0, "unchanged": len(report["rows"]), "refused": 0}
        assert report["counts"]["unchanged"] >= 4
    without_ids = [row[1:] for row in csv.reader(io.StringIO(french.decode("utf-8-sig"), newline=""), delimiter=";")]
    text = io.StringIO(newline="")
    csv.writer(text, delimiter="\t").writerows(without_ids)
    again = (await send(client, text.getvalue().encode(), own, what=what)).json()
    assert again["counts"]["unchanged"] == len(again["rows"])


async def test_files_show_days_amounts_and_no_formula(client: httpx.AsyncClient, world: World) -> None:
    own = await calendar(world)
    sheet = load_workbook(io.BytesIO(await fetch(client, own, "xlsx"))).active
    assert sheet is not None
    header, *rows = (list(row) for row in sheet.iter_rows())
    names = [cell.value for cell in header]
    cells = dict(zip(names, next(row for row in rows if row[names.index("price_eur")].value), strict=True))
    assert (cells["start"].data_type, cells["start"].number_format) == ("d", "yyyy-mm-dd")
    assert (cells["price_eur"].value, cells["divisible"].value) == (1_250_000.5, False)
    assert (cells["site"].value, cells["site"].data_type) == ("'=Usine; n° 1", "s")
    plain = (await fetch(client, own)).decode()
    assert "1250000.50" in plain
    assert "1250000,50" in (await fetch(client, own, delimiter="semicolon")).decode("utf-8-sig")
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in csv.reader(io.StringIO(plain)) for cell in row)


async def test_an_export_is_narrowed_and_named(client: httpx.AsyncClient, world: World) -> None:
    own = await calendar(world)
    query = {"start": str(day(40)), "end": str(day(60)), "format": "csv"}
    answer = await client.get("/v1/slots/export", params=query, headers=own)
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["start"] for row in rows] == [str(day(10)), str(day(31)), str(day(0)), str(day(0))]
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert "creneau-slots-" in answer.headers["content-disposition"]
    assert int(answer.headers["content-length"]) == len(answer.content)
    wrong = await client.get("/v1/slots/export", params={"start": str(day(9)), "end": str(day(9))}, headers=own)
    assert wrong.json()["errors"][0]["pointer"] == "query/end"


@pytest.mark.parametrize("what", ["slots", "commitments"])
@pytest.mark.parametrize("file_format", ["csv", "xlsx"])
async def test_a_template_names_the_columns(
    client: httpx.AsyncClient, world: World, what: str, file_format: str
) -> None:
    _, own = await world.cdmo()
    answer = await client.get(f"/v1/{what}/import/template", params={"format": file_format}, headers=own)
    report = (await send(client, answer.content, own, what=what)).json()
    assert report["columns"][:4] == ["id", "site", "line", "unit"]
    assert report["rows"] == []


@given(st.integers(0, 10**13))
def test_amounts_are_read_as_they_are_written(cents: int) -> None:
    for said in (f"{cents // 100}.{cents % 100:02}", f"{cents // 100},{cents % 100:02} €", cents / 100):
        assert import_cells.cents_of_euros(said) == cents


@given(DAYS)
def test_days_are_read_as_they_are_written(one: date) -> None:
    assert import_cells.day(one.isoformat()) == import_cells.day(one) == one
    assert import_cells.day_or_day_first(one.strftime("%d/%m/%Y")) == one
