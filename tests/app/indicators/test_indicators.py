"""`GET /v1/indicators`: the nation's figures for everybody, a region's for its observer, and nobody's own in them."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from app.capacity.models import Slot
from app.core import clock
from app.core.database import SessionFactory, make_session_factory, transaction
from app.core.model import period
from app.core.vocabulary import Reserve
from app.identity.models import OrganisationKind, Role
from app.indicators.models import IndicatorEdition
from app.indicators.repository import newest
from app.indicators.service import make_edition
from tests.app.bookings.readiness_rows import at_noon, funded
from tests.support.explain import plan_of, settle
from tests.support.world import World

pytestmark = pytest.mark.database

QUARTER = date(2030, 1, 1)
AFTER = date(2030, 4, 2)


@pytest.fixture
def sessions(owner: AsyncEngine) -> SessionFactory:
    return make_session_factory(owner)


async def made(sessions: SessionFactory, monkeypatch: pytest.MonkeyPatch, on: date = AFTER) -> int:
    monkeypatch.setattr(clock, "now", lambda: at_noon(on))
    done = 0
    while True:
        async with transaction(sessions) as session:
            if not (some := await make_edition(session)):
                return done
            done += some


async def supplied(world: World, region: str, makers: int) -> None:
    """So many CDMOs of a region with ten published days in the quarter each."""
    for _ in range(makers):
        cdmo, _ = await world.cdmo()
        unit = await world.unit(cdmo, site={"region": region})
        days = period(QUARTER - timedelta(days=5), QUARTER + timedelta(days=10))
        await world.add(Slot(unit_id=unit.id, period=days))


async def asked(world: World, region: str, startups: int, **given: Any) -> None:
    """So many start-ups of a region with one request submitted in the quarter each."""
    for _ in range(startups):
        startup, _ = await world.startup(region=region)
        product = await world.product(startup)
        await world.request(product, submitted_at=at_noon(date(2030, 2, 1)), **given)


async def read(client: httpx.AsyncClient, headers: Mapping[str, str] | None = None) -> Any:
    answer = await client.get("/v1/indicators", headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_before_the_first_edition_there_is_nothing(client: httpx.AsyncClient) -> None:
    assert await read(client) == {"as_of_on": None, "least_organisations": 5, "editions": []}


async def test_the_public_reads_the_nation_and_an_observer_its_region(
    client: httpx.AsyncClient, world: World, sessions: SessionFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    for region, makers in (("Bretagne", 6), ("Occitanie", 7), ("Normandie", 2)):
        await supplied(world, region, makers)
    breton = await world.headers(await world.organisation(OrganisationKind.OBSERVER, region="Bretagne"), Role.OBSERVER)
    norman = await world.headers(await world.organisation(OrganisationKind.OBSERVER, region="Normandie"), Role.OBSERVER)
    occitan = await world.headers(
        await world.organisation(OrganisationKind.OBSERVER, region="Occitanie"), Role.OBSERVER
    )
    assert await made(sessions, monkeypatch) == 1

    [edition] = (await read(client))["editions"]
    assert (edition["start"], edition["end"], edition["regions"]) == ("2030-01-01", "2030-04-01", [])
    [row] = edition["nation"]["capacity"]
    assert row == {
        "modality": "monoclonal_antibody",
        "reserve": "open",
        "published_days": 150,
        "booked_days": 0,
        "utilisation_percent": 0,
    }

    async def published(headers: Mapping[str, str]) -> Any:
        [edition] = (await read(client, headers))["editions"]
        return [(one["region"], one["capacity"][0]["published_days"]) for one in edition["regions"]]

    # Two makers of Normandie are too few, and Bretagne would give them away: it has less than Occitanie.
    assert await published(norman) == [("Normandie", None)]
    assert await published(breton) == [("Bretagne", None)]
    assert await published(occitan) == [("Occitanie", 70)]
    everything = await published(await world.coordinator())
    assert {name for name, days in everything if days} == {"Occitanie"}
    _, maker = await world.cdmo()
    assert await published(maker) == []


async def test_requests_are_told_by_outcome_where_each_is_of_enough_or_nobodys(
    client: httpx.AsyncClient, world: World, sessions: SessionFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    await asked(world, "Bretagne", 8, status="unmet")
    await asked(world, "Bretagne", 5)
    await made(sessions, monkeypatch)
    [edition] = (await read(client))["editions"]
    [row] = edition["nation"]["requests"]
    assert (row["submitted"], row["placed"], row["unmet"], row["median_access_weeks"]) == (13, 0, 8, None)


async def test_one_unmet_request_among_many_is_nobodys_business(
    client: httpx.AsyncClient, world: World, sessions: SessionFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    await asked(world, "Bretagne", 9)
    await asked(world, "Bretagne", 1, status="unmet")
    await made(sessions, monkeypatch)
    [edition] = (await read(client))["editions"]
    [row] = edition["nation"]["requests"]
    assert (row["submitted"], row["placed"], row["unmet"]) == (10, None, None)


async def test_agreements_are_told_of_five_makers_and_more_and_do_not_make_up_for_each_other(
    client: httpx.AsyncClient, world: World, sessions: SessionFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        cdmo, _ = await world.cdmo()
        await funded(world, cdmo, QUARTER, date(2030, 4, 1))
        if number:
            unit = await world.unit(cdmo)
            start = QUARTER + timedelta(days=number)
            days = period(start, start + timedelta(days=20))
            await world.add(Slot(unit_id=unit.id, reserve=Reserve.STARTUP, period=days))
    await made(sessions, monkeypatch)
    [edition] = (await read(client))["editions"]
    [row] = edition["nation"]["agreements"]
    assert row == {
        "reserve": "startup",
        "promised_batch_days": 50,
        "published_batch_days": 40,
        "compliance_percent": 80,
    }


async def test_an_edition_is_made_once_and_never_changes(
    client: httpx.AsyncClient,
    world: World,
    sessions: SessionFactory,
    monkeypatch: pytest.MonkeyPatch,
    owner: AsyncEngine,
) -> None:
    await supplied(world, "Bretagne", 5)
    assert await made(sessions, monkeypatch) == 1
    before = await read(client)
    await supplied(world, "Bretagne", 1)
    assert await made(sessions, monkeypatch, AFTER + timedelta(days=30)) == 0
    assert await read(client) == before
    assert await made(sessions, monkeypatch, date(2030, 7, 1)) == 1
    assert [one["start"] for one in (await read(client))["editions"]] == ["2030-04-01", "2030-01-01"]
    with pytest.raises(IntegrityError, match="only ever added"):
        async with owner.begin() as connection:
            await connection.execute(text("UPDATE indicator_editions SET figures = '{}'"))


async def test_an_edition_is_recorded_with_its_figures_as_the_doing_of_the_job(
    world: World, sessions: SessionFactory, monkeypatch: pytest.MonkeyPatch, owner: AsyncEngine
) -> None:
    await supplied(world, "Bretagne", 5)
    await made(sessions, monkeypatch)
    async with owner.connect() as connection:
        [edition] = (await connection.execute(text("SELECT * FROM indicator_editions"))).all()
        [record] = (await connection.execute(text("SELECT * FROM audit_records"))).all()
    assert (record.action, record.actor, record.job) == ("indicator_edition.published", "job", "indicators")
    assert (record.object_type, record.before) == ("indicator_editions", None)
    assert (record.after["quarter_on"], record.after["figures"]) == ("2030-01-01", edition.figures)


async def test_what_one_has_still_holds_and_the_public_answer_may_be_kept(
    client: httpx.AsyncClient, world: World, sessions: SessionFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await client.get("/v1/indicators")
    assert first.headers["cache-control"] == "public, max-age=3600"
    again = await client.get("/v1/indicators", headers={"If-None-Match": f'"other", W/{first.headers["etag"]}'})
    assert (again.status_code, again.content) == (304, b"")
    assert [one.headers.get_list("vary") for one in (first, again)] == [["authorization, cookie"]] * 2
    for_one = await client.get("/v1/indicators", headers=await world.coordinator())
    assert for_one.headers["cache-control"] == "no-store"
    await supplied(world, "Bretagne", 5)
    await made(sessions, monkeypatch)
    later = await client.get("/v1/indicators", headers={"If-None-Match": first.headers["etag"]})
    assert later.status_code == 200


async def test_reading_takes_the_newest_editions_from_their_key(owner: AsyncEngine, sessions: SessionFactory) -> None:
    async with transaction(sessions) as session:
        session.add_all(
            IndicatorEdition(quarter_on=QUARTER + timedelta(days=number), made_at=at_noon(AFTER), figures={})
            for number in range(400)
        )
    await settle(owner)
    async with transaction(sessions) as session:
        assert "Index Scan Backward using pk_indicator_editions" in await plan_of(session, newest(8))
