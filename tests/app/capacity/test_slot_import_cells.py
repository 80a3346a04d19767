"""Cells of files with slots: what each may hold, and which rule refuses it under which column."""

from datetime import datetime
from typing import Any
from uuid import uuid4

import httpx
from openpyxl import Workbook

from app.core.vocabulary import Reserve
from tests.app.capacity.files import as_csv, as_xlsx, faults, saved, send
from tests.app.capacity.rows import stored
from tests.support.world import World, day

BAD: list[tuple[dict[str, Any], str, str]] = [
    ({"end": "2000-01-02"}, "end", "must be after start"),
    ({"start": ""}, "start", "A new row needs it."),
    ({"start": "soon"}, "start", "year-month-day"),
    ({"start": "31/01/2030"}, "start", "year-month-day"),
    ({"start": "2030-02-30"}, "start", "There is no such day."),
    ({"end": "2150-01-01"}, "end", "must lie between"),
    ({"reserve": "everyone"}, "reserve", "'startup'"),
    ({"status": "withdrawn"}, "status", "published or a draft"),
    ({"releases_on": str(day(3))}, "releases_on", "start-up reserve"),
    ({"lendable": "vrai", "recall_notice_days": 5}, "lendable", "crisis reserve"),
    ({"lendable": "perhaps"}, "lendable", "true or false"),
    ({"reserve": "crisis", "lendable": "oui"}, "recall_notice_days", "recalled"),
    ({"reserve": "crisis", "max_lent_days": 9}, "max_lent_days", "lent"),
    ({"recall_notice_days": "9.5"}, "recall_notice_days", "whole number"),
    ({"recall_notice_days": -1}, "recall_notice_days", "greater than or equal to 0"),
    ({"price_eur": "1,234"}, "price_eur", "no comma between thousands"),
    ({"price_eur": "-3"}, "price_eur", "greater than or equal to 0"),
    ({"price_eur": "3", "price_cents": 301}, "price_cents", "contradicts price_eur"),
    ({"agreement_id": uuid4()}, "agreement_id", "no such agreement"),
    ({"agreement_id": "7"}, "agreement_id", "Write an identifier"),
    ({"id": uuid4()}, "id", "There is no slot"),
    ({"id": "7"}, "id", "Write an identifier"),
    ({"site": "Elsewhere"}, "site", "no site 'Elsewhere'"),
    ({"unit_id": uuid4()}, "unit_id", "There is no unit"),
]
"""What is changed in a good row, and the column and rule that refuse it."""


async def test_bad_cells_are_refused_by_column_and_rule(client: httpx.AsyncClient, world: World) -> None:
    cdmo, own = await world.cdmo()
    await world.unit(cdmo)
    names = list(dict.fromkeys(("start", "end", *(name for change, *_ in BAD for name in change))))
    periods = [{"start": day(number * 10), "end": day(number * 10 + 10)} for number in range(len(BAD))]
    rows = [
        [({**period, **change}).get(name, "") for name in names]
        for period, (change, *_) in zip(periods, BAD, strict=True)
    ]
    found = faults(await send(client, as_csv([names, *rows]), own))
    assert [pointer for pointer, _ in found] == [
        f"/rows/{number}/{column}" for number, (_, column, _) in enumerate(BAD, 2)
    ]
    for (_, said), (change, _, rule) in zip(found, BAD, strict=True):
        assert rule in said, change
    assert await stored(world) == []


async def test_all_that_is_wrong_in_a_row_is_told_at_once(client: httpx.AsyncClient, world: World) -> None:
    cdmo, own = await world.cdmo()
    await world.slot(await world.unit(cdmo), 0, 10)
    rows = [("start", "end", "price_eur", "lendable"), (day(5), day(20), "dear", "true")]
    answer = await send(client, as_csv(rows), own)
    assert [pointer for pointer, _ in faults(answer)] == ["/rows/2/start", "/rows/2/price_eur"]


async def test_blank_cells_take_away_only_what_may_be_missing(client: httpx.AsyncClient, world: World) -> None:
    cdmo, own = await world.cdmo()
    terms = {"reserve": Reserve.CRISIS, "lendable": True, "recall_notice_days": 9, "max_lent_days": 30}
    slot = await world.slot(await world.unit(cdmo), 0, 40, price_cents=7, divisible=False, **terms)
    header = (
        "id",
        "start",
        "end",
        "reserve",
        "status",
        "lendable",
        "divisible",
        "approval",
        "price_eur",
        "max_lent_days",
    )
    answer = await send(client, as_csv([header, (slot.id, *[""] * 9)]), own)
    assert answer.json()["rows"][0]["changes"] == [
        {"field": "max_lent_days", "before": 30, "after": None},
        {"field": "price_cents", "before": 7, "after": None},
    ]
    (after,) = await stored(world)
    assert (after.price_cents, after.recall_notice_days, after.divisible, after.lendable) == (None, 9, False, True)


async def test_cells_of_workbooks_have_kinds(client: httpx.AsyncClient, world: World) -> None:
    cdmo, own = await world.cdmo()
    await world.unit(cdmo, site={"name": "3"})
    header = ("site", "start", "end", "divisible", "price_eur", "price_cents", "recall_notice_days")
    good = (3, datetime.fromisoformat("2030-01-01"), day(10), False, 1250.55, None, None)
    wrong = (3, datetime.fromisoformat("2030-02-01 06:30"), 47_500, 2, 0.001, 0.5, True)
    answer = await send(client, as_xlsx([(), (), header, good]), own)
    assert answer.status_code == 200, answer.text
    assert (answer.json()["sheet"], answer.json()["rows"][0]["row"]) == ("Sheet", 4)
    (slot,) = await stored(world)
    assert (slot.price_cents, slot.divisible) == (125_055, False)
    found = faults(await send(client, as_xlsx([header, wrong]), own))
    assert [pointer for pointer, _ in found] == [f"/rows/2/{name}" for name in header[1:]]


async def test_an_error_in_a_cell_is_no_blank_one(client: httpx.AsyncClient, world: World) -> None:
    cdmo, own = await world.cdmo()
    slot = await world.slot(await world.unit(cdmo), 0, 40, price_cents=7)
    file = Workbook()
    hidden = file.active
    assert hidden is not None
    hidden.append(["notes of ours"])
    hidden.sheet_state = "hidden"
    sheet = file.create_sheet("Créneaux")
    sheet.append(["id", "price_eur"])
    sheet.append([str(slot.id), "#N/A"])
    answer = await send(client, saved(file), own)
    ((pointer, _),) = faults(answer)
    assert pointer == "/rows/2/price_eur"
    assert answer.json()["report"]["sheet"] == "Créneaux"
    assert (await stored(world))[0].price_cents == 7
