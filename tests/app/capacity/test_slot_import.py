"""Slots from files: tried out first, all or nothing, by the rules of single slots."""

import csv
import io
from typing import BinaryIO

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import select
from sqlmodel import col

from app.audit.models import AuditRecord
from app.capacity.models import SlotStatus
from app.core.database import transaction
from app.core.sheets.reading import SheetReader
from app.core.vocabulary import Reserve
from tests.app.capacity.files import as_csv, faults, fetch, send
from tests.app.capacity.rows import agreement, book, commitment, stored
from tests.support.world import World, day


async def test_a_key_that_ends_while_its_file_is_read_writes_nothing(
    client: httpx.AsyncClient, app: FastAPI, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.identity.known_keys.TRUSTED_SECONDS", 0.0)
    reader: SheetReader = app.state.sheet_reader
    read = reader.read

    async def slowly(file: BinaryIO) -> object:
        found = await read(file)
        await world.revoke_all_keys()
        return found

    monkeypatch.setattr(reader, "read", slowly)
    cdmo, own = await world.cdmo()
    await world.unit(cdmo)
    refused = await send(client, as_csv([("start", "end"), (day(0), day(50))]), own)
    assert refused.status_code == 401
    assert await stored(world) == []


async def test_a_file_is_tried_out_first_and_then_written_with_a_trail(client: httpx.AsyncClient, world: World) -> None:
    cdmo, own = await world.cdmo()
    unit = await world.unit(cdmo)
    kept, changed, draft = (
        await world.slot(unit, 0, 50),
        await world.slot(unit, 50, 100),
        await world.slot(unit, 40, 60, status=SlotStatus.DRAFT),
    )
    rows = [
        ("id", "start", "end", "status", "price_eur"),
        (kept.id, day(0), day(50), "published", ""),
        (changed.id, day(50), day(90), "", "1 250 000,50 €"),
        (draft.id, "", "", "withdrawn", ""),
        ("", day(100), day(120), "draft", "1"),
    ]
    tried = await send(client, as_csv(rows), own, dry_run=None)
    assert tried.status_code == 200, tried.text
    report = tried.json()
    assert (report["dry_run"], report["written"]) == (True, False)
    assert [(one["row"], one["action"], one["id"]) for one in report["rows"]] == [
        (2, "unchanged", str(kept.id)),
        (3, "update", str(changed.id)),
        (4, "update", str(draft.id)),
        (5, "create", None),
    ]
    assert report["rows"][1]["changes"] == [
        {"field": "end", "before": str(day(100)), "after": str(day(90))},
        {"field": "price_cents", "before": None, "after": 125_000_050},
    ]
    assert {"field": "divisible", "before": None, "after": True} in report["rows"][3]["changes"]
    assert [one.version for one in await stored(world)] == [1, 1, 1]
    done = await send(client, as_csv(rows), own)
    assert (done.json()["dry_run"], done.json()["written"]) == (False, True)
    assert done.json()["rows"][:3] == report["rows"][:3]
    slots = {one.id: one for one in await stored(world)}
    assert [slots[one.id].version for one in (kept, changed, draft)] == [1, 2, 2]
    assert slots[changed.id].price_cents == 125_000_050
    async with transaction(world.sessions) as session:
        records = list(await session.scalars(select(AuditRecord).order_by(col(AuditRecord.id))))
    assert [(one.action, one.object_id) for one in records] == [
        ("slot.updated", changed.id),
        ("slot.withdrawn", draft.id),
        ("slot.drafted", next(one for one in slots if one not in {kept.id, changed.id, draft.id})),
    ]
    assert str(records[2].object_id) == done.json()["rows"][3]["id"]
    assert records[0].before is not None
    assert records[0].after is not None
    assert (records[0].before["price_cents"], records[0].after["price_cents"]) == (None, 125_000_050)
    assert (records[0].before["version"], records[0].after["version"]) == (1, 2)
    assert records[0].request_id == done.headers["x-request-id"]


async def test_the_form_may_say_whether_it_is_a_dry_run(client: httpx.AsyncClient, world: World) -> None:
    cdmo, own = await world.cdmo()
    await world.unit(cdmo)
    content = as_csv([("start", "end"), (day(0), day(9))])
    file = {"file": ("a.csv", content)}
    url = "/v1/slots/import"
    tried = await client.post(url, files=file, data={"dry_run": "true"}, headers=own)
    assert (tried.status_code, tried.json()["written"]) == (200, False)
    both = await client.post(url, files=file, data={"dry_run": "false"}, params={"dry_run": "true"}, headers=own)
    assert faults(both)[0][0] == "/dry_run"
    done = await client.post(url, files=file, data={"dry_run": "false"}, headers=own)
    assert (done.status_code, done.json()["written"]) == (200, True)


async def test_a_recalled_slot_is_opened_from_its_own_export_as_over_http(
    client: httpx.AsyncClient, world: World
) -> None:
    cdmo, own = await world.cdmo()
    unit = await world.unit(cdmo)
    lent = {"reserve": Reserve.CRISIS, "lendable": True, "recall_notice_days": 30, "max_lent_days": 60}
    slots = [await world.slot(unit, start, start + 50, **lent) for start in (0, 50)]
    for slot in slots:
        assert (await client.post(f"/v1/slots/{slot.id}/recall", headers=own)).status_code == 200
    exported = list(csv.DictReader(io.StringIO((await fetch(client, own)).decode("utf-8-sig"))))
    assert [(one["reserve"], one["recall_notice_days"], one["max_lent_days"]) for one in exported] == [
        ("crisis", "30", "60")
    ] * 2
    edited = [one | {"reserve": "open"} for one in exported if one["id"] == str(slots[0].id)]
    rows = [tuple(edited[0]), *(tuple(one.values()) for one in edited)]
    answer = await send(client, as_csv(rows), own)
    assert answer.status_code == 200, answer.text
    assert {(one["field"], one["after"]) for one in answer.json()["rows"][0]["changes"]} == {
        ("reserve", "open"),
        ("recall_notice_days", None),
        ("max_lent_days", None),
    }
    patched = await client.patch(f"/v1/slots/{slots[1].id}", json={"reserve": "open"}, headers=own)
    assert patched.status_code == 200
    by_file, by_patch = await stored(world)
    for name in ("reserve", "lendable", "recall_notice_days", "max_lent_days"):
        assert getattr(by_file, name) == getattr(by_patch, name)
    edited[0]["recall_notice_days"] = "31"
    asked = [tuple(edited[0]), *(tuple(one.values()) for one in edited)]
    assert faults(await send(client, as_csv(asked), own))[0][0] == "/rows/2/recall_notice_days"


async def test_two_slots_change_places(client: httpx.AsyncClient, world: World) -> None:
    cdmo, own = await world.cdmo()
    unit = await world.unit(cdmo)
    one, other = await world.slot(unit, 0, 40), await world.slot(unit, 40, 100)
    rows = [("id", "start", "end"), (one.id, day(40), day(100)), (other.id, day(0), day(40))]
    answer = await send(client, as_csv(rows), own)
    assert answer.status_code == 200, answer.text
    assert [(slot.id, slot.period.lower) for slot in await stored(world)] == [(other.id, day(0)), (one.id, day(40))]


async def test_overlaps_name_both_rows_and_what_is_stored(client: httpx.AsyncClient, world: World) -> None:
    cdmo, own = await world.cdmo()
    unit = await world.unit(cdmo)
    there = await world.slot(unit, 0, 10)
    await commitment(world, unit.id, 100, 110)
    rows = [
        ("start", "end", "status"),
        (day(20), day(40), ""),
        (day(39), day(50), ""),
        (day(50), day(60), ""),
        (day(9), day(12), ""),
        (day(105), day(120), ""),
        (day(20), day(25), "draft"),
    ]
    answer = await send(client, as_csv(rows), own)
    assert faults(answer) == [
        ("/rows/2/start", f"It overlaps row 3 of this file, from {day(39)} to {day(50)}."),
        ("/rows/3/start", f"It overlaps row 2 of this file, from {day(20)} to {day(40)}."),
        ("/rows/5/start", f"It overlaps the published slot {there.id}, from {day(0)} to {day(10)}."),
        ("/rows/6/start", f"The unit is committed from {day(100)} to {day(110)}."),
    ]
    assert answer.json()["type"] == "urn:creneau:problem:import-refused"
    assert "2, 3, 5, 6" in answer.json()["detail"]
    assert [one.id for one in await stored(world)] == [there.id]


async def test_a_slot_that_is_moved_away_makes_room_for_a_new_one(client: httpx.AsyncClient, world: World) -> None:
    cdmo, own = await world.cdmo()
    slot = await world.slot(await world.unit(cdmo), 0, 40)
    rows = [("id", "start", "end"), ("", day(0), day(40)), (slot.id, day(40), day(80))]
    answer = await send(client, as_csv(rows), own)
    assert answer.json()["counts"] == {"create": 1, "update": 1, "unchanged": 0, "refused": 0}


async def test_units_are_known_by_name_or_identifier(client: httpx.AsyncClient, world: World) -> None:
    cdmo, own = await world.cdmo()
    one = await world.unit(cdmo, site={"name": "Usine d'Évry"}, name="Ligne A")
    other = await world.unit(cdmo, site={"name": "Usine de Lyon"}, name="Ligne B")
    rival, _ = await world.cdmo()
    await world.unit(rival, site={"name": "Usine de Tours"}, name="Ligne C")
    header = ("site", "line", "unit", "unit_id", "start", "end")
    rows = [
        header,
        ("Usine d'Évry", "Ligne A", "Unit 1", "", day(0), day(10)),
        ("usine  d'évry", "", "", "", day(10), day(20)),
        ("", one.line_id, "", "", day(20), day(30)),
        ("", "", other.id, "", day(0), day(10)),
        ("", "", "", other.id, day(10), day(20)),
    ]
    answer = await send(client, as_csv(rows), own)
    assert answer.status_code == 200, answer.text
    assert [slot.unit_id for slot in await stored(world)].count(one.id) == 3
    wrong = [
        header,
        ("", "", "", "", day(40), day(50)),
        ("Usine de Tours", "", "", "", day(40), day(50)),
        ("Usine de Lyon", "Ligne A", "", "", day(40), day(50)),
        ("Usine de Lyon", "", "", one.id, day(40), day(50)),
    ]
    assert faults(await send(client, as_csv(wrong), own)) == [
        ("/rows/2/site", "It could be several: Usine d'Évry, Usine de Lyon. Name one."),
        ("/rows/3/site", "There is no site 'Usine de Tours' among yours, or not in the place that the row names."),
        ("/rows/4/line", "There is no line 'Ligne A' among yours, or not in the place that the row names."),
        ("/rows/5/site", "There is no site 'Usine de Lyon' among yours, or not in the place that the row names."),
    ]


async def test_a_slot_stays_on_its_unit_and_is_named_once(client: httpx.AsyncClient, world: World) -> None:
    cdmo, own = await world.cdmo()
    unit, other = await world.unit(cdmo, site={"name": "S"}, name="L"), await world.unit(cdmo)
    slot = await world.slot(unit, 0, 40)
    answer = await send(client, as_csv([("id", "unit_id"), (slot.id, other.id)]), own)
    ((pointer, rule),) = faults(answer)
    assert pointer == "/rows/2/unit_id"
    assert "S / L / Unit 1" in rule
    doubled = await send(client, as_csv([("id", "end"), (slot.id, day(30)), (slot.id, day(20))]), own)
    assert faults(doubled) == [
        ("/rows/2/id", "Row 3 names the same slot."),
        ("/rows/3/id", "Row 2 names the same slot."),
    ]


async def test_live_bookings_keep_their_slots(client: httpx.AsyncClient, world: World) -> None:
    cdmo, own = await world.cdmo()
    buyer, _ = await world.startup()
    unit = await world.unit(cdmo)
    slots = [await world.slot(unit, start, start + 50) for start in (0, 50, 100, 150)]
    for slot, start in zip(slots, (0, 50, 100, 150), strict=True):
        await book(world, slot, buyer, start + 10, start + 20)
    rows = [
        ("id", "start", "end", "reserve", "status"),
        (slots[0].id, day(11), "", "", ""),
        (slots[1].id, "", day(69), "", ""),
        (slots[2].id, "", "", "crisis", ""),
        (slots[3].id, "", "", "", "withdrawn"),
    ]
    answer = await send(client, as_csv(rows), own)
    found = faults(answer)
    assert [pointer for pointer, _ in found] == [
        "/rows/2/start", "/rows/3/end", "/rows/4/reserve", "/rows/5/status",
    ]  # fmt: skip
    assert all("Booked in this slot" in rule for _, rule in found)


async def test_transitions_lines_and_agreements_keep_their_rules(client: httpx.AsyncClient, world: World) -> None:
    cdmo, own = await world.cdmo()
    captive = await world.unit(cdmo, not_bookable_reason="captive use")
    coming = await world.unit(cdmo, commissioned_on=day(10))
    promised = await agreement(world, cdmo)
    slot = await world.slot(coming, 20, 40)
    rows = [
        ("id", "unit_id", "start", "end", "reserve", "status", "agreement_id"),
        ("", captive.id, day(0), day(10), "", "", ""),
        ("", coming.id, day(9), day(20), "", "", ""),
        (slot.id, "", "", "", "", "draft", ""),
        ("", coming.id, day(50), day(60), "open", "", promised.id),
        ("", captive.id, day(20), day(30), "", "draft", ""),
        ("", coming.id, day(60), day(70), "startup", "", promised.id),
    ]
    assert faults(await send(client, as_csv(rows), own)) == [
        ("/rows/2/line", "The line is not bookable: captive use."),
        ("/rows/3/start", f"The line is commissioned on {day(10)}."),
        ("/rows/4/status", "A published slot cannot become draft."),
        ("/rows/5/agreement_id", "It is about the startup reserve, the slot open."),
    ]


async def test_who_may_import_and_export(client: httpx.AsyncClient, world: World) -> None:
    cdmo, _ = await world.cdmo()
    slot = await world.slot(await world.unit(cdmo), 0, 40)
    _, rival = await world.cdmo()
    _, startup = await world.startup()
    content = as_csv([("id", "end"), (slot.id, day(30))])
    for headers, status in (({}, 401), (startup, 403), (await world.coordinator(), 403)):
        for what in ("slots", "commitments"):
            assert (await send(client, content, headers, what=what)).status_code == status
            assert (await client.get(f"/v1/{what}/export", headers=headers)).status_code == status
    assert faults(await send(client, content, rival))[0][0] == "/rows/2/id"
    exported = await client.get("/v1/slots/export", headers=rival)
    assert len(exported.text.splitlines()) == 1
