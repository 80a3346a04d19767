"""A world is loaded whole or not at all, once; keys are made for it, and made again when they are lost."""

import csv
import json
import shutil
import stat
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import SQLModel, col

from app.audit.models import AuditRecord
from app.capacity.models import CalendarEntry, CalendarVersion, Commitment, Slot
from app.catalogue.models import ProductionLine, Site, Unit
from app.core.settings import Settings
from app.identity.keys import digest
from app.identity.models import ApiKey, Organisation, Person
from seed.catalogue import DATA
from seed.csv_rows import MalformedRow
from seed.demo_keys import HOLDERS, NoHolder
from seed.loader import AlreadySeeded
from seed.loading import LoadPlan, load
from seed.scenario.generate import Scenario
from seed.scenario.sizes import SizeName

pytestmark = pytest.mark.anyio

DEMO = LoadPlan(SizeName.DEMO, 1, date(2027, 1, 1))


async def _count(owner: AsyncEngine, table: type[SQLModel]) -> int:
    async with owner.connect() as connection:
        return int(await connection.scalar(select(func.count()).select_from(table)) or 0)


async def _works(owner: AsyncEngine, key: str) -> bool:
    async with owner.connect() as connection:
        query = select(col(ApiKey.revoked_at)).where(col(ApiKey.secret_sha256) == digest(key))
        row = (await connection.execute(query)).one_or_none()
    return row is not None and row.revoked_at is None


def _keys(file: Path) -> Mapping[str, Mapping[str, str]]:
    content: Mapping[str, Mapping[str, str]] = json.loads(file.read_text(encoding="utf-8"))
    return content


async def test_the_demo_is_loaded_with_the_calendars_that_triggers_keep(
    owner: AsyncEngine, settings: Settings, demo: Scenario
) -> None:
    report = await load(settings, DEMO)
    assert report.rows["sites"] == await _count(owner, Site) == 45
    assert report.rows["production_lines"] == await _count(owner, ProductionLine) == 82
    assert await _count(owner, Slot) == len(demo.world.slots)
    shadows = await _count(owner, Slot) + await _count(owner, Commitment)
    assert await _count(owner, CalendarEntry) == shadows
    assert await _count(owner, CalendarVersion) == await _count(owner, Unit) == 114
    async with owner.connect() as connection:
        record = (await connection.execute(select(col(AuditRecord.action), col(AuditRecord.after)))).one()
    assert record.action == "database.seeded"
    assert record.after["size"] == "demo"
    assert record.after["rows"] == report.rows


async def test_the_bare_catalogue_has_no_slot_and_nobody_to_hold_keys(
    owner: AsyncEngine, settings: Settings, tmp_path: Path
) -> None:
    bare = replace(DEMO, size=None)
    with pytest.raises(NoHolder, match="coordinator"):
        await load(settings, replace(bare, keys_file=tmp_path / "keys.json"))
    assert await _count(owner, Organisation) == 0
    await load(settings, bare)
    assert await _count(owner, Site) == 45
    assert await _count(owner, Organisation) == 75
    assert await _count(owner, Slot) == 0


async def test_nothing_is_loaded_twice(owner: AsyncEngine, settings: Settings) -> None:
    await load(settings, DEMO)
    slots = await _count(owner, Slot)
    with pytest.raises(AlreadySeeded):
        await load(settings, DEMO)
    report = await load(settings, replace(DEMO, if_empty=True))
    assert (report.rows, report.new_keys) == ({}, False)
    assert await _count(owner, Slot) == slots


async def test_a_malformed_row_loads_nothing(owner: AsyncEngine, settings: Settings, tmp_path: Path) -> None:
    for file in DATA.glob("*.csv"):
        shutil.copy(file, tmp_path)
    spoilt = tmp_path / "startups.csv"
    with spoilt.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.reader(stream))
    rows[-1][rows[0].index("confidence")] = "certain"
    with spoilt.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows(rows)
    with pytest.raises(MalformedRow, match=r"startups\.csv, row 38, column confidence"):
        await load(settings, replace(DEMO, data=tmp_path))
    assert await _count(owner, Organisation) == 0


async def test_keys_are_for_the_owner_alone_and_each_is_a_persons(
    owner: AsyncEngine, settings: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "new" / "keys.json"
    assert (await load(settings, replace(DEMO, keys_file=file))).new_keys
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [one.name for one in file.parent.iterdir()] == ["keys.json"]
    keys = _keys(file)
    assert list(keys) == list(HOLDERS)
    assert len({entry["organisation_id"] for entry in keys.values()}) == len(HOLDERS)
    for name, entry in keys.items():
        assert set(entry) == {"key", "email", "organisation_id", "organisation"}
        async with owner.connect() as connection:
            query = (
                select(col(ApiKey.role), col(Organisation.kind), col(Organisation.name), col(Person.email))
                .join(Organisation, col(Organisation.id) == col(ApiKey.organisation_id))
                .join(Person, col(Person.id) == col(ApiKey.person_id))
                .where(col(ApiKey.secret_sha256) == digest(entry["key"]))
            )
            row = (await connection.execute(query)).one()
        assert (row.role, row.kind, row.name) == (HOLDERS[name].role, HOLDERS[name].kind, entry["organisation"])
        assert row.email == entry["email"]
        assert row.email.endswith("@example.org")


async def test_good_keys_stay_and_lost_ones_are_replaced_and_revoked(
    owner: AsyncEngine, settings: Settings, tmp_path: Path
) -> None:
    plan = replace(DEMO, if_empty=True, keys_file=tmp_path / "keys.json")
    file = tmp_path / "keys.json"
    await load(settings, plan)
    first = file.read_bytes()
    assert not (await load(settings, plan)).new_keys
    assert file.read_bytes() == first
    before = _keys(file)
    file.write_text("{}", encoding="utf-8")
    assert (await load(settings, plan)).new_keys
    after = _keys(file)
    for name in HOLDERS:
        assert after[name]["organisation_id"] == before[name]["organisation_id"]
        assert await _works(owner, after[name]["key"])
        assert not await _works(owner, before[name]["key"])
    assert await _count(owner, Person) == len(HOLDERS)


async def test_whoever_has_left_the_demonstration_is_back_with_new_keys(
    owner: AsyncEngine, settings: Settings, tmp_path: Path
) -> None:
    plan = replace(DEMO, if_empty=True, keys_file=tmp_path / "keys.json")
    await load(settings, plan)
    async with owner.begin() as connection:
        await connection.execute(update(Person).values(deactivated_at=func.now()))
        await connection.execute(update(ApiKey).values(revoked_at=func.now()))
    assert (await load(settings, plan)).new_keys
    for entry in _keys(tmp_path / "keys.json").values():
        assert await _works(owner, entry["key"])
    async with owner.connect() as connection:
        left = await connection.scalar(select(func.count()).where(col(Person.deactivated_at).is_not(None)))
    assert left == 0
