"""A calendar of five hundred slots: in by file within seconds, or refused by row, column and reason."""

import asyncio
import time
from collections.abc import Mapping

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import event, func, select

from app.audit.models import AuditRecord
from app.capacity.models import Slot
from app.core.database import transaction
from tests.app.capacity.files import as_csv, as_xlsx, faults, send
from tests.support.world import World, day

HEADER = ("site", "line", "unit", "start", "end", "reserve", "approval", "price_eur")
SLOTS = 500
SECONDS = 10.0


async def calendar(world: World) -> tuple[Mapping[str, str], list[list[object]]]:
    """Return a planner's headers, and five hundred rows over ten lines of its own."""
    cdmo, headers = await world.cdmo()
    rows: list[list[object]] = []
    for number in range(10):
        await world.unit(cdmo, site={"name": f"Usine {number}"}, name=f"Ligne {number}")
        for slot in range(SLOTS // 10):
            place = [f"Usine {number}", f"Ligne {number}", "Unit 1"]
            rows.append([*place, day(slot * 60), day(slot * 60 + 60), "open", "instant", 1_250_000.5])
    return headers, rows


@pytest.mark.parametrize("make", [as_csv, as_xlsx], ids=["csv", "xlsx"])
async def test_three_bad_rows_of_five_hundred_are_refused_by_row_column_and_reason(
    client: httpx.AsyncClient, world: World, make: object
) -> None:
    headers, rows = await calendar(world)
    rows[15][4] = rows[15][3]
    rows[230][5] = "everyone"
    rows[498][1] = "Ligne 12"
    content = (as_csv if make is as_csv else as_xlsx)([HEADER, *rows])
    started = time.perf_counter()
    answer = await send(client, content, headers)
    assert time.perf_counter() - started < SECONDS
    assert faults(answer) == [
        ("/rows/17/end", f"end ({day(900)}) must be after start ({day(900)})"),
        ("/rows/232/reserve", "Input should be 'open', 'startup' or 'crisis'"),
        ("/rows/500/line", "There is no line 'Ligne 12' among yours, or not in the place that the row names."),
    ]
    report = answer.json()["report"]
    assert report["counts"] == {"create": SLOTS - 3, "update": 0, "unchanged": 0, "refused": 3}
    assert report["rows"][230]["faults"] == [
        {"column": "reserve", "rule": "Input should be 'open', 'startup' or 'crisis'", "value": "everyone"}
    ]
    assert (report["written"], report["rows"][15]["row"], report["rows"][0]["action"]) == (False, 17, "create")
    async with transaction(world.sessions) as session:
        assert await session.scalar(select(func.count()).select_from(Slot)) == 0
        assert await session.scalar(select(func.count()).select_from(AuditRecord)) == 0


async def test_five_hundred_slots_come_in_within_seconds_and_again_change_nothing(
    client: httpx.AsyncClient, world: World
) -> None:
    headers, rows = await calendar(world)
    content = as_xlsx([HEADER, *rows])
    started = time.perf_counter()
    answer = await send(client, content, headers)
    assert time.perf_counter() - started < SECONDS
    assert answer.status_code == 200, answer.text
    assert answer.json()["counts"] == {"create": SLOTS, "update": 0, "unchanged": 0, "refused": 0}
    again = await send(client, content, headers)
    assert again.json()["counts"] == {"create": 0, "update": 0, "unchanged": SLOTS, "refused": 0}
    for row in rows:
        row[6], row[7] = "by_cdmo", "99,5"
    with_ids = [[one["id"], *row] for one, row in zip(answer.json()["rows"], rows, strict=True)]
    changed = await send(client, as_csv([("id", *HEADER), *with_ids], ";"), headers)
    assert changed.json()["counts"] == {"create": 0, "update": SLOTS, "unchanged": 0, "refused": 0}
    async with transaction(world.sessions) as session:
        slots = list(await session.scalars(select(Slot)))
        assert {(one.price_cents, one.version) for one in slots} == {(9_950, 2)}
        assert await session.scalar(select(func.count()).select_from(AuditRecord)) == 2 * SLOTS


async def test_the_number_of_statements_does_not_depend_on_the_number_of_rows(
    app: FastAPI, client: httpx.AsyncClient, world: World
) -> None:
    headers, rows = await calendar(world)
    engine = app.state.sessions.kw["bind"].sync_engine
    executed: list[int] = []
    for size in (20, 200):
        statements: list[str] = []

        def note(_: object, __: object, statement: str, *___: object, to: list[str] = statements) -> None:
            to.append(statement)

        event.listen(engine, "before_cursor_execute", note)
        taken, rows = rows[:size], rows[size:]
        answer = await send(client, as_csv([HEADER, *taken]), headers)
        event.remove(engine, "before_cursor_execute", note)
        assert answer.json()["counts"]["create"] == size
        executed.append(len(statements))
    assert executed[0] == executed[1] < 20


async def test_the_same_file_sent_twice_at_once_adds_each_slot_once(client: httpx.AsyncClient, world: World) -> None:
    headers, rows = await calendar(world)
    content = as_csv([HEADER, *rows[:40]])
    answers = await asyncio.gather(*(send(client, content, headers) for _ in range(3)))
    counts = sorted((one.json()["counts"]["create"], one.json()["counts"]["unchanged"]) for one in answers)
    assert counts == [(0, 40), (0, 40), (40, 0)]
    async with transaction(world.sessions) as session:
        assert await session.scalar(select(func.count()).select_from(Slot)) == 40
